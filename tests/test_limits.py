"""L{wsagent.limits}: how many may be in, and how often one may come."""

import gc

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.protocols.haproxy._wrapper import HAProxyWrappingFactory
from twisted.trial.unittest import SynchronousTestCase

from tests.core.notation import KEY, frame
from wsagent import limits
from wsagent.demo import Echo
from wsagent.errors import RequestRejected
from wsagent.limits import AddressRates, Admission
from wsagent.memory import MemoryTransport
from wsagent.protocol import WebSocketProtocol
from wsagent.server import WebSocketServerFactory
from wsagent.settings import Settings
from wsagent.testing import Peer, upgradeRequest
from wsagent.timing import Wheel

from .safety.octets import request


def address(host, port=1234):
    """Make an address."""
    kind = IPv6Address if ":" in host else IPv4Address
    return kind("TCP", host, port)


class LimitCase(SynchronousTestCase):
    """A test of who gets in; nobody is counted in the end."""

    def setUp(self):
        """Nobody is here yet."""
        self.clock = Clock()
        self.peers = []

    def make(self, application=Echo, **settings):
        """Make a factory."""
        self.factory = WebSocketServerFactory(
            application, settings=Settings(**settings), reactor=self.clock
        )
        self.addCleanup(self.assertNobody)
        return self.factory

    def connect(self, host="192.0.2.1", octets=None):
        """Connect, and ask."""
        where = address(host) if isinstance(host, str) else host
        peer = Peer(self.factory, (), where)
        peer.answersFin = False
        self.peers.append(peer)
        peer.sendOctets(upgradeRequest() if octets is None else octets)
        return peer

    def assertAdmitted(self, *peers):
        """Demand that these are in."""
        for peer in peers:
            self.assertEqual(peer.status, 101)

    def assertRefused(self, peer, body, wait=10):
        """Demand that one was refused, before it has asked for anything."""
        self.assertEqual(peer.status, 503)
        self.assertEqual(peer.headers.all("retry-after"), [str(wait).encode()])
        self.assertEqual(peer.headers.all("connection"), [b"close"])
        self.assertEqual(peer.octets, body.encode() + b"\n")
        self.assertTrue(peer.transport.hasFinished, "no FIN")

    def assertNobody(self):
        """Have all be gone, and demand that nobody is counted."""
        for peer in self.peers:
            peer.vanish()
        admission = self.factory.admission
        self.assertEqual(self.factory._wires, {})
        self.assertEqual(admission._refused.count, 0)
        self.assertEqual(admission._tallies, {})
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ConnectionLimitTests(LimitCase):
    """C{connectionLimit}."""

    body = "too many connections"

    def test_limit(self):
        """As many as are allowed get in; one more is told when to try again."""
        self.make(connectionLimit=3)
        self.assertAdmitted(*(self.connect(f"192.0.2.{n}") for n in range(3)))
        self.assertRefused(self.connect("192.0.2.9"), self.body)

    def test_beforeRequest(self):
        """It is told at once, not only when it asks."""
        self.make(connectionLimit=1)
        self.assertAdmitted(self.connect())
        self.assertRefused(self.connect(octets=b""), self.body)

    def test_opening(self):
        """Who has not asked yet is counted, too."""
        self.make(connectionLimit=1)
        opening = self.connect(octets=b"")
        self.assertRefused(self.connect(), self.body)
        opening.sendOctets(upgradeRequest())
        self.assertAdmitted(opening)

    def test_again(self):
        """There is room again when one is gone, however that came."""
        for leave in (
            lambda peer: peer.vanish(),
            lambda peer: peer.agent.abortConnection(),
            lambda peer: (peer.loseConnection(), peer.finish()),
        ):
            self.make(connectionLimit=1)
            for _ in range(3):
                peer = self.connect()
                self.assertAdmitted(peer)
                self.assertRefused(self.connect(), self.body)
                leave(peer)
                self.assertTrue(peer.isDisconnected)

    def test_otherRefusals(self):
        """Who is refused for another reason is counted until it is gone."""

        class Never(WebSocketProtocol):
            def requestReceived(self, request):
                raise RequestRejected(403)

        self.make(Never, connectionLimit=1)
        first = self.connect()
        self.assertEqual(first.status, 403)
        self.assertRefused(self.connect(), self.body)
        first.finish()
        self.assertEqual(self.connect().status, 403)

    def test_refusedTakeNoPlace(self):
        """Those that were refused take nobody's place while they are still there."""
        self.make(connectionLimit=1)
        peer = self.connect()
        for _ in range(5):
            self.assertRefused(self.connect(), self.body)
        peer.vanish()
        self.assertAdmitted(self.connect())

    def test_noWord(self):
        """When many have not left who were refused, others are closed at once."""
        self.make(connectionLimit=1000)
        admission = self.factory.admission
        self.patch(admission, "_limit", 1)
        self.connect()
        for _ in range(32):
            self.assertRefused(self.connect(), self.body)
        self.assertRaises(ConnectionRefusedError, self.connect)
        self.assertEqual(len(self.factory._wires), 33)
        self.peers[-1].finish()
        self.assertRefused(self.connect(), self.body)

    def test_fewDescriptors(self):
        """Where few may be in, fewer are told: each takes a descriptor."""
        self.make(connectionLimit=48)
        self.assertAdmitted(*(self.connect() for _ in range(48)))
        for _ in range(12):
            self.assertRefused(self.connect(), self.body)
        self.assertRaises(ConnectionRefusedError, self.connect)

    def test_refusedAreGoneInTime(self):
        """Who was refused and does not leave is aborted; what it sends is dropped."""
        self.make(connectionLimit=1)
        self.connect()
        peer = self.connect()
        peer.sendOctets(upgradeRequest() + frame(1, b"x", key=KEY))
        self.assertRefused(peer, self.body)
        peer.advance(5)
        self.assertTrue(peer.transport.wasAborted)
        self.assertTrue(peer.isDisconnected)

    def test_none(self):
        """Without a limit there is none."""
        self.make(connectionLimit=None)
        self.assertAdmitted(*(self.connect() for _ in range(200)))

    def test_drain(self):
        """Who was refused is waited for when the service stops, but no longer."""
        self.make(connectionLimit=1)
        peer, refused = self.connect(), self.connect()
        drained = self.factory.drain()
        peer.loseConnection()
        peer.finish()
        self.assertNoResult(drained)
        refused.finish()
        self.successResultOf(drained)

    def test_agentsAlone(self):
        """A broadcast goes to those that are in."""
        self.make(connectionLimit=1)
        peer, refused = self.connect(), self.connect()
        done = self.factory.broadcast("hello")
        self.clock.advance(0)
        self.successResultOf(done)
        self.assertEqual(peer.received, ["hello"])
        self.assertRefused(refused, self.body)

    def test_lostInBetween(self):
        """Who never had a transport is not counted."""
        self.make(connectionLimit=1)
        self.factory.buildProtocol(None)
        self.assertAdmitted(self.connect())


