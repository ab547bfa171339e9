"""
Time: the deadlines of one connection, and the pings that keep it alive.

All of it runs on an C{IReactorTime}; nothing is left on it after
L{Deadlines.stopAll}.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Literal

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from .core import codes
from .settings import Settings

Deadline = Literal["handshake", "ping", "silence", "idle", "message", "send", "close"]


class Deadlines:
    """The deadlines of one connection, on a single delayed call."""

    def __init__(self, clock: IReactorTime) -> None:
        """@param clock: what tells the time."""
        self._clock = clock
        self._due: dict[Deadline, tuple[float, Callable[[], object]]] = {}
        self._call: IDelayedCall | None = None

    def start(
        self,
        name: Deadline,
        seconds: float,
        expired: Callable[[], object],
    ) -> None:
        """
        Call C{expired} after so many seconds.

        @param name: a running deadline of that name is replaced.
        """
        self._due[name] = (self._clock.seconds() + seconds, expired)
        self._schedule()

    def isRunning(self, name: Deadline) -> bool:
        """Ask whether there is a deadline of that name."""
        return name in self._due

    def stop(self, *names: Deadline) -> None:
        """Forget deadlines, whether they run or not."""
        for name in names:
            self._due.pop(name, None)
        if not self._due and self._call is not None:
            self._call.cancel()
            self._call = None

    def stopAll(self) -> None:
        """Forget all deadlines."""
        self.stop(*self._due)

    def _schedule(self) -> None:
        """Have the delayed call come no later than the next deadline."""
        due = min(due for due, _ in self._due.values())
        wait = max(0.0, due - self._clock.seconds())
        if self._call is None:
            self._call = self._clock.callLater(wait, self._expire)
        elif due < self._call.getTime():
            self._call.reset(wait)

    def _expire(self) -> None:
        """Call what is due."""
        self._call = None
        now = self._clock.seconds()
        for name, (due, expired) in list(self._due.items()):
            if due <= now and self._due.get(name) == (due, expired):
                del self._due[name]
                expired()
        if self._due:
            self._schedule()


class Keepalive:
    """
    Pings for one open connection, and what silence means.

    @ivar roundTripTime: seconds from our last answered ping to its pong, or
        C{None}.
    """

    def __init__(
        self,
        clock: IReactorTime,
        deadlines: Deadlines,
        settings: Settings,
        ping: Callable[[bytes], object],
        silenced: Callable[[str], object],
        timedOut: Callable[[int, str], object],
    ) -> None:
        """
        @param ping: sends a ping with this payload.
        @param silenced: called with a reason when no octets came for
            C{pingInterval + pingTimeout}.
        @param timedOut: called with a close code and a reason.
        """
        self._clock = clock
        self._deadlines = deadlines
        self._settings = settings
        self._ping = ping
        self._silenced = silenced
        self._timedOut = timedOut
        self.roundTripTime: float | None = None
        self._payload = b""
        self._pingedAt = 0.0
        self._isReading = True
        self._messageNumber = -1
        self._heardAt = self._messageAt = clock.seconds()
        if settings.pingInterval is not None:
            deadlines.start("ping", settings.pingInterval, self._sendPing)
            if settings.pingTimeout is not None:
                self._silence = settings.pingInterval + settings.pingTimeout
                deadlines.start("silence", self._silence, self._checkSilence)
        if settings.idleTimeout is not None:
            deadlines.start("idle", settings.idleTimeout, self._checkIdle)

    def stop(self) -> None:
        """Send no more pings, and wait for nothing."""
        self._deadlines.stop("ping", "silence", "idle", "message")

    def segmentReceived(self) -> None:
        """Note that octets came: any octet counts as life."""
        self._heardAt = self._clock.seconds()

    def readingChanged(self, isReading: bool) -> None:
        """Note that while we do not read, the peer keeps nobody waiting."""
        self._isReading = isReading
        self._heardAt = self._clock.seconds()
        if not isReading:
            self.messageEnded()

    def messagePassed(self) -> None:
        """Note that a message went or came: the connection is not idle."""
        self._messageAt = self._clock.seconds()

    def messageContinues(self, number: int) -> None:
        """
        Note that a message has begun and not ended.

        @param number: tells it from the messages before it.
        """
        timeout = self._settings.messageTimeout
        if timeout is not None and number != self._messageNumber:
            self._messageNumber = number
            self._deadlines.start("message", timeout, self._messageTimedOut)

    def messageEnded(self) -> None:
        """Note that no message is coming in."""
        self._messageNumber = -1
        self._deadlines.stop("message")

    def isOurs(self, payload: bytes) -> bool:
        """Ask whether a pong answers our last ping; measure the round trip."""
        if not self._payload or payload != self._payload:
            return False
        self._payload = b""
        self.roundTripTime = self._clock.seconds() - self._pingedAt
        return True

    def _sendPing(self) -> None:
        """Send a ping whose pong cannot be guessed."""
        self._payload = os.urandom(8)
        self._pingedAt = self._clock.seconds()
        assert self._settings.pingInterval is not None
        self._deadlines.start("ping", self._settings.pingInterval, self._sendPing)
        self._ping(self._payload)

    def _checkSilence(self) -> None:
        """Give up on a peer that was silent; else wait for the rest."""
        now = self._clock.seconds()
        heardAt = self._heardAt if self._isReading else now
        if now - heardAt >= self._silence:
            self._silenced(f"silent for {self._silence:g} s")
        else:
            rest = heardAt + self._silence - now
            self._deadlines.start("silence", rest, self._checkSilence)

    def _checkIdle(self) -> None:
        """Close a connection that was idle; else wait for the rest."""
        limit = self._settings.idleTimeout
        assert limit is not None
        rest = self._messageAt + limit - self._clock.seconds()
        if rest <= 0:
            self._timedOut(codes.GOING_AWAY, f"idle for {limit:g} s")
        else:
            self._deadlines.start("idle", rest, self._checkIdle)

    def _messageTimedOut(self) -> None:
        """Close on a message that does not end."""
        limit = self._settings.messageTimeout
        self._timedOut(codes.POLICY_VIOLATION, f"message longer than {limit:g} s")
