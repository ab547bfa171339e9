"""The end of many connections: all are closed, but not at once."""

from __future__ import annotations

from collections.abc import Collection

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from .wire import Wire

BATCH = 100
PAUSE = 0.1
"""So many connections are closed, then so many seconds pass: no herd comes back."""


class Drain:
    """The closing of a set of connections, with a deadline."""

    def __init__(
        self,
        clock: IReactorTime,
        wires: Collection[Wire],
        code: int,
        timeout: float,
    ) -> None:
        """
        @param wires: whoever owns them calls L{wireLost} for each lost one.
        @param code: the close code.
        @param timeout: seconds until those that are left are aborted.
        """
        self.finished: Deferred[None] = Deferred()
        self._clock = clock
        self._wires = wires
        self._code = code
        self._calls: list[IDelayedCall] = [clock.callLater(timeout, self._abortAll)]
        self._closeSome(list(wires))

    def wireLost(self) -> None:
        """Finish if there is none left."""
        if not self._wires and not self.finished.called:
            for call in self._calls:
                if call.active():
                    call.cancel()
            self.finished.callback(None)

    def _closeSome(self, left: list[Wire]) -> None:
        """Close a batch, and the next a little later."""
        if len(left) > BATCH:
            later = self._clock.callLater(PAUSE, self._closeSome, left[BATCH:])
            self._calls.append(later)
        for wire in left[:BATCH]:
            wire.close(self._code)

    def _abortAll(self) -> None:
        """Lose patience."""
        for wire in list(self._wires):
            wire.abort("did not close in time")
