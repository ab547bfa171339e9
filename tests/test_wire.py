"""L{wsagent.wire}: pausing, closing, and each way to end."""

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, ISSLTransport
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides, providedBy
from zope.interface.verify import verifyObject

from tests.core.notation import KEY, frame
from wsagent.core.errors import MessageTooBig, ProtocolError
from wsagent.demo import Echo
from wsagent.errors import ClosedCleanly, ClosedUncleanly
from wsagent.memory import MemoryTransport
from wsagent.server import WebSocketServerFactory
from wsagent.settings import Settings
from wsagent.testing import connected, upgradeRequest
from wsagent.wire import describePeer

from .agents import CLOSE, TEXT, AgentCase, Noting, doing
from .test_settings import LARGEST


class EndingTests(AgentCase):
    """What C{connectionLost} is told, for each way to end."""

    def assertEnding(self, peer, agent, *expected):
        """Compare the ending; the peer is gone, once, and left nothing."""
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(agent.ending, expected)
        kind = ConnectionDone if expected[0] is ClosedCleanly else ConnectionLost
        self.assertIs(agent.lost[0].check(kind), kind)
        self.assertFalse(agent.isOpen)
        self.assertIsNone(peer.agent)
        self.assertEqual(peer.clock.getDelayedCalls(), [])
        return agent.lost[0].value.__cause__

    def test_peerCloses(self):
        """The peer closes: its code and reason, clean."""
        peer, agent = self.open()
        peer.loseConnection(3456, "enough")
        cause = self.assertEnding(peer, agent, ClosedCleanly, 3456, "enough", "peer")
        self.assertIsNone(cause)
        self.assertEqual(self.frames(peer), [(CLOSE, b"\x0d\x80")])
        self.assertFalse(peer.transport.wasAborted)

    def test_peerClosesWithoutCode(self):
        """The peer names no code: 1005, and neither does the answer."""
        peer, agent = self.open()
        peer.sendOctets(frame(8, key=KEY))
        self.assertEnding(peer, agent, ClosedCleanly, 1005, "", "peer")
        self.assertEqual(self.frames(peer), [(CLOSE, b"")])

    def test_weClose(self):
        """We close, and are answered: our code and reason, clean."""
        peer, agent = self.open()
        agent.loseConnection(3456, "énough")
        self.assertEnding(peer, agent, ClosedCleanly, 3456, "énough", "us")
        self.assertEqual(peer.closed, (3456, "énough"))

    def test_both(self):
        """Both close at the same time: ours counts, clean."""
        peer, agent = self.open()
        agent.loseConnection(3000, "ours")
        # As if it had been on its way.
        peer.transport.deliver(frame(8, b"\x0b\xb9theirs", key=KEY))
        self.assertEnding(peer, agent, ClosedCleanly, 3000, "ours", "us")
        self.assertEqual([first for first, _ in self.frames(peer)], [CLOSE])

    def test_protocolError(self):
        """The peer breaks the protocol: the code that it gets, and why."""
        peer, agent = self.open(messageLimit=10)
        peer.sendOctets(frame(3, key=KEY))
        cause = self.assertEnding(
            peer, agent, ClosedUncleanly, 1002, "opcode 3, which is reserved", "us"
        )
        self.assertIs(type(cause), ProtocolError)
        self.assertEqual(peer.closed, (1002, "opcode 3, which is reserved"))
        self.assertFalse(peer.transport.wasAborted)

    def test_tooBig(self):
        """The peer's message is too big: 1009, as soon as its header tells."""
        peer, agent = self.open(messageLimit=10)
        peer.sendOctets(frame(2, key=KEY, declared=11))
        cause = self.assertEnding(
            peer, agent, ClosedUncleanly, 1009, "11 octets, limit 10", "us"
        )
        self.assertIs(type(cause), MessageTooBig)

    def test_fragmentLimit(self):
        """More fragments than allowed: 1009."""
        peer, agent = self.open(fragmentLimit=2)
        for _ in range(3):
            peer.sendFragment("")
        self.assertEnding(
            peer, agent, ClosedUncleanly, 1009, "3 fragments, limit 2", "us"
        )

    def test_protocolErrorWhileClosing(self):
        """The peer answers our Close with nonsense: unclean, with our reason."""
        peer, agent = self.open()
        peer.pauseReading()
        agent.loseConnection(3000, "ours")
        peer.sendOctets(frame(3, key=KEY))
        peer.resumeReading()
        cause = self.assertEnding(peer, agent, ClosedUncleanly, 1006, "ours", "us")
        self.assertIs(type(cause), ProtocolError)
        self.assertEqual([first for first, _ in self.frames(peer)], [CLOSE])

    def test_abort(self):
        """We abort: 1006, at once, and nothing is sent."""
        peer, agent = self.open()
        agent.sendTextMessage("never arrives")
        agent.abortConnection()
        self.assertFalse(agent.isOpen)
        cause = self.assertEnding(peer, agent, ClosedUncleanly, 1006, "aborted", "us")
        self.assertIs(type(cause), ConnectionAborted)
        self.assertEqual(self.frames(peer), [])
        self.assertTrue(peer.transport.wasAborted)

    def test_abortInSegment(self):
        """What follows in the segment in which we abort is not delivered."""
        peer, agent = self.open(
            doing("textMessageReceived", lambda agent: agent.abortConnection())
        )
        peer.sendOctets(frame(1, b"x", key=KEY) * 3)
        self.assertEqual(agent.calls, ["open", "x"])

    def test_vanish(self):
        """The peer vanishes: 1006, and the transport's own reason."""
        peer, agent = self.open()
        peer.vanish()
        cause = self.assertEnding(peer, agent, ClosedUncleanly, 1006, "", "peer")
        self.assertIs(type(cause), ConnectionLost)

    def test_vanishWhileClosing(self):
        """The peer vanishes while we close: 1006, by us, with our reason."""
        peer, agent = self.open()
        peer.pauseReading()
        agent.loseConnection(3000, "ours")
        peer.vanish()
        self.assertEnding(peer, agent, ClosedUncleanly, 1006, "ours", "us")

    def test_fin(self):
        """The peer sends FIN and no Close frame: 1006, after what waits is sent."""
        peer, agent = self.open()
        peer.pauseReading()
        agent.sendBytesMessage(bytes(60_000))
        peer.finish()
        self.assertFalse(peer.isDisconnected)
        self.assertFalse(agent.isOpen)
        peer.resumeReading()
        self.assertEqual(peer.received, [bytes(60_000)])
        cause = self.assertEnding(peer, agent, ClosedUncleanly, 1006, "", "peer")
        self.assertIs(type(cause), ConnectionDone)

    def test_finInFrame(self):
        """The peer sends FIN within a frame: 1006, and no message."""
        peer, agent = self.open()
        peer.sendOctets(frame(1, b"abc", key=KEY)[:-1])
        peer.finish()
        self.assertEnding(peer, agent, ClosedUncleanly, 1006, "", "peer")
        self.assertEqual(agent.calls, ["open"])

    def test_finWhileClosing(self):
        """The peer answers our Close with FIN: 1006, by us."""
        peer, agent = self.open()
        peer.pauseReading()
        agent.loseConnection(3000, "ours")
        peer.finish()
        peer.resumeReading()
        self.assertEnding(peer, agent, ClosedUncleanly, 1006, "ours", "us")

    def test_closeAndFin(self):
        """The peer sends Close and FIN at once: clean, and it has the answer."""
        peer, agent = self.open()
        peer.transport.deliver(frame(8, b"\x03\xe8", key=KEY))
        peer.finish()
        self.assertEnding(peer, agent, ClosedCleanly, 1000, "", "peer")
        self.assertEqual(self.frames(peer), [(CLOSE, b"\x03\xe8")])

    def test_closeTimeout(self):
        """T2: a peer that does not answer our Close is aborted: 1006."""
        peer, agent = self.open(closeTimeout=7)
        peer.pauseReading()
        agent.loseConnection(3000, "ours")
        peer.advance(6.9)
        self.assertFalse(peer.isDisconnected)
        self.assertEqual(agent.lost, [])
        peer.advance(0.1)
        self.assertTrue(peer.transport.wasAborted)
        cause = self.assertEnding(peer, agent, ClosedUncleanly, 1006, "ours", "us")
        self.assertIs(type(cause), ConnectionAborted)

    def test_neverHangsUp(self):
        """T3: a peer that answers our Close and stays is aborted; it was clean."""
        peer, agent = self.open(closeTimeout=7)
        peer.answersFin = False
        agent.loseConnection(3000)
        self.assertEqual(peer.closed, (3000, ""))
        self.assertTrue(peer.transport.hasFinished)
        peer.advance(6.9)
        self.assertFalse(peer.isDisconnected)
        peer.advance(0.1)
        self.assertTrue(peer.transport.wasAborted)
        self.assertEnding(peer, agent, ClosedCleanly, 3000, "", "us")

    def test_neverHangsUpAfterItsClose(self):
        """T3: so is a peer that closes and stays."""
        for octets in (frame(8, key=KEY), frame(3, key=KEY)):
            peer, agent = self.open(closeTimeout=7)
            peer.answersFin = False
            peer.sendOctets(octets)
            peer.advance(7)
            self.assertTrue(peer.transport.wasAborted)
            self.assertTrue(peer.isDisconnected)
            self.assertEqual(len(agent.lost), 1)

    def test_talksOn(self):
        """A peer that sends on after the end is not read for long."""
        peer, agent = self.open()
        peer.answersFin = False
        peer.sendOctets(frame(8, key=KEY))
        for _ in range(100):
            peer.sendOctets(frame(1, bytes(10_000), key=KEY))
        self.assertFalse(peer.transport.isReading)
        self.assertGreater(peer.transport.unread, 900_000)
        peer.advance(5)
        self.assertEnding(peer, agent, ClosedCleanly, 1005, "", "peer")
        self.assertEqual(agent.calls, ["open"])

    def test_log(self):
        """The log says who connected and how it ended, each on one line."""
        with capturedLogs() as events:
            peer, agent = self.open()
            peer.clock.advance(1.25)
            peer.sendTextMessage("hello")
            agent.sendTextMessage("hello")
            agent.sendBytesMessage(b"12")
            peer.loseConnection(3000, "a\nb")
        lines = [event["log_format"].format(**event) for event in events]
        self.assertRegex(lines[0], r"^192.0.2.1:54321 connected, agent :[0-9a-f]{8}$")
        end = r"192.0.2.1:54321 closed 3000 'a\nb' by peer, /, 1.250 s, "
        amounts = "received 1 messages in 22 octets, sent 2 in 15"
        self.assertEqual(lines[1:], [end + amounts])

    def test_logPath(self):
        """The last line has path and subprotocol, and each value by itself."""
        with capturedLogs() as events:
            request = upgradeRequest("/a%20b?token=secret", ["chat"])
            peer = connected(Noting, request=request, subprotocols=["chat"])
            peer.loseConnection()
        self.assertRegex(formatEvent(events[1]), "closed 1000 by peer, /a%20b chat, 0")
        self.assertNotIn("secret", formatEvent(events[1]))
        names = ("peer", "code", "path", "subprotocol", "seconds", "octetsReceived")
        self.assertEqual(
            [events[1][name] for name in names],
            ["192.0.2.1:54321", 1000, "/a%20b", "chat", 0, 8],
        )


