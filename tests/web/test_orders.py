"""L{wsagent.web.orders}: the console's commands, over HTTP."""

from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from tests.core.notation import row
from wsagent.console.commands import Commands
from wsagent.demo import Echo
from wsagent.inspection import Inspection
from wsagent.server import WebSocketServerFactory
from wsagent.testing import connected
from wsagent.web.gate import BODY_LIMIT, Asking
from wsagent.web.orders import CommandList, Orders

from .asking import Asker, answered

JSON = "Content-Type: application/json"


class CommandListTests(SynchronousTestCase):
    """L{CommandList}, asked by HTTP."""

    def setUp(self):
        """Make a server."""
        self.factory = WebSocketServerFactory(Echo, reactor=Clock())
        self.commands = Commands(Inspection(self.factory))
        root = Resource()
        root.putChild(b"commands", CommandList(Orders(self.commands)))
        self.asker = Asker(root, Asking)

    def connect(self):
        """Connect a client; give it, and its agent's address."""
        peer = connected(self.factory)
        self.addCleanup(peer.vanish)
        return peer, f":{peer.agent._wire.address:08x}"

    def test_list(self):
        """All commands are listed, with what they do."""
        for path in ("/commands", "/commands/"):
            told = self.asker.get(path).told
            self.assertTrue(told["ok"])
            self.assertEqual(
                [each["name"] for each in told["result"]], [*self.commands.table]
            )
            kill = next(each for each in told["result"] if each["name"] == "kill")
            self.assertEqual(kill["usage"], "ADDRESS [CODE [REASON...]]")
            self.assertIn("Close", kill["help"])
        self.assertEqual(self.asker.ask("HEAD", "/commands").body, b"")

    def test_run(self):
        """A command is run, and what it tells is JSON."""
        peer, address = self.connect()
        answer = self.asker.post("/commands/info", {"arguments": [address]})
        self.assertEqual((answer.status, answer.told["ok"]), (200, True))
        self.assertEqual(answer.told["result"]["address"], address)
        self.assertTrue(answer.body.endswith(b"\n"))
        self.assertEqual(answer.headers["content-length"], [str(len(answer.body))])
        del peer

    def test_done(self):
        """What is asked for happens: numbers and texts are arguments."""
        peer, address = self.connect()
        told = {"arguments": [address, "two  words é"]}
        answer = self.asker.post("/commands/message", told)
        self.assertEqual(answer.told, {"ok": True, "result": None})
        self.assertEqual(peer.received, ["two  words é"])
        told = {"arguments": [address, 4000, "enough now"]}
        self.assertTrue(self.asker.post("/commands/kill", told).told["ok"])
        self.assertEqual(peer.closed, (4000, "enough now"))

    def test_noArguments(self):
        """Without a body, or with an empty one, there are no arguments."""
        self.assertEqual(self.asker.ask("POST", "/commands/stat").status, 200)
        self.assertEqual(self.asker.post("/commands/stat", {}).status, 200)

    def test_unknown(self):
        """A command that is none is not found."""
        for path in ("/commands/nothing", "/commands/%00", "/commands/x%2Fy"):
            with row(path):
                answer = self.asker.post(path, {})
                self.assertEqual(answer.status, 404)
                self.assertFalse(answer.told["ok"])
                self.assertIn("Invalid command", answer.told["error"])
        self.assertEqual(self.asker.post("/commands/list/x", {}).status, 404)

    def test_wrong(self):
        """What is wrong with a command is said in one line."""
        _, address = self.connect()
        for name, arguments, said in (
            ("kill", [], "kill: allowed: kill ADDRESS [CODE [REASON...]]"),
            ("kill", [":0"], "kill: ':0', allowed: the address of an open agent"),
            ("kill", [address, 1005], "kill: "),
            ("kill", [address, "x\ny"], "kill: code 'x\\ny', allowed"),
            ("trace", [address, "on"], "trace: allowed: on a console"),
        ):
            with row((name, arguments)):
                answer = self.asker.post(f"/commands/{name}", {"arguments": arguments})
                self.assertEqual(answer.status, 400)
                self.assertEqual(answer.told["ok"], False)
                self.assertTrue(answer.told["error"].startswith(said), answer.told)
                self.assertNotIn("\n", answer.told["error"])

    def test_vanished(self):
        """So is that an agent is gone."""
        peer, address = self.connect()
        peer.vanish()
        answer = self.asker.post("/commands/message", {"arguments": [address, "hi"]})
        self.assertEqual(answer.status, 400)
        self.assertIn(address, answer.told["error"])

    def test_body(self):
        """A body that is none of ours is refused, and nothing is run."""
        _, address = self.connect()
        good = b'{"arguments": ["%s"]}' % address.encode()
        for fields, body, said in (
            ((), good, "Content-Type, allowed: application/json"),
            (("Content-Type: text/plain",), good, "Content-Type"),
            (("Content-Type: \udcff",), good, "Content-Type"),
            (("Content-Type: application/x-www-form-urlencoded",), good, "Content-T"),
            ((JSON,), b"{", "body is no JSON"),
            ((JSON,), b"\xff", "body is no JSON"),
            ((JSON,), b"[" * 60_000, "body is no JSON"),
            ((JSON,), b"[]", 'body, allowed: {"arguments": [...]}'),
            ((JSON,), b'{"arguments": [], "more": 1}', "body, allowed"),
            ((JSON,), b'{"arguments": "x"}', "allowed: a list of texts and numbers"),
            ((JSON,), b'{"arguments": [null]}', "allowed: a list"),
            ((JSON,), b'{"arguments": [true]}', "allowed: a list"),
            ((JSON,), b'{"arguments": [[]]}', "allowed: a list"),
            ((JSON,), b" " * (BODY_LIMIT + 1), "body too long, allowed: 65536 octets"),
        ):
            with row((fields, body[:40])):
                answer = self.asker.ask("POST", "/commands/exit", *fields, body=body)
                self.assertEqual(answer.status, 400)
                self.assertTrue(answer.told["error"].startswith(said), answer.told)
        self.assertEqual(len(self.factory.wires), 1)

    def test_methods(self):
        """The list is got, and a command is posted."""
        answer = self.asker.get("/commands/stat")
        self.assertEqual((answer.status, answer.headers["allow"]), (405, ["POST"]))
        answer = self.asker.post("/commands", {})
        self.assertEqual((answer.status, answer.headers["allow"]), (405, ["GET, HEAD"]))
        self.assertEqual(answer.told["error"], "method, allowed: GET, HEAD")

    def test_later(self):
        """A command that takes a while is answered when it is done."""
        peer, address = self.connect()
        peer.transport.peerReads = False
        body = b'["%s"]' % address.encode()
        body = b'{"arguments": %s}' % body
        transport = self.asker.begin("POST", "/commands/ping", JSON, body=body)
        self.assertEqual(transport.value(), b"")
        self.factory.reactor.advance(0.25)
        peer.resumeReading()
        self.assertEqual(answered(transport).told["result"], {"seconds": 0.25})

    def test_left(self):
        """Who does not wait for the answer gets none, and nothing is wrong."""
        peer, address = self.connect()
        peer.transport.peerReads = False
        body = b'{"arguments": ["%s"]}' % address.encode()
        transport = self.asker.begin("POST", "/commands/ping", JSON, body=body)
        self.asker.channel.connectionLost(Failure(ConnectionLost()))
        peer.resumeReading()
        self.assertEqual(transport.value(), b"")

    def test_logged(self):
        """The log has who runs what, but not what may be private."""
        _, address = self.connect()
        with capturedLogs() as logs:
            self.asker.post("/commands/message", {"arguments": [address, "secret"]})
            self.asker.post("/commands/x%0Ay", {})
        lines = [
            formatEvent(each) for each in logs if "orders" in each["log_namespace"]
        ]
        self.assertRegex(lines[0], f"^admin: .* runs 'message' '{address}'$")
        self.assertRegex(lines[1], r"^admin: .* runs 'x\\ny'$")
