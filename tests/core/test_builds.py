"""The compiled build and its sources: whatever comes, they do the same."""

from __future__ import annotations

import random
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest, SynchronousTestCase

import wsagent

from .builds import COMPILED, SOURCES, Build, load, plain, unload
from .compressing import deflated
from .notation import KEY, cutAt, frame, pieces, row
from .strategies import CLOSE_CODES, CUTS, PAYLOADS, TEXTS, conversations

EXAMPLES = 300
"""More than elsewhere: this has to find what nobody has thought of."""

Step = tuple[Any, ...]
"""What is done to a connection: the name of a method, and arguments."""


class BuildsTestCase(SynchronousTestCase):
    """A case that needs both builds."""

    def setUp(self) -> None:
        """Load the sources."""
        if not wsagent.__compiled__:
            raise SkipTest("the build that runs is pure Python: there is no other")
        self.addCleanup(unload, load())
        names = ("masking", "framing", "messages", "outgoing", "connection")
        for name in (*names, "deflate", "permessage"):
            suffix = Path(str(getattr(SOURCES, name).__file__)).suffix
            assert suffix == ".py", "these are to be the sources"


class Reacting:
    """A receiver that notes its calls, and does something in some of them."""

    def __init__(self, calls: list[Any], reactions: dict[int, Step], react: Any):
        """@param reactions: by the number of the call."""
        self._calls = calls
        self._reactions = reactions
        self._react = react
        self._count = 0

    def __getattr__(self, name: str) -> Any:
        """Make a method."""

        def called(*arguments: object) -> None:
            # A C integer is no bool, and the other way round.
            self._calls.append((name, *((type(each), each) for each in arguments)))
            self._count += 1
            step = self._reactions.get(self._count)
            if step is not None:
                self._react(step)

        return called


class Agreement:
    """What both ends of a connection know beforehand."""

    def __init__(
        self,
        isClient: bool,
        limits: tuple[int | None, int | None],
        isStreaming: bool,
        hasCodec: bool,
    ) -> None:
        """@param limits: of octets, and of fragments."""
        self.isClient = isClient
        self.limits = limits
        self.isStreaming = isStreaming
        self.hasCodec = hasCodec

    def __repr__(self) -> str:
        """Tell Hypothesis."""
        return f"Agreement({vars(self)})"

    def arguments(self, build: Build) -> tuple[Any, ...]:
        """Give a connection of a build what it needs."""
        codec = None
        if self.hasCodec:
            compression = build.deflate.Compression(threshold=8, isMovable=True)
            codec = build.permessage.DeflateCodec(compression, 12, True, 15, True)
        role = build.codes.Role.CLIENT if self.isClient else build.codes.Role.SERVER
        return role, build.messages.Limits(*self.limits), self.isStreaming, codec


class Side:
    """
    A connection that goes through a script, of one build or of more in turn.

    @ivar noted: all that came of it.
    """

    def __init__(
        self,
        builds: Sequence[Build],
        agreement: Agreement,
        reactions: dict[int, Step],
    ) -> None:
        """Be open."""
        self.noted: list[Any] = []
        self._builds = list(builds)
        self._agreement = agreement
        self._receiver = Reacting(self.noted, reactions, self._do)
        self._connection = self._build.connection.Connection(
            self._receiver, self._write, *agreement.arguments(self._build)
        )

    @property
    def _build(self) -> Build:
        """The build whose turn it is."""
        return self._builds[0]

    def _write(self, *octets: bytes) -> None:
        """Note what is sent, in one or two parts."""
        self.noted.append(("written", *octets))

    def _do(self, step: Step) -> None:
        """Do a step; what it raises is for who has called."""
        name, *arguments = step
        if name == "raise":
            raise KeyError("of the application")
        if name == "sendPrepared":
            arguments = [self._build.outgoing.PreparedMessage(*arguments)]
        getattr(self._connection, name)(*arguments)

    def do(self, step: Step) -> None:
        """Do a step, and note what it raises."""
        if step[0] == "handOver":
            self._handOver()
            return
        try:
            self._do(step)
        except Exception as error:  # noqa: BLE001 - each has to be the same
            code = getattr(error, "code", None)
            self.noted.append((type(error).__name__, str(error), code))

    def _handOver(self) -> None:
        """Have a new connection go on with the state of this one."""
        state = self._connection.state()
        self.noted.append(plain(state))
        self._builds.append(self._builds.pop(0))
        self._connection = self._build.connection.Connection.restored(
            self._build.moved(state),
            self._receiver,
            self._write,
            *self._agreement.arguments(self._build),
        )

    def end(self) -> list[Any]:
        """Give all that came of it, and how it is in the end."""
        connection = self._connection
        names = ("isOpen", "isClosed", "isInMessage", "isInFrame", "heldAmount")
        names += ("messagesReceived", "messagesSent", "isSendingFragments")
        ending = [
            (type(value), value) for value in (getattr(connection, n) for n in names)
        ]
        return [*self.noted, plain(connection.state()), *ending]