class AddressLimitTests(LimitCase):
    """C{addressLimit}."""

    body = "too many connections from your address"

    def test_limit(self):
        """Each address has its own count."""
        self.make(addressLimit=2)
        for host in ("192.0.2.1", "192.0.2.2", "2001:db8::1"):
            self.assertAdmitted(self.connect(host), self.connect(host))
            self.assertRefused(self.connect(host, b""), self.body)

    def test_again(self):
        """There is room again when one is gone, and not before."""
        self.make(addressLimit=1)
        for _ in range(3):
            peer = self.connect()
            self.assertAdmitted(peer)
            refused = self.connect()
            self.assertRefused(refused, self.body)
            refused.finish()
            self.assertRefused(self.connect(), self.body)
            peer.vanish()

    def assertSame(self, one, other, isSame, **settings):
        """Demand that two addresses are as one, or are not."""
        self.make(addressLimit=1, **settings)
        self.assertAdmitted(self.connect(one))
        peer = self.connect(other)
        self.assertEqual(peer.status, 503 if isSame else 101, (one, other))

    def test_networks(self):
        """An IPv6 address is a /64 by default, and each may be any network."""
        self.assertSame("2001:db8::1", "2001:db8::ffff:2", True)
        self.assertSame("2001:db8::1", "2001:db8:0:1::1", False)
        self.assertSame("2001:db8::1", "2001:db8::2", False, ipv6Prefix=128)
        self.assertSame("2001:db8::1", "2001:db8:0:ff::1", True, ipv6Prefix=56)
        self.assertSame("2001:db8::1", "2001:db8:0:100::1", False, ipv6Prefix=56)
        self.assertSame("192.0.2.1", "192.0.2.2", False)
        self.assertSame("192.0.2.1", "192.0.2.200", True, ipv4Prefix=24)
        self.assertSame("192.0.2.1", "192.0.3.1", False, ipv4Prefix=24)

    def test_mapped(self):
        """An IPv4 address is that, on a port for IPv6 too."""
        self.assertSame("::ffff:192.0.2.1", "::ffff:192.0.2.2", False)
        self.assertSame("::ffff:192.0.2.1", "192.0.2.1", True)

    def test_scope(self):
        """The scope of an address does not matter."""
        self.assertSame("fe80::1%eth0", "fe80::2%eth0", True)

    def test_unix(self):
        """UNIX sockets have no address, and no limit."""
        self.make(addressLimit=1, handshakeRate=1)
        self.assertAdmitted(*(self.connect(UNIXAddress(None)) for _ in range(5)))

    def test_noWord(self):
        """When many have not left who were refused, others are aborted."""
        self.make(addressLimit=1)
        self.connect()
        for _ in range(32):
            self.assertRefused(self.connect(), self.body)
        peer = self.connect()
        self.assertTrue(peer.transport.wasAborted)
        self.assertEqual((peer.status, peer.octets), (0, b""))
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(len(self.factory._wires), 33)

    def test_behindProxy(self):
        """Behind a trusted proxy, it is the client's address that is counted."""
        self.make(addressLimit=1, trustedProxies=("10.0.0.0/8",))

        def ask(client, proxy="10.1.2.3"):
            field = ("X-Forwarded-For", client)
            return self.connect(proxy, upgradeRequest(headers=[field]))

        first = ask("203.0.113.1")
        self.assertAdmitted(first, ask("203.0.113.2"), ask("203.0.113.3", "10.9.9.9"))
        self.assertRefused(ask("203.0.113.1", "10.9.9.9"), self.body)
        self.assertRefused(self.connect("203.0.113.1"), self.body)
        first.vanish()
        self.assertAdmitted(self.connect("203.0.113.1"))

    def test_spoofed(self):
        """What anybody else says of its address changes nothing."""
        self.make(addressLimit=1, trustedProxies=("10.0.0.0/8",))
        for status in (101, 503):
            field = ("X-Forwarded-For", "203.0.113.1")
            octets = upgradeRequest(headers=[field])
            self.assertEqual(self.connect("192.0.2.1", octets).status, status)
        self.assertAdmitted(self.connect("203.0.113.1"))

    def test_proxyWithoutRequest(self):
        """A trusted proxy may have many who have not asked yet."""
        self.make(addressLimit=1, trustedProxies=("10.0.0.0/8",))
        peers = [self.connect("10.1.2.3", b"") for _ in range(5)]
        for number, peer in enumerate(peers):
            field = ("X-Forwarded-For", f"203.0.113.{number}")
            peer.sendOctets(upgradeRequest(headers=[field]))
        self.assertAdmitted(*peers)

    def test_haproxy(self):
        """Behind C{haproxy:}, it is the address in the header that is counted."""
        self.make(addressLimit=1)
        wrapping = HAProxyWrappingFactory(self.factory)

        def ask(client):
            protocol = wrapping.buildProtocol(address("10.1.2.3"))
            transport = MemoryTransport(protocol, address("10.1.2.3"))
            protocol.makeConnection(transport)
            self.addCleanup(lambda: transport.lose(ConnectionError()))
            header = f"PROXY TCP4 {client} 10.0.0.1 1234 80\r\n".encode()
            protocol.dataReceived(header + upgradeRequest())
            return int(transport.move().split()[1])

        self.assertEqual([ask("192.0.2.1"), ask("192.0.2.2")], [101, 101])
        self.assertEqual(ask("192.0.2.1"), 503)
        self.assertEqual(self.connect("192.0.2.2").status, 503)
        self.doCleanups()


