"""Ways through proxies."""

from twisted.internet import protocol
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.testing import MemoryReactorClock
from zope.interface import implementer

from tests.clients import ClientCase, basic
from wsagent import ProxyRefused
from wsagent.proxies import HTTPProxyEndpoint, SOCKSProxyEndpoint, wayThrough

YES = b"HTTP/1.1 200 Yes\r\n\r\n"


class Noting(protocol.Protocol):
    """Notes what it is told, and greets."""

    def __init__(self):
        """Nothing is noted yet."""
        self.calls = []

    def connectionMade(self):
        """Greet."""
        self.transport.write(b"hello")

    def dataReceived(self, data):
        """Note it."""
        self.calls.append(data)

    def connectionLost(self, reason):
        """Note it."""
        self.calls.append(type(reason.value))


@implementer(IHalfCloseableProtocol)
class HalfNoting(Noting):
    """Notes FIN too."""

    def readConnectionLost(self):
        """Note it."""
        self.calls.append("FIN")

    def writeConnectionLost(self):
        """Note it."""
        self.calls.append("our FIN")


class ProxyTests(ClientCase):
    """Tests for the endpoints, each with a proxy by hand."""

    def connect(self, kind=HTTPProxyEndpoint, made=Noting, credentials=None):
        """Connect to a proxy."""
        endpoint = kind(self.net("proxy", 1), "h", 80, credentials)
        factory = protocol.Factory.forProtocol(made)
        connecting = endpoint.connect(factory)
        self.net.attempts.append(connecting)
        return connecting

    def test_http(self):
        """Through an HTTP proxy, octets go both ways."""
        connecting = self.connect(credentials=("a", "b"))
        line = self.net.line
        self.assertEqual(line.request[0], (b"CONNECT", b"h:80"))
        self.assertEqual(line.fields.all("proxy-authorization"), [basic("a:b")])
        line.octets = b""
        self.assertNoResult(connecting)
        line.send(YES + b"early")
        inner = self.successResultOf(connecting)
        line.send(b"late")
        self.assertEqual(inner.calls, [b"early", b"late"])
        self.assertEqual(line.octets, b"hello")
        line.vanish()
        self.assertEqual(inner.calls[2:], [ConnectionLost])

    def test_socks(self):
        """Through a SOCKS5 proxy too."""
        connecting = self.connect(SOCKSProxyEndpoint, credentials=("a", "b"))
        line = self.net.line
        line.send(b"\5\2")
        line.send(b"\1\0")
        line.send(b"\5\0\0\1" + bytes(6) + b"early")
        inner = self.successResultOf(connecting)
        self.assertEqual(inner.calls, [b"early"])
        asked = b"\5\2\0\2" + b"\1\1a\1b" + b"\5\1\0\3\1h\0\x50"
        self.assertEqual(line.octets, asked + b"hello")

    def test_webSocket(self):
        """A client opens through either kind of proxy."""
        for kind, answer in (
            (HTTPProxyEndpoint, YES),
            (SOCKSProxyEndpoint, b"\5\0\5\0\0\1" + bytes(6)),
        ):

            def way(host, port, kind=kind):
                return kind(self.net("proxy", 1), host, port)

            opened = self.net.connect("ws://example.com/", proxy=way)
            self.net.line.send(answer)
            octets = self.net.line.octets
            self.net.line.octets = octets[octets.index(b"GET / ") :]
            self.net.line.accept()
            agent = self.successResultOf(opened)
            self.assertTrue(agent.isOpen)
            self.net.line.finish()
            self.assertEqual(len(agent.lost), 1)

    def test_refused(self):
        """What a proxy says against it is in the error."""
        connecting = self.connect()
        self.net.line.send(b"HTTP/1.1 407 Who?\r\n\r\n" + b"more")
        error = self.assertFails(connecting, ProxyRefused, "status 407")
        self.assertEqual(error.status, 407)
        self.assertTrue(self.net.line.transport.wasAborted)

    def test_lost(self):
        """A proxy that hangs up, or is gone, is no way."""
        connecting = self.connect()
        self.net.line.finish()
        self.assertFails(connecting, ProxyRefused, "the proxy hung up")
        connecting = self.connect()
        self.net.line.vanish()
        self.assertFails(connecting, ProxyRefused, "the proxy hung up")

    def test_notBuilt(self):
        """A factory that fails, or builds nothing, fails the connection."""
        for made, error in ((lambda: 1 / 0, ZeroDivisionError), (None, ProxyRefused)):
            endpoint = HTTPProxyEndpoint(self.net("proxy", 1), "h", 80)
            factory = protocol.Factory()
            factory.buildProtocol = lambda _, made=made: made and made()
            connecting = endpoint.connect(factory)
            self.net.line.send(YES)
            self.assertFails(connecting, error)

    def test_notSendable(self):
        """A host that cannot be named to the proxy fails before it connects."""
        endpoint = SOCKSProxyEndpoint(self.net("proxy", 1), "h" * 256, 80)
        connecting = endpoint.connect(protocol.Factory.forProtocol(Noting))
        self.failureResultOf(connecting, ValueError)
        self.assertEqual(self.net.lines, [])

    def test_cancel(self):
        """A connection that is cancelled leaves nothing behind."""
        connecting = self.connect()
        connecting.cancel()
        self.net.line.send(YES)
        self.assertFails(connecting, CancelledError)

    def test_fin(self):
        """FIN reaches a protocol that knows what it is; others are closed."""
        for made, calls in (
            (Noting, [ConnectionDone]),
            (HalfNoting, ["FIN"]),
        ):
            connecting = self.connect(made=made)
            self.net.line.send(YES)
            inner = self.successResultOf(connecting)
            self.net.line.finish()
            self.assertEqual(inner.calls, calls)

    def test_ourFin(self):
        """The word that our FIN is sent goes the same way."""
        for made, calls in ((Noting, []), (HalfNoting, ["our FIN"])):
            connecting = self.connect(made=made)
            self.net.line.send(YES)
            inner = self.successResultOf(connecting)
            self.net.line.transport.protocol.writeConnectionLost()
            self.assertEqual(inner.calls, calls)


class WayTests(ClientCase):
    """Tests for L{wayThrough}."""

    def test_good(self):
        """Kind, host, port and credentials are the URL's."""
        for url, kind, port, credentials in (
            ("http://127.0.0.1", HTTPProxyEndpoint, 80, None),
            ("http://a%40:b@127.0.0.1:3128", HTTPProxyEndpoint, 3128, ("a@", "b")),
            ("socks5://127.0.0.1", SOCKSProxyEndpoint, 1080, None),
            ("socks5h://a@127.0.0.1:9050/", SOCKSProxyEndpoint, 9050, ("a", "")),
        ):
            reactor = MemoryReactorClock()
            endpoint = wayThrough(reactor, url)("h", 80)
            self.assertIs(type(endpoint), kind)
            self.assertEqual(endpoint._destination, ("h", 80, credentials))
            if credentials != ("a", ""):
                connecting = endpoint.connect(protocol.Factory.forProtocol(Noting))
                reactor.advance(0)
                self.assertEqual(reactor.tcpClients[0][:2], ("127.0.0.1", port))
                connecting.cancel()
                self.failureResultOf(connecting)

    def test_bad(self):
        """What is no proxy's URL is refused, and not shown."""
        for url in (
            "",
            "h:80",
            "ftp://h",
            "https://a:secret@h",
            "http://",
            "http://h:x",
        ):
            error = self.assertRaises(ValueError, wayThrough, None, url)
            self.assertNotIn("secret", str(error))
