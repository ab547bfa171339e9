"""How tests of the core write frames, cut octets, name rows and count work."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from wsagent.core.codes import Role

KEY = bytes.fromhex("37fa213d")
"""The masking key of RFC 6455 section 5.7."""

PEERS = ((Role.SERVER, KEY), (Role.CLIENT, b""))
"""Our role, and the key that the peer then has to mask with."""


class Written(list[bytes]):
    """All that a connection has written, a frame each."""

    def write(self, *octets: bytes) -> None:
        """Put a frame together, if it came in parts."""
        self.append(b"".join(octets))


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: int = 1,
    rsv: int = 0,
    key: bytes = b"",
    declared: int | None = None,
    form: int | None = None,
) -> bytes:
    """
    Write any frame, right or wrong.

    @param declared: the length in the header, if not the payload's.
    @param form: bits of that length: 7, 16 or 64; the shortest by default.
    """
    length = len(payload) if declared is None else declared
    if form is None:
        form = 7 if length < 126 else 16 if length < 65_536 else 64
    short = {7: length, 16: 126, 64: 127}[form]
    extended = b"" if form == 7 else length.to_bytes(form // 8, "big")
    header = bytes((fin << 7 | rsv << 4 | opcode, (0x80 if key else 0) | short))
    return header + extended + key + masked(payload, key)


def masked(payload: bytes, key: bytes) -> bytes:
    """Mask as section 5.3 has it, octet by octet."""
    if not key:
        return payload
    return bytes(octet ^ key[i % 4] for i, octet in enumerate(payload))


def pieces(octets: bytes, size: int) -> list[bytes]:
    """Cut into pieces of a size."""
    return [octets[at : at + size] for at in range(0, len(octets), size)]


def cutAt(octets: bytes, positions: Iterable[int]) -> list[bytes]:
    """Cut at positions; those behind the end make empty pieces."""
    stops = sorted(positions)
    return [
        octets[start:stop]
        for start, stop in zip([0, *stops], [*stops, len(octets)], strict=True)
    ]


def allCuts(octets: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Name, and make, every cut in two, and pieces of 1, 2, 3 and 7 octets."""
    for position in range(len(octets) + 1):
        yield f"cut at {position}", [octets[:position], octets[position:]]
    for size in (1, 2, 3, 7):
        yield f"pieces of {size}", pieces(octets, size)


@contextmanager
def row(name: object) -> Iterator[None]:
    """Name the row of a table that fails."""
    try:
        yield
    except Exception as error:
        raise AssertionError(f"{name}: {error!r}") from error


def effort(work: Callable[[], object]) -> int:
    """Count the calls, into Python and into C, that some work takes."""
    calls = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls
