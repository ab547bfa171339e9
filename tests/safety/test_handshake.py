"""The opening handshake, whatever the client makes of it."""

import gc
from functools import partial
from random import Random

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent

from tests.core.notation import KEY, allCuts, effort, frame, pieces
from wsagent import Accept, RequestRejected, WebSocketProtocol, WebSocketServerFactory
from wsagent.core.handshake import renderRequest
from wsagent.demo import Echo
from wsagent.testing import KEY as NONCE

from .aftermath import MEBIBYTE, HostileCase, deciding, tracedMemory
from .octets import ACCEPT, replaced, request

BAD_HEADS = (
    ("H03 bare LF", request(end=b"\n")),
    ("H04 one bare LF", request(b"A: b\nC: d")),
    ("H04 bare LF at the end", request()[:-2] + b"\n"),
    ("H05 bare CR", request(end=b"\r") + b"\r\n\r\n"),
    ("H05 one bare CR", request(b"A: b\rC: d")),
    ("H06 NUL", request(b"A: b\0")),
    ("H07 folded line", request(b"A: b", b" c")),
    ("H07 folded line, tab", request(b"A: b", b"\tc")),
    ("H08 two blank lines", b"\r\n\r\n" + request()),
    ("H09 space before colon", request(b"A : b")),
    ("H10 space before the first field", request().replace(b"Host", b" Host")),
    ("H72 empty name", request(b": b")),
    ("H73 name in parentheses", request(b"A(b): c")),
    ("H73 name with a slash", request(b"A/b: c")),
    ("H73 name with a space", request(b"A b: c")),
    ("H73 name with \\xe9", request(b"caf\xe9: c")),
    ("H74 no colon", request(b"A")),
    *(
        (f"H71 {octet:#04x}", request(b"A: b%cc" % octet))
        for octet in (*range(1, 9), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F)
    ),
    *(
        (f"H75 {line!r}", replaced(line))
        for line in (
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\xe9=",
            b"Sec-WebSocket-Version: 13\xa0",
            b"Sec-WebSocket-Protocol: caf\xe9",
            b"Sec-WebSocket-Extensions: caf\xe9",
            b"Sec-WebSocket-Anything: caf\xe9",
            b"Upgrade: websocket, caf\xe9",
            b"Connection: Upgrade, caf\xe9",
            b"Host: caf\xe9",
            b"Origin: http://caf\xe9",
        )
    ),
)

START_LINES = (
    ("H38 POST", b"POST /chat HTTP/1.1", 405),
    ("H38b HEAD", b"HEAD /chat HTTP/1.1", 405),
    ("H38c get", b"get /chat HTTP/1.1", 405),
    ("H39 1.0", b"GET /chat HTTP/1.0", 505),
    ("H40 2.0", b"GET /chat HTTP/2.0", 505),
    ("H41 1.2", b"GET /chat HTTP/1.2", 505),
    ("H42 1.10", b"GET /chat HTTP/1.10", 400),
    ("H42 lower case", b"GET /chat http/1.1", 400),
    ("H42 none", b"GET /chat", 400),
    ("H42 empty", b"GET /chat ", 400),
    ("H43 two spaces", b"GET  /chat HTTP/1.1", 400),
    ("H43 two spaces later", b"GET /chat  HTTP/1.1", 400),
    ("H43 space at the end", b"GET /chat HTTP/1.1 ", 400),
    ("H43 space first", b" GET /chat HTTP/1.1", 400),
    ("H43b tab", b"GET\t/chat HTTP/1.1", 400),
    ("H45 *", b"GET * HTTP/1.1", 400),
    ("H46 no slash", b"GET chat HTTP/1.1", 400),
    ("H46 authority", b"GET localhost:80 HTTP/1.1", 400),
    ("H47 fragment", b"GET /chat#a HTTP/1.1", 400),
    ("H48 NUL", b"GET /ch\0at HTTP/1.1", 400),
    ("H48 \\xe9", b"GET /ch\xe9t HTTP/1.1", 400),
    ("H48 DEL", b"GET /ch\x7ft HTTP/1.1", 400),
    ("H44 bad authority", b"GET http://a@b/chat HTTP/1.1", 400),
    ("H44 no authority", b"GET http:///chat HTTP/1.1", 400),
    ("H44 other scheme", b"GET ftp://localhost/chat HTTP/1.1", 400),
)

