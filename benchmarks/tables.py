"""Tables of what was measured: aligned text, which is reStructuredText as well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from cases import Case
from measuring import Figures
from roster import PEERS, Peer

LIMIT = next(peer.name for peer in PEERS if not peer.module)
"""The server in C."""

NOTHING = "\N{EN DASH}"
"""What was not measured; a hyphen would begin a list."""

_Cell = Callable[[Case, Peer], float | None]


def layOut(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """
    Lay a table out.

    @param head: what stands over the columns; a hyphen begins a second line.
    """
    lines = [[name.partition("-")[::2][line] for name in head] for line in (0, 1)]
    # In the first column, what is empty continues the row above.
    heads = lines if any(lines[1]) else lines[:1]
    table = [*heads, *rows]
    columns = list(zip(*table, strict=True))
    widths = [max(map(len, column)) for column in columns]
    ruler = "  ".join("=" * width for width in widths)
    # Names and sentences begin to the left, numbers end to the right.
    areWords = [
        not at or any(" " in cell for cell in columns[at]) for at in range(len(head))
    ]
    lines = [
        "  ".join(
            cell.ljust(width) if isWord else cell.rjust(width)
            for cell, width, isWord in zip(row, widths, areWords, strict=True)
        ).rstrip()
        for row in table
    ]
    return "\n".join([ruler, *lines[: len(heads)], ruler, *lines[len(heads) :], ruler])


def number(value: float | None) -> str:
    """Write a number with three digits that say something."""
    if value is None:
        return NOTHING
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.{2 if value < 10 else 1}f}"


class Tables:
    """All tables of a run."""

    def __init__(
        self,
        figures: Figures,
        cases: Sequence[Case],
        peers: Sequence[Peer],
    ) -> None:
        """@param peers: the first one is what the others are compared with."""
        self._figures = figures
        self._cases = [case for case in cases if figures.get(case.name)]
        self._reference = peers[0].name
        self._peers = [
            peer
            for peer in peers
            if any(figures[case.name].get(peer.name) for case in self._cases)
        ]

    def value(self, case: Case, peer: Peer, name: str = "") -> float | None:
        """Give the median of all rounds."""
        turns = self._figures[case.name].get(peer.name, [])
        name = name or case.figure
        found = [turn[name] for turn in turns if name in turn]
        return median(found) if found else None

    def ratios(self, case: Case, peer: Peer) -> list[float]:
        """Give the ratio to the first peer in each round."""
        turns = self._figures[case.name]
        ours = turns.get(self._reference, [])
        theirs = turns.get(peer.name, [])
        name = case.figure
        pairs = zip(theirs, ours, strict=False)
        return [their[name] / our[name] for their, our in pairs if our[name] > 0]

    def ratio(self, case: Case, peer: Peer) -> float | None:
        """Give the median ratio to the first peer."""
        found = self.ratios(case, peer)
        return median(found) if found else None

    def shareOfLimit(self, case: Case, peer: Peer) -> float | None:
        """Give what the server in C costs, a peer being 1."""
        limit = self._figures[case.name].get(LIMIT, [])
        turns = self._figures[case.name].get(peer.name, [])
        name = case.figure
        found = [
            low[name] / turn[name] for low, turn in zip(limit, turns, strict=False)
        ]
        return median(found) if found else None

    def unrest(self) -> str:
        """Say how far the ratios moved from round to round."""
        moved = [
            (max(found) - min(found)) / median(found)
            for case in self._cases
            for peer in self._peers
            if peer.name != self._reference
            and len(found := self.ratios(case, peer)) > 1
        ]
        if not moved:
            return ""
        return (
            f"From round to round a ratio moved by {median(moved):.0%}, "
            f"as the median; by {max(moved):.0%} at most."
        )

    def _table(self, cases: Sequence[Case], cell: _Cell, hasUnit: bool = False) -> str:
        """Lay out a row for each case, a column for each peer."""
        units = ["unit"] if hasUnit else []
        rows = [
            [
                case.name,
                *([case.unit] if hasUnit else []),
                *(number(cell(case, peer)) for peer in self._peers),
            ]
            for case in cases
        ]
        return layOut(["case", *units, *(peer.name for peer in self._peers)], rows)

    def _named(self, cases: Sequence[Case], name: str) -> str:
        """Lay out another figure than the one that is compared."""
        return self._table(cases, lambda case, peer: self.value(case, peer, name))

    def sections(self) -> Iterable[tuple[str, str]]:
        """Give each table with its title."""
        yield (
            f"Cost, that of {self._reference} being 1: CPU time a message, or memory",
            self._table(self._cases, self.ratio),
        )
        limited = [
            case
            for case in self._cases
            if LIMIT in self._figures[case.name] and case.way != "memory"
        ]
        if limited:
            yield (
                "Share of the limit: 1 is as fast as the server in C",
                self._table(limited, self.shareOfLimit),
            )
        yield "Cost, absolute", self._table(self._cases, self.value, hasUnit=True)
        rates = [case for case in self._cases if case.way != "memory"]
        if rates:
            yield "Messages, or handshakes, a second", self._named(rates, "rate")
        late = [case for case in self._cases if case.hasLatency]
        if late:
            yield "Round trip, µs, 50th percentile", self._named(late, "p50")
            yield "Round trip, µs, 99th percentile", self._named(late, "p99")
        sized = [
            case
            for case in self._cases
            if case.role == "deflate" and case.way == "echo"
        ]
        if sized:
            yield "Octets of a compressed message", self._named(sized, "size")
        names = [[case.name, case.title] for case in self._cases]
        yield "The cases", layOut(["case", "what"], names)
