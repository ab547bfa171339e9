"""L{wsagent.testing}: what users test with."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.core.notation import frame
from wsagent.core.errors import ProtocolError
from wsagent.demo import Echo
from wsagent.errors import RequestRejected
from wsagent.protocol import WebSocketProtocol
from wsagent.routing import Route
from wsagent.server import WebSocketServerFactory
from wsagent.settings import Settings
from wsagent.testing import Recorder, connected, upgradeRequest

from .agents import Noting


class ConnectedTests(SynchronousTestCase):
    """L{connected} gives a peer of an application."""

    def test_class(self):
        """An application class is enough."""
        peer = connected(Echo)
        self.assertEqual(peer.status, 101)
        self.assertIsInstance(peer.agent, Echo)
        self.assertIsNone(peer.agent.subprotocol)
        peer.sendTextMessage("x")
        self.assertEqual(peer.received, ["x"])

    def test_settings(self):
        """Settings and subprotocols are those of the application's factory."""
        settings = Settings(messageLimit=3)
        peer = connected(Echo, settings, subprotocols=["a", "b"])
        self.assertIs(peer.factory.settings, settings)
        self.assertEqual(peer.agent.subprotocol, "a")
        self.assertEqual(peer.agent.request.offeredSubprotocols, ("a", "b"))

    def test_factory(self):
        """A factory connects several peers, on its clock."""
        clock = Clock()
        factory = WebSocketServerFactory(Echo, ["a"], reactor=clock)
        peers = [connected(factory) for _ in range(2)]
        self.assertIs(peers[0].clock, clock)
        self.assertIsNot(peers[0].agent, peers[1].agent)
        self.assertEqual(peers[0].agent.subprotocol, "a")

    def test_request(self):
        """The request may be any octets."""
        request = upgradeRequest("/a?b", ["x"], [("Cookie", "c=d")])
        peer = connected(Echo, request=request)
        asked = peer.agent.request
        self.assertEqual((asked.path, asked.query), ("/a", "b"))
        self.assertEqual(asked.headers.get("cookie"), b"c=d")
        self.assertEqual(asked.offeredSubprotocols, ("x",))
        self.assertEqual(connected(Echo, request=b"\r\n\r\n").status, 400)

    def test_target(self):
        """It asks for a path, of an application as of a route to it."""
        self.assertEqual(connected(Noting, target="/a?b").agent.request.query, "b")
        settings = Settings(messageLimit=5)
        peer = connected(
            Route("/chat/{room}", Noting, ["a"]), settings, target="/chat/1"
        )
        self.assertEqual(peer.agent.request.parts, {"room": "1"})
        self.assertEqual(peer.agent.subprotocol, "a")
        self.assertIs(peer.agent.settings, settings)

    def test_nothingYet(self):
        """Before there is an answer, there is nothing to see."""
        peer = connected(Echo, request=b"")
        self.assertEqual(
            (peer.status, len(peer.headers), peer.octets, peer.agent, peer.closed),
            (0, 0, b"", None, None),
        )
        self.assertEqual((peer.received, peer.pings, peer.pongs), ([], [], []))
        self.assertFalse(peer.isDisconnected)


class PeerTests(SynchronousTestCase):
    """L{Peer} does what clients do, and sees what they see."""

    def test_messages(self):
        """It sends messages, fragments, pings and octets."""
        peer = connected(Noting)
        agent = peer.agent
        peer.sendTextMessage("a")
        peer.sendBytesMessage(b"b")
        peer.sendFragment("c")
        peer.sendFragment("d", isLast=True)
        peer.ping(b"e")
        self.assertEqual(agent.calls, ["open", "a", b"b", "cd", ("ping", b"e")])
        self.assertEqual(peer.pongs, [b"e"])
        peer.sendOctets(b"\xff")
        peer.sendOctets(b"\xff")
        self.assertEqual(peer.closed[0], 1002)

    def test_sees(self):
        """It sees messages, pings, pongs, octets and the Close frame."""
        peer = connected(Noting)
        agent = peer.agent
        agent.sendTextMessage("a")
        agent.sendBytesMessage(b"b")
        agent.ping(b"c")
        agent.loseConnection(3000, "d")
        self.assertEqual(peer.received, ["a", b"b"])
        self.assertEqual(peer.pings, [b"c"])
        self.assertEqual(peer.closed, (3000, "d"))
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(
            peer.octets,
            b"\x81\x01a\x82\x01b\x89\x01c\x88\x03\x0b\xb8d",
        )

    def test_refused(self):
        """It sees status, fields and body of a refusal."""

        class Closed(WebSocketProtocol):
            def requestReceived(self, request):
                raise RequestRejected(410, [("X-A", "b")], "gone")

        peer = connected(Closed)
        self.assertEqual((peer.status, peer.octets), (410, b"gone"))
        self.assertEqual(peer.headers.get("x-a"), b"b")
        self.assertTrue(peer.isDisconnected)

    def test_brokenServer(self):
        """It does not forgive a server that breaks the protocol."""
        peer = connected(Noting)
        peer.transport.write(frame(3))
        with self.assertRaises(ProtocolError):
            peer.pump()

    def test_octetsAfterClose(self):
        """Octets after a Close frame are seen in C{octets}, and only there."""
        peer = connected(Noting)
        peer.transport.write(frame(8) + frame(1, b"x"))
        self.assertTrue(peer.octets.startswith(frame(8) + frame(1, b"x")))
        self.assertEqual((peer.closed, peer.received), ((1005, ""), []))

    def test_time(self):
        """Time passes when the test says so."""
        peer = connected(Noting)
        peer.advance(20)
        self.assertEqual(len(peer.pings), 1)
        self.assertEqual(peer.clock.seconds(), 20)

    def test_leaves(self):
        """It leaves with a Close frame, with FIN, or with nothing."""
        for leave, code in (
            ("loseConnection", 1000),
            ("finish", 1006),
            ("vanish", 1006),
        ):
            peer = connected(Noting)
            agent = peer.agent
            getattr(peer, leave)()
            self.assertTrue(peer.isDisconnected)
            self.assertEqual(agent.ending[1], code)
            self.assertEqual(peer.clock.getDelayedCalls(), [])
            peer.vanish()
            peer.sendTextMessage("into the void")
            self.assertEqual(len(agent.lost), 1)

    def test_pause(self):
        """What it does not read piles up at the server, until it does."""
        peer = connected(Noting)
        peer.pauseReading()
        peer.agent.sendBytesMessage(bytes(100_000))
        self.assertEqual((peer.received, peer.transport.unsent), ([], 65_536 + 34_474))
        peer.resumeReading()
        self.assertEqual(peer.received, [bytes(100_000)])
        self.assertEqual(peer.transport.unsent, 0)

    def test_staying(self):
        """A peer that never hangs up can be had."""
        peer = connected(Noting)
        peer.answersFin = False
        peer.loseConnection()
        self.assertEqual(peer.closed, (1000, ""))
        self.assertTrue(peer.transport.hasFinished)
        self.assertFalse(peer.isDisconnected)


class RecorderTests(SynchronousTestCase):
    """L{Recorder} notes every call."""

    def test_calls(self):
        """Name and arguments of each call are noted, and C{None} is returned."""
        recorder = Recorder()
        self.assertIsNone(recorder.textReceived("x"))
        recorder.closed(1000, "")
        recorder.empty()
        self.assertEqual(
            recorder.calls, [("textReceived", "x"), ("closed", 1000, ""), ("empty",)]
        )

    def test_special(self):
        """It has no special methods but an object's own."""
        with self.assertRaises(AttributeError):
            Recorder().__len__  # noqa: B018
