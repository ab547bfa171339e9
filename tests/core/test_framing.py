"""Frames."""

from __future__ import annotations

import pickle
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from wsagent.core import codes
from wsagent.core.codes import Role
from wsagent.core.errors import ProtocolError
from wsagent.core.framing import FrameReader, frameHeader

from .notation import KEY, PEERS, allCuts, cutAt, effort, frame, masked, pieces, row
from .strategies import CUTS, PAYLOADS

# RFC 6455 section 5.7: what is printed there, and what it says.
EXAMPLES = (
    ("unmasked text", "810548656c6c6f", b"", (1, True, b"Hello")),
    ("masked text", "818537fa213d7f9f4d5158", KEY, (1, True, b"Hello")),
    ("first fragment", "010348656c", b"", (1, False, b"Hel")),
    ("last fragment", "80026c6f", b"", (0, True, b"lo")),
    ("ping", "890548656c6c6f", b"", (9, True, b"Hello")),
    ("masked pong", "8a8537fa213d7f9f4d5158", KEY, (10, True, b"Hello")),
    ("256 octets", "827e0100" + "00" * 256, b"", (2, True, bytes(256))),
    ("64 KiB", "827f0000000000010000" + "00" * 65536, b"", (2, True, bytes(65536))),
)


class Frames:
    """A receiver that puts frames together again."""

    def __init__(self) -> None:
        """Nothing came yet."""
        self.frames: list[tuple[int, bool, bytes]] = []
        self.lengths: list[int] = []
        self.reader: FrameReader | None = None
        self.actions: dict[int, Any] = {}

    def frameReceived(
        self, opcode: int, fin: bool, length: int, payload: bytes
    ) -> None:
        """Note a frame, or its beginning; do what is to be done after so many."""
        self.frames.append((opcode, fin, payload))
        self.lengths.append(length)
        self.actions.get(len(self.frames), lambda: None)()

    def payloadReceived(self, payload: bytes) -> None:
        """Append to the last frame."""
        assert payload, "at least one octet"
        opcode, fin, before = self.frames[-1]
        self.frames[-1] = (opcode, fin, before + payload)


def read(
    segments: list[bytes],
    isMasked: bool,
) -> tuple[list[tuple[int, bool, bytes]], str | None]:
    """Read frames from segments, and the error if one ends them."""
    receiver = Frames()
    reader = FrameReader(receiver, isMasked)
    for segment in segments:
        try:
            reader.feed(segment)
        except ProtocolError as error:  # noqa: PERF203 - once.
            return receiver.frames, str(error)
    return receiver.frames, None


