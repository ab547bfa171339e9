"""L{wsagent.statistics}: what happened to the connections of a server."""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsagent.demo import Echo
from wsagent.errors import RequestRejected
from wsagent.server import WebSocketServerFactory
from wsagent.settings import Settings
from wsagent.statistics import Histogram
from wsagent.testing import Peer, connected, upgradeRequest

from .agents import AgentCase, Noting


class HistogramTests(SynchronousTestCase):
    """L{Histogram} counts values by their size."""

    def test_add(self):
        """A value on a bound is below it; one above all has a place too."""
        histogram = Histogram((1, 2))
        for value in (0.5, 1, 1.5, 2, 2.5, 1000):
            histogram.add(value)
        self.assertEqual(histogram.counts, [2, 2, 2])
        self.assertEqual(histogram.sum, 1007.5)


class Refusing(Noting):
    """Refuses everybody."""

    def requestReceived(self, request):
        """Refuse."""
        raise RequestRejected(418)


class StatisticsTests(AgentCase):
    """L{Statistics} of a factory."""

    def test_handshakes(self):
        """Each outcome is counted, and so is none at all."""
        counts = []
        for application, request, deed in (
            (Echo, None, Peer.vanish),
            (Refusing, None, Peer.vanish),
            (Echo, b"GET / HTTP/1.1\r\n\r\n", Peer.vanish),
            (Echo, b"GET /", Peer.vanish),
            (Echo, b"GET /", lambda peer: peer.advance(5)),
            (Echo, b"GET /", Peer.finish),
        ):
            peer = connected(application, request=request)
            deed(peer)
            peer.vanish()
            counts.append(dict(peer.factory.statistics.handshakes))
        none = {"none": 1}
        self.assertEqual(counts, [{"101": 1}, {"418": 1}, {"400": 1}, none, none, none])

    def test_notDecided(self):
        """Who is not answered in time counts once, as what it was told."""

        class Deciding(Echo):
            async def requestReceived(self, request):
                await self.factory.decided

        factory = WebSocketServerFactory(Deciding, reactor=Clock())
        factory.decided = Deferred()
        peer = connected(factory)
        peer.advance(5)
        self.assertEqual(peer.status, 503)
        peer.vanish()
        self.assertEqual(dict(factory.statistics.handshakes), {"503": 1})

    def test_closes(self):
        """The end of each connection that was open is counted by its code."""
        factory = WebSocketServerFactory(Echo, reactor=Clock())
        for end in (
            lambda peer: peer.loseConnection(3000),
            lambda peer: peer.loseConnection(3000),
            Peer.vanish,
            lambda peer: peer.sendOctets(b"\xff\xff"),
            lambda peer: peer.agent.loseConnection(1001),
        ):
            peer = connected(factory)
            end(peer)
            peer.pump()
            peer.vanish()
        connected(factory, request=b"GET /").vanish()
        self.assertEqual(
            dict(factory.statistics.closes), {3000: 2, 1006: 1, 1002: 1, 1001: 1}
        )

    def test_gone(self):
        """What has passed on connections that are gone is added up."""
        factory = WebSocketServerFactory(Echo, reactor=Clock())
        for text in ("hello", "hi"):
            peer = connected(factory)
            peer.sendTextMessage(text)
            peer.vanish()
        connected(factory).sendTextMessage("still here")
        self.assertEqual(factory.statistics.gone, (2, 11 + 8, 2, 7 + 4))

    def test_slowLimit(self):
        """A peer for whom too much waits is counted once."""
        peer, agent = self.open(sendLimit=65_536)
        peer.pauseReading()
        for _ in range(4):
            agent.sendBytesMessage(bytes(65_536))
        peer.vanish()
        self.assertEqual(peer.factory.statistics.slow, 1)
        self.assertEqual(dict(peer.factory.statistics.closes), {1013: 1})

    def test_slowTime(self):
        """So is one that takes nothing for too long."""
        peer, agent = self.open(sendTimeout=3, pingInterval=None)
        peer.pauseReading()
        agent.sendBytesMessage(bytes(200_000))
        for _ in range(5):
            peer.advance(1)
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(peer.factory.statistics.slow, 1)

    def test_notSlow(self):
        """Who closes with that code by choice is not."""
        peer, agent = self.open()
        agent.loseConnection(1013)
        peer.vanish()
        self.assertEqual(peer.factory.statistics.slow, 0)

    def test_roundTrips(self):
        """What each ping took is counted."""
        peer, _ = self.open(pingInterval=10)
        for seconds in (0.002, 0.5):
            peer.transport.peerReads = False
            peer.clock.advance(10)
            peer.clock.advance(seconds)
            peer.resumeReading()
        histogram = peer.factory.statistics.roundTrips
        self.assertEqual(histogram.counts, [0, 1, 0, 0, 0, 0, 1, 0, 0, 0])
        self.assertAlmostEqual(histogram.sum, 0.502)

    def test_aClientsOwn(self):
        """A factory counts for itself."""
        one, other = (connected(Echo, Settings(), upgradeRequest()) for _ in "12")
        one.loseConnection()
        self.assertEqual(dict(other.factory.statistics.closes), {})
