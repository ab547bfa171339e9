"""L{wsagent.forwarding}: who it is that asks, and how the request came."""

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import ISSLTransport
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from wsagent.core.handshake import PLAIN, SECURE, Arrival, Request
from wsagent.core.heads import Headers
from wsagent.demo import Echo
from wsagent.errors import Refusal
from wsagent.forwarding import Trust, arrivalOf
from wsagent.memory import MemoryTransport
from wsagent.settings import Settings
from wsagent.testing import connected, upgradeRequest

PROXY = IPv4Address("TCP", "192.0.2.1", 54321)
"""Who connects, in memory."""

X_ALL = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")


def v4(host, port=0):
    """Make an address."""
    return IPv4Address("TCP", host, port)


class Shown:
    """A certificate as pyOpenSSL has it."""

    def to_cryptography(self):
        """Give another library's."""
        return "shown"


@implementer(ISSLTransport)
class SecureTransport:
    """A transport with TLS."""

    def __init__(self, shown):
        """@param shown: the client's certificate."""
        self.shown = shown

    def getPeerCertificate(self):
        """Give it."""
        return self.shown


class TrustTests(SynchronousTestCase):
    """L{Trust}."""

    def seen(self, *fields, peer=PROXY, networks=("192.0.2.0/24",), read=None):
        """See a request that was forwarded."""
        if read is None:
            isX = not any(name == "forwarded" for name, _ in fields)
            read = X_ALL if isX else ("forwarded",)
        pairs = [("host", b"inner"), *fields]
        request = Request("/", Headers(pairs), peer, PLAIN)
        return Trust(networks, read).seen(request)

    def test_address(self):
        """A trusted proxy says for whom it asks."""
        for field in (
            ("x-forwarded-for", b"203.0.113.7:99"),
            ("forwarded", b'for="203.0.113.7:99"'),
        ):
            request = self.seen(field)
            self.assertEqual(request.peer, v4("203.0.113.7", 99))
            self.assertEqual(request.arrival.proxy, PROXY)
            self.assertEqual(request.host, "inner")
            self.assertFalse(request.isSecure)
        request = self.seen(("x-forwarded-for", b"2001:db8::7"))
        self.assertEqual(request.peer, IPv6Address("TCP", "2001:db8::7", 0))

    def test_all(self):
        """It says the scheme and the host, too."""
        for fields in (
            [
                ("x-forwarded-for", b"203.0.113.7"),
                ("x-forwarded-proto", b"https"),
                ("x-forwarded-host", b"example.com"),
            ],
            [("forwarded", b"for=203.0.113.7;proto=https;host=example.com")],
        ):
            request = self.seen(*fields)
            self.assertEqual(request.peer, v4("203.0.113.7"))
            self.assertEqual(request.arrival, Arrival(True, "example.com", None, PROXY))
            self.assertEqual(request.host, "example.com")
            self.assertTrue(request.isSecure)

    def test_unsaid(self):
        """What a proxy does not say is as it came."""
        request = self.seen(peer=PROXY)
        self.assertEqual((request.peer, request.arrival), (PROXY, PLAIN))
        request = self.seen(("x-forwarded-proto", b"https"))
        self.assertEqual((request.peer, request.isSecure), (PROXY, True))
        trust = Trust(("192.0.2.1",), X_ALL)
        shown = Arrival(isSecure=True, clientCertificate="shown")
        fields = Headers([("x-forwarded-for", b"203.0.113.7")])
        request = trust.seen(Request("/", fields, PROXY, shown))
        self.assertTrue(request.isSecure)
        self.assertEqual(request.clientCertificate, "shown")

    def test_chain(self):
        """Of a chain, all trusted proxies are skipped, and the next is the client."""
        for field in (
            ("x-forwarded-for", b"198.51.100.1, 203.0.113.7, 192.0.2.3, 192.0.2.2"),
            (
                "forwarded",
                (
                    b"for=198.51.100.1, for=203.0.113.7;proto=https, for=192.0.2.3,"
                    b"for=192.0.2.2;proto=http"
                ),
            ),
        ):
            request = self.seen(field)
            self.assertEqual(request.peer, v4("203.0.113.7"))
            self.assertEqual(request.arrival.proxy, PROXY)
            self.assertEqual(request.isSecure, field[0] == "forwarded")

    def test_onlyTrusted(self):
        """In a chain of trusted proxies only, the first is who asks."""
        request = self.seen(("x-forwarded-for", b"192.0.2.3, 192.0.2.2"))
        self.assertEqual(request.peer, v4("192.0.2.3"))

    def test_untrusted(self):
        """What others write is not read at all, right or wrong."""
        for peer in (v4("203.0.113.7", 1), UNIXAddress(None), None):
            for field in (
                ("x-forwarded-for", b"192.0.2.9"),
                ("x-forwarded-for", b"<no address>"),
                ("x-forwarded-proto", b"https"),
                ("x-forwarded-proto", b"gopher"),
                ("x-forwarded-host", b"example.com"),
                ("x-forwarded-host", b"not a host"),
                ("forwarded", b"for=192.0.2.9;proto=https;host=example.com"),
                ("forwarded", b'"'),
            ):
                request = self.seen(field, peer=peer)
                self.assertEqual((request.peer, request.arrival), (peer, PLAIN))
                self.assertEqual(request.host, "inner")

    def test_client(self):
        """What the client has written before the first trusted proxy is not read."""
        for own in (b"192.0.2.9", b"127.0.0.1", b"<script>", b"", b'"'):
            fields = (
                ("x-forwarded-for", own + b", 203.0.113.7"),
                ("x-forwarded-proto", own + b", https"),
                ("x-forwarded-host", own + b", example.com"),
            )
            request = self.seen(*fields)
            self.assertEqual(request.peer, v4("203.0.113.7"))
            self.assertEqual((request.isSecure, request.host), (True, "example.com"))
        request = self.seen(("forwarded", b'"'), ("forwarded", b"for=203.0.113.7"))
        self.assertEqual(request.peer, v4("203.0.113.7"))

    def test_otherFields(self):
        """A field that the proxies do not write may be the client's: it is not read."""
        own = [
            ("x-forwarded-for", b"203.0.113.1"),
            ("x-forwarded-proto", b"https"),
            ("x-forwarded-host", b"spoofed"),
            ("forwarded", b"for=203.0.113.2;proto=https;host=spoofed"),
            ("x-real-ip", b"203.0.113.3"),
            ("x-forwarded-port", b"1"),
        ]
        for read, peer, isSecure, host in (
            (("x-forwarded-for",), v4("203.0.113.1"), False, "inner"),
            (("x-forwarded-proto",), PROXY, True, "inner"),
            (("x-forwarded-host",), PROXY, False, "spoofed"),
            (("forwarded",), v4("203.0.113.2"), True, "spoofed"),
        ):
            request = self.seen(*own, read=read)
            self.assertEqual(
                (request.peer, request.isSecure, request.host), (peer, isSecure, host)
            )

    def test_hidden(self):
        """Behind a proxy that does not tell for whom it asks, it is the proxy."""
        for field in (
            ("x-forwarded-for", b"192.0.2.9, unknown"),
            ("forwarded", b"for=192.0.2.9, for=_hidden;proto=https"),
            ("forwarded", b"for=192.0.2.9, proto=https"),
        ):
            request = self.seen(field)
            self.assertEqual(request.peer, PROXY)
            self.assertEqual(request.isSecure, field[0] == "forwarded")
        request = self.seen(("x-forwarded-for", b"unknown, 192.0.2.2"))
        self.assertEqual(request.peer, v4("192.0.2.2"))

    def test_malformed(self):
        """A trusted proxy that writes what cannot be read is not served."""
        for field in (
            ("x-forwarded-for", b"example.com"),
            ("x-forwarded-for", b"example.com, 192.0.2.2"),
            ("x-forwarded-proto", b"gopher"),
            ("x-forwarded-host", b"not a host"),
            ("forwarded", b"for="),
        ):
            with self.assertRaises(Refusal) as caught:
                self.seen(field)
            self.assertEqual(caught.exception.status, 400)
            self.assertIn("settings.trustedProxies", caught.exception.why)

    def test_networks(self):
        """Networks are of either kind, one address too, and UNIX sockets."""
        field = ("x-forwarded-for", b"203.0.113.7")
        v6 = IPv6Address("TCP", "2001:db8::1", 1)
        mapped = IPv6Address("TCP", "::ffff:192.0.2.1", 1)
        unix = UNIXAddress(None)
        for networks, trusted, others in (
            (("192.0.2.0/24",), (PROXY, mapped), (v6, unix)),
            (("192.0.2.1",), (PROXY, mapped), (v4("192.0.2.2"),)),
            (("2001:db8::/32",), (v6,), (PROXY, mapped, unix)),
            (("unix",), (unix,), (PROXY, v6, None)),
            (("::/0",), (v6,), (PROXY, mapped)),
            (("::1", "unix", "192.0.2.0/31"), (PROXY, unix), (v6,)),
        ):
            for peer in trusted:
                request = self.seen(field, peer=peer, networks=networks)
                self.assertEqual(request.peer, v4("203.0.113.7"), (networks, peer))
            for peer in others:
                request = self.seen(field, peer=peer, networks=networks)
                self.assertIs(request.peer, peer, (networks, peer))