class FrameReaderTests(SynchronousTestCase):
    """Tests for L{FrameReader}."""

    def test_examples(self) -> None:
        """The frames of RFC 6455 section 5.7 are read as it says."""
        for name, octets, key, expected in EXAMPLES:
            with row(name):
                frames, error = read([bytes.fromhex(octets)], bool(key))
                self.assertEqual((frames, error), ([expected], None))

    def test_lengths(self) -> None:
        """Each form of the length is read, masked and not."""
        for _, key in PEERS:
            for length in (0, 1, 125, 126, 127, 65_535, 65_536):
                with row((key, length)):
                    payload = bytes(i % 251 for i in range(length))
                    octets = frame(codes.BINARY, payload, key=key)
                    for segments in ([octets], pieces(octets, 1009)):
                        frames, error = read(segments, bool(key))
                        self.assertIsNone(error)
                        self.assertEqual(frames, [(codes.BINARY, True, payload)])

    def test_cuts(self) -> None:
        """Frames are the same however they are cut."""
        for _, key in PEERS:
            octets = (
                frame(codes.TEXT, b"abcdefgh", fin=0, key=key)
                + frame(codes.PING, b"ping", key=key)
                + frame(codes.CONTINUATION, key=key)
                + frame(codes.BINARY, bytes(range(130)), key=key)
                + frame(codes.TEXT, b"x", form=7, key=key)
            )
            expected = read([octets], bool(key))
            self.assertEqual(len(expected[0]), 5)
            self.assertIsNone(expected[1])
            for name, segments in allCuts(octets):
                with row((key, name)):
                    self.assertEqual(read(segments, bool(key)), expected)

    def test_badHeaders(self) -> None:
        """F01-F09: a bad header is refused at the octet that makes it so."""
        other = {KEY: b"", b"": KEY}
        for _, key in PEERS:
            rows = [
                *(
                    (f"F01 RSV {rsv}", frame(1, rsv=rsv, key=key), 2)
                    for rsv in range(1, 8)
                ),
                ("F02 RSV1 on ping", frame(9, rsv=4, key=key), 2),
                *(
                    (f"F03 opcode {opcode}", frame(opcode, fin=fin, key=key), 2)
                    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
                    for fin in (0, 1)
                ),
                ("F04 masking, text", frame(1, b"a", key=other[key]), 2),
                ("F04 masking, close", frame(8, key=other[key]), 2),
                ("F06 2**63", frame(2, declared=1 << 63, key=key), 10),
                ("F06 2**63 + 1", frame(2, declared=(1 << 63) + 1, key=key), 10),
                ("F06 2**64 - 1", frame(2, declared=(1 << 64) - 1, key=key), 10),
                ("F07 5 in 16", frame(1, bytes(5), form=16, key=key), 4),
                ("F07 125 in 16", frame(1, bytes(125), form=16, key=key), 4),
                ("F07 5 in 64", frame(1, bytes(5), form=64, key=key), 10),
                ("F07 300 in 64", frame(1, bytes(300), form=64, key=key), 10),
                ("F07 65535 in 64", frame(1, bytes(65_535), form=64, key=key), 10),
                *(
                    (
                        f"F07 control in {form}",
                        frame(opcode, b"a", form=form, key=key),
                        2,
                    )
                    for opcode in (8, 9, 10)
                    for form in (16, 64)
                ),
                *(
                    (f"F08 {op}", frame(op, b"a", fin=0, key=key), 2)
                    for op in (8, 9, 10)
                ),
                *(
                    (f"F09 126 octets, {op}", frame(op, bytes(126), key=key), 2)
                    for op in (8, 9, 10)
                ),
            ]
            for name, octets, needed in rows:
                with row((key, name)):
                    self.assertEqual(
                        read([octets[: needed - 1]], bool(key)),
                        ([], None),
                    )
                    frames, error = read([octets[:needed]], bool(key))
                    self.assertEqual(frames, [])
                    self.assertIsNotNone(error)
                    for segments in ([octets], pieces(octets, 1)):
                        self.assertEqual(read(segments, bool(key)), (frames, error))

    def test_framesBeforeAnError(self) -> None:
        """What came before a bad frame is read, in the same segment too."""
        octets = frame(codes.TEXT, b"a", key=KEY) + frame(3, key=KEY)
        for name, segments in allCuts(octets):
            with row(name):
                frames, error = read(segments, isMasked=True)
                self.assertEqual(frames, [(codes.TEXT, True, b"a")])
                self.assertEqual(error, "opcode 3, which is reserved")

    def test_zeroKey(self) -> None:
        """F05: a masking key of zeros is a key."""
        octets = frame(codes.TEXT, b"abc", key=bytes(4))
        self.assertEqual(read([octets], isMasked=True)[0], [(1, True, b"abc")])

    def test_hugeFrame(self) -> None:
        """A frame is announced with its header, whatever it claims to bring."""
        for _, key in PEERS:
            octets = frame(codes.BINARY, b"abc", declared=(1 << 63) - 1, key=key)
            receiver = Frames()
            reader = FrameReader(receiver, bool(key))
            with row(key):
                reader.feed(octets[: -3 - 1])
                self.assertEqual(receiver.frames, [])
                reader.feed(octets[-3 - 1 : -3])
                self.assertEqual(receiver.frames, [(codes.BINARY, True, b"")])
                self.assertEqual(receiver.lengths, [(1 << 63) - 1])
                reader.feed(octets[-3:])
                self.assertEqual(receiver.frames, [(codes.BINARY, True, b"abc")])
                self.assertTrue(reader.isInFrame)

    def test_controlFramesAreWhole(self) -> None:
        """A control frame is not announced before all of it is there."""
        octets = frame(codes.PING, bytes(125), key=KEY)
        receiver = Frames()
        reader = FrameReader(receiver, isMasked=True)
        for piece in pieces(octets, 1):
            self.assertEqual(receiver.frames, [])
            reader.feed(piece)
        self.assertEqual(receiver.frames, [(codes.PING, True, bytes(125))])

    def test_isInFrame(self) -> None:
        """Between its first octet and its last, a frame has begun and not ended."""
        for octets in (frame(2, bytes(200), key=KEY), frame(9, b"ping", key=KEY)):
            reader = FrameReader(Frames(), isMasked=True)
            self.assertFalse(reader.isInFrame)
            for piece in pieces(octets[:-1], 1):
                reader.feed(piece)
                self.assertTrue(reader.isInFrame)
            reader.feed(octets[-1:])
            self.assertFalse(reader.isInFrame)

    def test_nothing(self) -> None:
        """To feed nothing makes no calls, and changes nothing."""
        octets = frame(2, bytes(200), key=KEY)
        for position in range(len(octets) + 1):
            receiver = Frames()
            reader = FrameReader(receiver, isMasked=True)
            reader.feed(octets[:position])
            before = reader.framesState(), list(receiver.frames)
            reader.feed(b"")
            self.assertEqual((reader.framesState(), receiver.frames), before)

    def test_pause(self) -> None:
        """A call may pause the reader, which then keeps the rest for later."""
        octets = b"".join(frame(2, b"%d" % i, key=KEY) for i in range(5))
        for position in range(len(octets) + 1):
            receiver = Frames()
            reader = FrameReader(receiver, isMasked=True)
            receiver.actions = {1: reader.pause, 3: reader.pause}
            with row(position):
                reader.feed(octets[:position])
                reader.feed(octets[position:])
                self.assertEqual(len(receiver.frames), 1)
                reader.feed(b"")
                self.assertEqual(len(receiver.frames), 1)
                reader.resume()
                self.assertEqual(len(receiver.frames), 1)
                reader.feed(b"")
                self.assertEqual(len(receiver.frames), 3)
                reader.resume()
                reader.feed(frame(2, b"5", key=KEY))
                payloads = [payload for _, _, payload in receiver.frames]
                self.assertEqual(payloads, [b"0", b"1", b"2", b"3", b"4", b"5"])

    def test_pauseInAFrame(self) -> None:
        """A paused reader keeps the payload of an unfinished frame too."""
        octets = frame(2, b"abcdefgh", key=KEY)
        for position in range(len(octets) + 1):
            receiver = Frames()
            reader = FrameReader(receiver, isMasked=True)
            with row(position):
                reader.feed(octets[:position])
                before = list(receiver.frames)
                reader.pause()
                for piece in pieces(octets[position:], 1):
                    reader.feed(piece)
                self.assertEqual(receiver.frames, before)
                reader.resume()
                reader.feed(b"")
                self.assertEqual(receiver.frames, [(2, True, b"abcdefgh")])

    def test_pauseAndResumeInOneCall(self) -> None:
        """A pause that is over before the call ends is none."""
        octets = b"".join(frame(2, b"%d" % i, key=KEY) for i in range(3))
        receiver = Frames()
        reader = FrameReader(receiver, isMasked=True)
        receiver.actions = {1: lambda: (reader.pause(), reader.resume())}
        reader.feed(octets)
        self.assertEqual(len(receiver.frames), 3)

    def test_fedFromACall(self) -> None:
        """Octets that a call feeds come after those that it interrupts."""
        octets = b"".join(frame(2, b"%d" % i, key=KEY) for i in range(6))
        for position in range(8, len(octets) + 1):
            receiver = Frames()
            reader = FrameReader(receiver, isMasked=True)
            rest = octets[position:]

            def feed(
                reader: FrameReader = reader,
                rest: bytes = rest,
                receiver: Frames = receiver,
            ) -> None:
                count = len(receiver.frames)
                reader.feed(rest[:5])
                reader.feed(rest[5:])
                self.assertEqual(len(receiver.frames), count)

            receiver.actions = {1: feed}
            with row(position):
                reader.feed(octets[:position])
                payloads = [payload for _, _, payload in receiver.frames]
                self.assertEqual(payloads, [b"0", b"1", b"2", b"3", b"4", b"5"])
                self.assertFalse(reader.isInFrame)

    def test_fedAndPausedFromACall(self) -> None:
        """Octets that a pausing call feeds are kept, behind the rest."""
        first, second, third = (frame(2, b"%d" % i, key=KEY) for i in range(3))
        receiver = Frames()
        reader = FrameReader(receiver, isMasked=True)
        receiver.actions = {1: lambda: (reader.feed(third), reader.pause())}
        reader.feed(first + second)
        self.assertEqual(len(receiver.frames), 1)
        reader.resume()
        reader.feed(b"")
        payloads = [payload for _, _, payload in receiver.frames]
        self.assertEqual(payloads, [b"0", b"1", b"2"])

    def test_refusedByTheReceiver(self) -> None:
        """The receiver's refusal ends the reading as the reader's own does."""

        def refuse() -> None:
            raise ProtocolError("no")

        receiver = Frames()
        reader = FrameReader(receiver, isMasked=True)
        receiver.actions = {1: refuse}
        octets = frame(2, b"a", key=KEY)
        self.assertRaises(ProtocolError, reader.feed, octets + octets)
        self.assertEqual(len(receiver.frames), 1)

    def test_state(self) -> None:
        """A reader may be replaced by one of its state, at every octet."""
        for _, key in PEERS:
            octets = (
                frame(2, bytes(range(200)), key=key)
                + frame(9, b"ping", key=key)
                + frame(1, b"text", fin=0, key=key)
            )
            receiver = Frames()
            reader = FrameReader(receiver, bool(key))
            for piece in pieces(octets, 1):
                reader.feed(piece)
                state = pickle.loads(pickle.dumps(reader.framesState()))
                self.assertEqual(state, reader.framesState())
                reader = FrameReader(receiver, bool(key))
                reader.restoreFrames(state)
                self.assertEqual(reader.framesState(), state)
            self.assertEqual((receiver.frames, None), read([octets], bool(key)))

    def test_pausedState(self) -> None:
        """A reader of a paused one's state is paused, and has what that kept."""
        receiver = Frames()
        reader = FrameReader(receiver, isMasked=True)
        reader.pause()
        reader.feed(frame(2, b"a", key=KEY))
        state = reader.framesState()
        reader = FrameReader(receiver, isMasked=True)
        reader.restoreFrames(state)
        reader.feed(b"")
        self.assertEqual(receiver.frames, [])
        reader.resume()
        reader.feed(b"")
        self.assertEqual(receiver.frames, [(2, True, b"a")])

    def test_smallBacklog(self) -> None:
        """Fed octet by octet, a reader keeps no more than a control frame."""
        octets = (
            frame(2, bytes(70_000), key=KEY)
            + frame(9, bytes(125), key=KEY)
            + frame(1, bytes(300), key=KEY)
        )
        reader = FrameReader(Frames(), isMasked=True)
        kept = 0
        for piece in pieces(octets, 1):
            reader.feed(piece)
            kept = max(kept, len(reader.framesState().backlog))
        self.assertLess(kept, 6 + 125)

    def test_linear(self) -> None:
        """Octet by octet, a payload twice as long takes twice the calls."""
        for _, key in PEERS:
            once, twice = (
                effort(
                    lambda octets=octets, key=key: read(pieces(octets, 1), bool(key)),
                )
                for octets in (
                    frame(2, bytes(2000), key=key),
                    frame(2, bytes(4000), key=key),
                )
            )
            self.assertLess(twice, 2.1 * once)

    @given(
        st.lists(
            st.tuples(st.sampled_from(sorted(codes.OPCODES)), PAYLOADS), max_size=5
        ),
        st.sampled_from(PEERS),
        CUTS,
    )
    def test_anyCuts(
        self,
        drawn: list[tuple[int, bytes]],
        peer: tuple[Role, bytes],
        cuts: list[int],
    ) -> None:
        """Any frames are read as they were sent, however they are cut."""
        key = peer[1]
        sent = [
            (opcode, True, payload[:125] if opcode & codes.CONTROL else payload)
            for opcode, payload in drawn
        ]
        octets = b"".join(
            frame(opcode, payload, key=key) for opcode, _, payload in sent
        )
        self.assertEqual(read(cutAt(octets, cuts), bool(key)), (sent, None))

    @given(st.binary(max_size=60), st.booleans(), CUTS)
    def test_anyOctets(self, octets: bytes, isMasked: bool, cuts: list[int]) -> None:
        """Any octets are frames or a protocol error, however they are cut."""
        expected = read([octets], isMasked)
        self.assertEqual(read(cutAt(octets, cuts), isMasked), expected)
        self.assertEqual(read(pieces(octets, 1), isMasked), expected)


