"""L{wsagent.prefacing}; more of it is in C{tests/safety/test_proxies.py}."""

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from wsagent.answering import ServerOpening
from wsagent.demo import Echo
from wsagent.memory import MemoryTransport
from wsagent.prefacing import PrefacedOpening
from wsagent.server import WebSocketServerFactory
from wsagent.testing import upgradeRequest

HEADER = b"PROXY TCP4 203.0.113.7 192.0.2.1 5 6\r\n"


class Inner:
    """What a transport hands octets to: TLS, once that has begun."""

    def __init__(self):
        """Nothing has come."""
        self.received = b""

    def dataReceived(self, data):
        """Keep them."""
        self.received += data


class TLSTransport(MemoryTransport):
    """A transport on which TLS can begin."""

    tls = None

    def startTLS(self, tls):
        """Begin."""
        self.tls = tls
        self.protocol = Inner()


class PrefacingTests(SynchronousTestCase):
    """L{PrefacedOpening}."""

    def connect(self, tls=None):
        """Make a connection."""
        factory = WebSocketServerFactory(Echo, reactor=Clock())
        opening = PrefacedOpening(ServerOpening(factory), factory.trust, tls)
        wire = factory.buildWire(opening)
        wire.makeConnection(TLSTransport(wire))
        self.addCleanup(wire.abort)
        return wire

    def test_plain(self):
        """What follows the header is the request."""
        wire = self.connect()
        wire.dataReceived(HEADER + upgradeRequest())
        self.assertIsNotNone(wire.agent)

    def test_secureUNIX(self):
        """A client that has TLS, and no address of TCP, has TLS."""
        wire = self.connect()
        addresses = bytes(216)
        tls = b"\x20\0\x05\x01\0\0\0\0"
        start = b"\r\n\r\n\0\r\nQUIT\n\x21\x31"
        length = (len(addresses) + len(tls)).to_bytes(2, "big")
        wire.dataReceived(start + length + addresses + tls + upgradeRequest())
        self.assertTrue(wire.agent.request.isSecure)
        self.assertEqual(wire.agent.request.peer, wire.transport.getPeer())

    def test_tls(self):
        """What follows the header is TLS, if there is to be any."""
        for rest in (b"", b"hello"):
            wire = self.connect("tls")
            wire.dataReceived(HEADER[:9])
            self.assertIsNone(wire.transport.tls)
            wire.dataReceived(HEADER[9:] + rest)
            self.assertEqual(wire.transport.tls, "tls")
            self.assertEqual(wire.transport.protocol.received, rest)

    def test_stopped(self):
        """Whoever has not asked yet is hung up on when we are leaving."""
        wire = self.connect()
        with capturedLogs() as events:
            wire.close()
        self.assertTrue(wire.transport.wasAborted)
        (line,) = map(formatEvent, events)
        self.assertEqual(line, "192.0.2.1:54321 sent no request in time")
