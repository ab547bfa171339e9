"""What the first octets of an input choose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Option = TypeVar("Option")


class Choices:
    """
    An input whose first octets choose how the rest is read.

    Each choice takes one octet, so that an engine finds where to turn.
    """

    def __init__(self, octets: bytes) -> None:
        """@param octets: where they end, all choices are the first."""
        self._octets = octets
        self._position = 0

    def number(self) -> int:
        """Choose 0 to 255."""
        octet = self._octets[self._position : self._position + 1]
        self._position += 1
        return octet[0] if octet else 0

    def one(self, options: Sequence[Option]) -> Option:
        """Choose one of some options."""
        return options[self.number() % len(options)]

    def bits(self, count: int) -> list[bool]:
        """Choose several times between yes and no, with one octet."""
        number = self.number()
        return [bool(number >> bit & 1) for bit in range(count)]

    def sizes(self) -> list[int]:
        """Choose how to cut: for L{cut}."""
        return [self.number(), self.number()]

    def rest(self) -> bytes:
        """Give what chooses nothing."""
        return self._octets[self._position :]


def cut(octets: bytes, sizes: Sequence[int]) -> list[bytes]:
    """
    Cut into pieces.

    @param sizes: of the pieces, by turns; all C{0} is one octet each.
    """
    if not any(sizes):
        sizes = [1]
    pieces = []
    position = turn = 0
    while position < len(octets):
        size = sizes[turn % len(sizes)]
        pieces.append(octets[position : position + size])
        position += size
        turn += 1
    return pieces or [b""]
