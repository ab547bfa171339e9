"""
What comes over an open connection, in both roles.

Whole or cut, and in both builds, the same octets make the same calls, write the
same frames and raise the same error; so they do where a connection is handed
over to the other build between segments.  No message is over the limits, nor is
what is kept of one; what is written a peer reads; what is received is received
again when a peer sends it; and what is accepted is what wsproto reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wsproto import connection as wsproto
from wsproto import events

from fuzz.choices import Choices, cut
from fuzz.sides import Agreement, Side
from tests.core.builds import Build

_HEADER = 14
_CONTROL = 125


def check(octets: bytes, builds: Sequence[Build]) -> None:
    """Receive a stream."""
    choices = Choices(octets)
    agreement = Agreement.chosen(choices)
    sizes = choices.sizes()
    stream = choices.rest()
    segments = cut(stream, sizes)
    whole = _received(builds[:1], agreement, [stream])
    inPieces = _received(builds[:1], agreement, segments)
    if agreement.isAnyCut:
        assert inPieces.outcome() == whole.outcome()
    for build in builds[1:]:
        for segmented, expected in (([stream], whole), (segments, inPieces)):
            other = _received([build], agreement, segmented)
            assert other.outcome() == expected.outcome()
    if agreement.isMoved:
        moved = _received([*builds[::-1], builds[-1]], agreement, segments)
        assert moved.outcome() == inPieces.outcome()
    _checkPeer(builds[-1], agreement, whole)
    if not (agreement.isReacting or agreement.hasCodec or agreement.isStreaming):
        _compare(agreement, whole, stream)


def _received(
    builds: Sequence[Build], agreement: Agreement, segments: Sequence[bytes]
) -> Side:
    """Receive segments, and see that what is promised is kept."""
    side = Side(builds, agreement)
    side.feed(segments)
    connection = side.connection
    assert not (connection.isClosed and connection.isOpen)
    if side.error is not None:
        assert connection.isClosed
        calls = list(side.calls)
        connection.feed(b"\x89\x00\x89\x80aaaa")
        assert side.calls == calls, "it reads after an error"
    octetLimit, _ = agreement.limits
    streamed = 0
    for name, *arguments in side.calls:
        if name in ("textReceived", "bytesReceived", "pieceReceived"):
            message = arguments[0][1]
            streamed += len(message if isinstance(message, bytes) else message.encode())
            assert octetLimit is None or streamed <= octetLimit
            if name != "pieceReceived" or arguments[1][1]:
                streamed = 0
    if not connection.isClosed:
        state = connection.state().reader
        kept = state.collected or b""
        kept = kept if isinstance(kept, bytes) else kept.encode()
        assert octetLimit is None or len(kept) <= octetLimit
        assert len(state.frames.backlog) < _HEADER + _CONTROL
    return side


def _checkPeer(build: Build, agreement: Agreement, side: Side) -> None:
    """Have a peer read what was written, and send what was received."""
    reader = Side([build], agreement.mirrored())
    reader.feed([bytes(side.written)])
    assert reader.error is None, reader.error
    if agreement.isStreaming:
        return
    sender = Side([build], agreement.mirrored())
    sent: list[Any] = []
    for call in side.calls:
        name, *arguments = call
        if name in ("textReceived", "bytesReceived"):
            sent.append(call)
            send = sender.connection.sendText
            if name == "bytesReceived":
                send = sender.connection.sendBytes
            send(arguments[0][1])
    again = Side([build], agreement._replace(turn=0))
    again.feed([bytes(sender.written)])
    assert again.calls == sent
    assert again.error is None


def _compare(agreement: Agreement, side: Side, stream: bytes) -> None:
    """Hold what was received against what wsproto reads."""
    if side.error is not None:
        return
    kind = wsproto.ConnectionType
    oracle = wsproto.Connection(kind.CLIENT if agreement.isClient else kind.SERVER)
    received = [
        (name, arguments[0][1])
        for name, *arguments in side.calls
        if name != "written" and arguments[0][1] != 1014  # Unknown to wsproto.
    ]
    found: list[Any] = []
    collected: Any = None
    oracle.receive_data(stream)
    for event in oracle.events():
        if len(found) == len(received):
            break
        if isinstance(event, events.Message):
            collected = event.data if collected is None else collected + event.data
            if event.message_finished:
                isText = isinstance(event, events.TextMessage)
                found.append(("textReceived" if isText else "bytesReceived", collected))
                collected = None
        elif isinstance(event, events.Ping):
            found.append(("pingReceived", bytes(event.payload)))
        elif isinstance(event, events.Pong):
            found.append(("pongReceived", bytes(event.payload)))
        elif isinstance(event, events.CloseConnection):
            found.append(("closeReceived", event.code))
    assert found == received
