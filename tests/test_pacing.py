"""L{wsagent.pacing}: messages and octets a second."""

import gc

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.core.notation import KEY, frame
from wsagent.core.deflate import Compression
from wsagent.errors import ClosedUncleanly
from wsagent.pacing import Bucket, PacedDelivery

from .agents import CLOSE, PING, PONG, AgentCase, Noting, doing
from .clients import ClientCase

ONE = frame(1, b"x", key=KEY)
"""A message of one letter, seven octets."""


class BucketTests(SynchronousTestCase):
    """L{Bucket}."""

    def make(self, rate, burst=1):
        """Make one with a clock, which tells time since 1970."""
        self.clock = Clock()
        self.clock.advance(1.8e9)
        return Bucket(rate, burst, self.clock.seconds)

    def test_burst(self):
        """Full, it has as much as the burst says, and at least one."""
        for rate, burst, most in (
            (10, 1, 10),
            (10, 3, 30),
            (7, 1, 7),
            (0.1, 1, 1),
            (1000, 0.01, 10),
            (1e12, 1, 10**12),
        ):
            bucket = self.make(rate, burst)
            self.assertTrue(bucket.take(most))
            self.assertFalse(bucket.take(1))

    def test_fills(self):
        """It is filled in time, and no further than it was."""
        bucket = self.make(10)
        bucket.take(10)
        self.clock.advance(0.55)
        self.assertEqual([bucket.take(1) for _ in range(6)], [True] * 5 + [False])
        self.clock.advance(1000)
        self.assertEqual([bucket.take(1) for _ in range(11)], [True] * 10 + [False])

    def test_debt(self):
        """What is taken at once is owed, however much it is."""
        bucket = self.make(10)
        self.assertFalse(bucket.take(100))
        self.clock.advance(8.9)
        self.assertFalse(bucket.take(0))
        self.clock.advance(0.2)
        self.assertTrue(bucket.take(1))

    def test_afterQuiet(self):
        """What is taken after a quiet time is not given twice."""
        bucket = self.make(10)
        bucket.take(5)
        self.clock.advance(1000)
        self.assertTrue(bucket.take(8))
        self.assertTrue(bucket.take(2))
        self.assertFalse(bucket.take(1))

    def test_wait(self):
        """It pays to go on when half a second's worth is there, or all there is."""
        for rate, burst, wait in ((10, 1, 0.6), (10, 0.2, 0.3), (0.5, 1, 2.5)):
            bucket = self.make(rate, burst)
            bucket.take(max(rate * burst, 1))
            bucket.take(1)
            self.assertAlmostEqual(bucket.wait(), wait)

    def test_clockSetBack(self):
        """A clock that is set back gives nothing, and takes nothing."""
        bucket = self.make(10)
        bucket.take(10)
        self.clock.rightNow -= 1000
        self.assertFalse(bucket.take(1))
        self.clock.advance(0.25)
        self.assertTrue(bucket.take(1))


class PaceCase(AgentCase):
    """A test of a peer that is too fast."""

    def messages(self, agent):
        """Count what was received."""
        return sum(call == "x" for call in agent.calls)

    def deliver(self, peer, octets):
        """Have octets come, and not be moved any more until time passes."""
        peer.transport.deliver(octets)
        peer.pump()


