"""What tests of compression have in common: octets, peers, and memory."""

from __future__ import annotations

import random
import tracemalloc
import zlib
from collections.abc import Callable, Iterable

TAIL = b"\x00\x00\xff\xff"
HELLO = bytes.fromhex("f248cdc9c90700")
"""RFC 7692 section 7.2.3.1."""
HELLO_AGAIN = bytes.fromhex("f200110000")
"""Section 7.2.3.2: it refers to the first one."""
HELLO_STORED = bytes.fromhex("000500faff48656c6c6f00")
"""Section 7.2.3.3."""
HELLO_LAST = bytes.fromhex("f348cdc9c9070000")
"""Section 7.2.3.4: a last block."""
HELLO_TWICE = bytes.fromhex("f248050000 00ffffcac9c90700")
"""Section 7.2.3.5: two blocks."""


def noise(size: int, seed: int = 1) -> bytes:
    """Make octets that cannot be compressed, the same each time."""
    return random.Random(seed).randbytes(size)


def deflated(
    *payloads: bytes,
    bits: int = 15,
    level: int = 9,
    window: bytes = b"",
) -> list[bytes]:
    """Compress messages as a peer does that refers to earlier ones."""
    stream = zlib.compressobj(level, zlib.DEFLATED, -bits, 8, 0, window)
    return [
        (stream.compress(payload) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)
        or b"\x00"
        for payload in payloads
    ]


def inflated(
    octets: Iterable[bytes], bits: int = 15, takeover: bool = True
) -> list[bytes]:
    """Decompress messages as a peer does, strictly."""
    found = []
    stream = zlib.decompressobj(-bits)
    for message in octets:
        found.append(stream.decompress(message + TAIL))
        assert not stream.unused_data
        if not takeover:
            stream = zlib.decompressobj(-bits)
    return found


def peak(work: Callable[[], object]) -> int:
    """Measure the octets that some work takes at once, zlib's too."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