HOSTS = (
    ("H11 none", request(without="host")),
    ("H12 two", request(b"Host: localhost")),
    ("H12 two, different", request(b"Host: evil")),
    *(
        (f"H13 {host!r}", replaced(b"Host: " + host))
        for host in (
            b"",
            b"a@b",
            b"a/b",
            b"a b",
            b"a:99999",
            b"a:b",
            b"a:-1",
            b"a:80:80",
            b":80",
            b"a?b",
            b"a#b",
            b"::1",
            b"[::1",
            b"[::g]",
            b"[1.2.3]",
            b"http://a",
        )
    ),
)

KEYS = (
    ("H14 two", request(b"Sec-WebSocket-Key: " + NONCE)),
    ("H15 list", replaced(b"Sec-WebSocket-Key: %b, %b" % (NONCE, NONCE))),
    ("H31 none", request(without="sec-websocket-key")),
    *(
        (f"{row} {key!r}", replaced(b"Sec-WebSocket-Key: " + key))
        for row, key in (
            ("H32", b""),
            ("H33", b"dGhlIHNhbXBsZSBub25j"),
            ("H33", b"dGhlIHNhbXBsZSBub25jZQo="),
            ("H33", b"dGhlIHNhbXBsZSBub25jZQ"),
            ("H35", b"dGhlIHNhbXBsZSBub25jZQ==="),
            ("H35", b"dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ=="),
            ("H36", b"dGhlIHNhbXBsZSBub25j-_=="),
            ("H36", b"dGhlIHNhbXBsZSBub25j!!=="),
            ("H36", b"dGhlIHNhbXBs ZSBub25jZ=="),
            ("H37", b"=GhlIHNhbXBsZSBub25jZQ=="),
            ("H37", b"dGhlIHNhbXBsZSBub25jZQ=a"),
        )
    ),
)

VERSIONS = (
    ("H16 none", request(without="sec-websocket-version")),
    ("H20 two", request(b"Sec-WebSocket-Version: 13")),
    ("H20 two, one good", request(b"Sec-WebSocket-Version: 8")),
    *(
        (f"{row} {version!r}", replaced(b"Sec-WebSocket-Version: " + version))
        for row, version in (
            ("H17", b"8"),
            ("H17", b"0"),
            ("H17", b"14"),
            ("H18", b""),
            ("H18", b"x"),
            ("H19", b"13, 8"),
            ("H19", b"13, 13"),
            ("H20", b"+13"),
            ("H20b", b"013"),
            ("H20c", b"1_3"),
            ("H20c", b"13.0"),
        )
    ),
    ("H76 no Upgrade", request(b"Sec-WebSocket-Version: 8", without="upgrade")),
    (
        "H76 neither",
        request(
            b"Sec-WebSocket-Version: 8",
            without="upgrade connection sec-websocket-version",
        ),
    ),
    ("H25b no Upgrade", request(without="upgrade")),
    ("H30 no Connection", request(without="connection")),
    *(
        (f"{row} {line!r}", replaced(line))
        for row, line in (
            ("H23", b"Upgrade: websocket/13"),
            ("H24", b"Upgrade: xwebsocket"),
            ("H24", b"Upgrade: websocketx"),
            ("H25", b"Upgrade: web socket"),
            ("H25b", b"Upgrade:"),
            ("H25b", b"Upgrade: h2c"),
            ("H29", b"Connection: close"),
            ("H29", b"Connection: keep-alive"),
            ("H30", b"Connection: Upgradex"),
            ("H30", b"Connection: xUpgrade"),
            ("H30", b"Connection:"),
        )
    ),
)