def outcome(
    builds: Sequence[Build],
    agreement: Agreement,
    steps: Sequence[Step],
    reactions: dict[int, Step],
) -> list[Any]:
    """Run a script; masking keys are the same each time, whose turn it may be."""
    source = random.Random(1)
    with pytest.MonkeyPatch.context() as patches:
        keys = [source.randbytes(4) for _ in range(200)]
        for build in (COMPILED, SOURCES):
            patches.setattr(build.masking, "_pool", keys)
        side = Side(builds, agreement, reactions)
        for step in steps:
            side.do(step)
        return side.end()


LENGTHS = st.one_of(
    st.integers(0, 300),
    st.sampled_from(
        (125, 126, 65_535, 65_536, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1)
    ),
)


def mostly(usual: Any, unusual: Any) -> Any:
    """Draw what is usual, and what is not now and then."""
    return st.integers(0, 9).flatmap(lambda each: unusual if each == 9 else usual)


@st.composite
def anyFrames(draw: Any, isMasked: bool) -> bytes:
    """Draw a frame as nobody should send it, or nearly."""
    payload = draw(st.one_of(PAYLOADS, TEXTS.map(str.encode)))
    rsv = draw(mostly(st.just(0), st.sampled_from((2, 4, 4, 7))))
    if rsv == 4 and draw(st.booleans()):
        (payload,) = deflated(payload)
    form, length = draw(mostly(st.just((None, None)), LENGTHS.map(lambda n: (64, n))))
    return frame(
        draw(mostly(st.sampled_from((0, 1, 2, 8, 9, 10)), st.integers(0, 15))),
        payload,
        fin=draw(st.sampled_from((0, 1, 1))),
        rsv=rsv,
        key=draw(mostly(st.just(isMasked), st.booleans())) * KEY,
        declared=length,
        form=form,
    )


@st.composite
def streams(draw: Any, isMasked: bool) -> bytes:
    """Draw what a peer may send, often right, at times spoiled in a place."""
    parts = st.one_of(
        conversations(isMasked).map(lambda each: each.octets),
        st.lists(anyFrames(isMasked), max_size=5).map(b"".join),
    )
    octets = bytearray(draw(parts) + draw(st.one_of(st.just(b""), parts)))
    place = draw(mostly(st.just(len(octets)), st.integers(0, 400)))
    if place < len(octets):
        octets[place] = draw(st.integers(0, 255))
    return bytes(octets)


MESSAGES = mostly(
    st.one_of(TEXTS, PAYLOADS, PAYLOADS.map(bytearray)),
    st.sampled_from(("\ud800", 5, None)),
)
CHOICES = st.sampled_from((None, True, False))
ENDINGS = st.one_of(
    st.sampled_from((("abandon",), ("fail", 1011, "½" * 100), ("raise",))),
    st.tuples(st.just("close"), CLOSE_CODES, TEXTS),
)
QUIET = st.sampled_from(
    (
        *(("pause",), ("resume",), ("feed", b""), ("rest",), ("dropAll",)),
        *(("ping", bytes(125)), ("ping", bytes(126))),
        *(("close", 1005), ("close", 1000, "x" * 124)),
    )
)


def steps(isMasked: bool) -> Any:
    """Draw what may be done between segments, or in a call."""
    return mostly(
        st.one_of(
            QUIET,
            st.tuples(st.just("feed"), streams(isMasked)),
            st.tuples(st.just("sendText"), MESSAGES, CHOICES),
            st.tuples(st.just("sendBytes"), MESSAGES, CHOICES),
            st.tuples(st.just("sendFragment"), MESSAGES, st.booleans()),
            st.tuples(st.just("ping"), MESSAGES),
        ),
        ENDINGS,
    )


AGREEMENTS = st.builds(
    Agreement,
    st.booleans(),
    st.tuples(
        st.sampled_from((None, None, 5, 12, 126, 65_536)),
        st.sampled_from((None, None, 1, 2)),
    ),
    st.booleans(),
    st.booleans(),
)


class Script(NamedTuple):
    """What is done to a connection, and what it does in the course of it."""

    agreement: Agreement
    steps: list[Step]
    reactions: dict[int, Step]


