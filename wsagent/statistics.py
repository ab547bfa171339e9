"""What happened to the connections of one server: L{Statistics}."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from operator import add
from typing import Any, Final

from twisted.python.failure import Failure

from .delivery import Amounts
from .outlet import Outlet

NO_ANSWER: Final = "none"
"""The outcome of a handshake that was not answered: the peer left, or was too slow."""
ROUND_TRIPS: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Seconds up to which round trips are counted together."""


class Histogram:
    """
    How many values there were, by their size.

    @ivar bounds: the largest value of each count, but of the last.
    @ivar counts: values above the bound before, up to their own.
    @ivar sum: of all values.
    """

    def __init__(self, bounds: tuple[float, ...]) -> None:
        """@param bounds: in ascending order."""
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Statistics:
    """
    What has happened since a server was made.

    What a live connection has passed is known to that alone: a message costs
    nothing here.

    @ivar handshakes: how many had which outcome: a status of HTTP, or
        C{none}.
    @ivar closes: how many connections that were open ended with which code.
    @ivar slow: how many peers were given up that did not take what was sent.
    @ivar roundTrips: seconds that our pings took.
    @ivar gone: what has passed on connections that are gone.
    """

    def __init__(self) -> None:
        """Nothing has happened."""
        self.handshakes: Counter[str] = Counter()
        self.closes: Counter[int] = Counter()
        self.slow = 0
        self.roundTrips = Histogram(ROUND_TRIPS)
        self.gone = Amounts()

    def lost(self, wire: Outlet, failure: Failure) -> None:
        """Count a connection that was open, and is gone."""
        error: Any = failure.value
        self.closes[error.code] += 1
        self.gone = Amounts(*map(add, self.gone, wire.amounts))
