"""Servers, by hand and in memory, for the tests of clients."""

from __future__ import annotations

import gc
from base64 import b64encode

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.agents import Noting
from wsagent import Settings, connect
from wsagent.core.connection import Connection
from wsagent.core.handshake import acceptKey
from wsagent.core.heads import HeadReader, requestLine
from wsagent.memory import MemoryTransport
from wsagent.opening import ClientOpening
from wsagent.protocol import WebSocketProtocol
from wsagent.sending import SendBuffer
from wsagent.wire import Wire

OURS = (Wire, Connection, ClientOpening, SendBuffer, WebSocketProtocol)
"""What a connection is made of."""

UPGRADE = (b"Upgrade: websocket", b"Connection: Upgrade")


def head(*lines: bytes) -> bytes:
    """Write a head."""
    return b"\r\n".join((*lines, b"", b""))


class Line:
    """
    A server's end of a connection.

    @ivar host: where the client meant to connect to.
    @ivar octets: all that came.
    """

    def __init__(self, protocol, host: str, port: int) -> None:
        """@param protocol: the client's."""
        self.host = host
        self.port = port
        self.octets = b""
        self.transport = MemoryTransport(protocol)
        protocol.makeConnection(self.transport)
        self.pump()

    def pump(self) -> None:
        """Take what came."""
        while (octets := self.transport.move()) is not None:
            self.octets += octets

    def send(self, octets: bytes) -> None:
        """Send octets."""
        self.transport.deliver(octets)
        self.pump()

    def finish(self) -> None:
        """Send FIN."""
        self.transport.finish()
        self.pump()

    def vanish(self) -> None:
        """Be gone, as by RST."""
        self.transport.lose(ConnectionLost())

    @property
    def request(self):
        """The request's first line and its fields."""
        whole = HeadReader(requestLine, 65_536).feed(self.octets)
        assert whole is not None, self.octets
        return whole[:2]

    @property
    def fields(self):
        """The request's fields."""
        return self.request[1]

    @property
    def frames(self) -> bytes:
        """What came behind the request."""
        return self.octets.partition(b"\r\n\r\n")[2]

    def acceptance(self, *lines: bytes) -> bytes:
        """Write a 101 that answers the request."""
        accept = acceptKey(self.fields.single("sec-websocket-key"))
        answer = b"Sec-WebSocket-Accept: " + accept
        return head(b"HTTP/1.1 101 Yes", *UPGRADE, answer, *lines)

    def accept(self, *lines: bytes) -> None:
        """Accept the request."""
        self.send(self.acceptance(*lines))


class Net:
    """
    Where clients connect to; as a C{way}, it gives endpoints.

    @ivar lines: the connections, in order.
    @ivar failure: what all further attempts fail with.
    """

    def __init__(self) -> None:
        """Nobody is connected."""
        self.clock = Clock()
        self.lines = []
        self.attempts = []
        self.failure = None
        self.lineClass = Line

    def __call__(self, host: str, port: int) -> Endpoint:
        """Give an endpoint."""
        return Endpoint(self, host, port)

    @property
    def line(self) -> Line:
        """The last connection."""
        return self.lines[-1]

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)
        for line in self.lines:
            line.pump()

    def connect(self, url="ws://localhost/", protocol=Noting, settings=None, **how):
        """Have a client connect."""
        how.setdefault("proxy", self)
        opened = connect(
            self.clock, url, protocol, settings=Settings(**settings or {}), **how
        )
        self.attempts.append(opened)
        return opened

    def stop(self) -> None:
        """End attempts and connections."""
        for opened in self.attempts:
            opened.cancel()
            opened.addErrback(lambda _: None)
        for line in self.lines:
            line.vanish()


@implementer(IStreamClientEndpoint)
class Endpoint:
    """Leads to a L{Net}."""

    def __init__(self, net: Net, host: str, port: int) -> None:
        """It is not yet used."""
        self._net = net
        self._address = (host, port)

    def connect(self, protocolFactory) -> Deferred:
        """Connect at once."""
        if self._net.failure is not None:
            raise self._net.failure
        protocol = protocolFactory.buildProtocol(None)
        self._net.lines.append(self._net.lineClass(protocol, *self._address))
        return succeed(protocol)


def served(factory):
    """Make what takes the place of L{Line}: a server of a factory."""

    class Served(Line):
        """Octets go to and from a server of ours."""

        def __init__(self, *arguments) -> None:
            """Connect to the server."""
            protocol = factory.buildProtocol(None)
            self.server = MemoryTransport(protocol)
            protocol.makeConnection(self.server)
            super().__init__(*arguments)

        def pump(self) -> None:
            """Move octets until none are left to move."""
            ends = ((self.transport, self.server), (self.server, self.transport))
            hasMoved = True
            while hasMoved:
                hasMoved = False
                for end, other in ends:
                    octets = end.move()
                    if octets is None:
                        continue
                    hasMoved = True
                    other.deliver(octets)
                    if end is self.transport:
                        self.octets += octets
                for end, other in ends:
                    if end.wasAborted:
                        other.lose(ConnectionLost())
                    elif end.isLost or (end.hasFinished and not end.unsent):
                        other.finish()

        def vanish(self) -> None:
            """Have both ends lose each other."""
            super().vanish()
            self.server.lose(ConnectionLost())

    return Served


class ClientCase(SynchronousTestCase):
    """
    A test of clients, which leave no delayed call behind.

    @ivar net: where they connect to.
    """

    def setUp(self) -> None:
        """Nobody is connected."""
        self.net = Net()
        gc.collect()
        gc.freeze()
        self.addCleanup(gc.unfreeze)
        self.addCleanup(self._assertNothingLeft)

    def _assertNothingLeft(self) -> None:
        """Have all servers gone, and look at what is left."""
        self.net.stop()
        self.assertEqual(self.net.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def open(self, *lines: bytes, **how):
        """Have a client open a connection; give its agent."""
        opened = self.net.connect(**how)
        self.net.line.accept(*lines)
        return self.successResultOf(opened)

    def assertFails(self, opened: Deferred, error: type[Exception], text: str = ""):
        """Demand an error, its text, and that the transport is gone; give it."""
        failure = self.failureResultOf(opened, error)
        self.assertIn(text, str(failure.value))
        self.net.advance(0)
        for line in self.net.lines:
            self.assertTrue(line.transport.isLost, "still connected")
        self.assertEqual(self.net.clock.getDelayedCalls(), [])
        return failure.value


def basic(text: str) -> bytes:
    """Write Basic credentials."""
    return b"Basic " + b64encode(text.encode())


def masked(line) -> list[tuple[int, bytes]]:
    """Read what a client has sent, its masks taken off."""
    line.pump()
    octets, frames = line.frames, []
    while octets:
        length = octets[1] & 0x7F
        key, payload = octets[2:6], octets[6 : 6 + length]
        plain = bytes(octet ^ key[i % 4] for i, octet in enumerate(payload))
        frames.append((octets[0], plain))
        octets = octets[6 + length :]
    return frames
