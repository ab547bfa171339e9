"""
To test an application in memory: no port, no reactor, no waiting.

Example::

    class EchoTests(SynchronousTestCase):

        def test_text(self):
            peer = connected(Echo)
            peer.sendTextMessage("hello")
            self.assertEqual(peer.received, ["hello"])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock

from .core import handshake
from .core.codes import Role
from .core.connection import Connection, Phase
from .core.extensions import Codec, Extension, begin
from .core.heads import Headers, HeadReader, StatusLine, statusLine
from .core.messages import Limits
from .memory import CLIENT, MemoryTransport
from .protocol import WebSocketProtocol
from .routing import Route
from .server import WebSocketServerFactory
from .settings import Settings

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
"""The key of RFC 6455 section 1.3."""

_HEAD_LIMIT = 65_536


def upgradeRequest(
    target: str = "/",
    subprotocols: Sequence[str] = (),
    headers: Iterable[tuple[str, str]] = (),
    extensions: Sequence[Extension] = (),
) -> bytes:
    """Write a request for a WebSocket on C{localhost}."""
    return handshake.renderRequest(
        "localhost",
        target,
        KEY,
        subprotocols,
        headers,
        extensions,
    )


def connected(
    application: Callable[[], WebSocketProtocol] | Route | WebSocketServerFactory,
    settings: Settings | None = None,
    request: bytes | None = None,
    subprotocols: Sequence[str] = (),
    extensions: Sequence[Extension] = (),
    target: str = "/",
) -> Peer:
    """
    Connect a client to an application.

    @param application: a subclass of L{WebSocketProtocol}, a route to one, or
        a whole factory; its clock then has to be a C{Clock} of the test's.
    @param request: the octets of the client's request, L{upgradeRequest} by
        default.
    @param subprotocols: what both sides speak, unless there is a route or a
        factory.
    @param extensions: what the client offers.
    @param target: the path, with a query if any.
    """
    if isinstance(application, WebSocketServerFactory):
        factory = application
    elif isinstance(application, Route):
        factory = WebSocketServerFactory(None, (), settings, Clock(), (), [application])
    else:
        clock = Clock()
        factory = WebSocketServerFactory(application, subprotocols, settings, clock)
    if request is None:
        request = upgradeRequest(target, factory.subprotocols, (), extensions)
    peer = Peer(factory, extensions)
    peer.sendOctets(request)
    return peer


class Recorder:
    """An object whose every method can be called, and is noted."""

    def __init__(self) -> None:
        """Nothing is noted yet."""
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Make a method that notes its name and its arguments."""
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *arguments: self.calls.append((name, *arguments))