GOOD = (
    ("H01 base", request()),
    ("H08 one blank line", b"\r\n" + request()),
    (
        "H34 bits beyond the octets",
        replaced(b"Sec-WebSocket-Key: " + NONCE[:-3] + b"R=="),
    ),
    ("H58 Content-Length: 0", request(b"Content-Length: 0")),
    ("H73 every kind of name", request(b"!#$%&'*+-.^_`|~0aZ: b")),
    ("H71 tab", request(b"A: b\tc")),
    ("empty value", request(b"A:")),
    ("no space after colon", replaced(b"Host:localhost")),
    ("white space around", replaced(b"Sec-WebSocket-Version: \t 13\t ")),
    ("H86 Expect", request(b"Expect: 100-continue")),
    *(
        (f"{row} {line!r}", replaced(line))
        for row, line in (
            ("H13", b"Host: [::1]:80"),
            ("H13", b"Host: [::1]"),
            ("H13", b"Host: a:65535"),
            ("H13", b"Host: A.example.:80"),
            ("H21", b"Upgrade: h2c, websocket"),
            ("H22", b"Upgrade: WebSocket"),
            ("H26", b"Connection: keep-alive, Upgrade"),
            ("H27", b"Connection: uPGRADE"),
            ("H28", b"Connection: ,, keep-alive ,\tupgrade ,"),
        )
    ),
    ("H21 two lines", request(b"Upgrade: h2c")),
    ("H28 two lines", request(b"Connection: keep-alive")),
)

BODIES = (
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding:",
    b"Content-Length: 5",
    b"Content-Length: +0",
    b"Content-Length: 0,0",
    b"Content-Length: 0, 0",
    b"Content-Length: 0x0",
    b"Content-Length: -0",
    b"Content-Length: 00",
    b"Content-Length:",
    b"Content-Length: 0\r\nContent-Length: 0",
    b"Content-Length: 0\r\nContent-Length: 5",
    b"Content-Length: 0\r\nTransfer-Encoding: chunked",
)

SUBPROTOCOLS = (
    ("H65", b"caf\xe9"),
    ("H66", b""),
    ("H66", b"chat,"),
    ("H66", b"chat,,other"),
    ("H66", b", chat"),
    ("H67", b"chat, chat"),
    ("H67", b"a/b"),
    ("H67", b"a b"),
    ("H67", b"a;b"),
    ("H67", b'"chat"'),
    ("H67", b"a=b"),
)


def filled(size: int) -> bytes:
    """Write a good request of a size."""
    return request(b"Padding: " + b"x" * (size - len(request(b"Padding: "))))


class HeadTests(HostileCase):
    """The head, line by line."""

    def test_malformed(self):
        """A malformed head is answered with 400, and no second one is read."""
        for row, octets in BAD_HEADS:
            with self.aftermath(row) as factory:
                self.assertRefused(factory, octets, 400)

    def test_startLine(self):
        """A request line is one of GET, of a path, of HTTP/1.1, with two spaces."""
        for row, start, status in START_LINES:
            with self.aftermath(row) as factory:
                fields = {"allow": b"GET"} if status == 405 else {}
                self.assertRefused(factory, request(start=start), status, **fields)

    def test_host(self):
        """A request names one host, perhaps with a port."""
        for row, octets in HOSTS:
            with self.aftermath(row) as factory:
                self.assertRefused(factory, octets, 400)

    def test_key(self):
        """A request has one key, of 16 octets in base64."""
        for row, octets in KEYS:
            with self.aftermath(row) as factory:
                self.assertRefused(factory, octets, 400)

    def test_version(self):
        """A request for anything but version 13 hears what is spoken here."""
        for row, octets in VERSIONS:
            with self.aftermath(row) as factory:
                fields = {"Sec-WebSocket-Version": b"13", "Upgrade": b"websocket"}
                self.assertRefused(factory, octets, 426, **fields)

    def test_body(self):
        """A request with a body, or what might be one, is refused."""
        for lines in BODIES:
            for body in (b"", b"5\r\nhello\r\n0\r\n\r\n"):
                with self.aftermath(f"H54-H58b {lines!r}") as factory:
                    self.assertRefused(factory, request(lines) + body, 400)

    def test_good(self):
        """What the RFCs allow is answered with 101, and nothing before it."""
        for row, octets in GOOD:
            with self.aftermath(row) as factory:
                peer = self.connect(factory, octets)
                self.assertEqual(peer.status, 101)
                self.assertEqual(len(peer.headers), 3)
                self.assertEqual(peer.headers.get("upgrade"), b"websocket")
                self.assertEqual(peer.headers.get("connection"), b"Upgrade")
                if not row.startswith("H34"):
                    answer = peer.headers.get("sec-websocket-accept")
                    self.assertEqual(answer, ACCEPT)
                peer.sendTextMessage("hello")
                self.assertEchoes(peer, "hello")

    def test_absoluteTarget(self):
        """H44: the authority of an absolute target wins over Host."""
        with self.aftermath("H44") as factory:
            start = b"GET http://other:80/chat?a=b HTTP/1.1"
            peer = self.connect(factory, request(start=start))
            self.assertEqual(peer.status, 101)
            asked = peer.agent.request
            self.assertEqual((asked.path, asked.query), ("/chat", "a=b"))
            self.assertEqual(asked.host, "other:80")

    def test_latin1(self):
        """H75, H71 0x85: octets over 0x7f are handed over as they came, uncut."""
        value = bytes(range(0x80, 0x100))
        with self.aftermath("H75") as factory:
            peer = self.connect(factory, request(b"A: b" + value + b"c"))
            self.assertEqual(peer.status, 101)
            headers = peer.agent.request.headers
            self.assertEqual(headers.all("a"), [b"b" + value + b"c"])
            self.assertEqual(len(headers), 6)

    def test_cuts(self):
        """H02: a head and a frame in two segments, or in small ones, are as in one."""
        octets = request() + frame(1, b"hello", key=KEY)
        with self.aftermath("H02, H59") as factory:
            for cut, segments in allCuts(octets):
                peer = self.connect(factory, b"")
                for segment in segments:
                    peer.sendOctets(segment)
                self.assertEqual(peer.received, ["hello"], cut)

    def test_cutsOfRefused(self):
        """A refusal does not depend on how the head is cut."""
        with self.aftermath("H02") as factory:
            for cut, segments in allCuts(request(b"A : b")):
                peer = self.connect(factory, b"")
                for segment in segments:
                    peer.sendOctets(segment)
                self.assertEqual(peer.status, 400, cut)
                self.assertTrue(peer.isDisconnected, cut)


