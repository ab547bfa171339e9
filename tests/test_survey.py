"""L{wsagent.survey}: a look at all agents, in turns."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.core.notation import row
from wsagent.demo import Echo
from wsagent.inspection import Inspection
from wsagent.protocol import WebSocketProtocol
from wsagent.server import WebSocketServerFactory
from wsagent.survey import ROWS_LIMIT, Survey, View
from wsagent.testing import connected, upgradeRequest


class Slow(Clock):
    """A clock by which each look at it takes a millisecond."""

    isSlow = False

    def seconds(self):
        """Take it."""
        if self.isSlow:
            self.rightNow += 0.001
        return super().seconds()


class Other(WebSocketProtocol):
    """Some other class."""


class SurveyTests(SynchronousTestCase):
    """L{Survey} of a server in memory."""

    def setUp(self):
        """Make a server."""
        self.clock = Slow()
        self.factory = WebSocketServerFactory(
            Echo, {"other": Other}, reactor=self.clock
        )
        self.inspection = Inspection(self.factory)
        self.seen = []

    def connect(self, path="/", *subprotocols):
        """Connect a client."""
        peer = connected(self.factory, None, upgradeRequest(path, subprotocols))
        self.addCleanup(peer.vanish)
        return peer

    def tearDown(self):
        """Look no more: all that is left are the timers of connections."""
        calls = [call.func for call in self.clock.getDelayedCalls()]
        self.assertNotIn(Survey.goOn, [getattr(each, "__func__", 0) for each in calls])

    def begin(self, *views):
        """Begin a survey."""
        survey = Survey(self.inspection, views, lambda *seen: self.seen.append(seen))
        survey.goOn()
        return survey

    def look(self, *view):
        """Give the paths of the agents of a view, and how many match."""
        self.begin(View(*view))
        ((_, found),) = self.seen
        self.seen.clear()
        rows = found[View(*view)]
        return [each.path for each in rows.rows], rows.matching

    def test_totals(self):
        """What was added up is what there is."""
        self.connect().sendTextMessage("hello")
        self.connect().vanish()
        connected(self.factory, request=b"GET")
        self.begin()
        self.assertEqual(self.seen, [(self.inspection.totals(), {})])

    def test_orders(self):
        """Agents come in any order there is for a report, and turned round."""
        peers = [self.connect(path) for path in ("/b", "/a", "/c")]
        self.clock.advance(1)
        peers.append(self.connect("/d", "other"))
        for peer, text in zip(peers, ("bbb", "a", "cc"), strict=False):
            peer.sendTextMessage(text)
        peers[2].pauseReading()
        peers[2].agent.sendBytesMessage(bytes(200_000))
        peers[0].transport.peerReads = False
        self.factory.measure(peers[0].agent._wire)
        self.clock.advance(0.5)
        peers[0].resumeReading()
        for order, wanted in (
            ("address", "bacd"),
            ("agent", "bacd"),
            ("path", "abcd"),
            ("subprotocol", "bacd"),
            ("seconds", "dbac"),
            ("messagesReceived", "dbac"),
            ("octetsReceived", "dacb"),
            ("octetsSent", "dabc"),
            ("messagesSent", "dbac"),
            ("buffered", "badc"),
            ("roundTripTime", "acdb"),
            ("peer", "bacd"),
        ):
            with row(order):
                paths, matching = self.look("", order)
                self.assertEqual("".join(each[1:] for each in paths), wanted)
                self.assertEqual(matching, 4)
        self.assertEqual(self.look("", "path", True)[0], ["/d", "/c", "/b", "/a"])
        # Of equals, the older stays first.
        self.assertEqual(self.look("", "peer", True)[0], ["/b", "/a", "/c", "/d"])

    def test_everyColumn(self):
        """There is an order for each name that a report has, but for a yes or no."""
        self.connect()
        (report,) = self.inspection.agents()
        for name in report._fields:
            self.assertEqual(View("", name).isPossible, name != "isSlow")

    def test_text(self):
        """A text is looked for in all names, whatever its case."""
        self.connect("/Chat/Room")
        peer = self.connect("/prices", "other")
        address = self.inspection.report(peer.agent._wire).address
        for text, wanted in (
            ("chat", ["/Chat/Room"]),
            ("ECHO", ["/Chat/Room"]),
            ("other", ["/prices"]),
            (address, ["/prices"]),
            ("192.0.2.1", ["/Chat/Room", "/prices"]),
            ("nobody", []),
            ("room\nprices", []),
        ):
            with row(text):
                self.assertEqual(self.look(text), (wanted, len(wanted)))

    def test_closing(self):
        """Who is about to be gone is no open agent, but is counted."""
        peer = self.connect("/leaving")
        peer.transport.peerReads = False
        peer.agent.loseConnection()
        self.begin(View())
        ((totals, found),) = self.seen
        self.assertEqual((totals.connections, totals.agents), (1, 0))
        self.assertEqual(found[View()], (0, []))

    def test_many(self):
        """Only the first are reported on, though all are counted."""
        for number in range(1100):
            self.connect(f"/{number:04}")
        paths, matching = self.look("", "path", True)
        self.assertEqual(matching, 1100)
        self.assertEqual(
            paths, [f"/{number:04}" for number in range(1099, 1099 - ROWS_LIMIT, -1)]
        )

    def test_turns(self):
        """It lasts several turns if it takes long, and whoever is lost is counted."""
        peers = [self.connect(f"/{number}") for number in range(300)]
        peers[299].sendTextMessage("hello")
        self.clock.isSlow = True
        self.begin(View("", "address", True))
        self.assertEqual(self.seen, [])
        self.clock.isSlow = False
        peers[299].vanish()
        self.clock.advance(0)
        ((totals, found),) = self.seen
        self.assertEqual(totals.passed.messagesReceived, 1)
        self.assertEqual(found[View("", "address", True)].rows[0].path, "/298")

    def test_lostAtTheEnd(self):
        """Who was seen, and is lost before the report, is not in it."""
        peers = [self.connect(f"/{number}") for number in range(300)]
        self.clock.isSlow = True
        self.begin(View())
        self.clock.isSlow = False
        peers[0].vanish()
        self.clock.advance(0)
        ((_, found),) = self.seen
        self.assertEqual(found[View()].rows[0].path, "/1")

    def test_stop(self):
        """One that is stopped looks no further."""
        for _ in range(300):
            self.connect()
        self.clock.isSlow = True
        survey = self.begin()
        survey.stop()
        survey.stop()
        self.assertEqual(self.seen, [])
