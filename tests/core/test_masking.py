"""Masking."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

import wsagent
from wsagent.core import masking

from .notation import KEY, masked, row

LENGTHS = (0, 1, 2, 3, 4, 5, 7, 8, 9, 125, 699, 700, 701, 702, 703, 704, 4099)


class MaskingTests(SynchronousTestCase):
    """Tests for L{masking}."""

    def test_example(self) -> None:
        """The masked "Hello" of RFC 6455 section 5.7 is as printed there."""
        octets = bytes.fromhex("7f9f4d5158")
        self.assertEqual(masking.applyMask(b"Hello", KEY), octets)
        self.assertEqual(masking.applyMask(octets, KEY), b"Hello")

    def test_lengths(self) -> None:
        """Payloads of all lengths, short and long, are masked octet by octet."""
        for length in LENGTHS:
            for key in (KEY, bytes(4), b"\xff" * 4, b"\0\0\0\1", b"\x80\0\0\0"):
                with row((length, key)):
                    payload = bytes(i * 7 % 256 for i in range(length))
                    found = masking.applyMask(payload, key)
                    self.assertEqual(found, masked(payload, key))
                    self.assertEqual(masking.applyMask(found, key), payload)
                    self.assertIs(type(found), bytes)

    @given(st.binary(max_size=1500), st.binary(min_size=4, max_size=4))
    def test_octetByOctet(self, payload: bytes, key: bytes) -> None:
        """Any payload is XORed with any key, repeated."""
        self.assertEqual(masking.applyMask(payload, key), masked(payload, key))

    def test_keyLength(self) -> None:
        """A key of other than 4 octets is refused."""
        for key in (b"", b"abc", b"abcde", b"abcdefgh"):
            with row(key):
                self.assertRaises(ValueError, masking.applyMask, b"payload", key)

    def test_payloadAt(self) -> None:
        """A payload is taken from anywhere in a segment, with its key or without."""
        for start in range(4, 12):
            for length in LENGTHS:
                with row((start, length)):
                    payload = bytes(i * 5 % 256 for i in range(length))
                    before = b"#" * (start - 4) + KEY
                    data = before + masked(payload, KEY) + b"behind"
                    found = masking.payloadAt(data, start, start + length, True)
                    self.assertEqual(found, payload)
                    data = before + payload + b"behind"
                    found = masking.payloadAt(data, start, start + length, False)
                    self.assertEqual(found, payload)

    def test_joined(self) -> None:
        """A frame is its header, its key, and its payload, masked."""
        for length in LENGTHS:
            with row(length):
                payload = bytes(i * 3 % 256 for i in range(length))
                self.assertEqual(
                    masking.joined(b"head", payload, b""), b"head" + payload
                )
                self.assertEqual(
                    masking.joined(b"head", payload, KEY),
                    b"head" + KEY + masked(payload, KEY),
                )

    def test_encoded(self) -> None:
        """Text is encoded, also that of a subclass; nothing else is."""
        for text in (
            "",
            "a",
            "h\u00e9llo",
            "\u20ac\U0001f600",
            type("T", (str,), {})("t"),
        ):
            with row(text):
                found = masking.encoded(text)
                self.assertEqual((found, type(found)), (text.encode(), bytes))
        for value in (b"octets", None, 5):
            with row(value):
                self.assertRaises(TypeError, masking.encoded, value)
        self.assertRaises(ValueError, masking.encoded, "\ud800")

    def test_textAt(self) -> None:
        """A text is taken from a segment as octets are, and decoded."""
        for text in ("", "x", "ä", "€uro", "\N{SNAKE}"):
            for length in LENGTHS:
                with row((text, length)):
                    whole = "." * length + text
                    payload = whole.encode()
                    data = b"#" + KEY + masked(payload, KEY) + b"behind"
                    stop = 5 + len(payload)
                    self.assertEqual(masking.textAt(data, 5, stop, True), whole)
                    data = b"#" + payload + b"behind"
                    stop = 1 + len(payload)
                    self.assertEqual(masking.textAt(data, 1, stop, False), whole)

    def test_noText(self) -> None:
        """What is not UTF-8 is no text, wherever the octet is."""
        for length in LENGTHS:
            for position in {0, length // 2, length}:
                with row((length, position)):
                    payload = b"." * position + b"\xff" + b"." * (length - position)
                    data = KEY + masked(payload, KEY)
                    self.assertRaises(
                        UnicodeDecodeError, masking.textAt, data, 4, len(data), True
                    )

    def test_payloadOf(self) -> None:
        """What stands for the octets of a text does so in a frame."""
        for text in ("", "x", "." * 300, "ä", "." * 300 + "\N{SNAKE}"):
            with row(text):
                octets = text.encode()
                payload = masking.payloadOf(text)
                self.assertEqual(masking.octetsOf(payload), octets)
                self.assertEqual(masking.joined(b"H", payload, b""), b"H" + octets)
                self.assertEqual(
                    masking.joined(b"H", payload, KEY),
                    b"H" + KEY + masked(octets, KEY),
                )
        self.assertEqual(masking.octetsOf("ascii"), b"ascii")
        self.assertRaises(TypeError, masking.payloadOf, b"x")
        self.assertRaises(ValueError, masking.payloadOf, "\ud800")

    def test_cork(self) -> None:
        """Frames are put together one behind the other, and then forgotten."""
        cork = masking.Cork()
        self.assertEqual((len(cork), bytes(cork)), (0, b""))
        for _ in range(2):
            expected = b""
            for length in LENGTHS:
                payload = bytes(length)
                expected += b"H" + payload + b"M" + KEY + masked(payload, KEY)
                cork.add(b"H", payload, b"")
                self.assertEqual(cork.add(b"M", payload, KEY), len(expected))
            self.assertEqual(bytes(cork), expected)
            cork.clear()
            self.assertEqual((len(cork), bytes(cork)), (0, b""))

    def test_gathering(self) -> None:
        """Octets that come in pieces are put together, masked and not."""
        for size in (1, 3, 1000, 70_000):
            with row(size):
                gathering = masking.Gathering()
                expected = b""
                for number in range(5):
                    part = bytes((i + number) % 256 for i in range(size))
                    key = KEY if number % 2 else b""
                    data = masked(part, key) + b"behind"
                    gathering.append(data, size, key, 4 * size)
                    expected += part
                    self.assertEqual(gathering.octets(), expected)

    def test_newKey(self) -> None:
        """Keys have 4 octets from the system's own source, each used once."""
        drawn = bytearray()

        def urandom(octets: int) -> bytes:
            start = len(drawn)
            drawn.extend(hashlib.shake_128(b"%d" % start).digest(octets))
            return bytes(drawn[start:])

        self.patch(os, "urandom", urandom)
        self.patch(masking, "_pool", [])
        keys = [masking.newKey() for _ in range(1000)]
        self.assertEqual({len(key) for key in keys}, {4})
        self.assertEqual(len(set(keys)), 1000)
        source = {bytes(drawn[i : i + 4]) for i in range(0, len(drawn), 4)}
        self.assertLessEqual(set(keys), source)

    def test_fork(self) -> None:
        """C27: a process and its fork draw different keys."""
        program = (
            "import os\n"
            "from wsagent.core.masking import newKey\n"
            "newKey()\n"
            "isChild = not os.fork()\n"
            "keys = [newKey().hex() + '\\n' for _ in range(300)]\n"
            "os.write(1, ''.join(keys).encode())\n"
            "isChild or os.wait()\n"
        )
        found = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            check=True,
            cwd=Path(wsagent.__file__).parents[1],
            text=True,
        )
        keys = found.stdout.split()
        self.assertEqual(len(keys), 600)
        self.assertGreater(len(set(keys)), 590)

    def test_onlyOctets(self) -> None:
        """What is no octets is refused, not masked."""
        for payload in ("text", None, 5):
            with row(payload):
                self.assertRaises(TypeError, masking.applyMask, payload, KEY)
