"""L{wsagent.web.board}: what the admin pages that are open show."""

import json

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from tests.core.notation import row
from wsagent.console.commands import Commands
from wsagent.demo import Echo
from wsagent.inspection import AgentReport, Inspection
from wsagent.server import WebSocketServerFactory
from wsagent.survey import View
from wsagent.testing import connected, upgradeRequest
from wsagent.web.board import Board
from wsagent.web.orders import Orders


class BoardTests(SynchronousTestCase):
    """L{Board}, with pages in memory."""

    def setUp(self):
        """Make a server, and one for the pages."""
        self.clock = Clock()
        self.factory = WebSocketServerFactory(Echo, reactor=self.clock)
        inspection = Inspection(self.factory)
        self.board = Board(inspection, Orders(Commands(inspection)))
        self.admin = WebSocketServerFactory(self.board.makeOnlooker, reactor=self.clock)

    def connect(self, path="/"):
        """Connect a client to the server."""
        peer = connected(self.factory, None, upgradeRequest(path))
        self.addCleanup(peer.vanish)
        return peer

    def page(self):
        """Open a page."""
        page = connected(self.admin)
        self.addCleanup(page.vanish)
        return page

    def told(self, page, *kinds):
        """Give what a page was told since it was asked, of some kinds."""
        told = [json.loads(each) for each in page.received]
        page.received.clear()
        return [each[kind] for each in told for kind in kinds if kind in each]

    def view(self, page, **view):
        """Choose a view."""
        page.sendTextMessage(json.dumps({"view": {**View()._asdict(), **view}}))

    def test_counted(self):
        """A page is told what there is at once, and each second."""
        self.connect().sendTextMessage("hello")
        self.connect().vanish()
        connected(self.factory, request=b"GET / HTTP/1.0\r\n\r\n")
        page = self.page()
        (counted,) = self.told(page, "counted")
        self.assertEqual(counted["connections"], 1)
        self.assertEqual(counted["agents"], 1)
        self.assertEqual(counted["passed"]["messagesReceived"], 1)
        self.assertEqual(counted["handshakes"], {"101": 2, "505": 1})
        self.assertEqual(counted["closes"], {"1006": 1})
        self.assertEqual(counted["isDraining"], False)
        self.assertEqual(sum(counted["roundTrips"]["counts"]), 0)
        self.clock.advance(0.5)
        self.assertEqual(self.told(page, "counted"), [])
        self.clock.advance(0.5)
        (after,) = self.told(page, "counted")
        self.assertEqual(after["seconds"] - counted["seconds"], 1)

    def test_together(self):
        """All pages are told the same, at the same time."""
        pages = [self.page() for _ in range(3)]
        for each in pages:
            each.received.clear()
        self.clock.advance(1)
        first, second, third = (each.received for each in pages)
        self.assertEqual(len(first), 1)
        self.assertEqual((first, first), (second, third))

    def test_nobody(self):
        """Nothing is looked at while no page is open."""
        before = len(self.clock.getDelayedCalls())
        pages = [self.page(), self.page()]
        for each in pages:
            each.vanish()
        self.assertFalse(self.board._looking.running)
        self.assertEqual(len(self.clock.getDelayedCalls()), before)
        (counted,) = self.told(self.page(), "counted")
        self.assertEqual(counted["agents"], 0)

    def test_view(self):
        """A page is shown agents at once when it says which, then each second."""
        for path in ("/a", "/b", "/c"):
            self.connect(path)
        page = self.page()
        self.assertEqual(self.told(page, "listed"), [])
        self.view(page, text="/", order="path", isDescending=True)
        for _ in range(2):
            (listed,) = self.told(page, "listed")
            self.assertEqual(listed["matching"], 3)
            self.assertEqual(listed["columns"], list(AgentReport._fields))
            place = listed["columns"].index("path")
            self.assertEqual(
                [each[place] for each in listed["rows"]], ["/c", "/b", "/a"]
            )
            self.clock.advance(1)
        page.sendTextMessage('{"view":null}')
        self.told(page)
        self.clock.advance(1)
        self.assertEqual(self.told(page, "listed"), [])

    def test_views(self):
        """Each page has its own view."""
        self.connect("/a")
        self.connect("/b")
        pages = [self.page() for _ in range(3)]
        for each, text in zip(pages, ("/a", "/b", "/b"), strict=True):
            self.view(each, text=text)
            self.told(each)
        self.clock.advance(1)
        seen = [
            [line[3] for line in self.told(each, "listed")[0]["rows"]] for each in pages
        ]
        self.assertEqual(seen, [["/a"], ["/b"], ["/b"]])

    def test_names(self):
        """A long name is cut."""
        self.connect("/" + 1000 * "x")
        page = self.page()
        self.view(page)
        (listed,) = self.told(page, "listed")
        self.assertEqual(listed["rows"][0][3], "/" + 199 * "x" + "…")

    def test_command(self):
        """A command is done, and answered under its number."""
        peer = self.connect()
        address = f":{peer.agent._wire.address:08x}"
        page = self.page()
        for number, command, answer in (
            (7, ["message", address, "hi there"], {"ok": True, "result": None}),
            ("x", ["kill", address, 4000, "enough"], {"ok": True, "result": None}),
        ):
            told = {"command": command, "number": number}
            page.sendTextMessage(json.dumps(told))
            page.received[:] = [each for each in page.received if "answer" in each]
            (said,) = [json.loads(each) for each in page.received]
            self.assertEqual(said, {"answer": answer, "number": number})
            page.received.clear()
        self.assertEqual(peer.received, ["hi there"])
        self.assertEqual(peer.closed, (4000, "enough"))

    def test_wrongCommand(self):
        """One that cannot be done is answered by a line."""
        page = self.page()
        for command in ([], ["nothing"], ["kill"], ["kill", ":0"]):
            with row(command):
                page.sendTextMessage(json.dumps({"command": command, "number": 1}))
                (answer,) = self.told(page, "answer")
                self.assertFalse(answer["ok"])
                self.assertNotIn("\n", answer["error"])

    def test_logged(self):
        """The log has which page's command it was."""
        page = self.page()
        with capturedLogs() as logs:
            page.sendTextMessage('{"command":["stat"],"number":1}')
        self.assertIn(
            "admin: 192.0.2.1:54321 runs 'stat'", list(map(formatEvent, logs))
        )

    def test_malformed(self):
        """What no page of ours says ends the connection."""
        view = {"text": "", "order": "path", "isDescending": False}
        for told in (
            "",
            "x",
            "[]",
            "1",
            "[" * 10_000,
            "{}",
            {"view": {}},
            {"view": []},
            {"view": {**view, "order": "nothing"}},
            {"view": {**view, "order": ["path"]}},
            {"view": {**view, "text": 1}},
            {"view": {**view, "isDescending": 1}},
            {"view": {**view, "more": 1}},
            {"view": view, "more": 1},
            {"command": ["stat"]},
            {"command": "stat", "number": 1},
            {"command": [None], "number": 1},
        ):
            with row(told):
                page = self.page()
                text = told if isinstance(told, str) else json.dumps(told)
                page.sendTextMessage(text)
                self.assertEqual(page.closed[0], 1008)
        page = self.page()
        page.sendBytesMessage(b"{}")
        self.assertEqual(page.closed, (1003, "allowed: text"))

    def test_slow(self):
        """A page that does not read is told nothing more until it does."""
        slow, other = self.page(), self.page()
        slow.pauseReading()
        slow.agent.sendBytesMessage(bytes(200_000))
        for each in (slow, other):
            each.received.clear()
        self.view(slow)
        for _ in range(5):
            self.clock.advance(1)
        self.assertEqual(len(self.told(other, "counted")), 5)
        self.assertGreater(slow.agent.bufferedAmount, 0)
        slow.resumeReading()
        data, listed = slow.received
        self.assertEqual(data, bytes(200_000))
        self.assertIn("listed", listed)
        slow.received.clear()
        self.clock.advance(1)
        self.assertEqual(len(self.told(slow, "counted", "listed")), 2)

    def test_onlySlow(self):
        """If no page reads, nothing is looked at."""
        page = self.page()
        page.pauseReading()
        page.agent.sendBytesMessage(bytes(200_000))
        self.clock.advance(1)
        self.assertIsNone(self.board._survey)

    def test_leaves(self):
        """A page may leave while it is looked for it."""
        for _ in range(300):
            self.connect()
        page = self.page()
        self.patch(self.clock, "seconds", self.lateClock())
        self.view(page)
        self.assertIsNotNone(self.board._survey)
        page.vanish()
        self.assertIsNone(self.board._survey)

    def test_changesMeanwhile(self):
        """A view that changes while it is looked for another is shown next."""
        self.connect("/a")
        for _ in range(300):
            self.connect("/b")
        page = self.page()
        self.told(page)
        seconds = self.clock.seconds
        self.patch(self.clock, "seconds", self.lateClock())
        self.view(page, text="/b")
        self.view(page, text="/a")
        self.assertEqual(self.told(page, "listed"), [])
        self.clock.seconds = seconds
        for _ in range(3):
            self.clock.advance(0)
        self.assertEqual([each["matching"] for each in self.told(page, "listed")], [1])

    def lateClock(self):
        """Make a way to tell the time by which each look takes a while."""

        def seconds():
            self.clock.rightNow += 0.001
            return self.clock.rightNow

        return seconds