class HandshakeRateTests(LimitCase):
    """C{handshakeRate}."""

    body = "too many connections a second from your address"

    def test_rate(self):
        """A second's worth may come at once, then each in its time."""
        self.make(handshakeRate=2)
        for host in ("192.0.2.1", "2001:db8::1"):
            self.assertAdmitted(self.connect(host), self.connect(host))
            self.assertRefused(self.connect(host, b""), self.body, 1)
        self.clock.advance(0.5)
        self.assertAdmitted(self.connect())
        self.assertRefused(self.connect(), self.body, 1)
        self.clock.advance(100)
        self.assertAdmitted(self.connect(), self.connect())
        self.assertRefused(self.connect(), self.body, 1)

    def test_slow(self):
        """It may be less than one a second; the answer says when to come again."""
        self.make(handshakeRate=0.1)
        self.assertAdmitted(self.connect())
        self.clock.advance(2.5)
        self.assertRefused(self.connect(), self.body, 8)
        self.clock.advance(7.5)
        self.assertAdmitted(self.connect())

    def test_burst(self):
        """More may come at once if C{rateBurst} says so."""
        self.make(handshakeRate=2, rateBurst=3)
        self.assertAdmitted(*(self.connect() for _ in range(6)))
        self.assertRefused(self.connect(), self.body, 1)

    def test_goneAreCounted(self):
        """It is no use to leave."""
        self.make(handshakeRate=1)
        peer = self.connect()
        self.assertAdmitted(peer)
        peer.vanish()
        self.assertRefused(self.connect(), self.body, 1)

    def test_behindProxy(self):
        """Behind a trusted proxy, it is the client that has to wait."""
        self.make(handshakeRate=1, trustedProxies=("192.0.2.1",))
        for client, status in (("1", 101), ("2", 101), ("1", 503), ("3", 101)):
            field = ("X-Forwarded-For", f"203.0.113.{client}")
            peer = self.connect(octets=upgradeRequest(headers=[field]))
            self.assertEqual(peer.status, status)


