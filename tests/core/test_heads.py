"""HTTP heads."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import h11
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from wsagent.core import heads
from wsagent.core.errors import (
    HandshakeError,
    HeadTooBig,
    TargetTooLong,
    VersionNotSupported,
)
from wsagent.core.heads import (
    Headers,
    HeadReader,
    RequestLine,
    StatusLine,
    requestLine,
    statusLine,
)

from .notation import allCuts, cutAt, effort, pieces, row
from .strategies import CUTS, REQUEST_HEADS, RESPONSE_HEADS, mutated

LIMIT = 8192
STATUSES = {400, 414, 431, 505}
HEAD = b"GET /chat HTTP/1.1\r\nHost: example.com\r\nX:\t a b \r\n\r\n"
READ = (
    RequestLine(b"GET", b"/chat"),
    Headers([("host", b"example.com"), ("x", b"a b")]),
)


def read(
    segments: list[bytes],
    startLine: Callable[[bytes], Any] = requestLine,
    limit: int = LIMIT,
) -> Any:
    """
    Read a head from segments, and what follows it.

    @return: as L{HeadReader.feed} at its first whole head; or the error's
        class and text.
    """
    reader = HeadReader(startLine, limit)
    for index, segment in enumerate(segments):
        try:
            whole = reader.feed(segment)
        except HandshakeError as error:
            return type(error), str(error)
        if whole is not None:
            return (*whole[:2], whole[2] + b"".join(segments[index + 1 :]))
    return None


class HeadersTests(SynchronousTestCase):
    """Tests for L{Headers}."""

    def test_isAscii(self) -> None:
        """Whether a value has other octets than ASCII's can be asked."""
        self.assertTrue(Headers([("a", b"plain"), ("b", b"")]).isAscii())
        self.assertFalse(Headers([("a", b"plain"), ("b", b"\xc3\xbc")]).isAscii())

    headers = Headers([("a", b"1"), ("b", b"X, y,, "), ("a", b"2"), ("b", b"\tZ")])

    def test_order(self) -> None:
        """Fields keep their order, and are counted."""
        self.assertEqual(len(self.headers), 4)
        self.assertEqual([name for name, _ in self.headers], ["a", "b", "a", "b"])

    def test_names(self) -> None:
        """Names are asked for in any case; nothing else is a name."""
        self.assertEqual(self.headers.all("A"), [b"1", b"2"])
        self.assertEqual(self.headers.all("c"), [])
        self.assertIn("A", self.headers)
        self.assertNotIn("c", self.headers)
        self.assertNotIn(b"a", self.headers)

    def test_get(self) -> None:
        """Several fields of one name are one value."""
        self.assertEqual(self.headers.get("A"), b"1, 2")
        self.assertIsNone(self.headers.get("c"))
        self.assertEqual(Headers([("e", b"")]).get("E"), b"")

    def test_single(self) -> None:
        """A field that may not be repeated is refused if it is."""
        self.assertEqual(Headers([("e", b"")]).single("E"), b"")
        self.assertIsNone(self.headers.single("c"))
        self.assertRaises(HandshakeError, self.headers.single, "A")

    def test_tokens(self) -> None:
        """A list's elements are trimmed, in lower case, and none is empty."""
        self.assertEqual(self.headers.tokens("B"), [b"x", b"y", b"z"])
        self.assertEqual(self.headers.tokens("c"), [])

    def test_equality(self) -> None:
        """Headers are equal if names, values and order are."""
        same = Headers(self.headers)
        self.assertEqual(same, self.headers)
        self.assertEqual(hash(same), hash(self.headers))
        self.assertNotEqual(Headers(reversed(list(same))), self.headers)
        self.assertNotEqual(Headers(), ())

    def test_repr(self) -> None:
        """Values, which may be credentials, are not shown."""
        self.assertEqual(repr(self.headers), "<Headers a b a b>")


