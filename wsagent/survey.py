"""
A look at all agents that lasts several turns of the reactor: L{Survey}.

To look at ten thousand takes as long as thousands of messages do; these have
their turn in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from operator import itemgetter
from typing import Any, NamedTuple

from twisted.internet.interfaces import IDelayedCall

from .addresses import describeAddress
from .inspection import AgentReport, Inspection, Sum, Totals
from .turns import LOOK, TURN
from .wire import Wire

ROWS_LIMIT = 200
"""Agents that are shown of a view."""
_KEPT = 5 * ROWS_LIMIT
"""Agents that are kept until they are put in order, and most forgotten."""

_ORDERS: dict[str, Callable[[Any], Any]] = {
    "address": lambda wire: wire.address,
    "agent": lambda wire: type(wire.agent).__name__,
    "peer": str,
    "path": lambda wire: wire.agent.request.path,
    "subprotocol": lambda wire: wire.agent.subprotocol or "",
    "seconds": lambda wire: -wire.openedAt,
    "messagesReceived": lambda wire: wire.amounts.messagesReceived,
    "octetsReceived": lambda wire: wire.amounts.octetsReceived,
    "messagesSent": lambda wire: wire.amounts.messagesSent,
    "octetsSent": lambda wire: wire.amounts.octetsSent,
    "buffered": lambda wire: wire.bufferedAmount,
    "roundTripTime": lambda wire: wire.roundTripTime or 0.0,
}


class View(NamedTuple):
    """Which agents somebody wants to see, and in which order."""

    text: str = ""
    """What stands somewhere in a name of theirs, whatever its case."""
    order: str = "address"
    """By what of a report they are in order."""
    isDescending: bool = False

    @property
    def isPossible(self) -> bool:
        """Ask whether there is such an order."""
        return self.order in _ORDERS


class Rows(NamedTuple):
    """What is seen of a view."""

    matching: int
    """Agents that have the text."""
    rows: list[AgentReport]
    """The first of them."""


class Survey:
    """
    One look at all agents.

    Each connection is looked at once, those that are lost meanwhile too.
    """

    def __init__(
        self,
        inspection: Inspection,
        views: Iterable[View],
        finished: Callable[[Totals, dict[View, Rows]], object],
    ) -> None:
        """
        Begin at once.

        @param views: what is to be seen; each possible.
        @param finished: called with what was seen, once.
        """
        self._inspection = inspection
        self._clock = inspection.factory.reactor
        self._sum = Sum(inspection.factory)
        self._left = iter(self._sum.wires)
        self._selections = {view: _Selection(view) for view in views}
        self._finished = finished
        self._call: IDelayedCall | None = None

    def goOn(self) -> None:
        """Look for a while; the rest after the reactor has done other things."""
        self._call = None
        until = self._clock.seconds() + TURN
        while wires := list(islice(self._left, LOOK)):
            self._sum.add(wires)
            for selection in self._selections.values():
                selection.add(wires)
            if self._clock.seconds() >= until:
                self._call = self._clock.callLater(0, self.goOn)
                return
        found = {
            view: selection.rows(self._inspection)
            for view, selection in self._selections.items()
        }
        self._finished(self._sum.totals(), found)

    def stop(self) -> None:
        """Look no further."""
        if self._call is not None:
            self._call.cancel()
            self._call = None


class _Selection:
    """The agents of one view."""

    def __init__(self, view: View) -> None:
        """@param view: what is wanted."""
        self._text = view.text.lower()
        self._key = _ORDERS[view.order]
        self._isDescending = view.isDescending
        self._matching = 0
        self._kept: list[tuple[Any, Wire]] = []

    def add(self, wires: list[Wire]) -> None:
        """Take those that are open and have the text."""
        found = [wire for wire in wires if wire.isOpen]
        if self._text:
            found = [wire for wire in found if self._text in namesOf(wire)]
        self._matching += len(found)
        self._kept += [(self._key(wire), wire) for wire in found]
        if len(self._kept) > _KEPT:
            self._cut()

    def rows(self, inspection: Inspection) -> Rows:
        """Report on the first."""
        self._cut()
        # One may have been closed meanwhile, by whoever else had a turn.
        reports = [inspection.report(wire) for _, wire in self._kept if wire.isOpen]
        return Rows(self._matching, reports)

    def _cut(self) -> None:
        """Keep the first alone; of equals, the older."""
        self._kept.sort(key=itemgetter(0), reverse=self._isDescending)
        del self._kept[ROWS_LIMIT:]


def namesOf(wire: Any) -> str:
    """Give the names by which an agent is found, in lower case."""
    agent = wire.agent
    return "\n".join(
        (
            describeAddress(wire.address),
            type(agent).__name__,
            str(wire),
            agent.request.path,
            agent.subprotocol or "",
        )
    ).lower()