class LoseConnectionTests(AgentCase):
    """C{loseConnection} in all its moments."""

    def test_whatWasSent(self):
        """What was sent before goes first, however much."""
        peer, agent = self.open()
        peer.pauseReading()
        agent.sendTextMessage("first")
        agent.sendBytesMessage(bytes(500_000))
        agent.loseConnection()
        self.assertEqual(agent.lost, [])
        peer.resumeReading()
        self.assertEqual(peer.received, ["first", bytes(500_000)])
        self.assertEqual(agent.ending, (ClosedCleanly, 1000, "", "us"))

    def test_whatComes(self):
        """Messages and pings that come after it are dropped, unanswered."""
        peer, agent = self.open()
        peer.pauseReading()
        agent.loseConnection()
        peer.sendTextMessage("x")
        peer.ping(b"x")
        peer.sendOctets(frame(10, b"x", key=KEY))
        peer.sendFragment("x")
        peer.resumeReading()
        self.assertEqual(agent.calls, ["open"])
        self.assertEqual(self.frames(peer), [(CLOSE, b"\x03\xe8")])
        self.assertEqual(agent.ending, (ClosedCleanly, 1000, "", "us"))

    def test_sameSegment(self):
        """So are those that came in the segment that it answers."""
        peer, agent = self.open(
            doing("textMessageReceived", lambda agent: agent.loseConnection())
        )
        peer.sendOctets(frame(1, b"x", key=KEY) * 3 + frame(9, key=KEY))
        self.assertEqual(agent.calls, ["open", "x"])
        self.assertEqual([first for first, _ in self.frames(peer)], [CLOSE])

    def test_twice(self):
        """The second time it does nothing."""
        peer, agent = self.open()
        agent.loseConnection(3000, "first")
        agent.loseConnection(3001, "second")
        self.assertEqual(peer.closed, (3000, "first"))
        self.assertEqual(agent.ending, (ClosedCleanly, 3000, "first", "us"))

    def test_afterPeers(self):
        """After the peer's Close it does nothing."""
        peer, agent = self.open()
        peer.answersFin = False
        peer.loseConnection(3000)
        agent.loseConnection(3001)
        peer.finish()
        self.assertEqual(agent.ending, (ClosedCleanly, 3000, "", "peer"))

    def test_whilePaused(self):
        """Paused, we still read the answer to our Close; messages are dropped."""
        peer, agent = self.open()
        agent.pauseProducing()
        peer.sendTextMessage("x")
        agent.loseConnection()
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(agent.calls, ["open"])
        self.assertEqual(agent.ending, (ClosedCleanly, 1000, "", "us"))

    def test_pausedLater(self):
        """Once we close, pausing has no effect."""
        peer, agent = self.open()
        peer.pauseReading()
        agent.loseConnection()
        agent.pauseProducing()
        peer.resumeReading()
        self.assertEqual(agent.ending, (ClosedCleanly, 1000, "", "us"))

    def test_peerReadsNothing(self):
        """A peer that reads nothing is aborted, C{sendTimeout} after it took some."""
        peer, agent = self.open(closeTimeout=3, sendTimeout=10)
        peer.pauseReading()
        agent.sendBytesMessage(bytes(500_000))
        agent.loseConnection()
        peer.advance(9.9)
        self.assertFalse(peer.isDisconnected)
        peer.advance(0.1)
        self.assertTrue(peer.transport.wasAborted)
        self.assertEqual(agent.ending, (ClosedUncleanly, 1006, "", "us"))

    def test_slowReader(self):
        """The close timeout begins when our Close frame leaves."""
        peer, agent = self.open(closeTimeout=3, sendTimeout=10)
        peer.pauseReading()
        agent.sendBytesMessage(bytes(500_000))
        agent.loseConnection()
        peer.advance(9)
        peer.resumeReading()
        self.assertEqual(peer.received, [bytes(500_000)])
        self.assertEqual(agent.ending, (ClosedCleanly, 1000, "", "us"))

    def test_afterFail(self):
        """What waits goes first also when the peer breaks the protocol."""
        peer, agent = self.open()
        peer.pauseReading()
        agent.sendBytesMessage(bytes(60_000))
        peer.sendOctets(frame(3, key=KEY))
        peer.resumeReading()
        self.assertEqual(peer.received, [bytes(60_000)])
        self.assertEqual(peer.closed[0], 1002)

    def test_abortWhileClosing(self):
        """C{abortConnection} ends a closing handshake."""
        peer, agent = self.open()
        peer.pauseReading()
        agent.loseConnection(3000, "ours")
        agent.abortConnection()
        agent.abortConnection()
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(agent.ending, (ClosedUncleanly, 1006, "ours", "us"))

    def test_filled(self):
        """A Close frame that fills the buffer is followed by nothing."""
        deed = lambda agent: agent.sendTextMessage("late")  # noqa: E731
        peer, agent = self.open(doing("sendBufferFilled", deed))
        peer.pauseReading()
        agent.sendBytesMessage(bytes(65_536 - 4))
        agent.sendBytesMessage(b"x")
        agent.loseConnection()
        peer.resumeReading()
        self.frames(peer)


