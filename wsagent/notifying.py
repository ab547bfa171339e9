"""What systemd is told: that we are ready, how we are, that we reload or stop."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

_AGAIN = 0.1
"""Seconds after which it is tried again, when systemd has no room."""
_PAUSE = 1.0
"""Seconds between two looks at what a stop still waits for."""
_MARGIN = 10.0
"""Seconds that a stop may take beside the connections."""
_STATUS_LIMIT = 500
"""Characters of a status: systemd ignores a whole datagram of over 4 KiB."""

_microseconds = re.compile(r"[0-9]{1,18}")

_log = Logger()


class Notifier:
    """
    Tells whoever has started the process how it goes, as C{sd_notify} does.

    Nothing that goes wrong here is in the service's way: the log says it, once.
    """

    def __init__(
        self,
        clock: IReactorTime,
        address: str = "",
        watchdogTimeout: float | None = None,
    ) -> None:
        """
        @param clock: runs while the reactor does.
        @param address: a UNIX socket for datagrams, an abstract one with C{@}
            before its name; without one, nobody is told anything.
        @param watchdogTimeout: seconds of silence after which we are taken for
            stuck: we say twice as often that we are not.
        """
        self._clock = clock
        self._address = "\0" + address[1:] if address[:1] == "@" else address
        self._interval = None if watchdogTimeout is None else watchdogTimeout / 2
        self._isReady = False
        self._hasComplained = False
        self._socket: socket.socket | None = None
        # What systemd had no room for.
        self._waiting: list[bytes] = []
        self._calls: dict[Callable[..., object], IDelayedCall] = {}

    @classmethod
    def fromEnvironment(
        cls,
        clock: IReactorTime,
        environment: MutableMapping[str, str] = os.environ,
    ) -> Notifier:
        """
        Make the one that C{NOTIFY_SOCKET} and C{WATCHDOG_USEC} ask for.

        They are taken out: a program that the application starts is not the
        service, and must not be able to say that it stops.

        To be called before a daemon goes into the background: C{WATCHDOG_PID}
        is the number of the process that was started.
        """
        address = environment.pop("NOTIFY_SOCKET", "")
        microseconds = environment.pop("WATCHDOG_USEC", "")
        isMeant = environment.pop("WATCHDOG_PID", "") in ("", str(os.getpid()))
        isWatched = isMeant and _microseconds.fullmatch(microseconds)
        timeout = int(microseconds) / 1e6 if isWatched else 0
        return cls(clock, address, timeout or None)

    def ready(self, status: str) -> None:
        """Say that we serve, as soon as the reactor runs; and that it goes on."""
        self._later(0, self._tellReady, status)

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """Say that something is read again, and then that this is done."""
        if not self._isReady:
            yield
            return
        now = time.monotonic_ns() // 1000
        self._tell("RELOADING=1", f"MONOTONIC_USEC={now}")
        try:
            yield
        finally:
            self._tell("READY=1")

    def stopping(self, describe: Callable[[], str], timeout: float) -> None:
        """
        Say that we stop, and from time to time what we wait for.

        @param describe: says what.
        @param timeout: for so many seconds at most.
        """
        self._isReady = False
        self._cancel(self._tellReady)
        status = describe()
        patience = round((timeout + _MARGIN) * 1e6)
        extension = f"EXTEND_TIMEOUT_USEC={patience}"
        self._tell("STOPPING=1", extension, _statusLine(status))
        self._later(_PAUSE, self._tellProgress, describe, status)

    def stopped(self) -> None:
        """Say nothing more, nor have what was said last be believed."""
        if self._tellProgress in self._calls:
            self._tell("STATUS=")
        for name in list(self._calls):
            self._cancel(name)
        self._waiting.clear()
        self._isReady = False
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _tellReady(self, status: str) -> None:
        """Say it: the reactor runs."""
        self._isReady = True
        self._tell("READY=1", _statusLine(status))
        self._awaitBeat()

    def _tellProgress(self, describe: Callable[[], str], before: str) -> None:
        """Say what we wait for, if that has changed."""
        status = describe()
        if status != before:
            self._tell(_statusLine(status))
        self._later(_PAUSE, self._tellProgress, describe, status)

    def _beat(self) -> None:
        """Say that we are not stuck."""
        self._tell("WATCHDOG=1")
        self._awaitBeat()

    def _awaitBeat(self) -> None:
        """Say so in a while, if somebody wants to know."""
        if self._interval is not None:
            self._later(self._interval, self._beat)

    def _later(
        self, seconds: float, call: Callable[..., object], *arguments: object
    ) -> None:
        """Call a method of ours later, in place of an earlier such call."""
        if self._address:
            self._cancel(call)
            self._calls[call] = self._clock.callLater(seconds, call, *arguments)

    def _cancel(self, call: Callable[..., object]) -> None:
        """Do not call it after all."""
        delayed = self._calls.pop(call, None)
        if delayed is not None and delayed.active():
            delayed.cancel()

    def _tell(self, *lines: str) -> None:
        """Send a datagram, after those that wait."""
        if self._address:
            datagram = "\n".join(lines).encode(errors="replace")
            if self._waiting[-1:] != [datagram]:
                self._waiting.append(datagram)
            self._send()

    def _send(self) -> None:
        """Send what waits, and never wait for it."""
        try:
            if self._socket is None:
                # Kept: when there are no file descriptors, the watchdog still
                # has to hear of us.
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self._socket.setblocking(False)
            while self._waiting:
                self._socket.sendto(self._waiting[0], self._address)
                del self._waiting[0]
        except BlockingIOError:
            self._later(_AGAIN, self._send)
        except OSError as error:
            self._waiting.clear()
            self._complain(str(error))

    def _complain(self, why: str) -> None:
        """Say, once, that nobody hears us."""
        if not self._hasComplained:
            self._hasComplained = True
            where = self._address.replace("\0", "@")
            _log.error("systemd is not told at {where}: {why}", where=where, why=why)


def _statusLine(status: str) -> str:
    """Put a status into one line, which ends nothing but itself."""
    return f"STATUS={' '.join(status.split())[:_STATUS_LIMIT]}"
