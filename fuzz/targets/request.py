"""
What a server reads first: the head of a request.

Whole or cut, it is read alike.  What is accepted is within the limits, is read
by h11 with the same fields, is the same when it is written again, and can be
answered; what is refused has one of the statuses that are promised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import h11

from fuzz.choices import Choices, cut
from fuzz.heads import readHead
from tests.core.builds import Build

STATUSES = {400, 405, 414, 426, 431, 505}
LIMITS = (8192, 256, 64, 16)


def check(octets: bytes, builds: Sequence[Build]) -> None:
    """Read a request."""
    build = builds[0]
    choices = Choices(octets)
    limit = choices.one(LIMITS)
    sizes = choices.sizes()
    stream = choices.rest()
    startLine = build.heads.requestLine
    found = readHead(build, startLine, limit, [stream])
    assert readHead(build, startLine, limit, cut(stream, sizes)) == found
    if found is None:
        assert len(stream) < limit, "it waits beyond the limit"
    elif isinstance(found[0], str):
        assert found[2] in STATUSES
    else:
        start, headers, rest = found
        assert stream.endswith(rest)
        assert len(stream) - len(rest) <= limit
        assert len(headers) <= build.heads.FIELD_LIMIT
        _checkRequest(build, start, headers, stream)


def _checkRequest(build: Build, start: Any, headers: Any, stream: bytes) -> None:
    """Read the fields of a head."""
    for name, _ in headers:
        assert headers.all(name.upper()), "a field that is not found"
    try:
        request = build.handshake.readRequest(start, headers)
    except build.errors.HandshakeError as error:
        assert error.status in STATUSES
        return
    assert request.path.startswith("/")
    assert request.host
    assert b" " not in request.key
    assert request.origin is None or "," not in request.origin
    oracle = h11.Connection(h11.SERVER, max_incomplete_event_size=100_000)
    oracle.receive_data(stream.removeprefix(b"\r\n"))
    event = oracle.next_event()
    assert isinstance(event, h11.Request)
    assert (event.method, event.target) == start
    assert [
        (bytes(name).decode(), bytes(value).strip(b" \t"))
        for name, value in event.headers
    ] == list(headers)

    written = build.heads.renderHead(f"GET {request.target} HTTP/1.1", headers)
    again = readHead(build, build.heads.requestLine, 2 * len(written), [written])
    assert again == (start, headers, b"")
    _checkAnswer(build, request)


def _checkAnswer(build: Build, request: Any) -> None:
    """Accept a request as a server does, and read that as the client does."""
    wish = build.deflate.Compression()
    extension, codec = build.extensions.negotiate(
        request.headers.get("sec-websocket-extensions"),
        [build.permessage.PermessageDeflate(wish)],
    )
    assert (extension is None) == (codec is None)
    for subprotocol in (None, *request.offeredSubprotocols):
        answer = build.handshake.renderAcceptance(request, subprotocol, (), extension)
        start, headers, rest = readHead(
            build, build.heads.statusLine, 2 * len(answer), [answer]
        )
        assert rest == b""
        assert headers.single("sec-websocket-extensions") == (
            None if extension is None else extension.encode()
        )
        if extension is None:
            offered = request.offeredSubprotocols
            response = build.handshake.readResponse(
                start, headers, request.key, offered
            )
            assert response.subprotocol == subprotocol
