"""What the admin pages that are open show: L{Board}, and L{Onlooker} for each."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from wsagent.broadcasting import broadcast
from wsagent.console.commanding import CommandError
from wsagent.inspection import AgentReport, Inspection, Totals
from wsagent.protocol import WebSocketProtocol
from wsagent.survey import Rows, Survey, View

from .orders import Answer, Orders, readWords

INTERVAL = 1.0
"""Seconds between two looks."""
_NAME_LIMIT = 200
"""Characters of a path, or of another name that a peer has chosen."""


class _Malformed(Exception):
    """What came is nothing that the page says."""


class Board:
    """
    Shows to all admin pages that are open what there is to see.

    It looks once a second for all of them, and not while there are none.
    """

    def __init__(self, inspection: Inspection, orders: Orders) -> None:
        """
        @param inspection: of the server.
        @param orders: takes what the pages ask for.
        """
        self.orders = orders
        self._inspection = inspection
        self._onlookers: set[Onlooker] = set()
        # Those whose view has changed: they need not wait for the next second.
        self._changed: set[Onlooker] = set()
        self._isDue = False
        self._survey: Survey | None = None
        self._looking = LoopingCall(self._look)
        self._looking.clock = inspection.factory.reactor

    def makeOnlooker(self) -> Onlooker:
        """Make an agent for a page."""
        return Onlooker(self)

    def join(self, onlooker: Onlooker) -> None:
        """Show all to one more."""
        self._onlookers.add(onlooker)
        if not self._looking.running:
            self._looking.start(INTERVAL)

    def leave(self, onlooker: Onlooker) -> None:
        """Show nothing to one who is gone; look no more for nobody."""
        self._onlookers.discard(onlooker)
        self._changed.discard(onlooker)
        if not self._onlookers and self._looking.running:
            self._looking.stop()
            self._isDue = False
            if self._survey is not None:
                self._survey.stop()
                self._survey = None

    def viewChanged(self, onlooker: Onlooker) -> None:
        """Show another view to one of them, soon."""
        self._changed.add(onlooker)
        self._begin()

    def _look(self) -> None:
        """Look at all, for all."""
        self._isDue = True
        self._begin()

    def _begin(self) -> None:
        """Begin to look, unless that goes on."""
        if self._survey is not None:
            return
        isForAll, self._isDue = self._isDue, False
        # To who reads too slowly, what comes later says all the same.
        wanting = self._onlookers if isForAll else self._changed
        wanting = {each for each in wanting if not each.bufferedAmount}
        if not wanting:
            return
        self._changed -= wanting
        views = {each.view for each in wanting if each.view is not None}
        finished = partial(self._finished, wanting, isForAll)
        self._survey = Survey(self._inspection, views, finished)
        self._survey.goOn()

    def _finished(
        self,
        wanting: set[Onlooker],
        isForAll: bool,
        totals: Totals,
        found: dict[View, Rows],
    ) -> None:
        """Show what was seen."""
        self._survey = None
        if isForAll:
            broadcast(wanting, _written(self._counted(totals)))
        for view, rows in found.items():
            same = [each for each in wanting if each.view == view]
            broadcast(same, _written(_listed(rows)))
        if self._isDue or any(not each.bufferedAmount for each in self._changed):
            self._begin()

    def _counted(self, totals: Totals) -> dict[str, Any]:
        """Put what was counted into words."""
        factory = self._inspection.factory
        statistics = factory.statistics
        trips = statistics.roundTrips
        return {
            "counted": {
                **totals._asdict(),
                "passed": totals.passed._asdict(),
                "seconds": factory.reactor.seconds(),
                "isDraining": factory.isDraining,
                "handshakes": dict(sorted(statistics.handshakes.items())),
                "closes": self._inspection.closes(),
                "slowEver": statistics.slow,
                "roundTrips": {
                    "bounds": trips.bounds,
                    "counts": trips.counts,
                    "sum": trips.sum,
                },
            }
        }


class Onlooker(WebSocketProtocol):
    """
    An admin page that is open somewhere.

    What it sends is JSON: C{{"view": {...}}}, where C{null} is no agents, or
    C{{"command": [...], "number": n}}, which is answered under that number.

    @ivar view: which agents it shows, or C{None}.
    """

    def __init__(self, board: Board) -> None:
        """@param board: what it looks at."""
        self._board = board
        self.view: View | None = None

    def negotiationFinished(self) -> None:
        """Begin to look."""
        self._board.join(self)

    def textMessageReceived(self, message: str) -> None:
        """Do what the page asks for."""
        try:
            self._take(_read(message))
        except _Malformed as error:
            self.loseConnection(1008, str(error))

    def bytesMessageReceived(self, data: bytes) -> None:
        """Refuse it."""
        self.loseConnection(1003, "allowed: text")

    def connectionLost(self, reason: Failure) -> None:
        """Look no more."""
        self._board.leave(self)

    def _take(self, told: dict[str, Any]) -> None:
        """
        Take what the page says.

        @raise _Malformed: it never says that.
        """
        if told.keys() == {"view"}:
            self.view = _readView(told["view"])
            self._board.viewChanged(self)
        elif told.keys() == {"command", "number"}:
            self._command(told["command"], told["number"])
        else:
            raise _Malformed("allowed: view, or command and number")

    def _command(self, told: object, number: object) -> None:
        """Have a command done."""
        try:
            words = readWords(told)
        except CommandError as error:
            raise _Malformed(f"command: {error}") from None
        who = str(self._wire)
        if self.avatar is not None:
            who = f"{self.avatar!a} from {who}"
        self._board.orders.take(words, who).addCallback(self._answer, number)

    def _answer(self, answer: Answer, number: object) -> None:
        """Say what became of a command."""
        self.sendTextMessage(_written({"answer": answer.told, "number": number}))


def _read(message: str) -> dict[str, Any]:
    """
    Read a message.

    @raise _Malformed: it is no object of JSON.
    """
    try:
        told = json.loads(message)
    except (ValueError, RecursionError):
        raise _Malformed("no JSON") from None
    if not isinstance(told, dict):
        raise _Malformed("allowed: an object")
    return told


def _readView(told: object) -> View | None:
    """
    Read a view.

    @raise _Malformed: it is none.
    """
    if told is None:
        return None
    types = (str, str, bool)
    if isinstance(told, dict) and told.keys() == set(View._fields):
        view = View(**told)
        if tuple(map(type, view)) == types and view.isPossible:
            return view
    raise _Malformed("allowed: a view with text, order and isDescending")


def _listed(rows: Rows) -> dict[str, Any]:
    """Put the agents of a view into words."""
    return {
        "listed": {
            "matching": rows.matching,
            "columns": AgentReport._fields,
            "rows": [list(map(_short, report)) for report in rows.rows],
        }
    }


def _short(value: object) -> object:
    """Cut what is too long, or too exact."""
    if isinstance(value, str) and len(value) > _NAME_LIMIT:
        return value[:_NAME_LIMIT] + "…"
    return round(value, 6) if isinstance(value, float) else value


_written: Callable[[object], str] = json.JSONEncoder(separators=(",", ":")).encode
"""Write something, and no space that only people need."""
