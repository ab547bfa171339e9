"""
One connection between a transport and an agent.

A L{Wire} is what Twisted knows as the protocol.  It holds all that the
application's own class is spared: opening, core, time, sending, ending.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import cast

from twisted.internet import protocol
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IPushProducer,
    IReactorTime,
    ISSLTransport,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from .addresses import describePeer
from .conversation import Inbox, Message
from .core import codes
from .core.codes import Role
from .core.connection import Connection, Phase
from .core.errors import ProtocolError
from .core.extensions import Codec
from .core.messages import Limits
from .ending import Ending
from .errors import ClosedCleanly, ClosedUncleanly
from .interfaces import Agent, IWireTransport, Opening
from .keepalive import Deadlines, Keepalive
from .sending import SLICE, FragmentSender, SendBuffer
from .settings import Settings

# A class's own would put the instance, for good, into every event that is kept.
_log = Logger()


@implementer(IHalfCloseableProtocol)
class Wire(protocol.Protocol):
    """
    One connection, from accept to loss.

    @ivar settings: what the peer may do.
    """

    transport: IWireTransport

    def __init__(
        self,
        settings: Settings,
        clock: IReactorTime,
        role: Role,
        opening: Opening,
        lost: Callable[[Wire], object],
    ) -> None:
        """
        @param opening: makes the handshake, then calls L{open} or L{hangUp}.
        @param lost: called when the transport is gone.
        """
        self.settings = settings
        self._clock = clock
        self._role = role
        self._opening: Opening | None = opening
        self._lost = lost
        self._deadlines = Deadlines(clock)
        self._agent: Agent | None = None
        self._connection: Connection | None = None
        self._dropped = 0
        # Why nothing is read just now.
        self._isPausedByAgent = False
        self._isReading = True
        self._producer: IPushProducer | None = None
        self._senders: deque[FragmentSender] = deque()
        self._inbox: Inbox | None = None
        self._awaitingRoom: list[Deferred[None]] = []
        self._isIdle = True
        # How it ends.
        self._ending = Ending()
        self._isReadLost = False
        self._isShutDown = False
        self._isLost = False

    # What Twisted calls

    def connectionMade(self) -> None:
        """Begin the opening handshake."""
        opening = self._opening
        assert opening is not None
        self._deadlines.start(
            "handshake",
            self.settings.handshakeTimeout,
            opening.giveUp,
        )
        opening.connectionMade(self)

    def dataReceived(self, data: bytes) -> None:
        """Take a segment."""
        connection = self._connection
        if connection is not None and connection.phase is not Phase.CLOSED:
            self._keepalive.segmentReceived()
            self._feed(data)
        elif self._opening is not None:
            self._opening.dataReceived(data)
        else:
            self._drop(data)

    def readConnectionLost(self) -> None:
        """Take a FIN: send what waits, and be gone."""
        self._isReadLost = True
        if self._connection is None or self._isShutDown:
            self.transport.loseConnection()
        else:
            self._connection.abandon()
            self._finish()

    def writeConnectionLost(self) -> None:
        """Our FIN was sent; nothing depends on it."""

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        """Tell the agent, or the opening."""
        self._isLost = True
        self._deadlines.stopAll()
        if self._opening is not None:
            self._opening.connectionLost(reason)
            self._opening = None
        if self._connection is not None:
            self._connection.abandon()
            self._tellLoss(reason)
        self._lost(self)

    def _tellLoss(self, reason: Failure) -> None:
        """Tell the agent how it ended."""
        failure = self._ending.failure(reason)
        self._stopSources(failure)
        if self._inbox is not None:
            self._inbox.end(failure)
        _log.info(
            "{peer} closed {ending}",
            peer=str(self),
            ending=str(failure.value),
        )
        agent, self._agent = self._agent, None
        try:
            self._follow(cast(Agent, agent).connectionLost(failure))
        except Exception:  # noqa: BLE001 - whatever the application raises
            _log.failure("connectionLost for {peer} failed", peer=str(self))

    def logPrefix(self) -> str:
        """Name the agent's class, as Twisted's log does a protocol's."""
        return type(self._agent or self).__name__

    def __str__(self) -> str:
        """Name the peer."""
        return describePeer(self.transport.getPeer())

    # What the opening calls

    def open(
        self,
        agent: Agent,
        rest: bytes,
        openedAs: str,
        codec: Codec | None = None,
        isSequential: bool = False,
    ) -> None:
        """
        Begin to be a WebSocket.

        @param rest: octets that came after the peer's head.
        @param openedAs: for the log.
        @param codec: what the extension does that was agreed on.
        @param isSequential: messages wait for L{receive}.
        """
        self._opening = None
        self._deadlines.stop("handshake")
        if isinstance(self.transport.getPeer(), (IPv4Address, IPv6Address)):
            # A message is sent when it is sent.
            self.transport.setTcpNoDelay(True)
        self._agent = agent
        settings = self.settings
        self._buffer = SendBuffer(
            self.transport,
            self,
            settings.sendHighWater,
        )
        self._connection = Connection(
            self,
            self._buffer.write,
            self._role,
            Limits(settings.messageLimit, settings.fragmentLimit),
            settings.isStreaming,
            codec,
        )
        self._keepalive = Keepalive(
            self._clock,
            self._deadlines,
            settings,
            ping=self._pingAlive,
            silenced=self.abort,
            timedOut=self.close,
        )
        _log.info(
            "{peer} connected, {openedAs}",
            peer=str(self),
            openedAs=openedAs,
        )
        if isSequential:
            self._inbox = Inbox(settings.inboxLimit, self._setReading)
        self._buffer.cork()
        self._call(agent.negotiationFinished)
        if agent.conversation is not None:
            conversation = maybeDeferred(agent.conversation)
            conversation.addCallback(lambda _: self.close())
            conversation.addErrback(self._agentFailed)
        self._buffer.uncork()
        if rest:
            self.dataReceived(rest)

    def hangUp(self, octets: bytes = b"") -> None:
        """
        End a connection that never was open.

        @param octets: the last word.
        """
        self._opening = None
        self._deadlines.stop("handshake")
        if octets:
            self.transport.write(octets)
        # The peer's FIN is still to be read.
        self.transport.resumeProducing()
        self._shutDown()

    # What the agent, and the clock, call

    @property
    def agent(self) -> Agent | None:
        """The application's object, while the connection is open."""
        return self._agent

    @property
    def isOpen(self) -> bool:
        """Ask whether messages can be sent."""
        return self._connection is not None and self._connection.phase is Phase.OPEN

    @property
    def bufferedAmount(self) -> int:
        """Octets that wait to be sent."""
        if self._connection is None:
            return 0
        return self._buffer.amount + self._connection.heldAmount

    @property
    def roundTripTime(self) -> float | None:
        """Seconds that our last answered ping took."""
        return None if self._connection is None else self._keepalive.roundTripTime

    def sendText(self, text: str, choice: bool | None) -> None:
        """Send a text message."""
        if self._connection is not None:
            self._checkLimit()
            self._connection.sendText(text, choice)
            self._messagePassed()

    def sendBytes(
        self,
        data: bytes | bytearray | memoryview,
        choice: bool | None,
    ) -> None:
        """Send a bytes message."""
        if self._connection is not None:
            self._checkLimit()
            self._connection.sendBytes(data, choice)
            self._messagePassed()

    def sendFragment(self, data: str | bytes, isLast: bool) -> None:
        """Send a message in fragments."""
        if self._connection is not None:
            self._checkLimit()
            self._connection.sendFragment(data, isLast)
            self._messagePassed()

    def sendFragments(self, pieces: Iterable[str | bytes]) -> Deferred[None]:
        """Send a message in fragments, as there is room."""
        sender = FragmentSender(pieces, self.sendFragment)
        self._senders.append(sender)
        if not self.isOpen:
            self._stopSources(self._ending.failure())
        elif len(self._senders) == 1:
            self._sendPieces()
        return sender.finished

    def ping(self, payload: bytes) -> None:
        """Send a ping."""
        if self._connection is not None:
            self._connection.ping(payload)

    def close(self, code: int = codes.NORMAL, reason: str = "") -> None:
        """Begin the closing handshake, or refuse; give up on the peer in time."""
        connection = self._connection
        if connection is None:
            if self._opening is not None:
                self._opening.giveUp()
            return
        wasOpen = connection.phase is Phase.OPEN
        connection.close(code, reason)
        if wasOpen and connection.phase is Phase.CLOSING:
            self._ending.closed(code, reason)
            self._keepalive.stop()
            self._stopSources(None)
            self._isPausedByAgent = False
            self._setReading()
            self._buffer.notifyWhenEmpty(self._awaitPeer)

    def fail(self, code: int, reason: str, cause: BaseException | None = None) -> None:
        """Tell the peer that it is over, and hang up."""
        connection = self._connection
        if connection is not None and connection.phase is not Phase.CLOSED:
            connection.fail(code, reason)
            self._failed(code, reason, cause)

    def abort(self, reason: str = "aborted") -> None:
        """Be rid of the transport, at once."""
        self._ending.aborted(reason)
        if self._connection is not None:
            self._connection.abandon()
        elif self._opening is not None:
            opening, self._opening = self._opening, None
            opening.connectionLost(Failure(ConnectionAborted()))
        self._deadlines.stopAll()
        if not self._isLost:
            self.transport.abortConnection()

    def receive(self) -> Deferred[Message]:
        """Take the next message."""
        if self._inbox is None:
            raise RuntimeError("receive() without conversation()")
        return self._inbox.get()

    def hasRoom(self) -> Deferred[None]:
        """Wait until the send buffer is not filled."""
        if not self.isOpen:
            return fail(self._ending.failure())
        if not self._buffer.isFilled:
            return succeed(None)
        waiting: Deferred[None] = Deferred(self._awaitingRoom.remove)
        self._awaitingRoom.append(waiting)
        return waiting

    def attachProducer(self, producer: IPushProducer) -> None:
        """Pause a producer while much waits to be sent."""
        if self._producer is not None:
            raise ValueError(f"producer {producer!r}, attached: {self._producer!r}")
        if not self.isOpen:
            producer.stopProducing()
            return
        self._producer = producer
        if self._buffer.isFilled:
            producer.pauseProducing()

    def detachProducer(self) -> None:
        """Forget the producer."""
        self._producer = None

    def pauseReading(self) -> None:
        """Deliver nothing until L{resumeReading}."""
        if self.isOpen:
            self._isPausedByAgent = True
            self._setReading()

    def resumeReading(self) -> None:
        """Deliver what waits, and go on."""
        self._isPausedByAgent = False
        self._setReading()

    # What the core calls

    def textReceived(self, text: str) -> None:
        """Hand a message over."""
        self._messagePassed()
        if self._inbox is None:
            self._call(cast(Agent, self._agent).textMessageReceived, text)
        else:
            self._inbox.put(text)

    def bytesReceived(self, data: bytes) -> None:
        """Hand a message over."""
        self._messagePassed()
        if self._inbox is None:
            self._call(cast(Agent, self._agent).bytesMessageReceived, data)
        else:
            self._inbox.put(data)

    def pieceReceived(self, piece: str | bytes, isLast: bool) -> None:
        """Hand a piece of a message over."""
        if isLast:
            self._messagePassed()
        self._call(cast(Agent, self._agent).pieceReceived, piece, isLast)

    def pingReceived(self, payload: bytes) -> None:
        """Tell the agent; the pong is sent."""
        self._call(cast(Agent, self._agent).pingReceived, payload)

    def pongReceived(self, payload: bytes) -> None:
        """Tell the agent, but for the answer to our own ping."""
        if not self._keepalive.isOurs(payload):
            self._call(cast(Agent, self._agent).pongReceived, payload)

    def closeReceived(self, code: int, reason: str) -> None:
        """Hang up: both Close frames have passed."""
        self._ending.closeReceived(code, reason)
        self._finish()

    # What the send buffer calls

    def sendBufferFilled(self) -> None:
        """Read no more of what would be answered."""
        self._setReading()
        if self._producer is not None:
            self._call(self._producer.pauseProducing)
        if self.isOpen:
            self._call(cast(Agent, self._agent).sendBufferFilled)

    def sendBufferDrained(self) -> None:
        """Go on, each as long as there is room."""
        if self.isOpen:
            self._call(cast(Agent, self._agent).sendBufferDrained)
        if self._producer is not None and not self._buffer.isFilled:
            self._call(self._producer.resumeProducing)
        self._sendPieces()
        while self._awaitingRoom and not self._buffer.isFilled:
            self._awaitingRoom.pop(0).callback(None)
        self._setReading()

    def sendStarted(self) -> None:
        """Give up on a peer that takes nothing."""
        timeout = self.settings.sendTimeout
        if timeout is not None:
            self._deadlines.start(
                "send",
                timeout,
                lambda: self.abort(f"nothing sent for {timeout:g} s"),
            )

    def sendProgressed(self) -> None:
        """Have patience again."""
        self._deadlines.stop("send")

    # Within

    def _feed(self, data: bytes) -> None:
        """Have the core read, and answer in one write."""
        connection = cast(Connection, self._connection)
        isOutermost = self._buffer.cork()
        try:
            connection.feed(data)
        except ProtocolError as error:
            # The core has told the peer.
            self._failed(error.code, str(error), error)
        finally:
            if isOutermost:
                self._buffer.uncork()
        if self.settings.messageTimeout is not None:
            if connection.isInMessage and self._isReading:
                self._keepalive.messageContinues(connection.messagesReceived)
            else:
                self._keepalive.messageEnded()

    def _checkLimit(self) -> None:
        """Give up on a peer that is too slow for one more message."""
        limit = self.settings.sendLimit
        if limit is not None and self.isOpen and self.bufferedAmount > limit:
            self._buffer.discard()
            self.fail(
                codes.TRY_AGAIN_LATER,
                f"more than {limit} octets wait to be sent",
            )

    def _setReading(self) -> None:
        """Read unless the agent, or the send buffer, has us wait."""
        connection = self._connection
        if connection is None or connection.phase is Phase.CLOSED:
            return
        isReading = not (
            self._isPausedByAgent
            or self._buffer.isFilled
            or (self._inbox is not None and self._inbox.isFull)
        )
        if isReading == self._isReading:
            return
        self._isReading = isReading
        self._keepalive.readingChanged(isReading)
        if not isReading:
            connection.pause()
            self.transport.pauseProducing()
        else:
            connection.resume()
            self._feed(b"")
            if self._isReading:
                self.transport.resumeProducing()

    def _messagePassed(self) -> None:
        """Note that the connection is not idle."""
        self._isIdle = False
        if self.settings.idleTimeout is not None:
            self._keepalive.messagePassed()

    def _call(self, hook: Callable[..., object], *arguments: object) -> None:
        """Call the application; its failure costs this connection only."""
        try:
            result = hook(*arguments)
        except Exception:  # noqa: BLE001 - whatever the application raises
            self._agentFailed(Failure())
        else:
            if result is not None:
                self._follow(result)

    def _follow(self, result: object) -> None:
        """See what becomes of what a hook returned."""
        if isinstance(result, Coroutine):
            result = Deferred.fromCoroutine(result)
        if isinstance(result, Deferred):
            result.addErrback(self._agentFailed)

    def _agentFailed(self, failure: Failure) -> None:
        """Log what a hook raised; close 1011."""
        if not self.isOpen and failure.check(ClosedCleanly, ClosedUncleanly):
            # It waited, and was told that this is the end.
            return
        _log.failure("agent for {peer} failed", failure, peer=str(self))
        self.fail(codes.INTERNAL_ERROR, "", failure.value)

    def _sendPieces(self) -> None:
        """Send fragments while there is room."""
        while self._senders and self.isOpen and not self._buffer.isFilled:
            sender = self._senders[0]
            try:
                hasMore = sender.sendNext()
            except Exception as error:  # noqa: BLE001 - the application's iterable
                self._senders.popleft()
                sender.finished.errback()
                self.fail(codes.INTERNAL_ERROR, "", error)
                return
            if not hasMore and self._senders:
                self._senders.popleft()
                sender.finished.callback(None)

    def _stopSources(self, failure: Failure | None) -> None:
        """Stop who would still send: nothing more can be."""
        producer, self._producer = self._producer, None
        if producer is not None:
            self._call(producer.stopProducing)
        senders, self._senders = self._senders, deque()
        waiting, self._awaitingRoom = self._awaitingRoom, []
        for each in (*(sender.finished for sender in senders), *waiting):
            each.errback(failure or self._ending.failure())

    def _failed(self, code: int, reason: str, cause: BaseException | None) -> None:
        """Hang up on a peer that was told so."""
        self._ending.failed(code, reason, cause)
        self._awaitPeer()
        self._finish()

    def _pingAlive(self, payload: bytes) -> None:
        """Send a ping of our own; save memory if nothing else went on."""
        connection = cast(Connection, self._connection)
        if self._isIdle:
            connection.rest()
        self._isIdle = True
        connection.ping(payload)

    def _awaitPeer(self) -> None:
        """Give the peer some time to be gone."""
        if not self._deadlines.isRunning("close"):
            self._deadlines.start("close", self.settings.closeTimeout, self.abort)

    def _finish(self) -> None:
        """Send what waits, then hang up."""
        self._keepalive.stop()
        self._stopSources(None)
        if not self._isReading:
            # The peer's FIN is still to be read.
            self._isReading = True
            self.transport.resumeProducing()
        self._buffer.notifyWhenEmpty(self._hangUpOpen)

    def _hangUpOpen(self) -> None:
        """End a connection that was open."""
        self._buffer.release()
        self._deadlines.stop("send")
        self._shutDown()

    def _shutDown(self) -> None:
        """
        Send FIN, and wait for the peer's.

        To close with octets unread would send RST, and our last word be lost.
        """
        self._isShutDown = True
        self._awaitPeer()
        if self._role is Role.CLIENT and self._ending.isClean and not self._isReadLost:
            # 7.1.1: the server is the first to hang up.
            return
        transport = self.transport
        if (
            self._isReadLost
            # TLS says its own goodbye, and waits for the peer's.
            or ISSLTransport.providedBy(transport)
            or not hasattr(transport, "loseWriteConnection")
        ):
            transport.loseConnection()
        else:
            transport.loseWriteConnection()

    def _drop(self, data: bytes) -> None:
        """Read on for the peer's FIN, but not for long."""
        self._dropped += len(data)
        if self._dropped > SLICE:
            self.transport.pauseProducing()
