"""Who says that it is a proxy, and whom it says that it forwards for."""

from twisted.internet.address import IPv4Address
from twisted.logger import capturedLogs, formatEvent

from tests.core.notation import allCuts
from tests.core.test_preface import BAD, binary, line, packed
from wsagent.answering import ServerOpening
from wsagent.demo import Echo
from wsagent.prefacing import PrefacedOpening

from .aftermath import HostileCase
from .octets import request

PEER = IPv4Address("TCP", "192.0.2.1", 54321)
"""Who connects, in memory."""

X_ALL = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")
SPOOFED = (
    ("forwarded", b"Forwarded: for=198.51.100.1;proto=https;host=example.com"),
    ("forwarded, IPv6", b'Forwarded: for="[2001:db8::1]:1";by=unknown'),
    ("forwarded, malformed", b'Forwarded: for="'),
    ("x-forwarded-for", b"X-Forwarded-For: 198.51.100.1"),
    ("x-forwarded-for, ours", b"X-Forwarded-For: 127.0.0.1, ::1"),
    ("x-forwarded-for, malformed", b"X-Forwarded-For: <script>"),
    ("x-forwarded-proto", b"X-Forwarded-Proto: https"),
    ("x-forwarded-proto, malformed", b"X-Forwarded-Proto: gopher"),
    ("x-forwarded-host", b"X-Forwarded-Host: example.com"),
    ("x-forwarded-host, malformed", b"X-Forwarded-Host: a b"),
    ("x-forwarded-port", b"X-Forwarded-Port: 443"),
    ("x-real-ip", b"X-Real-IP: 198.51.100.1"),
    ("cf-connecting-ip", b"CF-Connecting-IP: 198.51.100.1"),
)
"""What a client may write of itself."""


def prefaced(factory, tls=None):
    """Have all connections of a factory begin with a PROXY header."""
    factory.buildProtocol = lambda _address: factory.buildWire(
        PrefacedOpening(ServerOpening(factory), factory.trust, tls)
    )


class SpoofTests(HostileCase):
    """Fields in which a client says that it is somebody else."""

    def assertSeen(self, factory, octets, peer=PEER, isSecure=False, host="localhost"):
        """Demand that a client is let in, and seen as who it is."""
        with capturedLogs() as events:
            client = self.connect(factory, octets)
            self.assertEqual(client.status, 101)
        seen = client.agent.request
        self.assertEqual((seen.peer, seen.isSecure, seen.host), (peer, isSecure, host))
        said = f"{peer.host}:{peer.port}" if peer.port else peer.host
        (connected,) = map(formatEvent, events)
        self.assertTrue(connected.startswith(f"{said} connected, "), connected)

    def test_untrusted(self):
        """From a peer that is not trusted, every field is ignored."""
        for name, field in SPOOFED:
            for trusted in ((), ("127.0.0.0/8", "::1", "unix", "198.51.100.0/24")):
                for fields in (X_ALL, ("forwarded",)):
                    row = f"{name}, trusted {trusted}, {fields}"
                    settings = {"trustedProxies": trusted, "forwardedFields": fields}
                    with self.aftermath(row, **settings) as factory:
                        self.assertSeen(factory, request(field))

    def test_all(self):
        """Nor do they help each other."""
        with self.aftermath("all", trustedProxies=("10.0.0.0/8",)) as factory:
            self.assertSeen(factory, request(*(field for _, field in SPOOFED)))

    def test_beforeProxy(self):
        """What a client has written, and a trusted proxy has added to, is ignored."""
        for name, field in SPOOFED:
            read = ("forwarded",) if name.startswith("forwarded") else X_ALL
            own, added = (
                field,
                (
                    (b"Forwarded: for=203.0.113.7;proto=http;host=h",)
                    if read == ("forwarded",)
                    else (
                        b"X-Forwarded-For: 203.0.113.7",
                        b"X-Forwarded-Proto: http",
                        b"X-Forwarded-Host: h",
                    )
                ),
            )
            settings = {"trustedProxies": ("192.0.2.0/24",), "forwardedFields": read}
            with self.aftermath(name, **settings) as factory:
                self.assertSeen(
                    factory,
                    request(own, *added),
                    IPv4Address("TCP", "203.0.113.7", 0),
                    host="h",
                )

    def test_otherKind(self):
        """Fields that the trusted proxies do not write may be the client's own."""
        trusted = {"trustedProxies": ("192.0.2.1",)}
        for name, field in SPOOFED:
            read = X_ALL if name.startswith("forwarded") else ("forwarded",)
            with self.aftermath(name, forwardedFields=read, **trusted) as factory:
                self.assertSeen(factory, request(field))
        host = request(b"X-Forwarded-Host: example.com")
        with self.aftermath("x-forwarded-host by default", **trusted) as factory:
            self.assertSeen(factory, host)

    def test_malformed(self):
        """A trusted proxy whose field cannot be read gets 400."""
        for name, field in SPOOFED:
            if "malformed" in name:
                read = ("forwarded",) if name.startswith("forwarded") else X_ALL
                settings = {"trustedProxies": ("192.0.2.1",), "forwardedFields": read}
                with self.aftermath(name, **settings) as factory:
                    self.assertRefused(factory, request(field), 400)

    def test_origin(self):
        """A page of others is not let in by a host or a scheme that it has spoofed."""
        page = b"Origin: https://example.com"
        for name, field in SPOOFED:
            for trusted in ((), ("198.51.100.0/24",)):
                with self.aftermath(name, trustedProxies=trusted) as factory:
                    self.assertRefused(factory, request(page, field), 403)