class PauseTests(AgentCase):
    """C{pauseProducing} and C{resumeProducing}."""

    def test_paused(self):
        """Paused, nothing is delivered, and nothing read from the transport."""
        peer, agent = self.open()
        agent.pauseProducing()
        peer.sendTextMessage("a")
        peer.ping()
        self.assertEqual(agent.calls, ["open"])
        self.assertFalse(peer.transport.isReading)
        self.assertEqual(peer.pongs, [])
        agent.resumeProducing()
        self.assertEqual(peer.pongs, [b""])
        self.assertEqual(agent.calls, ["open", "a", ("ping", b"")])

    def test_twice(self):
        """To pause, or to resume, twice is as once."""
        peer, agent = self.open()
        agent.resumeProducing()
        agent.pauseProducing()
        agent.pauseProducing()
        agent.resumeProducing()
        peer.sendTextMessage("a")
        self.assertEqual(agent.calls, ["open", "a"])

    def test_sending(self):
        """Paused, we may send."""
        peer, agent = self.open()
        agent.pauseProducing()
        agent.sendTextMessage("a")
        self.assertEqual(peer.received, ["a"])

    def test_midSegment(self):
        """Of a segment's many messages those after the pause wait, in order."""
        peer, agent = self.open()

        class Every(Noting):
            def textMessageReceived(self, message):
                super().textMessageReceived(message)
                if int(message) % 10 == 9:
                    self.pauseProducing()

        peer, agent = self.open(Every)
        messages = [str(number) for number in range(100)]
        peer.sendOctets(b"".join(frame(1, m.encode(), key=KEY) for m in messages))
        for number in range(10):
            self.assertEqual(agent.calls[1:], messages[: number * 10 + 10])
            agent.resumeProducing()
        peer.sendTextMessage("5")
        self.assertEqual(agent.calls[-1], "5")

    def test_reasonsAdd(self):
        """Resumed by the agent, we read only when the send buffer agrees."""
        peer, agent = self.open(Echo)
        agent.pauseProducing()
        peer.pauseReading()
        agent.sendBytesMessage(bytes(100_000))
        agent.resumeProducing()
        peer.sendTextMessage("x")
        self.assertFalse(peer.transport.isReading)
        peer.resumeReading()
        self.assertEqual(peer.received, [bytes(100_000), "x"])

    def test_peerFinishes(self):
        """Paused, a FIN waits as messages do."""
        peer, agent = self.open()
        agent.pauseProducing()
        peer.sendTextMessage("a")
        peer.finish()
        self.assertEqual((agent.calls, agent.lost), (["open"], []))
        agent.resumeProducing()
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(agent.calls, ["open", "a"])

    def test_peerVanishes(self):
        """Paused, a lost connection is told at once."""
        peer, agent = self.open()
        agent.pauseProducing()
        peer.vanish()
        self.assertEqual(agent.ending, (ClosedUncleanly, 1006, "", "peer"))
        agent.resumeProducing()

    def test_badFrameWaits(self):
        """A frame that is none, behind a pause, fails when it is read."""
        peer, agent = self.open(
            doing("textMessageReceived", lambda agent: agent.pauseProducing())
        )
        peer.sendOctets(frame(1, b"x", key=KEY) + frame(3, key=KEY))
        self.assertIsNone(peer.closed)
        agent.resumeProducing()
        self.assertEqual(peer.closed[0], 1002)
        self.assertEqual(agent.ending[:2], (ClosedUncleanly, 1002))


