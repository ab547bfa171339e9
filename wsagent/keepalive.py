"""What keeps one connection alive, and what ends one that is not."""

from __future__ import annotations

import os
from math import inf
from typing import Protocol

from .core import codes
from .settings import Settings
from .timing import Timer, Wheel

_NO_MESSAGE = -1
_NO_TIME = -1.0


class Owner(Protocol):
    """Who is told what is to be done."""

    def keepAlive(self, payload: bytes) -> None:
        """A ping is to be sent, with this payload."""

    def abort(self, reason: str) -> None:
        """No octets came for C{pingInterval + pingTimeout}."""

    def close(self, code: int, reason: str) -> None:
        """The connection was idle, or a message has not ended."""


class Keepalive(Timer):
    """
    The pings of one connection, and what silence means.

    It is one timer for all: what happens only moves the times, and when it
    expires, it sees which of them has come.
    """

    def __init__(self, wheel: Wheel, settings: Settings, owner: Owner) -> None:
        """Run, if the settings ask for anything."""
        super().__init__(wheel)
        self._settings = settings
        self._owner = owner
        self._isStopped = False
        self._isReading = True
        # The last ping of ours, until it is answered.
        self._payload = b""
        self._roundTripTime = _NO_TIME
        self._messageNumber = _NO_MESSAGE
        self._messageBeganAt = 0.0
        self._pingedAt = self._heardAt = self._messageAt = wheel.seconds()
        self._run()

    @property
    def roundTripTime(self) -> float | None:
        """Seconds from our last answered ping to its pong, or C{None}."""
        return None if self._roundTripTime < 0 else self._roundTripTime

    def end(self) -> None:
        """Send no more pings, and wait for nothing."""
        self._isStopped = True
        self.stop()

    def segmentReceived(self) -> None:
        """Note that octets came: any octet counts as life."""
        self._heardAt = self.wheel.now()

    def readingChanged(self, isReading: bool) -> None:
        """Note that while we do not read, the peer keeps nobody waiting."""
        self._isReading = isReading
        self._heardAt = self.wheel.seconds()
        if not isReading:
            self.messageEnded()

    def messagePassed(self) -> None:
        """Note that a message went or came: the connection is not idle."""
        self._messageAt = self.wheel.now()

    def messageContinues(self, number: int) -> None:
        """
        Note that a message has begun and not ended.

        @param number: tells it from the messages before it.
        """
        if number != self._messageNumber:
            self._messageNumber = number
            self._messageBeganAt = self.wheel.seconds()
            self._run()

    def messageEnded(self) -> None:
        """Note that no message is coming in."""
        self._messageNumber = _NO_MESSAGE

    def isOurs(self, payload: bytes) -> bool:
        """Ask whether a pong answers our last ping; measure the round trip."""
        if not self._payload or payload != self._payload:
            return False
        self._payload = b""
        self._roundTripTime = self.wheel.seconds() - self._pingedAt
        return True

    def measure(self) -> None:
        """Measure the round trip now, unless that goes on."""
        if not self._payload:
            self._ping()

    def expired(self) -> None:
        """See what is due, and wait for the rest."""
        now = self.wheel.seconds()
        settings = self._settings
        if self._silenceEndsAt() <= now:
            silence = self._silenceEndsAt() - self._heardAt
            self._owner.abort(f"silent for {silence:g} s")
        elif self._idleEndsAt() <= now:
            reason = f"idle for {settings.idleTimeout:g} s"
            self._owner.close(codes.GOING_AWAY, reason)
        elif self._messageEndsAt() <= now:
            reason = f"message longer than {settings.messageTimeout:g} s"
            self._owner.close(codes.POLICY_VIOLATION, reason)
        elif self._pingsAt() <= now:
            self._ping()
        else:
            self._run()

    def _ping(self) -> None:
        """Send a ping of ours, and the next one an interval later."""
        # One whose pong cannot be guessed.
        self._payload = os.urandom(8)
        self._pingedAt = self.wheel.seconds()
        self._run()
        self._owner.keepAlive(self._payload)

    def _run(self) -> None:
        """Wait for whatever comes first."""
        due = min(
            self._pingsAt(),
            self._silenceEndsAt(),
            self._idleEndsAt(),
            self._messageEndsAt(),
        )
        if due < inf and not self._isStopped:
            self.start(due)

    def _pingsAt(self) -> float:
        """Say when we ping."""
        interval = self._settings.pingInterval
        return inf if interval is None else self._pingedAt + interval

    def _silenceEndsAt(self) -> float:
        """Say when a peer was silent for too long."""
        interval = self._settings.pingInterval
        timeout = self._settings.pingTimeout
        if interval is None or timeout is None or not self._isReading:
            return inf
        return self._heardAt + (interval + timeout)

    def _idleEndsAt(self) -> float:
        """Say when a connection was idle for too long."""
        timeout = self._settings.idleTimeout
        return inf if timeout is None else self._messageAt + timeout

    def _messageEndsAt(self) -> float:
        """Say when a message took too long."""
        timeout = self._settings.messageTimeout
        if timeout is None or self._messageNumber == _NO_MESSAGE:
            return inf
        return self._messageBeganAt + timeout