class MessageRateTests(PaceCase):
    """C{messageRate}."""

    def test_off(self):
        """Without rates, connections are what they were."""

        def paced():
            gc.collect()
            return sum(isinstance(each, PacedDelivery) for each in gc.get_objects())

        before = paced()
        self.open()
        self.assertEqual(paced(), before)
        self.open(octetRate=5)
        self.assertEqual(paced(), before + 1)

    def test_inSegment(self):
        """In the middle of a segment it stops, behind the one that is too much."""
        peer, agent = self.open(messageRate=10)
        peer.sendOctets(ONE * 10_000)
        self.assertEqual(self.messages(agent), 11)
        self.assertFalse(peer.transport.isReading)
        for seconds in range(1, 10):
            peer.advance(0.5)
            peer.advance(0.5)
            self.assertIn(self.messages(agent) - 10 * seconds, range(12))
        peer.sendOctets(ONE)
        self.assertEqual(peer.transport.unread, len(ONE))
        self.assertFalse(peer.isDisconnected)

    def test_segments(self):
        """Octets that come while it waits are not read."""
        peer, agent = self.open(messageRate=2)
        for _ in range(5):
            peer.sendOctets(ONE)
        self.assertEqual((self.messages(agent), peer.transport.unread), (3, 14))
        peer.advance(1)
        self.assertEqual((self.messages(agent), peer.transport.unread), (5, 0))

    def test_steady(self):
        """Who keeps to the rate is never held back."""
        peer, agent = self.open(messageRate=10)
        for count in range(100):
            peer.sendOctets(ONE)
            self.assertTrue(peer.transport.isReading)
            self.assertEqual(self.messages(agent), count + 1)
            peer.advance(0.1)

    def test_all(self):
        """In time all come, in their order, and then nothing is on the clock."""
        peer, agent = self.open(messageRate=100, pingInterval=None)
        octets = b"".join(frame(1, b"%d" % n, key=KEY) for n in range(1000))
        peer.sendOctets(octets)
        for _ in range(60):
            peer.advance(0.25)
        self.assertEqual(agent.calls[1:], [str(n) for n in range(1000)])
        self.assertEqual(peer.clock.getDelayedCalls(), [])
        self.assertTrue(peer.transport.isReading)

    def test_fast(self):
        """A rate is reached that is much faster than the clock ticks."""
        peer, agent = self.open(messageRate=5000)
        for _ in range(40):
            peer.sendOctets(ONE * 2000)
            peer.advance(0.125)
        self.assertIn(self.messages(agent), range(24_000, 31_000))

    def test_burst(self):
        """As many may come at once as C{rateBurst} says."""
        peer, agent = self.open(messageRate=10, rateBurst=5)
        peer.sendOctets(ONE * 100)
        self.assertEqual(self.messages(agent), 51)

    def test_kinds(self):
        """Text, bytes, pings and pongs are counted, empty ones too; fragments not."""
        for octets in (
            frame(1, key=KEY),
            frame(2, key=KEY),
            frame(9, key=KEY),
            frame(10, key=KEY),
        ):
            peer, agent = self.open(messageRate=3)
            peer.sendOctets(octets * 9)
            self.assertEqual(len(agent.calls), 5)
        peer, agent = self.open(messageRate=3)
        octets = frame(1, fin=0, key=KEY) + frame(0, fin=0, key=KEY) * 9
        peer.sendOctets((octets + frame(0, b"x", key=KEY)) * 9)
        self.assertEqual(self.messages(agent), 4)

    def test_pongs(self):
        """Each ping that was counted has its pong."""
        peer, _ = self.open(messageRate=3)
        peer.sendOctets(frame(9, key=KEY) * 9)
        self.assertEqual(self.frames(peer), [(PONG, b"")] * 4)

    def test_streaming(self):
        """A message in pieces is one."""
        peer, agent = self.open(messageRate=2, isStreaming=True)
        for _ in range(9):
            peer.sendOctets(frame(1, b"a", fin=0, key=KEY))
            peer.sendOctets(frame(0, b"b", key=KEY))
        self.assertEqual(agent.calls.count(("b", True)), 3)

    def test_compressed(self):
        """Compressed messages are no different."""
        peer, agent = self.open(messageRate=2, compression=Compression())
        peer.sendOctets(ONE * 9)
        self.assertEqual(self.messages(agent), 3)

    def test_conversation(self):
        """Messages that wait for C{receive} are counted when they come."""

        class Asking(Noting):
            async def conversation(self):
                async for message in self:
                    self.textMessageReceived(message)

        peer, agent = self.open(Asking, messageRate=2)
        peer.sendOctets(ONE * 9)
        self.assertEqual(self.messages(agent), 3)
        peer.advance(1)
        self.assertEqual(self.messages(agent), 5)


