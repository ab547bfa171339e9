"""What takes long, in several turns of the reactor: L{inTurns}."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import Final, TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

TURN: Final = 0.002
"""Seconds after which the reactor may do something else."""
LOOK: Final = 64
"""Items between two looks at the clock."""

_Item = TypeVar("_Item")


async def inTurns(
    clock: IReactorTime,
    items: Iterable[_Item],
) -> AsyncIterator[list[_Item]]:
    """
    Give items, some at a time.

    @param clock: tells the time, and when to go on.
    """
    rest = iter(items)
    until = clock.seconds() + TURN
    while some := list(islice(rest, LOOK)):
        if clock.seconds() >= until:
            await deferLater(clock, 0)
            until = clock.seconds() + TURN
        yield some