class OtherTransport(MemoryTransport):
    """A transport of another kind."""

    peer = IPv4Address("TCP", "192.0.2.1", 54321)

    def __init__(self, protocol):
        """Note what is asked of it."""
        super().__init__(protocol)
        self.noDelay = []

    def getPeer(self):
        """Name the peer."""
        return self.peer

    def setTcpNoDelay(self, enabled):
        """Note it."""
        self.noDelay.append(enabled)


class TransportTests(SynchronousTestCase):
    """What kinds of transport are used how."""

    def open(self, kind=OtherTransport):
        """Connect an agent over a transport of a kind."""
        factory = WebSocketServerFactory(Noting, reactor=Clock())
        wire = factory.buildProtocol(None)
        transport = kind(wire)
        wire.makeConnection(transport)
        wire.dataReceived(upgradeRequest())
        self.addCleanup(transport.lose, ConnectionLost())
        return wire, transport

    def move(self, transport):
        """Have all moved, and give what the peer gets."""
        octets = b""
        while (moved := transport.move()) is not None:
            octets += moved
        return octets

    def test_protocol(self):
        """What the factory builds is a protocol that can be half closed."""
        wire, _ = self.open()
        verifyObject(IHalfCloseableProtocol, wire)
        wire.writeConnectionLost()
        self.assertTrue(wire.isOpen)

    def test_noDelay(self):
        """Over TCP, of both versions, messages are sent without delay."""
        for peer, noDelay in (
            (IPv4Address("TCP", "192.0.2.1", 1), [True]),
            (IPv6Address("TCP", "2001:db8::1", 1), [True]),
            (UNIXAddress(None), []),
        ):
            self.patch(OtherTransport, "peer", peer)
            _, transport = self.open()
            self.assertEqual(transport.noDelay, noDelay)

    def test_tls(self):
        """Over TLS, which says its own goodbye, we lose the connection."""
        wire, transport = self.open()
        directlyProvides(transport, providedBy(transport), ISSLTransport)
        wire.agent.loseConnection()
        wire.dataReceived(frame(8, b"\x03\xe8", key=KEY))
        self.assertEqual(
            (transport.hasFinished, transport.disconnecting), (False, True)
        )

    def test_whole(self):
        """A transport that cannot be half closed is lost whole."""

        class Whole(OtherTransport):
            loseWriteConnection = property()

        wire, transport = self.open(Whole)
        wire.agent.loseConnection()
        wire.dataReceived(frame(8, b"\x03\xe8", key=KEY))
        self.assertTrue(transport.disconnecting)
        self.assertTrue(self.move(transport).endswith(b"\x88\x02\x03\xe8"))
        self.assertTrue(transport.isLost)

    def test_logPrefix(self):
        """In Twisted's log a wire is named as its agent's class."""
        wire, transport = self.open()
        self.assertEqual(wire.logPrefix(), "Noting")
        transport.lose(ConnectionLost())
        self.assertEqual(wire.logPrefix(), "Wire")

    def test_lateDeath(self):
        """Once lost, C{abortConnection} leaves the transport alone."""
        wire, transport = self.open()
        agent = wire.agent
        transport.lose(ConnectionLost())
        self.patch(transport, "abortConnection", self.fail)
        agent.abortConnection()
        wire.abort()

    def test_order(self):
        """The factory forgets a connection when its agent knows of the end."""
        lost = []
        factory = WebSocketServerFactory(Noting, reactor=Clock())
        peer = connected(factory)
        agent = peer.agent
        factory.drain().addCallback(lambda _: lost.extend(agent.lost))
        peer.vanish()
        self.assertEqual(len(lost), 1)

    def test_connectionLostByDefault(self):
        """A connection may be lost without a reason, as Twisted's protocols."""
        wire, transport = self.open()
        agent = wire.agent
        transport.isLost = True
        wire.connectionLost()
        self.assertIsInstance(agent.lost[0].value.__cause__, ConnectionDone)


