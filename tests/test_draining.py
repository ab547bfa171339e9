"""L{wsagent.draining}, and the factory's C{drain}."""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsagent.errors import ClosedCleanly, ClosedUncleanly
from wsagent.server import WebSocketServerFactory
from wsagent.settings import Settings
from wsagent.testing import Peer, connected

from .agents import Noting


class DrainTests(SynchronousTestCase):
    """C{drain} closes all connections, a batch at a time, within a deadline."""

    def setUp(self):
        """Make a factory."""
        self.clock = Clock()
        self.factory = self.make(Noting)

    def make(self, application, **settings):
        """Make a factory."""
        return WebSocketServerFactory(
            application, settings=Settings(**settings), reactor=self.clock
        )

    def assertDrained(self, finished):
        """It has finished, and left nothing on the clock."""
        self.successResultOf(finished)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_none(self):
        """Without connections it has finished at once."""
        self.assertDrained(self.factory.drain())

    def test_some(self):
        """Each agent is closed with the code; it finishes with the last."""
        peers = [connected(self.factory) for _ in range(3)]
        agents = [peer.agent for peer in peers]
        finished = self.factory.drain(1012)
        for peer, agent in zip(peers, agents, strict=True):
            self.assertNoResult(finished)
            self.assertEqual(peer.closed, (1012, ""))
            self.assertEqual(agent.ending, (ClosedCleanly, 1012, "", "us"))
        self.assertDrained(finished)

    def test_default(self):
        """Without a code it is 1001, going away."""
        peer = connected(self.factory)
        finished = self.factory.drain()
        self.assertEqual(peer.closed, (1001, ""))
        self.assertDrained(finished)

    def test_batches(self):
        """A hundred are closed, then, a tenth of a second later, the next."""
        peers = [connected(self.factory) for _ in range(250)]
        finished = self.factory.drain()
        counts = []
        for _ in range(4):
            counts.append(sum(peer.closed is not None for peer in peers))
            self.clock.advance(0.1)
        self.assertEqual(counts, [100, 200, 250, 250])
        self.assertDrained(finished)

    def test_goneBeforeTheirBatch(self):
        """Those that leave by themselves are not waited for."""
        peers = [connected(self.factory) for _ in range(250)]
        finished = self.factory.drain()
        for peer in peers:
            peer.loseConnection()
        self.assertDrained(finished)

    def test_deadline(self):
        """Those that do not close in time are aborted at the deadline."""
        factory = self.make(Noting, drainTimeout=7, closeTimeout=100)
        peer = connected(factory)
        agent = peer.agent
        peer.pauseReading()
        finished = factory.drain()
        peer.advance(6.9)
        self.assertNoResult(finished)
        peer.advance(0.1)
        self.assertEqual(agent.ending, (ClosedUncleanly, 1006, "", "us"))
        self.assertTrue(peer.transport.wasAborted)
        self.assertDrained(finished)

    def test_opening(self):
        """A connection without a whole request is aborted, not waited for."""
        peer = connected(self.factory, request=b"GET /")
        finished = self.factory.drain()
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(peer.status, 0)
        self.assertDrained(finished)

    def test_deciding(self):
        """A request that is not decided yet is refused with 503."""
        cancelled = []

        class Slow(Noting):
            def requestReceived(self, request):
                return Deferred(cancelled.append)

        factory = self.make(Slow)
        peer = connected(factory)
        finished = factory.drain()
        self.assertEqual((peer.status, len(cancelled)), (503, 1))
        self.assertTrue(peer.isDisconnected)
        self.assertDrained(finished)

    def test_refused(self):
        """A refused peer that does not hang up is not waited for for long."""
        peer = Peer(self.factory)
        peer.answersFin = False
        peer.sendOctets(b"nonsense\r\n")
        finished = self.factory.drain()
        peer.advance(4.9)
        self.assertNoResult(finished)
        peer.advance(0.1)
        self.assertDrained(finished)

    def test_refusedAtDeadline(self):
        """Nor beyond the deadline."""
        factory = self.make(Noting, closeTimeout=100, drainTimeout=3)
        peer = Peer(factory)
        peer.answersFin = False
        peer.sendOctets(b"nonsense\r\n")
        finished = factory.drain()
        peer.advance(3)
        self.assertTrue(peer.transport.wasAborted)
        self.assertDrained(finished)

    def test_closing(self):
        """A connection that is closing already keeps its code."""
        peer = connected(self.factory)
        agent = peer.agent
        peer.pauseReading()
        agent.loseConnection(3000)
        finished = self.factory.drain()
        peer.resumeReading()
        self.assertEqual(peer.closed, (3000, ""))
        self.assertEqual(agent.ending, (ClosedCleanly, 3000, "", "us"))
        self.assertDrained(finished)

    def test_twice(self):
        """A second drain finishes with the first."""
        peers = [connected(self.factory) for _ in range(2)]
        first = self.factory.drain(1012)
        second = self.factory.drain()
        self.assertEqual([peer.closed for peer in peers], [(1012, "")] * 2)
        self.successResultOf(first)
        self.assertDrained(second)

    def test_again(self):
        """A factory that was drained can be used, and drained, again."""
        for _ in range(2):
            peer = connected(self.factory)
            finished = self.factory.drain()
            self.assertEqual(peer.closed, (1001, ""))
            self.assertDrained(finished)
