"""DEFLATE, message by message."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from wsagent.core.deflate import Compression, Deflater, Inflater
from wsagent.core.errors import InvalidPayload, MessageTooBig

from .compressing import (
    HELLO,
    HELLO_AGAIN,
    HELLO_LAST,
    HELLO_STORED,
    HELLO_TWICE,
    TAIL,
    deflated,
    inflated,
    noise,
    peak,
)
from .notation import allCuts, cutAt, pieces, row
from .strategies import CUTS, PAYLOADS

LIMIT = 1 << 20
MOST = (1 << 63) - 1
WINDOW = 1 << 15

# A window of 2**8 octets, which zlib cannot compress with, is 7.2.3.2 too.
KINDS = tuple((bits, takeover) for bits in (8, 9, 12, 15) for takeover in (True, False))


def inflate(
    inflater: Inflater,
    segments: Iterable[bytes],
    limit: int = LIMIT,
) -> bytes:
    """Inflate a message that comes in segments."""
    *others, last = segments
    found = b""
    for segment in others:
        found += inflater.inflate(segment, False, limit - len(found))
    return found + inflater.inflate(last, True, limit - len(found))


def newInflater(
    bits: int = 15, takeover: bool = True, isMovable: bool = False
) -> Inflater:
    """Make an inflater."""
    return Inflater(bits, takeover, isMovable)


def newDeflater(takeover: bool = True, **settings: Any) -> Deflater:
    """Make a deflater."""
    compression = Compression(**settings)
    return Deflater(compression, compression.windowBits, takeover)


def outcome(inflater: Inflater, segments: Iterable[bytes]) -> bytes | type[Exception]:
    """Inflate, or tell which of two errors it is."""
    try:
        return inflate(inflater, segments, 1000)
    except (InvalidPayload, MessageTooBig) as error:
        return type(error)


class CompressionTests(SynchronousTestCase):
    """Tests of L{Compression}."""

    def test_defaults(self) -> None:
        """The defaults are the modest ones that were measured."""
        wish = Compression()
        measured = (wish.level, wish.windowBits, wish.memoryLevel)
        self.assertEqual(measured, (5, 12, 5))
        self.assertEqual(wish, pickle.loads(pickle.dumps(wish)))

    def test_allowed(self) -> None:
        """Each number may be as small and as large as its docstring says."""
        for name, least, most in (
            ("level", 1, 9),
            ("memoryLevel", 1, 9),
            ("windowBits", 9, 15),
            ("peerWindowBits", 9, 15),
            ("threshold", 0, 1 << 40),
        ):
            for value in (least, most):
                self.assertEqual(getattr(Compression(**{name: value}), name), value)
            for bad in (least - 1, str(least), None, True, float(most)):
                with self.assertRaises(ValueError) as caught:
                    Compression(**{name: bad})
                self.assertTrue(
                    str(caught.exception).startswith(
                        f"{name}: {bad!r}, allowed: {least} to ",
                    ),
                )
            if name != "threshold":
                with self.assertRaises(ValueError):
                    Compression(**{name: most + 1})


class InflaterTests(SynchronousTestCase):
    """Tests of L{Inflater} with what correct peers send."""

    def test_examples(self) -> None:
        """The examples of RFC 7692 section 7.2.3, cut anywhere, say Hello."""
        for takeover in (True, False):
            for example in (HELLO, HELLO_STORED, HELLO_LAST, HELLO_TWICE):
                for name, segments in allCuts(example):
                    with row((example.hex(), name, takeover)):
                        inflater = newInflater(takeover=takeover)
                        for _ in range(2):
                            found = inflate(inflater, segments)
                            self.assertEqual(found, b"Hello")

    def test_shared(self) -> None:
        """Section 7.2.3.2: a message may refer to the one before."""
        inflater = newInflater()
        for message in (HELLO, HELLO_AGAIN, HELLO_AGAIN):
            self.assertEqual(inflate(inflater, [message]), b"Hello")

    def test_notShared(self) -> None:
        """Without takeover, it may not."""
        inflater = newInflater(takeover=False)
        inflate(inflater, [HELLO])
        with self.assertRaises(InvalidPayload):
            inflate(inflater, [HELLO_AGAIN])

    def test_empty(self) -> None:
        """Section 7.2.3.6: an empty message is one octet."""
        inflater = newInflater()
        for message in (b"\x00", HELLO, b"\x00", b"\x00", HELLO_AGAIN, b"\x00"):
            expected = b"Hello" if len(message) > 1 else b""
            self.assertEqual(inflate(inflater, [message]), expected)

    def test_lastBlock(self) -> None:
        """After a last block, with or without the octet 0, all goes on as before."""
        for last in (HELLO_LAST, HELLO_LAST[:-1]):
            for segments in (cut for _, cut in allCuts(last)):
                inflater = newInflater()
                for message in ([HELLO], segments, [HELLO_AGAIN], segments):
                    self.assertEqual(inflate(inflater, message), b"Hello")
                self.assertEqual(inflate(inflater, [b"\x00"]), b"")

    def test_lastBlockWithin(self) -> None:
        """What follows a last block in the same message may refer behind it."""
        for takeover in (True, False):
            message = HELLO_LAST[:-1] + HELLO_AGAIN
            for name, segments in allCuts(message):
                with row((name, takeover)):
                    inflater = newInflater(takeover=takeover)
                    for _ in range(2):
                        self.assertEqual(inflate(inflater, segments), b"HelloHello")

    def test_tailOfLastBlock(self) -> None:
        """Behind a last block, what looks like a tail ends nothing."""
        for segments in (cut for _, cut in allCuts(HELLO_LAST[:-1] + TAIL)):
            with self.assertRaises(InvalidPayload):
                inflate(newInflater(), segments)

    def test_long(self) -> None:
        """A message too long to be copied is inflated as short ones are."""
        for payload in (noise(9000), noise(100_000)):
            for name, segments in (("whole", 1 << 20), ("halves", 50_000)):
                inflater = newInflater()
                for message in deflated(payload, payload):
                    with row((len(payload), name)):
                        found = inflate(inflater, pieces(message, segments), MOST)
                        self.assertEqual(found, payload)

    def test_emptyAfterLastBlock(self) -> None:
        """Empty fragments change nothing, at whatever place."""
        for message in (HELLO, HELLO_LAST, HELLO_LAST[:-1], HELLO + TAIL):
            inflater = newInflater()
            found = inflate(inflater, [b"", message, b"", b""])
            self.assertEqual(found, b"Hello")
            self.assertEqual(inflate(inflater, [HELLO_AGAIN]), b"Hello")

    def test_tail(self) -> None:
        """A peer may leave the tail on."""
        for message in (HELLO + TAIL, HELLO_STORED + TAIL, HELLO_LAST + TAIL):
            for name, segments in allCuts(message):
                with row((message.hex(), name)):
                    inflater = newInflater()
                    for each in (segments, [HELLO_AGAIN], segments):
                        self.assertEqual(inflate(inflater, each), b"Hello")
                    self.assertEqual(inflate(inflater, [b"\x00" + TAIL]), b"")
                    self.assertEqual(inflate(inflater, [HELLO_AGAIN]), b"Hello")

    def test_likeATail(self) -> None:
        """A payload that ends as the tail does is still a payload."""
        payload = b"a" + TAIL
        message = deflated(payload, level=0)[0]
        self.assertTrue(message.endswith(TAIL + b"\x00"))
        cut = b"\x00\x06\x00\xf9\xff" + b"ab"
        for name, segments in allCuts(message):
            with row(name):
                self.assertEqual(inflate(newInflater(), segments), payload)
        # Six octets are promised, two come: the tail, put back, is the rest.
        self.assertEqual(inflate(newInflater(), [cut]), b"ab" + TAIL)
        # And where they end with it themselves, they end inside a block.
        with self.assertRaises(InvalidPayload):
            inflate(newInflater(), [b"\x00\x09\x00\xf6\xff" + TAIL])

    def test_windows(self) -> None:
        """Whatever the window, a peer that keeps to it is understood."""
        payloads = [
            noise(size, 1 + size % 3) * 3 for size in (1, 90, 249, 2000, 20_000)
        ]
        for bits, takeover in KINDS:
            with row((bits, takeover)):
                inflater = newInflater(bits, takeover)
                for _ in range(2):
                    for payload in payloads:
                        # zlib's smallest window, 9, refers no farther than 8 allows.
                        message = deflated(payload, bits=max(bits, 9))[0]
                        found = inflate(inflater, pieces(message, 1000))
                        self.assertEqual(found, payload)

    def test_peers(self) -> None:
        """Messages of a peer that refers to earlier ones come out in order."""
        payloads = [noise(300) * 3, b"", noise(300), noise(70_000), noise(300), b"a"]
        for bits in (9, 12, 15):
            for size in (7, 100_000):
                inflater = newInflater(bits)
                for payload, message in zip(
                    payloads, deflated(*payloads, bits=bits), strict=True
                ):
                    found = inflate(inflater, pieces(message, size))
                    self.assertEqual(found, payload)

    def test_rest(self) -> None:
        """After a rest, messages may refer to earlier ones as before."""
        payloads = [noise(5000), noise(5000), b"a", noise(3000)]
        for isMovable in (False, True):
            inflater = newInflater(isMovable=isMovable)
            for payload, message in zip(payloads, deflated(*payloads), strict=True):
                inflater.rest()
                self.assertEqual(inflate(inflater, [message]), payload)

    @given(st.lists(PAYLOADS, max_size=4), CUTS, st.sampled_from(KINDS))
    def test_anything(
        self,
        payloads: list[bytes],
        cuts: list[int],
        kind: tuple[int, bool],
    ) -> None:
        """Any messages, cut anywhere, come out equal."""
        bits, takeover = kind
        inflater = newInflater(bits, takeover)
        messages = (
            deflated(*payloads, bits=max(9, bits))
            if takeover
            else [deflated(payload, bits=max(9, bits))[0] for payload in payloads]
        )
        for payload, message in zip(payloads, messages, strict=True):
            self.assertEqual(inflate(inflater, cutAt(message, cuts)), payload)


class BadPayloadTests(SynchronousTestCase):
    """Tests of L{Inflater} with what hostile peers send."""

    def test_garbage(self) -> None:
        """What is no DEFLATE is refused, cut anywhere."""
        for name, garbage in (
            ("reserved block type", b"\x07"),
            ("lengths of a stored block", b"\x00\x05\x00\x05\x00abcde"),
            ("code lengths", b"\x05\xff\xff\xff\xff"),
            ("distance with nothing before", HELLO_AGAIN),
            ("zlib header", zlib.compress(b"Hello")),
            ("text", b"Hello, world"),
            ("after a last block", HELLO_LAST[:-1] + b"\x07"),
        ):
            for cut, segments in allCuts(garbage):
                with row((name, cut)):
                    with self.assertRaises(InvalidPayload) as caught:
                        inflate(newInflater(), segments)
                    self.assertEqual(caught.exception.code, 1007)

    def test_truncated(self) -> None:
        """A message that is cut off inside a block is refused, at each octet."""
        payload = bytes(range(200)) * 2 + noise(300)
        for name, message in (
            ("dynamic", deflated(payload * 2)[0]),
            ("fixed", HELLO),
            ("last", HELLO_LAST[:-1]),
        ):
            for end in range(1, len(message) - 1):
                with row((name, end)), self.assertRaises(InvalidPayload):
                    inflate(newInflater(), [message[:end]])

    def test_distance(self) -> None:
        """A distance beyond the window is refused."""
        for bits in (8, 9, 12, 14):
            size = 1 << bits
            first = noise(size + 300)
            messages = deflated(first, first[:200])
            inflater = newInflater(bits)
            self.assertEqual(inflate(inflater, messages[:1]), first)
            with self.assertRaises(InvalidPayload):
                inflate(inflater, messages[1:])
            inflater = newInflater(bits)
            inflate(inflater, messages[:1])
            inflater.rest()
            with self.assertRaises(InvalidPayload):
                inflate(inflater, messages[1:])

    def test_distanceWithin(self) -> None:
        """Inside of what is inflated at once, it is good: fuzzing found that."""
        for bits in (8, 9, 12, 14):
            start = noise(200)
            plain = start + noise((1 << bits) + 300, seed=2) + start
            (message,) = deflated(plain)
            self.assertEqual(inflate(newInflater(bits), [message]), plain)
            with self.assertRaises(InvalidPayload):
                inflate(newInflater(bits), pieces(message, 1))

    def test_lastBlocks(self) -> None:
        """A message may have 100 last blocks and no more, the next one anew."""
        block = b"\x01\x00\x00\xff\xff"
        inflater = newInflater()
        for _ in range(2):
            self.assertEqual(inflate(inflater, [block * 100 + b"\x00"]), b"")
        for segments in ([block * 101], [block] * 101):
            with self.assertRaises(InvalidPayload):
                inflate(inflater, segments)

    @given(
        st.binary(max_size=60),
        CUTS,
        st.booleans(),
        st.sampled_from((b"", HELLO, HELLO_LAST, HELLO_STORED)),
    )
    def test_anything(
        self,
        garbage: bytes,
        cuts: list[int],
        takeover: bool,
        before: bytes,
    ) -> None:
        """Any octets are a message, or a documented error, whatever the cuts."""
        found = [
            outcome(newInflater(15, takeover), segments)
            for segments in ([before + garbage], cutAt(before + garbage, cuts))
        ]
        self.assertEqual(found[0], found[1])


class BombTests(SynchronousTestCase):
    """Tests of the limit on what is inflated."""

    def assertRefused(self, inflater: Inflater, message: bytes, limit: int) -> None:
        """Assert that a message is refused, and what that costs at most."""

        def work() -> None:
            with self.assertRaises(MessageTooBig) as caught:
                inflater.inflate(message, True, limit)
            self.assertEqual(caught.exception.code, 1009)

        # The rest of what came is kept by zlib too.
        self.assertLess(peak(work), 2 * limit + WINDOW)

    def test_bomb(self) -> None:
        """64 MiB in 64 KiB are refused, for less than twice the limit."""
        message = deflated(bytes(1 << 26))[0]
        self.assertLess(len(message), 1 << 16)
        for limit in (1 << 18, LIMIT):
            self.assertRefused(newInflater(), message, limit)

    def test_window(self) -> None:
        """Nor does a second message that only refers to the first cost more."""
        first = noise(30_000)
        messages = deflated(first, first * 300)
        inflater = newInflater()
        inflate(inflater, messages[:1])
        self.assertRefused(inflater, messages[1], LIMIT)

    def test_exact(self) -> None:
        """Exactly the limit is delivered, one octet more is not."""
        for size in (0, 1, 65_535, 65_536, 65_537, 131_072, 200_000):
            for payload in (bytes(size), noise(size)):
                message = deflated(payload)[0]
                for segments in ([message], pieces(message, 50)):
                    found = inflate(newInflater(), segments, size)
                    self.assertEqual(found, payload)
                    if size:
                        with self.assertRaises(MessageTooBig):
                            inflate(newInflater(), segments, size - 1)

    def test_fragments(self) -> None:
        """Of 1,000 fragments, each small, the one too many is refused."""
        message = deflated(bytes(LIMIT + 1))[0]
        segments = pieces(message, 1)
        self.assertGreater(len(segments), 1000)
        with self.assertRaises(MessageTooBig):
            inflate(newInflater(), segments)
        found = inflate(newInflater(), pieces(deflated(bytes(LIMIT))[0], 1))
        self.assertEqual(len(found), LIMIT)

    def test_unfinished(self) -> None:
        """A bomb is refused before its end comes."""
        message = deflated(bytes(1 << 22))[0]
        with self.assertRaises(MessageTooBig):
            newInflater().inflate(message[: len(message) // 2], False, LIMIT)

    def test_tail(self) -> None:
        """What the tail, put back, adds to a stored block counts too."""
        cut = b"\x00\x06\x00\xf9\xff" + b"ab"
        self.assertEqual(inflate(newInflater(), [cut], 6), b"ab" + TAIL)
        with self.assertRaises(MessageTooBig):
            inflate(newInflater(), [cut], 5)

    def test_lastBlocks(self) -> None:
        """Several streams in a message share its limit."""
        message = HELLO_LAST[:-1] * 3
        self.assertEqual(inflate(newInflater(), [message], 15), b"Hello" * 3)
        with self.assertRaises(MessageTooBig):
            inflate(newInflater(), [message], 14)


class InflaterStateTests(SynchronousTestCase):
    """Tests of L{Inflater.state} and L{Inflater.restore}."""

    def test_eachOctet(self) -> None:
        """An inflater may be replaced after each octet."""
        payloads = [noise(100) * 2, b"", noise(100) + b"a", b"a"]
        for takeover in (True, False):
            messages = (
                deflated(*payloads)
                if takeover
                else [deflated(payload)[0] for payload in payloads]
            )
            for last, tail in (
                (HELLO_LAST, b""),
                (HELLO_LAST[:-1], b""),
                (HELLO, TAIL),
            ):
                inflater = newInflater(15, takeover, True)
                for payload, message in (
                    *zip(payloads, messages, strict=True),
                    (b"Hello", last + tail),
                    (b"Hello", HELLO),
                ):
                    found = b""
                    for octet in pieces(message, 1):
                        found += inflater.inflate(octet, False, LIMIT)
                        inflater = self.replaced(inflater, takeover)
                    found += inflater.inflate(b"", True, LIMIT)
                    self.assertEqual(found, payload)
                    inflater = self.replaced(inflater, takeover)
                    inflater.rest()

    def replaced(self, inflater: Inflater, takeover: bool) -> Inflater:
        """Make another one of its state."""
        state = pickle.loads(pickle.dumps(inflater.state()))
        other = newInflater(15, takeover, True)
        other.restore(state)
        self.assertEqual(other.state(), inflater.state())
        return other

    def test_small(self) -> None:
        """Between messages, the state is no more than the window."""
        inflater = newInflater(9, isMovable=True)
        inflate(inflater, deflated(noise(5000), bits=9))
        window, message = inflater.state()
        self.assertEqual((window, message), (noise(5000)[-512:], b""))
        inflater = newInflater(9, takeover=False, isMovable=True)
        inflate(inflater, deflated(noise(5000), bits=9))
        self.assertEqual(inflater.state(), (b"", b""))

    def test_notAsked(self) -> None:
        """Without being asked to, it keeps none; another's state it takes."""
        inflater = newInflater()
        with self.assertRaises(ValueError):
            inflater.state()
        other = newInflater(isMovable=True)
        inflate(other, [HELLO])
        inflater.restore(other.state())
        self.assertEqual(inflate(inflater, [HELLO_AGAIN]), b"Hello")


