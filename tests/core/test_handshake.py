"""The opening handshake."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import h11
from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from wsagent.core import handshake
from wsagent.core.errors import HandshakeError
from wsagent.core.handshake import Arrival, Request, Response
from wsagent.core.heads import Headers, HeadReader, requestLine, statusLine
from wsagent.core.paths import PathPattern

from .notation import allCuts, effort, row
from .strategies import REQUEST_HEADS, RESPONSE_HEADS, mutated

LIMIT = 8192
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
STATUSES = {400, 405, 414, 426, 431, 505}

# RFC 6455 section 1.2, both heads as printed there.
RFC_REQUEST = (
    b"GET /chat HTTP/1.1\r\n"
    b"Host: server.example.com\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Origin: http://example.com\r\n"
    b"Sec-WebSocket-Protocol: chat, superchat\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
    b"\r\n"
)
RFC_RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
    b"Sec-WebSocket-Protocol: chat\r\n"
    b"\r\n"
)

REQUEST_FIELDS = {
    b"Host": b"h",
    b"Upgrade": b"websocket",
    b"Connection": b"Upgrade",
    b"Sec-WebSocket-Key": KEY,
    b"Sec-WebSocket-Version": b"13",
}
RESPONSE_FIELDS = {
    b"Upgrade": b"websocket",
    b"Connection": b"Upgrade",
    b"Sec-WebSocket-Accept": ACCEPT,
}

Values = bytes | Sequence[bytes] | None


def head(start: bytes, base: dict[bytes, bytes], changes: dict[bytes, Values]) -> bytes:
    """Write a head: a list of values for several fields, C{None} for no field."""
    lines = [start]
    for name, values in {**base, **changes}.items():
        if isinstance(values, bytes):
            lines.append(name + b": " + values)
        else:
            lines += [name + b": " + value for value in values or ()]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def request(start: bytes = b"GET /chat HTTP/1.1", **changes: Values) -> bytes:
    """Write a request; C{Sec_WebSocket_Key} is the field of that name."""
    named = {name.replace("_", "-").encode(): v for name, v in changes.items()}
    return head(start, REQUEST_FIELDS, named)


def response(
    start: bytes = b"HTTP/1.1 101 Switching Protocols",
    **changes: Values,
) -> bytes:
    """Write a response."""
    named = {name.replace("_", "-").encode(): v for name, v in changes.items()}
    return head(start, RESPONSE_FIELDS, named)


def ask(octets: bytes, peer: object = None) -> Request:
    """Read a request."""
    whole = HeadReader(requestLine, LIMIT).feed(octets)
    assert whole is not None
    return handshake.readRequest(whole[0], whole[1], peer)


def answer(octets: bytes, offered: Sequence[str] = (), key: bytes = KEY) -> Response:
    """Read a response."""
    whole = HeadReader(statusLine, LIMIT).feed(octets)
    assert whole is not None
    return handshake.readResponse(whole[0], whole[1], key, offered)


def statusOf(octets: bytes) -> int:
    """Give the status that a request gets."""
    try:
        ask(octets)
    except HandshakeError as error:
        return error.status
    return 101


class RequestTests(SynchronousTestCase):
    """Tests for L{handshake.readRequest}."""

    def assertStatuses(self, rows: Sequence[tuple[str, bytes, int]]) -> None:
        """Requests get a status each."""
        for name, octets, status in rows:
            with row(name):
                self.assertEqual(statusOf(octets), status)

    def test_example(self) -> None:
        """The request of RFC 6455 section 1.2 is read as it says."""
        peer = object()
        found = ask(RFC_REQUEST, peer)
        self.assertEqual(found.target, "/chat")
        self.assertEqual((found.path, found.query), ("/chat", ""))
        self.assertEqual(found.host, "server.example.com")
        self.assertEqual(found.origin, "http://example.com")
        self.assertEqual(found.offeredSubprotocols, ("chat", "superchat"))
        self.assertEqual(found.key, KEY)
        self.assertEqual(len(found.headers), 7)
        self.assertIs(found.peer, peer)

    def test_leastRequest(self) -> None:
        """Origin, subprotocols and extensions may be missing."""
        found = ask(request())
        self.assertIsNone(found.origin)
        self.assertEqual(found.offeredSubprotocols, ())

    def test_arrival(self) -> None:
        """How a request came is told beside what it says."""
        plain = ask(RFC_REQUEST)
        self.assertFalse(plain.isSecure)
        self.assertIsNone(plain.clientCertificate)
        certificate = object()
        arrival = Arrival(True, "example.com", certificate)
        found = replace(plain, arrival=arrival)
        self.assertTrue(found.isSecure)
        self.assertEqual(found.host, "example.com")
        self.assertIs(found.clientCertificate, certificate)

    def test_parts(self) -> None:
        """The parts of the path are those that its route names."""
        found = ask(RFC_REQUEST)
        self.assertEqual(found.parts, {})
        found = replace(found, pattern=PathPattern("/{room}"))
        self.assertEqual(found.parts, {"room": "chat"})

    def test_cuts(self) -> None:
        """A request is the same however it is cut, with the frames behind it."""
        for name, segments in allCuts(RFC_REQUEST + b"\x81\x80abcd"):
            with row(name):
                reader = HeadReader(requestLine, LIMIT)
                rest = b""
                whole = None
                for segment in segments:
                    if whole is None:
                        whole = reader.feed(segment)
                    else:
                        rest += segment
                assert whole is not None
                found = handshake.readRequest(whole[0], whole[1])
                self.assertEqual(found, ask(RFC_REQUEST))
                self.assertEqual(whole[2] + rest, b"\x81\x80abcd")

    def test_requestLine(self) -> None:
        """H38-H48: GET, HTTP/1.1, and a path or a URL with one."""
        self.assertStatuses(
            [
                (line.decode("latin-1"), request(line), status)
                for line, status in (
                    (b"POST / HTTP/1.1", 405),
                    (b"HEAD / HTTP/1.1", 405),
                    (b"get / HTTP/1.1", 405),
                    (b"CONNECT /a HTTP/1.1", 405),
                    (b"GET / HTTP/1.0", 505),
                    (b"GET / HTTP/0.9", 505),
                    (b"GET / HTTP/2.0", 505),
                    (b"PRI * HTTP/2.0", 505),
                    (b"GET / HTTP/1", 400),
                    (b"GET /", 400),
                    (b"GET  / HTTP/1.1", 400),
                    (b"GET /  HTTP/1.1", 400),
                    (b"GET * HTTP/1.1", 400),
                    (b"GET chat HTTP/1.1", 400),
                    (b"GET ?a HTTP/1.1", 400),
                    (b"GET h:80 HTTP/1.1", 400),
                    (b"GET /#a HTTP/1.1", 400),
                    (b"GET /?a#b HTTP/1.1", 400),
                    (b"GET http://a/#b HTTP/1.1", 400),
                    (b"GET /\0 HTTP/1.1", 400),
                    (b"GET /\xc3\xa9 HTTP/1.1", 400),
                    (b"GET ftp://a/ HTTP/1.1", 400),
                    (b"GET http:/a HTTP/1.1", 400),
                    (b"GET http:///a HTTP/1.1", 400),
                    (b"GET http://a@b/ HTTP/1.1", 400),
                    (b"GET http://a:99999/ HTTP/1.1", 400),
                    (b"GET http://[::g]/ HTTP/1.1", 400),
                    (b"GET http://?a HTTP/1.1", 400),
                )
            ],
        )

    def test_targets(self) -> None:
        """H44: a URL names the host, in place of Host; a path may be anything."""
        for target, expected in (
            (b"/", ("h", "/", "")),
            (b"/a/b?c=d?e", ("h", "/a/b", "c=d?e")),
            (b"/?", ("h", "/", "")),
            (b"//evil/chat", ("h", "//evil/chat", "")),
            (b"/%2e%2e/%00", ("h", "/%2e%2e/%00", "")),
            (b"http://a/chat", ("a", "/chat", "")),
            (b"HTTPS://A:443/chat?b", ("A:443", "/chat", "b")),
            (b"ws://[::1]:80", ("[::1]:80", "/", "")),
            (b"wss://a?b", ("a", "/", "b")),
        ):
            with row(target):
                found = ask(request(b"GET " + target + b" HTTP/1.1"))
                self.assertEqual((found.host, found.path, found.query), expected)
                self.assertEqual(found.target, target.decode())

    def test_hosts(self) -> None:
        """H11-H13: one Host, which is a host with perhaps a port."""
        self.assertStatuses(
            [
                (repr(values), request(Host=values), status)
                for values, status in (
                    (None, 400),
                    ([b"h", b"h"], 400),
                    (b"", 400),
                    (b"a@b", 400),
                    (b"a/b", 400),
                    (b"a b", 400),
                    (b"a:99999", 400),
                    (b"a:65536", 400),
                    (b"a:123456", 400),
                    (b"a:-1", 400),
                    (b"a:b", 400),
                    (b"a:1:2", 400),
                    (b":80", 400),
                    (b"::1", 400),
                    (b"[::1", 400),
                    (b"[::g]", 400),
                    (b"[1.2.3.4]", 400),
                    (b"[]", 400),
                    (b"http://a", 400),
                    (b"a\\b", 400),
                    (b"a\xe9", 400),
                    (b"a", 101),
                    (b"a:0", 101),
                    (b"a:65535", 101),
                    (b"a:", 101),
                    (b"1.2.3.4:80", 101),
                    (b"[::1]", 101),
                    (b"[::1]:80", 101),
                    (b"[::ffff:1.2.3.4]", 101),
                    (b"a-b.c_d", 101),
                )
            ],
        )

    def test_hostBesideUrl(self) -> None:
        """A URL in the request line excuses no bad Host."""
        line = b"GET http://a/ HTTP/1.1"
        self.assertStatuses(
            [
                ("none", request(line, Host=None), 400),
                ("two", request(line, Host=[b"a", b"b"]), 400),
                ("bad", request(line, Host=b"a b"), 400),
            ],
        )

    def test_keys(self) -> None:
        """H14, H15, H31-H37: one key, 16 octets in strict base64."""
        self.assertStatuses(
            [
                (repr(values), request(Sec_WebSocket_Key=values), status)
                for values, status in (
                    (None, 400),
                    ([KEY, KEY], 400),
                    (KEY + b", " + KEY, 400),
                    (b"", 400),
                    (b"=" * 24, 400),
                    (KEY[:-1], 400),
                    (KEY[:-2], 400),
                    (KEY + b"=", 400),
                    (base64.b64encode(bytes(15)), 400),
                    (base64.b64encode(bytes(17)), 400),
                    (base64.b64encode(bytes(18)), 400),
                    (b"dGhlIHNhbXBsZSBub25j Q==", 400),
                    (b"dGhlIHNhbXBsZSBub25jZ-==", 400),
                    (b"dGhlIHNhbXBsZSBub25jZ_==", 400),
                    (b"dGhlIHNhbXBsZSBub25j\xe9Q==", 400),
                    (b"dGhlIHNhbXBsZSBub25jZR==", 101),  # H34: the last bits differ.
                    (base64.b64encode(b"\xff" * 16), 101),
                    (b" \t" + KEY + b"\t ", 101),
                )
            ],
        )

    def test_versions(self) -> None:
        """H16-H20: one version, exactly 13; else the answer says which."""
        self.assertStatuses(
            [
                (repr(values), request(Sec_WebSocket_Version=values), status)
                for values, status in (
                    (None, 426),
                    (b"", 426),
                    (b"8", 426),
                    (b"14", 426),
                    (b"+13", 426),
                    (b"013", 426),
                    (b"1_3", 426),
                    (b"13.0", 426),
                    (b"0xd", 426),
                    (b"1 3", 426),
                    (b"13, 8", 426),
                    (b"13, 13", 426),
                    ([b"13", b"13"], 426),
                    ([b"8", b"13"], 426),
                    ("１３".encode(), 400),  # noqa: RUF001 - digits to int(), too.
                    (b"\t13 ", 101),
                )
            ],
        )

    def test_upgrades(self) -> None:
        """H21-H30, H76: the token websocket, and the token upgrade."""
        self.assertStatuses(
            [
                (repr(changes), request(**changes), status)
                for changes, status in (
                    ({"Upgrade": b"h2c, websocket"}, 101),
                    ({"Upgrade": [b"h2c", b"websocket"]}, 101),
                    ({"Upgrade": b"WebSocket"}, 101),
                    ({"Upgrade": b",, websocket ,"}, 101),
                    ({"Connection": b"keep-alive, Upgrade"}, 101),
                    ({"Connection": [b"keep-alive", b"UPGRADE"]}, 101),
                    ({"Connection": b"keep-alive,\tupgrade"}, 101),
                    ({"Upgrade": None}, 426),
                    ({"Upgrade": b""}, 426),
                    ({"Upgrade": b"h2c"}, 426),
                    ({"Upgrade": b"websocket/13"}, 426),
                    ({"Upgrade": b"xwebsocket"}, 426),
                    ({"Upgrade": b"web socket"}, 426),
                    ({"Upgrade": b"websocket\xe9"}, 400),
                    ({"Connection": None}, 426),
                    ({"Connection": b""}, 426),
                    ({"Connection": b"close"}, 426),
                    ({"Connection": b"Upgradex"}, 426),
                    ({"Connection": b"keep-alive Upgrade"}, 426),
                    ({"Connection": b"Upgrade\xe9"}, 400),
                    (
                        {
                            "Connection": None,
                            "Upgrade": None,
                            "Sec_WebSocket_Version": b"8",
                        },
                        426,
                    ),
                )
            ],
        )

    def test_bodies(self) -> None:
        """H54-H58: a request has no body, and nothing that could be one."""
        self.assertStatuses(
            [
                (repr(changes), request(**changes), status)
                for changes, status in (
                    ({"Content_Length": b"0"}, 101),
                    ({"Content_Length": b" 0\t"}, 101),
                    ({"Content_Length": b"5"}, 400),
                    ({"Content_Length": b"+0"}, 400),
                    ({"Content_Length": b"-0"}, 400),
                    ({"Content_Length": b"00"}, 400),
                    ({"Content_Length": b"0,0"}, 400),
                    ({"Content_Length": b"0x0"}, 400),
                    ({"Content_Length": b""}, 400),
                    ({"Content_Length": [b"0", b"0"]}, 400),
                    ({"Content_Length": [b"0", b"5"]}, 400),
                    ({"Transfer_Encoding": b"chunked"}, 400),
                    ({"Transfer_Encoding": b"identity"}, 400),
                    ({"Transfer_Encoding": b""}, 400),
                    ({"Transfer_Encoding": b"\x0bchunked"}, 400),
                    ({"Transfer_Encoding": b"chunked", "Content_Length": b"0"}, 400),
                )
            ],
        )

    def test_otherFields(self) -> None:
        """H75, H86: fields that we do not read may have any octets."""
        self.assertStatuses(
            [
                ("latin-1", request(X=b"\x80\xff"), 101),
                ("NEL", request(Cookie=b"a\x85Origin: b"), 101),
                ("expect", request(Expect=b"100-continue"), 101),
                ("origin", request(Origin=b"http://\xe9"), 400),
                ("own", request(Sec_WebSocket_New=b"\xe9"), 400),
            ],
        )

    def test_subprotocols(self) -> None:
        """H65-H67: subprotocols are tokens, over one field or more, none twice."""
        for values, expected in (
            (b"a", ("a",)),
            (b" a ,\tb", ("a", "b")),
            ([b"a", b"b, A"], ("a", "b", "A")),
        ):
            with row(values):
                found = ask(request(Sec_WebSocket_Protocol=values))
                self.assertEqual(found.offeredSubprotocols, expected)
        self.assertStatuses(
            [
                (repr(values), request(Sec_WebSocket_Protocol=values), 400)
                for values in (
                    b"",
                    b",",
                    b"a,",
                    b",a",
                    b"a,,b",
                    b"a b",
                    b"a/b",
                    b"a;b",
                    b'"a"',
                    b"a(b)",
                    b"a, a",
                    [b"a", b"a"],
                    [b"a", b""],
                    b"\xe9",
                )
            ],
        )

    def test_extensions(self) -> None:
        """Offers of extensions are well-formed."""
        self.assertStatuses(
            [
                (repr(values), request(Sec_WebSocket_Extensions=values), status)
                for values, status in (
                    (b"permessage-deflate; client_max_window_bits", 101),
                    ([b"a", b"b; c=1"], 101),
                    (b"x-webkit-deflate-frame", 101),
                    (b"", 400),
                    (b"a;", 400),
                    (b"a=b", 400),
                    ([b"a", b"b;"], 400),
                )
            ],
        )

    def test_origins(self) -> None:
        """O4, O8: there is one Origin at most, and no list in it."""
        for value in (b"null", b"http://a:8080", b"HTTPS://A", b""):
            with row(value):
                self.assertEqual(ask(request(Origin=value)).origin, value.decode())
        self.assertStatuses(
            [
                (repr(values), request(Origin=values), 400)
                for values in (
                    [b"http://a", b"http://a"],
                    b"http://a http://b",
                    b"http://a, http://b",
                )
            ],
        )

    def test_linear(self) -> None:
        """H64, H70: twice the commas, spaces or offers take no more than twice."""
        for name, field, element in (
            ("commas", "Connection", b","),
            ("spaces", "Connection", b" "),
            ("words", "Upgrade", b"a,"),
            ("subprotocol commas", "Sec_WebSocket_Protocol", b","),
            ("offers", "Sec_WebSocket_Extensions", b"a; b=1, "),
        ):
            with row(name):
                once, twice = (
                    effort(
                        lambda octets=octets: statusOf(octets),
                    )
                    for octets in (
                        request(**{field: element * 400 + b"z"}),
                        request(**{field: element * 800 + b"z"}),
                    )
                )
                self.assertLess(twice, 2.1 * once)

    @given(mutated(REQUEST_HEADS))
    def test_mutated(self, octets: bytes) -> None:
        """A spoilt request is refused with a known status, or h11 reads it too."""
        try:
            whole = HeadReader(requestLine, LIMIT).feed(octets)
            if whole is None:
                return
            start, headers, _ = whole
            handshake.readRequest(start, headers)
        except HandshakeError as error:
            self.assertIn(error.status, STATUSES)
            return
        oracle = h11.Connection(h11.SERVER)
        oracle.receive_data(octets.removeprefix(b"\r\n"))
        event = oracle.next_event()
        self.assertIsInstance(event, h11.Request)
        self.assertEqual((event.method, event.target), start)
        found = [(bytes(n).decode(), bytes(v).strip(b" \t")) for n, v in event.headers]
        self.assertEqual(found, list(headers))


class UpgradeTests(SynchronousTestCase):
    """L{handshake.isUpgrade} tells what is meant for a WebSocket."""

    def test_meant(self) -> None:
        """An Upgrade to it is, in any case, among others; and what has its fields."""
        for name, value in (
            ("upgrade", b"websocket"),
            ("upgrade", b"h2c, WebSocket"),
            ("sec-websocket-key", b"x"),
            ("sec-websocket-version", b"8"),
        ):
            with row(name):
                self.assertTrue(handshake.isUpgrade(Headers([(name, value)])))

    def test_notMeant(self) -> None:
        """Other requests are not, nor upgrades to what only begins like it."""
        for name, value in (
            ("host", b"websocket"),
            ("upgrade", b"h2c"),
            ("upgrade", b"websocket/13"),
            ("connection", b"upgrade, websocket"),
            ("sec-websocket", b"x"),
        ):
            with row(name):
                self.assertFalse(handshake.isUpgrade(Headers([(name, value)])))


class KeyTests(SynchronousTestCase):
    """Tests for the key and its answer."""

    def test_acceptKey(self) -> None:
        """The key of RFC 6455 section 1.3 is answered as printed there."""
        self.assertEqual(handshake.acceptKey(KEY), ACCEPT)

    def test_newKey(self) -> None:
        """A key is 16 octets from the system's own source, in base64."""
        keys = {handshake.newKey() for _ in range(100)}
        self.assertEqual(len(keys), 100)
        self.assertEqual({len(base64.b64decode(key)) for key in keys}, {16})
        self.patch(os, "urandom", lambda octets: b"the sample nonce"[:octets])
        self.assertEqual(handshake.newKey(), KEY)


