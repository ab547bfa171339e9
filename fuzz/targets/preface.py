"""
The PROXY header, in which a proxy says for whom it connects.

Whole or cut, it is read alike, and no further than its limits.  What is read is
the same when it is written in either version, and what Twisted reads, where it does.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.protocols.haproxy import _v1parser, _v2parser

from fuzz.choices import Choices, cut
from tests.core.builds import Build

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
TLS = b"\x20\0\5\1\0\0\0\0"


def check(octets: bytes, builds: Sequence[Build]) -> None:
    """Read a header, and what follows it."""
    build = builds[0]
    choices = Choices(octets)
    sizes = choices.sizes()
    stream = choices.rest()
    found = _read(build, [stream])
    assert _read(build, cut(stream, sizes)) == found
    if found is None:
        assert len(stream) < build.preface.HEADER_LIMIT
    elif not isinstance(found, str):
        read, rest = found
        header = stream.removesuffix(rest)
        assert stream == header + rest
        limits = build.preface.LINE_LIMIT, build.preface.HEADER_LIMIT
        assert len(header) <= limits[header[0] == 13]
        _compare(read, header)
        for written in _written(read):
            assert _read(build, [written]) == (read, b"")


def _read(build: Build, segments: Sequence[bytes]) -> Any:
    """Read a header from segments: what it says and what follows, or an error."""
    reader = build.preface.PrefaceReader()
    for index, segment in enumerate(segments):
        try:
            found = reader.feed(segment)
        except build.errors.HandshakeError as error:
            return str(error)
        if found is not None:
            read, rest = found
            return read, rest + b"".join(segments[index + 1 :])
    return None


def _compare(read: Any, header: bytes) -> None:
    """Hold what is read against what Twisted reads."""
    isLine = header.startswith(b"PROXY")
    parser = _v1parser.V1Parser if isLine else _v2parser.V2Parser
    source = None
    # It raises what it likes.
    with suppress(Exception):
        source = parser.parse(header.removesuffix(b"\r\n") if isLine else header).source
    if isinstance(source, (IPv4Address, IPv6Address)):
        with suppress(ValueError):
            host = ipaddress.ip_address(source.host)
            host = getattr(host, "ipv4_mapped", None) or host
            assert (read.node.address, read.node.port) == (host, source.port)


def _written(read: Any) -> list[bytes]:
    """Write what was read in either version."""
    if read.node is None:
        values = bytes(216) + TLS * read.isSecure
        unix = SIGNATURE + struct.pack("!BBH", 0x21, 0x31, len(values)) + values
        return [unix]
    address, port = read.node
    is6 = address.version == 6
    addresses = address.packed * 2 + struct.pack("!HH", port, 0)
    values = addresses + TLS * read.isSecure
    binary = struct.pack("!BBH", 0x21, 0x21 if is6 else 0x11, len(values)) + values
    if read.isSecure:
        return [SIGNATURE + binary]
    line = f"PROXY TCP{address.version} {address} {address} {port} 0\r\n"
    return [SIGNATURE + binary, line.encode()]
