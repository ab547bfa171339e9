"""L{WebSocketProtocol}, the class that applications subclass."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure

from .conversation import Message
from .core.handshake import Request, Response
from .core.outgoing import PreparedMessage
from .errors import ClosedCleanly
from .settings import Settings
from .speaking import Speaker

if TYPE_CHECKING:
    from typing_extensions import Self


class Choice(Enum):
    """Who chooses the subprotocol."""

    FACTORY = "factory"


@dataclass(frozen=True)
class Accept:
    """Return me from C{requestReceived} to accept a request."""

    subprotocol: str | Choice | None = Choice.FACTORY
    """One of those offered, or none; else what the factory prefers."""

    headers: tuple[tuple[str, str], ...] = ()
    """More fields of the 101, as C{(("Set-Cookie", "a=b"),)}."""


Verdict = Accept | Awaitable["Accept | None"] | None
"""What C{requestReceived} gives; a C{Deferred} is awaitable too."""


class WebSocketProtocol(Speaker):
    """
    One connection: subclass me, and override the hooks that you need.

    A hook may be a coroutine or return a C{Deferred}; only what
    L{requestReceived} gives is waited for.  What a hook raises is logged, and
    closes this connection with code 1011.

    What is sent while the connection is not open is dropped, so that a
    broadcast needs no C{try}.

    @ivar factory: the factory that made me.
    @ivar request: the request that opened the connection, received or sent.
    @ivar subprotocol: the one that both sides speak, or C{None}.
    @ivar response: a client's: what the server answered.
    @ivar avatar: a server's: who it is, as the guard's portal says; by default
        the name, a C{str}.  C{None} of those who need not say it, and without
        a guard.
    @ivar url: a client's: where it is connected to, without credentials.
    """

    response: Response
    url: str
    avatar: Any = None

    subprotocols: Sequence[str | None] = ()
    """
    What the class speaks, in order of preference, where its route says nothing.

    Who offers none of them is refused with 400, unless C{None} is among them.
    """

    # Hooks

    def requestReceived(self, request: Request) -> Verdict:
        """
        Decide about a request, before it is answered.

        C{request}, C{factory} and the C{subprotocol} that the factory would
        choose are there already; nothing can be sent yet.

        @return: an L{Accept}, or C{None} to accept; or a C{Deferred} or a
            coroutine of one, cancelled if the peer leaves.
        @raise wsagent.RequestRejected: to refuse.
        """

    def negotiationFinished(self) -> object:
        """Begin: the connection is open."""

    def textMessageReceived(self, message: str) -> object:
        """Take a text message."""

    def bytesMessageReceived(self, data: bytes) -> object:
        """Take a bytes message."""

    def pieceReceived(self, piece: str | bytes, isLast: bool) -> object:
        """
        Take what came of a message, if C{Settings(isStreaming=True)}.

        How a message is cut into pieces depends on how it travels.

        @param piece: C{str} of a text message, C{bytes} of a bytes message;
            perhaps empty if it is the last.
        """

    def pingReceived(self, payload: bytes) -> object:
        """Take a ping; its pong is sent."""

    def pongReceived(self, payload: bytes) -> object:
        """Take a pong; not those that answer the keepalive's pings."""

    def sendBufferFilled(self) -> object:
        """Much waits to be sent: better send no more.  Reading has paused."""

    def sendBufferDrained(self) -> object:
        """Nothing waits any more, after L{sendBufferFilled}."""

    def connectionLost(self, reason: Failure) -> object:
        """
        End: the connection, which was open, is gone.

        @param reason: of L{wsagent.ClosedCleanly} or L{wsagent.ClosedUncleanly},
            with C{.code}, C{.reason} and C{.initiator}.
        """

    # The sequential style

    conversation: Callable[[], object] | None = None
    """
    Define me as C{async def conversation(self)}, or with C{inlineCallbacks}.

    I am started when the connection is open, and my end closes it.  Messages
    then wait for L{receive}; their hooks are not called.
    """

    def receive(self) -> Deferred[Message]:
        """
        Take the next message, of those that wait or when it comes.

        To cancel it takes none, and closes nothing.

        @return: fails with L{wsagent.ClosedCleanly} or L{wsagent.ClosedUncleanly}
            when there are no more.
        @raise RuntimeError: messages do not wait: there is no L{conversation}.
        """
        return self._wire.receive()

    def __aiter__(self) -> Self:
        """Take message after message, until the connection is closed cleanly."""
        return self

    async def __anext__(self) -> Message:
        """
        Take the next message.

        @raise wsagent.ClosedUncleanly: as L{receive}.
        """
        try:
            return await self.receive()
        except ClosedCleanly:
            raise StopAsyncIteration from None

    def send(self, message: Message) -> Deferred[None]:
        """
        Send a message, and wait for room to send more.

        @param message: text as C{str}, else octets.
        @return: fires when the send buffer is below its high-water mark; fails
            as L{receive} if the connection is not open, or closes meanwhile.
        """
        if isinstance(message, str):
            self.sendTextMessage(message)
        else:
            self.sendBytesMessage(message)
        return self._wire.waitForRoom()

    # To send

    def sendPrepared(self, prepared: PreparedMessage) -> None:
        """Send a message that other agents get too, and share the work."""
        self._wire.sendPrepared(prepared)

    def sendFragment(self, data: str | bytes, isLast: bool = False) -> None:
        """
        Send a message piece by piece.

        The first piece's type is the message's.  Messages that are sent
        meanwhile leave after its last piece.

        @raise TypeError: C{data} are not of the type of the first piece.
        """
        self._wire.sendFragment(data, isLast)

    def sendFragments(self, pieces: Iterable[str | bytes]) -> Deferred[None]:
        """
        Send a message whose pieces come from an iterable.

        A piece is taken when there is room in the send buffer, one ahead.

        @return: fires when the last piece is sent or waits to be; fails as
            C{connectionLost} if the connection ends before, or with what the
            iterable raises, which closes the connection with code 1011.
        @raise ValueError: there are no pieces.
        """
        return self._wire.sendFragments(pieces)

    def ping(self, payload: bytes = b"") -> None:
        """
        Send a ping.

        @param payload: at most 125 octets.
        @raise TypeError: C{payload} are no octets.
        @raise ValueError: they are too many.
        """
        self._wire.ping(payload)

    def attachProducer(self, producer: IPushProducer) -> None:
        """
        Have a producer paused while the send buffer is filled.

        It is stopped when the connection closes, at either side's wish.

        @raise ValueError: there is one.
        """
        self._wire.attachProducer(producer)

    def detachProducer(self) -> None:
        """Leave the producer alone; it is finished, or was never there."""
        self._wire.detachProducer()

    # To end

    def loseConnection(self, code: int = 1000, reason: str = "") -> None:
        """
        Close: what was sent goes first, then the closing handshake.

        Messages that still come are dropped.  A peer that does not answer
        within C{closeTimeout} is aborted.

        @param code: one that may be sent: 1000-1003, 1007-1014, 3000-4999.
        @param reason: at most 123 octets of UTF-8.
        @raise ValueError: C{code} or C{reason} cannot be sent.
        """
        self._wire.close(code, reason)

    def abortConnection(self) -> None:
        """Be rid of the peer at once, without a handshake."""
        self._wire.abort()

    # To wait

    def pauseProducing(self) -> None:
        """Receive nothing more, until L{resumeProducing}."""
        self._wire.pauseReading()

    def resumeProducing(self) -> None:
        """Receive what waits, and go on."""
        self._wire.resumeReading()

    # To ask

    @property
    def settings(self) -> Settings:
        """The settings of the factory."""
        return self._wire.settings

    @property
    def isOpen(self) -> bool:
        """Whether messages can be sent."""
        return self._wire.isOpen

    @property
    def bufferedAmount(self) -> int:
        """
        How many octets wait to be sent.

        A transport that is not full holds up to 64 KiB more.
        """
        return self._wire.bufferedAmount

    @property
    def roundTripTime(self) -> float | None:
        """How many seconds the last of our own pings took, or C{None}."""
        return self._wire.roundTripTime


ProtocolFactory = Callable[[], WebSocketProtocol]
"""Makes an agent; a subclass of L{WebSocketProtocol} is one."""
