"""
Who gets in: the Origin of a request.

A browser sends the origin of the page that opens a connection, and the
cookies of the host it opens it to: without this check every page could act
for every visitor.

@see: RFC 6455 section 10.2, RFC 6454.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_origin = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.\-]*)://"
    r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9\-._~%!$&'()*+,;=]+)"
    r"(?::(?P<port>[0-9]{1,5}))?",
    re.IGNORECASE,
)
_DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443"}


class Origin(NamedTuple):
    """What two origins are compared by, case and default port folded."""

    scheme: str
    host: str
    port: str


def parseOrigin(text: str) -> Origin | None:
    """
    Read an origin.

    @return: C{None} if it is not scheme, host and perhaps a port.
    @see: RFC 6454 section 6.2.
    """
    match = _origin.fullmatch(text)
    if match is None:
        return None
    scheme = match["scheme"].lower()
    port = match["port"] or _DEFAULT_PORTS.get(scheme, "")
    return Origin(scheme, match["host"].lower(), port.lstrip("0"))


def isAllowedOrigin(
    origin: str | None,
    host: str,
    allowed: Iterable[str] | None,
    isRequired: bool,
) -> bool:
    """
    Ask whether pages of an origin may connect.

    @param origin: what the request says, or C{None} if nothing.
    @param host: the request's host, with its port if it named one.
    @param allowed: origins, C{"null"} or C{"*"}; C{None} is the host itself.
    @param isRequired: a request has to say.
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
        # A proxy may have taken the TLS off, so only the host tells.
        return asked == parseOrigin(f"{asked.scheme}://{host}")
    return any(asked == parseOrigin(each) for each in allowed)