class PipelineTests(HostileCase):
    """What follows a head in the same segment."""

    def test_frame(self):
        """H59: a frame in the segment of the request is read."""
        with self.aftermath("H59") as factory:
            peer = self.connect(factory, request() + frame(1, b"hello", key=KEY))
            self.assertEchoes(peer, "hello")

    def test_secondRequest(self):
        """H60: a second request after the 101 is no frame, and no request."""
        with self.aftermath("H60") as factory:
            self.assertFailed(factory, request(), 1002)

    def test_secondRequestAfterRefusal(self):
        """H61: a second request after a refusal has no answer."""
        with self.aftermath("H61") as factory:
            self.assertRefused(factory, request(without="host") + request(), 400)

    def test_whileDeciding(self):
        """H59: what comes before the decision is kept, but not without end."""
        decision = Deferred()
        with self.aftermath(
            "H59 while deciding", deciding(lambda: decision)
        ) as factory:
            peer = self.connect(factory, request() + frame(1, b"a", key=KEY))
            messages = [frame(1, b"b" * 100, key=KEY)] * 2000
            for segment in pieces(b"".join(messages), 4096):
                peer.sendOctets(segment)
            self.assertEqual(peer.status, 0)
            self.assertGreater(peer.transport.unread, 180_000)
            decision.callback(None)
            self.assertEchoes(peer, "a", *["b" * 100] * 2000)