class Peer:
    """
    A client in memory, and all that it saw.

    It answers pings and Close frames, and the server's FIN with its own.

    @ivar clock: the server's time.
    @ivar transport: the server's end of the connection.
    @ivar answersFin: set me to C{False} for a peer that never hangs up.
    """

    def __init__(
        self,
        factory: WebSocketServerFactory,
        extensions: Sequence[Extension] = (),
        address: Any = CLIENT,
    ) -> None:
        """
        @param factory: the server's.
        @param extensions: what the client's request offers.
        @param address: where the client is.
        @raise ConnectionRefusedError: the server is rid of it at once.
        """
        self.clock = cast(Clock, factory.reactor)
        self.factory = factory
        self.answersFin = True
        wire = factory.buildProtocol(address)
        if wire is None:
            raise ConnectionRefusedError("so many are refused that none is told why")
        self._wire = wire
        self.transport = MemoryTransport(self._wire, address)
        self._reader: HeadReader[StatusLine] | None
        self._reader = HeadReader(statusLine, _HEAD_LIMIT)
        self._start = StatusLine(0, b"")
        self._headers = Headers()
        self._octets = b""
        self._received: list[str | bytes] = []
        self._pings: list[bytes] = []
        self._pongs: list[bytes] = []
        self._closed: tuple[int, str] | None = None
        self._extensions = extensions
        self._connection = self._newConnection(None)
        self._wire.makeConnection(self.transport)

    def _newConnection(self, codec: Codec | None) -> Connection:
        """Make the client's core."""
        return Connection(
            self,
            self.transport.deliver,
            Role.CLIENT,
            Limits(None, None),
            codec=codec,
        )

    # What the server did

    @property
    def agent(self) -> Any:
        """The application's object, once the connection is open."""
        self.pump()
        return self._wire.agent

    @property
    def received(self) -> list[str | bytes]:
        """The messages that came."""
        self.pump()
        return self._received

    @property
    def pings(self) -> list[bytes]:
        """The payloads of the pings that came."""
        self.pump()
        return self._pings

    @property
    def pongs(self) -> list[bytes]:
        """The payloads of the pongs that came."""
        self.pump()
        return self._pongs

    @property
    def closed(self) -> tuple[int, str] | None:
        """Code and reason of the Close frame that came, or C{None}."""
        self.pump()
        return self._closed

    @property
    def status(self) -> int:
        """The response's status; 0 before it came."""
        self.pump()
        return self._start.status

    @property
    def headers(self) -> Headers:
        """The response's fields."""
        self.pump()
        return self._headers

    @property
    def octets(self) -> bytes:
        """All that came after the response's head."""
        self.pump()
        return self._octets

    @property
    def isDisconnected(self) -> bool:
        """Whether the connection is gone."""
        self.pump()
        return self.transport.isLost

    # What the peer does

    def sendTextMessage(self, text: str) -> None:
        """Send a text message."""
        self._connection.sendText(text)
        self.pump()

    def sendBytesMessage(self, data: bytes) -> None:
        """Send a bytes message."""
        self._connection.sendBytes(data)
        self.pump()

    def sendFragment(self, data: str | bytes, isLast: bool = False) -> None:
        """Send a message piece by piece."""
        self._connection.sendFragment(data, isLast)
        self.pump()

    def ping(self, payload: bytes = b"") -> None:
        """Send a ping."""
        self._connection.ping(payload)
        self.pump()

    def sendOctets(self, octets: bytes) -> None:
        """Send anything."""
        self.transport.deliver(octets)
        self.pump()

    def loseConnection(self, code: int = 1000, reason: str = "") -> None:
        """Begin the closing handshake."""
        self._connection.close(code, reason)
        self.pump()

    def finish(self) -> None:
        """Send FIN."""
        self.transport.finish()
        self.pump()

    def vanish(self) -> None:
        """Be gone, as by RST."""
        self.transport.lose(ConnectionLost())

    def pauseReading(self) -> None:
        """Take nothing, so that it piles up at the server."""
        self.transport.peerReads = False

    def resumeReading(self) -> None:
        """Take all."""
        self.transport.peerReads = True
        self.pump()

    def advance(self, seconds: float) -> None:
        """Let time pass at the server."""
        self.pump()
        self.clock.advance(seconds)
        self.pump()

    def pump(self) -> None:
        """Move octets until none are left to move."""
        while (octets := self.transport.move()) is not None:
            self._take(octets)
            hasFinished = self.transport.hasFinished and not self.transport.unsent
            if hasFinished and self.answersFin:
                self.transport.finish()

    def _take(self, octets: bytes) -> None:
        """Read what came."""
        if self._reader is not None:
            whole = self._reader.feed(octets)
            if whole is None:
                return
            self._reader = None
            self._start, self._headers, octets = whole
            accepted = self._headers.get("sec-websocket-extensions")
            codec = begin(accepted, self._extensions)
            if codec is not None:
                self._connection = self._newConnection(codec)
        self._octets += octets
        if self._start.status == 101 and self._connection.phase is not Phase.CLOSED:
            self._connection.feed(octets)

    # What the core calls

    def textReceived(self, text: str) -> None:
        """Note a message."""
        self._received.append(text)

    def bytesReceived(self, data: bytes) -> None:
        """Note a message."""
        self._received.append(data)

    def pieceReceived(self, piece: str | bytes, isLast: bool) -> None:
        """Never called: the peer does not stream."""

    def pingReceived(self, payload: bytes) -> None:
        """Note a ping; its pong is sent."""
        self._pings.append(payload)

    def pongReceived(self, payload: bytes) -> None:
        """Note a pong."""
        self._pongs.append(payload)

    def closeReceived(self, code: int, reason: str) -> None:
        """Note a Close frame; it has its answer."""
        self._closed = (code, reason)
