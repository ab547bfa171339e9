"""Requests, right or wrong, and the frames of a server."""

from __future__ import annotations

FIELDS = (
    b"Host: localhost",
    b"Upgrade: websocket",
    b"Connection: Upgrade",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Version: 13",
)
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def request(
    *more: bytes,
    start: bytes = b"GET /chat HTTP/1.1",
    without: str = "",
    end: bytes = b"\r\n",
) -> bytes:
    """
    Write a request, good but for what the arguments make of it.

    @param more: lines to add.
    @param without: names, in lower case, of fields to leave out.
    @param end: ends each line.
    """
    left = [line for line in FIELDS if name(line) not in without.split()]
    return end.join((start, *left, *more, b"", b""))


def replaced(*lines: bytes) -> bytes:
    """Write a request with these lines in the place of the good ones."""
    return request(*lines, without=" ".join(map(name, lines)))


def name(line: bytes) -> str:
    """Name a field, in lower case."""
    return line.partition(b":")[0].decode("latin-1").lower()


def framesIn(octets: bytes) -> list[tuple[int, bytes]]:
    """
    Cut a server's octets into frames: first octet, payload.

    @raise ValueError: something is left, or masked.
    """
    frames = []
    while octets:
        if len(octets) < 2 or octets[1] > 127:
            raise ValueError(f"no frame: {octets[:20]!r}")
        length, start = octets[1], 2
        if length > 125:
            start += 2 if length == 126 else 8
            length = int.from_bytes(octets[2:start], "big")
        if len(octets) < start + length:
            raise ValueError(f"cut off: {octets[:20]!r}")
        frames.append((octets[0], octets[start : start + length]))
        octets = octets[start + length :]
    return frames
