"""L{wsagent.sending}, and what backpressure does to an agent."""

from twisted.internet.error import ConnectionDone
from twisted.trial.unittest import SynchronousTestCase

from tests.core.notation import KEY, frame
from wsagent.demo import Echo
from wsagent.errors import ClosedCleanly, ClosedUncleanly
from wsagent.sending import SendBuffer
from wsagent.sources import FragmentSender
from wsagent.testing import Recorder

from .agents import BYTES, CLOSE, PONG, TEXT, AgentCase, Noting, Producer, doing

SLICE = 65_536


class NarrowTransport:
    """Takes one slice, and says that it is full, until it is emptied."""

    def __init__(self):
        """Nothing is taken yet."""
        self.producer = None
        self.written = []
        self.room = 100

    def registerProducer(self, producer, streaming):
        """Keep it."""
        assert streaming
        self.producer = producer

    def unregisterProducer(self):
        """Forget it."""
        self.producer = None

    def write(self, data):
        """Note it."""
        assert type(data) is bytes
        self.written.append(data)
        if sum(map(len, self.written)) > self.room:
            self.producer.pauseProducing()

    def empty(self):
        """Take no less than all."""
        taken = b"".join(self.written)
        self.written.clear()
        self.producer.resumeProducing()
        return taken


class SendBufferTests(SynchronousTestCase):
    """L{SendBuffer} by itself."""

    def setUp(self):
        """Make a buffer between a narrow transport and an owner that notes."""
        self.transport = NarrowTransport()
        self.owner = Recorder()
        self.buffer = SendBuffer(self.transport, self.owner, 1000)

    def names(self):
        """List the calls of the owner."""
        return [name for (name,) in self.owner.calls]

    def test_straight(self):
        """What the transport takes at once is handed over at once."""
        self.buffer.write(b"ab")
        self.buffer.write(b"cd")
        self.assertEqual(self.transport.written, [b"ab", b"cd"])
        self.assertEqual((self.buffer.amount(), self.names()), (0, []))

    def test_full(self):
        """What a full transport does not take waits, and is counted."""
        self.buffer.write(b"a" * 101)
        self.assertEqual(self.names(), ["sendStarted"])
        self.buffer.write(b"b" * 10)
        self.buffer.write(b"c" * 10)
        self.assertEqual(self.transport.written, [b"a" * 101])
        self.assertEqual(self.buffer.amount(), 121)
        self.assertEqual(self.transport.empty(), b"a" * 101)
        self.assertEqual(self.transport.empty(), b"b" * 10 + b"c" * 10)
        self.assertEqual(self.buffer.amount(), 0)
        self.assertEqual(
            self.names(), ["sendStarted", "sendProgressed", "sendProgressed"]
        )

    def test_marks(self):
        """The owner hears once of the high-water mark, and once of the end."""
        self.buffer.write(b"a" * 101)
        self.buffer.write(b"b" * 898)
        self.assertFalse(self.buffer.isFilled)
        self.buffer.write(b"c")
        self.assertTrue(self.buffer.isFilled)
        self.buffer.write(b"d")
        self.transport.empty()
        self.assertTrue(self.buffer.isFilled)
        self.transport.empty()
        self.assertFalse(self.buffer.isFilled)
        names = [name for name in self.names() if "Buffer" in name]
        self.assertEqual(names, ["sendBufferFilled", "sendBufferDrained"])

    def test_slices(self):
        """A long message goes over in slices, as they are taken."""
        data = bytes(range(256)) * 600
        self.buffer.write(data)
        sizes = []
        taken = b""
        while self.transport.written:
            sizes.append(list(map(len, self.transport.written)))
            taken += self.transport.empty()
        self.assertEqual(sizes, [[SLICE], [SLICE], [len(data) - 2 * SLICE]])
        self.assertEqual(taken, data)

    def test_cork(self):
        """What is written while corked is counted, and handed over as one."""
        self.assertTrue(self.buffer.cork())
        self.assertFalse(self.buffer.cork())
        self.buffer.write(b"ab")
        self.buffer.write(b"cd")
        self.assertEqual((self.transport.written, self.buffer.amount()), ([], 4))
        self.buffer.uncork()
        self.assertEqual(self.transport.written, [b"abcd"])
        self.buffer.write(b"e")
        self.assertEqual(self.transport.written, [b"abcd", b"e"])

    def test_corkedMuch(self):
        """No more than a slice is collected."""
        self.transport.room = 10**6
        self.buffer.cork()
        self.buffer.write(b"a" * (SLICE - 1))
        self.assertEqual(self.transport.written, [])
        self.buffer.write(b"b")
        self.assertEqual(list(map(len, self.transport.written)), [SLICE])
        self.buffer.uncork()
        self.assertEqual(len(self.transport.written), 1)

    def test_discard(self):
        """What is discarded is all but the rest of a frame that is begun."""
        self.buffer.write(b"a" * (SLICE + 50))
        self.buffer.write(b"b" * 50)
        self.buffer.cork()
        self.buffer.write(b"c" * 50)
        self.buffer.discard()
        self.assertEqual(self.buffer.amount(), SLICE + 50)
        self.buffer.uncork()
        self.assertEqual(self.transport.empty(), b"a" * SLICE)
        self.assertEqual(self.transport.empty(), b"a" * 50)
        self.assertEqual(self.buffer.amount(), 0)

    def test_whenEmpty(self):
        """Who asks is called once nothing waits, perhaps at once."""
        calls = []
        self.buffer.notifyWhenEmpty(lambda: calls.append("at once"))
        self.assertEqual(calls, ["at once"])
        self.buffer.write(b"a" * 101)
        self.buffer.write(b"b")
        self.buffer.notifyWhenEmpty(lambda: calls.append("replaced"))
        self.buffer.notifyWhenEmpty(lambda: calls.append("later"))
        self.assertEqual(calls, ["at once"])
        self.transport.empty()
        self.assertEqual(calls, ["at once", "later"])

    def test_whenEmptyCorked(self):
        """What is corked goes before who asks is called."""
        self.buffer.cork()
        self.buffer.write(b"ab")
        written = []
        self.buffer.notifyWhenEmpty(lambda: written.extend(self.transport.written))
        self.assertEqual(written, [b"ab"])

    def test_stopped(self):
        """When the transport is gone nothing waits, and nobody is called."""
        self.buffer.write(b"a" * 101)
        self.buffer.write(b"b")
        self.buffer.notifyWhenEmpty(self.fail)
        self.transport.producer.stopProducing()
        self.transport.empty()
        self.assertEqual(self.buffer.amount(), 0)
        self.assertEqual(self.transport.written, [])

    def test_release(self):
        """It is the transport's producer until it is released."""
        self.assertIs(self.transport.producer, self.buffer)
        self.buffer.release()
        self.assertIsNone(self.transport.producer)


