"""
Whether a peer takes what is sent to it, however slowly.

That a transport is ready again says so, but late: the system calls a socket
writable when a third of all that it keeps for it has gone, which can be more than a
megabyte.  So we ask it how much it still keeps.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from struct import unpack
from typing import Any

from .timing import Timer, Wheel

if sys.platform == "linux":
    from fcntl import ioctl
    from termios import TIOCOUTQ

_LOOKS = 4
"""How often we ask while we wait."""


class Progress(Timer):
    """The time in which some of what waits has to be sent."""

    def __init__(
        self,
        wheel: Wheel,
        timeout: float,
        transport: Any,
        abort: Callable[[str], object],
    ) -> None:
        """
        Run.

        @param timeout: seconds without progress; up to a quarter more may pass.
        @param transport: what is sent through.
        @param abort: called with the reason if there was none.
        """
        super().__init__(wheel)
        self._now = wheel.seconds
        self._timeout = timeout
        self._transport = transport
        self._abort = abort
        self._kept: int | None = None
        self._progressedAt = self._now()
        self.start(self._progressedAt + timeout / _LOOKS)

    def expired(self) -> None:
        """Look, and look again later unless it has taken too long."""
        now = self._now()
        kept, self._kept = self._kept, octetsKept(self._transport)
        if self._kept != kept:
            self._progressedAt = now
        end = self._progressedAt + self._timeout
        if now < end:
            self.start(min(end, now + self._timeout / _LOOKS))
        else:
            self._abort(f"nothing sent for {self._timeout:g} s")


def octetsKept(transport: Any) -> int | None:
    """
    Ask how many octets the system keeps for a peer that has not acknowledged them.

    @param transport: one with a socket, or what wraps it, as TLS does.
    @return: C{None} if there is no telling.
    """
    if sys.platform != "linux":
        return None
    while (inner := getattr(transport, "transport", None)) is not None:
        transport = inner
    try:
        descriptor = transport.getHandle().fileno()
        kept: int = unpack("i", ioctl(descriptor, TIOCOUTQ, bytes(4)))[0]
    except (AttributeError, OSError, ValueError):
        return None
    return kept
