"""What C{wsagent top} shows, as text: its columns, and how values are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from wsagent.terminal import columnsOf, rows


class Column(NamedTuple):
    """A column of the table."""

    title: str
    width: int
    """At least."""
    rank: int
    """The first that goes when there is no room has the largest."""
    shown: Callable[[dict[str, Any], dict[str, float]], str]
    """Called with the agent, and what it does in a second."""
    most: int = 0
    """Of a text, its width at most."""


def table(
    agents: list[dict[str, Any]],
    rates: dict[str, dict[str, float]],
    width: int,
) -> Iterator[str]:
    """
    Write a table, its titles first.

    @param agents: as the console's C{top} has them.
    @param rates: what each does in a second, by its address, if it is known.
    @param width: columns of the terminal.
    """
    columns = _fitting(width)
    yield _row(columns, [column.title for column in columns])
    for agent in agents:
        known = rates.get(agent["address"], {})
        yield _row(columns, [column.shown(agent, known) for column in columns])


def fitted(text: str, width: int, isRight: bool = False) -> str:
    """
    Cut or fill a text to a width, escaped.

    @param width: columns of a terminal.
    """
    if width < 2:
        return " " * width
    first = next(rows(text, width))
    gap = " " * (width - columnsOf(first))
    return gap + first if isRight else first + gap


def size(octets: float) -> str:
    """Write octets in at most 6 columns."""
    for unit in ("B", "K", "M", "G", "T"):
        if octets < 1000 or unit == "T":
            break
        octets /= 1024
    return (
        f"{octets:.0f}{unit}" if unit == "B" or octets >= 100 else f"{octets:.1f}{unit}"
    )


def age(seconds: float) -> str:
    """Write how long, in at most 6 columns."""
    whole = int(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02}"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}"
    return f"{whole // 86_400}d{whole % 86_400 // 3600:02}"


def rate(
    rates: dict[str, float],
    name: str,
    shown: Callable[[float], str] = "{:.0f}".format,
) -> str:
    """Write how fast something grows."""
    return shown(rates[name]) if name in rates else "-"


def _seconds(value: float | None) -> str:
    """Write a round trip in at most 7 columns."""
    if value is None:
        return "-"
    return f"{1000 * value:.1f}ms" if value < 1 else f"{value:.1f}s"


_COLUMNS: Final = (
    Column("ADDRESS", 9, 0, lambda agent, _: agent["address"], 9),
    Column("AGENT", 8, 8, lambda agent, _: agent["agent"], 20),
    Column("PEER", 15, 3, lambda agent, _: agent["peer"], 21),
    Column("PATH", 8, 5, lambda agent, _: agent["path"], 1000),
    Column("AGE", 6, 6, lambda agent, _: age(agent["seconds"])),
    Column("IN/s", 6, 1, lambda _, rates: rate(rates, "octetsReceived", size)),
    Column("OUT/s", 6, 2, lambda _, rates: rate(rates, "octetsSent", size)),
    Column("IN", 6, 9, lambda agent, _: size(agent["octetsReceived"])),
    Column("OUT", 6, 10, lambda agent, _: size(agent["octetsSent"])),
    Column("WAIT", 6, 4, lambda agent, _: size(agent["buffered"])),
    Column("TRIP", 7, 7, lambda agent, _: _seconds(agent["roundTripTime"])),
)


def _fitting(width: int) -> list[Column]:
    """Choose the columns that there is room for, and widen texts to fill it."""
    columns = list(_COLUMNS)
    while len(columns) > 1 and _taken(columns) > width:
        columns.remove(max(columns, key=lambda each: each.rank))
    for at, column in enumerate(columns):
        spare = min(max(0, width - _taken(columns)), column.most - column.width)
        if spare > 0:
            columns[at] = column._replace(width=column.width + spare)
    return columns


def _taken(columns: list[Column]) -> int:
    """Count the columns of the terminal that a row takes."""
    return sum(each.width + 1 for each in columns) - 1


def _row(columns: list[Column], texts: list[str]) -> str:
    """Write a row of the table: texts from the left, numbers from the right."""
    return " ".join(
        fitted(text, column.width, isRight=not column.most)
        for column, text in zip(columns, texts, strict=True)
    )
