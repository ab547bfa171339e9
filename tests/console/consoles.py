"""A console in memory, for clients that block: it answers in a thread."""

from __future__ import annotations

import socket
import threading
import time

from twisted.internet.testing import StringTransport

from tests.scripts import PATIENCE
from wsagent.console import asking
from wsagent.console.asking import Asker
from wsagent.console.protocol import ConsoleFactory

from .test_commands import CommandCase


class AskerCase(CommandCase):
    """
    A server in memory, and somebody connected to its console.

    @ivar asker: is that.
    @ivar far: the console's end of the socket.
    """

    def setUp(self):
        """Connect."""
        super().setUp()
        near, self.far = socket.socketpair()
        near.settimeout(PATIENCE)
        self.patch(asking, "_dialed", lambda _: near)
        self.console = ConsoleFactory(self.commands).buildProtocol(None)
        self.transport = StringTransport()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.console.makeConnection(self.transport)
        self._thread.start()
        self.addCleanup(self._join)
        self.asker = Asker("a.sock")
        self.addCleanup(self.asker.close)

    def _serve(self):
        """Carry octets to and fro; meanwhile the test waits."""
        with self.far:
            while not self.transport.disconnected:
                self.far.sendall(self.transport.value())
                self.transport.clear()
                data = self.far.recv(65_536)
                if not data:
                    break
                self.console.dataReceived(data)

    def waitUntil(self, isSo):
        """Wait for what another thread does."""
        until = time.monotonic() + PATIENCE
        while not isSo():
            self.assertLess(time.monotonic(), until)
            time.sleep(0.001)

    def leave(self):
        """Have the server go."""
        self.far.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)

    def _join(self):
        """Be sure that nobody is left."""
        self._thread.join(PATIENCE)
        self.assertFalse(self._thread.is_alive())
