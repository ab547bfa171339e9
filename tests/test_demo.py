"""L{wsagent.demo}: the default application."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsagent.demo import Echo, subprotocols
from wsagent.server import WebSocketServerFactory
from wsagent.testing import connected, upgradeRequest


class DemoTests(SynchronousTestCase):
    """The demo, as C{twistd wsagent} serves it."""

    def setUp(self):
        """Make the factory."""
        self.clock = Clock()
        self.factory = WebSocketServerFactory(Echo, subprotocols(), reactor=self.clock)

    def open(self, *offered):
        """Connect a peer that offers subprotocols."""
        peer = connected(self.factory, request=upgradeRequest("/", offered))
        self.assertEqual(peer.status, 101)
        return peer

    def test_echo(self):
        """Without a subprotocol, text and bytes come back as they came."""
        peer = self.open()
        peer.sendTextMessage("héllo")
        peer.sendBytesMessage(b"\xff")
        peer.sendTextMessage("")
        self.assertEqual(peer.received, ["héllo", b"\xff", ""])

    def test_names(self):
        """The subprotocols are called as elsewhere, and chosen when offered."""
        for name in ("lws-mirror-protocol", "dumb-increment-protocol"):
            peer = self.open("other", name)
            self.assertEqual(peer.headers.get("sec-websocket-protocol"), name.encode())

    def test_mirror(self):
        """The mirror sends text to everyone on it, and bytes to nobody."""
        peers = [self.open("lws-mirror-protocol") for _ in range(3)]
        echo = self.open()
        peers[0].sendTextMessage("x")
        peers[1].sendBytesMessage(b"y")
        for peer in peers:
            self.assertEqual(peer.received, ["x"])
        self.assertEqual(echo.received, [])

    def test_mirrorLeft(self):
        """Who has left the mirror is forgotten, the others go on."""
        peers = [self.open("lws-mirror-protocol") for _ in range(3)]
        agent = peers[1].agent
        peers[1].loseConnection()
        peers[0].sendTextMessage("x")
        self.assertEqual([peer.received for peer in peers], [["x"], [], ["x"]])
        self.assertNotIn(agent, peers[0].agent._agents)

    def test_mirrorsApart(self):
        """Each factory has mirrors of its own."""
        peer = self.open("lws-mirror-protocol")
        other = WebSocketServerFactory(Echo, subprotocols(), reactor=self.clock)
        request = upgradeRequest("/", ["lws-mirror-protocol"])
        connected(other, request=request).sendTextMessage("x")
        self.assertEqual(peer.received, [])

    def test_increment(self):
        """The counter counts from 0 every 0.1 s, for each peer by itself."""
        first = self.open("dumb-increment-protocol")
        self.assertEqual(first.received, [])
        self.clock.advance(0.1)
        second = self.open("dumb-increment-protocol")
        self.clock.advance(0.1)
        self.clock.advance(0.1)
        self.assertEqual(first.received, ["0", "1", "2"])
        self.assertEqual(second.received, ["0", "1"])

    def test_reset(self):
        """A message that contains C{reset} sets the counter to 0, no other does."""
        peer = self.open("dumb-increment-protocol")
        for message in ("", "please reset\n", "res et", b"reset"):
            self.clock.advance(0.1)
            if isinstance(message, str):
                peer.sendTextMessage(message)
            else:
                peer.sendBytesMessage(message)
        self.clock.advance(0.1)
        self.assertEqual(peer.received, ["0", "1", "0", "1", "2"])

    def test_incrementEnds(self):
        """The counter stops with the connection."""
        for end in ("loseConnection", "vanish", "finish"):
            peer = self.open("dumb-increment-protocol")
            self.clock.advance(0.1)
            getattr(peer, end)()
            self.assertTrue(peer.isDisconnected)
            self.assertEqual(self.clock.getDelayedCalls(), [])
