"""Requests that C{twisted.web} has read, as wsagent's own door reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.web.http import HTTPChannel
from twisted.web.iweb import IRequest

from wsagent.core import handshake
from wsagent.core.errors import HandshakeError
from wsagent.core.heads import Headers, isToken, renderHead


def isUpgrade(request: IRequest) -> bool:
    """Ask whether a request is meant for a WebSocket, right or wrong."""
    fields = [(name, value) for name, value in _fields(request) if isToken(name)]
    return handshake.isUpgrade(Headers(fields))


def octetsOf(request: Any) -> bytes:
    """
    Write a request's head again.

    It is read once more then, strictly: there is one way in.

    @param request: an L{IRequest}.
    @raise HandshakeError: no such head can be.
    """
    line = b" ".join((request.method, request.uri, request.clientproto))
    try:
        return renderHead(line.decode("latin-1"), _fields(request))
    except ValueError as error:
        raise HandshakeError(str(error)) from None


def takeOver(channel: HTTPChannel, receive: Callable[[bytes], object]) -> bytes:
    """
    Have what comes from now on, from within the processing of a request.

    @param channel: the request's, which keeps the transport.
    @param receive: called with each segment that is still on the channel's way.
    @return: octets that came behind the request already.
    """
    transport: Any = channel.transport
    transport.unregisterProducer()
    transport.resumeProducing()
    # While it processes a request, it hands all that comes to this.
    channel.rawDataReceived = receive  # type: ignore[method-assign, assignment]
    # What it has kept for the next request stands nowhere else.
    kept: list[bytes] = channel._dataBuffer  # noqa: SLF001
    rest = b"".join(kept)
    kept.clear()
    return rest


def _fields(request: Any) -> list[tuple[str, bytes]]:
    """List the fields; older Twisted lets names through that are none."""
    return [
        (name.decode("latin-1").lower(), value)
        for name, values in request.requestHeaders.getAllRawHeaders()
        for value in values
    ]