class FragmentSenderTests(SynchronousTestCase):
    """L{FragmentSender} by itself."""

    def test_oneAhead(self):
        """It takes one piece ahead, to know which is the last."""
        taken, sent = [], []

        def pieces():
            for piece in "abc":
                taken.append(piece)
                yield piece

        sender = FragmentSender(pieces(), lambda *call: sent.append(call))
        self.assertEqual(taken, ["a"])
        self.assertTrue(sender.sendNext())
        self.assertEqual((taken, sent), (["a", "b"], [("a", False)]))
        self.assertTrue(sender.sendNext())
        self.assertFalse(sender.sendNext())
        self.assertEqual(sent, [("a", False), ("b", False), ("c", True)])

    def test_empty(self):
        """Without a piece there is no message."""
        with self.assertRaises(ValueError) as caught:
            FragmentSender([], self.fail)
        self.assertEqual(str(caught.exception), "no pieces, needed at least 1")


class BackpressureTests(AgentCase):
    """What an agent hears, and its peer feels, when much waits."""

    def test_hooks(self):
        """C{sendBufferFilled} and C{sendBufferDrained} come in turns."""
        peer, agent = self.open(sendHighWater=100_000)
        for _ in range(3):
            peer.pauseReading()
            agent.sendBytesMessage(bytes(60_000))
            agent.sendBytesMessage(bytes(30_000))
            self.assertEqual(agent.calls, ["open"])
            agent.sendBytesMessage(bytes(10_000))
            agent.sendBytesMessage(bytes(10_000))
            self.assertEqual(agent.calls, ["open", "filled"])
            peer.resumeReading()
            self.assertEqual(agent.calls, ["open", "filled", "drained"])
            del agent.calls[1:]

    def test_bufferedAmount(self):
        """What waits is counted once the transport is full, and until it is not."""
        peer, agent = self.open()
        self.assertEqual(agent.bufferedAmount, 0)
        peer.pauseReading()
        agent.sendBytesMessage(bytes(60_000))
        self.assertEqual(agent.bufferedAmount, 0)
        agent.sendBytesMessage(bytes(30_000))
        self.assertEqual(agent.bufferedAmount, 90_008)
        agent.sendBytesMessage(bytes(100))
        self.assertEqual(agent.bufferedAmount, 90_110)
        peer.resumeReading()
        self.assertEqual(agent.bufferedAmount, 0)

    def test_neverReadEcho(self):
        """W1: to a peer that never reads its echo, we read no more."""
        peer, agent = self.open(Echo, sendTimeout=None, pingInterval=None)
        peer.pauseReading()
        for _ in range(100):
            peer.sendBytesMessage(bytes(65_536))
        self.assertLess(agent.bufferedAmount, 65_536 * 4)
        self.assertLess(peer.transport.unsent, 65_536 * 3)
        self.assertGreater(peer.transport.unread, 65_536 * 95)
        self.assertFalse(peer.transport.isReading)
        peer.resumeReading()
        self.assertEqual(peer.received, [bytes(65_536)] * 100)
        self.assertTrue(peer.transport.isReading)

    def test_neverReadEchoOneSegment(self):
        """W1: the messages of one segment are not all read either."""
        peer, agent = self.open(Echo, sendTimeout=None, pingInterval=None)
        peer.pauseReading()
        peer.sendOctets(frame(2, bytes(1000), key=KEY) * 1000)
        self.assertLess(agent.bufferedAmount, 65_536 * 3)
        peer.resumeReading()
        self.assertEqual(len(peer.received), 1000)

    def test_pingFlood(self):
        """L7: pongs that nobody reads stop the reading of pings."""
        peer, agent = self.open(pingInterval=None)
        peer.pauseReading()
        for _ in range(100):
            peer.sendOctets(frame(9, bytes(125), key=KEY) * 100)
        self.assertLess(agent.bufferedAmount, 65_536 * 3)
        self.assertFalse(peer.transport.isReading)
        peer.resumeReading()
        self.assertEqual(len(peer.pongs), 10_000)

    def test_sendInDrained(self):
        """What C{sendBufferDrained} sends may fill the buffer again."""
        left = [bytes(100_000)] * 5

        def more(agent):
            if left:
                agent.sendBytesMessage(left.pop())

        peer, agent = self.open(doing("sendBufferDrained", more))
        producer = Producer()
        agent.attachProducer(producer)
        agent.sendBytesMessage(bytes(100_000))
        self.assertEqual(len(peer.received), 6)
        self.assertEqual(agent.calls, ["open"] + ["filled", "drained"] * 6)
        self.assertEqual(producer.calls, ["pause"] * 6 + ["resume"])

    def test_sendInFilled(self):
        """What C{sendBufferFilled} sends goes after what filled."""
        peer, agent = self.open(
            doing("sendBufferFilled", lambda agent: agent.sendTextMessage("full"))
        )
        agent.sendBytesMessage(bytes(100_000))
        self.assertEqual(peer.received, [bytes(100_000), "full"])