class DescribePeerTests(SynchronousTestCase):
    """L{describePeer} names an address."""

    def test_names(self):
        """TCP addresses have a port, Unix ones perhaps a name."""
        for address, name in (
            (IPv4Address("TCP", "192.0.2.1", 80), "192.0.2.1:80"),
            (IPv6Address("TCP", "::1", 80), "[::1]:80"),
            (UNIXAddress(b"/run/ws.sock"), "unix:/run/ws.sock"),
            (UNIXAddress(b"/\xff"), "unix:/\ufffd"),
            (UNIXAddress(None), "unix"),
            (UNIXAddress(b""), "unix"),
            (None, "unix"),
        ):
            self.assertEqual(describePeer(address), name)


class SettingsTests(AgentCase):
    """The factory's settings reach the connection."""

    def test_settings(self):
        """An agent sees the settings of its factory."""
        settings = Settings(messageLimit=3)
        agent = connected(Noting, settings).agent
        self.assertIs(agent.settings, settings)

    def test_largest(self):
        """The largest numbers that are allowed are no trouble, whatever the build."""
        peer, _ = self.open(Echo, **LARGEST)
        peer.sendTextMessage("a")
        peer.sendOctets(frame(1, b"b", fin=0, key=KEY))
        peer.sendOctets(frame(0, b"c", key=KEY))
        self.assertEqual(peer.received, ["a", "bc"])

    def test_failureHasNoTraceback(self):
        """The reason is a plain Failure, its cause another exception."""
        peer, agent = self.open()
        peer.vanish()
        (failure,) = agent.lost
        self.assertIsInstance(failure, Failure)
        self.assertIsNone(failure.value.__traceback__)

    def test_frames(self):
        """A greeting is one text frame, right behind the response's head."""
        peer, _ = self.open(
            doing("negotiationFinished", lambda agent: agent.sendTextMessage("hi"))
        )
        self.assertEqual(self.frames(peer), [(TEXT, b"hi")])