class FrameHeaderTests(SynchronousTestCase):
    """Tests for L{frameHeader}."""

    def test_examples(self) -> None:
        """The frames of RFC 6455 section 5.7 are written as printed there."""
        for name, octets, key, (opcode, fin, payload) in EXAMPLES:
            with row(name):
                header = frameHeader(opcode, len(payload), fin, key)
                found = header + masked(payload, key)
                self.assertEqual(found, bytes.fromhex(octets))

    def test_lengths(self) -> None:
        """Each length is written in its shortest form."""
        for length, octets in (
            (0, "8200"),
            (125, "827d"),
            (126, "827e007e"),
            (65_535, "827effff"),
            (65_536, "827f0000000000010000"),
            ((1 << 63) - 1, "827f7fffffffffffffff"),
        ):
            with row(length):
                expected = bytes.fromhex(octets)
                self.assertEqual(frameHeader(2, length, True, b""), expected)
                withKey = bytes((expected[0], expected[1] | 0x80)) + expected[2:] + KEY
                self.assertEqual(frameHeader(2, length, True, KEY), withKey)

    @given(
        st.sampled_from((0, 1, 2)),
        PAYLOADS,
        st.booleans(),
        st.sampled_from(PEERS),
    )
    def test_readBack(
        self,
        opcode: int,
        payload: bytes,
        fin: bool,
        peer: tuple[Role, bytes],
    ) -> None:
        """What we write, we read."""
        key = peer[1]
        octets = frameHeader(opcode, len(payload), fin, key) + masked(payload, key)
        self.assertEqual(read([octets], bool(key)), ([(opcode, fin, payload)], None))
