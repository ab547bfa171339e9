"""L{wsagent.inspection}: what an operator sees."""

from twisted.internet.task import Clock

from wsagent.core.deflate import Compression
from wsagent.core.permessage import PermessageDeflate
from wsagent.demo import Echo
from wsagent.errors import ClosedUncleanly
from wsagent.inspection import CODES_LIMIT, Inspection, NoSuchAgent
from wsagent.server import WebSocketServerFactory
from wsagent.settings import Settings
from wsagent.testing import connected, upgradeRequest

from .agents import AgentCase, Noting


class InspectionTests(AgentCase):
    """L{Inspection} of a server in memory."""

    def setUp(self):
        """Make a server."""
        self.clock = Clock()
        self.factory = WebSocketServerFactory(Echo, ["chat"], reactor=self.clock)
        self.inspection = Inspection(self.factory)

    def connect(self, *arguments):
        """Connect one who speaks C{chat}."""
        peer = connected(self.factory, None, *arguments)
        self.addCleanup(peer.vanish)
        return peer

    def test_agents(self):
        """Open agents are listed, the oldest first, with what has passed."""
        first = self.connect(upgradeRequest("/a?b", ["chat"]))
        self.clock.advance(2)
        self.connect(b"GET / HTTP/1.1\r\n")
        last = self.connect()
        first.sendTextMessage("hello")
        reports = self.inspection.agents()
        self.assertEqual(
            [each.address for each in reports],
            [f":{each.agent._wire.address:08x}" for each in (first, last)],
        )
        self.assertEqual(
            reports[0][1:],
            ("Echo", "192.0.2.1:54321", "/a", "chat", 2, 1, 11, 1, 7, 0, False, None),
        )

    def test_slow(self):
        """An agent whose peer reads nothing is slow, and what waits is counted."""
        peer = self.connect()
        peer.pauseReading()
        for _ in range(3):
            peer.agent.sendBytesMessage(bytes(65_536))
        (report,) = self.inspection.agents()
        self.assertTrue(report.isSlow)
        self.assertEqual(report.buffered, 3 * (65_536 + 10))
        totals = self.inspection.totals()
        self.assertEqual((totals.slow, totals.buffered), (1, report.buffered))

    def test_find(self):
        """An agent is found by its address, with a colon and zeros or without."""
        peer = self.connect()
        wire = peer.agent._wire
        for address in (
            f":{wire.address:08x}",
            f"{wire.address:x}",
            f":0{wire.address:X}",
        ):
            self.assertIs(self.inspection.find(address), wire)

    def test_notFound(self):
        """There is one line for all who are not there, or not any more."""
        peer = self.connect()
        self.connect(b"GET / HTTP/1.1\r\n")
        gone = f":{peer.agent._wire.address:08x}"
        peer.vanish()
        for address in (gone, "", ":", "0", "+1", "1_0", "x", "\n", "f" * 100):
            with self.assertRaises(NoSuchAgent) as caught:
                self.inspection.find(address)
            self.assertRegex(
                str(caught.exception),
                "^'.{0,40}, allowed: the address of an open agent, such as :0000001a$",
            )

    def test_totals(self):
        """What has passed is added up over all, those that are gone counted."""
        for text in ("hello", "hi"):
            peer = self.connect()
            peer.sendTextMessage(text)
        peer.vanish()
        self.connect(b"GET / HTTP/1.1\r\n")
        totals = self.inspection.totals()
        self.assertEqual(totals, (2, 1, (2, 11 + 8, 2, 7 + 4), 0, 0, 0, 0, 0, 0))

    def test_compressed(self):
        """What is compressed is counted before and after."""
        settings = Settings(compression=Compression(threshold=0))
        factory = WebSocketServerFactory(Echo, (), settings, self.clock)
        extension = PermessageDeflate(Compression(threshold=0))
        peer = connected(factory, extensions=[extension])
        peer.sendTextMessage("a" * 5000)
        self.assertEqual(peer.received, ["a" * 5000])
        totals = Inspection(factory).totals()
        self.assertEqual((totals.plainReceived, totals.plainSent), (5000, 5000))
        self.assertEqual(totals.encodedReceived, totals.passed.octetsReceived - 6)
        self.assertEqual(totals.encodedSent, totals.passed.octetsSent - 2)
        self.assertEqual(extension.volume.plainSent, 5000)
        self.assertEqual(extension.volume.encodedReceived, totals.encodedSent)
        peer.vanish()

    def test_closes(self):
        """Closes are counted by code; of the codes that peers make up, not by all."""
        for code in (4000, 1000, 4000):
            self.connect().loseConnection(code)
        self.assertEqual(self.inspection.closes(), {"1000": 1, "4000": 2})
        self.assertEqual(list(self.inspection.closes()), ["1000", "4000"])
        for code in range(4999, 4999 - 150, -1):
            self.connect().loseConnection(code)
        closes = self.inspection.closes()
        self.assertEqual(len(closes), CODES_LIMIT + 1)
        self.assertEqual(closes["other"], 2 + 150 - CODES_LIMIT)
        self.connect().loseConnection(3000)
        self.assertEqual(self.inspection.closes(), closes | {"other": 53})

    def test_measure(self):
        """A round trip is measured when asked for; who asks twice is told twice."""
        peer = self.connect()
        peer.transport.peerReads = False
        wire = peer.agent._wire
        measured = [self.factory.measure(wire) for _ in range(2)]
        self.clock.advance(0.25)
        self.assertNoResult(measured[0])
        peer.resumeReading()
        self.assertEqual(list(map(self.successResultOf, measured)), [0.25, 0.25])
        self.assertEqual(len(peer.pings), 1)
        self.assertEqual(wire.roundTripTime, 0.25)

    def test_measureLost(self):
        """Who is lost meanwhile fails with its reason."""
        peer = self.connect()
        peer.transport.peerReads = False
        measured = self.factory.measure(peer.agent._wire)
        peer.vanish()
        self.failureResultOf(measured, ClosedUncleanly)

    def test_trace(self):
        """Frames are shown as long as that is wanted."""
        peer = self.connect()
        lines = []
        trace = self.inspection.trace(peer.agent._wire, lines.append)
        peer.sendTextMessage("hello")
        trace.stop()
        peer.sendTextMessage("hello")
        self.assertEqual(lines, ["< text, 5 octets", "> text, 5 octets"])

    def test_draining(self):
        """From a drain on, until it starts again, a factory says so."""
        self.factory.doStart()
        self.assertFalse(self.factory.isDraining)
        self.successResultOf(self.factory.drain())
        self.assertTrue(self.factory.isDraining)
        self.factory.doStop()
        self.factory.doStart()
        self.assertFalse(self.factory.isDraining)
        self.factory.doStop()

    def test_noTrace(self):
        """Who is not looked at has nothing more to do."""
        _, agent = self.open(Noting)
        self.assertEqual(Inspection(agent.factory).agents()[0].agent, "Noting")
