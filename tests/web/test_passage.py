"""L{wsagent.web.passage}: a site on a port of ours, and back."""

import gc
from itertools import product

from tests.core.notation import KEY, allCuts, frame, pieces, row
from tests.safety.octets import replaced, request
from tests.safety.test_handshake import BAD_HEADS, START_LINES
from wsagent.answering import ServerOpening
from wsagent.demo import Echo
from wsagent.prefacing import PrefacedOpening
from wsagent.server import WebSocketServerFactory
from wsagent.settings import Settings

from .sites import ECHO, HELLO, UPGRADE, VisitedCase, get, makeSite, never

BODY = b"Content-Length: 5"
OCTETS = (bytes, bytearray)
CHUNKED = b"Transfer-Encoding: chunked"
MEBIBYTE = bytes(1 << 20)
GOOD = {
    "a page": get(),
    "HEAD": get(method=b"HEAD"),
    "nowhere": get(b"/nowhere"),
    "another method": get(method=b"BREW"),
    "a query": get(b"/?a=%20b&a"),
    "a whole URL": get(b"http://localhost/"),
    "an asterisk": get(b"*", b"OPTIONS"),
    "a body": get(b"/", b"POST", BODY) + b"hello",
    "a body in chunks": get(b"/", b"POST", CHUNKED) + b"5\r\nhello\r\n0\r\n\r\n",
    "a body that is asked for": get(b"/", b"POST", BODY, b"Expect: 100-continue"),
    "the last one": get(b"/", b"GET", b"Connection: close") + get(),
    "three in a row": get() + get(b"/metrics", b"HEAD") + get(b"/nowhere"),
    "a body, and one more": get(b"/", b"POST", BODY) + b"hello" + get(),
    "another upgrade": get(b"/", b"GET", b"Upgrade: h2c", b"Connection: Upgrade"),
    "an empty line first": b"\r\n" + get(),
    "a cookie of 9 KiB": get(b"/", b"GET", b"Cookie: a=" + b"b" * 9000),
    "101 fields": get(b"/", b"GET", *[b"A: b"] * 101),
    "a folded line": get(b"/", b"GET", b"A: b", b" c"),
    "octets over 0x7f": get(b"/", b"GET", b"A: \xe9"),
    "HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n",
    "HTTP/1.0, to stay": b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
}
BAD = {
    "two lengths": get(b"/", b"POST", BODY, BODY) + b"hello",
    "length and chunks": get(b"/", b"POST", BODY, CHUNKED) + b"0\r\n\r\n",
    "no length": get(b"/", b"POST", b"Content-Length: -1"),
    "no chunk": get(b"/", b"POST", CHUNKED) + b"zz\r\n",
    "no colon": get(b"/", b"GET", b"A"),
    "no name": get(b"/", b"GET", b": b"),
    "a name with a space": get(b"/", b"GET", b"A b: c"),
    "NUL": get(b"/", b"GET", b"A: b\0"),
    "bare LF": get().replace(b"\r\n", b"\n"),
    "a field of 17 KiB": get(b"/", b"GET", b"A: " + b"b" * 17_000),
    "a target of 17 KiB": get(b"/" + b"a" * 17_000),
    "no version": b"GET /\r\n\r\n",
    "version 3.0": b"GET / HTTP/3.0\r\n\r\n",
    "no line": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    "a space first": b" " + get(),
    "a target with NUL": get(b"/\0"),
    "blank lines": b"\r\n\r\n\r\n",
}
UNANSWERED = {"bare LF", "a field of 17 KiB", "a target of 17 KiB"}
"""What is no line for a site: it waits for more, or hangs up."""


class PassageCase(VisitedCase):
    """A port with a site."""

    def setUp(self):
        """Make a server and its site."""
        super().setUp()
        self.makeFactory()

    def makeFactory(self, application=Echo, **settings):
        """Make another server."""
        self.site = makeSite(self.clock)
        self.front = self.factory = WebSocketServerFactory(
            application,
            settings=Settings(**settings),
            reactor=self.clock,
            site=self.site,
        )
        return self.factory


