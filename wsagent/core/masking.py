"""
Masking: what a client does to every payload that it sends.

@see: RFC 6455 section 5.3.
"""

from __future__ import annotations

import os


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
    repeated = (key * (length // 4 + 1))[:length]
    masked = int.from_bytes(payload, "little") ^ int.from_bytes(repeated, "little")
    return masked.to_bytes(length, "little")


def newKey() -> bytes:
    """
    Make a masking key that no observer can guess.

    @return: 4 octets.
    @see: RFC 6455 section 5.3, "a strong source of entropy".
    """
    return os.urandom(4)
