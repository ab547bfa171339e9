"""
Where requests go: by what path, at what host, and by what pattern.

A path that is split is the same when it is written again.  A pattern finds what it
would write.  Of many routes, that one is found which stands first when all that
fit are put in order, segment by segment.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any
from urllib.parse import quote

from fuzz.choices import Choices
from tests.core.builds import Build

PLACES = (
    "/",
    "/chat/",
    "/chat/{room}",
    "/chat/lobby",
    "/{a}/{b}/c",
    "/files/{name...}",
    "/files/{x}/edit",
    "/ä b",
    "example.com/chat/{room}",
    "*.example.com",
    "*.example.com/{a...}",
    "*.b.example.com/{a}",
    "[::1]/x/",
)
HOSTS = {
    "example.com": "example.com",
    "EXAMPLE.com.:80": "example.com",
    "a.example.com": "a.example.com",
    "c.b.example.com": "c.b.example.com",
    "[0::1]:8": "[::1]",
    "b": "b",
}


def check(octets: bytes, builds: Sequence[Build]) -> None:
    """Look for who answers, or read a pattern, or a host."""
    build = builds[0]
    routing = build.part("routing")
    choices = Choices(octets)
    kind = choices.number() % 3
    host = choices.one([*HOSTS])
    text = choices.rest().decode("utf-8", "replace")
    if kind == 0:
        _checkPath(build, routing, host, text)
    elif kind == 1:
        _checkPattern(build, routing, text)
    elif build.handshake.isAuthority(text):
        folded = routing._readHost(text)
        assert routing._readHost(folded) == folded
        _find(build, _routes(routing), text, "/")


def _routes(routing: ModuleType) -> Any:
    """Make the routes."""
    return routing.Routes([routing.Route(place, object) for place in PLACES])


def _find(build: Build, routes: Any, host: str, path: str) -> Any:
    """Find who answers a request."""
    headers = build.heads.Headers([("host", host.encode())])
    request = build.handshake.Request(path, headers, None, build.handshake.PLAIN)
    try:
        found = routes.find(request)
    except build.part("errors").Refusal as refused:
        assert refused.status == 404
        return None
    assert all(found.request.parts.values()) or path.endswith("/")
    return found


def _checkPath(build: Build, routing: ModuleType, host: str, text: str) -> None:
    """Find who answers at a path, by a look at every route."""
    path = quote("/" + text, safe="/%!$&'()*+,;=:@\\")
    segments = build.part("core.paths").splitPath(path)
    if segments is not None:
        assert not any("/" in each or each in (".", "..") for each in segments)
        again = "/" + "/".join(quote(each, safe="") for each in segments)
        assert build.part("core.paths").splitPath(again) == segments
    routes = _routes(routing)
    fitting = [
        (fit, route)
        for route in routes
        if (fit := _fit(route, HOSTS[host], segments)) is not None
    ]
    found = _find(build, routes, host, path)
    if not fitting:
        assert found is None
        return
    _, first = min(fitting, key=lambda each: each[0])
    assert found is not None
    assert found.request.pattern is (
        first.pattern if first.pattern and first.pattern.names else None
    )


def _fit(route: Any, host: str, segments: tuple[str, ...] | None) -> Any:
    """Say how well a route fits, the less the better; C{None} if not at all."""
    if not route.host:
        ranks = [1000]
    elif route.host == host:
        ranks = [0]
    elif route.host[0] == "*" and host.endswith(route.host[1:]):
        ranks = [1000 - len(route.host)]
    else:
        return None
    if route.pattern is None:
        return [*ranks, 9]
    keys = list(route.pattern.keys)
    left = None if segments is None else list(segments)
    while keys and left:
        key = keys.pop(0)
        kind = getattr(key, "name", None)
        if kind == "REST":
            return [*ranks, 2]
        segment = left.pop(0)
        if not (kind == "PART" and segment) and key != segment:
            return None
        ranks.append(1 if kind else 0)
    return ranks if left == keys else None


def _checkPattern(build: Build, routing: ModuleType, text: str) -> None:
    """Fill the parts of a pattern in, and find what that is by it."""
    try:
        route = routing.Route(f"/{text}", object)
    except ValueError:
        return
    pattern = route.pattern
    values = [f"{number} ä%?" for number in range(len(pattern.names))]
    parts = dict(zip(pattern.names, values, strict=True))
    names = iter(values)
    path = "".join(
        "/" + quote(key if isinstance(key, str) else next(names), safe="")
        for key in pattern.keys
    )
    found = _find(build, routing.Routes([route]), "example.com", path)
    assert found is not None
    assert found.request.parts == parts