@st.composite
def scripts(draw: Any) -> Script:
    """Draw the segments of a stream, with steps between them, and in the calls."""
    agreement = draw(AGREEMENTS)
    anyStep = steps(not agreement.isClient)
    between = st.one_of(
        st.just([]), st.just([("handOver",)]), anyStep.map(lambda s: [s])
    )
    script: list[Step] = []
    for segment in cutAt(draw(streams(not agreement.isClient)), draw(CUTS)):
        script += draw(between)
        script.append(("feed", segment))
        script += draw(st.sampled_from(([], [], [("resume",), ("feed", b"")])))
    reactions = st.dictionaries(st.integers(1, 6), anyStep, max_size=3)
    return Script(agreement, script, draw(reactions))


class ConnectionTests(BuildsTestCase):
    """Connections of both builds, and one that is of both in turn."""

    def assertSame(
        self,
        agreement: Agreement,
        steps: Sequence[Step],
        reactions: dict[int, Step] | None = None,
    ) -> list[Any]:
        """Run a script on both builds, and on both in turn."""
        found = [
            outcome(builds, agreement, steps, reactions or {})
            for builds in (
                [SOURCES],
                [COMPILED],
                [COMPILED, SOURCES],
                [SOURCES, COMPILED],
            )
        ]
        for other in found[1:]:
            self.assertEqual(other, found[0])
        return found[0]

    @settings(max_examples=EXAMPLES)
    @given(scripts())
    def test_anything(self, script: Script) -> None:
        """Any octets, cut anywhere, with any calls between and within them."""
        self.assertSame(*script)

    @given(st.booleans(), st.booleans(), st.data())
    def test_conversation(self, isClient: bool, isStreaming: bool, data: Any) -> None:
        """A correct peer's octets, and a change of builds at every one of them."""
        octets = data.draw(conversations(not isClient, st.binary(max_size=40))).octets
        agreement = Agreement(isClient, (None, None), isStreaming, hasCodec=False)
        script: list[Step] = []
        for piece in pieces(octets[:300], 1):
            script += [("feed", piece), ("handOver",)]
        self.assertSame(agreement, script)

    @given(st.lists(st.tuples(MESSAGES, st.booleans()), max_size=5), st.booleans())
    def test_prepared(self, drawn: list[tuple[Any, bool]], hasCodec: bool) -> None:
        """Prepared messages, between the fragments of another one too."""
        agreement = Agreement(False, (None, None), False, hasCodec)
        for isClient in (False, True):
            agreement.isClient = isClient
            script: list[Step] = []
            for message, isLast in drawn:
                script.append(("sendPrepared", message))
                script += [("sendFragment", b"?", isLast), ("handOver",)]
            self.assertSame(agreement, script)

    def test_hugeClaims(self) -> None:
        """A frame that claims up to 2**64-1 octets is as huge for both."""
        for isClient, key in ((False, KEY), (True, b"")):
            for limit in (None, 10, 2**31, 2**32, 2**62, 2**63 - 1):
                for claimed in (
                    *(2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**32 + 5),
                    *(2**62, 2**62 + 1, 2**63 - 1, 2**63, 2**64 - 1),
                ):
                    start = frame(2, b"abc", fin=0, key=key)
                    huge = frame(0, b"", key=key, declared=claimed, form=64)
                    agreement = Agreement(isClient, (limit, None), False, False)
                    with row((isClient, limit, claimed)):
                        self.assertSame(
                            agreement, [("feed", start), ("feed", huge + bytes(5))]
                        )
                        self.assertSame(
                            agreement,
                            [("feed", piece) for piece in pieces(huge, 1)],
                        )

    def test_notBytes(self) -> None:
        """What is fed as C{bytearray} is refused or read, and never anything else."""
        for isClient, key in ((False, KEY), (True, b"")):
            octets = frame(1, b"abc", key=key)
            expected = ("textReceived", (str, "abc"))
            agreement = Agreement(isClient, (None, None), False, False)
            for build in (COMPILED, SOURCES):
                script = [("feed", bytearray(octets))]
                found = outcome([build], agreement, script, {})[0]
                if found[0] != "TypeError":
                    self.assertEqual(found, expected)
            again = [("feed", bytearray(octets)), ("feed", octets)]
            self.assertIn(expected, outcome([COMPILED], agreement, again, {}))

    def test_canFail(self) -> None:
        """These tests see a difference: of a key, of a type, of a state."""
        agreement = Agreement(True, (None, None), False, False)
        one = outcome([COMPILED], agreement, [("sendText", "a")], {})
        for other in (
            outcome([SOURCES], agreement, [("sendText", "b")], {}),
            outcome([SOURCES], agreement, [("sendText", "a"), ("pause",)], {}),
        ):
            self.assertNotEqual(one, other)
        self.assertNotEqual((bool, True), (int, 1))


