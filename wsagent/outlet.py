"""
What an agent sends through: in order, and with an eye on how much waits.

An L{Outlet} is the half of a L{Wire<wsagent.wire.Wire>} that goes out.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import cast

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.python.failure import Failure

from .core import codes
from .core.outgoing import PreparedMessage
from .delivery import Amounts, Delivery
from .interfaces import IWireTransport, WireOwner
from .keepalive import Keepalive
from .progress import Progress
from .sending import SendBuffer
from .settings import Settings
from .sockets.transport import SegmentReceiver
from .sources import FragmentSender, Sources
from .timing import Wheel

# One for all outlets that have none of their own.
_NO_SOURCES = Sources(lambda: False, lambda _: None, lambda _: None)


class Outlet(SegmentReceiver):
    """
    What goes out, while a connection is open.

    @ivar settings: what the peer may do.
    """

    transport: IWireTransport
    _buffer: SendBuffer
    _keepalive: Keepalive

    def __init__(self, settings: Settings, wheel: Wheel, owner: WireOwner) -> None:
        """
        @param wheel: what our timers run on.
        @param owner: is told who is too slow.
        """
        self.settings = settings
        self._wheel = wheel
        # There is one once it is open.
        self._connection: Delivery | None = None
        self._sendLimit = -1 if settings.sendLimit is None else settings.sendLimit
        self._hasIdleTimeout = settings.idleTimeout is not None
        self._isIdle = True
        # What broadcasts have not sent yet; it goes before anything else.
        self._owed: tuple[PreparedMessage, ...] = ()
        self._sources = _NO_SOURCES
        self._owner = owner
        self._progress: Progress | None = None

    # What a subclass says and does

    def fail(self, code: int, reason: str, cause: BaseException | None = None) -> None:
        """Tell the peer that it is over, and hang up."""
        raise NotImplementedError

    def abort(self, reason: str = "aborted") -> None:
        """Be rid of the transport, at once."""
        raise NotImplementedError

    def agentFailed(self, failure: Failure) -> None:
        """See to what the application has raised."""
        raise NotImplementedError

    def endReason(self) -> Failure:
        """Say how it ends, or has ended."""
        raise NotImplementedError

    # What the agent calls

    @property
    def isOpen(self) -> bool:
        """Ask whether messages can be sent."""
        return self._connection is not None and self._connection.isOpen

    @property
    def bufferedAmount(self) -> int:
        """Octets that wait to be sent."""
        if self._connection is None:
            return 0
        return self._buffer.amount() + self._connection.heldAmount

    @property
    def isSlow(self) -> bool:
        """Ask whether so much waits that nothing is read meanwhile."""
        return self._connection is not None and self._buffer.isFilled

    @property
    def amounts(self) -> Amounts:
        """What has passed so far."""
        connection = self._connection
        return Amounts() if connection is None else connection.amounts

    def sendText(self, text: str, choice: bool | None) -> None:
        """Send a text message."""
        if self._connection is not None:
            self._makeWay()
            self._connection.sendText(text, choice)

    def sendBytes(
        self,
        data: bytes | bytearray | memoryview,
        choice: bool | None,
    ) -> None:
        """Send a bytes message."""
        if self._connection is not None:
            self._makeWay()
            self._connection.sendBytes(data, choice)

    def sendPrepared(self, prepared: PreparedMessage) -> None:
        """Send a message that others get too."""
        if self._connection is not None:
            self._makeWay()
            self._connection.sendPrepared(prepared)

    def sendFragment(self, data: str | bytes, isLast: bool) -> None:
        """Send a message in fragments."""
        if self._connection is not None:
            self._makeWay()
            self._connection.sendFragment(data, isLast)

    def sendFragments(self, pieces: Iterable[str | bytes]) -> Deferred[None]:
        """Send a message in fragments, as there is room."""
        sender = FragmentSender(pieces, self.sendFragment)
        if self.isOpen:
            self._ownSources().add(sender)
        else:
            sender.finished.errback(self.endReason())
        return sender.finished

    def ping(self, payload: bytes) -> None:
        """Send a ping."""
        if self._connection is not None:
            if self._owed:
                self.sendOwed()
            self._connection.ping(payload)

    # What the send buffer calls

    def sendStarted(self) -> None:
        """Give up on a peer that takes nothing."""
        timeout = self.settings.sendTimeout
        if timeout is not None:
            self.sendProgressed()
            self._progress = Progress(
                self._wheel,
                timeout,
                self.transport,
                self._takesNothing,
            )

    def sendProgressed(self) -> None:
        """Have patience again."""
        progress, self._progress = self._progress, None
        if progress is not None:
            progress.stop()

    # What a broadcast calls

    @property
    def clock(self) -> IReactorTime:
        """What tells the time."""
        return self._wheel.clock

    def owe(self, owed: tuple[PreparedMessage]) -> bool:
        """
        Have a message sent soon, before whatever else is sent from now on.

        @param owed: the message; a tuple that others share.
        @return: whether the caller has to see to L{sendOwed}: nothing was owed.
        """
        if self._connection is None or not self._connection.isOpen:
            return False
        wasOwed = bool(self._owed)
        self._owed = self._owed + owed if wasOwed else owed
        return not wasOwed

    def sendOwed(self) -> int:
        """
        Send what is owed, whatever that leads to.

        @return: octets of payload.
        """
        amount = 0
        connection = cast(Delivery, self._connection)
        hasCorked = len(self._owed) > 1 and self._buffer.cork()
        while self._owed:
            # What is called from here may send, and so come here.
            prepared = self._owed[0]
            self._owed = self._owed[1:]
            amount += len(prepared.payload)
            try:
                self._checkSending()
                connection.sendPrepared(prepared)
            except BaseException:  # noqa: BLE001 - as Twisted's reactors do
                self.agentFailed(Failure())
        if hasCorked:
            self._buffer.uncork()
        return amount

    def waitForRoom(self) -> Deferred[None]:
        """Wait until the send buffer is not filled."""
        if self.isOpen:
            return self._ownSources().waitForRoom()
        return fail(self.endReason())

    def attachProducer(self, producer: IPushProducer) -> None:
        """Pause a producer while much waits to be sent."""
        if self.isOpen:
            self._ownSources().attach(producer)
        else:
            producer.stopProducing()

    def detachProducer(self) -> None:
        """Forget the producer."""
        if self._connection is not None:
            self._sources.detach()

    # Within

    def _messagePassed(self) -> None:
        """Note that the connection is not idle."""
        self._isIdle = False
        if self._hasIdleTimeout:
            self._keepalive.messagePassed()

    def _makeWay(self) -> None:
        """Send what goes before a message, and see that there is room for it."""
        if self._owed:
            self.sendOwed()
        self._checkSending()

    def _checkSending(self) -> None:
        """Note a message; give up on a peer that is too slow for one more."""
        self._messagePassed()
        limit = self._sendLimit
        if limit < 0:
            return
        connection = self._connection
        assert connection is not None
        amount = self._buffer.amount() + connection.heldAmount
        if amount > limit and connection.isOpen:
            self._buffer.discard()
            self._owner.peerWasSlow()
            reason = f"more than {limit} octets wait to be sent"
            self.fail(codes.TRY_AGAIN_LATER, reason)

    def _takesNothing(self, reason: str) -> None:
        """Give up on a peer for which something waits, and nothing goes."""
        self._owner.peerWasSlow()
        self.abort(reason)

    def _hasRoom(self) -> bool:
        """Ask whether more may be sent just now."""
        return self.isOpen and not self._buffer.isFilled

    def _ownSources(self) -> Sources:
        """Find what sends more when there is room, or make it."""
        if self._sources is _NO_SOURCES:
            # Whose iterable it is that failed was told why.
            failed = partial(self.fail, codes.INTERNAL_ERROR, "")
            call = cast(Delivery, self._connection).call
            self._sources = Sources(self._hasRoom, call, failed)
        return self._sources