class StartLineTests(SynchronousTestCase):
    """Tests for L{requestLine} and L{statusLine}."""

    def test_requestLine(self) -> None:
        """A request line has a method, a target and HTTP/1.1."""
        self.assertEqual(requestLine(b"GET * HTTP/1.1"), (b"GET", b"*"))
        self.assertEqual(requestLine(b"x-y /?#% HTTP/1.1"), (b"x-y", b"/?#%"))

    def test_badRequestLine(self) -> None:
        """What RFC 9112 calls invalid, lenient readers or not, is refused."""
        for line in (
            b"",
            b"GET",
            b"GET /",
            b"GET  / HTTP/1.1",
            b"GET /  HTTP/1.1",
            b"GET\t/ HTTP/1.1",
            b" GET / HTTP/1.1",
            b"GET / HTTP/1.1 ",
            b"GET / a HTTP/1.1",
            b"GET / http/1.1",
            b"GET / HTTP/1",
            b"GET / HTTP/11.1",
            b"GET / HTTP/1.1\n",
            b"GET / HTTPS/1.1",
            b"G(T / HTTP/1.1",
            b"GET /\xc3\xa9 HTTP/1.1",
            b"GET /\0 HTTP/1.1",
            b"GET /\x7f HTTP/1.1",
        ):
            with row(line):
                error = self.assertRaises(HandshakeError, requestLine, line)
                self.assertEqual(error.status, 400)

    def test_statusLine(self) -> None:
        """A status line has a status and perhaps a reason."""
        for line, expected in (
            (b"HTTP/1.1 101 Switching Protocols", (101, b"Switching Protocols")),
            (b"HTTP/1.1 101 ", (101, b"")),
            (b"HTTP/1.1 599", (599, b"")),
            (b"HTTP/1.1 200 \xe9", (200, b"\xe9")),
        ):
            with row(line):
                self.assertEqual(statusLine(line), expected)

    def test_badStatusLine(self) -> None:
        """What is no status line is refused."""
        for line in (
            b"",
            b"HTTP/1.1",
            b"HTTP/1.1 ",
            b"HTTP/1.1 10",
            b"HTTP/1.1 1010",
            b"HTTP/1.1 099",
            b"HTTP/1.1 600",
            b"HTTP/1.1  101",
            b"HTTP/1.1 101\tOK",
            b"http/1.1 101 OK",
            b"ICY 200 OK",
        ):
            with row(line):
                error = self.assertRaises(HandshakeError, statusLine, line)
                self.assertEqual(error.status, 400)

    def test_versions(self) -> None:
        """Another version of HTTP has its own status."""
        for version in (b"0.9", b"1.0", b"1.2", b"2.0", b"3.1"):
            with row(version):
                self.assertRaises(
                    VersionNotSupported,
                    requestLine,
                    b"PRI * HTTP/" + version,
                )
                self.assertRaises(
                    VersionNotSupported,
                    statusLine,
                    b"HTTP/" + version + b" 101 Switching Protocols",
                )