class DeflaterTests(SynchronousTestCase):
    """Tests of L{Deflater}."""

    payloads = (noise(300) * 3, b"", b"", b"a", noise(70_000), noise(300), b"a" * 9000)

    def test_examples(self) -> None:
        """The examples of RFC 7692 section 7.2.3 are what goes out."""
        deflater = newDeflater(windowBits=15, memoryLevel=8)
        found = [deflater.deflate(payload) for payload in (b"Hello", b"Hello", b"")]
        self.assertEqual(found, [HELLO, HELLO_AGAIN, b"\x00"])
        self.assertEqual(newDeflater().deflate(b""), b"\x00")

    def test_settings(self) -> None:
        """With any setting, a peer with that window understands."""
        for bits in (9, 10, 12, 15):
            for memoryLevel in (1, 5, 9):
                for level in (1, 9):
                    for takeover in (True, False):
                        deflater = newDeflater(
                            takeover,
                            level=level,
                            memoryLevel=memoryLevel,
                            windowBits=bits,
                        )
                        found = [deflater.deflate(payload) for payload in self.payloads]
                        self.assertEqual(
                            inflated(found, bits, takeover),
                            list(self.payloads),
                        )

    def test_takeover(self) -> None:
        """What was said before is short, where it may be referred to."""
        for takeover in (True, False):
            deflater = newDeflater(takeover)
            first, second = deflater.deflate(noise(500)), deflater.deflate(noise(500))
            self.assertEqual(len(second) < 50, takeover)
            self.assertEqual(first == second, not takeover)

    def test_basis(self) -> None:
        """What decides is named, where no earlier message does."""
        self.assertIsNone(newDeflater(True).basis())
        equal = [newDeflater(False, threshold=size).basis() for size in (1, 2)]
        self.assertEqual(*equal)
        others = ({"level": 1}, {"memoryLevel": 1}, {"windowBits": 9})
        bases = [newDeflater(False, **other).basis() for other in others]
        self.assertEqual(len({*equal, *bases}), 4)

    def test_rest(self) -> None:
        """After a rest, nothing earlier is referred to, and the peer goes on."""
        for isMovable in (False, True):
            deflater = newDeflater(isMovable=isMovable)
            found = []
            for payload in self.payloads:
                deflater.rest()
                found.append(deflater.deflate(payload))
            self.assertEqual(inflated(found), list(self.payloads))
            self.assertEqual(deflated(b"a" * 9000, bits=12, level=6), found[-1:])

    def test_state(self) -> None:
        """A deflater may be replaced, and its successor refers to what it said."""
        compression = Compression(isMovable=True)
        for takeover in (True, False):
            deflater = Deflater(compression, 12, takeover)
            found = []
            for payload in (*self.payloads, noise(500), noise(500)):
                state = pickle.loads(pickle.dumps(deflater.state()))
                self.assertLessEqual(len(state), 1 << 12)
                deflater = Deflater(compression, 12, takeover)
                deflater.restore(state)
                found.append(deflater.deflate(payload))
            self.assertEqual(
                inflated(found, 12, takeover),
                [*self.payloads, noise(500), noise(500)],
            )
            self.assertEqual(len(found[-1]) < 50, takeover)

    def test_notAsked(self) -> None:
        """Without being asked to, it keeps no state."""
        deflater = newDeflater()
        with self.assertRaises(ValueError):
            deflater.state()

    @given(st.lists(PAYLOADS, max_size=5), st.integers(9, 15), st.booleans())
    def test_anything(
        self,
        payloads: list[bytes],
        bits: int,
        takeover: bool,
    ) -> None:
        """What goes out comes in, equal, at our own inflater and another."""
        compression = replace(Compression(), windowBits=bits)
        deflater = Deflater(compression, bits, takeover)
        inflater = newInflater(bits, takeover)
        found = [deflater.deflate(payload) for payload in payloads]
        self.assertEqual(inflated(found, bits, takeover), payloads)
        self.assertEqual([inflate(inflater, [each]) for each in found], payloads)
