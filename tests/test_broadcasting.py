"""L{wsagent.broadcasting}: a message to many, in order, a few at a time."""

import gc
import tracemalloc
from itertools import pairwise

from twisted.internet.defer import AlreadyCalledError, CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.clients import ClientCase
from tests.core.notation import row
from tests.core.test_outgoing import Shouting
from tests.safety.octets import framesIn
from wsagent import (
    ClosedUncleanly,
    Compression,
    PreparedMessage,
    Settings,
    WebSocketServerFactory,
    broadcast,
    broadcasting,
)
from wsagent.core import deflate
from wsagent.core.permessage import PermessageDeflate
from wsagent.testing import connected, upgradeRequest

from .agents import CLOSE, PING, TEXT, Noting, doing

LONG = "the same words, " * 1000
BIG = b"\x00" * 1_000_000


class BusyClock(Clock):
    """
    A clock at which each look takes time.

    @ivar pace: seconds that it takes.
    """

    pace = 0.0

    def seconds(self):
        """Tell the time."""
        self.rightNow += self.pace
        return self.rightNow

    def turn(self):
        """Make the calls that are due, and not those that come of them."""
        for call in [each for each in self.calls if each.time <= self.rightNow]:
            self.calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)


class BroadcastCase(SynchronousTestCase):
    """
    A test with a server, and many who are connected to it.

    @ivar agents: the server's, in the order in which they came.
    """

    def setUp(self):
        """Nobody is connected."""
        self.clock = BusyClock()
        self.agents = []
        self.peers = []
        self._everyone = []
        self.addCleanup(self._assertNothingLeft)

    def connect(self, count, application=Noting, extensions=(), **settings):
        """
        Connect peers to one more server.

        @return: the peers.
        """

        def make():
            self.agents.append(application())
            return self.agents[-1]

        settings.setdefault("pingInterval", None)
        self.factory = WebSocketServerFactory(
            make, settings=Settings(**settings), reactor=self.clock
        )
        peers = [connected(self.factory, extensions=extensions) for _ in range(count)]
        self.peers += peers
        self._everyone += peers
        return peers

    def _assertNothingLeft(self):
        """Have all peers gone; nothing is left to do for them."""
        for peer in self._everyone:
            peer.vanish()
        self.clock.pace = 0
        self.clock.advance(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def assertReceived(self, *messages):
        """Every peer got the same messages."""
        for number, peer in enumerate(self.peers):
            with row(number):
                self.assertEqual(peer.received, list(messages))

    def slowly(self, count=1):
        """Have a turn be over after so many messages, of any size."""
        self.patch(broadcasting, "_LOOK", 1)
        self.clock.pace = 0.002 / count


class BroadcastTests(BroadcastCase):
    """L{broadcast}, where all is sent in one turn."""

    def test_everyone(self):
        """Text arrives as text and octets as octets, everywhere, at once."""
        self.connect(3)
        for message in ("héllo", b"\xff", bytearray(b"a"), memoryview(b"b"), "", b""):
            self.assertIsNone(self.successResultOf(broadcast(self.agents, message)))
        self.assertReceived("héllo", b"\xff", b"a", b"b", "", b"")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_prepared(self):
        """A message may be prepared, and sent as often as is liked, alone too."""
        self.connect(2)
        prepared = PreparedMessage("x")
        broadcast(self.agents, prepared)
        for agent in self.agents:
            agent.sendPrepared(prepared)
        broadcast(self.agents, prepared)
        self.assertReceived("x", "x", "x")

    def test_nobody(self):
        """To send to nobody is done at once."""
        self.assertIsNone(self.successResultOf(broadcast([], "x")))

    def test_wrong(self):
        """What cannot be sent is refused before anybody gets it."""
        self.connect(1)
        self.assertRaises(TypeError, broadcast, self.agents, 7)
        self.assertRaises(ValueError, broadcast, self.agents, "\ud800")
        self.assertRaises(TypeError, broadcast, [], None)
        self.assertReceived()

    def test_anyIterable(self):
        """The agents may be a set, a mapping's values, or come one by one."""
        self.connect(2)
        broadcast(set(self.agents), "set")
        broadcast(dict(enumerate(self.agents)).values(), "values")
        broadcast((agent for agent in self.agents), "generator")
        self.assertReceived("set", "values", "generator")

    def test_twice(self):
        """Who is named twice gets it twice."""
        self.connect(1)
        broadcast(self.agents * 2, "x")
        self.assertReceived("x", "x")

    def test_notOpen(self):
        """Those that are not open are left out: not yet, closing, lost."""
        deciding = []
        self.connect(1)
        self.connect(1, doing("requestReceived", lambda _: self._later(deciding)))
        closing, lost, open_ = self.connect(3)
        closing.pauseReading()
        self.agents[2].loseConnection()
        lost.vanish()
        self.slowly()
        done = broadcast(self.agents, "x")
        deciding[0].callback(None)
        self.clock.pace = 0
        self.clock.turn()
        self.assertIsNone(self.successResultOf(done))
        closing.resumeReading()
        self.assertEqual(
            [peer.received for peer in self.peers],
            [["x"], [], [], [], ["x"]],
        )
        self.assertEqual(open_.received, ["x"])

    def _later(self, deciding):
        """Decide later."""
        deciding.append(Deferred())
        return deciding[-1]

    def test_factory(self):
        """A factory sends to all its agents that are open."""
        others = self.connect(1)
        peers = self.connect(2)
        undecided = connected(
            WebSocketServerFactory(
                doing("requestReceived", lambda _: Deferred()), reactor=self.clock
            )
        )
        self.factory.broadcast("a")
        self.factory.broadcast(PreparedMessage(b"b"))
        self.successResultOf(undecided.factory.broadcast("c"))
        undecided.vanish()
        self.assertEqual([peer.received for peer in peers], [["a", b"b"]] * 2)
        self.assertEqual(others[0].received, [])

    def test_fragments(self):
        """An agent in the middle of a message gets it after that one."""
        self.connect(2)
        self.agents[0].sendFragment("on")
        broadcast(self.agents, "x")
        self.assertEqual([peer.received for peer in self.peers], [[], ["x"]])
        self.agents[0].sendFragment("e", isLast=True)
        self.assertEqual(self.peers[0].received, ["one", "x"])

    def test_idle(self):
        """It is a message like others for C{idleTimeout}."""
        (peer,) = self.connect(1, idleTimeout=60)
        for _ in range(3):
            self.clock.advance(50)
            broadcast(self.agents, "x")
            self.assertIsNone(peer.closed)
        self.clock.advance(60)
        self.assertEqual(peer.closed, (1001, "idle for 60 s"))

    def test_clients(self):
        """Clients may send one too, among themselves and with servers."""
        case = ClientCase()
        case.setUp()
        self.addCleanup(case.doCleanups)
        for _ in range(2):
            opened = case.net.connect()
            case.net.line.accept()
            self.agents.append(self.successResultOf(opened))
        self.connect(1)
        broadcast(self.agents, "x")
        frames = []
        for line in case.net.lines:
            line.pump()
            frames.append(line.frames)
        for octets in frames:
            self.assertEqual(octets[:2], b"\x81\x81")
            self.assertEqual(octets[6] ^ octets[2], ord("x"))
        self.assertEqual(self.peers[0].received, ["x"])


class IsolationTests(BroadcastCase):
    """Whatever happens to one of many disturbs none of the others."""

    def test_slow(self):
        """Who does not read reaches its own limit: 1013; the others get all."""
        self.connect(3, sendLimit=100_000)
        slow = self.peers.pop(1)
        slow.pauseReading()
        for count in range(1, 5):
            broadcast(self.agents, b"x" * 60_000)
            self.assertReceived(*[b"x" * 60_000] * count)
        slow.resumeReading()
        self.assertEqual(slow.closed, (1013, "more than 100000 octets wait to be sent"))

    def test_raises(self):
        """An agent whose hook raises, anything, is closed with 1011."""
        for error in (ZeroDivisionError, KeyboardInterrupt):

            def fail(_, error=error):
                raise error

            with row(error.__name__):
                self.agents.clear()
                self.peers.clear()
                self.connect(1)
                self.connect(1, doing("sendBufferFilled", fail))
                self.connect(1)
                failing = self.peers.pop(1)
                failing.pauseReading()
                self.successResultOf(broadcast(self.agents, BIG))
                self.assertReceived(BIG)
                failing.resumeReading()
                self.assertEqual(failing.closed, (1011, ""))
                self.assertEqual(len(self.flushLoggedErrors(error)), 1)

    def test_codecRaises(self):
        """A codec that fails closes its own connection only."""

        class Failing(Shouting):
            def encode(self, payload, choice):
                raise ZeroDivisionError

        codecs = [Shouting(None), Failing(None), Shouting(None)]

        class Extension:
            name = "x-shouting"

            def offers(self):
                return [[]]

            def accept(self, offer):
                return [], codecs.pop(0)

            def begin(self, answer):
                return Shouting(None)

        settings = Settings(pingInterval=None)
        self.factory = WebSocketServerFactory(
            lambda: self.agents.append(Noting()) or self.agents[-1],
            settings=settings,
            reactor=self.clock,
            extensions=[Extension()],
        )
        self.peers = [
            connected(self.factory, extensions=[Extension()]) for _ in range(3)
        ]
        broadcast(self.agents, "x")
        failed = self.peers.pop(1)
        self.assertReceived("X")
        self.assertEqual(failed.closed, (1011, ""))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        for peer in self.peers:
            peer.vanish()

    def test_closesOthers(self):
        """Who closes others: those who were to get it get it, and are closed."""

        def closeAll(_):
            for agent in self.agents:
                agent.loseConnection(4000)

        first = self.connect(1, doing("sendBufferFilled", closeAll))[0]
        self.connect(3)
        first.pauseReading()
        self.successResultOf(broadcast(self.agents, BIG))
        first.resumeReading()
        self.assertReceived(BIG)
        for peer in self.peers:
            self.assertEqual(peer.closed, (4000, ""))

    def test_abortsOthers(self):
        """Who aborts others: nothing is sent to them any more."""

        def abortOthers(_):
            for agent in self.agents[1:]:
                agent.abortConnection()

        first = self.connect(1, doing("sendBufferFilled", abortOthers))[0]
        self.connect(3)
        first.pauseReading()
        self.successResultOf(broadcast(self.agents, BIG))
        first.resumeReading()
        self.assertEqual([len(peer.received) for peer in self.peers], [1, 0, 0, 0])

    def test_setChanges(self):
        """Who comes or goes meanwhile changes nothing: the set may change."""
        self.connect(4)
        agents = dict.fromkeys(self.agents)
        self.slowly()
        broadcast(agents, "x")
        agents.clear()
        (late,) = self.connect(1)
        agents[self.agents[-1]] = None
        self.clock.turn()
        self.peers.pop(2).vanish()
        for _ in range(5):
            self.clock.turn()
        self.assertEqual(late.received, [])
        self.peers.remove(late)
        self.assertReceived("x")


class OrderTests(BroadcastCase):
    """It is as if all were sent when C{broadcast} returns."""

    def test_turns(self):
        """No turn is longer than its time; the rest comes with the next ones."""
        self.connect(10)
        self.slowly(4)
        done = broadcast(self.agents, "x")
        received = []
        while True:
            received.append(sum(map(len, (peer.received for peer in self.peers))))
            if done.called:
                break
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
            self.clock.turn()
        self.assertEqual(received, [4, 8, 10])
        self.assertReceived("x")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_looks(self):
        """The clock is looked at after each long message, and some short ones."""
        self.connect(200, sendLimit=None)
        self.clock.pace = 0.001
        for message, most in ((b"x", 64), (b"x" * 20_000, 2)):
            done = broadcast(self.agents, message)
            counts = [0]
            while not done.called:
                counts.append(sum(message in peer.received for peer in self.peers))
                self.clock.turn()
            turns = [after - before for before, after in pairwise(counts)]
            self.assertLessEqual(max(turns), most)
            self.assertGreater(min(turns), 0)

    def test_two(self):
        """Two broadcasts arrive in their order everywhere, and are done in it."""
        self.connect(6)
        self.slowly()
        done = []
        for message in ("a", "b", "c"):
            broadcast(self.agents, message).addCallback(
                lambda _, message=message: done.append(message)
            )
            self.clock.turn()
        while len(done) < 3:
            self.clock.turn()
        self.assertReceived("a", "b", "c")
        self.assertEqual(done, ["a", "b", "c"])

    def test_joined(self):
        """What is owed to an agent when its turn comes leaves in one write."""
        self.connect(2)
        self.slowly()
        writes = []
        self.patch(self.peers[1].transport, "write", writes.append)
        for message in "abc":
            broadcast(self.agents, message)
        self.clock.turn()
        self.clock.turn()
        self.assertEqual(writes, [b"\x81\x01a\x81\x01b\x81\x01c"])

    def test_notOvertaken(self):
        """Whatever is sent to an agent afterwards comes after it."""
        for send, expected in (
            (lambda agent: agent.sendTextMessage("y"), (TEXT, b"y")),
            (lambda agent: agent.sendBytesMessage(b"y"), (0x82, b"y")),
            (lambda agent: agent.sendPrepared(PreparedMessage("y")), (TEXT, b"y")),
            (lambda agent: agent.sendFragment("y"), (0x01, b"y")),
            (lambda agent: agent.sendFragments(["y"]), (TEXT, b"y")),
            (lambda agent: agent.send("y"), (TEXT, b"y")),
            (lambda agent: agent.ping(b"y"), (PING, b"y")),
            (lambda agent: agent.loseConnection(), (CLOSE, b"\x03\xe8")),
        ):
            with row(expected):
                self.agents.clear()
                peers = self.connect(5)
                self.slowly()
                done = broadcast(self.agents, "x")
                for agent in self.agents:
                    send(agent)
                for peer in peers:
                    self.assertEqual(framesIn(peer.octets), [(TEXT, b"x"), expected])
                while not done.called:
                    self.clock.turn()
                for peer in peers:
                    self.assertEqual(len(framesIn(peer.octets)), 2)

    def test_hook(self):
        """What a hook sends to others, in the midst of it, comes after it too."""

        def tell(_):
            for agent in self.agents:
                agent.sendTextMessage("full")
            broadcast(self.agents, "all")

        first = self.connect(1, doing("sendBufferFilled", tell))[0]
        self.connect(2)
        first.pauseReading()
        broadcast(self.agents, BIG)
        broadcast(self.agents, "next")
        first.resumeReading()
        self.assertReceived(BIG, "full", "all", "next")

    def test_hookOwed(self):
        """What an agent sends itself, full by what was owed, comes after all of it."""
        self.connect(1)
        filled = doing("sendBufferFilled", lambda agent: agent.sendTextMessage("full"))
        last = self.connect(1, filled)[0]
        last.pauseReading()
        self.slowly()
        for message in (BIG, "b"):
            broadcast(self.agents, message)
        self.clock.turn()
        self.clock.turn()
        last.resumeReading()
        self.assertEqual(last.received, [BIG, "b", "full"])

    def test_whenDone(self):
        """One that is begun when another is done goes on in the same manner."""
        self.connect(3)
        broadcast(self.agents, "a").addCallback(
            lambda _: broadcast(self.agents, "b"),
        )
        self.assertReceived("a", "b")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_reactorInHook(self):
        """Who runs the reactor in a hook disturbs nobody."""
        first = self.connect(1, doing("sendBufferFilled", lambda _: self.clock.turn()))
        self.connect(3)
        first[0].pauseReading()
        self.slowly()
        done = broadcast(self.agents, BIG)
        while not done.called:
            self.clock.turn()
        first[0].resumeReading()
        self.assertReceived(BIG)

    def test_cancel(self):
        """To cancel stops nothing, and harms nothing."""
        self.connect(4)
        self.slowly()
        done = broadcast(self.agents, "x")
        done.cancel()
        self.failureResultOf(done, CancelledError)
        for _ in range(4):
            self.clock.turn()
        self.assertReceived("x")

    def test_misused(self):
        """Whoever fires what is not his stops nobody else's."""
        self.connect(3)
        self.slowly()
        broadcast(self.agents, "a").callback(None)
        done = broadcast(self.agents, "b")
        self.clock.turn()
        self.clock.turn()
        self.assertRaises(AlreadyCalledError, self.clock.turn)
        while not done.called:
            self.clock.turn()
        self.assertReceived("a", "b")

    def test_lost(self):
        """Who is lost before its turn gets nothing, and leaves nothing."""
        self.connect(3)
        self.slowly()
        done = broadcast(self.agents, "x")
        for peer in self.peers:
            peer.vanish()
        self.assertEqual(
            [agent.ending for agent in self.agents],
            [(ClosedUncleanly, 1006, "", "peer")] * 3,
        )
        while not done.called:
            self.clock.turn()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class SharingTests(BroadcastCase):
    """What is made once for all."""

    def compressions(self, call):
        """Count the streams that a call begins."""
        begun = []
        make = deflate.zlib.compressobj
        with_ = self.patch(
            deflate.zlib,
            "compressobj",
            lambda *arguments: begun.append(arguments) or make(*arguments),
        )
        call()
        with_.restore()
        return len(begun)

    def test_compressed(self):
        """Without context takeover, there is one compression for each window."""
        ours = Compression(hasContextTakeover=False)
        for bits in (12, 12, 12, 9, 9):
            wish = Compression(peerWindowBits=bits)
            self.connect(1, extensions=[PermessageDeflate(wish)], compression=ours)
        self.connect(2, compression=ours)
        count = self.compressions(lambda: broadcast(self.agents, LONG))
        self.assertEqual(count, 2)
        self.assertReceived(LONG)
        for peer in self.peers[:5]:
            self.assertLess(len(peer.octets), 1000)

    def test_peerWishes(self):
        """It is so too where peers ask for it, and the others refer as they like."""
        wishes = [False, False, True, True]
        for takeover in wishes:
            wish = Compression(peerHasContextTakeover=takeover)
            self.connect(
                1, extensions=[PermessageDeflate(wish)], compression=Compression()
            )
        count = self.compressions(lambda: broadcast(self.agents, LONG))
        self.assertEqual(count, 1 + 2)
        broadcast(self.agents, LONG)
        self.assertReceived(LONG, LONG)

    def test_choice(self):
        """The application may choose, and a short message goes out plain."""
        extensions = [PermessageDeflate(Compression())]
        self.connect(2, extensions=extensions, compression=Compression())
        for message, compress, first in (
            ("short", None, 0x81),
            ("short", True, 0xC1),
            (LONG, None, 0xC1),
            (LONG, False, 0x81),
        ):
            before = [len(peer.octets) for peer in self.peers]
            broadcast(self.agents, message, compress)
            for peer, start in zip(self.peers, before, strict=True):
                self.assertEqual(peer.octets[start], first)
        self.assertReceived("short", "short", LONG, LONG)

    def test_memory(self):
        """Many who do not read have us keep a message once."""
        self.connect(100, sendLimit=None)
        for peer in self.peers:
            peer.pauseReading()
        # Each transport is full from now on.
        broadcast(self.agents, b"\x00" * 70_000)
        gc.collect()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for count in range(3):
            broadcast(self.agents, bytes(BIG))
            current, peak = tracemalloc.get_traced_memory()
            self.assertLess(peak, (count + 2) * len(BIG) + 1_000_000)
            self.assertGreater(current, (count + 1) * len(BIG))

    def test_memoryHeld(self):
        """So do many who wait for the end of a message in fragments."""
        self.connect(100, sendLimit=None)
        for agent in self.agents:
            agent.sendFragment("x")
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        broadcast(self.agents, BIG)
        _, peak = tracemalloc.get_traced_memory()
        self.assertLess(peak, 3 * len(BIG))


class RequestTests(BroadcastCase):
    """A request of a peer may be what is told to everyone."""

    def test_fromMessage(self):
        """A message, passed on to all, comes back in order to who sent it."""

        class Telling(Noting):
            def textMessageReceived(agent, message):  # noqa: N805
                agent.sendTextMessage("before")
                broadcast(self.agents, message)
                agent.sendTextMessage("after")

        one, other = self.connect(2, Telling)
        one.sendTextMessage("x")
        self.assertEqual(one.received, ["before", "x", "after"])
        self.assertEqual(other.received, ["x"])

    def test_request(self):
        """Nothing is sent to a peer whose request is refused."""
        self.connect(1)
        refused = connected(
            self.factory, request=upgradeRequest().replace(b"13", b"12")
        )
        self.factory.broadcast("x")
        self.assertEqual(refused.status, 426)
        self.assertReceived("x")