class LimitTests(HostileCase):
    """How big a head may be."""

    def test_exact(self):
        """H53: a head of just the limit is accepted, one octet more is refused."""
        for row, size, status in (
            ("H53 limit - 1", 8191, 101),
            ("H53 limit", 8192, 101),
        ):
            with self.aftermath(row) as factory:
                octets = filled(size)
                self.assertEqual(len(octets), size)
                self.assertEqual(self.connect(factory, octets).status, status)
        with self.aftermath("H53 limit + 1") as factory:
            self.assertRefused(factory, filled(8193), 431)
        with self.aftermath("H08, H53 blank line") as factory:
            octets = b"\r\n" + filled(8190)
            self.assertEqual(self.connect(factory, octets).status, 101)
            self.assertRefused(factory, b"\r\n" + filled(8191), 431)
        with self.aftermath("H53 small limit", headLimit=200) as factory:
            self.assertEqual(self.connect(factory, filled(200)).status, 101)
            self.assertRefused(factory, filled(201), 431)

    def test_withoutEnd(self):
        """H53: the limit is enforced before the line, or the head, has ended."""
        line = b"GET /chat HTTP/1.1\r\n"
        for row, octets, status in (
            ("H53 no LF", b"GET /".ljust(8193, b"a"), 414),
            ("H53 no LF, at the limit", b"GET /".ljust(8192, b"a"), 414),
            ("H53 method", b"G" * 8192, 414),
            ("H53 field without LF", (line + b"A: ").ljust(8193, b"a"), 431),
            ("H53 fields", (line + b"A: b\r\n" * 2000)[:8193], 431),
            ("H53 megabyte", b"GET /".ljust(1 << 20, b"a"), 414),
        ):
            with self.aftermath(row) as factory:
                self.assertRefused(factory, octets, status)

    def test_lineTooLong(self):
        """A whole request whose first line alone passes the limit is a 414."""
        with self.aftermath("H53 414") as factory:
            start = b"GET /" + b"a" * 8192 + b" HTTP/1.1"
            self.assertRefused(factory, request(start=start), 414)

    def test_trickled(self):
        """H53: octet by octet, the limit is the same."""
        with self.aftermath("H53 trickled") as factory:
            peer = self.connect(factory, b"")
            for _ in range(8191):
                peer.sendOctets(b"a")
            self.assertEqual(peer.status, 0)
            peer.sendOctets(b"a")
            self.assertEqual(peer.status, 414)
            self.assertTrue(peer.isDisconnected)

    def test_fields(self):
        """A head has at most 100 fields."""
        for row, more, status in (("100 fields", 95, 101), ("101 fields", 96, 431)):
            with self.aftermath(row) as factory:
                octets = request(*[b"A: b"] * more)
                self.assertEqual(self.connect(factory, octets).status, status)
                if status == 431:
                    self.assertRefused(factory, octets, 431)


