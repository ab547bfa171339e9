"""
Where requests go: by host, path and subprotocol, to what makes the agents.

The host decides first, its own name before C{*.example.com} before none; then
the path, segment by segment from the left: its own name before C{{part}} before
C{{rest...}} before any path at all; and of all who are at that place the
subprotocol.  The order of the routes is the preference among subprotocols, and
changes nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from .access import parseHost, parseOrigin
from .core.handshake import Request
from .core.heads import isToken
from .core.paths import PathPattern, Wild, splitPath
from .errors import Refusal
from .protocol import ProtocolFactory

_place = re.compile(r"([^/]*)((?:/.*)?)", re.DOTALL)
_NAME_LIMIT: Final = 253
"""Octets in the name of a host (RFC 1035 section 2.3.4)."""

Speaks = Sequence["str | None"] | Mapping[str, ProtocolFactory] | None
"""What is spoken at a place, as L{Route} is told."""


class Route:
    """
    A place, and who answers there.

    @ivar place: as it was written.
    @ivar host: C{example.com}, C{*.example.com} for all below it, or empty for
        any.
    @ivar pattern: of the path, or C{None} for any.
    @ivar makers: what makes the agents for each subprotocol, the preferred one
        first; C{None} is for requests that offer none of them.
    """

    def __init__(
        self,
        place: str,
        protocol: ProtocolFactory | None = None,
        subprotocols: Speaks = None,
    ) -> None:
        """
        @param place: a path, as C{/chat/{room}} or C{/files/{name...}}; a host
            before it or alone, as C{example.com} or C{*.example.com}; or C{*}.
        @param protocol: makes the agents.
        @param subprotocols: what is spoken, in order of preference: who offers
            none of them is refused with 400, unless C{None} is among them.
            As a mapping, what makes the agents for each, C{protocol} making
            those for who offers none.  By default the protocol's own
            C{subprotocols}; without any, each request is accepted.
        @raise ValueError: the place is none, a subprotocol is no HTTP token, or
            there is nothing to make agents.
        """
        self.place = place
        self.host, self.pattern = _readPlace(place)
        self.makers = _makers(protocol, subprotocols)

    def __str__(self) -> str:
        """Say where, what is spoken, and who answers."""
        names: dict[str, list[str]] = {}
        for subprotocol, maker in self.makers.items():
            names.setdefault(_nameOf(maker), []).append(subprotocol or "any")
        return f"{self.place} -> " + ", ".join(
            name if spoken == ["any"] else f"{name} ({', '.join(spoken)})"
            for name, spoken in names.items()
        )


class Found(NamedTuple):
    """Where a request goes."""

    request: Request
    """With the route's pattern."""
    maker: ProtocolFactory
    subprotocol: str | None
    """The preferred one of those offered."""