class AcceptanceTests(SynchronousTestCase):
    """Tests for L{handshake.renderAcceptance} and L{handshake.renderRefusal}."""

    def test_example(self) -> None:
        """The request of RFC 6455 section 1.2 is answered as printed there."""
        found = handshake.renderAcceptance(ask(RFC_REQUEST), "chat", ())
        self.assertEqual(found, RFC_RESPONSE)

    def test_fields(self) -> None:
        """More fields are sent behind the handshake's own; no subprotocol is none."""
        found = handshake.renderAcceptance(ask(RFC_REQUEST), None, [("X-A", b"b")])
        self.assertNotIn(b"Protocol:", found)
        self.assertTrue(found.endswith(b"\r\nX-A: b\r\n\r\n"))

    def test_extension(self) -> None:
        """What was agreed about an extension is sent with the handshake's own."""
        octets = handshake.renderAcceptance(ask(request()), None, (), "a; b=1")
        self.assertIn(b"\r\nSec-WebSocket-Extensions: a; b=1\r\n", octets)
        self.assertRaises(
            ValueError,
            handshake.renderAcceptance,
            ask(request()),
            None,
            (),
            "a\r\nX: y",
        )

    def test_subprotocolNotOffered(self) -> None:
        """Only a subprotocol that was offered, to the octet, can be chosen."""
        for subprotocol in ("Chat", "other", "", "chat, superchat", "chat\r\nX: y"):
            for octets in (RFC_REQUEST, request()):
                with row(subprotocol):
                    self.assertRaises(
                        ValueError,
                        handshake.renderAcceptance,
                        ask(octets),
                        subprotocol,
                        (),
                    )

    def test_badFields(self) -> None:
        """A1: a field that is the handshake's own, or ends its line, is not sent."""
        for name, value in (
            ("Upgrade", "h2c"),
            ("connection", "close"),
            ("Content-Length", "0"),
            ("Transfer-Encoding", "chunked"),
            ("Sec-WebSocket-Accept", "a"),
            ("sec-websocket-extensions", "a"),
            ("SEC-WEBSOCKET-ANYTHING", "a"),
            ("X", "a\r\nY: b"),
            ("X", b"a\n"),
            ("X", "\0"),
            ("X", "\u20ac"),
            ("X\r\nY", "b"),
            ("X Y", "b"),
        ):
            with row((name, value)):
                self.assertRaises(
                    ValueError,
                    handshake.renderAcceptance,
                    ask(RFC_REQUEST),
                    None,
                    [(name, value)],
                )

    def test_refusal(self) -> None:
        """A refusal has a length, and says that the connection ends."""
        self.assertEqual(
            handshake.renderRefusal(403, [("X", "y")], b"no\n"),
            b"HTTP/1.1 403 Forbidden\r\nX: y\r\nConnection: close\r\n"
            b"Content-Length: 3\r\n\r\nno\n",
        )
        self.assertEqual(
            handshake.renderRefusal(299),
            b"HTTP/1.1 299 \r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        )

    def test_badRefusal(self) -> None:
        """A1: what is no refusal, or would be read as two, is not sent."""
        for status, fields in (
            (101, ()),
            (199, ()),
            (600, ()),
            (403, [("Location", "/\r\nX: y")]),
            (403, [("X", "\u20ac")]),
            (403, [("X:", "y")]),
            (403, [("Content-Length", "5")]),
            (403, [("transfer-encoding", "chunked")]),
            (403, [("Connection", "keep-alive")]),
        ):
            with row((status, fields)):
                self.assertRaises(ValueError, handshake.renderRefusal, status, fields)

    def test_errorsCanBeSent(self) -> None:
        """Each error's status and fields make a response that h11 reads."""
        for error in {HandshakeError, *HandshakeError.__subclasses__()}:
            with row(error.__name__):
                octets = handshake.renderRefusal(error.status, error.fields, b"why\n")
                oracle = h11.Connection(h11.CLIENT)
                oracle.send(
                    h11.Request(method="GET", target="/", headers=[("Host", "a")]),
                )
                oracle.receive_data(octets)
                self.assertEqual(oracle.next_event().status_code, error.status)
                self.assertEqual(oracle.next_event().data, b"why\n")
                self.assertIsInstance(oracle.next_event(), h11.EndOfMessage)


class Anything:
    """An extension that a client may offer, and a server accept."""

    name = "x-a"

    def offers(self) -> Sequence[Sequence[tuple[str, str | None]]]:
        """Offer one thing."""
        return [[("b", "1")]]

    def begin(self, answer: Sequence[tuple[str, str | None]]) -> Any:
        """Take any answer for the codec."""
        return answer


class AskingTests(SynchronousTestCase):
    """Tests for L{handshake.renderRequest}."""

    def test_request(self) -> None:
        """A request has what RFC 6455 section 4.1 demands, and we can read it."""
        octets = handshake.renderRequest(
            "example.com:8001",
            "/chat?a=b",
            KEY,
            ["chat", "superchat"],
            [("Origin", "http://example.com"), ("X", b"\xff")],
        )
        self.assertEqual(
            octets,
            b"GET /chat?a=b HTTP/1.1\r\nHost: example.com:8001\r\n"
            b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, superchat\r\n"
            b"Origin: http://example.com\r\nX: \xff\r\n\r\n",
        )
        found = ask(octets)
        self.assertEqual(found.offeredSubprotocols, ("chat", "superchat"))
        self.assertEqual(found.origin, "http://example.com")
        self.assertEqual((found.path, found.query), ("/chat", "a=b"))

    def test_leastRequest(self) -> None:
        """Without subprotocols there is no field for them."""
        octets = handshake.renderRequest("[::1]:80", "/", KEY)
        self.assertNotIn(b"Protocol:", octets)
        self.assertEqual(ask(octets).host, "[::1]:80")

    def test_extensions(self) -> None:
        """Extensions are offered in order, each as it wants to be."""
        octets = handshake.renderRequest(
            "a", "/", KEY, extensions=[Anything(), Anything()]
        )
        self.assertIn(b"\r\nSec-WebSocket-Extensions: x-a; b=1, x-a; b=1\r\n", octets)

    def test_badArguments(self) -> None:
        """A1, C19: what would not be one good head is not sent."""
        good: dict[str, Any] = {
            "host": "a",
            "target": "/",
            "key": KEY,
            "subprotocols": (),
            "fields": (),
        }
        for name, values in (
            (
                "target",
                (
                    "",
                    "a",
                    "*",
                    "/a b",
                    "/\r\nX: y",
                    "/\n",
                    "/#a",
                    "/\xe9",
                    "/\0",
                    "/\x7f",
                ),
            ),
            (
                "host",
                (
                    "",
                    "a b",
                    "a\r\nX: y",
                    "a\n",
                    "a@b",
                    "a/",
                    "a:65536",
                    "[::g]",
                    "\xe9",
                ),
            ),
            ("key", (b"a\r\nX: y", b"\0")),
            ("subprotocols", (["a b"], ["a", ""], ["a\r\nX: y"], ["\xe9"], ["\ud800"])),
            (
                "fields",
                (
                    [("Host", "b")],
                    [("Upgrade", "h2c")],
                    [("Content-Length", "5")],
                    [("Transfer-Encoding", "chunked")],
                    [("Sec-WebSocket-Key", KEY)],
                    [("X", "a\r\nY: b")],
                    [("X", b"\0")],
                    [("X\r\nY", "b")],
                    [("X", "\u20ac")],
                ),
            ),
        ):
            for value in values:
                with row((name, value)):
                    self.assertRaises(
                        ValueError,
                        handshake.renderRequest,
                        **{**good, name: value},
                    )


class ResponseTests(SynchronousTestCase):
    """Tests for L{handshake.readResponse}."""

    def test_example(self) -> None:
        """The response of RFC 6455 section 1.2 accepts its request."""
        found = answer(RFC_RESPONSE, ("chat", "superchat"))
        self.assertEqual(found.subprotocol, "chat")
        self.assertEqual(found.headers.get("Upgrade"), b"websocket")

    def test_accepted(self) -> None:
        """Case, order and more fields do not matter; a subprotocol may be missing."""
        for changes in (
            {"Upgrade": b"WebSocket"},
            {"Connection": b"keep-alive, upgrade"},
            {"Sec_WebSocket_Accept": b"\t" + ACCEPT + b" "},
            {"Server": b"\xe9"},
        ):
            with row(changes):
                self.assertIsNone(answer(response(**changes), ("chat",)).subprotocol)

    def test_refused(self) -> None:
        """C01-C04, C07: what does not answer the request is no acceptance."""
        for name, octets in (
            ("C01 wrong", response(Sec_WebSocket_Accept=ACCEPT.lower())),
            ("C01 missing", response(Sec_WebSocket_Accept=None)),
            ("C01 empty", response(Sec_WebSocket_Accept=b"")),
            ("C01 twice", response(Sec_WebSocket_Accept=[ACCEPT, ACCEPT])),
            ("C01 list", response(Sec_WebSocket_Accept=ACCEPT + b", " + ACCEPT)),
            ("C01 padded", response(Sec_WebSocket_Accept=ACCEPT + b"=")),
            ("C02 200", response(b"HTTP/1.1 200 OK")),
            ("C02 301", response(b"HTTP/1.1 301 Moved", Location=b"/")),
            ("C02 401", response(b"HTTP/1.1 401 ")),
            ("C02 503", response(b"HTTP/1.1 503")),
            ("C03 no Upgrade", response(Upgrade=None)),
            ("C03 another Upgrade", response(Upgrade=b"h2c")),
            ("C03 two Upgrades", response(Upgrade=b"h2c, websocket")),
            ("C03 two Upgrade fields", response(Upgrade=[b"websocket", b"h2c"])),
            ("C03 no Connection", response(Connection=None)),
            ("C03 Connection: close", response(Connection=b"close")),
            ("C04 extension", response(Sec_WebSocket_Extensions=b"permessage-deflate")),
            ("C04 empty extension", response(Sec_WebSocket_Extensions=b"")),
            ("C04 subprotocol", response(Sec_WebSocket_Protocol=b"other")),
            ("C04 other case", response(Sec_WebSocket_Protocol=b"Chat")),
            ("C04 list", response(Sec_WebSocket_Protocol=b"chat, superchat")),
            ("C04 two fields", response(Sec_WebSocket_Protocol=[b"chat", b"chat"])),
            ("C04 empty", response(Sec_WebSocket_Protocol=b"")),
            ("C04 not ASCII", response(Sec_WebSocket_Protocol=b"\xe9")),
            ("C07 100", response(b"HTTP/1.1 100 Continue")),
            ("C07 103", response(b"HTTP/1.1 103 Early Hints")),
            ("C07 HTTP/1.0", response(b"HTTP/1.0 101 Switching Protocols")),
            ("HTTP/2", response(b"HTTP/2.0 101 ")),
            ("not HTTP", b"SSH-2.0-x\r\n\r\n"),
            ("bare LF", RFC_RESPONSE.replace(b"\r\n", b"\n") + b"\r\n\r\n"),
        ):
            with row(name):
                self.assertRaises(HandshakeError, answer, octets, ("chat", "superchat"))

    def test_extension(self) -> None:
        """An extension that was offered may be accepted."""
        octets = response(Sec_WebSocket_Extensions=b"x-a; b=2")
        start, headers, _ = HeadReader(statusLine, LIMIT).feed(octets)
        found = handshake.readResponse(start, headers, KEY, (), [Anything()])
        self.assertEqual(list(found.codec), [("b", "2")])

    def test_nothingOffered(self) -> None:
        """C04: whoever offered no subprotocol gets none."""
        self.assertRaises(HandshakeError, answer, RFC_RESPONSE)

    def test_anotherKey(self) -> None:
        """C01: the answer to another key is none."""
        offered = ("chat",)
        self.assertRaises(HandshakeError, answer, RFC_RESPONSE, offered, KEY[::-1])

    def test_bothSides(self) -> None:
        """What one side writes, the other reads."""
        asked = ask(handshake.renderRequest("a", "/", KEY, ["x", "y"]))
        octets = handshake.renderAcceptance(asked, "y", [("X", "z")])
        found = answer(octets, ["x", "y"])
        self.assertEqual(found.subprotocol, "y")
        self.assertEqual(found.headers.get("x"), b"z")
        self.assertEqual(found, Response(Headers(found.headers), "y"))

    @given(mutated(RESPONSE_HEADS))
    def test_mutated(self, octets: bytes) -> None:
        """A spoilt response is an acceptance or raises a known error."""
        try:
            whole = HeadReader(statusLine, LIMIT).feed(octets)
            if whole is not None:
                handshake.readResponse(whole[0], whole[1], KEY, ["chat"])
        except HandshakeError as error:
            self.assertIn(error.status, STATUSES)
