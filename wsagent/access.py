"""
Who gets in: the Host and the Origin of a request.

A browser sends the origin of the page that opens a connection, and the
cookies of the host it opens it to: without this check every page could act
for every visitor.  And it believes whoever owns a name that it stands for
this server, which is how a page of that name reaches servers on loopback and
in networks that are not the internet's: DNS rebinding, which the list of
hosts is against.

@see: RFC 6455 section 10.2, RFC 6454, RFC 9110 section 7.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address
from typing import NamedTuple

import idna

from .core.handshake import Request
from .errors import Refusal

_origin = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.\-]*)://"
    r"(?:\[(?P<ipv6>[0-9a-f:.]+)\]|(?P<name>(?:[a-z0-9_\-]+\.)*[a-z0-9_\-]+\.?))"
    r"(?::(?P<port>[0-9]{1,5}))?",
    re.IGNORECASE | re.ASCII,
)
_listed = re.compile(
    r"(?P<scheme>[^:/]+://)(?P<wild>\*\.)?(?P<name>[^:/\[\]]*)(?P<rest>.*)",
    re.DOTALL,
)
_address = re.compile(r"\[.*\]|(?:.*\.)?[0-9]+\.?")
_DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443"}


class Origin(NamedTuple):
    """What two origins are compared by, case and default port folded."""

    scheme: str
    host: str
    """Of one that is listed, C{*.} before a name is all the names below it."""
    port: str


def parseOrigin(text: str) -> Origin | None:
    """
    Read an origin.

    @return: C{None} if it is not scheme, host and perhaps a port, in ASCII.
    @see: RFC 6454 section 6.2.
    """
    match = _origin.fullmatch(text)
    if match is None:
        return None
    scheme, ipv6, name, port = match.groups()
    if port is not None and int(port) > 65535:
        return None
    if ipv6 is not None:
        try:
            name = f"[{IPv6Address(ipv6)}]"
        except ValueError:
            return None
    scheme = scheme.lower()
    number = _DEFAULT_PORTS.get(scheme, "") if port is None else str(int(port))
    return Origin(scheme, name.lower(), number)


@lru_cache(maxsize=1024)
def parseListed(text: str) -> Origin | None:
    """
    Read an origin as one that is allowed is written.

    @param text: its name may begin with C{*.}, and be in any script.
    @return: C{None} if it is none.
    """
    match = _listed.fullmatch(text)
    if match is None:
        return None
    scheme, wild, name, rest = match.groups()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError:
            return None
    origin = parseOrigin(scheme + name + rest)
    if origin is None or not wild:
        return origin
    if _address.fullmatch(origin.host):
        # Nothing is below an address.
        return None
    return origin._replace(host=wild + origin.host)


def parseHost(text: str) -> str | None:
    """
    Read a host as one that is allowed is written: a name, or C{[an address]}.

    @param text: its name may begin with C{*.}, and be in any script.
    @return: C{None} if it is none, or names a port.
    """
    host = parseListed(f"host://{text}")
    return None if host is None or host.port else host.host


def isAllowedHost(host: str, allowed: Iterable[str]) -> bool:
    """
    Ask whether a host is one of those that are served.

    @param host: perhaps with a port, which makes no difference.
    @param allowed: names and addresses; C{*.} before a name is all below it.
    """
    asked = parseOrigin(f"host://{host}")
    return asked is not None and any(
        _covers(parseHost(each), asked.host) for each in allowed
    )


def isAllowedOrigin(
    origin: str | None,
    host: str,
    allowed: Iterable[str] | None,
    isRequired: bool,
    isSecure: bool = False,
) -> bool:
    """
    Ask whether pages of an origin may connect.

    @param origin: what the request says, or C{None} if nothing.
    @param host: the request's host, with its port if it named one.
    @param allowed: origins, C{"null"} or C{"*"}; C{None} is the host itself.
    @param isRequired: a request has to say.
    @param isSecure: it is known to have come over TLS.
    """
    if origin is None:
        return not isRequired
    if allowed is not None and "*" in allowed:
        return True
    if origin == "null":
        return allowed is not None and "null" in allowed
    asked = parseOrigin(origin)
    if asked is None:
        return False
    if allowed is None:
        # Unless it came over TLS, who knows: a proxy may have taken that off.
        scheme = "https" if isSecure else asked.scheme
        return asked == parseOrigin(f"{scheme}://{host}")
    return any(_matches(parseListed(each), asked) for each in allowed)


def demandHost(request: Request, allowed: tuple[str, ...] | None) -> None:
    """
    Refuse a request for a host that is not served here.

    @param allowed: C{settings.hosts}.
    @raise Refusal: 421.
    """
    if allowed is None or isAllowedHost(request.host, allowed):
        return
    names = ", ".join(allowed) or "none"
    why = f"Host {request.host!r:.99}, allowed by settings.hosts, --host: {names}"
    raise Refusal(421, body="this host is not served here\n", why=why)


def demandOrigin(
    request: Request,
    allowed: tuple[str, ...] | None,
    isRequired: bool,
) -> None:
    """
    Refuse pages of others.

    @param allowed: C{settings.origins}.
    @param isRequired: C{settings.requireOrigin}.
    @raise Refusal: 403.
    """
    origin, host, isSecure = request.origin, request.host, request.isSecure
    if isAllowedOrigin(origin, host, allowed, isRequired, isSecure):
        return
    if origin is None:
        why = "no Origin, needed by settings.requireOrigin, --require-origin"
        raise Refusal(403, body="an Origin is needed here\n", why=why)
    itself = f"{'https://' if isSecure else ''}{host:.99}"
    names = itself if allowed is None else ", ".join(allowed) or "none"
    why = f"Origin {origin!r:.99}, allowed by settings.origins, --origin: {names}"
    raise Refusal(403, body="pages of this origin may not connect here\n", why=why)


def _covers(pattern: str | None, host: str) -> bool:
    """Ask whether a host is the one that is listed, or is below it."""
    if pattern is None or pattern[:2] != "*.":
        return host == pattern
    # The dot counts, and what has been read as a host has no empty label.
    return host.endswith(pattern[1:])


def _matches(listed: Origin | None, asked: Origin) -> bool:
    """Ask whether an origin is one that is listed."""
    return (
        listed is not None
        and (asked.scheme, asked.port) == (listed.scheme, listed.port)
        and _covers(listed.host, asked.host)
    )