class Routes:
    """The routes of a factory, in the order they were told."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """@raise ValueError: two of them are for the same requests."""
        self._routes = tuple(routes)
        self._hosts: dict[str, _Node] = {}
        # What nobody is told apart by is not read.
        self._readsHosts = any(route.host for route in self._routes)
        self._readsPaths = any(route.pattern for route in self._routes)
        for route in self._routes:
            node = self._hosts.setdefault(route.host, _Node())
            for key in route.pattern.keys if route.pattern else ():
                node = node.below.setdefault(key, _Node())
            node.add(route)

    def __iter__(self) -> Iterator[Route]:
        """List them."""
        return iter(self._routes)

    @property
    def subprotocols(self) -> tuple[str, ...]:
        """All that is spoken anywhere, the preferred first."""
        names = [name for route in self._routes for name in route.makers]
        return tuple(name for name in dict.fromkeys(names) if name is not None)

    def find(self, request: Request) -> Found:
        """
        Find who answers a request.

        @raise Refusal: 404, there is nobody at its host and path; or 400,
            nobody there speaks any of its subprotocols.
        """
        answering = self._at(request)
        if not answering:
            host = f"{request.host!r:.99}"
            why = f"no route at host {host}, allowed by --route or routes"
            raise Refusal(404, body="nothing is here\n", why=why)
        offered = request.offeredSubprotocols
        subprotocol = next((name for name in answering if name in offered), None)
        route = answering.get(subprotocol)
        if route is None:
            why = f"no common subprotocol: {', '.join(filter(None, answering))}"
            raise Refusal(400, body=f"{why}\n", why=why)
        if route.pattern is not None and route.pattern.names:
            request = replace(request, pattern=route.pattern)
        return Found(request, route.makers[subprotocol], subprotocol)

    def routeOf(self, request: Request, subprotocol: str | None) -> Route | None:
        """Find who has answered a request, if it was one of these routes."""
        answering = self._at(request)
        return answering.get(subprotocol) or answering.get(None)

    def _at(self, request: Request) -> dict[str | None, Route]:
        """Find who answers at the place of a request, for each subprotocol."""
        segments = splitPath(request.path) if self._readsPaths else None
        named = _readHost(request.host) if self._readsHosts else ""
        for host in _widening(named):
            tree = self._hosts.get(host)
            if tree is None:
                continue
            # Of the top itself it is said who answers at any path.
            found = (segments and tree.find(segments)) or tree.answering
            if found:
                return found
        return {}


class _Node:
    """
    A segment of the paths that lead somewhere.

    @ivar below: what may follow.
    @ivar answering: who does, for each subprotocol, if the path ends here.
    """

    __slots__ = ("answering", "below")

    def __init__(self) -> None:
        """Lead nowhere."""
        self.below: dict[str | Wild, _Node] = {}
        self.answering: dict[str | None, Route] = {}

    def add(self, route: Route) -> None:
        """Have a route answer here, beside those that speak something else."""
        for subprotocol in route.makers:
            other = self.answering.setdefault(subprotocol, route)
            if other is not route:
                places = f"routes {other.place!r} and {route.place!r}"
                spoken = subprotocol or "any subprotocol"
                raise ValueError(f"{places}: the same, both for {spoken}")

    def find(
        self,
        segments: tuple[str, ...],
        depth: int = 0,
    ) -> dict[str | None, Route]:
        """
        Find who answers at the end of a path; nobody, perhaps.

        No node is asked twice, so it takes as long as there are routes, at
        most.
        """
        if depth == len(segments):
            return self.answering
        segment = segments[depth]
        for key in (segment, Wild.PART) if segment else (segment,):
            node = self.below.get(key)
            found = node and node.find(segments, depth + 1)
            if found:
                return found
        rest = self.below.get(Wild.REST)
        return rest.answering if rest else {}


def _readPlace(place: str) -> tuple[str, PathPattern | None]:
    """Read host and path of a place."""
    match = _place.fullmatch(place)
    assert match is not None
    host, path = match.groups()
    if not place:
        raise ValueError("place '', allowed: such as /chat/{room}, example.com or *")
    pattern = PathPattern(path) if path else None
    if host in ("", "*"):
        return "", pattern
    name = parseHost(host)
    if name is None or len(name) > _NAME_LIMIT:
        raise ValueError(
            f"host {host!r}, allowed: such as a.example, *.a.example, [::1]"
        )
    return name.removesuffix("."), pattern


def _readHost(host: str) -> str:
    """
    Read the host of a request; its port makes no difference.

    @return: empty if it is neither a name nor an address.
    """
    asked = parseOrigin(f"host://{host}")
    name = "" if asked is None else asked.host.removesuffix(".")
    return name if len(name) <= _NAME_LIMIT else ""


def _widening(host: str) -> Iterator[str]:
    """List what may be said of a host: itself, all below a name, any."""
    if host:
        yield host
    place = host.find(".")
    while place >= 0:
        yield f"*{host[place:]}"
        place = host.find(".", place + 1)
    yield ""


def _makers(
    protocol: ProtocolFactory | None,
    subprotocols: Speaks,
) -> dict[str | None, ProtocolFactory]:
    """Tell for each subprotocol what makes its agents."""
    if subprotocols is None:
        subprotocols = getattr(_called(protocol), "subprotocols", ())
    if isinstance(subprotocols, str):
        raise TypeError(f"subprotocols: {subprotocols!r}, needed a list of names")
    makers: dict[str | None, ProtocolFactory] = {}
    if isinstance(subprotocols, Mapping):
        makers.update(subprotocols)
        if protocol is not None:
            makers[None] = protocol
    elif protocol is not None:
        makers.update(dict.fromkeys(subprotocols or (None,), protocol))
    if not makers:
        raise ValueError("no protocol, and no subprotocol with one")
    for name, maker in makers.items():
        if name is not None and not isToken(name):
            raise ValueError(f"subprotocol {name!r}, allowed: an HTTP token")
        if not callable(maker):
            raise TypeError(f"protocol {maker!r}, needed: a class, or a function")
    return makers


def _called(maker: object) -> object:
    """Look through C{functools.partial}: what is called in the end."""
    return getattr(maker, "func", maker)


def _nameOf(maker: ProtocolFactory) -> str:
    """Name a class or a function, or the class of what can be called too."""
    called = _called(maker)
    name = getattr(called, "__qualname__", type(called).__qualname__)
    return f"{called.__module__}:{name}"
