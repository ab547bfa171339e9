"""L{wsagent.keepalive}: pings, and what silence means."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.core.notation import KEY, frame
from wsagent.errors import ClosedCleanly, ClosedUncleanly
from wsagent.keepalive import Keepalive
from wsagent.settings import Settings
from wsagent.testing import Recorder
from wsagent.timing import Wheel

from .agents import PING, AgentCase


class KeepaliveTests(SynchronousTestCase):
    """L{Keepalive} by itself."""

    def make(self, **settings):
        """Make one that notes what it does."""
        self.clock = Clock()
        self.calls = Recorder()
        return Keepalive(Wheel(self.clock), Settings(**settings), self.calls)

    def test_nothing(self):
        """Without intervals and timeouts there is nothing on the clock."""
        self.make(pingInterval=None)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_pingsDiffer(self):
        """Every ping has eight octets of its own."""
        self.make(pingInterval=1)
        self.clock.pump([1] * 3)
        payloads = {payload for _, payload in self.calls.calls}
        self.assertEqual([len(payload) for payload in payloads], [8, 8, 8])

    def test_isOurs(self):
        """Only the first pong with the last ping's payload answers it."""
        keepalive = self.make(pingInterval=1)
        self.assertFalse(keepalive.isOurs(b""))
        self.clock.advance(1)
        ((_, payload),) = self.calls.calls
        self.assertFalse(keepalive.isOurs(b"other"))
        self.assertIsNone(keepalive.roundTripTime)
        self.clock.advance(0.25)
        self.assertTrue(keepalive.isOurs(payload))
        self.assertEqual(keepalive.roundTripTime, 0.25)
        self.assertFalse(keepalive.isOurs(payload))

    def test_end(self):
        """Once ended, nothing is left on the clock, or comes to it."""
        keepalive = self.make(idleTimeout=3, messageTimeout=3)
        keepalive.messageContinues(0)
        keepalive.end()
        keepalive.messageContinues(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_oneCall(self):
        """However much it waits for, it is one call on the clock."""
        keepalive = self.make(idleTimeout=3, messageTimeout=3)
        keepalive.messageContinues(0)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)


class PingTests(AgentCase):
    """Pings, and the peer's silence."""

    def test_ping(self):
        """A ping goes out each interval, and its round trip is measured."""
        peer, agent = self.open(pingInterval=7)
        peer.advance(6)
        self.assertEqual(peer.pings, [])
        self.assertIsNone(agent.roundTripTime)
        peer.pauseReading()
        peer.advance(1)
        peer.advance(0.5)
        peer.resumeReading()
        peer.advance(7)
        self.assertEqual(len(peer.pings), 2)
        self.assertEqual(agent.roundTripTime, 0)

    def test_roundTripTime(self):
        """The round trip lasts from the ping to its pong."""
        peer, agent = self.open(pingInterval=7)
        peer.pauseReading()
        peer.advance(7)
        peer.advance(0.5)
        peer.resumeReading()
        self.assertEqual(agent.roundTripTime, 0.5)
        self.assertEqual(agent.calls, ["open"])

    def test_noPings(self):
        """Without an interval there are neither pings nor a limit to silence."""
        peer, _ = self.open(pingInterval=None)
        peer.advance(100_000)
        self.assertEqual(peer.pings, [])
        self.assertFalse(peer.isDisconnected)

    def test_silence(self):
        """A peer that is silent for interval and timeout is aborted."""
        peer, agent = self.open(pingInterval=10, pingTimeout=5)
        peer.pauseReading()
        peer.advance(10)
        peer.advance(4.9)
        self.assertFalse(peer.isDisconnected)
        peer.advance(0.1)
        self.assertTrue(peer.isDisconnected)
        self.assertTrue(peer.transport.wasAborted)
        self.assertEqual(agent.ending, (ClosedUncleanly, 1006, "silent for 15 s", "us"))

    def test_noTimeout(self):
        """Without a timeout, pings need no answer."""
        peer, _ = self.open(pingInterval=10, pingTimeout=None)
        peer.pauseReading()
        for _ in range(10):
            peer.advance(10)
        self.assertFalse(peer.isDisconnected)
        peer.resumeReading()
        self.assertEqual(len(peer.pings), 10)

    def test_anyOctetIsLife(self):
        """T5: single octets of an unfinished frame are life, though no pong comes."""
        peer, _ = self.open(pingInterval=10, pingTimeout=5)
        peer.pauseReading()
        for octet in frame(1, b"x" * 20, key=KEY):
            peer.advance(14)
            peer.sendOctets(bytes((octet,)))
        self.assertFalse(peer.isDisconnected)
        peer.advance(14.9)
        self.assertFalse(peer.isDisconnected)
        peer.advance(0.1)
        self.assertTrue(peer.isDisconnected)

    def test_paused(self):
        """While we do not read, silence means nothing; then it counts anew."""
        peer, agent = self.open(pingInterval=10, pingTimeout=5)
        agent.pauseProducing()
        peer.pauseReading()
        peer.advance(1000)
        self.assertFalse(peer.isDisconnected)
        agent.resumeProducing()
        peer.advance(14.9)
        self.assertFalse(peer.isDisconnected)
        peer.advance(0.1)
        self.assertTrue(peer.isDisconnected)

    def test_pingPending(self):
        """Our own pongs never reach the application, another's do."""
        peer, agent = self.open(pingInterval=10)
        peer.advance(10)
        peer.sendOctets(frame(10, b"12345678", key=KEY))
        self.assertEqual(agent.calls, ["open", ("pong", b"12345678")])

    def test_stoppedWhenClosing(self):
        """While we close, no ping is sent."""
        peer, agent = self.open(pingInterval=1, closeTimeout=10)
        peer.pauseReading()
        agent.loseConnection()
        peer.advance(5)
        peer.resumeReading()
        self.assertEqual(peer.pings, [])


