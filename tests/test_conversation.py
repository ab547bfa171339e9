"""The sequential style: C{conversation}, C{receive}, C{send}, C{async for}."""

from twisted.internet.defer import (
    CancelledError,
    Deferred,
    inlineCallbacks,
)
from twisted.internet.defer import (
    TimeoutError as DeferredTimeout,
)
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase

from wsagent import ClosedCleanly, ClosedUncleanly, Settings, WebSocketProtocol
from wsagent.testing import connected


class Echo(WebSocketProtocol):
    """Send back what comes, one after the other."""

    async def conversation(self):
        """Echo until the peer closes."""
        async for message in self:
            await self.send(message)


class Listener(WebSocketProtocol):
    """Receive only when the test says so."""

    def __init__(self):
        """Nothing is received, and nothing lost, yet."""
        self.step = Deferred()
        self.lost = []

    async def conversation(self):
        """Be open until the test has enough."""
        await self.step

    def connectionLost(self, reason):
        """Note the end."""
        self.lost.append(reason.value)


class ConversationTests(SynchronousTestCase):
    """An agent that converses takes its messages one after the other."""

    def test_echo(self):
        """Messages of both kinds come out of C{async for}, and go out by C{send}."""
        peer = connected(Echo)
        peer.sendTextMessage("héllo")
        peer.sendBytesMessage(b"\xff")
        self.assertEqual(peer.received, ["héllo", b"\xff"])

    def test_endOfLoop(self):
        """C{async for} ends when the peer closes cleanly, and nothing is logged."""
        peer = connected(Echo)
        peer.loseConnection(3000)
        self.assertEqual(peer.closed, (3000, ""))
        self.assertEqual(peer.clock.getDelayedCalls(), [])

    def test_endOfConversation(self):
        """The end of the conversation closes the connection with 1000."""

        class Once(WebSocketProtocol):
            async def conversation(self):
                await self.send(await self.receive())

        peer = connected(Once)
        peer.sendTextMessage("one")
        peer.sendTextMessage("two")
        self.assertEqual(peer.received, ["one"])
        self.assertEqual(peer.closed, (1000, ""))

    def test_inlineCallbacks(self):
        """A generator of Deferreds is a conversation too."""

        class Once(WebSocketProtocol):
            @inlineCallbacks
            def conversation(self):
                message = yield self.receive()
                yield self.send(message)

        peer = connected(Once)
        peer.sendTextMessage("one")
        self.assertEqual(peer.received, ["one"])

    def test_failure(self):
        """What a conversation raises is logged once, and closes with 1011."""

        class Failing(WebSocketProtocol):
            async def conversation(self):
                raise ZeroDivisionError(await self.receive())

        peer = connected(Failing)
        peer.sendTextMessage("one")
        self.assertEqual(peer.closed, (1011, ""))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_handshakeSegment(self):
        """A conversation can begin with a message of its own."""

        class First(WebSocketProtocol):
            async def conversation(self):
                await self.send("first")
                await self.receive()

        self.assertEqual(connected(First).received, ["first"])

    def test_reasonIsThatOfConnectionLost(self):
        """C{receive} fails with the very error that C{connectionLost} gets."""
        for end, kind in (
            (lambda peer: peer.loseConnection(3001, "bye"), ClosedCleanly),
            (lambda peer: peer.vanish(), ClosedUncleanly),
        ):
            peer = connected(Listener)
            agent = peer.agent
            waiting = agent.receive()
            end(peer)
            self.assertIs(self.failureResultOf(waiting).value, agent.lost[0])
            self.assertIs(self.failureResultOf(agent.receive()).value, agent.lost[0])
            self.assertIsInstance(agent.lost[0], kind)

    def test_uncleanEndOfLoop(self):
        """C{async for} raises when the connection ends uncleanly."""
        ends = []

        class Noting(WebSocketProtocol):
            async def conversation(self):
                try:
                    async for _ in self:
                        pass
                except ClosedUncleanly as error:
                    ends.append(error.code)

        connected(Noting).vanish()
        self.assertEqual(ends, [1006])

    def test_messagesBeforeTheEnd(self):
        """Messages that came before the end are received before it is told."""
        peer = connected(Listener)
        agent = peer.agent
        peer.sendTextMessage("one")
        peer.loseConnection()
        self.assertEqual(self.successResultOf(agent.receive()), "one")
        self.failureResultOf(agent.receive(), ClosedCleanly)

    def test_cancelledReceive(self):
        """To cancel one C{receive} loses no message and closes nothing."""
        peer = connected(Listener)
        agent = peer.agent
        first, second = agent.receive(), agent.receive()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        peer.sendTextMessage("one")
        self.assertEqual(self.successResultOf(second), "one")
        self.assertTrue(agent.isOpen)

    def test_timeout(self):
        """A C{receive} with a timeout loses nothing when it expires."""
        peer = connected(Listener)
        agent = peer.agent
        waiting = agent.receive().addTimeout(3, peer.clock)
        peer.advance(3)
        self.failureResultOf(waiting, DeferredTimeout)
        peer.sendTextMessage("late")
        self.assertEqual(self.successResultOf(agent.receive()), "late")

    def test_readingPauses(self):
        """Reading pauses when so many messages wait, and resumes as one is taken."""
        peer = connected(Listener, Settings(inboxLimit=3))
        agent = peer.agent
        for number in range(5):
            peer.sendTextMessage(str(number))
        self.assertFalse(peer.transport.isReading)
        taken = [self.successResultOf(agent.receive()) for _ in range(2)]
        peer.pump()
        taken += [self.successResultOf(agent.receive()) for _ in range(3)]
        self.assertEqual(taken, ["0", "1", "2", "3", "4"])
        self.assertTrue(peer.transport.isReading)

    def test_oneSegment(self):
        """Messages of one segment wait within the limit, and none is lost."""
        octets = bytes.fromhex("818100000000") + b"a"
        peer = connected(Echo, Settings(inboxLimit=1))
        peer.sendOctets(octets * 100)
        self.assertEqual(peer.received, ["a"] * 100)

    def test_defaultLimit(self):
        """Sixteen messages may wait by default."""
        peer = connected(Listener)
        for _ in range(15):
            peer.sendTextMessage("")
        self.assertTrue(peer.transport.isReading)
        peer.sendTextMessage("")
        self.assertFalse(peer.transport.isReading)

    def test_sendWaitsForRoom(self):
        """C{send} waits while the send buffer is filled, and goes on when it is not."""
        peer = connected(Listener)
        agent = peer.agent
        peer.pauseReading()
        self.successResultOf(agent.send(b"a"))
        waiting = agent.send(bytes(200_000))
        self.assertNoResult(waiting)
        peer.resumeReading()
        self.successResultOf(waiting)

    def test_sendWhenClosed(self):
        """C{send} fails with the connection's end, waiting for room or begun after."""
        peer = connected(Listener)
        agent = peer.agent
        peer.pauseReading()
        waiting = agent.send(bytes(200_000))
        cancelled = agent.send("x")
        cancelled.cancel()
        self.failureResultOf(cancelled, CancelledError)
        peer.vanish()
        self.failureResultOf(waiting, ClosedUncleanly)
        self.failureResultOf(agent.send("x"), ClosedUncleanly)

    def test_receiveWithoutConversation(self):
        """An agent with hooks has nothing to receive."""
        peer = connected(WebSocketProtocol)
        self.assertRaises(RuntimeError, peer.agent.receive)

    def test_silenceWhilePaused(self):
        """A peer is not silent while nobody receives what it sends."""
        peer = connected(Listener, Settings(inboxLimit=1))
        peer.sendTextMessage("one")
        peer.advance(100)
        self.assertFalse(peer.isDisconnected)

    def test_otherWaiting(self):
        """A conversation may wait for something else; messages wait for it."""

        class Slow(WebSocketProtocol):
            async def conversation(self):
                await deferLater(self.factory.reactor, 5)
                await self.send(await self.receive())

        peer = connected(Slow)
        peer.sendTextMessage("one")
        self.assertEqual(peer.received, [])
        peer.advance(5)
        self.assertEqual(peer.received, ["one"])