class SiteTests(PassageCase):
    """What is no request for a WebSocket is answered as by the site alone."""

    def test_same(self):
        """It is answered octet by octet as by a plain site, good or bad."""
        for name, octets in (GOOD | BAD).items():
            plain = self.visit(octets, factory=self.site)
            ours = self.visit(octets)
            with row(name):
                self.assertEqual(ours.octets, plain.octets)
                self.assertEqual(ours.isGone, plain.isGone)
                self.assertEqual(plain.octets == b"", name in UNANSWERED)

    def test_pieces(self):
        """It is, too, when it comes octet by octet."""
        for name, octets in GOOD.items():
            if len(octets) > 1000:
                continue
            ours = self.visit(*pieces(octets, 1))
            with row(name):
                self.assertEqual(
                    ours.octets, self.visit(octets, factory=self.site).octets
                )

    def test_keepsNothing(self):
        """What came is the site's: a connection that stays does not keep it here."""
        self.visit(get(b"/", b"GET", b"Cookie: a=" + b"b" * 4000))
        self.visit(get(b"/", b"GET", b"Cookie: a=" + b"b" * 9000))
        every = [each for each in gc.get_objects() if type(each) is ServerOpening]
        openings = [each for each in every if each._factory is self.factory]
        self.assertEqual(len(openings), len(self.factory.wires))
        for opening in openings:
            kept = [each for each in vars(opening).values() if isinstance(each, OCTETS)]
            self.assertEqual(b"".join(kept), b"")
            self.assertIsNone(opening._reader)

    def test_mebibyte(self):
        """A body of a mebibyte is read, and given back."""
        length = b"Content-Length: %d" % len(MEBIBYTE)
        head = get(b"/", b"POST", length)
        for segments in ([head + MEBIBYTE], [head, *pieces(MEBIBYTE, 65_536)]):
            ours = self.visit(*segments)
            self.assertTrue(ours.octets.endswith(b"\r\n\r\n" + MEBIBYTE))
            ours.send(get())
            self.assertIn(b"GET / ", ours.octets[len(MEBIBYTE) :])

    def test_stays(self):
        """The connection stays, and one is answered after the other."""
        ours = self.visit(get())
        for target in (b"/metrics", b"/", b"/metrics"):
            ours.take()
            ours.send(get(target))
            self.assertIn(b"GET %b " % target, ours.take())
        self.assertFalse(ours.isGone)

    def test_later(self):
        """A response may come later, and before the next."""
        ours = self.visit(get(b"/slow") + get())
        self.assertEqual(ours.octets, b"")
        self.site.slow.answer()
        self.assertRegex(ours.octets, b"(?s)at last.*GET / ")

    def test_leaves(self):
        """A resource hears of a client that has left."""
        self.visit(get(b"/slow")).vanish()
        self.assertEqual(len(self.site.slow.left), 1)

    def test_halfClosed(self):
        """Who has sent FIN gets what is answered, and nothing else."""
        ours = self.visit(get())
        ours.transport.finish()
        self.assertTrue(ours.isGone)
        self.assertFalse(ours.transport.wasAborted)
        late = self.visit(get(b"/slow"))
        late.transport.finish()
        self.assertTrue(late.isGone)
        self.assertEqual(len(self.site.slow.left), 1)

    def test_halfClosedWhileSending(self):
        """What is answered is sent to its end, however slowly it is read."""
        ours = self.visit()
        ours.transport.peerReads = False
        ours.send(get(b"/", b"POST", b"Content-Length: %d" % len(MEBIBYTE)) + MEBIBYTE)
        ours.transport.protocol.readConnectionLost()
        self.assertFalse(ours.isGone)
        ours.transport.peerReads = True
        self.assertTrue(ours.isGone)
        self.assertTrue(ours.octets.endswith(MEBIBYTE))

    def test_fails(self):
        """An error in a resource is the site's matter."""
        ours = self.visit(get(b"/failing"))
        self.assertIn(b"HTTP/1.1 500 ", ours.octets)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        ours.take()
        ours.send(get())
        self.assertIn(b"GET / ", ours.octets)

    def test_timeouts(self):
        """Until it is whole, ours is the deadline; then the site's."""
        slow = self.visit(get()[:-1])
        ours = self.visit(get())
        self.clock.advance(self.factory.settings.handshakeTimeout)
        self.assertTrue(slow.isGone)
        self.assertFalse(ours.isGone)
        self.clock.advance(self.site.timeOut)
        self.assertTrue(ours.isGone)

    def test_statistics(self):
        """It is no handshake, and nobody has closed."""
        self.visit(get()).vanish()
        self.assertEqual(sum(self.factory.statistics.handshakes.values()), 0)
        self.assertEqual(sum(self.factory.statistics.closes.values()), 0)

    def test_counted(self):
        """It is a connection as any other, that the limits count."""
        self.makeFactory(connectionLimit=1)
        first = self.visit(get())
        for octets in (get(), UPGRADE):
            self.assertIn(b"HTTP/1.1 503 ", self.visit(octets).octets)
        first.vanish()
        self.assertIn(b"GET / ", self.visit(get()).octets)

    def test_noRoom(self):
        """A site that takes nobody has nobody."""
        self.site.buildProtocol = lambda _: None
        self.assertTrue(self.visit(get(), get()).isGone)

    def test_ownRequests(self):
        """A site may make its requests as it likes."""
        made = []
        own = self.site.requestFactory

        def make(channel, queued):
            made.append(queued)
            return own(channel)

        self.site.requestFactory = make
        self.assertIn(b"GET / ", self.visit(get()).octets)
        self.assertEqual(made, [0])

    def test_started(self):
        """A site begins and ends with the server."""
        for started in (1, 2):
            self.factory.doStart()
            self.assertEqual((started, self.site.numPorts), (started, 1))
        self.factory.doStop()
        self.assertEqual(self.site.numPorts, 1)
        self.factory.doStop()
        self.assertEqual(self.site.numPorts, 0)


