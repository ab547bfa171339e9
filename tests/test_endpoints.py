"""L{wsagent.endpoints}: where a server listens, by strings."""

import sys
from pathlib import Path

from twisted.internet.address import IPv4Address
from twisted.internet.endpoints import TCP4ServerEndpoint, UNIXServerEndpoint
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.protocol import ServerFactory
from twisted.internet.testing import MemoryReactorClock
from twisted.trial import util
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from wsagent.demo import Echo
from wsagent.endpoints import PrefacedEndpoint, TLSEndpoint, serverFromString
from wsagent.memory import MemoryTransport
from wsagent.server import WebSocketServerFactory
from wsagent.testing import upgradeRequest

from .network.certificates import selfSigned


class EndpointsTests(SynchronousTestCase):
    """L{serverFromString}."""

    suppress = (util.suppress(message="Passing pyOpenSSL"),)

    def setUp(self):
        """Have a reactor in memory, and a factory."""
        self.reactor = MemoryReactorClock()
        self.factory = WebSocketServerFactory(Echo, reactor=self.reactor)

    def certificate(self):
        """Make a certificate, and give the end of an endpoint."""
        self.folder = Path(self.mktemp())
        self.folder.mkdir(parents=True)
        return selfSigned(self.folder)

    def make(self, description):
        """Make an endpoint."""
        endpoint = serverFromString(self.reactor, description)
        verifyObject(IStreamServerEndpoint, endpoint)
        return endpoint

    def test_others(self):
        """Twisted's are Twisted's."""
        self.assertIsInstance(self.make("tcp:8001"), TCP4ServerEndpoint)
        self.assertIsInstance(self.make("unix:/tmp/ws.sock"), UNIXServerEndpoint)

    def test_preface(self):
        """Behind C{haproxy:}, any endpoint's connections begin with a header."""
        for description, servers in (
            ("haproxy:tcp:8001", self.reactor.tcpServers),
            ("haproxy:unix:/tmp/ws.sock", self.reactor.unixServers),
        ):
            endpoint = self.make(description)
            self.assertIsInstance(endpoint, PrefacedEndpoint)
            self.successResultOf(endpoint.listen(self.factory))
            factory = servers[0][1]
            wire = factory.buildProtocol(None)
            wire.makeConnection(MemoryTransport(wire))
            header = b"PROXY TCP4 203.0.113.7 192.0.2.1 5 6\r\n"
            wire.dataReceived(header + upgradeRequest())
            peer = IPv4Address("TCP", "203.0.113.7", 5)
            self.assertEqual(wire.agent.request.peer, peer)
            wire.abort()

    def test_ports(self):
        """The factory knows how many ports it has."""
        self.successResultOf(self.make("haproxy:tcp:8001").listen(self.factory))
        factory = self.reactor.tcpServers[0][1]
        factory.doStart()
        self.assertEqual(self.factory.numPorts, 1)
        factory.doStop()
        self.assertEqual(self.factory.numPorts, 0)

    def test_foreign(self):
        """The header is for factories of ours."""
        with self.assertRaises(TypeError):
            self.make("haproxy:tcp:8001").listen(ServerFactory())

    def test_tls(self):
        """C{ssl:} is as Twisted's, and can be read again."""
        endpoint = self.make(
            f"ssl:443:{self.certificate()}:backlog=9:interface=\\:\\:1"
        )
        self.assertIsInstance(endpoint, TLSEndpoint)
        self.successResultOf(endpoint.listen(self.factory))
        ((port, factory, _, backlog, interface),) = self.reactor.sslServers
        self.assertEqual((port, backlog, interface), (443, 9, "::1"))
        self.assertIs(factory, self.factory)
        before = endpoint._certificates._context
        endpoint.reload()
        self.assertIsNot(endpoint._certificates._context, before)

    def test_tlsBehindPreface(self):
        """C{haproxy:ssl:} listens without TLS, which begins behind the header."""
        endpoint = self.make(f"haproxy:ssl:443:{self.certificate()}")
        self.successResultOf(endpoint.listen(self.factory))
        ((port, factory, backlog, interface),) = self.reactor.tcpServers
        self.assertEqual((port, backlog, interface), (443, 50, ""))
        self.assertIsNot(factory, self.factory)
        endpoint.reload()

    def test_quoted(self):
        """Colons and backslashes are quoted as in all of Twisted's strings."""
        self.certificate()
        odd = self.folder / "a:b=c\\d.pem"
        text = "".join((self.folder / f"{n}.pem").read_text() for n in _NAMES)
        odd.write_text(text)
        name = str(odd).replace("\\", "\\\\").replace(":", "\\:")
        self.make(f"ssl:0:privateKey={name}")

    def test_wrong(self):
        """What is wrong is said in one line."""
        files = self.certificate()
        for description, said in (
            ("haproxy:haproxy:tcp:1", "haproxy: twice, allowed: once"),
            ("haproxy:", "Unknown endpoint type: ''"),
            ("haproxy:nosuch:1", "Unknown endpoint type: 'nosuch'"),
            ("ssl:", "invalid literal for int() with base 10: ''"),
            (f"ssl:x:{files}", "invalid literal for int() with base 10: 'x'"),
            (
                f"ssl:1:{files}:backlog=x",
                "invalid literal for int() with base 10: 'x'",
            ),
            (
                "ssl:1:nosuch=1",
                (
                    "ssl: nosuch, allowed: interface, backlog, privateKey, certKey, "
                    "extraCertChain, dhParameters, clientCA"
                ),
            ),
            ("ssl:1:privateKey=/dev/null", "no certificate in /dev/null"),
        ):
            with self.assertRaises(ValueError, msg=description) as caught:
                serverFromString(self.reactor, description)
            self.assertEqual(str(caught.exception), said)

    def test_noTLS(self):
        """Without pyOpenSSL it is said what to install."""
        names = ("wsagent.certificates", "OpenSSL.crypto")
        before = {name: sys.modules.pop(name) for name in names if name in sys.modules}
        self.addCleanup(sys.modules.update, before)
        self.addCleanup(sys.modules.pop, "OpenSSL.crypto")
        sys.modules["OpenSSL.crypto"] = None
        for description in ("ssl:443", "haproxy:ssl:443"):
            with self.assertRaises(ValueError) as caught:
                serverFromString(self.reactor, description)
            self.assertEqual(
                str(caught.exception),
                "TLS needs pyOpenSSL: pip install 'wsagent[tls]'",
            )


_NAMES = ("key", "certificate")
