"""
Masking: what a client does to every payload that it sends.

Compiled, masking.pyx takes the place of this file.

@see: RFC 6455 section 5.3.
"""

from __future__ import annotations

import os

_POOL_SIZE = 256
"""Keys that are drawn from the system at once: a call of it costs more than a key."""

Payload = bytes | str
"""Octets, or ASCII, which stands for them."""

_pool: list[bytes] = []
_number = int.from_bytes

# A child would use the keys that its parent is going to use.
getattr(os, "register_at_fork", lambda **_: None)(after_in_child=_pool.clear)


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


def payloadAt(data: bytes, start: int, stop: int, isMasked: bool) -> bytes:
    """
    Take a payload out of a segment.

    @param isMasked: with the key that stands right before it.
    @return: what C{data[start:stop]} is without its mask.
    """
    if not isMasked:
        return data[start:stop]
    # As in applyMask, without a call for each message.
    length = stop - start
    key = data[start - 4 : start] * (length // 4 + 1)
    masked = _number(data[start:stop], "little") ^ _number(key[:length], "little")
    return masked.to_bytes(length, "little")


def textAt(data: bytes, start: int, stop: int, isMasked: bool) -> str:
    """
    Take a payload out of a segment as L{payloadAt} does, and decode it.

    @raise UnicodeDecodeError: it is not UTF-8.
    """
    return payloadAt(data, start, stop, isMasked).decode("utf-8")


def joined(header: bytes, payload: Payload, key: bytes) -> bytes:
    """
    Put a frame together, in one go.

    @param header: without the key.
    @param key: what to mask the payload with, or empty.
    @return: the header itself if nothing follows it.
    """
    payload = octetsOf(payload)
    if key:
        return header + key + applyMask(payload, key)
    return header + payload if payload else header


def encoded(text: str) -> bytes:
    """
    Encode what must be text as UTF-8.

    @raise TypeError: it is no C{str}.
    @raise ValueError: it has a surrogate, which is no UTF-8.
    """
    if not isinstance(text, str):
        raise TypeError(f"text is {type(text).__name__}, needed str")
    return text.encode("utf-8")


def payloadOf(text: str) -> Payload:
    """
    Give what a text message has as payload; check what L{encoded} does.

    Compiled, ASCII is its own UTF-8: the text itself is given.
    """
    return encoded(text)


def octetsOf(payload: Payload) -> bytes:
    """Give the octets of a payload."""
    return payload.encode("ascii") if isinstance(payload, str) else payload


class Gathering:
    """Octets that are put together as they come, unmasked on their way."""

    def __init__(self) -> None:
        """There are none yet."""
        self._octets = bytearray()

    def append(self, data: bytes, length: int, key: bytes, most: int) -> None:
        """
        Take the first octets of a segment.

        @param key: what they are masked with, or empty.
        @param most: how many there may be in the end: not yet believed.
        """
        part = data[:length]
        self._octets += applyMask(part, key) if key else part

    def octets(self) -> bytes:
        """Give what came."""
        return bytes(self._octets)


class Cork(bytearray):
    """Frames that leave together."""

    def add(self, header: bytes, payload: Payload, key: bytes) -> int:
        """
        Take a frame in.

        @param header: without the key.
        @param key: what to mask the payload with, or empty.
        @return: how many octets there are now.
        """
        self += joined(header, payload, key)
        return len(self)


def newKey() -> bytes:
    """
    Make a masking key that no observer can guess, and that is used once.

    @return: 4 octets.
    @see: RFC 6455 section 5.3, "a strong source of entropy".
    """
    try:
        return _pool.pop()
    except IndexError:
        octets = os.urandom(4 * _POOL_SIZE)
        _pool.extend(octets[i : i + 4] for i in range(4, len(octets), 4))
        return octets[:4]