class ReasonsTests(PaceCase):
    """The rate, and what else there is to wait for, or to end by."""

    def test_agentPaused(self):
        """When the rate allows more, the agent may still want none."""
        peer, agent = self.open(messageRate=2)
        peer.sendOctets(ONE * 9)
        agent.pauseProducing()
        peer.advance(10)
        self.assertEqual(self.messages(agent), 3)
        self.assertFalse(peer.transport.isReading)
        agent.resumeProducing()
        self.assertEqual(self.messages(agent), 6)

    def test_agentResumes(self):
        """When the agent wants more, the rate may still not allow it."""
        peer, agent = self.open(messageRate=2)
        agent.pauseProducing()
        peer.sendOctets(ONE * 9)
        self.assertEqual(self.messages(agent), 0)
        agent.resumeProducing()
        peer.pump()
        self.assertEqual(self.messages(agent), 3)
        agent.pauseProducing()
        agent.resumeProducing()
        self.assertEqual(self.messages(agent), 3)
        self.assertFalse(peer.transport.isReading)

    def test_pausedWithin(self):
        """An agent that pauses at the very message that is too much is obeyed."""
        pausing = doing("textMessageReceived", lambda agent: agent.pauseProducing())
        peer, agent = self.open(pausing, messageRate=0.1)
        peer.sendOctets(ONE * 9)
        self.assertEqual(self.messages(agent), 1)
        agent.resumeProducing()
        self.assertEqual(self.messages(agent), 2)
        agent.resumeProducing()
        self.assertEqual(self.messages(agent), 2)
        peer.advance(30)
        self.assertEqual(self.messages(agent), 3)

    def test_sendBuffer(self):
        """While answers wait that are not read, it waits for both."""

        class Large(Noting):
            def textMessageReceived(self, message):
                super().textMessageReceived(message)
                self.sendBytesMessage(bytes(50_000))

        peer, agent = self.open(Large, messageRate=10)
        peer.pauseReading()
        peer.sendOctets(ONE * 100)
        before = self.messages(agent)
        self.assertIn("filled", agent.calls)
        peer.advance(5)
        self.assertEqual(self.messages(agent), before)
        peer.resumeReading()
        self.assertGreater(self.messages(agent), before)

    def test_notSilent(self):
        """Who is held back is not silent, and is pinged."""
        peer, agent = self.open(messageRate=0.01, pingInterval=5, pingTimeout=5)
        peer.sendOctets(ONE * 9)
        for _ in range(90):
            peer.advance(1)
        self.assertFalse(peer.isDisconnected)
        self.assertTrue(agent.isOpen)
        self.assertEqual(len(peer.pings), 18)

    def test_silentAfterwards(self):
        """Who is silent when it may send again is aborted in time."""
        peer, agent = self.open(messageRate=1, pingInterval=5, pingTimeout=5)
        peer.pauseReading()
        peer.sendOctets(ONE * 3)
        for _ in range(13):
            peer.advance(1)
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(agent.ending[2], "silent for 10 s")

    def test_messageTimeout(self):
        """A message that is not read because of the rate takes no time."""
        peer, agent = self.open(messageRate=0.1, messageTimeout=2)
        peer.sendOctets(ONE * 3 + ONE[:-1])
        for _ in range(15):
            peer.advance(1)
        self.assertTrue(agent.isOpen)

    def test_weClose(self):
        """When we close, the peer's Close frame is read at once."""
        peer, agent = self.open(messageRate=0.1)
        peer.sendOctets(ONE * 9)
        self.assertFalse(peer.transport.isReading)
        agent.loseConnection()
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(agent.ending[1:], (1000, "", "us"))
        self.assertEqual(self.messages(agent), 2)

    def test_weCloseWithin(self):
        """An agent that closes at the message that is too much is obeyed."""
        closing = doing("textMessageReceived", lambda agent: agent.loseConnection())
        peer, agent = self.open(closing, messageRate=0.1, rateBurst=1)
        peer.sendOctets(ONE * 9)
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(self.messages(agent), 1)

    def test_floodWhileClosing(self):
        """While we close, what comes is dropped, and the peer's Close frame found."""
        peer, agent = self.open(messageRate=1)
        peer.pauseReading()
        agent.loseConnection(4000)
        peer.sendOctets(ONE * 100 + frame(9, key=KEY) * 100)
        self.assertTrue(peer.transport.isReading)
        peer.resumeReading()
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(agent.ending[1:], (4000, "", "us"))
        self.assertEqual(self.messages(agent), 0)

    def test_peerCloses(self):
        """The peer's Close frame waits for its turn, behind its messages."""
        peer, agent = self.open(messageRate=10)
        peer.sendOctets(ONE * 15)
        peer.loseConnection(4001)
        self.assertTrue(agent.isOpen)
        peer.advance(1)
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(agent.ending[1:], (4001, "", "peer"))
        self.assertEqual(self.messages(agent), 15)

    def test_closeIsFree(self):
        """A Close frame is never too much."""
        peer, agent = self.open(messageRate=0.1, isRateStrict=True)
        peer.sendOctets(ONE)
        peer.loseConnection()
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(agent.ending[1:], (1000, "", "peer"))

    def test_vanishes(self):
        """A peer that vanishes while it is held back leaves nothing."""
        peer, agent = self.open(messageRate=0.1)
        peer.sendOctets(ONE * 9)
        peer.vanish()
        self.assertEqual(len(agent.lost), 1)
        self.assertEqual(peer.clock.getDelayedCalls(), [])

    def test_aborted(self):
        """So does one that we are rid of."""
        peer, agent = self.open(messageRate=0.1)
        peer.sendOctets(ONE * 9)
        agent.abortConnection()
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(peer.clock.getDelayedCalls(), [])

    def test_raises(self):
        """So does one whose agent fails at the message that is too much."""
        failing = doing("textMessageReceived", lambda agent: agent.calls / 0)
        peer, agent = self.open(failing, messageRate=0.1, rateBurst=0.1)
        peer.sendOctets(ONE * 9)
        self.assertEqual(self.closeFrame(peer)[0], 1011)
        self.assertEqual(self.messages(agent), 1)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_wrongFrame(self):
        """What breaks the protocol behind the message that is too much waits."""
        peer, agent = self.open(messageRate=1)
        peer.sendOctets(ONE * 2 + frame(3, key=KEY))
        self.assertTrue(agent.isOpen)
        peer.advance(2)
        self.assertEqual(self.closeFrame(peer)[0], 1002)

    def test_deferred(self):
        """What an agent waits for has nothing to do with it."""
        waiting = Deferred()
        agents = doing("textMessageReceived", lambda _: waiting)
        peer, agent = self.open(agents, messageRate=2)
        peer.sendOctets(ONE * 9)
        self.assertEqual(self.messages(agent), 3)
        waiting.callback(None)
        peer.advance(1)
        self.assertEqual(self.messages(agent), 5)