class AddressRatesTests(SynchronousTestCase):
    """L{AddressRates}: what is known, and for how long."""

    def make(self, rate=10, burst=1, start=0):
        """Make one with a clock, which tells time since 1970."""
        self.clock = Clock()
        self.clock.advance(1.8e9 + start)
        self.rates = AddressRates(rate, burst, self.clock.seconds)
        return self.rates

    def test_exact(self):
        """It is as many as are allowed, whatever the fractions."""
        for rate in (1, 3, 7, 10, 49, 1000 / 3):
            rates = self.make(rate)
            for _ in range(4):
                allowed = [rates.use("a") for _ in range(int(rate) + 5)].count(0)
                self.assertEqual(allowed, int(rate), rate)
                self.clock.advance(1)

    def test_steady(self):
        """Who keeps to the rate never waits; who does not gets the rate."""
        rates = self.make(10)
        for _ in range(100):
            self.clock.advance(0.1)
            self.assertEqual(rates.use("a"), 0)
        allowed = 0
        for _ in range(10_000):
            self.clock.advance(0.001)
            allowed += rates.use("b") == 0
        self.assertIn(allowed, (109, 110))

    def test_quietVanish(self):
        """Who owes nothing is forgotten when others come."""
        rates = self.make(10, 2)
        for number in range(100):
            rates.use(str(number))
        self.assertEqual(len(rates), 100)
        for _ in range(2):
            self.clock.advance(2)
            rates.use("other")
        self.assertEqual(len(rates), 2)
        self.clock.advance(100)
        rates.use("other")
        self.assertEqual(len(rates), 1)

    def test_notForgotten(self):
        """Who owes is not forgotten, whenever a generation ends."""
        for late in (0, 0.3, 0.9):
            rates = self.make(10, start=late)
            rates.use("other")
            self.clock.advance(0.95)
            self.assertEqual([rates.use("a") for _ in range(10)], [0] * 10)
            for _ in range(9):
                self.clock.advance(0.01)
                self.assertGreater(rates.use("a"), 0)
            self.clock.advance(0.0101)
            self.assertEqual(rates.use("a"), 0)
            self.assertGreater(rates.use("a"), 0)

    def test_bounded(self):
        """However many there are, no more than some are known."""
        self.patch(limits, "_MOST_KNOWN", 100)
        rates = self.make(0.001)
        for number in range(1000):
            self.assertEqual(rates.use(str(number)), 0)
            self.assertLessEqual(len(rates), 200)
        # The last ones are.
        self.assertGreater(rates.use("999"), 0)

    def test_clockSetBack(self):
        """When the clock is set back, nobody waits for longer than before."""
        rates = self.make(1)
        self.clock.advance(10_000)
        rates.use("a")
        self.clock.rightNow -= 9000
        self.assertLessEqual(rates.use("a"), 1)
        self.clock.advance(1)
        self.assertEqual(rates.use("a"), 0)


