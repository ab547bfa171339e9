"""What waits to be sent, and the word that it waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from twisted.internet.interfaces import IConsumer, IPushProducer
from zope.interface import classImplements

from .core.connection import LARGE as _LARGE
from .core.masking import Cork, Payload, joined, octetsOf
from .sockets.transport import LaneTransport

_SLICE = 65_536
"""
Octets that go to the transport at once.

Twisted's transports say that they are full above as many (their
C{bufferSize}); smaller steps make a slow peer's progress visible.
"""

# One for all buffers, never added to: an empty deque has half a KiB.
_NONE_WAIT: deque[bytes | memoryview] = deque()


class Owner(Protocol):
    """Who is told how the sending goes."""

    def sendBufferFilled(self) -> None:
        """The amount has reached the high-water mark."""

    def sendBufferDrained(self) -> None:
        """After that, all has been taken by the transport, and sent."""

    def sendStarted(self) -> None:
        """Octets wait that the transport cannot take now."""

    def sendProgressed(self) -> None:
        """The transport has sent what it had taken."""


class Corks:
    """The cork that is not in use: it is taken and given back for each segment."""

    def __init__(self) -> None:
        """There is one."""
        self._spare: Cork | None = Cork()

    def take(self) -> Cork:
        """Take it, or make another."""
        spare, self._spare = self._spare, None
        return Cork() if spare is None else spare

    def giveBack(self, cork: Cork) -> None:
        """Have an empty one; one is enough."""
        self._spare = cork


_corks = Corks()


class SendBuffer:
    """
    What one connection still has to send.

    It is the transport's producer, and so hears when the transport is full
    and when it is empty again.
    """

    def __init__(
        self,
        transport: IConsumer,
        owner: Owner,
        highWater: int,
    ) -> None:
        """@param highWater: octets from which the owner hears of it."""
        self._transport = transport
        # One that sends at once, and says how much of it.
        self._lane = transport if isinstance(transport, LaneTransport) else None
        self._owner = owner
        self._highWater = highWater
        self._waiting = _NONE_WAIT
        self._waitingAmount = 0
        self._handedOver = 0
        self._isFull = False
        self._isFilled = False
        self._cork: Cork | None = None
        self._whenEmpty: Callable[[], object] | None = None
        transport.registerProducer(cast(IPushProducer, self), True)

    @property
    def isFilled(self) -> bool:
        """Ask whether the high-water mark was reached, and not all sent since."""
        return self._isFilled

    def amount(self) -> int:
        """
        How many octets wait.

        What a transport that is not full has taken is not counted: up to
        64 KiB.
        """
        handedOver = self._handedOver if self._isFull else 0
        corked = 0 if self._cork is None else len(self._cork)
        return self._waitingAmount + corked + handedOver

    def cork(self) -> bool:
        """
        Collect what is written until L{uncork}, to write it at once.

        @return: whether it is the caller who has to uncork: it was not corked.
        """
        if self._cork is not None:
            return False
        self._cork = _corks.take()
        return True

    def uncork(self) -> None:
        """Write what was collected."""
        self._flush()
        cork, self._cork = self._cork, None
        if cork is not None:
            _corks.giveBack(cork)

    def write(
        self,
        header: bytes,
        payload: Payload = b"",
        key: bytes = b"",
    ) -> None:
        """
        Send a frame, as soon as may be.

        @param header: without the key; or octets that are whole frames.
        @param key: what to mask the payload with, or empty.
        """
        if len(payload) >= _LARGE:
            self._flush()
            if key or self._lane is None or self._isFull or self._waitingAmount:
                self._push(joined(header, payload, key))
            else:
                self._sendLarge(header, payload)
        elif self._cork is None:
            self._push(joined(header, payload, key))
        elif self._cork.add(header, payload, key) >= _SLICE:
            self._flush()

    def discard(self) -> None:
        """Forget what waits, but for the rest of a frame that is begun."""
        self._flush()
        begun = [data for data in self._waiting if isinstance(data, memoryview)]
        self._waiting = deque(begun) if begun else _NONE_WAIT
        self._waitingAmount = sum(map(len, begun))

    def notifyWhenEmpty(self, call: Callable[[], object]) -> None:
        """
        Have a call once nothing waits here, perhaps at once.

        @param call: takes the place of an earlier one.
        """
        self._flush()
        self._whenEmpty = call
        self._pump()

    def release(self) -> None:
        """Be the transport's producer no longer."""
        self._transport.unregisterProducer()

    def pauseProducing(self) -> None:
        """Hear from the transport that it is full."""
        self._isFull = True

    def resumeProducing(self) -> None:
        """Hear from the transport that it is empty."""
        self._isFull = False
        self._handedOver = 0
        self._owner.sendProgressed()
        self._pump()
        if self._isFilled and not self._isFull and not self._waiting:
            self._isFilled = False
            self._owner.sendBufferDrained()

    def stopProducing(self) -> None:
        """Hear from the transport that it is gone."""
        self._waiting = _NONE_WAIT
        self._waitingAmount = 0
        self._whenEmpty = None

    def _flush(self) -> None:
        """Hand over what is corked."""
        cork = self._cork
        if cork is None or not len(cork):
            return
        if self._lane is None or self._isFull or self._waitingAmount:
            data = bytes(cork)
            cork.clear()
            self._push(data)
            return
        sent = self._lane.send(cork)
        rest = bytes(memoryview(cork)[sent:]) if sent < len(cork) else b""
        cork.clear()
        if rest:
            self._queueRest(rest, 0)
            self._owner.sendStarted()
            self._checkFilled()

    def _push(self, data: bytes) -> None:
        """Hand octets over, or as many as the transport takes; queue the rest."""
        if not self._isFull and not self._waitingAmount and len(data) <= _SLICE:
            self._handOver(data)
        else:
            self._queue(data)
            self._pump()
        if self._isFull:
            self._checkFilled()

    def _sendLarge(self, header: bytes, payload: Payload) -> None:
        """Hand a frame over from where it is: what is copied is paid for."""
        lane = cast(LaneTransport, self._lane)
        sent = lane.sendBoth(header, payload)
        if sent < len(header) + len(payload):
            self._queueRest(octetsOf(payload), max(0, sent - len(header)))
            if sent < len(header):
                self._queueRest(header, sent)
            self._owner.sendStarted()
            self._checkFilled()

    def _queue(self, data: bytes) -> None:
        """Have octets wait, whole frames."""
        if self._waiting is _NONE_WAIT:
            self._waiting = deque()
        self._waiting.append(data)
        self._waitingAmount += len(data)

    def _queueRest(self, data: bytes | memoryview, sent: int) -> None:
        """Have what the lane did not take wait, as the first; it is full."""
        if self._waiting is _NONE_WAIT:
            self._waiting = deque()
        self._waiting.appendleft(memoryview(data)[sent:])
        self._waitingAmount += len(data) - sent
        self._isFull = True

    def _pump(self) -> None:
        """Hand over as many octets as the transport takes."""
        while self._waiting and not self._isFull:
            data = self._waiting.popleft()
            self._waitingAmount -= len(data)
            if len(data) > _SLICE and self._lane is None:
                view = memoryview(data)
                self._waiting.appendleft(view[_SLICE:])
                self._waitingAmount += len(data) - _SLICE
                data = view[:_SLICE]
            elif self._waiting and len(data) < _SLICE:
                data = self._joined(data)
            self._handOver(data)
        if not self._waiting:
            self._waiting = _NONE_WAIT
            if self._whenEmpty is not None:
                whenEmpty, self._whenEmpty = self._whenEmpty, None
                whenEmpty()

    def _joined(self, data: bytes | memoryview) -> bytes:
        """Take more that waits, up to a slice."""
        parts = [data]
        length = len(data)
        while self._waiting and length + len(self._waiting[0]) <= _SLICE:
            parts.append(self._waiting.popleft())
            length += len(parts[-1])
        self._waitingAmount -= length - len(data)
        return b"".join(parts)

    def _handOver(self, data: bytes | memoryview) -> None:
        """Hand octets over; to a transport that does not say how many, a slice."""
        if self._lane is None:
            # A transport that was not full held at most one.
            self._handedOver = min(self._handedOver, _SLICE) + len(data)
            self._transport.write(bytes(data))
        else:
            sent = self._lane.send(data)
            if sent < len(data):
                self._queueRest(data, sent)
        if self._isFull:
            self._owner.sendStarted()

    def _checkFilled(self) -> None:
        """See whether the high-water mark is reached."""
        if not self._isFilled and self.amount() >= self._highWater:
            self._isFilled = True
            self._owner.sendBufferFilled()


# A compiled class takes no decorator.
classImplements(SendBuffer, IPushProducer)
