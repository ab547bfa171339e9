"""
The clients and the server against those of other libraries.

Each test is a conversation, held with each peer, in each direction, with
compression and without.  Another peer is a program in C{peers} and an entry in
C{foreign.PROGRAMS}.
"""

from __future__ import annotations

import os

import pytest
import pytest_twisted

from wsagent import ClosedCleanly, Compression, Settings

from .foreign import PROGRAMS, Foreign, Meeting, please

LENGTHS = (0, 125, 126, 65_535, 65_536)
LARGE = 4 * 1024 * 1024
PIECES = ["", "fra", "gm\u20acnt" * 20_000, "ed"]
LONGEST = "\u00e9" * 61 + "!"
"""A reason of 123 octets."""

COMPRESSIONS = {
    "plain": None,
    "deflate": Compression(threshold=0),
    "smallest": Compression(
        threshold=0,
        memoryLevel=1,
        windowBits=9,
        peerWindowBits=9,
        hasContextTakeover=False,
        peerHasContextTakeover=False,
    ),
}


@pytest.fixture(scope="module", params=PROGRAMS)
def foreign(request, tmp_path_factory):
    """Give a peer."""
    peer = Foreign(request.param, tmp_path_factory.mktemp(request.param))
    yield peer
    peer.stop()


@pytest.fixture(params=COMPRESSIONS)
def compression(request):
    """Give a choice."""
    return COMPRESSIONS[request.param]


@pytest.fixture(params=["client", "blocking", "server"])
def role(request):
    """Give ours."""
    return request.param


@pytest_twisted.async_yield_fixture
async def meet(foreign, role, compression, ports, noFailures):  # noqa: ARG001 - it outlives this one
    """Give what connects one of ours with a peer; in the end all are closed."""
    settings = Settings(messageLimit=None, sendLimit=None, compression=compression)
    everyone = []

    async def met(subprotocols=("echo",)):
        before = len(foreign.reports())
        meeting = Meeting(foreign, ports, settings)
        ours = await getattr(meeting, role)(subprotocols)
        everyone.append(ours)
        ours.octets = meeting.octets
        theirs = await foreign.report(lambda each: "opened" in each, before)
        assert theirs["subprotocol"] == ours.subprotocol
        assert theirs["isCompressed"] is (compression is not None)
        ours.number = theirs["opened"]
        return ours

    yield met
    for ours in everyone:
        await ours.close(1000)


async def echoes(ours, *messages) -> None:
    """Demand that messages come back."""
    for message in messages:
        await ours.send(message)
        assert await ours.receive() == message


def text(length: int) -> str:
    """Write a text of so many octets."""
    return "\u00e9" * (length // 2) + "a" * (length % 2)


@pytest_twisted.ensureDeferred
async def test_messages(meet):
    """Texts and octets come back as they were, wherever frames change."""
    ours = await meet()
    for length in LENGTHS:
        await echoes(ours, text(length), os.urandom(length))


@pytest.mark.parametrize("compression", ["plain", "deflate"], indirect=True)
@pytest_twisted.ensureDeferred
async def test_large(meet):
    """Four mebioctets come back in one message."""
    ours = await meet()
    await echoes(ours, os.urandom(1024) * (LARGE // 1024))


@pytest_twisted.ensureDeferred
async def test_compression(meet, compression):
    """What can be compressed is, in both directions, if that was agreed on."""
    ours = await meet()
    await echoes(ours, text(100_000))
    for octets in ours.octets:
        assert octets < 10_000 if compression else octets > 100_000


@pytest_twisted.ensureDeferred
async def test_takeover(meet):
    """Messages that refer to earlier ones, or may not, come back."""
    ours = await meet()
    message = os.urandom(300)
    for _ in range(5):
        await echoes(ours, message, message.hex())


@pytest.mark.parametrize("role", ["client", "server"], indirect=True)
@pytest_twisted.ensureDeferred
async def test_pieces(meet):
    """A peer understands our fragments, with a ping between them."""
    ours = await meet()
    await ours.sendPieces(PIECES)
    assert await ours.receive() == "".join(PIECES)
    await ours.sendPieces([piece.encode() for piece in PIECES])
    assert await ours.receive() == "".join(PIECES).encode()


# aiohttp sends no fragments.
@pytest.mark.parametrize("foreign", ["websockets", "autobahn", "ws"], indirect=True)
@pytest_twisted.ensureDeferred
async def test_theirPieces(meet):
    """We understand a peer's fragments."""
    ours = await meet()
    await ours.send(please(pieces=PIECES))
    assert await ours.receive() == "".join(PIECES)


@pytest_twisted.ensureDeferred
async def test_pings(meet):
    """A peer answers our pings, and we answer its own."""
    ours = await meet()
    for payload in (b"", b"?", bytes(125)):
        await ours.pinged(payload)
    for payload in ("?", "!" * 125):
        await ours.send(please(ping=payload))
        assert await ours.receive() == "pong " + payload


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("code", "reason"),
    [(1000, ""), (1001, "later"), (3000, LONGEST), (4999, "why")],
    ids=str,
)
async def test_close(meet, foreign, code, reason):
    """A peer hears our code and reason, and closes."""
    ours = await meet()
    await ours.close(code, reason)
    end = await ours.lost()
    assert isinstance(end, ClosedCleanly)
    assert (end.code, end.reason, end.initiator) == (code, reason, "us")
    theirs = await foreign.report(lambda each: each.get("closed") == ours.number)
    assert (theirs["code"], theirs["reason"]) == (code, reason)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("code", "reason"),
    [(1000, ""), (3000, LONGEST), (4999, "why")],
    ids=str,
)
async def test_theirClose(meet, foreign, code, reason):
    """We hear a peer's code and reason, and answer with the code."""
    ours = await meet()
    await ours.send(please(close=[code, reason]))
    end = await ours.lost()
    assert isinstance(end, ClosedCleanly)
    assert (end.code, end.reason, end.initiator) == (code, reason, "peer")
    theirs = await foreign.report(lambda each: each.get("closed") == ours.number)
    assert theirs["code"] == code, theirs


# The others always send a code.
@pytest.mark.parametrize("foreign", ["autobahn", "ws"], indirect=True)
@pytest_twisted.ensureDeferred
async def test_theirCloseWithoutCode(meet):
    """A peer may close without a code."""
    ours = await meet()
    await ours.send(please(close=[]))
    end = await ours.lost()
    assert isinstance(end, ClosedCleanly)
    assert (end.code, end.reason, end.initiator) == (1005, "", "peer")


@pytest_twisted.ensureDeferred
async def test_subprotocols(meet):
    """Of several subprotocols who listens chooses one, of none none."""
    ours = await meet(("other", "echo"))
    assert ours.subprotocol == "echo"
    ours = await meet(())
    assert ours.subprotocol is None
