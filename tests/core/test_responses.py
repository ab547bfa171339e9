"""A server's answer, read to its end."""

from twisted.trial.unittest import SynchronousTestCase

from wsagent.core.errors import HandshakeError, VersionNotSupported
from wsagent.core.handshake import acceptKey
from wsagent.core.responses import (
    BODY_LIMIT,
    Acceptance,
    Refusal,
    ResponseReader,
)

from .notation import allCuts, effort, pieces, row

NONCE = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + acceptKey(NONCE) + b"\r\n\r\n"
)
CHUNKED = b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n"
HELLO = b"Hello, World"

WHOLE = (
    ("length", b"HTTP/1.1 403 No\r\nContent-Length: 12\r\n\r\n", HELLO),
    ("length 0", b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", b""),
    ("no content", b"HTTP/1.1 204 No\r\n\r\n", b""),
    ("not modified", b"HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", b""),
    ("chunks", CHUNKED + b"5\r\nHello\r\n7;a=b\r\n, World\r\n0\r\n", HELLO),
    ("large chunk", CHUNKED + b"00000C\r\nHello, World\r\n0\r\n", HELLO),
    ("no chunk", CHUNKED + b"0\r\n", b""),
    ("line without end", CHUNKED + b"5\r\nHello\r\n" + bytes(255), b"Hello"),
)
"""Name, octets, and the body if that is not in the octets alone."""

UNFINISHED = (
    ("no length", b"HTTP/1.1 403 No\r\n\r\nHello", b"Hello"),
    ("short", b"HTTP/1.1 403 No\r\nContent-Length: 12\r\n\r\nHello", b"Hello"),
    ("bad length", b"HTTP/1.1 403 No\r\nContent-Length: +5\r\n\r\nHello", b"Hello"),
    ("lengths", b"HTTP/1.1 403 No\r\n" + b"Content-Length: 5\r\n" * 2 + b"\r\n!", b"!"),
    ("other coding", b"HTTP/1.1 403 No\r\nTransfer-Encoding: gzip\r\n\r\n!", b"!"),
    ("in a chunk", CHUNKED + b"5\r\nHello\r\nC\r\n, W", b"Hello, W"),
    ("after a chunk", CHUNKED + b"5\r\nHello", b"Hello"),
    ("bad chunk", CHUNKED + b"5\r\nHello\r\nxyz\r\n", b"Hello"),
)


def reader(limit: int = 8192) -> ResponseReader:
    """Make a reader."""
    return ResponseReader(NONCE, ("chat",), limit)


class ResponseTests(SynchronousTestCase):
    """Tests for L{ResponseReader}."""

    def test_accepted(self):
        """A 101 that answers is an acceptance, with the octets behind it."""
        for name, parts in allCuts(ACCEPTED):
            with row(name):
                found = reader()
                answers = [found.feed(part) for part in parts]
                answer = next(answer for answer in answers if answer)
                self.assertIsInstance(answer, Acceptance)
        answer = reader().feed(ACCEPTED + b"rest")
        self.assertEqual(answer.rest, b"rest")
        self.assertIsNone(answer.response.subprotocol)

    def test_interim(self):
        """What a server says before its answer is skipped."""
        interim = b"HTTP/1.1 100 Wait\r\n\r\nHTTP/1.1 103 Hints\r\nLink: <a>\r\n\r\n"
        for name, parts in allCuts(interim + ACCEPTED):
            with row(name):
                found = reader()
                answers = [found.feed(part) for part in parts]
                self.assertTrue(any(isinstance(a, Acceptance) for a in answers))

    def test_interimWithoutEnd(self):
        """All heads together are not longer than one may be."""
        found = reader(300)
        with self.assertRaises(HandshakeError):
            for _ in range(100):
                found.feed(b"HTTP/1.1 100 Wait\r\n\r\n")

    def test_notAnswered(self):
        """A 101 that does not answer, and what is no HTTP/1.1, is an error."""
        for octets, error in (
            (ACCEPTED.replace(b"Accept: s", b"Accept: t"), HandshakeError),
            (ACCEPTED.replace(b"/1.1 101", b"/1.0 101"), VersionNotSupported),
            (b"\x16\3\1", HandshakeError),
        ):
            with row(octets):
                self.assertRaises(error, reader().feed, octets)

    def test_refused(self):
        """A refusal is known when its body is whole."""
        for name, octets, body in WHOLE:
            follows = b"" if octets.startswith(CHUNKED) else body
            for cut, parts in allCuts(octets + follows):
                with row((name, cut)):
                    found = reader()
                    answers = [found.feed(part) for part in parts if part]
                    self.assertEqual(answers[:-1], [None] * len(answers[:-1]))
                    self.assertIsInstance(answers[-1], Refusal)
                    self.assertEqual(answers[-1].body, body)
                    self.assertEqual(found.refusal, answers[-1])

    def test_unfinished(self):
        """Of a body without end, that is given which came."""
        for name, octets, body in UNFINISHED:
            for cut, parts in allCuts(octets):
                with row((name, cut)):
                    found = reader()
                    self.assertIsNone(found.refusal)
                    self.assertEqual({found.feed(part) for part in parts}, {None})
                    self.assertEqual(found.refusal.body, body)

    def test_limit(self):
        """No more than 64 KiB of a body are read, however it comes."""
        many = bytes(BODY_LIMIT + 1)
        for octets in (
            b"HTTP/1.1 403 No\r\n\r\n" + many,
            b"HTTP/1.1 403 No\r\nContent-Length: 999999\r\n\r\n" + many,
            CHUNKED + b"FFFFFFF\r\n" + many,
        ):
            with row(octets[:60]):
                self.assertEqual(len(reader().feed(octets).body), BODY_LIMIT)

    def test_codedLimit(self):
        """Chunks of one octet do not make a body longer on the way."""
        octets = b"1\r\nx\r\n" * 30_000
        answer = reader().feed(CHUNKED + octets)
        self.assertGreater(len(answer.body), 20_000)
        # However large the segments are.
        for size in (1, 50_000):
            found = reader()
            found.feed(CHUNKED)
            answers = [found.feed(piece) for piece in pieces(octets, size)]
            self.assertEqual(next(each for each in answers if each), answer)

    def test_longLine(self):
        """A body ends where the line of a chunk is too long, whole or in pieces."""
        octets = CHUNKED + b"5\r\nHello\r\n7;%b\r\n, World\r\n0\r\n"
        for length, body in ((251, HELLO), (252, b"Hello"), (500, b"Hello")):
            for size in (1, 100, 1000):
                found = reader()
                for piece in pieces(octets % (b"a" * length), size):
                    if found.feed(piece):
                        break
                with row((length, size)):
                    self.assertEqual(found.refusal.body, body)

    def test_effort(self):
        """Work is linear in the octets of a body, whatever the cuts."""

        def work(amount):
            found = reader()
            found.feed(CHUNKED + b"FFFF\r\n")
            return effort(lambda: [found.feed(p) for p in pieces(bytes(amount), 1)])

        self.assertLess(work(8000), 2.2 * work(4000))