class WorkTests(HostileCase):
    """How much work a head can make."""

    def test_linear(self):
        """Twice the head is at most twice the work, whatever it is filled with."""
        for row, make, status in (
            (
                "H64 commas",
                lambda size: replaced(b"Connection: Upgrade" + b"," * size),
                101,
            ),
            (
                "H64b spaces",
                lambda size: replaced(b"Connection: Upgrade" + b" " * size + b", a"),
                101,
            ),
            (
                "H64b spaces in extensions",
                lambda size: request(
                    b"Sec-WebSocket-Extensions: a" + b" " * size + b"; b"
                ),
                101,
            ),
            (
                "H64b spaces, then nonsense",
                lambda size: request(
                    b"Sec-WebSocket-Extensions: a" + b" " * size + b"("
                ),
                400,
            ),
            (
                "H70.1 offers",
                lambda size: request(
                    b"Sec-WebSocket-Extensions: "
                    + b", ".join([b"a; b=1"] * (size // 8))
                ),
                101,
            ),
            (
                "H70.2 parameters",
                lambda size: request(
                    b"Sec-WebSocket-Extensions: a" + b"; b=1" * (size // 5)
                ),
                101,
            ),
            (
                "H70.3 quoted, without end",
                lambda size: request(
                    b'Sec-WebSocket-Extensions: a; b="' + b"\\a" * (size // 2)
                ),
                400,
            ),
            (
                "H70.4 subprotocols",
                lambda size: request(
                    b"Sec-WebSocket-Protocol: "
                    + b",".join(b"%06d" % number for number in range(size // 7))
                ),
                101,
            ),
            ("H70.5 value", lambda size: request(b"A: " + b"x" * size), 101),
            (
                "H70.6 blank lines",
                lambda size: b"\r\n" * (size // 2) + request(),
                400,
            ),
        ):
            with self.aftermath(row, headLimit=40_000) as factory:
                small, large = make(8000), make(16_000)
                self.assertEqual(self.connect(factory, large).status, status)
                once = effort(partial(self.connect, factory, small))
                twice = effort(partial(self.connect, factory, large))
                self.assertLess(twice, once * 2.5)

    def test_atLimit(self):
        """H64, H70: what fits the head's limit is answered in one step."""
        for row, octets, status in (
            ("H64", replaced(b"Connection: Upgrade" + b"," * 8000), 101),
            ("H64b", replaced(b"Connection:" + b" " * 8000 + b"Upgrade"), 101),
            (
                "H70 500 offers",
                request(b"Sec-WebSocket-Extensions: " + b",".join([b"x; y=10"] * 500)),
                101,
            ),
            ("H70 95 repeated", request(*[b"Sec-WebSocket-Extensions: x"] * 95), 101),
            ("H70 95 Connections", request(*[b"Connection: Upgrade"] * 95), 101),
            ("H70 95 Hosts", request(*[b"Host: localhost"] * 95), 400),
        ):
            with self.aftermath(row) as factory:
                self.assertLessEqual(len(octets), 8192)
                self.assertEqual(self.connect(factory, octets).status, status)

    def test_trickled(self):
        """H02q: a head in segments of one octet is linear work."""

        def trickle(factory, size):
            peer = self.connect(factory, b"")
            for octet in filled(size):
                peer.sendOctets(bytes((octet,)))
            self.assertEqual(peer.status, 101)

        with self.aftermath("H02q") as factory:
            once = effort(lambda: trickle(factory, 4096))
            twice = effort(lambda: trickle(factory, 8192))
            self.assertLess(twice, once * 2.5)


class OtherProtocolTests(HostileCase):
    """Clients that do not speak HTTP/1.1."""

    def test_firstOctet(self):
        """H77: what cannot begin a request line is refused at its first octet."""
        hello = bytes.fromhex("16030100f8010000f40303")
        for row, octets in (
            ("H77 TLS", hello),
            ("H77 TLS, one octet", hello[:1]),
            ("H79 PROXY v2", b"\r\n\r\n\x00\r\nQUIT\n"),
            ("PROXY v2, its first line only", b"\r\n\r\n"),
            ("NUL", b"\0"),
            ("SSH is HTTP until its line ends", b"SSH-2.0-x\r\n"),
        ):
            with self.aftermath(row) as factory:
                self.assertRefused(factory, octets, 400)

    def test_otherHTTP(self):
        """H78, H79: another version, and a proxy's line, are refused as they are."""
        for row, octets, status in (
            ("H78", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
            ("H79 PROXY v1", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", 400),
        ):
            with self.aftermath(row) as factory:
                self.assertRefused(factory, octets + request(), status)

    def test_random(self):
        """64 random octets are refused, or time out."""
        random = Random(64)
        with self.aftermath("64 random octets") as factory:
            for _ in range(300):
                octets = random.randbytes(64)
                peer = self.connect(factory, octets)
                if not peer.isDisconnected:
                    self.assertEqual(peer.status, 0, octets)
                    peer.advance(factory.settings.handshakeTimeout)
                self.assertNotEqual(peer.status, 101, octets)
                self.assertTrue(peer.isDisconnected, octets)

    def test_randomlyChanged(self):
        """A request with some octets changed is accepted, refused, or times out."""
        random = Random(13)
        with self.aftermath("changed octets") as factory:
            for _ in range(300):
                octets = bytearray(request(b"Origin: http://localhost"))
                for _ in range(random.randint(1, 3)):
                    octets[random.randrange(len(octets))] = random.randrange(256)
                peer = self.connect(factory, bytes(octets))
                if peer.status != 101:
                    peer.advance(factory.settings.handshakeTimeout)
                    self.assertTrue(peer.isDisconnected, bytes(octets))
                self.assertNotEqual(peer.status, 500, bytes(octets))

    def test_nothing(self):
        """A client that connects and leaves has no answer."""
        with self.aftermath("FIN") as factory:
            peer = self.connect(factory, b"")
            peer.finish()
            self.assertTrue(peer.isDisconnected)
            self.assertEqual(peer.status, 0)
        with self.aftermath("RST") as factory:
            peer = self.connect(factory, b"")
            peer.vanish()
            self.assertEqual(peer.status, 0)
        with self.aftermath("FIN in the head") as factory:
            peer = self.connect(factory, request()[:-2])
            peer.finish()
            self.assertTrue(peer.isDisconnected)
            self.assertEqual(peer.status, 0)


class SubprotocolTests(HostileCase):
    """What is offered, and what is chosen."""

    def test_malformed(self):
        """H65-H67: an offer that is no list of different tokens is refused."""
        for row, value in SUBPROTOCOLS:
            with self.aftermath(f"{row} {value!r}", subprotocols=["chat"]) as factory:
                octets = request(b"Sec-WebSocket-Protocol: " + value)
                self.assertRefused(factory, octets, 400)

    def test_twoLines(self):
        """H67: an offer may stand in two lines, but not twice."""
        with self.aftermath("H67 two lines", subprotocols=["chat"]) as factory:
            other = b"Sec-WebSocket-Protocol: other"
            chat = b"Sec-WebSocket-Protocol: chat"
            peer = self.connect(factory, request(other, chat))
            self.assertEqual(peer.headers.all("sec-websocket-protocol"), [b"chat"])
            self.assertRefused(factory, request(chat, chat), 400)

    def test_noneInCommon(self):
        """H68: without one in common, none is named; case counts."""
        for row, offer in (("H68", b"other"), ("H68 case", b"CHAT")):
            with self.aftermath(row, subprotocols=["chat"]) as factory:
                octets = request(b"Sec-WebSocket-Protocol: " + offer)
                peer = self.connect(factory, octets)
                self.assertEqual(peer.status, 101)
                self.assertNotIn("sec-websocket-protocol", peer.headers)
                self.assertIsNone(peer.agent.subprotocol)

    def test_demanded(self):
        """H68: where every class has its subprotocol, one of them is needed."""
        fresh = request(b"Sec-WebSocket-Protocol: chat")
        with self.aftermath("H68", None, {"chat": Echo}, fresh) as factory:
            octets = request(b"Sec-WebSocket-Protocol: other")
            self.assertRefused(factory, octets, 400)
            self.assertRefused(factory, request(), 400)

    def test_chosen(self):
        """H68: what is chosen was offered, in the server's order."""
        with self.aftermath("H68", subprotocols=["b", "a"]) as factory:
            octets = request(b"Sec-WebSocket-Protocol: c, a, b")
            peer = self.connect(factory, octets)
            self.assertEqual(peer.headers.all("sec-websocket-protocol"), [b"b"])


class LeakTests(HostileCase):
    """What many failures cost."""

    def test_manyFailures(self):
        """H-leak: 2,000 failed handshakes of all kinds leave no memory behind."""
        kinds = [octets for _, octets in (*BAD_HEADS, *HOSTS, *KEYS, *VERSIONS)]
        kinds += [request(start=start) for _, start, _ in START_LINES]
        kinds += [request(lines) for lines in BODIES]
        kinds = [octets[:size] for octets in kinds for size in (len(octets), 100)]

        def fail(octets):
            peer = self.connect(factory, octets)
            if not peer.isDisconnected:
                peer.vanish()
            self._peers.clear()

        with self.aftermath("H-leak") as factory:
            for octets in kinds:
                fail(octets)
            with tracedMemory() as memory:
                for number in range(2000):
                    fail(kinds[number % len(kinds)])
                gc.collect()
                # Where events are kept, as by pytest, this is they.
                self.assertLess(memory.now(), MEBIBYTE)


class InjectionTests(HostileCase):
    """Text that would become a field, or a frame, of its own."""

    def test_application(self):
        """A1: an application cannot write another field by way of a value."""
        for text in ("a\r\nX: y", "a\nX: y", "a\rb", "a\0", "\u20ac"):
            for row, make in (
                ("A1 value", partial(Accept, headers=(("A", text),))),
                ("A1 name", partial(Accept, headers=((text, "a"),))),
                ("A1 subprotocol", partial(Accept, text)),
                ("A1 refusal value", partial(RequestRejected, 403, [("A", text)])),
                ("A1 refusal name", partial(RequestRejected, 403, [(text, "a")])),
                (
                    "A1 Location",
                    partial(RequestRejected, 302, [("Location", "/" + text)]),
                ),
            ):
                self.assertUnanswered(f"{row} {text!r}", make)

    def test_ownFields(self):
        """A1: an application cannot write the handshake's own fields."""
        for name in ("Connection", "Content-Length", "Sec-WebSocket-Accept"):
            make = partial(Accept, headers=((name, "a"),))
            self.assertUnanswered(f"A1 {name}", make)

    def test_status(self):
        """A1: an application cannot refuse with what is no status."""
        for status in (0, 99, 101, 199, 600, 1000):
            self.assertUnanswered(f"A1 {status}", partial(RequestRejected, status))

    def assertUnanswered(self, row, make):
        """Demand a 500, and an error in the log, in place of an answer."""
        with self.aftermath(row, deciding(make)) as factory:
            self.assertRefused(factory, request(), 500, b"")
            self.assertLogged(ValueError, 3)

    def test_client(self):
        """A1: neither can a client's request be told to."""
        for text in ("a\r\nX: y", "a\nb", "a\rb", "a\0", "\u20ac", "a b"):
            for arguments in (
                ("localhost", "/" + text, NONCE),
                (text, "/", NONCE),
                ("localhost", "/", NONCE, (text,)),
                ("localhost", "/", NONCE, (), ((text, "a"),)),
            ):
                with self.assertRaises(ValueError, msg=repr(arguments)):
                    renderRequest(*arguments)
            if text != "a b":
                with self.assertRaises(ValueError, msg=text):
                    renderRequest("localhost", "/", NONCE, (), (("A", text),))

    def test_factory(self):
        """A1: nor can a factory's subprotocols."""
        for name in ("a\r\nX: y", "a\0", "\u20ac", "", "a b", "a,b"):
            with self.assertRaises(ValueError, msg=name):
                WebSocketServerFactory(WebSocketProtocol, [name])

    def test_badArguments(self):
        """A1, A3: what cannot be sent is an error before an octet is written."""
        with self.aftermath("A1, A3") as factory:
            peer = self.connect(factory)
            agent = peer.agent
            for error, call, *arguments in (
                (ValueError, agent.loseConnection, 1000, "x" * 124),
                (ValueError, agent.loseConnection, 1000, "\u20ac" * 41 + "x"),
                (ValueError, agent.loseConnection, 1000, "\ud800"),
                (ValueError, agent.loseConnection, 1005, ""),
                (ValueError, agent.loseConnection, 0, ""),
                (ValueError, agent.loseConnection, -1, ""),
                (ValueError, agent.loseConnection, 65536, ""),
                (TypeError, agent.loseConnection, 1000, memoryview(b"a")),
                (TypeError, agent.loseConnection, 1000, b"a"),
                (TypeError, agent.loseConnection, 1000, 7),
                (TypeError, agent.loseConnection, "1000", ""),
                (TypeError, agent.ping, 50),
                (TypeError, agent.ping, "a"),
                (ValueError, agent.ping, b"x" * 126),
                (TypeError, agent.sendTextMessage, b"a"),
                (TypeError, agent.sendTextMessage, None),
                (ValueError, agent.sendTextMessage, "\ud800"),
                (TypeError, agent.sendBytesMessage, "a"),
                (TypeError, agent.sendBytesMessage, 50),
                (TypeError, agent.sendFragment, 50),
            ):
                with self.assertRaises(error, msg=f"{call.__name__}{arguments}"):
                    call(*arguments)
                self.assertEqual(peer.octets, b"", arguments)
            agent.sendTextMessage("good")
            self.assertEchoes(peer, "good")
            del agent, call

    def test_log(self):
        """A4: what a peer writes cannot end a line of the log, or colour it."""
        reason = "\x1b[31m\n\r\x85\u2028\x7fend"
        with self.aftermath("A4") as factory, capturedLogs() as events:
            peer = self.connect(factory)
            payload = (1000).to_bytes(2, "big") + reason.encode()
            peer.sendOctets(frame(8, payload, key=KEY))
            self.assertTrue(peer.isDisconnected)
            for octets in (
                replaced(b"Origin: \x1b[31m"),
                replaced(b"Origin: http://[x]y:\tevil"),
                request(start=b"GET /\x1b[31m HTTP/1.1"),
                replaced(b"Host: \x1b[31m"),
                request(b"User-Agent: \x9b31m\x85"),
            ):
                self.connect(factory, octets)
        lines = [formatEvent(event) for event in events]
        self.assertTrue(any("end" in line for line in lines))
        for line in lines:
            self.assertTrue(line.isprintable(), repr(line))
