"""
All that a server reads, from the request to the last frame, in memory.

Whole or cut, and in both builds, the same octets get the same answer: at most one,
which h11 reads, and frames only after a 101.  Nothing is raised or logged as an
error; and when the peer is gone, no connection is left, and nothing is waited for.

Where there is a site, what is no request for a WebSocket has the site's answers,
octet by octet, however the octets are cut.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import h11
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from fuzz.choices import Choices, cut
from tests.core.builds import SOURCES, Build
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


_asksForWebSocket = re.compile(rb"upgrade|sec-websocket", re.IGNORECASE)
_date = re.compile(rb"Date: [^\r]*\r\n")


class Outcome(NamedTuple):
    """What a peer has seen."""

    sent: bytes
    hasFinished: bool
    wasAborted: bool
    isGone: bool


class Page(Resource):
    """Says how long a request's body was."""

    isLeaf = True

    def __init__(self, clock: Clock) -> None:
        """@param clock: what C{/later} waits for."""
        super().__init__()
        self._clock = clock

    def render(self, asked: Any) -> bytes | int:
        """Answer, perhaps a little later."""
        if asked.path != b"/later":
            return super().render(asked)

        def answer() -> None:
            asked.write(b"at last")
            asked.finish()

        later = self._clock.callLater(0, answer)
        asked.notifyFinish().addErrback(lambda _: later.cancel())
        return NOT_DONE_YET

    def render_GET(self, _: Any) -> bytes:
        """Say who we are."""
        return b"a page"

    def render_POST(self, asked: Any) -> bytes:
        """Count."""
        return b"%d octets" % len(asked.content.read())


def check(octets: bytes, builds: Sequence[Build]) -> None:
    """Send octets to a server, and vanish."""
    choices = Choices(octets)
    options = choices.one(SETTINGS)
    how = choices.bits(4)
    sizes = choices.sizes()
    stream = choices.rest()
    cuts = [stream], cut(stream, sizes)
    errors: list[Any] = []

    def observe(event: Any) -> None:
        if "log_failure" in event:
            errors.append(event["log_failure"])

    globalLogPublisher.addObserver(observe)
    try:
        found = [
            [_served(build, options, how, segments) for segments in cuts]
            for build in builds
        ]
        alone = [_site(segments) for segments in cuts] if how[3] else []
    finally:
        globalLogPublisher.removeObserver(observe)
    assert not errors, errors[0].getTraceback()
    for other in found[1:]:
        assert other == found[0]
    # How much is inflated before what is wrong with it is seen depends on cuts.
    whole, inPieces = map(_withoutReason, found[0]) if how[0] else found[0]
    if not alone:
        assert whole == inPieces
        _checkAnswer(found[0][0])
        return
    # With a body's end that is none, it matters to a site how it is cut.
    assert whole == inPieces or alone[0] != alone[1]
    isPrefaced = how[2]
    for ours, theirs in zip(found[0], alone, strict=True):
        _checkFrames(ours)
        if not isPrefaced and not _asksForWebSocket.search(stream):
            # We wait for a whole head, where it is not wrong at once.
            assert ours == theirs or not (ours.sent or b"\r\n\r\n" in stream)


def _served(
    build: Build,
    options: dict[str, Any],
    how: Sequence[bool],
    segments: Sequence[bytes],
) -> Outcome:
    """Connect to a new server, and send it segments."""
    isCompressing, isRouting, isPrefaced, hasSite = how
    settings = build.part("settings")
    compression = None
    if isCompressing:
        # Who refers beyond a smaller window is not always seen.
        compression = settings.Compression(peerWindowBits=15, threshold=8)
    echo, route = build.part("demo").Echo, build.part("routing").Route
    clock = Clock()
    factory = build.part("server").WebSocketServerFactory(
        None if isRouting else echo,
        () if isRouting else ("chat",),
        settings.Settings(compression=compression, **options),
        clock,
        routes=[route("/chat/{room}", echo), route("/chat", echo, ["superchat"])]
        if isRouting
        else (),
        site=_newSite(clock) if hasSite else None,
    )
    opening = build.part("answering").ServerOpening(factory)
    if isPrefaced:
        kind = build.part("prefacing").PrefacedOpening
        opening = kind(opening, factory.trust, None)
    outcome = _sent(build, clock, factory.buildWire(opening), segments)
    assert not [*factory._wires], "a connection is left"
    assert not clock.getDelayedCalls(), "something is waited for"
    return outcome


def _site(segments: Sequence[bytes]) -> Outcome:
    """Send segments to a site that has a port of its own."""
    clock = Clock()
    return _sent(SOURCES, clock, _newSite(clock).buildProtocol(None), segments)


def _newSite(clock: Clock) -> Site:
    """Make a site."""
    root = Resource()
    for name in (b"", b"later"):
        root.putChild(name, Page(clock))
    site = Site(root, reactor=clock)
    site.displayTracebacks = False
    return site


def _sent(
    build: Build, clock: Clock, protocol: Any, segments: Sequence[bytes]
) -> Outcome:
    """Connect, send segments, and vanish."""
    transport = build.part("memory").MemoryTransport(protocol)
    protocol.makeConnection(transport)
    sent = b""
    for segment in segments:
        transport.deliver(segment)
        isMoving = True
        while isMoving:
            clock.advance(0)
            isMoving = False
            while (moved := transport.move()) is not None:
                sent += moved
                isMoving = True
    outcome = Outcome(
        _date.sub(b"", sent),
        transport.hasFinished,
        transport.wasAborted,
        transport.isLost,
    )
    transport.lose(ConnectionLost())
    return outcome


def _withoutReason(found: Outcome) -> Outcome:
    """Leave out what a last Close frame of ours says."""
    _, _, answer = found.sent.partition(b"HTTP/1.1 101 ")
    frames = framesIn(answer.partition(b"\r\n\r\n")[2])
    if not frames or frames[-1][0] != CLOSE:
        return found
    # Its length is one octet, and is said too.
    return found._replace(sent=found.sent[: -1 - len(frames[-1][1])])


def _checkFrames(found: Outcome) -> None:
    """See that nothing but frames follows a 101."""
    _, accepted, rest = found.sent.partition(b"HTTP/1.1 101 ")
    if accepted:
        frames = framesIn(rest.partition(b"\r\n\r\n")[2])
        assert all(first != CLOSE for first, _ in frames[:-1])


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
