"""What goes out."""

from __future__ import annotations

from collections.abc import Hashable

from twisted.trial.unittest import SynchronousTestCase

from wsagent.core.codes import BINARY, TEXT
from wsagent.core.deflate import Compression
from wsagent.core.extensions import Codec
from wsagent.core.outgoing import PreparedMessage, bytesOctets
from wsagent.core.permessage import DeflateCodec

from .compressing import HELLO, HELLO_AGAIN, inflated
from .notation import frame, row

LONG = "the same words, " * 100


class Shouting:
    """A codec for capitals, and how often it was asked."""

    rsv = 0x20

    def __init__(self, basis: Hashable | None, least: int = 1) -> None:
        """@param least: octets that are worth it."""
        self.basis = basis
        self.least = least
        self.calls: list[bool | None] = []

    def encode(self, payload: bytes, choice: bool | None) -> bytes | None:
        """Shout; note who wished it."""
        self.calls.append(choice)
        return payload.upper() if len(payload) >= self.least else None

    def encodesBy(self) -> Hashable | None:
        """Tell what we were told."""
        return self.basis

    def decode(self, data: bytes, isLast: bool, limit: int) -> bytes:
        """Take it as it is."""
        return data

    def rest(self) -> None:
        """Rest."""

    def state(self) -> object:
        """Give nothing."""
        return None

    def restore(self, state: object) -> None:
        """Take nothing."""


def deflating(takeover: bool = False, bits: int = 12, **settings: int) -> Codec:
    """Make a server's permessage-deflate."""
    compression = Compression(**{"threshold": 0, **settings})
    return DeflateCodec(compression, bits, takeover, 12, True)


class OctetsTests(SynchronousTestCase):
    """What an application sends, as octets."""

    def test_bytes(self) -> None:
        """Octets of each kind are frozen, and those that are so stay."""
        data = b"\x00\xff"
        self.assertIs(bytesOctets(data), data)
        for kind in (bytearray, memoryview):
            found = bytesOctets(kind(data))
            self.assertEqual((type(found), found), (bytes, data))
        for wrong in ("text", 7, None):
            with row(repr(wrong)):
                self.assertRaises(TypeError, bytesOctets, wrong)


class PreparedTests(SynchronousTestCase):
    """L{PreparedMessage} by itself."""

    def test_frame(self) -> None:
        """Text and octets are framed as a server does."""
        for message, opcode in (
            ("½", TEXT),
            (LONG * 50, TEXT),
            (b"\xff", BINARY),
            (bytearray(b"\xff"), BINARY),
            (b"", BINARY),
        ):
            octets = message.encode() if isinstance(message, str) else bytes(message)
            with row(octets[:9]):
                prepared = PreparedMessage(message)
                self.assertEqual(prepared.opcode, opcode)
                self.assertEqual(prepared.payload, octets)
                self.assertEqual(prepared.frame(None), frame(opcode, octets))

    def test_wrong(self) -> None:
        """What cannot be sent cannot be prepared either."""
        self.assertRaises(TypeError, PreparedMessage, 7)
        self.assertRaises(ValueError, PreparedMessage, "\ud800")

    def test_frozen(self) -> None:
        """What the application does with its octets afterwards changes nothing."""
        octets = bytearray(b"before")
        prepared = PreparedMessage(octets)
        octets[:] = b"after."
        self.assertEqual(prepared.frame(None), frame(BINARY, b"before"))

    def test_once(self) -> None:
        """All who encode nothing share one object."""
        prepared = PreparedMessage(LONG)
        plain = prepared.frame(None)
        self.assertIs(prepared.frame(None), plain)
        self.assertIs(prepared.frame(Shouting("a", 9999)), plain)
        self.assertIs(prepared.frame(Shouting(None, 9999)), plain)

    def test_alike(self) -> None:
        """Codecs that encode alike encode once; the others each for themselves."""
        prepared = PreparedMessage("ab", True)
        codecs = [Shouting(basis) for basis in ("a", "a", "b", None, None)]
        frames = [prepared.frame(codec) for codec in codecs]
        self.assertEqual(frames, [frame(TEXT, b"AB", rsv=2)] * 5)
        self.assertEqual(
            [codec.calls for codec in codecs],
            [[True], [], [True], [True], [True]],
        )
        self.assertIs(frames[0], frames[1])

    def test_deflate(self) -> None:
        """Without context takeover, what was negotiated alike is compressed once."""
        prepared = PreparedMessage("Hello")
        one, two = deflating(), deflating()
        self.assertEqual(prepared.frame(one), frame(TEXT, HELLO, rsv=4))
        self.assertIs(prepared.frame(one), prepared.frame(two))

    def test_deflateDiffers(self) -> None:
        """Another window, level, memory or threshold is another compression."""
        prepared = PreparedMessage(LONG)
        frames = [
            prepared.frame(deflating(**settings))
            for settings in (
                {},
                {"bits": 9},
                {"level": 9},
                {"memoryLevel": 9},
                {"threshold": 9999},
            )
        ]
        self.assertEqual(len(set(map(id, frames))), len(frames))
        self.assertEqual(frames[-1], frame(TEXT, LONG.encode()))
        for each in frames[:-1]:
            self.assertEqual(inflated([each[2:]]), [LONG.encode()])

    def test_deflateTakeover(self) -> None:
        """With context takeover, each refers to what it has sent itself."""
        prepared = PreparedMessage("Hello")
        codec = deflating(takeover=True)
        for octets in (HELLO, HELLO_AGAIN):
            self.assertEqual(prepared.frame(codec), frame(TEXT, octets, rsv=4))

    def test_choice(self) -> None:
        """The choice for one message holds, against each threshold."""
        for takeover in (False, True):
            codec = deflating(takeover, threshold=9999)
            plain = PreparedMessage("Hello").frame(codec)
            self.assertEqual(plain, frame(TEXT, b"Hello"))
            chosen = PreparedMessage("Hello", True).frame(codec)
            self.assertEqual(chosen, frame(TEXT, HELLO, rsv=4))
            eager = deflating(takeover)
            self.assertEqual(PreparedMessage("Hello", False).frame(eager), plain)
