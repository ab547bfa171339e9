"""
What proxies say of those they forward for, and who is believed.

Only refusals escape.  What is read is the same when it is written again.  Who is
not trusted is not read; what stands before the word of the first proxy that is
trusted changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from types import ModuleType
from typing import Any

from twisted.internet.address import IPv4Address

from fuzz.choices import Choices
from tests.core.builds import Build

FIELDS = (
    ("forwarded",),
    ("x-forwarded-for",),
    ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"),
)
PROXIES = ("10.0.0.0/8", "2001:db8::/32")
TRUSTED, STRANGER = (IPv4Address("TCP", host, 1) for host in ("10.0.0.1", "1.2.3.4"))


def check(octets: bytes, builds: Sequence[Build]) -> None:
    """Read fields: lines, one of each in turn."""
    build = builds[0]
    choices = Choices(octets)
    names = choices.one(FIELDS)
    lines = choices.rest().replace(b"\r", b"").split(b"\n")
    columns = [lines[index :: len(names)] for index in range(len(names))]
    _checkHops(build.part("core.forwarded"), columns, names)
    pairs = [
        (names[index % len(names)], line.strip(b" \t"))
        for index, line in enumerate(lines)
    ]
    _checkTrust(build, names, pairs)


def _read(forwarded: ModuleType, columns: Any, names: Any) -> Any:
    """Read what proxies say, the last one's word first."""
    if names == ("forwarded",):
        return forwarded.readForwarded(*columns)
    return forwarded.readForwardedFor(*columns)


def _checkHops(forwarded: ModuleType, columns: Any, names: Any) -> None:
    """Read all that is said, write it, and read it again."""
    hops = []
    found = _read(forwarded, columns, names)
    try:
        for hop in found:
            assert hop.node is None or 0 <= hop.node.port <= 65535
            assert hop.host is None or forwarded.isAuthority(hop.host)
            hops.append(hop)
    except forwarded.HandshakeError:
        pass
    first, *others = columns
    believed = len(hops) if len(names) == 1 else min(len(hops), len(first))
    spoilt = [[b'for="a, b;\xff', *first], *others]
    again = islice(_read(forwarded, spoilt, names), believed)
    if len(names) == 1:
        assert list(again) == hops[:believed]
    written = [b", ".join(map(_written, reversed(hops)))]
    assert [*forwarded.readForwarded(written)] == [
        hop for hop in hops if hop != (None, None, None)
    ]


def _written(hop: Any) -> bytes:
    """Write what one proxy says as L{FIELDS}' first has it."""
    pairs = []
    if hop.node is not None:
        address, port = hop.node
        host = f"[{address}]" if address.version == 6 else f"{address}"
        pairs.append(f'for="{host}:{port}"')
    if hop.isSecure is not None:
        pairs.append(f"proto={'https' if hop.isSecure else 'http'}")
    if hop.host is not None:
        # There is neither a quotation mark nor a backslash in it.
        pairs.append(f'Host="{hop.host}"')
    return ";".join(pairs).encode("latin-1")


def _checkTrust(build: Build, names: Any, pairs: Any) -> None:
    """See a request as it was before proxies forwarded it."""
    trust = build.part("forwarding").Trust(PROXIES, names)
    networks = build.part("addresses").Networks(PROXIES)
    refusal = build.part("errors").Refusal

    def seen(peer: Any, pairs: Any) -> Any:
        headers = build.heads.Headers([("host", b"here"), *pairs])
        request = build.handshake.Request("/", headers, peer, build.handshake.PLAIN)
        try:
            found = trust.seen(request)
        except refusal as refused:
            assert refused.status == 400
            return None
        if found is not request:
            assert found.arrival.proxy is peer
        return found

    stranger = seen(STRANGER, pairs)
    assert stranger.peer is STRANGER
    assert stranger.arrival is build.handshake.PLAIN
    found = seen(TRUSTED, pairs)
    if found is not None and len(names) == 1 and found.peer not in networks:
        # A client's own words stand before those of proxies.
        spoilt = seen(TRUSTED, [(names[0], b"9.9.9.9,for=9.9.9.9"), *pairs])
        assert (spoilt.peer, spoilt.arrival) == (found.peer, found.arrival)
