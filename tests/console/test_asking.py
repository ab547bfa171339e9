"""L{wsagent.console.asking}: who asks a console, and waits for its answers."""

import socket

from twisted.trial.unittest import SynchronousTestCase

from tests.core.notation import row
from wsagent.console import asking
from wsagent.console.asking import Asker, NoConsole, Refused

from .consoles import AskerCase


class AskerTests(AskerCase):
    """L{Asker}, once it is connected."""

    def test_ask(self):
        """What JSON there is comes back, and why a command is refused."""
        self.connect("/a")
        self.assertEqual(self.asker.ask("service")["agents"], {"Member": 1})
        self.assertEqual(self.asker.ask("list nobody"), {})
        with self.assertRaises(Refused) as caught:
            self.asker.ask("kill :0")
        self.assertRegex(str(caught.exception), "^kill: ':0', allowed: ")

    def test_patience(self):
        """Who only listens waits for ever, after a question as well."""
        self.asker.ask("help")
        self.assertIsNone(self.asker._socket.gettimeout())

    def test_lines(self):
        """A line is as it was written, however long."""
        self.asker.send("json settings")
        self.asker.send("help gc")
        self.assertIn("messageLimit", self.asker.receive())
        self.assertEqual(self.asker.receive(), "<CMD OK>")
        self.assertEqual(self.asker.receive(), "gc\tCollect garbage")

    def test_gone(self):
        """When the server has gone, one line says so, whatever is tried."""
        self.leave()
        for tried in (
            lambda: self.asker.ask("mem"),
            self.asker.receive,
            lambda: self.asker.send("x"),
        ):
            with self.assertRaises(NoConsole) as caught:
                tried()
            self.assertEqual(str(caught.exception), "a.sock: the server has gone")

    def test_silent(self):
        """One that does not answer is waited for, but not for ever."""
        self.patch(asking, "PATIENCE", 0.05)
        peer, address = self.connect()
        with self.assertRaises(NoConsole) as caught:
            self.asker.ask(f"call {address} later")
        self.assertEqual(str(caught.exception), "a.sock: no answer in 0.05 s")
        peer.agent.waiting.callback(None)


class PlaceTests(SynchronousTestCase):
    """Where consoles are."""

    def setUp(self):
        """Have what is dialled noted, and nobody be there."""
        self.dialled = []
        self.patch(socket, "create_connection", self._dial)
        self.patch(asking, "_dialedUnix", self._dial)

    def _dial(self, place, patience=None):
        """Note it."""
        self.dialled.append(place)
        raise ConnectionRefusedError(111, "Connection refused")

    def test_places(self):
        """A place is what C{--console} was told, or a path."""
        for place, wanted in (
            ("8003", ("127.0.0.1", 8003)),
            ("tcp:8003", ("127.0.0.1", 8003)),
            ("tcp:8003:interface=127.0.0.2", ("127.0.0.2", 8003)),
            ("console.sock", "console.sock"),
            ("/run/a b/console.sock", "/run/a b/console.sock"),
            ("unix:console.sock", "console.sock"),
            (r"unix:/run/a\:b.sock:mode=660", "/run/a:b.sock"),
        ):
            with row(place):
                with self.assertRaises(NoConsole) as caught:
                    Asker(place)
                self.assertEqual(self.dialled.pop(), wanted)
                self.assertEqual(str(caught.exception), f"{place}: Connection refused")

    def test_wrong(self):
        """What is no place is one line, with what is allowed."""
        for place in ("udp:8003", "tcp:x", "http://localhost:8003/", "a:1"):
            with row(place), self.assertRaises(NoConsole) as caught:
                Asker(place)
            allowed = "a path, a port of this machine, unix:PATH or tcp:PORT"
            self.assertEqual(str(caught.exception), f"{place}: allowed: {allowed}")
        self.assertEqual(self.dialled, [])

    def test_noUnix(self):
        """Where there are no UNIX sockets, one line says so."""
        self.patch(asking, "socket", type("Socket", (), {}))
        with self.assertRaises(NoConsole) as caught:
            Asker("a.sock")
        self.assertIn("no UNIX sockets", str(caught.exception))


class StrangerTests(SynchronousTestCase):
    """Somebody else at a console's place."""

    def said(self, octets, isClosing=True):
        """Tell what is said of one who says something."""
        near, far = socket.socketpair()
        near.settimeout(0.05)
        self.patch(asking, "_dialed", lambda _: near)
        far.sendall(octets)
        if isClosing:
            far.close()
        else:
            self.addCleanup(far.close)
        with self.assertRaises(NoConsole) as caught:
            Asker("a.sock")
        self.assertEqual(near.fileno(), -1)
        return str(caught.exception)

    def test_strangers(self):
        """Who does not greet as a console is none, and is waited for not for ever."""
        for octets in (
            b"",
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            b"x" * 2000,
            b"\xff\n",
        ):
            with row(octets):
                wanted = "a.sock: somebody is there, but no console"
                self.assertEqual(self.said(octets), wanted)
        self.assertEqual(self.said(b"", isClosing=False), "a.sock: timed out")