class UpgradeTests(PassageCase):
    """A request for a WebSocket is ours, whatever was before it."""

    def test_first(self):
        """As the first, it does not come to the site."""
        self.assertEchoes(self.visit(UPGRADE))

    def test_afterwards(self):
        """It may come in a connection that was the site's, for good."""
        self.makeFactory(pingInterval=None)
        ours = self.visit(get())
        ours.send(get(b"/metrics"))
        ours.take()
        ours.send(UPGRADE)
        self.assertEchoes(ours)
        self.clock.advance(self.site.timeOut)
        ours.send(HELLO)
        self.assertEqual(ours.take(), ECHO)

    def test_cuts(self):
        """However the octets are cut, the same comes of them."""
        octets = get() + get(b"/", b"POST", BODY) + b"hello" + UPGRADE + HELLO
        wanted = self.visit(octets).octets
        self.assertTrue(wanted.endswith(b"\r\n\r\n" + ECHO), wanted)
        self.assertEqual(wanted.count(b"HTTP/1.1 "), 3)
        for name, segments in allCuts(octets):
            with row(name):
                self.assertEqual(self.visit(*segments).octets, wanted)

    def test_waits(self):
        """It waits for the responses before it, and so does what follows it."""
        for name, segments in allCuts(get(b"/slow") + UPGRADE + HELLO + HELLO):
            ours = self.visit(*segments)
            with row(name):
                self.assertEqual(ours.octets, b"")
                self.site.slow.answer()
                self.assertTrue(ours.octets.endswith(b"\r\n\r\n" + ECHO + ECHO))

    def test_waitsWithMuch(self):
        """What follows it may be more than the site is willing to keep."""
        data = frame(2, bytes(100_000), key=KEY)
        ours = self.visit(get(b"/slow"), UPGRADE, *pieces(data, 5000))
        self.assertFalse(ours.transport.isReading)
        self.site.slow.answer()
        self.assertTrue(ours.octets.endswith(frame(2, bytes(100_000))))

    def test_slowReader(self):
        """It is answered, too, when the responses before it are still on their way."""
        ours = self.visit()
        ours.transport.peerReads = False
        length = b"Content-Length: %d" % len(MEBIBYTE)
        ours.send(get(b"/", b"POST", length) + MEBIBYTE + UPGRADE, HELLO)
        ours.transport.peerReads = True
        self.assertTrue(ours.octets.endswith(b"\r\n\r\n" + ECHO), ours.octets[-99:])

    def test_wrong(self):
        """A wrong one is refused as it is without a site."""
        for name, octets in {
            "no key": request(without="sec-websocket-key"),
            "no version": request(without="sec-websocket-version"),
            "another version": replaced(b"Sec-WebSocket-Version: 8"),
            "only a key": request(without="upgrade connection sec-websocket-version"),
            "another upgrade": replaced(b"Upgrade: h2c"),
            "no host": request(without="host"),
            "POST": request(start=b"POST /chat HTTP/1.1"),
            "a body": request(BODY) + b"hello",
            "a body in chunks": request(CHUNKED) + b"0\r\n\r\n",
            "octets over 0x7f": request(b"Sec-WebSocket-Protocol: caf\xe9"),
            "an origin": request(b"Origin: http://elsewhere"),
        }.items():
            alone = WebSocketServerFactory(Echo, reactor=self.clock)
            wanted = self.visit(octets, factory=alone).octets
            with row(name):
                self.assertRegex(wanted, b"HTTP/1.1 4.. ")
                self.assertEqual(self.visit(octets).octets, wanted)
                ours = self.visit(get())
                ours.take()
                ours.send(octets)
                self.assertEqual(ours.octets, wanted)

    def test_bad(self):
        """A site's patience gets nobody a WebSocket: the head is read by us."""
        lines = [(name, request(start=line)) for name, line, _ in START_LINES]
        for (name, octets), size in product([*BAD_HEADS, *lines], (1, 9999)):
            with row(name):
                found = self.visit(*pieces(octets, size)).octets
                # The site reads on where there is no line's end.
                self.assertRegex(found or b"HTTP/1.1 400 ", b"^HTTP/1.1 [45]0. ")
                self.assertNotIn(b"HTTP/1.1 101 ", found)

    def test_unsendable(self):
        """What the site reads and cannot be a head for us is refused."""
        ours = self.visit(get())
        ours.take()
        ours.send(request(b"A: \x01"))
        self.assertIn(b"HTTP/1.1 400 ", ours.octets)
        self.assertIn(b"Connection: close\r\n", ours.octets)

    def test_tooBig(self):
        """The limit of the head is ours, too, when the site had the connection."""
        octets = request(b"Cookie: a=" + b"b" * 9000)
        for before in (b"", get()):
            self.assertIn(b"HTTP/1.1 431 ", self.visit(before, octets).octets)

    def test_deadline(self):
        """It has to be decided in time, counted from when it came."""
        self.makeFactory(type("Never", (Echo,), {"requestReceived": never}))
        ours = self.visit(get())
        self.clock.advance(7)
        ours.take()
        ours.send(UPGRADE)
        self.clock.advance(self.factory.settings.handshakeTimeout - 1)
        self.assertEqual(ours.octets, b"")
        self.clock.advance(1)
        self.assertIn(b"HTTP/1.1 503 ", ours.octets)

    def test_statistics(self):
        """It is one handshake and one close."""
        ours = self.visit(get())
        ours.send(UPGRADE, frame(8, b"\x03\xe8", key=KEY))
        ours.vanish()
        self.assertEqual(self.factory.statistics.handshakes["101"], 1)
        self.assertEqual(self.factory.statistics.closes[1000], 1)


