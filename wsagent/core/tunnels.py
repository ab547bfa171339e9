"""
What is said to a proxy, until it is a way to a server.

The proxy resolves the server's name.
"""

from __future__ import annotations

import struct
from collections.abc import Generator
from ipaddress import ip_address
from typing import Final, Protocol

from . import heads
from .errors import HandshakeError, ProxyRefused
from .heads import HeadReader, StatusLine

Credentials = tuple[str, str]
"""User and password."""

HEAD_LIMIT: Final = 8192
"""Octets in the head of an HTTP proxy's answer, at most."""

_FAILURES = {
    1: "general failure",
    2: "not allowed",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "TTL expired",
    7: "command not supported",
    8: "address type not supported",
}


class Negotiation(Protocol):
    """What is said to a proxy before it is a way."""

    def begin(self) -> bytes:
        """Say the first word."""

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """
        Take what came.

        @return: what to say, and C{None}; or what came behind the proxy's last
            word.
        @raise ProxyRefused: it is no way.
        """


class CONNECT:
    """C{CONNECT}, RFC 9110 section 9.3.6."""

    def __init__(self, host: str, port: int, credentials: Credentials | None) -> None:
        """@raise ValueError: an argument cannot be sent."""
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        fields = [("Host", authority)]
        if credentials is not None:
            fields.append(("Proxy-Authorization", heads.basicCredentials(*credentials)))
        if not authority.isascii() or " " in authority:
            raise ValueError(f"host {host!r}, allowed: a name or an address")
        self._octets = heads.renderHead(f"CONNECT {authority} HTTP/1.1", fields)
        self._reader = HeadReader(_statusLine, HEAD_LIMIT)

    def begin(self) -> bytes:
        """Ask."""
        return self._octets

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Read the answer."""
        try:
            whole = self._reader.feed(data)
        except HandshakeError as error:
            raise ProxyRefused(f"the proxy's answer: {error}") from error
        if whole is None:
            return b"", None
        start, _, rest = whole
        if not 200 <= start.status < 300:
            raise ProxyRefused(f"status {start.status}, needed 2xx", start.status)
        return b"", rest


class SOCKS5:
    """SOCKS5, RFC 1928 and, for user and password, RFC 1929."""

    def __init__(self, host: str, port: int, credentials: Credentials | None) -> None:
        """@raise ValueError: an argument cannot be sent."""
        self._credentials = b""
        if credentials is not None:
            self._credentials = b"\1" + b"".join(map(_counted, credentials))
        self._destination = _addressed(host) + struct.pack("!H", port)
        self._octets = bytearray()
        self._talk = self._talking()

    def begin(self) -> bytes:
        """Greet."""
        said, self._needed = next(self._talk)
        return said

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Read as much as is needed, say what is next."""
        self._octets += data
        toSay = b""
        while len(self._octets) >= self._needed:
            octets = bytes(self._octets[: self._needed])
            del self._octets[: self._needed]
            try:
                said, self._needed = self._talk.send(octets)
            except StopIteration:
                return toSay, bytes(self._octets)
            toSay += said
        return toSay, None

    def _talking(self) -> Generator[tuple[bytes, int], bytes, None]:
        """Yield what to say, and how many octets are needed to go on."""
        methods = b"\0\2" if self._credentials else b"\0"
        version, method = yield b"\5%c%b" % (len(methods), methods), 2
        if version != 5 or method not in methods:
            raise ProxyRefused(f"SOCKS5: method {method:#04x}, offered: {methods!r}")
        if method == 2:
            _, status = yield self._credentials, 2
            if status:
                raise ProxyRefused("SOCKS5: user or password refused")
        request = b"\5\1\0" + self._destination
        version, status, _, kind, size = yield request, 5
        if version != 5 or status:
            why = _FAILURES.get(status, f"status {status:#04x}")
            raise ProxyRefused(f"SOCKS5: {why}")
        sizes = {1: 4, 4: 16, 3: size + 1}
        if kind not in sizes:
            raise ProxyRefused(f"SOCKS5: address type {kind:#04x}")
        # The proxy's own address, which nobody needs, and its port.
        yield b"", sizes[kind] - 1 + 2


def _statusLine(line: bytes) -> StatusLine:
    """Read a status line; many a proxy still says HTTP/1.0."""
    if line.startswith(b"HTTP/1.0 "):
        line = b"HTTP/1.1 " + line[9:]
    return heads.statusLine(line)


def _counted(text: str) -> bytes:
    """Write text with its length before it."""
    octets = text.encode()
    if not 1 <= len(octets) <= 255:
        raise ValueError(f"{len(octets)} octets for SOCKS5, allowed: 1 to 255")
    return bytes((len(octets),)) + octets


def _addressed(host: str) -> bytes:
    """Write a host as an address if it is one, else as a name."""
    try:
        address = ip_address(host)
    except ValueError:
        return b"\3" + _counted(host)
    return (b"\1" if address.version == 4 else b"\4") + address.packed