class HeadReaderTests(SynchronousTestCase):
    """Tests for L{HeadReader}."""

    def assertRefused(
        self,
        name: object,
        octets: bytes,
        error: type[HandshakeError] = HandshakeError,
        limit: int = LIMIT,
    ) -> None:
        """A head is refused, with the same words however it is cut."""
        with row(name):
            whole = read([octets], limit=limit)
            self.assertIsNotNone(whole)
            self.assertIs(whole[0], error)
            self.assertEqual(read(pieces(octets, 1), limit=limit), whole)

    def test_cuts(self) -> None:
        """A head is the same however it is cut, and what follows it is kept."""
        octets = HEAD + b"\x81\x00\r\n\r\n\0"
        expected = (*READ, b"\x81\x00\r\n\r\n\0")
        for name, segments in allCuts(octets):
            with row(name):
                self.assertEqual(read(segments), expected)

    def test_response(self) -> None:
        """A response's head is read as a request's is."""
        octets = b"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n\x81"
        expected = (
            StatusLine(101, b"Switching Protocols"),
            Headers([("a", b"b")]),
            b"\x81",
        )
        for name, segments in allCuts(octets):
            with row(name):
                self.assertEqual(read(segments, statusLine), expected)

    def test_nothing(self) -> None:
        """No octets are no head, and no error."""
        reader = HeadReader(requestLine, LIMIT)
        self.assertIsNone(reader.feed(b""))
        self.assertEqual(reader.feed(HEAD), (*READ, b""))

    def test_noFields(self) -> None:
        """A head may have no fields."""
        octets = b"GET /chat HTTP/1.1\r\n\r\n"
        expected = (RequestLine(b"GET", b"/chat"), Headers(), b"")
        for name, segments in allCuts(octets):
            with row(name):
                self.assertEqual(read(segments), expected)

    def test_leadingBlankLine(self) -> None:
        """One empty line before the first is ignored, a second is not."""
        for name, segments in allCuts(b"\r\n" + HEAD):
            with row(name):
                self.assertEqual(read(segments), (*READ, b""))
        self.assertRefused("two", b"\r\n\r\n" + HEAD)
        self.assertRefused("bare LF", b"\n" + HEAD)
        self.assertRefused("bare CR", b"\r" + HEAD)

    def test_framing(self) -> None:
        """Two readers could understand these heads differently: all are refused."""
        first = b"GET / HTTP/1.1\r\n"
        for name, octets in (
            ("H03 bare LF", b"GET / HTTP/1.1\nHost: a\n\n"),
            ("H04 bare LF in fields", first + b"Host: a\nB: c\r\n\r\n"),
            ("H04 bare LF at the end", first + b"Host: a\r\n\n"),
            ("H05 bare CR", first + b"Host: a\rB: c\r\n\r\n"),
            ("H05 CR CR LF", first + b"Host: a\r\r\n\r\n"),
            ("H06 NUL", first + b"Host: a\0\r\n\r\n"),
            ("H06 NUL in a name", first + b"Ho\0st: a\r\n\r\n"),
            ("H07 obs-fold", first + b"Host: a\r\n b\r\n\r\n"),
            ("H07 obs-fold by tab, with colon", first + b"Host: a\r\n\tb: c\r\n\r\n"),
            ("H09 space before colon", first + b"Host : a\r\n\r\n"),
            ("H09 tab before colon", first + b"Host\t: a\r\n\r\n"),
            ("H10 leading space", first + b" Host: a\r\n\r\n"),
            ("H72 empty name", first + b": a\r\n\r\n"),
            ("H73 no token", first + b"Ho@st: a\r\n\r\n"),
            ("H73 not ASCII", first + b"H\xf6st: a\r\n\r\n"),
            ("H74 no colon", first + b"Host\r\n\r\n"),
        ):
            self.assertRefused(name, octets)

    def test_controlOctets(self) -> None:
        """H71: no control octet but a tab may stand in a value."""
        for octet in (*range(9), *range(0x0B, 0x0D), *range(0x0E, 0x20), 0x7F):
            octets = b"GET / HTTP/1.1\r\nA: b%cc\r\n\r\n" % octet
            self.assertRefused(hex(octet), octets)

    def test_otherOctets(self) -> None:
        """H71, H75: all other octets may, and never end a line."""
        for octet in (0x09, *range(0x20, 0x7F), *range(0x80, 0x100)):
            with row(hex(octet)):
                value = b"b%cc: d" % octet
                octets = b"GET / HTTP/1.1\r\nA: " + value + b"\r\n\r\n"
                found = read([octets])
                self.assertEqual(list(found[1]), [("a", value)])

    def test_notHttp(self) -> None:
        """H77-H79: what is no HTTP is refused at its first octet, or soon after."""
        for name, octets, needed, error in (
            ("H77 TLS", bytes.fromhex("16030100"), 1, HandshakeError),
            ("SSH-like", b"\0SSH", 1, HandshakeError),
            ("PROXY v2", b"\r\n\r\n\0\r\nQUIT\n", 4, HandshakeError),
            ("high octet", b"\xff\xfe", 1, HandshakeError),
            ("space", b" GET", 1, HandshakeError),
            ("LF", b"\nGET", 1, HandshakeError),
            ("CR", b"\rGET", 2, HandshakeError),
            ("H78 HTTP/2", b"PRI * HTTP/2.0\r\n", 16, VersionNotSupported),
            ("H79 PROXY v1", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", 32, HandshakeError),
        ):
            with row(name):
                self.assertIsNone(read([octets[: needed - 1]]))
                found = read([octets[:needed]])
                self.assertIsNotNone(found)
                self.assertIs(found[0], error)
                self.assertEqual(read(pieces(octets, 1)), found)

    def test_firstErrorIsSaid(self) -> None:
        """Of several errors the first in the stream is answered, not the worst."""
        for name, octets, error in (
            ("version, NUL", b"GET / HTTP/1.0\r\nA: \0\r\n\r\n", VersionNotSupported),
            ("NUL, version", b"GET /\0 HTTP/1.0\r\n\r\n", HandshakeError),
            ("NUL, length", b"GET /\0" + b"a" * LIMIT, HandshakeError),
            ("length, NUL", b"GET /" + b"a" * LIMIT + b"\0", TargetTooLong),
            (
                "big, NUL",
                b"GET / HTTP/1.1\r\nA: " + b"a" * LIMIT + b"\0",
                HeadTooBig,
            ),
        ):
            self.assertRefused(name, octets, error)

    def test_limit(self) -> None:
        """H53: a head of just the limit is read; more is refused before its end."""
        first = b"GET / HTTP/1.1\r\nA: "
        for size in (LIMIT, 64):
            fits = first + b"a" * (size - len(first) - 4) + b"\r\n\r\n"
            over = first + b"a" * (size - len(first) - 3) + b"\r\n\r\n"
            with row(size):
                self.assertEqual(len(fits), size)
                found = read([fits + b"more"], limit=size)
                self.assertEqual(found[2], b"more")
                self.assertEqual(read([*pieces(fits, 1), b"more"], limit=size), found)
                self.assertIsNone(read([over[: size - 1]], limit=size))
                self.assertIs(read([over[:size]], limit=size)[0], HeadTooBig)
                self.assertIs(read([b"\r\n" + fits], limit=size)[0], HeadTooBig)
            self.assertRefused(size, over, HeadTooBig, limit=size)

    def test_longFirstLine(self) -> None:
        """H52: a first line that cannot fit has its own status."""
        octets = b"GET /" + b"a" * LIMIT
        with row("one octet less"):
            self.assertIsNone(read([octets[: LIMIT - 1]]))
        self.assertRefused("at the limit", octets[:LIMIT], TargetTooLong)
        self.assertRefused("with its end", octets + b" HTTP/1.1\r\n", TargetTooLong)

    def test_fieldLimit(self) -> None:
        """100 fields are read, and one more is too many."""
        first = b"GET / HTTP/1.1\r\n"
        found = read([first + b"A:\r\n" * 100 + b"\r\n"])
        self.assertEqual(found[1], Headers([("a", b"")] * 100))
        self.assertRefused("101", first + b"A:\r\n" * 101 + b"\r\n", HeadTooBig)

    def test_linear(self) -> None:
        """Octet by octet, each octet of a head is looked at a few times only."""
        looks = Looks()
        self.patch(heads, "_forbidden", looks)
        for filler in (b"a", b",", b" ", b"A:\r\n", b"\r\nA:b"):
            looks.octets = 0
            octets = b"GET / HTTP/1.1\r\nA: " + filler * (LIMIT // len(filler))
            reader = HeadReader(requestLine, LIMIT)
            reader._octets = looks.watched()
            with row(filler):
                self.assertRaises(
                    HeadTooBig,
                    lambda octets=octets, reader=reader: [
                        reader.feed(piece) for piece in pieces(octets, 1)
                    ],
                )
                self.assertLess(looks.octets, 10 * LIMIT)

    def test_linearInCalls(self) -> None:
        """A head twice as long takes no more than twice the calls."""
        first = b"GET / HTTP/1.1\r\nA: "
        for filler in (b"a", b",", b" ", b"\r\nA:b"):
            with row(filler):
                count = 48 if b"\r" in filler else 4000 // len(filler)
                once, twice = (
                    effort(lambda octets=octets: read(pieces(octets, 1)))
                    for octets in (
                        first + filler * count + b"\r\n\r\n",
                        first + filler * count * 2 + b"\r\n\r\n",
                    )
                )
                self.assertLess(twice, 2.1 * once)

    @given(REQUEST_HEADS, CUTS)
    def test_anyCuts(self, head: bytes, cuts: list[int]) -> None:
        """Any head is the same however it is cut."""
        whole = read([head + b"rest"])
        self.assertEqual(whole[2], b"rest")
        self.assertEqual(read(cutAt(head + b"rest", cuts)), whole)

    @given(mutated(REQUEST_HEADS), CUTS)
    def test_mutatedRequests(self, head: bytes, cuts: list[int]) -> None:
        """What is read of a spoilt request, h11 reads too, and no cut matters."""
        found = read([head])
        self.assertEqual(read(cutAt(head, cuts)), found)
        if found is not None and isinstance(found[0], type):
            self.assertIn(found[0].status, STATUSES)
        elif found is not None and isComparable(found[1]):
            start, headers, rest = found
            oracle = h11.Connection(h11.SERVER)
            oracle.receive_data(head.removeprefix(b"\r\n"))
            event = oracle.next_event()
            self.assertIsInstance(event, h11.Request)
            self.assertEqual((event.method, event.target), start)
            self.assertEqual(fieldsOf(event), list(headers))
            self.assertTrue(oracle.trailing_data[0].startswith(rest))

    @given(mutated(RESPONSE_HEADS), CUTS)
    def test_mutatedResponses(self, head: bytes, cuts: list[int]) -> None:
        """What is read of a spoilt response, h11 reads too, and no cut matters."""
        found = read([head], statusLine)
        self.assertEqual(read(cutAt(head, cuts), statusLine), found)
        if found is not None and isinstance(found[0], type):
            self.assertIn(found[0].status, STATUSES)
        elif found is not None and isComparable(found[1]):
            start, headers, _ = found
            oracle = h11.Connection(h11.CLIENT)
            asked = [("Host", "a"), ("Upgrade", "websocket"), ("Connection", "Upgrade")]
            oracle.send(h11.Request(method="GET", target="/", headers=asked))
            oracle.receive_data(head.removeprefix(b"\r\n"))
            event = oracle.next_event()
            self.assertIsInstance(event, (h11.InformationalResponse, h11.Response))
            self.assertEqual((event.status_code, event.reason), start)
            self.assertEqual(fieldsOf(event), list(headers))

    @given(st.binary(max_size=200), CUTS)
    def test_anyOctets(self, octets: bytes, cuts: list[int]) -> None:
        """Any octets are read, waited for, or refused with a known status."""
        for startLine in (requestLine, statusLine):
            found = read([octets], startLine, limit=100)
            self.assertEqual(read(cutAt(octets, cuts), startLine, limit=100), found)
            if found is not None and isinstance(found[0], type):
                self.assertIn(found[0].status, STATUSES)


class ParameterListsTests(SynchronousTestCase):
    """Tests for L{heads.parameterLists}."""

    def test_lists(self) -> None:
        """Names have parameters, with or without a value."""
        for value, expected in (
            (b"a", [("a", [])]),
            (b"a, b", [("a", []), ("b", [])]),
            (b"\ta ;\tb , c;d ", [("a", [("b", None)]), ("c", [("d", None)])]),
            (b"a;b=c;b=1", [("a", [("b", "c"), ("b", "1")])]),
            (b'a; b = "c"', [("a", [("b", "c")])]),
            (
                (
                    b"permessage-deflate; client_max_window_bits; "
                    b'server_max_window_bits="10", permessage-deflate'
                ),
                [
                    (
                        "permessage-deflate",
                        [
                            ("client_max_window_bits", None),
                            ("server_max_window_bits", "10"),
                        ],
                    ),
                    ("permessage-deflate", []),
                ],
            ),
        ):
            with row(value):
                self.assertEqual(heads.parameterLists(value), expected)

    def test_malformed(self) -> None:
        """All that is no such list is refused."""
        for value in (
            b"",
            b" ",
            b",",
            b";",
            b"=",
            b"a,",
            b",a",
            b"a,,b",
            b"a;",
            b"a;;b",
            b"a;,b",
            b";a",
            b"a=b",
            b"a b",
            b"a;b c",
            b"a;b=",
            b"a;=c",
            b"a;b=c d",
            b"a;b=c=d",
            b"a;b==c",
            b"a;b=,c",
            b'"a"',
            b'a;"b"',
            b'a;b="c',
            b'a;b="c" d',
            b'a;b="c""d"',
            b'a;b=""',
            b'a;b="c d"',
            b'a;b="\xff"',
            b'a;b="c\\',
            b"a;b=(c)",
            b"a/b",
            b"\xe9",
            b"a;b=\xe9",
        ):
            with row(value):
                self.assertRaises(HandshakeError, heads.parameterLists, value)

    def test_linear(self) -> None:
        """H64, H70: twice the list takes no more than twice the calls."""
        for name, element in (
            ("commas", b","),
            ("spaces", b" "),
            ("offers", b"permessage-deflate; a=1; b, "),
            ("quotes", b'a;b="c", '),
            ("open quotes", b'"\\'),
        ):
            with row(name):
                once, twice = (
                    effort(lambda value=value: attempt(heads.parameterLists, value))
                    for value in (element * 500 + b"a", element * 1000 + b"a")
                )
                self.assertLess(twice, 2.1 * once)

    @given(st.binary(max_size=40))
    def test_anyOctets(self, value: bytes) -> None:
        """Any octets are a list or refused."""
        attempt(heads.parameterLists, value)

    @given(st.text('ab;,="\\ \t', max_size=16))
    def test_anyWords(self, value: str) -> None:
        """What is read as a list means the same when it is written plainly."""
        found = attempt(heads.parameterLists, value.encode())
        if found is not None:
            written = ", ".join(
                "; ".join(
                    [name, *(key if v is None else f"{key}={v}" for key, v in pairs)],
                )
                for name, pairs in found
            )
            self.assertEqual(heads.parameterLists(written.encode()), found)


class RenderTests(SynchronousTestCase):
    """Tests for what we write."""

    def test_basicCredentials(self) -> None:
        """The credentials of RFC 7617 section 2 are written as printed there."""
        found = heads.basicCredentials("Aladdin", "open sesame")
        self.assertEqual(found, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
        self.assertEqual(heads.basicCredentials("a", "b:c"), "Basic YTpiOmM=")

    def test_badCredentials(self) -> None:
        """A colon in the user's name, or a control character, is refused."""
        for user, password in (("a:b", "c"), ("a\r\n", "c"), ("a", "b\n"), ("a", "\0")):
            with row((user, password)):
                self.assertRaises(ValueError, heads.basicCredentials, user, password)

    def test_isToken(self) -> None:
        """A token has at least one octet, and none that separates."""
        for value in (b"a", b"permessage-deflate", b"!#$%&'*+-.^_`|~09AZaz"):
            with row(value):
                self.assertTrue(heads.isToken(value))
                self.assertTrue(heads.isToken(value.decode("ascii")))
        for value in (b"", b"a b", b"a,", b"a\n", b"\xe9", b'"a"', b"a/b", b"a@b"):
            with row(value):
                self.assertFalse(heads.isToken(value))
                self.assertFalse(heads.isToken(value.decode("latin-1")))
        # Surrogates, as for octets that are no UTF-8, and alone.
        for text in ("\udce9", "a\ud800"):
            with row(text):
                self.assertFalse(heads.isToken(text))

    def test_renderHead(self) -> None:
        """A head is its lines, each ended by CRLF, and a blank one."""
        found = heads.renderHead(
            "GET / HTTP/1.1",
            [("Host", "a"), ("X-Y", b"\tb \xe9"), ("Z", "\xe9"), ("E", "")],
        )
        self.assertEqual(
            found,
            b"GET / HTTP/1.1\r\nHost: a\r\nX-Y: \tb \xe9\r\nZ: \xe9\r\nE: \r\n\r\n",
        )

    def test_injection(self) -> None:
        """A1: nothing that we are given ends a line, or is no Latin-1."""
        for text in (
            *("a\r\nX: y", "a\n", "\r", "\0", "a\x7f", "\x1b[0m", "\x0b", "\x0c"),
            *("\x1c", "\u20ac", "\u010a", "\udc0a"),
        ):
            with row(ascii(text)):
                refused = [(text, []), ("x", [("A", text)]), ("x", [("A" + text, "b")])]
                if text.isascii():
                    refused.append(("x", [("A", text.encode())]))
                for start, fields in refused:
                    self.assertRaises(ValueError, heads.renderHead, start, fields)

    def test_badNames(self) -> None:
        """A1: a field's name is a token."""
        for name in ("", "A:", "A ", " A", "A\xe9", "\u20ac", "\ud800", "A\r\nB"):
            with row(ascii(name)):
                self.assertRaises(ValueError, heads.renderHead, "x", [(name, "b")])

    def test_renderStatus(self) -> None:
        """A status line has the phrase of RFC 9110, if the status has one."""
        for status, expected in (
            (101, "HTTP/1.1 101 Switching Protocols"),
            (404, "HTTP/1.1 404 Not Found"),
            (599, "HTTP/1.1 599 "),
        ):
            with row(status):
                self.assertEqual(heads.renderStatus(status), expected)
                self.assertEqual(statusLine(expected.encode()).status, status)

    def test_badStatus(self) -> None:
        """A status has three digits, the first from 1 to 5."""
        for status in (-1, 0, 99, 600, 1000):
            with row(status):
                self.assertRaises(ValueError, heads.renderStatus, status)

    @given(
        st.lists(
            st.tuples(
                st.from_regex(r"[a-z-]{1,5}", fullmatch=True),
                st.text(st.characters(codec="latin-1", exclude_categories=["Cc"])),
            ),
            max_size=5,
        ),
    )
    def test_readBack(self, fields: list[tuple[str, str]]) -> None:
        """What we write, we read."""
        octets = heads.renderHead("GET / HTTP/1.1", fields)
        expected = [(name, v.encode("latin-1").strip(b" \t")) for name, v in fields]
        self.assertEqual(
            read([octets]),
            (RequestLine(b"GET", b"/"), Headers(expected), b""),
        )


class Looks:
    """Counts the octets that a reader looks at, with the pattern and without."""

    def __init__(self) -> None:
        """Count from nothing."""
        self.octets = 0
        self._pattern = heads._forbidden

    def search(self, octets: bytearray, start: int, stop: int) -> Any:
        """Search with the real pattern."""
        self.octets += max(0, stop - start)
        return self._pattern.search(octets, start, stop)

    def watched(self) -> bytearray:
        """Make a bytearray that counts what is looked for in it, or copied."""
        looks = self

        class Watched(bytearray):
            """A bytearray whose reads are counted."""

            def find(self, what: bytes, start: int, stop: int) -> int:
                """Find, and count what is looked through."""
                found = super().find(what, start, stop)
                end = min(stop, len(self)) if found < 0 else found + len(what)
                looks.octets += max(0, end - start)
                return found

            def __getitem__(self, key: Any) -> Any:
                """Copy, and count what is copied."""
                found = super().__getitem__(key)
                looks.octets += len(found)
                return found

        return Watched()


def attempt(work: Callable[..., Any], *arguments: object) -> Any:
    """Do what may end in a refusal."""
    try:
        return work(*arguments)
    except HandshakeError as error:
        if type(error) is not HandshakeError:
            raise
        return None


def isComparable(headers: Headers) -> bool:
    """
    Ask whether h11 judges a head as a head only.

    It reads fields that frame a body, and counts hosts; we do so elsewhere.
    """
    names = [name for name, _ in headers]
    return names.count("host") == 1 and not {"content-length", "transfer-encoding"} & {
        *names,
    }


def fieldsOf(event: Any) -> list[tuple[str, bytes]]:
    """List what h11 read; white space around a value is no part of it."""
    return [
        (bytes(name).decode(), re.sub(rb"^[ \t]+|[ \t]+$", b"", bytes(value)))
        for name, value in event.headers
    ]