class ProxyTests(PassageCase):
    """A site sees who it is that a proxy speaks for."""

    def visitBy(self, header, *segments):
        """Come from a proxy that says so in a PROXY header."""

        def build(_):
            opening = ServerOpening(self.factory, isDirect=False)
            return self.factory.buildWire(
                PrefacedOpening(opening, self.factory.trust, None)
            )

        maker = type("Maker", (), {"buildProtocol": staticmethod(build)})
        return self.visit(header, *segments, factory=maker)

    def test_address(self):
        """It sees the client's address, in each request."""
        ours = self.visitBy(
            b"PROXY TCP4 203.0.113.7 192.0.2.1 5 6\r\n", get(), get(b"/metrics")
        )
        self.assertEqual(ours.octets.count(b"'203.0.113.7', port=5"), 2)
        self.assertEqual(ours.octets.count(b" openly"), 2)
        ours.send(UPGRADE)
        (wire,) = self.factory.wires
        self.assertEqual(wire.agent.request.peer.host, "203.0.113.7")

    def test_unknown(self):
        """Of a proxy that speaks for itself, it sees that."""
        ours = self.visitBy(b"PROXY UNKNOWN\r\n", get())
        self.assertIn(b"'192.0.2.1'", ours.octets)

    def test_secure(self):
        """It sees that the client's connection is TLS."""
        header = (
            b"\r\n\r\n\0\r\nQUIT\n!\x11\0\x14"
            + bytes([203, 0, 113, 7, 192, 0, 2, 1, 0, 5, 0, 6])
            + b"\x20\0\x05\x01\0\0\0\0"
        )
        self.assertIn(b" securely", self.visitBy(header, get()).octets)


