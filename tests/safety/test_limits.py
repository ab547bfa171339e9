"""Peers that are too many, come too often, or send too much."""

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.logger import capturedLogs, formatEvent

from tests.core.notation import KEY, frame
from wsagent.testing import Peer

from .aftermath import MEBIBYTE, HostileCase, tracedMemory
from .octets import framesIn, request

EMPTY = frame(1, key=KEY)
"""An empty text message, six octets."""

PONGS = ((0x8A, b""),) * 100
FULL = b"too many connections\n"


class FloodTests(HostileCase):
    """L8: ten thousand a second."""

    def test_messages(self):
        """Of a flood of empty messages as many are taken as may come."""
        for settings in ({"messageRate": 100}, {"octetRate": 600}):
            with self.aftermath(f"L8 {settings}", **settings) as factory:
                flood, other = self.connect(factory), self.connect(factory)
                with tracedMemory() as memory:
                    for number in range(50):
                        flood.sendOctets(EMPTY * 1000)
                        self.wait(other, 0.1, 0.1)
                        flood.pump()
                        if number % 10 == 0:
                            other.sendTextMessage("hello")
                            self.assertEqual(other.received[number // 10 :], ["hello"])
                    unread = flood.transport.unread
                    # The peer has to keep them.
                    self.assertGreater(unread, 250_000)
                    self.assertLess(memory.now() - unread, MEBIBYTE)
                # The last segment may have many, which are paid for later.
                self.assertLess(len(framesIn(flood.octets)), 1200)
                self.assertFalse(flood.isDisconnected)

    def test_strict(self):
        """Told to, it closes whoever sends too many."""
        answers = ((0x81, b""),) * 100
        settings = {"messageRate": 100, "isRateStrict": True}
        with self.aftermath("L8 strict", **settings) as factory:
            self.assertFailed(factory, EMPTY * 10_000, 1008, answers)
            self.assertFailed(factory, frame(9, key=KEY) * 10_000, 1008, PONGS)
        settings = {"octetRate": 1000, "isRateStrict": True}
        with self.aftermath("L8 strict octets", **settings) as factory:
            peer = self.connect(factory, answersFin=False)
            peer.sendOctets(EMPTY * 10_000)
            self.assertEnded(peer, 1008)

    def test_gone(self):
        """Who is gone in the middle of a flood leaves nothing, however it goes."""
        for leave in (Peer.vanish, Peer.finish, Peer.loseConnection):
            row = f"L8 {leave.__name__}"
            with self.aftermath(row, messageRate=10) as factory:
                peer = self.connect(factory)
                peer.sendOctets(EMPTY * 10_000)
                self.wait(peer, 3)
                leave(peer)

    def test_reopened(self):
        """Of those that come again and again, few get in, and others do."""
        with (
            self.aftermath("L8 reopened", handshakeRate=10) as factory,
            capturedLogs() as events,
        ):
            isIn = 0
            for number in range(4000):
                peer = self.comes(factory, "198.51.100.7")
                isIn += peer.status == 101
                self.assertLess(len(factory._wires), 10)
                peer.vanish()
                if number % 10 == 9:
                    factory.reactor.advance(1 / 256)
                if number % 1000 == 0:
                    self.assertEqual(self.comes(factory, "203.0.113.8").status, 101)
            # 400 of these moments, and the burst.
            self.assertIn(isIn, range(25, 27))
            lines = [line for line in map(formatEvent, events) if "refused" in line]
            self.assertLess(len(lines), 6)

    def test_addresses(self):
        """However many addresses one comes from, little is known of them."""
        with self.aftermath("L8 addresses", handshakeRate=0.001) as factory:
            rates = factory.admission._rates
            for number in range(40_000):
                rates.use(f"2001:db8:{number:x}::/64")
            with tracedMemory() as memory:
                for number in range(40_000, 80_000):
                    rates.use(f"2001:db8:{number:x}::/64")
                self.assertLess(memory.now(), 6 * MEBIBYTE)

    def comes(self, factory, host):
        """Connect from an address, and ask."""
        kind = IPv6Address if ":" in host else IPv4Address
        peer = Peer(factory, (), kind("TCP", host, 1234))
        self._peers.append(peer)
        peer.sendOctets(request())
        return peer


class AdmissionTests(HostileCase):
    """L9: connections in all, from one address, and a second."""

    def assertTurnedAway(self, factory, body, wait=b"10"):
        """Demand 503, and that one can come again later."""
        fields = {"retry-after": wait}
        self.assertRefused(factory, request(), 503, body, **fields)

    def test_inAll(self):
        """As many are in as may be; others are told to come again."""
        with self.aftermath("L9 in all", connectionLimit=3) as factory:
            peers = [self.connect(factory) for _ in range(3)]
            self.assertTurnedAway(factory, FULL)
            peers[0].vanish()
            self.assertEqual(self.connect(factory).status, 101)
            self.assertTurnedAway(factory, FULL)

    def test_silent(self):
        """Who holds a place and asks for nothing loses it in time."""
        with self.aftermath("L9 silent", connectionLimit=3) as factory:
            for _ in range(3):
                self.connect(factory, b"GET /", answersFin=False)
            self.assertEqual(self.connect(factory).status, 503)
            factory.reactor.advance(5)
            for peer in self._peers:
                self.assertTrue(peer.isDisconnected)
            self.assertEqual(self.connect(factory).status, 101)

    def test_fromAddress(self):
        """As many are from one address as may be."""
        body = b"too many connections from your address\n"
        with self.aftermath("L9 address", addressLimit=2) as factory:
            for _ in range(2):
                self.connect(factory)
            self.assertTurnedAway(factory, body)

    def test_aSecond(self):
        """As many come a second from one address as may."""
        body = b"too many connections a second from your address\n"
        with self.aftermath("L9 rate", handshakeRate=0.01) as factory:
            self.connect(factory)
            peer = self.connect(factory)
            self.assertEqual((peer.status, peer.octets), (503, body))
            self.assertEqual(peer.headers.all("retry-after"), [b"100"])
            self.assertTrue(peer.isDisconnected)
            factory.reactor.advance(100)

    def test_flood(self):
        """Of many who are refused, few are waited for, and all in time."""
        with self.aftermath("L9 flood", addressLimit=1) as factory:
            self.connect(factory)
            for _ in range(500):
                self.connect(factory, b"", answersFin=False)
            self.assertLessEqual(len(factory._wires), 33)
            factory.reactor.advance(5)
            for peer in self._peers[1:]:
                self.assertTrue(peer.isDisconnected)

    def test_ends(self):
        """However a refused one ends, nobody is counted twice or for ever."""

        def talk(peer):
            peer.sendOctets(request() + EMPTY)
            peer.finish()

        def flood(peer):
            peer.sendOctets(bytes(200_000))
            peer.advance(5)

        with self.aftermath("L9 ends", connectionLimit=1) as factory:
            keeper = self.connect(factory)
            for end in (Peer.vanish, Peer.finish, talk, flood):
                peer = self.connect(factory, b"", answersFin=False)
                self.assertEqual(peer.status, 503)
                end(peer)
                self.assertTrue(peer.isDisconnected)
                self.assertEqual(factory.admission._refused.count, 0)
                self.assertEqual(len(factory._wires), 1)
            self.assertTrue(keeper.agent.isOpen)
