"""
What a client reads first: a server's answer, its interim ones before it.

Whole or cut, it is read alike.  An acceptance answers the key and says only
what was offered.  A refusal's body is bounded, and what h11 reads of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import h11

from fuzz.choices import Choices, cut
from tests.core.builds import Build

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
"""RFC 6455 section 1.3."""

LIMITS = (8192, 256, 64)
OFFERED: tuple[tuple[str, ...], ...] = ((), ("chat", "superchat"))


def check(octets: bytes, builds: Sequence[Build]) -> None:
    """Read a response."""
    build = builds[0]
    choices = Choices(octets)
    limit = choices.one(LIMITS)
    subprotocols = choices.one(OFFERED)
    isCompressing, *_ = choices.bits(1)
    sizes = choices.sizes()
    stream = choices.rest()
    extensions = [
        build.permessage.PermessageDeflate(build.deflate.Compression())
        for _ in range(isCompressing)
    ]

    def read(segments: Sequence[bytes]) -> tuple[bool, Any]:
        reader = build.responses.ResponseReader(KEY, subprotocols, limit, extensions)
        for index, segment in enumerate(segments):
            try:
                found = reader.feed(segment)
            except build.errors.HandshakeError as error:
                return True, (type(error).__name__, str(error))
            if isinstance(found, build.responses.Acceptance):
                response, rest = found
                assert isCompressing or response.codec is None
                rest += b"".join(segments[index + 1 :])
                return True, (response.headers, response.subprotocol, rest)
            if found is not None:
                return True, found
        # What the peer's FIN leaves.
        return False, reader.refusal

    isKnown, found = read([stream])
    assert read(cut(stream, sizes)) == (isKnown, found)
    if isinstance(found, build.responses.Refusal):
        assert 200 <= found.status <= 599
        assert len(found.body) <= build.responses.BODY_LIMIT
        _compare(found, stream)
    elif found is not None and isinstance(found[0], build.heads.Headers):
        headers, subprotocol, rest = found
        assert len(stream) - len(rest) <= limit
        assert subprotocol in (None, *subprotocols)
        accept = build.handshake.acceptKey(KEY)
        assert headers.all("sec-websocket-accept") == [accept]


def _compare(refusal: Any, stream: bytes) -> None:
    """Hold a refusal against what h11 reads, if that is whole."""
    oracle = h11.Connection(h11.CLIENT, max_incomplete_event_size=100_000)
    asked = [("Host", "a"), ("Upgrade", "websocket"), ("Connection", "Upgrade")]
    oracle.send(h11.Request(method="GET", target="/", headers=asked))
    oracle.send(h11.EndOfMessage())
    oracle.receive_data(stream.removeprefix(b"\r\n"))
    oracle.receive_data(b"")
    body = b""
    with suppress(h11.RemoteProtocolError):
        while True:
            event = oracle.next_event()
            if isinstance(event, h11.Response):
                assert event.status_code == refusal.status
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                assert refusal.body == body
                return
            elif not isinstance(event, h11.InformationalResponse):
                return
