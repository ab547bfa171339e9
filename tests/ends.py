"""An end of a socket, and the core on it, for scripts in threads."""

from __future__ import annotations

import socket

from wsagent.core.connection import Connection, Phase
from wsagent.core.heads import HeadReader
from wsagent.core.messages import Limits
from wsagent.testing import Recorder

FIN = ("FIN",)
"""What L{End.receive} gives when the peer is gone."""


class End:
    """
    An end of a connection.

    It answers pings and Close frames.

    @ivar socket: blocks.
    @ivar connection: the core, once it is open.
    """

    def __init__(self, end: socket.socket) -> None:
        """Nothing is read yet."""
        self.socket = end
        self._recorder = Recorder()

    def readHead(self, startLine):
        """Read a head: its first line, its fields, and octets that follow."""
        reader = HeadReader(startLine, 65_536)
        whole = None
        while whole is None:
            data = self.socket.recv(65_536)
            if not data:
                raise EOFError("no head")
            whole = reader.feed(data)
        return whole

    def begin(self, role, codec=None) -> None:
        """Begin to read and write frames."""
        self.connection = Connection(
            self._recorder,
            lambda *octets: self.socket.sendall(b"".join(octets)),
            role,
            Limits(None, None),
            codec=codec,
        )

    def receive(self):
        """
        Wait for what comes next.

        @return: the core's call, as C{("textReceived", "hello")}, or L{FIN}.
        """
        calls = self._recorder.calls
        while not calls:
            data = self.socket.recv(262_144)
            if not data:
                return FIN
            if self.connection.phase is Phase.CLOSED:
                raise AssertionError(f"after the Close frame: {data!r}")
            self.connection.feed(data)
        return calls.pop(0)
