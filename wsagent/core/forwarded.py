"""
What proxies say of those they forward for: C{Forwarded}, C{X-Forwarded-*}.

Each proxy adds to the end of what it was sent, so all is read from there, and
no further than is asked for: who is there before the first proxy that one
trusts may have written anything.

@see: RFC 7239.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from .errors import HandshakeError
from .handshake import isAuthority

FORWARDED: Final = "forwarded"
X_FORWARDED: Final = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")

_TCHAR = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_piece = re.compile(
    rb"[ \t]*(?:(?P<name>%b+)=(?:(?P<token>%b+)|"
    rb'"(?P<quoted>(?:[^"\\]|\\.)*)")[ \t]*)?(?P<mark>[;,]|\Z)' % (_TCHAR, _TCHAR),
    re.DOTALL,
)
_escaped = re.compile(rb"\\(.)", re.DOTALL)
_node = re.compile(
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<ipv4>[0-9.]+)|unknown|_[A-Za-z0-9._\-]+)"
    r"(?::(?:(?P<port>[0-9]{1,5})|_[A-Za-z0-9._\-]+))?",
    re.IGNORECASE,
)
_bare = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f:.]+")
_SCHEMES = {"http": False, "ws": False, "https": True, "wss": True}


class Node(NamedTuple):
    """An address, and its port or 0."""

    address: IPv4Address | IPv6Address
    port: int


class Hop(NamedTuple):
    """What one proxy says of who has sent it a request."""

    node: Node | None
    """C{None} if it does not tell: none, C{unknown}, or a name of its own."""
    isSecure: bool | None
    """Whether the request came over TLS; C{None} if it does not tell."""
    host: str | None
    """The host that was asked for, perhaps with a port, or C{None}."""


def readForwarded(lines: Sequence[bytes]) -> Iterator[Hop]:
    """
    Read C{Forwarded}, the last proxy's word first.

    @param lines: the field's values, in the order they came.
    @raise HandshakeError: what is to be read next is malformed.
    @see: RFC 7239 section 4.
    """
    for line in reversed(lines):
        for element in reversed(_elements(line)):
            node, scheme, host = map(element.get, ("for", "proto", "host"))
            yield Hop(
                None if node is None else readNode(node),
                None if scheme is None else _readScheme(scheme),
                None if host is None else _readHost(host),
            )


def readForwardedFor(
    nodes: Sequence[bytes],
    schemes: Sequence[bytes] = (),
    hosts: Sequence[bytes] = (),
) -> Iterator[Hop]:
    """
    Read C{X-Forwarded-For}, C{-Proto} and C{-Host}, the last proxy's word first.

    A proxy adds to the first, and may add to the others or replace them: of
    what several have said, there is as much to be believed as of addresses.

    @param nodes: the values of C{X-Forwarded-For}, in the order they came.
    @param schemes: those of C{X-Forwarded-Proto}.
    @param hosts: those of C{X-Forwarded-Host}.
    @raise HandshakeError: what is to be read next is malformed.
    """
    lists = [_commaSeparated(lines) for lines in (nodes, schemes, hosts)]
    for index in range(max(len(lists[0]), any(lists))):
        node, scheme, host = (_fromEnd(each, index) for each in lists)
        yield Hop(
            None if node is None else readNode(node, mayBeBare=True),
            None if scheme is None else _readScheme(scheme),
            None if host is None else _readHost(host),
        )


def readNode(text: str, mayBeBare: bool = False) -> Node | None:
    """
    Read who it is that a proxy forwards for.

    @param mayBeBare: an IPv6 address need not be in brackets.
    @return: C{None} for C{unknown}, and for a name that only the proxy knows.
    @raise HandshakeError: it is none of these.
    @see: RFC 7239 section 6.
    """
    if mayBeBare and _bare.fullmatch(text):
        text = f"[{text}]"
    match = _node.fullmatch(text)
    port = int(match["port"] or 0) if match else 65536
    if match is None or port > 65535:
        raise HandshakeError("a proxy forwards for what is no address")
    try:
        if match["ipv6"]:
            address = IPv6Address(match["ipv6"])
            return Node(address.ipv4_mapped or address, port)
        return Node(IPv4Address(match["ipv4"]), port) if match["ipv4"] else None
    except ValueError:
        raise HandshakeError("a proxy forwards for what is no address") from None


def _elements(line: bytes) -> list[dict[str, str]]:
    """Read the pairs of each element of one line; empty elements are none."""
    elements: list[dict[str, str]] = [{}]
    position = 0
    mark = b","
    while mark:
        match = _piece.match(line, position)
        if match is None:
            raise HandshakeError("malformed Forwarded")
        position = match.end()
        mark = match["mark"]
        if match["name"] is not None:
            name = match["name"].decode("ascii").lower()
            if name in elements[-1]:
                raise HandshakeError("malformed Forwarded")
            value = match["token"]
            if value is None:
                value = _escaped.sub(rb"\1", match["quoted"])
            elements[-1][name] = value.decode("latin-1")
        if mark == b",":
            elements.append({})
    return [element for element in elements if element]


def _commaSeparated(lines: Sequence[bytes]) -> list[bytes]:
    """List the elements of all lines."""
    return b",".join(lines).split(b",") if lines else []


def _fromEnd(elements: list[bytes], index: int) -> str | None:
    """Find an element counted from the last one; of too few, the first."""
    if not elements:
        return None
    return elements[max(0, len(elements) - 1 - index)].strip(b" \t").decode("latin-1")


def _readScheme(text: str) -> bool:
    """Ask whether a scheme is one with TLS."""
    isSecure = _SCHEMES.get(text.lower())
    if isSecure is None:
        raise HandshakeError("a proxy names a scheme, allowed: http, https, ws, wss")
    return isSecure


def _readHost(text: str) -> str:
    """Refuse what is no host."""
    if not isAuthority(text):
        raise HandshakeError("a proxy names what is not a host with perhaps a port")
    return text