class IdleTests(AgentCase):
    """C{idleTimeout}."""

    def test_idle(self):
        """Without a message the connection is closed with 1001, pings or not."""
        peer, agent = self.open(idleTimeout=60, pingInterval=20)
        peer.ping(b"x")
        for _ in range(5):
            peer.advance(10)
        self.assertIsNone(peer.closed)
        peer.advance(10)
        self.assertEqual(peer.closed, (1001, "idle for 60 s"))
        self.assertEqual(agent.ending, (ClosedCleanly, 1001, "idle for 60 s", "us"))

    def test_messages(self):
        """A message in either direction, or a part of ours, begins the time anew."""
        peer, agent = self.open(idleTimeout=60, pingInterval=None)
        for send in (
            lambda: peer.sendTextMessage("x"),
            lambda: peer.sendBytesMessage(b"x"),
            lambda: agent.sendTextMessage("x"),
            lambda: agent.sendBytesMessage(b"x"),
            lambda: agent.sendFragment("x"),
        ):
            peer.advance(59)
            send()
        peer.advance(59)
        self.assertIsNone(peer.closed)
        peer.advance(1)
        self.assertEqual(peer.closed, (1001, "idle for 60 s"))

    def test_unfinished(self):
        """Pieces of a message that does not end do not count, its end does."""
        peer, _ = self.open(idleTimeout=60, pingInterval=None, isStreaming=True)
        peer.advance(30)
        peer.sendFragment("a")
        peer.advance(29)
        peer.sendFragment("b", True)
        peer.advance(59)
        self.assertIsNone(peer.closed)
        peer.sendFragment("c")
        peer.advance(1)
        self.assertEqual(peer.closed, (1001, "idle for 60 s"))