class SendLimitTests(AgentCase):
    """C{sendLimit}: W2, what happens to a reader that is too slow."""

    def test_overrun(self):
        """One more message, when too much waits, is a close with 1013."""
        peer, agent = self.open(sendLimit=200_000)
        peer.pauseReading()
        agent.sendBytesMessage(bytes(100_000))
        agent.sendBytesMessage(bytes(100_000))
        self.assertTrue(agent.isOpen)
        agent.sendTextMessage("one more")
        self.assertFalse(agent.isOpen)
        peer.resumeReading()
        # The first was begun, and so is sent whole; the second is discarded.
        self.assertEqual(peer.received, [bytes(100_000)])
        self.assertEqual(peer.closed, (1013, "more than 200000 octets wait to be sent"))
        self.assertEqual(
            agent.ending,
            (ClosedUncleanly, 1013, "more than 200000 octets wait to be sent", "us"),
        )

    def test_exactly(self):
        """As many octets as the limit are not too many, bytes or text."""
        peer, agent = self.open(sendLimit=100_010)
        peer.pauseReading()
        agent.sendBytesMessage(bytes(100_000))
        agent.sendTextMessage("x")
        self.assertTrue(agent.isOpen)
        peer.resumeReading()
        self.assertEqual(peer.received, [bytes(100_000), "x"])

    def test_fragment(self):
        """A fragment is too much as a message is."""
        peer, agent = self.open(sendLimit=1)
        peer.pauseReading()
        agent.sendFragment(bytes(100_000))
        agent.sendFragment(b"", True)
        peer.resumeReading()
        self.assertEqual(peer.closed[0], 1013)

    def test_close(self):
        """A Close frame is no message: what waits is sent, and then it."""
        peer, agent = self.open(sendLimit=1)
        peer.pauseReading()
        agent.sendBytesMessage(bytes(300_000))
        agent.loseConnection(3000, "done")
        peer.resumeReading()
        self.assertEqual(peer.received, [bytes(300_000)])
        self.assertEqual(peer.closed, (3000, "done"))
        self.assertEqual(agent.ending, (ClosedCleanly, 3000, "done", "us"))

    def test_pings(self):
        """Pings and pongs are no messages."""
        peer, agent = self.open(sendLimit=1)
        peer.pauseReading()
        agent.sendBytesMessage(bytes(300_000))
        agent.ping(b"x")
        self.assertTrue(agent.isOpen)
        peer.resumeReading()
        self.assertEqual(peer.pings, [b"x"])

    def test_held(self):
        """Messages that wait for the end of a fragmented one are counted."""
        peer, agent = self.open(sendLimit=1000)
        agent.sendFragment("begun")
        agent.sendBytesMessage(bytes(600))
        self.assertEqual(agent.bufferedAmount, 604)
        agent.sendBytesMessage(bytes(600))
        self.assertEqual(agent.bufferedAmount, 1208)
        agent.sendBytesMessage(bytes(600))
        self.assertEqual(peer.closed[0], 1013)
        self.assertEqual(peer.received, [])

    def test_heldAndSent(self):
        """Messages that waited for a fragmented one are counted no more."""
        peer, agent = self.open(sendLimit=1000)
        agent.sendFragment("begun")
        agent.sendBytesMessage(bytes(600))
        agent.sendFragment("ended", True)
        self.assertEqual(agent.bufferedAmount, 0)
        self.assertEqual(peer.received, ["begunended", bytes(600)])

    def test_none(self):
        """Without a limit everything waits."""
        peer, agent = self.open(sendLimit=None)
        peer.pauseReading()
        for _ in range(30):
            agent.sendBytesMessage(bytes(100_000))
        self.assertTrue(agent.isOpen)
        peer.resumeReading()
        self.assertEqual(len(peer.received), 30)

    def test_othersUndisturbed(self):
        """W2: to a reader that stopped, a broadcast costs only itself."""
        peer, agent = self.open(sendLimit=100_000)
        other, otherAgent = self.open(sendLimit=100_000)
        peer.pauseReading()
        for _ in range(100):
            for each in (agent, otherAgent):
                each.sendBytesMessage(bytes(10_000))
            self.assertLess(agent.bufferedAmount, 200_000)
            self.assertEqual(other.closed, None)
        self.assertEqual(len(other.received), 100)
        peer.resumeReading()
        self.assertEqual(peer.closed[0], 1013)


