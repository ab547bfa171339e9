"""The options that let operators look inside."""

from __future__ import annotations

from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.python import usage

from .endpoints import serverFromString
from .loading import inLine

_PLACE = "0 to 65535, or an endpoint such as unix:/run/wsagent/NAME.sock"


def privateEndpoint(option: str, place: str) -> IStreamServerEndpoint:
    """
    Make the endpoint of what only operators may get to.

    A port is one of 127.0.0.1; a UNIX socket is its owner's alone, unless it
    says whose else.  What other endpoints are, is seen when they listen.

    @param option: whose value it is.
    @raise UsageError: it is none.
    """
    from twisted.internet import reactor

    description = place
    if place.isascii() and place.isdigit():
        if len(place) > 5 or int(place) > 65535:
            raise usage.UsageError(f"--{option} {place}: allowed: {_PLACE}")
        description = f"tcp:{place}:interface=127.0.0.1"
    elif place.startswith("unix:") and ":mode=" not in place:
        description = f"{place}:mode=600"
    try:
        endpoint = serverFromString(reactor, description)
    except Exception as error:  # noqa: BLE001 - each kind of endpoint has its own
        raise usage.UsageError(
            f"--{option} {place}: {inLine(error)}; allowed: {_PLACE}",
        ) from None
    else:
        return endpoint
