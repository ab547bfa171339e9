"""
All that a server reads, from the request to the last frame, in memory.

Whole or cut, and in both builds, the same octets get the same answer: at most one,
which h11 reads, and frames only after a 101.  Nothing is raised or logged as an
error; and when the peer is gone, no connection is left, and nothing is waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import h11
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from fuzz.choices import Choices, cut
from tests.core.builds import Build
from tests.safety.octets import framesIn

CLOSE = 0x88
STATUSES = {400, 403, 404, 405, 414, 421, 426, 431, 505}
SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"messageLimit": 1000, "fragmentLimit": 4, "headLimit": 512},
    {
        "origins": ("https://*.example.com",),
        "hosts": ("example.com", "*.example.com"),
        "trustedProxies": ("0.0.0.0/0",),
    },
)


class Outcome(NamedTuple):
    """What a peer has seen."""

    sent: bytes
    hasFinished: bool
    wasAborted: bool


def check(octets: bytes, builds: Sequence[Build]) -> None:
    """Send octets to a server, and vanish."""
    choices = Choices(octets)
    options = choices.one(SETTINGS)
    how = choices.bits(3)
    sizes = choices.sizes()
    stream = choices.rest()
    errors: list[Any] = []

    def observe(event: Any) -> None:
        if "log_failure" in event:
            errors.append(event["log_failure"])

    globalLogPublisher.addObserver(observe)
    try:
        found = [
            _served(build, options, how, segments)
            for build in builds
            for segments in ([stream], cut(stream, sizes))
        ]
    finally:
        globalLogPublisher.removeObserver(observe)
    assert not errors, errors[0].getTraceback()
    for other in found[1:]:
        assert other == found[0]
    _checkAnswer(found[0])


def _served(
    build: Build,
    options: dict[str, Any],
    how: Sequence[bool],
    segments: Sequence[bytes],
) -> Outcome:
    """Connect to a new server, and send it segments."""
    isCompressing, isRouting, isPrefaced = how
    settings = build.part("settings")
    compression = None
    if isCompressing:
        # Who refers beyond a smaller window is not always seen.
        compression = settings.Compression(peerWindowBits=15, threshold=8)
    echo, route = build.part("demo").Echo, build.part("routing").Route
    factory = build.part("server").WebSocketServerFactory(
        None if isRouting else echo,
        () if isRouting else ("chat",),
        settings.Settings(compression=compression, **options),
        Clock(),
        routes=[route("/chat/{room}", echo), route("/chat", echo, ["superchat"])]
        if isRouting
        else (),
    )
    opening = build.part("answering").ServerOpening(factory)
    if isPrefaced:
        kind = build.part("prefacing").PrefacedOpening
        opening = kind(opening, factory.trust, None)
    wire = factory.buildWire(opening)
    transport = build.part("testing").MemoryTransport(wire)
    wire.makeConnection(transport)
    sent = b""
    for segment in segments:
        transport.deliver(segment)
        while (moved := transport.move()) is not None:
            sent += moved
    outcome = Outcome(sent, transport.hasFinished, transport.wasAborted)
    transport.lose(ConnectionLost())
    assert not [*factory._wires], "a connection is left"
    assert not factory.reactor.getDelayedCalls(), "something is waited for"
    return outcome


def _checkAnswer(found: Outcome) -> None:
    """See that an answer is one, and what follows are frames."""
    if not found.sent:
        return
    oracle = h11.Connection(h11.CLIENT)
    asked = [("Host", "a"), ("Upgrade", "websocket"), ("Connection", "Upgrade")]
    oracle.send(h11.Request(method="GET", target="/", headers=asked))
    oracle.send(h11.EndOfMessage())
    oracle.receive_data(found.sent)
    answer = oracle.next_event()
    if answer.status_code == 101:
        frames = framesIn(oracle.trailing_data[0])
        assert all(first != CLOSE for first, _ in frames[:-1])
        return
    assert answer.status_code in STATUSES
    assert found.hasFinished
    body = b""
    while not isinstance(event := oracle.next_event(), h11.EndOfMessage):
        body += event.data
    assert found.sent.endswith(body)
    assert oracle.trailing_data == (b"", False)