class LogTests(LimitCase):
    """What the log has of refusals."""

    def lines(self, events):
        """Read the lines about refusals."""
        lines = map(formatEvent, events)
        return [line for line in lines if "refused" in line]

    def test_line(self):
        """A line has the peer, the rule, the value, the limit and the option."""
        for settings, line in (
            (
                {"connectionLimit": 1},
                (
                    "192.0.2.1:1234 refused, 503: connectionLimit: 2 connections, "
                    "limit 1 (--connection-limit)"
                ),
            ),
            (
                {"addressLimit": 1, "ipv4Prefix": 24},
                (
                    "192.0.2.1:1234 refused, 503: addressLimit: 2 connections from "
                    "192.0.2.0/24, limit 1 (--address-limit)"
                ),
            ),
            (
                {"handshakeRate": 0.5},
                (
                    "192.0.2.1:1234 refused, 503: handshakeRate: 192.0.2.1 is 2 s "
                    "early, limit 0.5 a second (--handshake-rate)"
                ),
            ),
        ):
            self.make(**settings)
            self.connect()
            with capturedLogs() as events:
                self.connect()
            self.assertEqual(self.lines(events), [line])

    def test_flood(self):
        """A flood is a line a second, with a count."""
        self.make(connectionLimit=1)
        self.connect()
        with capturedLogs() as events:
            for _ in range(24):
                for _ in range(10):
                    self.connect().vanish()
                self.clock.advance(0.125)
            self.clock.advance(5)
        first, *others = self.lines(events)
        self.assertIn("connectionLimit: 2 connections", first)
        more = "{} more refused: connectionLimit"
        self.assertEqual(others, [more.format(n) for n in (79, 80, 80)])
        with capturedLogs() as events:
            self.connect().finish()
        self.assertEqual(len(self.lines(events)), 1)

    def test_noWord(self):
        """Those that are told nothing are counted, too."""
        self.make(connectionLimit=1)
        self.connect()
        with capturedLogs() as events:
            for _ in range(8):
                self.assertRefused(self.connect(), "too many connections")
            for _ in range(9):
                self.assertRaises(ConnectionRefusedError, self.connect)
            self.clock.advance(1)
        self.assertEqual(self.lines(events)[1:], ["16 more refused: connectionLimit"])

    def test_last(self):
        """When nobody is left, the count is logged, and nothing is on the clock."""
        self.make(handshakeRate=1)
        with capturedLogs() as events:
            for _ in range(5):
                self.connect()
            for peer in self.peers:
                peer.vanish()
        self.assertEqual(self.lines(events)[1:], ["3 more refused: handshakeRate"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_eachRule(self):
        """One rule does not hide another."""
        self.make(connectionLimit=3, addressLimit=1)
        with capturedLogs() as events:
            self.connect("192.0.2.1")
            self.connect("192.0.2.1").finish()
            self.connect("192.0.2.2")
            self.connect("192.0.2.3")
            self.connect("192.0.2.4").finish()
        rules = [line.split(": ")[1] for line in self.lines(events)]
        self.assertEqual(rules, ["addressLimit", "connectionLimit"])


class CostTests(SynchronousTestCase):
    """What limits cost those who have none."""

    def test_nothingKept(self):
        """Without limits by address, nothing is kept of one."""
        wires = {}
        admission = Admission(Settings(), Wheel(Clock()), wires)
        self.assertFalse(admission.isByAddress)
        gc.collect()
        before = len(gc.get_objects())
        admission.enter("wire")
        self.assertEqual(wires, {"wire": None})
        self.assertLessEqual(len(gc.get_objects()) - before, 1)
        admission.left("wire")
        self.assertEqual(wires, {})

    def test_headFirst(self):
        """A request is not looked at for a limit if that is for nobody."""
        clock = Clock()
        factory = WebSocketServerFactory(Echo, reactor=clock)
        peer = Peer(factory)
        peer.sendOctets(request())
        self.assertEqual(peer.status, 101)
        peer.vanish()
