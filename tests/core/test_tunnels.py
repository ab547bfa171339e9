"""What is said to proxies."""

from base64 import b64encode

from twisted.trial.unittest import SynchronousTestCase

from wsagent.core.errors import ProxyRefused
from wsagent.core.tunnels import CONNECT, HEAD_LIMIT, SOCKS5

from .notation import allCuts, row

ASKED = b"\5\1\0\3\1h\0\x50"
BOUND = b"\1\x7f\0\0\1\0\x50"


class CONNECTTests(SynchronousTestCase):
    """Tests for L{CONNECT}."""

    def test_request(self):
        """The proxy is asked for host and port, with user and password."""
        for host, authority in (("h", b"h:80"), ("::1", b"[::1]:80")):
            expected = b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n" % (authority, authority)
            self.assertEqual(CONNECT(host, 80, None).begin(), expected + b"\r\n")
            credentials = b"Basic " + b64encode(b"a:b")
            self.assertEqual(
                CONNECT(host, 80, ("a", "b")).begin(),
                expected + b"Proxy-Authorization: " + credentials + b"\r\n\r\n",
            )

    def test_notSendable(self):
        """A host that would end the line is refused."""
        for host in ("a b", "a\r\nb", "\xe9"):
            with row(host):
                self.assertRaises(ValueError, CONNECT, host, 80, None)

    def test_answer(self):
        """A status of 200 to 299, of HTTP/1.0 or 1.1, is a way."""
        for start in (b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 299 "):
            for cut, parts in allCuts(start + b"\r\nA: b\r\n\r\n"):
                with row((start, cut)):
                    proxy = CONNECT("h", 80, None)
                    answers = [proxy.feed(part) for part in parts if part]
                    self.assertEqual(answers.pop(), (b"", b""))
                    self.assertEqual(set(answers) - {(b"", None)}, set())
        found = CONNECT("h", 80, None).feed(b"HTTP/1.1 200 OK\r\n\r\nrest")
        self.assertEqual(found, (b"", b"rest"))

    def test_refused(self):
        """Any other status, and what is no answer, is no way."""
        for octets, status in (
            (b"HTTP/1.1 407 Who?\r\n\r\n", 407),
            (b"HTTP/1.0 503 No\r\n\r\n", 503),
            (b"HTTP/1.1 100 Wait\r\n\r\n", 100),
            (b"\x16\3\1", None),
            (b"HTTP/2.0 200 OK\r\n", None),
            (b"HTTP/1.1 200 " + b"x" * HEAD_LIMIT, None),
        ):
            with row(octets[:30]):
                error = self.assertRaises(
                    ProxyRefused, CONNECT("h", 80, None).feed, octets
                )
                self.assertEqual(error.status, status)


class SOCKS5Tests(SynchronousTestCase):
    """Tests for L{SOCKS5}."""

    def test_plain(self):
        """Without credentials, only the way without is offered."""
        for cut, parts in allCuts(b"\5\0\5\0\0" + BOUND + b"rest"):
            with row(cut):
                proxy = SOCKS5("h", 80, None)
                self.assertEqual(proxy.begin(), b"\5\1\0")
                said, rest = b"", None
                for part in parts:
                    if rest is not None:
                        rest += part
                        continue
                    toSay, rest = proxy.feed(part)
                    said += toSay
                self.assertEqual((said, rest), (ASKED, b"rest"))

    def test_credentials(self):
        """User and password are said to a proxy that wants them."""
        proxy = SOCKS5("h", 80, ("ann", "b"))
        self.assertEqual(proxy.begin(), b"\5\2\0\2")
        self.assertEqual(proxy.feed(b"\5\2"), (b"\1\3ann\1b", None))
        self.assertEqual(proxy.feed(b"\1\0"), (ASKED, None))

    def test_unwantedCredentials(self):
        """User and password are not said to a proxy that wants none."""
        proxy = SOCKS5("h", 80, ("ann", "b"))
        proxy.begin()
        self.assertEqual(proxy.feed(b"\5\0"), (ASKED, None))

    def test_addresses(self):
        """Addresses are sent as such, names as names."""
        for host, octets in (
            ("127.0.0.1", b"\1\x7f\0\0\1"),
            ("::1", b"\4" + bytes(15) + b"\1"),
            ("example.com", b"\3\x0bexample.com"),
        ):
            with row(host):
                proxy = SOCKS5(host, 258, None)
                proxy.begin()
                said, _ = proxy.feed(b"\5\0")
                self.assertEqual(said, b"\5\1\0" + octets + b"\1\2")

    def test_boundAddresses(self):
        """The proxy's own address may be of any kind."""
        for bound in (b"\1" + bytes(6), b"\4" + bytes(18), b"\3\2ab\0\0", b"\3\0\0\0"):
            with row(bound):
                proxy = SOCKS5("h", 80, None)
                proxy.begin()
                answer = b"\5\0\5\0\0" + bound
                self.assertEqual(proxy.feed(answer + b"!")[1], b"!")

    def test_refused(self):
        """Any other answer is no way."""
        for octets, why in (
            (b"\5\xff", "method 0xff"),
            (b"\5\1", "method 0x01"),
            (b"\4\0", "method"),
            (b"HT", "method"),
            (b"\5\2\1\1", "user or password refused"),
            (b"\5\0\5\5\0\1\0", "connection refused"),
            (b"\5\0\5\x63\0\1\0", "status 0x63"),
            (b"\5\0\4\0\0\1\0", "status 0x00"),
            (b"\5\0\5\0\0\7\0", "address type 0x07"),
        ):
            with row(octets):
                proxy = SOCKS5("h", 80, ("a", "b"))
                proxy.begin()
                error = self.assertRaises(ProxyRefused, proxy.feed, octets)
                self.assertIn(why, str(error))

    def test_notSendable(self):
        """Names and credentials that are too long, or empty, are refused."""
        for arguments in (
            ("h" * 256, 80, None),
            ("", 80, None),
            ("h", 80, ("a" * 256, "b")),
            ("h", 80, ("a", "")),
        ):
            with row(arguments):
                self.assertRaises(ValueError, SOCKS5, *arguments)
