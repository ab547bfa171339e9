"""
Who it is that asks: L{Trust} in proxies, and how a request came.

The fields that say so can be written by anybody.  They are read where the
connection comes from a proxy that is trusted, and no further than from one
trusted proxy to the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from twisted.internet.interfaces import ISSLTransport

from .addresses import Networks, describePeer, tcpAddress
from .core.errors import HandshakeError
from .core.forwarded import (
    FORWARDED,
    X_FORWARDED,
    Hop,
    readForwarded,
    readForwardedFor,
)
from .core.handshake import PLAIN, SECURE, Arrival, Request
from .core.heads import Headers
from .errors import Refusal


def arrivalOf(transport: Any, known: Arrival = PLAIN) -> Arrival:
    """
    Say whether a client has come over TLS, and what it has shown there.

    @param known: what a proxy has said of it.
    """
    if not ISSLTransport.providedBy(transport):
        return known
    shown: Any = transport.getPeerCertificate()
    if shown is None:
        return SECURE if known is PLAIN else known._replace(isSecure=True)
    return known._replace(isSecure=True, clientCertificate=shown.to_cryptography())


def isWrapped(transport: object) -> bool:
    """
    Ask whether Twisted's own C{haproxy:} reads a PROXY header first.

    It names the proxy until it has.
    """
    # Not by the class: that is private.
    return type(transport).__module__.startswith("twisted.protocols.haproxy.")


class Trust:
    """The proxies that are believed, and the fields in which they write."""

    def __init__(self, networks: tuple[str, ...], fields: tuple[str, ...]) -> None:
        """
        @param networks: of the proxies, as L{Networks} has them.
        @param fields: in lower case; C{forwarded}, or some of L{X_FORWARDED}.
            All others may be the client's own.
        """
        self._networks = Networks(networks)
        self._fields = fields

    def __contains__(self, address: object) -> bool:
        """Ask whether an address is one of these proxies."""
        return address in self._networks

    def seen(self, request: Request) -> Request:
        """
        See a request as it was before the trusted proxies forwarded it.

        @return: the same if there were none.
        @raise Refusal: 400, one of them has written what cannot be read.
        """
        peer: Any = request.peer
        last: Hop | None = None
        hops = self._hops(request.headers)
        while peer in self._networks:
            try:
                hop = next(hops, None)
            except HandshakeError as error:
                proxy = describePeer(peer)
                why = f"{error}: by {proxy}, of settings.trustedProxies"
                raise Refusal(400, body=f"{error}\n", why=why) from None
            if hop is None:
                break
            last = hop
            if hop.node is None:
                # Someone, from there: nearer than that nobody comes.
                break
            peer = tcpAddress(*hop.node)
        if last is None:
            return request
        before = request.arrival
        arrival = Arrival(
            before.isSecure if last.isSecure is None else last.isSecure,
            last.host,
            before.clientCertificate,
            before.proxy or request.peer,
        )
        return replace(request, peer=peer, arrival=arrival)

    def _hops(self, headers: Headers) -> Iterator[Hop]:
        """Read what proxies say, the last one's word first."""
        if FORWARDED in self._fields:
            return readForwarded(headers.all(FORWARDED))
        return readForwardedFor(
            *(headers.all(each) if each in self._fields else () for each in X_FORWARDED)
        )