class DrainTests(PassageCase):
    """When all are to end, so do the site's connections."""

    def test_idle(self):
        """Who waits for nothing is gone at once."""
        ours = self.visit(get())
        finished = self.factory.drain()
        self.assertTrue(ours.isGone)
        self.successResultOf(finished)

    def test_unfinished(self):
        """So is who has not sent a whole request line."""
        self.visit(get(), b"GET")
        finished = self.factory.drain()
        self.visitors[0].pump()
        self.successResultOf(finished)

    def test_busy(self):
        """Who waits for a response gets it, with the word that it is the last."""
        ours = self.visit(get(b"/slow") + get())
        finished = self.factory.drain()
        self.assertFalse(ours.isGone)
        self.site.slow.answer()
        self.assertTrue(ours.isGone)
        self.assertIn(b"Connection: close\r\n", ours.octets)
        self.assertEqual(ours.octets.count(b"HTTP/1.1 "), 1)
        self.successResultOf(finished)

    def test_coming(self):
        """Who is still sending a request may end it."""
        octets = get(b"/", b"POST", BODY) + b"hello"
        start = octets.index(b"\r\n") + 2
        for position in range(start, len(octets)):
            ours = self.visit(get(), octets[:position])
            ours.take()
            finished = self.factory.drain()
            ours.send(octets[position:])
            with row(position):
                self.assertTrue(ours.octets.endswith(b"\r\n\r\nhello"))
                self.assertIn(b"Connection: close\r\n", ours.octets)
                self.assertTrue(ours.isGone)
            self.successResultOf(finished)

    def test_later(self):
        """Who comes when all are gone, and the port is still there, is served."""
        self.successResultOf(self.factory.drain())
        self.assertEchoes(self.visit(UPGRADE))
        ours = self.visit(get())
        ours.take()
        ours.send(UPGRADE)
        self.assertEchoes(ours)

    def test_upgrade(self):
        """A WebSocket is not opened any more."""
        ours = self.visit(get(), UPGRADE[:-1])
        ours.take()
        finished = self.factory.drain()
        ours.send(UPGRADE[-1:])
        self.assertIn(b"HTTP/1.1 503 ", ours.octets)
        ours.transport.finish()
        ours.pump()
        self.successResultOf(finished)

    def test_deadline(self):
        """Who gets no response in time is aborted, and the resource hears of it."""
        ours = self.visit(get(b"/slow"))
        finished = self.factory.drain()
        self.clock.advance(self.factory.settings.drainTimeout)
        self.assertTrue(ours.isGone)
        self.assertEqual(len(self.site.slow.left), 1)
        self.successResultOf(finished)