class ProducerTests(AgentCase):
    """C{attachProducer} and C{detachProducer}."""

    def test_pausedAndResumed(self):
        """A producer is paused at the high-water mark, and resumed."""
        peer, agent = self.open()
        producer = Producer()
        agent.attachProducer(producer)
        self.assertEqual(producer.calls, [])
        peer.pauseReading()
        agent.sendBytesMessage(bytes(100_000))
        self.assertEqual(producer.calls, ["pause"])
        peer.resumeReading()
        self.assertEqual(producer.calls, ["pause", "resume"])

    def test_attachedWhileFull(self):
        """A producer that comes when much waits is paused at once."""
        peer, agent = self.open()
        peer.pauseReading()
        agent.sendBytesMessage(bytes(100_000))
        producer = Producer()
        agent.attachProducer(producer)
        self.assertEqual(producer.calls, ["pause"])
        peer.resumeReading()
        self.assertEqual(producer.calls, ["pause", "resume"])

    def test_second(self):
        """There is one producer at a time."""
        _, agent = self.open()
        agent.attachProducer(Producer())
        with self.assertRaises(ValueError):
            agent.attachProducer(Producer())
        agent.detachProducer()
        agent.attachProducer(Producer())

    def test_detached(self):
        """A producer that is detached hears nothing more."""
        peer, agent = self.open()
        producer = Producer()
        agent.attachProducer(producer)
        agent.detachProducer()
        agent.detachProducer()
        agent.sendBytesMessage(bytes(100_000))
        peer.vanish()
        self.assertEqual(producer.calls, [])

    def test_stopped(self):
        """A producer is stopped once, however the connection ends."""
        for end in (
            lambda _, agent: agent.loseConnection(),
            lambda _, agent: agent.abortConnection(),
            lambda peer, _: peer.loseConnection(),
            lambda peer, _: peer.finish(),
            lambda peer, _: peer.vanish(),
            lambda peer, _: peer.sendOctets(b"\xff\xff"),
        ):
            peer, agent = self.open()
            producer = Producer()
            agent.attachProducer(producer)
            end(peer, agent)
            self.assertTrue(peer.isDisconnected)
            self.assertEqual(producer.calls, ["stop"])

    def test_tooLate(self):
        """A producer that is attached too late is stopped at once."""
        peer, agent = self.open()
        agent.loseConnection()
        producer = Producer()
        agent.attachProducer(producer)
        self.assertEqual(producer.calls, ["stop"])
        peer.vanish()
        agent.attachProducer(producer)
        self.assertEqual(producer.calls, ["stop", "stop"])

    def test_raises(self):
        """A producer that raises costs the connection only, and only once."""

        class Broken(Producer):
            def pauseProducing(self):
                raise RuntimeError("pause")

            def stopProducing(self):
                super().stopProducing()
                raise RuntimeError("stop")

        peer, agent = self.open()
        producer = Broken()
        agent.attachProducer(producer)
        agent.sendBytesMessage(bytes(100_000))
        self.assertEqual(peer.closed, (1011, ""))
        self.assertEqual(producer.calls, ["stop"])
        self.assertEqual(agent.ending[:2], (ClosedUncleanly, 1011))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)