class FrameTests(BuildsTestCase):
    """Frames, without messages."""

    @given(st.booleans(), CUTS, st.sampled_from((0, 0x10, 0x40)), st.data())
    def test_read(self, isMasked: bool, cuts: list[int], rsv: int, data: Any) -> None:
        """Any octets are the same frames, or the same error."""
        octets = data.draw(streams(isMasked))
        found = []
        for build in (COMPILED, SOURCES):
            calls: list[Any] = []
            reader = build.framing.FrameReader(Reacting(calls, {}, None), isMasked, rsv)
            for segment in cutAt(octets, cuts):
                try:
                    reader.feed(segment)
                except build.errors.ProtocolError as error:  # noqa: PERF203 - once.
                    calls.append((type(error).__name__, str(error)))
                    break
            found.append([*calls, plain(reader.framesState())])
        self.assertEqual(*found)

    def test_written(self) -> None:
        """A frame header is the same for each opcode, length and key."""
        for opcode in (0, 1, 2, 8, 9, 10, 0x41, 0x72):
            for length in (0, 1, 125, 126, 65_535, 65_536, 2**32, 2**63 - 1):
                for fin in (False, True):
                    for key in (b"", KEY):
                        arguments = (opcode, length, fin, key)
                        self.assertEqual(
                            COMPILED.framing.frameHeader(*arguments),
                            SOURCES.framing.frameHeader(*arguments),
                            arguments,
                        )


def alignments() -> Iterator[tuple[bytes, int, int]]:
    """Give octets, and each place in them that a processor may treat differently."""
    octets = random.Random(6455).randbytes(1 << 20)
    for size in range(601):
        for start in range(4, 4 + 16):
            yield octets, start, start + size
    for size in (4095, 4096, 4097, 65_535, 65_536, 65_537, 1_000_003):
        for start in range(4, 4 + 33):
            yield octets, start, start + size


class MaskingTests(BuildsTestCase):
    """Masking, the only file with two bodies."""

    def test_names(self) -> None:
        """Both bodies have the same names."""
        names = [
            {
                name
                for name, value in vars(build.masking).items()
                if callable(value) and not name.startswith("_")
            }
            for build in (COMPILED, SOURCES)
        ]
        self.assertEqual(names[0], names[1])

    def test_slices(self) -> None:
        """Payloads of any size, at any place of a segment, with and without a key."""
        compiled, source = COMPILED.masking, SOURCES.masking
        for octets, start, stop in alignments():
            for isMasked in (True, False) if stop - start < 65 else (True,):
                found = compiled.payloadAt(octets, start, stop, isMasked)
                expected = source.payloadAt(octets, start, stop, isMasked)
                if found != expected:
                    self.fail(f"payloadAt of {start}:{stop}, {isMasked}")

    @given(PAYLOADS, st.binary(max_size=14), st.binary(max_size=5))
    def test_joined(self, payload: bytes, header: bytes, key: bytes) -> None:
        """A payload is masked, and a frame put together, alike; or refused alike."""
        for name, arguments in (
            ("applyMask", (payload, key)),
            ("joined", (header, payload, key)),
            ("joined", (header, payload, b"")),
        ):
            found = []
            for build in (COMPILED, SOURCES):
                try:
                    found.append(getattr(build.masking, name)(*arguments))
                except ValueError as error:  # noqa: PERF203 - to compare.
                    found.append(str(error))
            self.assertEqual(*found)

    @given(
        st.lists(st.binary(max_size=40), max_size=8),
        st.integers(0, 400),
        st.sampled_from((b"", KEY)),
    )
    def test_gathered(self, parts: list[bytes], most: int, key: bytes) -> None:
        """Parts of a large payload are gathered alike."""
        found = []
        for build in (COMPILED, SOURCES):
            gathering = build.masking.Gathering()
            for part in parts:
                gathering.append(part, len(part), key, most)
            found.append(gathering.octets())
        self.assertEqual(*found)


class ReferencesTests(BuildsTestCase):
    """What others may hold without owning it."""

    def test_weak(self) -> None:
        """What an application, or Twisted, gets may be referred to weakly."""
        from wsagent import protocol, wire
        from wsagent.core import outgoing
        from wsagent.sockets import transport

        for each in (
            outgoing.PreparedMessage,
            protocol.WebSocketProtocol,
            wire.Wire,
            transport.LaneTransport,
        ):
            self.assertNotEqual(each.__weakrefoffset__, 0, each)
        agent = protocol.WebSocketProtocol()
        self.assertIs(weakref.ref(agent)(), agent)
