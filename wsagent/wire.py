"""
One connection between a transport and an agent.

A L{Wire} is what Twisted knows as the protocol.  It holds all that the
application's own class is spared: opening, core, time, sending, ending.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    ILoggingContext,
    IProtocol,
    ITransport,
)
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import classImplements

from .addresses import describePeer
from .conversation import Inbox, Message
from .core import codes
from .core.codes import Role
from .core.errors import ProtocolError
from .core.extensions import Codec
from .delivery import Delivery
from .errors import ClosedCleanly, ClosedUncleanly
from .interfaces import Agent, IWireTransport, Opening, WireOwner
from .keepalive import Keepalive
from .outlet import Outlet
from .pacing import PacedDelivery
from .parting import Parting, noteEnd
from .sending import SendBuffer
from .settings import Settings
from .sockets.adoption import adopted
from .timing import Deadline, Wheel
from .tracing import Trace

# A class's own would put the instance, for good, into every event that is kept.
# Compiled, we have no frame by which Twisted could tell our name.
_log = Logger(__name__)


class Wire(Outlet):
    """
    One connection, from accept to loss.

    @ivar factory: whatever Twisted's factories say made it.
    @ivar address: the agent's number in this process; 0 before it is open, and
        of a client's.
    @ivar openedAt: when it was opened, by the clock of its timers.
    """

    def __init__(
        self,
        settings: Settings,
        wheel: Wheel,
        role: Role,
        opening: Opening,
        owner: WireOwner,
    ) -> None:
        """
        @param wheel: what our timers run on.
        @param opening: makes the handshake, then calls L{open} or L{hangUp}.
        @param owner: is told how it goes.
        """
        super().__init__(settings, wheel, owner)
        self.factory: Any = None
        self._isClient = role is Role.CLIENT
        self._opening: Opening | None = opening
        self.address = 0
        self.openedAt = 0.0
        self._agent: Agent | None = None
        self._hasMessageTimeout = settings.messageTimeout is not None
        # Why nothing is read just now.
        self._isPausedByAgent = False
        self._isHeldBack = False
        self._isReading = True
        self._inbox: Inbox | None = None
        self._openDeadline: Deadline | None = None
        self._parting: Parting | None = None
        self._isLost = False

    # What Twisted calls

    def makeConnection(self, transport: ITransport) -> None:
        """Have a transport."""
        self.transport = cast(IWireTransport, transport)
        self.connectionMade()

    def connectionMade(self) -> None:
        """Begin the opening handshake."""
        opening = self._opening
        assert opening is not None
        self.handOver(opening, self.settings.handshakeTimeout)
        opening.connectionMade(self)

    def dataReceived(self, data: bytes) -> None:
        """Take a segment."""
        connection = self._connection
        if connection is not None and not connection.isClosed:
            self._keepalive.segmentReceived()
            self._feed(data)
        elif self._opening is not None:
            self._opening.dataReceived(data)
        else:
            self._ending().drop(self.transport, data)

    def readConnectionLost(self) -> None:
        """Take a FIN: send what waits, and be gone."""
        parting = self._ending()
        parting.isReadLost = True
        if self._opening is not None:
            self._opening.readConnectionLost()
        elif self._connection is None or parting.hasBegun:
            self.transport.loseConnection()
        else:
            self._connection.abandon()
            self._finish()

    def writeConnectionLost(self) -> None:
        """Our FIN was sent; nothing depends on it."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell the agent, or the opening."""
        self._isLost = True
        self._stopTimers()
        if self._opening is not None:
            self._opening.connectionLost(reason)
            self._opening = None
        failure = None
        if self._connection is not None:
            self._connection.abandon()
            failure = self._tellLoss(reason)
        self._owner.wireLost(self, failure)

    def _tellLoss(self, reason: Failure) -> Failure:
        """Tell the agent how it ended."""
        failure = self._ending().failure(reason)
        self._sources.stop(lambda: failure)
        if self._inbox is not None:
            self._inbox.end(failure)
        agent, self._agent = cast(Agent, self._agent), None
        seconds = self._wheel.now() - self.openedAt
        noteEnd(str(self), agent, failure, seconds, self.amounts)
        connection = cast(Delivery, self._connection)
        if connection.tap is not None:
            connection.tap.connectionLost(failure)
        connection.call(agent.connectionLost, failure)
        return failure

    def logPrefix(self) -> str:
        """Name the agent's class, as Twisted's log does a protocol's."""
        return type(self._agent or self).__name__

    def __str__(self) -> str:
        """Name the peer."""
        connection = self._connection
        peer = self.transport.getPeer() if connection is None else connection.peer
        return describePeer(peer)

    # What the opening calls

    def handOver(self, opening: Opening, timeout: float | None = None) -> None:
        """
        Have another opening go on.

        @param timeout: seconds that it has; C{None}: it sees to that itself.
        """
        self._endOpening()
        self._opening = opening
        if timeout is not None:
            self._openDeadline = Deadline(self._wheel, opening.giveUp, timeout)

    def open(
        self,
        agent: Agent,
        answer: bytes,
        rest: bytes,
        openedAs: str,
        codec: Codec | None,
        isSequential: bool,
    ) -> None:
        """
        Begin to be a WebSocket.

        @param answer: octets that are still to be sent, before all else.
        @param rest: octets that came after the peer's head.
        @param openedAs: for the log.
        @param codec: what the extension does that was agreed on.
        @param isSequential: messages wait for L{receive}.
        """
        self._endOpening()
        request = agent.request
        peer = request.arrival.proxy or request.peer
        if isinstance(peer, (IPv4Address, IPv6Address)):
            # A message is sent when it is sent.
            self.transport.setTcpNoDelay(True)
        self._agent = agent
        self.openedAt = self._wheel.now()
        settings = self.settings
        if settings.hasFastLane:
            self.transport = adopted(self.transport, self, peer)
        if answer:
            self.transport.write(answer)
        self._buffer = SendBuffer(self.transport, self, settings.sendHighWater)
        if isSequential:
            self._inbox = Inbox(settings.inboxLimit, self._setReading)
        role = Role.CLIENT if self._isClient else Role.SERVER
        parts = (agent, self._inbox, self._buffer, self, role, settings, codec)
        if settings.messageRate is None and settings.octetRate is None:
            connection = Delivery(*parts)
        else:
            connection = PacedDelivery(self._wheel, *parts)
        self._connection = connection
        self._keepalive = Keepalive(self._wheel, settings, self)
        _log.info("{peer} connected, {how}", peer=str(self), how=openedAs)
        self._buffer.cork()
        connection.call(agent.negotiationFinished)
        connection.converse(self.close)
        self._buffer.uncork()
        if rest:
            self.dataReceived(rest)

    def hangUp(self, octets: bytes = b"") -> None:
        """
        End a connection that never was open.

        @param octets: the last word.
        """
        self._endOpening()
        if octets:
            self.transport.write(octets)
        # The peer's FIN is still to be read.
        self.transport.resumeProducing()
        self._awaitPeer()
        self._ending().begin(self.transport, isPeerFirst=False)

    # What the agent, and the clock, call

    @property
    def agent(self) -> Agent | None:
        """The application's object, while the connection is open."""
        return self._agent

    def trace(self, show: Callable[[str], object], hasPayloads: bool) -> Trace:
        """Show frames from now on; be open."""
        connection = self._connection
        assert connection is not None
        return Trace(connection, self._isClient, show, hasPayloads)

    def measure(self) -> None:
        """Ping now; the owner hears of the round trip."""
        self._keepalive.measure()

    @property
    def roundTripTime(self) -> float | None:
        """Seconds that our last answered ping took."""
        return None if self._connection is None else self._keepalive.roundTripTime

    def close(self, code: int = codes.NORMAL, reason: str = "") -> None:
        """Begin the closing handshake, or refuse; give up on the peer in time."""
        connection = self._connection
        if connection is None:
            if self._opening is not None:
                self._opening.giveUp()
            return
        if self._owed:
            self.sendOwed()
        wasOpen = connection.isOpen
        connection.close(code, reason)
        if wasOpen and not (connection.isOpen or connection.isClosed):
            parting = self._ending()
            parting.closed(code, reason)
            self._keepalive.end()
            self._sources.stop(parting.failure)
            self._isPausedByAgent = self._isHeldBack = False
            self._setReading()
            self._buffer.notifyWhenEmpty(self._awaitPeer)

    def fail(self, code: int, reason: str, cause: BaseException | None = None) -> None:
        """Tell the peer that it is over, and hang up."""
        connection = self._connection
        if connection is not None and not connection.isClosed:
            connection.fail(code, reason)
            self._failed(code, reason, cause)

    def abort(self, reason: str = "aborted") -> None:
        """Be rid of the transport, at once."""
        self._ending().aborted(reason)
        if self._connection is not None:
            self._connection.abandon()
        elif self._opening is not None:
            opening, self._opening = self._opening, None
            opening.connectionLost(Failure(ConnectionAborted()))
        self._stopTimers()
        if not self._isLost:
            self.transport.abortConnection()

    def receive(self) -> Deferred[Message]:
        """Take the next message."""
        if self._inbox is None:
            raise RuntimeError("receive() without conversation()")
        return self._inbox.get()

    def pauseReading(self) -> None:
        """Deliver nothing until L{resumeReading}."""
        if self.isOpen:
            self._isPausedByAgent = True
            self._setReading()

    def resumeReading(self) -> None:
        """Deliver what waits, and go on."""
        self._isPausedByAgent = False
        self._setReading()

    # What the delivery calls

    def holdBack(self, isHeld: bool) -> None:
        """Have a peer that is too fast wait, for a while."""
        self._isHeldBack = isHeld
        self._setReading()

    def isOurPong(self, payload: bytes) -> bool:
        """Ask whether a pong answers a ping of our own."""
        if not self._keepalive.isOurs(payload):
            return False
        self._owner.roundTripMeasured(self)
        return True

    def closeReceived(self, code: int, reason: str) -> None:
        """Hang up: both Close frames have passed."""
        self._ending().closeReceived(code, reason)
        self._finish()

    def agentFailed(self, failure: Failure) -> None:
        """Log what a hook raised; close 1011."""
        if not self.isOpen and failure.check(ClosedCleanly, ClosedUncleanly):
            # It waited, and was told that this is the end.
            return
        _log.failure("agent for {peer} failed", failure, peer=str(self))
        self.fail(codes.INTERNAL_ERROR, "", failure.value)

    # What the send buffer calls, beside what goes out

    def sendBufferFilled(self) -> None:
        """Read no more of what would be answered."""
        self._setReading()
        self._sources.filled()
        if self.isOpen:
            cast(Delivery, self._connection).call(
                cast(Agent, self._agent).sendBufferFilled
            )

    def sendBufferDrained(self) -> None:
        """Go on, each as long as there is room."""
        if self.isOpen:
            cast(Delivery, self._connection).call(
                cast(Agent, self._agent).sendBufferDrained
            )
        self._sources.drained()
        self._setReading()

    # What the keepalive calls, beside L{abort} and L{close}

    def keepAlive(self, payload: bytes) -> None:
        """Send a ping of our own; save memory if nothing else went on."""
        connection = cast(Delivery, self._connection)
        if self._isIdle:
            connection.rest()
        self._isIdle = True
        connection.ping(payload)

    # Within

    def _feed(self, data: bytes) -> None:
        """Have the core read, and answer in one write."""
        connection = self._connection
        assert connection is not None
        before = connection.messagesReceived
        connection.octetsReceived += len(data)
        if connection.tap is not None:
            connection.tap.octetsReceived(data)
        isOutermost = self._buffer.cork()
        try:
            connection.feed(data)
        except ProtocolError as error:
            # The core has told the peer.
            self._failed(error.code, str(error), error)
        finally:
            if isOutermost:
                self._buffer.uncork()
        if connection.messagesReceived != before:
            self._messagePassed()
        if self._hasMessageTimeout:
            if connection.isInMessage and self._isReading:
                self._keepalive.messageContinues(connection.messagesReceived)
            else:
                self._keepalive.messageEnded()

    def _setReading(self) -> None:
        """Read unless the agent, the send buffer or a rate has us wait."""
        connection = self._connection
        if connection is None or connection.isClosed:
            return
        isReading = not (
            self._isPausedByAgent
            or self._isHeldBack
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

    def endReason(self) -> Failure:
        """Say how it ends, or has ended."""
        return self._ending().failure()

    def _failed(self, code: int, reason: str, cause: BaseException | None) -> None:
        """Hang up on a peer that was told so."""
        self._ending().failed(code, reason, cause)
        self._awaitPeer()
        self._finish()

    def _finish(self) -> None:
        """Send what waits, then hang up."""
        self._keepalive.end()
        self._sources.stop(self._ending().failure)
        if not self._isReading:
            # The peer's FIN is still to be read.
            self._isReading = True
            self.transport.resumeProducing()
        self._buffer.notifyWhenEmpty(self._part)

    def _part(self) -> None:
        """Hang up."""
        self._buffer.release()
        self.sendProgressed()
        self._awaitPeer()
        parting = self._ending()
        # 7.1.1: after a closing handshake the server is the first to do so.
        parting.begin(self.transport, self._isClient and parting.isClean)

    def _ending(self) -> Parting:
        """Find how we end, from the first word of it on."""
        if self._parting is None:
            self._parting = Parting()
        return self._parting

    def _awaitPeer(self) -> None:
        """Give the peer some time to go, from the first call on."""
        timeout = self.settings.closeTimeout
        self._ending().awaitPeer(self._wheel, timeout, self.abort)

    def _endOpening(self) -> None:
        """Be done with the opening handshake."""
        self._opening = None
        deadline, self._openDeadline = self._openDeadline, None
        if deadline is not None:
            deadline.stop()

    def _stopTimers(self) -> None:
        """Wait for nothing."""
        for timer in (self._openDeadline, self._progress, self._parting):
            if timer is not None:
                timer.stop()
        if self._connection is not None:
            self._keepalive.end()


# A compiled class takes no decorator.
classImplements(Wire, IProtocol, IHalfCloseableProtocol, ILoggingContext)