class SendFragmentTests(AgentCase):
    """C{sendFragment}."""

    def test_fragments(self):
        """Text and bytes go piece by piece."""
        peer, agent = self.open()
        agent.sendFragment("hé")
        agent.sendFragment("llo", isLast=True)
        agent.sendFragment(b"", isLast=False)
        agent.sendFragment(b"\xff", isLast=True)
        self.assertEqual(
            self.frames(peer),
            [(0x01, "hé".encode()), (0x80, b"llo"), (0x02, b""), (0x80, b"\xff")],
        )
        self.assertEqual(peer.received, ["héllo", b"\xff"])

    def test_between(self):
        """Messages wait for the last fragment, control frames do not."""
        peer, agent = self.open()
        agent.sendFragment("a")
        agent.sendTextMessage("later")
        agent.sendBytesMessage(b"later")
        agent.ping(b"now")
        peer.ping(b"now")
        agent.sendFragment("b", isLast=True)
        self.assertEqual(
            [first for first, _ in self.frames(peer)],
            [0x01, 0x89, PONG, 0x80, TEXT, BYTES],
        )
        self.assertEqual(peer.received, ["ab", "later", b"later"])

    def test_types(self):
        """A message's fragments are all text or all octets."""
        peer, agent = self.open()
        agent.sendFragment("a")
        with self.assertRaises(TypeError):
            agent.sendFragment(b"b")
        with self.assertRaises(TypeError):
            agent.sendFragment(5)
        agent.sendFragment("c", isLast=True)
        self.assertEqual(peer.received, ["ac"])

    def test_close(self):
        """A close in the middle of a message drops its rest, and what it held."""
        peer, agent = self.open()
        agent.sendFragment("a")
        agent.sendTextMessage("held")
        agent.loseConnection()
        agent.sendFragment("b", isLast=True)
        self.assertEqual(self.frames(peer), [(1, b"a"), (CLOSE, b"\x03\xe8")])


