"""Each of C{examples/} does what it says."""

import json
import sys
import unittest
from pathlib import Path
from runpy import run_path

from twisted.application.service import IServiceCollection
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsagent import WebSocketServerFactory, WebSocketService
from wsagent.core import heads
from wsagent.testing import connected, upgradeRequest

EXAMPLES = Path(__file__).parents[1] / "examples"


class ExampleTests(SynchronousTestCase):
    """The examples, run as they are."""

    def setUp(self):
        """Let examples import each other, as from their own folder."""
        self.patch(sys, "path", [str(EXAMPLES), *sys.path])
        self.addCleanup(sys.modules.pop, "echo", None)

    def test_allAreTested(self):
        """No example is without a test here."""
        tested = {
            *("echo.py", "test_echo.py", "counter.py", "chat.py", "ticker.py"),
            "members.py",
            *("rooms.py", "server.tac"),
        }
        found = {path.name for path in EXAMPLES.iterdir() if path.is_file()}
        self.assertEqual(found, tested)

    def test_echo(self):
        """The echo sends back text and bytes."""
        peer = connected(run_path(str(EXAMPLES / "echo.py"))["Echo"])
        peer.sendTextMessage("héllo")
        peer.sendBytesMessage(b"\xff")
        self.assertEqual(peer.received, ["héllo", b"\xff"])

    def test_echoTest(self):
        """The echo's own test passes."""
        cases = run_path(str(EXAMPLES / "test_echo.py"))["EchoTests"]
        result = unittest.TestResult()
        unittest.TestLoader().loadTestsFromTestCase(cases).run(result)
        self.assertEqual(result.testsRun, 1)
        self.assertTrue(result.wasSuccessful(), result.failures + result.errors)

    def test_counter(self):
        """The counter counts from where it is asked to, once a second."""
        counter = run_path(str(EXAMPLES / "counter.py"))["Counter"]
        peer = connected(counter, request=upgradeRequest("/?from=41"))
        peer.advance(1)
        peer.advance(1)
        self.assertEqual(peer.received, ["41", "42", "43"])
        peer.loseConnection()
        self.assertEqual(peer.clock.getDelayedCalls(), [])

    def test_counterRefuses(self):
        """The counter refuses to count from what is no number."""
        counter = run_path(str(EXAMPLES / "counter.py"))["Counter"]
        peer = connected(counter, request=upgradeRequest("/?from=me"))
        self.assertEqual(peer.status, 400)

    def test_chat(self):
        """The chat passes lines on between its two subprotocols."""
        factory = run_path(str(EXAMPLES / "chat.py"))["makeFactory"](Clock())
        ann, bob = (
            connected(factory, request=upgradeRequest(f"/?name={name}", [subprotocol]))
            for name, subprotocol in (("ann", "chat.text"), ("bob", "chat.json"))
        )
        ann.sendTextMessage("hi")
        bob.sendTextMessage(json.dumps({"text": "hello"}))
        bob.sendTextMessage("no object")
        self.assertEqual(
            ann.received,
            ["ann: is here", "bob: is here", "ann: hi", "bob: hello", "bob: has left"],
        )
        self.assertEqual(json.loads(bob.received[1]), {"name": "ann", "text": "hi"})
        self.assertEqual(bob.closed, (1003, "needed: an object with a text"))

    def test_chatRefuses(self):
        """The chat refuses who has no name, and who speaks neither subprotocol."""
        makeFactory = run_path(str(EXAMPLES / "chat.py"))["makeFactory"]
        for request in (
            upgradeRequest("/", ["chat.text"]),
            upgradeRequest("/?name=ann", ["chat.xml"]),
        ):
            self.assertEqual(
                connected(makeFactory(Clock()), request=request).status, 400
            )

    def test_ticker(self):
        """The ticker tells everyone the same number, once a second, while it is on."""
        clock = Clock()
        factory = run_path(str(EXAMPLES / "ticker.py"))["Ticker"](clock)
        ann, bob = connected(factory), connected(factory)
        factory.doStart()
        clock.advance(1)
        bob.sendTextMessage("hello")
        clock.advance(1)
        factory.doStop()
        clock.advance(9)
        self.assertEqual(ann.received, ["1", "2", "3"])
        self.assertEqual(bob.received, ["1", "2"])
        self.assertEqual(bob.closed, (1008, "nobody listens"))

    def test_rooms(self):
        """What is said in a room is heard in that room; the porter knows of all."""
        routes = run_path(str(EXAMPLES / "rooms.py"))["ROUTES"]
        factory = WebSocketServerFactory(reactor=Clock(), routes=routes)
        ann, bob, cid = (
            connected(factory, target=f"/rooms/{name}")
            for name in ("red", "red", "%C3%A9")
        )
        ann.sendTextMessage("hi")
        self.assertEqual(
            [peer.received for peer in (ann, bob, cid)], [["hi"]] * 2 + [[]]
        )
        bob.loseConnection()
        porter = connected(factory, target="/rooms")
        self.assertEqual(porter.received, ["red: 1", "é: 1"])
        self.assertEqual(porter.closed, (1000, ""))
        self.assertEqual(connected(factory, target="/rooms/").status, 404)
        ann.loseConnection()
        cid.loseConnection()
        self.assertEqual(connected(factory, target="/rooms").received, [])

    def test_members(self):
        """Members are let in where they may go, and told who is there."""
        factory = run_path(str(EXAMPLES / "members.py"))["makeFactory"](Clock())

        def connect(name, target):
            field = "Authorization", heads.basicCredentials(*name.split(":"))
            request = upgradeRequest(target, headers=[field])
            return connected(factory, request=request)

        alice = connect("alice:wonderland", "/garden")
        bob, phone = (connect("bob:builder", "/garden") for _ in range(2))
        bob.sendTextMessage("hello")
        self.assertEqual(alice.received, ["here: Alice"])
        self.assertEqual(bob.received, ["here: Alice, Bob", "Bob: hello"])
        self.assertEqual(phone.received, ["here: Alice, Bob", "Bob: hello"])
        self.assertEqual(connect("bob:builder", "/cellar").status, 403)
        self.assertEqual(connect("bob:bricks", "/garden").status, 401)
        for peer in alice, bob, phone:
            peer.loseConnection()
        self.assertEqual(factory.guard.portal.realm.present, {"Alice": 0, "Bob": 0})

    def test_tac(self):
        """The C{.tac} file makes an application with the service."""
        application = run_path(str(EXAMPLES / "server.tac"))["application"]
        (service,) = IServiceCollection(application)
        self.assertIsInstance(service, WebSocketService)