class OctetRateTests(PaceCase):
    """C{octetRate}."""

    def test_rate(self):
        """A segment is taken, then nothing until it is paid for."""
        peer, agent = self.open(octetRate=100)
        peer.sendOctets(ONE * 30)
        self.assertEqual(self.messages(agent), 30)
        self.assertFalse(peer.transport.isReading)
        peer.sendOctets(ONE)
        peer.advance(1.5)
        self.assertEqual(peer.transport.unread, 7)
        peer.advance(0.2)
        self.assertEqual((peer.transport.unread, self.messages(agent)), (0, 31))

    def test_headers(self):
        """Every octet is counted, whatever it is."""
        peer, _ = self.open(octetRate=100)
        peer.sendOctets(frame(9, key=KEY) * 16)
        self.assertTrue(peer.transport.isReading)
        peer.sendOctets(frame(10, key=KEY))
        self.assertFalse(peer.transport.isReading)

    def test_within(self):
        """Up to the rate nothing is held back."""
        peer, agent = self.open(octetRate=70)
        for _ in range(50):
            peer.sendOctets(ONE)
            self.assertTrue(peer.transport.isReading)
            peer.advance(0.1)
        self.assertEqual(self.messages(agent), 50)

    def test_more(self):
        """What comes all the same, as from TLS, makes it wait for longer."""
        peer, agent = self.open(octetRate=100)
        peer.sendOctets(ONE * 30)
        peer._wire.dataReceived(ONE * 30)
        self.assertEqual(self.messages(agent), 30)
        peer.advance(1.7)
        self.assertEqual(self.messages(agent), 30)
        peer.advance(2.1)
        self.assertEqual(self.messages(agent), 60)

    def test_both(self):
        """With both rates, the slower one counts."""
        peer, agent = self.open(octetRate=700, messageRate=10)
        peer.sendOctets(ONE * 1000)
        self.assertEqual(self.messages(agent), 11)
        for _ in range(8):
            peer.advance(0.5)
        self.assertEqual(self.messages(agent), 11)
        for _ in range(400):
            peer.advance(0.5)
        self.assertEqual(self.messages(agent), 1000)

    def test_wrongFrame(self):
        """What breaks the protocol ends it, and leaves no pause."""
        peer, _ = self.open(octetRate=10)
        peer.sendOctets(frame(3, key=KEY) + bytes(1000))
        self.assertEqual(self.closeFrame(peer)[0], 1002)
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(peer.clock.getDelayedCalls(), [])


