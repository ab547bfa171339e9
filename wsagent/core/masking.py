"""
Masking: what a client does to every payload that it sends.

@see: RFC 6455 section 5.3.
"""

from __future__ import annotations

import os
from functools import lru_cache

_WIDE = 700
"""Octets from which four C{translate} are faster than one wide XOR (benchmarks/masking.py)."""


def applyMask(payload: bytes, key: bytes) -> bytes:
    """
    XOR a payload with a masking key, repeated.  Its own inverse.

    @param payload: n octets, n >= 0.
    @param key: exactly 4 octets.
    @return: n octets, a new object.
    @raise ValueError: C{key} is not 4 octets.
    @see: RFC 6455 section 5.3.
    """
    if len(key) != 4:
        raise ValueError(f"{len(key)} octets of masking key, needed 4")
    length = len(payload)
    if length <= _WIDE:
        repeated = (key * (length // 4 + 1))[:length]
        return (
            int.from_bytes(payload, "little") ^ int.from_bytes(repeated, "little")
        ).to_bytes(length, "little")
    masked = bytearray(length)
    for position in range(4):
        masked[position::4] = payload[position::4].translate(_table(key[position]))
    return bytes(masked)


def newKey() -> bytes:
    """
    Make a masking key that no observer can guess.

    @return: 4 octets.
    @see: RFC 6455 section 5.3, "a strong source of entropy".
    """
    return os.urandom(4)


@lru_cache(256)
def _table(octet: int) -> bytes:
    """Make the C{translate} table that XORs with C{octet}."""
    return bytes(value ^ octet for value in range(256))