class SendFragmentsTests(AgentCase):
    """C{sendFragments}."""

    def test_all(self):
        """What an iterable gives becomes one message."""
        peer, agent = self.open()
        finished = agent.sendFragments(["a", "b", "c"])
        self.assertIsNone(self.successResultOf(finished))
        self.assertEqual(self.frames(peer), [(1, b"a"), (0, b"b"), (0x80, b"c")])
        agent.sendFragments(iter([b"\xff"]))
        self.assertEqual(peer.received, ["abc", b"\xff"])

    def test_backpressure(self):
        """Pieces are taken as there is room."""
        peer, agent = self.open()
        taken = []

        def pieces():
            for number in range(50):
                taken.append(number)
                yield bytes(10_000)

        peer.pauseReading()
        finished = agent.sendFragments(pieces())
        self.assertLess(len(taken), 17)
        self.assertNoResult(finished)
        peer.resumeReading()
        self.successResultOf(finished)
        self.assertEqual(len(taken), 50)
        self.assertEqual(peer.received, [bytes(500_000)])

    def test_twoAtOnce(self):
        """A second message goes after the first."""
        peer, agent = self.open()
        peer.pauseReading()
        first = agent.sendFragments([bytes(50_000)] * 5)
        second = agent.sendFragments(["x", "y"])
        agent.sendTextMessage("whole")
        self.assertNoResult(first)
        self.assertNoResult(second)
        peer.resumeReading()
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual(
            sorted(map(str, peer.received)),
            sorted(map(str, [bytes(250_000), "whole", "xy"])),
        )
        self.assertEqual(peer.received[0], bytes(250_000))

    def test_empty(self):
        """Without pieces there is no message."""
        peer, agent = self.open()
        with self.assertRaises(ValueError):
            agent.sendFragments([])
        self.assertEqual(self.frames(peer), [])
        self.successResultOf(agent.sendFragments(["x"]))

    def test_raises(self):
        """What the iterable raises fails the Deferred, and closes with 1011."""

        def pieces():
            yield "a"
            yield "b"
            raise RuntimeError("no more")

        peer, agent = self.open()
        finished = agent.sendFragments(pieces())
        self.failureResultOf(finished, RuntimeError)
        self.assertEqual(self.frames(peer), [(1, b"a"), (CLOSE, b"\x03\xf3")])
        (failure,) = agent.lost
        self.assertEqual(failure.value.code, 1011)
        self.assertIsInstance(failure.value.__cause__, RuntimeError)

    def test_mixedTypes(self):
        """Pieces of two types are as an iterable that raises."""
        peer, agent = self.open()
        self.failureResultOf(agent.sendFragments(["a", b"b", "c"]), TypeError)
        self.assertEqual(peer.closed, (1011, ""))

    def test_ends(self):
        """When the connection ends before, the Deferreds fail as it does."""
        peer, agent = self.open()
        peer.pauseReading()
        deferreds = [agent.sendFragments([bytes(50_000)] * 5) for _ in range(2)]
        peer.vanish()
        for finished in deferreds:
            error = self.failureResultOf(finished, ClosedUncleanly).value
            self.assertEqual((error.code, error.initiator), (1006, "peer"))

    def test_endsWithClose(self):
        """A close of ours drops the pieces that were not taken."""
        peer, agent = self.open()
        peer.pauseReading()
        finished = agent.sendFragments([bytes(50_000)] * 5)
        agent.loseConnection(3000)
        self.failureResultOf(finished, ClosedUncleanly)
        peer.resumeReading()
        self.assertEqual(peer.received, [])
        self.assertEqual(agent.ending, (ClosedCleanly, 3000, "", "us"))

    def test_notOpen(self):
        """On a connection that is not open, the Deferred fails at once."""
        peer, agent = self.open()
        agent.loseConnection()
        self.failureResultOf(agent.sendFragments(["x"]), ClosedUncleanly)
        self.assertEqual(peer.closed, (1000, ""))
        self.failureResultOf(agent.sendFragments(["x"]), ClosedCleanly, ConnectionDone)

    def test_generatorCloses(self):
        """An iterable may close the connection that it is sent on."""
        peer, agent = self.open()

        def pieces():
            yield "a"
            agent.loseConnection()
            yield "b"

        self.failureResultOf(agent.sendFragments(pieces()), ClosedUncleanly)
        self.assertEqual([first for first, _ in self.frames(peer)], [CLOSE])

    def test_lastPieceCloses(self):
        """An iterable may close the connection at its very end."""
        peer, agent = self.open()

        def pieces():
            yield "a"
            agent.loseConnection()

        self.failureResultOf(agent.sendFragments(pieces()), ClosedUncleanly)
        self.assertEqual([first for first, _ in self.frames(peer)], [CLOSE])

    def test_awaited(self):
        """A hook that waits for it hears of the end, and that is no failure."""

        class Sender(Noting):
            async def textMessageReceived(self, message):
                await self.sendFragments([bytes(50_000)] * 5)

        peer, agent = self.open(Sender)
        peer.pauseReading()
        peer.sendTextMessage("x")
        peer.vanish()
        self.assertEqual(agent.ending, (ClosedUncleanly, 1006, "", "peer"))