class MessageTimeoutTests(AgentCase):
    """C{messageTimeout}."""

    def test_slowMessage(self):
        """T6: a message that drips in is closed with 1008; pings are still sent."""
        peer, agent = self.open(messageTimeout=10, pingInterval=3)
        octets = frame(2, b"x" * 100, key=KEY)
        for octet in octets[:9]:
            peer.sendOctets(bytes((octet,)))
            peer.advance(1)
        self.assertEqual(len(peer.pings), 3)
        self.assertIsNone(peer.closed)
        peer.advance(1)
        self.assertEqual(peer.closed[0], 1008)
        self.assertEqual(peer.closed[1], "message longer than 10 s")
        self.assertEqual(len(peer.pings), 3)
        peer.advance(5)
        self.assertEqual(
            agent.ending, (ClosedUncleanly, 1006, "message longer than 10 s", "us")
        )

    def test_eachMessage(self):
        """The time is that of each message, not of many in a row."""
        peer, agent = self.open(messageTimeout=10, pingInterval=None)
        octets = frame(1, b"x", key=KEY)
        peer.sendOctets(octets[:3])
        for _ in range(4):
            peer.advance(9)
            peer.sendOctets(octets[3:] + octets[:3])
        self.assertIsNone(peer.closed)
        self.assertEqual(agent.calls, ["open"] + ["x"] * 4)
        peer.sendOctets(octets[3:])
        peer.advance(100)
        self.assertIsNone(peer.closed)

    def test_fragments(self):
        """Fragments, and pings between them, do not extend the time."""
        peer, _ = self.open(messageTimeout=10, pingInterval=None)
        for _ in range(5):
            peer.sendFragment("x")
            peer.ping()
            peer.advance(2)
        self.assertEqual(peer.closed[0], 1008)

    def test_paused(self):
        """While we do not read, a message may take its time."""
        peer, agent = self.open(messageTimeout=10, pingInterval=None)
        octets = frame(1, b"x", key=KEY)
        peer.sendOctets(octets[:3])
        peer.advance(9)
        agent.pauseProducing()
        peer.sendOctets(octets[3:])
        peer.advance(100)
        self.assertIsNone(peer.closed)
        agent.resumeProducing()
        peer.advance(100)
        self.assertIsNone(peer.closed)
        self.assertEqual(agent.calls, ["open", "x"])

    def test_pausedInSegment(self):
        """Octets that wait because a hook has paused are nobody's delay."""
        peer, agent = self.open(messageTimeout=10, pingInterval=None)
        agent.textMessageReceived = lambda _: agent.pauseProducing()
        peer.sendOctets(frame(1, b"x", key=KEY) * 2)
        peer.advance(100)
        self.assertIsNone(peer.closed)


class SendTimeoutTests(AgentCase):
    """C{sendTimeout}: W3."""

    def test_noProgress(self):
        """A peer that takes nothing, while octets wait, is aborted."""
        peer, agent = self.open(sendTimeout=30, pingInterval=None)
        peer.pauseReading()
        agent.sendBytesMessage(bytes(100_000))
        peer.advance(29.9)
        self.assertFalse(peer.isDisconnected)
        peer.advance(0.1)
        self.assertTrue(peer.isDisconnected)
        self.assertTrue(peer.transport.wasAborted)
        self.assertEqual(
            agent.ending, (ClosedUncleanly, 1006, "nothing sent for 30 s", "us")
        )

    def test_progress(self):
        """A peer that takes some, now and then, is waited for."""
        peer, agent = self.open(sendTimeout=30, pingInterval=None, sendLimit=None)
        peer.pauseReading()
        agent.sendBytesMessage(bytes(1_000_000))
        for _ in range(5):
            peer.advance(20)
            # Once what is there, and then no more.
            peer._take(peer.transport.move() or self._taken(peer))
        self.assertFalse(peer.isDisconnected)
        peer.resumeReading()
        self.assertEqual(peer.received, [bytes(1_000_000)])
        peer.advance(100)
        self.assertFalse(peer.isDisconnected)

    def _taken(self, peer):
        """Have the peer take what the transport holds, but no more."""
        peer.transport.peerReads = True
        octets = peer.transport.move()
        peer.transport.peerReads = False
        return octets

    def test_none(self):
        """Without a timeout a peer may take nothing for ever."""
        peer, agent = self.open(sendTimeout=None, pingInterval=None)
        peer.pauseReading()
        agent.sendBytesMessage(bytes(100_000))
        peer.advance(100_000)
        self.assertFalse(peer.isDisconnected)

    def test_little(self):
        """What the transport holds without being full does not count."""
        peer, agent = self.open(sendTimeout=30, pingInterval=None)
        peer.pauseReading()
        agent.sendTextMessage("x")
        peer.advance(100)
        self.assertFalse(peer.isDisconnected)


class PingOctetsTests(AgentCase):
    """What a ping is on the wire."""

    def test_wire(self):
        """A keepalive ping is one unmasked frame of eight octets."""
        peer, _ = self.open(pingInterval=1)
        peer.advance(1)
        ((first, payload),) = self.frames(peer)
        self.assertEqual((first, len(payload)), (PING, 8))
