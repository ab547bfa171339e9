"""
The PROXY header, in which a proxy says for whom it connects, before all else.

@see: "The PROXY protocol, versions 1 & 2", in haproxy's doc/proxy-protocol.txt.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from .errors import HandshakeError
from .forwarded import Node

LINE_LIMIT: Final = 107
"""Octets in a header of version 1, at most; its section 2.1."""

HEADER_LIMIT: Final = 4096
"""Octets in a header of version 2, at most; no sender is known to need a tenth."""

_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED: Final = 16
_line = re.compile(
    rb"PROXY (?:UNKNOWN(?: .*)?|TCP([46]) "
    rb"([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+) ([0-9]{1,5}) ([0-9]{1,5}))",
    re.DOTALL,
)
_LOCAL: Final = 0x20
_PROXY: Final = 0x21
_UNSPECIFIED: Final = 0x00
_UNIX: Final = 0x31
# Octets of one address, of each family over a stream; ports follow both.
_SIZES: Final = {0x11: 4, 0x21: 16, _UNIX: 108}
_TYPE_TLS: Final = 0x20
_IS_TLS: Final = 0x01


class Preface(NamedTuple):
    """What a proxy says of the connection that it passes on."""

    node: Node | None
    """Who it is for; C{None}: the proxy itself, or nobody who has an address."""
    isSecure: bool = False
    """It says that the client's connection is TLS."""


class PrefaceReader:
    """One PROXY header, of either version, that is still coming."""

    def __init__(self) -> None:
        """Nothing has come."""
        self._octets = b""

    def feed(self, data: bytes) -> tuple[Preface, bytes] | None:
        """
        Take what came.

        @return: C{None} until the header is whole, then what it says, and the
            octets that follow it.
        @raise HandshakeError: it is none, as soon as that can be known.
        """
        octets = self._octets = self._octets + data
        if octets.startswith(_SIGNATURE[: len(octets)]):
            end = _binaryEnd(octets)
            read = _readBinary
        elif octets.startswith(b"PROXY "[: len(octets)]):
            end = _lineEnd(octets)
            read = _readLine
        else:
            raise HandshakeError("no PROXY header")
        if end < 0 or len(octets) < end:
            return None
        self._octets = b""
        return read(octets[:end]), octets[end:]


def _lineEnd(octets: bytes) -> int:
    """Find where a header of version 1 ends, or -1."""
    found = octets.find(b"\r\n", 0, LINE_LIMIT)
    if found < 0 and len(octets) >= LINE_LIMIT:
        raise HandshakeError(f"PROXY header without end, limit {LINE_LIMIT} octets")
    return found + 2 if found >= 0 else -1


def _readLine(header: bytes) -> Preface:
    """Read a header of version 1."""
    match = _line.fullmatch(header, 0, len(header) - 2)
    if match is None:
        raise HandshakeError("malformed PROXY header")
    version, *hosts, port, targetPort = match.groups()
    if version is None:
        return Preface(None)
    kind = IPv4Address if version == b"4" else IPv6Address
    try:
        source, _ = (kind(host.decode("ascii")) for host in hosts)
    except ValueError:
        raise HandshakeError("malformed PROXY header") from None
    if max(int(port), int(targetPort)) > 65535:
        raise HandshakeError("malformed PROXY header")
    return Preface(_node(source, int(port)))


def _binaryEnd(octets: bytes) -> int:
    """Find where a header of version 2 ends, or -1."""
    if len(octets) < _FIXED:
        return -1
    end = _FIXED + int.from_bytes(octets[14:16], "big")
    if end > HEADER_LIMIT:
        raise HandshakeError(f"PROXY header of {end} octets, limit {HEADER_LIMIT}")
    return end


def _readBinary(header: bytes) -> Preface:
    """Read a header of version 2."""
    command, family = header[12:14]
    if command == _LOCAL:
        # The proxy itself asks whether we are well; all else is to be skipped.
        return Preface(None)
    if command != _PROXY:
        raise HandshakeError("PROXY header of no known version and command")
    if family == _UNSPECIFIED:
        return Preface(None)
    size = _SIZES.get(family)
    if size is None:
        raise HandshakeError("PROXY header of no known family")
    source, ports = header[_FIXED : _FIXED + size], _FIXED + 2 * size
    end = ports if family == _UNIX else ports + 4
    if len(header) < end:
        raise HandshakeError("malformed PROXY header")
    isSecure = _saysTLS(header[end:])
    if family == _UNIX:
        return Preface(None, isSecure)
    address = IPv4Address(source) if size == 4 else IPv6Address(source)
    port = int.from_bytes(header[ports : ports + 2], "big")
    return Preface(_node(address, port), isSecure)


def _saysTLS(values: bytes) -> bool:
    """Ask whether one of a header's further values says that the client has TLS."""
    isSecure = False
    while values:
        length = int.from_bytes(values[1:3], "big")
        if len(values) < 3 + length:
            raise HandshakeError("malformed PROXY header")
        if values[0] == _TYPE_TLS:
            isSecure = length > 0 and bool(values[3] & _IS_TLS)
        values = values[3 + length :]
    return isSecure


def _node(address: IPv4Address | IPv6Address, port: int) -> Node:
    """Make a node; what IPv6 only carries is IPv4."""
    return Node(getattr(address, "ipv4_mapped", None) or address, port)