class PrefaceTests(HostileCase):
    """The PROXY header, right and wrong."""

    fresh = line(b"TCP4", (b"203.0.113.9", b"192.0.2.2")) + request()

    def assertCutOff(self, factory, octets):
        """Demand that nothing is said, and that the connection is gone at once."""
        peer = self.connect(factory, octets, answersFin=False)
        self.assertTrue(peer.transport.wasAborted)
        self.assertTrue(peer.isDisconnected)
        self.assertEqual((peer.status, peer.octets), (0, b""))

    def test_bad(self):
        """What is no header is cut off, and nothing of it is logged but a line."""
        for name, octets in BAD:
            with self.aftermath(name, fresh=self.fresh) as factory:
                prefaced(factory)
                with capturedLogs() as events:
                    self.assertCutOff(factory, octets + request())
                (event,) = map(formatEvent, events)
                self.assertRegex(event, r"^192\.0\.2\.1:54321 cut off: [ -~]+$")
                self.assertNotIn("log_failure", events[0])

    def test_badCut(self):
        """However it is cut."""
        for cut, segments in allCuts(b"PROXY TCP4 1.2.3.4 5.6.7.8 x 1\r\n"):
            with self.aftermath(cut, fresh=self.fresh) as factory:
                prefaced(factory)
                peer = self.connect(factory, b"")
                for segment in segments:
                    peer.sendOctets(segment)
                self.assertTrue(peer.transport.wasAborted)

    def test_goodCut(self):
        """A header, a request and a frame arrive whole, however they are cut."""
        header = line(b"TCP4", (b"203.0.113.9", b"192.0.2.2"), (7, 8))
        octets = header + request()
        for cut, segments in allCuts(octets):
            with self.aftermath(cut, fresh=self.fresh) as factory:
                prefaced(factory)
                peer = self.connect(factory, b"")
                for segment in segments:
                    peer.sendOctets(segment)
                seen = peer.agent.request
                self.assertEqual(seen.peer, IPv4Address("TCP", "203.0.113.9", 7))
                self.assertEqual(seen.arrival.proxy, PEER)
                peer.sendTextMessage("x")
                self.assertEchoes(peer, "x")

    def test_slow(self):
        """A header counts to the time for the opening handshake."""
        header = self.fresh
        for name, sent in (
            ("silent", b""),
            ("half a header", header[:9]),
            ("header only", header[: header.index(b"\n") + 1]),
            ("half a request", header[:-1]),
        ):
            with self.aftermath(name, fresh=header, handshakeTimeout=3) as factory:
                prefaced(factory)
                peer = self.connect(factory, b"", answersFin=False)
                for octet in sent[:-1]:
                    peer.sendOctets(bytes((octet,)))
                self.wait(peer, 2.5, 0.5)
                self.assertFalse(peer.isDisconnected)
                peer.sendOctets(sent[-1:])
                self.wait(peer, 0.5, 0.5)
                self.assertTrue(peer.transport.wasAborted)

    def test_gone(self):
        """A proxy that looks whether we are there leaves nothing, and no line."""
        for name, octets in (
            ("nothing", b""),
            ("half", b"PROX"),
            ("UNKNOWN", b"PROXY UNKNOWN\r\n"),
            ("LOCAL", binary(0x00, b"", command=0x20)),
        ):
            with self.aftermath(name, fresh=self.fresh) as factory:
                prefaced(factory)
                with capturedLogs() as events:
                    peer = self.connect(factory, octets)
                    peer.finish()
                    self.assertTrue(peer.isDisconnected)
                self.assertEqual(events, [])

    def test_local(self):
        """What a proxy asks for itself is asked by the proxy."""
        for header in (b"PROXY UNKNOWN\r\n", binary(0x00, b"", command=0x20)):
            with self.aftermath("local", fresh=self.fresh) as factory:
                prefaced(factory)
                peer = self.connect(factory, header + request())
                self.assertEqual(peer.agent.request.peer, PEER)
                self.assertIsNone(peer.agent.request.arrival.proxy)

    def test_tls(self):
        """A proxy that has taken TLS off may say so."""
        more = b"\x20\x00\x05\x01\x00\x00\x00\x00"
        addresses = packed((b"2001:db8::9", b"::1"))
        with self.aftermath("TLS", fresh=self.fresh) as factory:
            prefaced(factory)
            header = binary(0x21, addresses, more)
            seen = self.connect(factory, header + request()).agent.request
            self.assertEqual((seen.peer.host, seen.isSecure), ("2001:db8::9", True))

    def test_untrusted(self):
        """Where proxies are named, nobody else may send a header."""
        trusted = {"trustedProxies": ("127.0.0.1",)}
        with self.aftermath("untrusted", **trusted) as factory:
            own = factory.buildProtocol
            prefaced(factory)
            for octets in (self.fresh, b"", request()):
                self.assertCutOff(factory, octets)
            factory.buildProtocol = own

    def test_trusted(self):
        """Whom a trusted proxy has named may be a proxy that is trusted, too."""
        trusted = {"trustedProxies": ("192.0.2.1", "203.0.113.9")}
        field = b"X-Forwarded-For: 198.51.100.1, 198.51.100.2"
        with self.aftermath("chain", fresh=self.fresh, **trusted) as factory:
            prefaced(factory)
            header = line(b"TCP4", (b"203.0.113.9", b"192.0.2.2"))
            seen = self.connect(factory, header + request(field)).agent.request
            self.assertEqual(seen.peer.host, "198.51.100.2")
            self.assertEqual(seen.arrival.proxy, PEER)
            other = line(b"TCP4", (b"203.0.113.8", b"192.0.2.2"))
            seen = self.connect(factory, other + request(field)).agent.request
            self.assertEqual(seen.peer.host, "203.0.113.8")

    def test_notEnabled(self):
        """Elsewhere, a header is no request."""
        for header in (line(b"TCP4", (b"203.0.113.9", b"192.0.2.2")), binary(0, b"")):
            with self.aftermath("not enabled", Echo) as factory:
                self.assertRefused(factory, header + request(), 400)
