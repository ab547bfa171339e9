"""Messages and octets a second: L{PacedDelivery} has who sends more wait."""

from __future__ import annotations

from collections.abc import Callable

from .conversation import Inbox
from .core import codes
from .core.codes import Role
from .core.extensions import Codec
from .delivery import Delivery, Owner
from .interfaces import Agent
from .sending import SendBuffer
from .settings import Settings
from .timing import Deadline, Wheel

_PAUSE = 0.5
"""Seconds of a rate that are waited for: what waits is copied each time we go on."""


class Bucket:
    """
    A token bucket: what may come at once, and is filled again in time.

    @ivar rate: what may come a second.
    """

    def __init__(self, rate: float, burst: float, seconds: Callable[[], float]) -> None:
        """
        It is full.

        @param burst: seconds whose worth may come at once; 1 may in any case.
        @param seconds: tells the time.
        """
        self.rate = rate
        self._capacity = max(rate * burst, 1)
        self._left = self._capacity
        self._seconds = seconds
        self._filledAt = seconds()

    def take(self, amount: int) -> bool:
        """
        Take something out, at any rate.

        @return: whether there was as much.
        """
        if self._left < amount:
            now = self._seconds()
            # A clock may be set back.
            passed = max(now - self._filledAt, 0)
            self._left = min(self._left + passed * self.rate, self._capacity)
            self._filledAt = now
        self._left -= amount
        return self._left >= 0

    def wait(self) -> float:
        """Say in how many seconds it pays to go on."""
        wanted = min(self._capacity, self.rate * _PAUSE)
        return (wanted - self._left) / self.rate


class PacedDelivery(Delivery):
    """
    A connection whose peer may send only so much a second.

    What is too much is still delivered; then nothing is read for a while, not
    even what has come in the same segment.
    """

    def __init__(
        self,
        wheel: Wheel,
        agent: Agent,
        inbox: Inbox | None,
        buffer: SendBuffer,
        owner: Owner,
        role: Role,
        settings: Settings,
        codec: Codec | None,
    ) -> None:
        """@param wheel: what the pauses run on."""
        super().__init__(agent, inbox, buffer, owner, role, settings, codec)
        self._wheel = wheel
        self._isStrict = settings.isRateStrict
        burst, seconds = settings.rateBurst, wheel.seconds
        rate = settings.messageRate
        self._messages = None if rate is None else Bucket(rate, burst, seconds)
        rate = settings.octetRate
        self._octets = None if rate is None else Bucket(rate, burst, seconds)
        self._pause: Deadline | None = None

    def feed(self, data: bytes) -> None:
        """Count octets, and take them."""
        bucket = self._octets
        if bucket is None or bucket.take(len(data)):
            Delivery.feed(self, data)
            return
        if not self._isStrict:
            Delivery.feed(self, data)
        self._tooFast(bucket, "octets")

    def textReceived(self, text: str) -> None:
        """Count a message, and hand it over."""
        if self._mayCome():
            Delivery.textReceived(self, text)

    def bytesReceived(self, data: bytes) -> None:
        """Count a message, and hand it over."""
        if self._mayCome():
            Delivery.bytesReceived(self, data)

    def pieceReceived(self, piece: str | bytes, isLast: bool) -> None:
        """Count a message at its end, and hand each piece over."""
        if not isLast or self._mayCome():
            Delivery.pieceReceived(self, piece, isLast)

    def controlReceived(self, opcode: int, payload: bytes) -> None:
        """Count a ping or a pong, which cost as much as a message, and take it."""
        if opcode == codes.CLOSE or self._mayCome():
            Delivery.controlReceived(self, opcode, payload)

    def _mayCome(self) -> bool:
        """Count a message; have it come unless the connection ends by that."""
        bucket = self._messages
        if bucket is not None and not bucket.take(1):
            self._tooFast(bucket, "messages")
        return not self.isClosed

    def _tooFast(self, bucket: Bucket, what: str) -> None:
        """Read on later, or no more."""
        if not self.isOpen:
            return
        if self._isStrict:
            reason = f"more than {bucket.rate:g} {what} a second"
            self._owner.fail(codes.POLICY_VIOLATION, reason)
            return
        wait = bucket.wait()
        if self._pause is not None:
            wait = max(wait, self._pause.due - self._wheel.seconds())
            self._pause.stop()
        self._pause = Deadline(self._wheel, self._goOn, wait)
        self._owner.holdBack(True)

    def _goOn(self) -> None:
        """Have the pause be over."""
        self._pause = None
        self._owner.holdBack(False)

    def _finish(self, lastWord: bytes | None = None) -> None:
        """Read and send nothing more, and wait for nothing."""
        pause, self._pause = self._pause, None
        if pause is not None:
            pause.stop()
        Delivery._finish(self, lastWord)  # noqa: SLF001 - its own