class StrictTests(PaceCase):
    """C{isRateStrict}."""

    def assertClosed(self, peer, agent, reason):
        """Demand that the peer was told why, and is gone."""
        self.assertEqual(self.closeFrame(peer), (1008, reason.encode()))
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(agent.ending, (ClosedUncleanly, 1008, reason, "us"))
        self.assertEqual(peer.clock.getDelayedCalls(), [])

    def test_messages(self):
        """Too many messages close with 1008; those are handed over that may come."""
        peer, agent = self.open(messageRate=10, isRateStrict=True)
        peer.sendOctets(ONE * 10)
        self.assertTrue(agent.isOpen)
        peer.sendOctets(ONE * 100)
        self.assertClosed(peer, agent, "more than 10 messages a second")
        self.assertEqual(self.messages(agent), 10)

    def test_inSegment(self):
        """It is no different in one segment."""
        peer, agent = self.open(messageRate=10, isRateStrict=True)
        peer.sendOctets(ONE * 10_000)
        self.assertClosed(peer, agent, "more than 10 messages a second")
        self.assertEqual(self.messages(agent), 10)

    def test_pings(self):
        """Too many pings do the same; those that may come are answered."""
        peer, agent = self.open(messageRate=2.5, isRateStrict=True)
        peer.sendOctets(frame(9, key=KEY) * 9)
        self.assertEqual([first for first, _ in self.frames(peer)][:-1], [PONG] * 2)
        self.assertClosed(peer, agent, "more than 2.5 messages a second")

    def test_octets(self):
        """Too many octets do the same, and are not looked at."""
        peer, agent = self.open(octetRate=100, isRateStrict=True)
        peer.sendOctets(ONE * 14)
        self.assertTrue(agent.isOpen)
        peer.sendOctets(ONE)
        self.assertClosed(peer, agent, "more than 100 octets a second")
        self.assertEqual(self.messages(agent), 14)

    def test_steady(self):
        """Who keeps to the rates stays."""
        peer, agent = self.open(messageRate=10, octetRate=70, isRateStrict=True)
        for _ in range(100):
            peer.sendOctets(ONE)
            peer.advance(0.1)
        self.assertTrue(agent.isOpen)
        self.assertEqual(self.messages(agent), 100)

    def test_pinged(self):
        """Our own pings, answered, are within the rates."""
        peer, agent = self.open(messageRate=1, isRateStrict=True, pingInterval=2)
        for _ in range(20):
            peer.advance(1)
        self.assertEqual([first for first, _ in self.frames(peer)], [PING] * 10)
        self.assertTrue(agent.isOpen)
        self.assertNotIn(CLOSE, [first for first, _ in self.frames(peer)])


class ClientTests(ClientCase):
    """A client's rates, for what servers send."""

    def test_slowed(self):
        """A server that is too fast is slowed down, too."""
        agent = self.open(settings={"messageRate": 10, "pingInterval": None})
        self.net.line.send(frame(1, b"x") * 30)
        self.assertEqual(agent.calls.count("x"), 11)
        for _ in range(4):
            self.net.advance(1)
        self.assertEqual(agent.calls.count("x"), 30)

    def test_strict(self):
        """Or closed."""
        settings = {"octetRate": 10, "isRateStrict": True}
        agent = self.open(settings=settings)
        self.net.line.send(frame(1, b"x") * 30)
        self.assertNotIn("x", agent.calls)
        self.assertFalse(agent.isOpen)