class ArrivalTests(SynchronousTestCase):
    """L{arrivalOf}."""

    def test_plain(self):
        """A transport without TLS has nothing to tell."""
        self.assertIs(arrivalOf(MemoryTransport(None)), PLAIN)
        self.assertFalse(PLAIN.isSecure)
        self.assertTrue(SECURE.isSecure)

    def test_secure(self):
        """One with TLS tells, and so what a client has shown there."""
        self.assertIs(arrivalOf(SecureTransport(None)), SECURE)
        known = Arrival(proxy=PROXY)
        arrival = arrivalOf(SecureTransport(None), known)
        self.assertEqual(arrival, Arrival(True, proxy=PROXY))
        arrival = arrivalOf(SecureTransport(Shown()), known)
        self.assertEqual(arrival, Arrival(True, None, "shown", PROXY))


class ServerTests(SynchronousTestCase):
    """What becomes of it in a server."""

    def connect(self, *fields, trusted=("192.0.2.1",), **settings):
        """Connect a client, and note what is logged."""
        made = Settings(trustedProxies=trusted, **settings)
        with capturedLogs() as events:
            peer = connected(Echo, made, upgradeRequest(headers=fields))
            self.addCleanup(peer.vanish)
            self.agent = peer.agent
            if peer.status == 101:
                peer.loseConnection()
        self.lines = [formatEvent(event) for event in events]
        return peer

    def test_logged(self):
        """The log has the client's address, from the first line to the last."""
        self.connect(("X-Forwarded-For", "203.0.113.7:1234"))
        self.assertEqual(self.agent.request.peer, v4("203.0.113.7", 1234))
        connected, closed = self.lines
        self.assertRegex(connected, r"^203\.0\.113\.7:1234 connected, agent :")
        self.assertRegex(closed, r"^203\.0\.113\.7:1234 closed 1000 by peer, /, ")

    def test_failed(self):
        """So it has when the application fails, to the very end."""

        class Failing(Echo):
            def textMessageReceived(self, message):
                raise ValueError(message)

            def connectionLost(self, reason):
                raise ValueError("lost")

        made = Settings(trustedProxies=("192.0.2.1",))
        request = upgradeRequest(headers=[("X-Forwarded-For", "203.0.113.7")])
        with capturedLogs() as events:
            peer = connected(Failing, made, request)
            peer.sendTextMessage("x")
            self.assertTrue(peer.isDisconnected)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)
        names = [formatEvent(event).split()[:3] for event in events]
        self.assertEqual(names[1], ["agent", "for", "203.0.113.7"])
        self.assertEqual(names[2], ["203.0.113.7", "closed", "1011"])
        self.assertEqual(names[3], ["agent", "for", "203.0.113.7"])

    def test_notLogged(self):
        """Without trust, it has the address of who has connected."""
        self.connect(("X-Forwarded-For", "203.0.113.7:1234"), trusted=())
        self.assertEqual(self.agent.request.peer, PROXY)
        for line in self.lines:
            self.assertRegex(line, r"^192\.0\.2\.1:54321 c")

    def test_refused(self):
        """So it has when a request is refused."""
        fields = [("X-Forwarded-For", "203.0.113.7"), ("Origin", "http://evil")]
        peer = self.connect(*fields)
        self.assertEqual(peer.status, 403)
        self.assertRegex(self.lines[0], r"^203\.0\.113\.7 refused, 403, /: ")

    def test_malformed(self):
        """A proxy that cannot be understood is answered, and named in the log."""
        peer = self.connect(("X-Forwarded-For", "me"))
        self.assertEqual(peer.status, 400)
        self.assertEqual(peer.octets, b"a proxy forwards for what is no address\n")
        self.assertEqual(
            self.lines,
            [
                (
                    "192.0.2.1:54321 refused, 400, /: a proxy forwards for what is no "
                    "address: by 192.0.2.1:54321, of settings.trustedProxies"
                ),
            ],
        )

    def test_origin(self):
        """The host that the proxy was asked for is the one whose pages may connect."""
        fields = [
            ("X-Forwarded-Host", "example.com"),
            ("Origin", "https://example.com"),
        ]
        read = ("x-forwarded-for", "x-forwarded-host")
        peer = self.connect(*fields, forwardedFields=read)
        self.assertEqual(peer.status, 101)
        self.assertEqual(self.connect(*fields).status, 403)
        peer = self.connect(*fields, forwardedFields=read, trusted=())
        self.assertEqual(peer.status, 403)
