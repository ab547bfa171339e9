"""L{wsagent.console.commands}: what the console, and HTTP, can have done."""

import gc
import json
import os
import signal
import tracemalloc

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent

from tests.agents import AgentCase, Noting
from tests.core.notation import row
from wsagent.console.agentcommands import PATIENCE
from wsagent.console.commanding import CommandError, UnknownCommand, plain
from wsagent.console.commands import TABLE, Commands
from wsagent.errors import ClosedUncleanly
from wsagent.inspection import Inspection
from wsagent.routing import Route
from wsagent.server import WebSocketServerFactory
from wsagent.service import ListeningService
from wsagent.testing import connected, upgradeRequest


class Member(Noting):
    """An agent of which there is something to call."""

    def requestReceived(self, request):
        """Be somebody, if the request says so."""
        self.avatar = {"/alice": "alice", "/object": object()}.get(request.path)

    def add(self, *values):
        """Add values."""
        return sum(values)

    def describe(self):
        """Give what JSON has not, too."""
        return {"octets": b"\xff", 1: (None, float("inf")), "set": {"<CMD OK>"}}

    def later(self):
        """Give what comes later."""
        self.waiting = Deferred()
        return self.waiting

    async def coroutine(self):
        """Wait, and give something."""
        return await self.later() + 1

    @inlineCallbacks
    def generator(self):
        """Wait, and give something."""
        result = yield self.later()
        return result

    def fail(self):
        """Raise an error of several lines."""
        raise ValueError("one\ntwo")

    def loseConnection(self, code=4001, reason="my own way"):
        """Go."""
        super().loseConnection(code, reason)


class CommandCase(AgentCase):
    """
    A server in memory, and its commands.

    @ivar shown: lines that came later.
    """

    def setUp(self):
        """Make them."""
        self.clock = Clock()
        self.factory = WebSocketServerFactory(
            reactor=self.clock,
            routes=[Route("/{rest...}", Member), Route("other.example", Noting)],
        )
        self.service = ListeningService(self.factory, ())
        self.service.addresses.append(IPv4Address("TCP", "192.0.2.1", 8001))
        self.commands = Commands(Inspection(self.factory), self.service)
        self.shown = []
        self.addCleanup(lambda: self.assertEqual(self.clock.getDelayedCalls(), []))

    def connect(self, target="/", headers=()):
        """Connect a peer; give its address, too."""
        peer = connected(self.factory, None, upgradeRequest(target, headers=headers))
        self.addCleanup(peer.vanish)
        return peer, f":{peer.agent._wire.address:08x}"

    def run_(self, *words):
        """Run a command that is done at once."""
        return self.successResultOf(self.commands.run(words, self.shown.append))

    def line(self, text):
        """Run a line that is done at once; its result goes into JSON."""
        result = self.commands.runLine(text, self.shown.append)
        return json.loads(json.dumps(self.successResultOf(result)))

    def wrong(self, text, kind=CommandError):
        """Run a line that cannot be done; give the one line that says why."""
        running = self.commands.runLine(text, self.shown.append)
        failure = self.failureResultOf(running, kind)
        why = str(failure.value)
        self.assertEqual(len(why.splitlines()), 1, why)
        return why


class TableTests(CommandCase):
    """What all commands have in common."""

    def test_table(self):
        """Each command has a name of its own, and one line of help."""
        self.assertEqual(len({each.name for each in TABLE}), len(TABLE))
        for each in TABLE:
            with row(each.name):
                self.assertRegex(each.name, "^[a-z]+$")
                self.assertRegex(each.help, r"^[A-Z][^\n]{8,70}[^.\n]$")
                self.assertRegex(each.usage, r"^([A-Za-z|. []+\]*)?$")

    def test_tests(self):
        """Each command has a test of its name here."""
        cases = (TableTests, AgentTests, ServerTests, ProcessTests)
        names = {name for case in cases for name in vars(case)}
        missing = {each.name for each in TABLE if f"test_{each.name}" not in names}
        self.assertEqual(missing, set())

    def test_help(self):
        """C{help} shows them all, or one."""
        shown = self.line("help")
        self.assertEqual(set(shown), set(self.commands.table))
        wanted = "ADDRESS [CODE [REASON...]] : Close a connection, with the closing "
        self.assertEqual(self.line("help kill"), {"kill": f"{wanted}handshake"})
        self.assertEqual(self.line("help gc"), {"gc": "Collect garbage"})
        self.wrong("help unknown", UnknownCommand)

    def test_json(self):
        """C{json} runs a command, whose errors are as without it."""
        peer, address = self.connect()
        self.assertEqual(self.line(f"json call {address} add 1"), 1)
        self.line(f"json trace {address} on")
        peer.sendTextMessage("hello")
        self.assertEqual(len(self.shown), 1)
        for line in ("kill", "x", "kill :0"):
            self.assertEqual(self.wrong(f"json {line}"), self.wrong(line))
        self.assertEqual(self.wrong("json"), "json: allowed: json COMMAND...")

    def test_jsonAgain(self):
        """C{json} of itself is refused, however often: it would end in no answer."""
        for line in ("json json mem", "json " * 10_000):
            with row(line[:20]):
                self.assertEqual(self.wrong(line), "json: allowed: once")

    def test_unknown(self):
        """What is no command is refused as in skynet."""
        for line in ("x", "", " ", "Help", "kill\0", "helps"):
            why = self.wrong(line, UnknownCommand)
            self.assertEqual(why, "Invalid command, type help for command list")

    def test_arguments(self):
        """Too few arguments and too many are told with those that are allowed."""
        for line, written in (
            ("kill", "kill ADDRESS [CODE [REASON...]]"),
            ("info :1 more", "info [ADDRESS]"),
            ("message :1", "message ADDRESS TEXT..."),
            ("broadcast", "broadcast TEXT..."),
            ("mem more", "mem"),
            ("trace :1", "trace ADDRESS on|off|payloads"),
        ):
            name = line.split()[0]
            self.assertEqual(self.wrong(line), f"{name}: allowed: {written}")

    def test_vanished(self):
        """An agent that is gone, or never was, is one line."""
        peer, address = self.connect()
        peer.vanish()
        allowed = "allowed: the address of an open agent, such as :0000001a"
        for each in TABLE:
            if not each.usage.startswith(("ADDRESS", "[ADDRESS")):
                continue
            for wrong in (address, "x\x1b"):
                rest = {"trace": "on", "call": "add", "message": "x"}.get(each.name, "")
                why = self.wrong(f"{each.name} {wrong} {rest}")
                self.assertEqual(why, f"{each.name}: {wrong!r}, {allowed}")

    def test_failure(self):
        """A failure of our own is logged, and one line."""
        with capturedLogs() as events:
            self.service.addresses = None
            why = self.wrong("service")
        self.assertEqual(why, "service: failed, see the log")
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
        (event,) = [each for each in events if each["log_level"] is LogLevel.critical]
        self.assertIn("console command service failed", formatEvent(event))

    def test_plain(self):
        """What JSON has not becomes text."""
        self.assertEqual(
            plain({1: (b"x", float("nan"), 1.5, True, None, {"a"})}),
            {"1": ["b'x'", "nan", 1.5, True, None, ["a"]]},
        )


class AgentTests(CommandCase):
    """The commands about one agent."""

    def test_info(self):
        """C{info} tells who it is, and what has passed."""
        peer, address = self.connect("/alice?b", [("Origin", "http://localhost")])
        peer.sendTextMessage("hello")
        self.clock.advance(1.25)
        info = self.line(f"info {address}")
        self.assertEqual(info["address"], address)
        self.assertEqual((info["agent"], info["avatar"]), ("Member", "alice"))
        self.assertEqual((info["path"], info["host"]), ("/alice", "localhost"))
        self.assertEqual((info["messagesReceived"], info["seconds"]), (1, 1.25))
        self.assertEqual(info["origin"], "http://localhost")
        self.assertFalse(info["isTraced"])
        _, address = self.connect("/object")
        self.assertEqual(self.line(f"info {address[1:]}")["avatar"], "object")

    def test_kill(self):
        """C{kill} closes one connection, with code and reason."""
        for line, wanted in (
            ("", (1000, "")),
            ("4000", (4000, "")),
            ("4000 enough  of you", (4000, "enough  of you")),
        ):
            peer, address = self.connect()
            self.assertIsNone(self.line(f"kill {address} {line}"))
            self.assertEqual(peer.closed, wanted)
        peer, address = self.connect()
        self.run_("kill", address, "4000", "as", "over", "HTTP")
        self.assertEqual(peer.closed, (4000, "as over HTTP"))

    def test_killWrong(self):
        """A code or a reason that cannot be sent is refused, and nothing is closed."""
        peer, address = self.connect()
        allowed = "1000-1003, 1007-1014, 3000-4999"
        for line, why in (
            ("soon", "code 'soon', allowed: such as 1000 or 4000"),
            (
                "\uff11\uff10\uff10\uff10",
                "code '\uff11\uff10\uff10\uff10', allowed: such as 1000 or 4000",
            ),
            ("1005", f"code 1005, allowed: {allowed}"),
            ("99999999", f"code 99999999, allowed: {allowed}"),
        ):
            self.assertEqual(self.wrong(f"kill {address} {line}"), f"kill: {why}")
        self.assertIn("123", self.wrong(f"kill {address} 4000 {124 * 'x'}"))
        self.assertTrue(peer.agent.isOpen)

    def test_exit(self):
        """C{exit} has the agent go its own way."""
        peer, address = self.connect()
        self.line(f"exit {address}")
        self.assertEqual(peer.closed, (4001, "my own way"))

    def test_abort(self):
        """C{abort} makes no closing handshake."""
        peer, address = self.connect()
        agent = peer.agent
        self.line(f"abort {address}")
        self.assertTrue(peer.isDisconnected)
        self.assertIsNone(peer.closed)
        self.assertEqual(agent.ending, (ClosedUncleanly, 1006, "aborted", "us"))

    def test_message(self):
        """C{message} sends one text, spaces and all."""
        peer, address = self.connect()
        other, _ = self.connect()
        self.line(f"message {address}  two  w\u00f6rds ")
        self.assertEqual((peer.received, other.received), (["two  w\u00f6rds "], []))

    def test_ping(self):
        """C{ping} measures a round trip."""
        peer, address = self.connect()
        peer.pauseReading()
        running = self.commands.runLine(f"ping {address}")
        self.assertNoResult(running)
        self.clock.advance(0.0123456789)
        peer.resumeReading()
        self.assertEqual(self.successResultOf(running), {"seconds": 0.012346})

    def test_pingLost(self):
        """A peer that does not answer, or leaves meanwhile, is one line."""
        peer, address = self.connect()
        peer.pauseReading()
        running = self.commands.runLine(f"ping {address}")
        self.clock.advance(PATIENCE)
        why = str(self.failureResultOf(running, CommandError).value)
        self.assertEqual(why, "ping: no pong in 10 s")
        running = self.commands.runLine(f"ping {address}")
        peer.vanish()
        why = str(self.failureResultOf(running, CommandError).value)
        self.assertRegex(why, "^ping: lost before the pong: .*1006")

    def test_call(self):
        """C{call} gives what a method gives, at once or later, for JSON."""
        peer, address = self.connect()
        self.assertEqual(self.line(f"call {address} add"), 0)
        self.assertEqual(self.line(f"call {address} add 1 2.5"), 3.5)
        self.assertEqual(self.run_("call", address, "add", "1", "2"), 3)
        self.assertEqual(
            self.line(f"call {address} describe"),
            {"1": [None, "inf"], "octets": r"b'\xff'", "set": ["<CMD OK>"]},
        )
        self.line(f'call {address} sendTextMessage "two  words"')
        self.assertEqual(peer.received, ["two  words"])
        for name, wanted in (("later", 1), ("coroutine", 2), ("generator", 1)):
            running = self.commands.runLine(f"call {address} {name}")
            self.assertNoResult(running)
            peer.agent.waiting.callback(1)
            self.assertEqual(self.successResultOf(running), wanted)

    def test_callWrong(self):
        """No method, no JSON, or an error are one line each."""
        peer, address = self.connect()
        method = "allowed: a public method of Member"
        for line, why in (
            ("_wire", f"'_wire', {method}"),
            ("__init__", f"'__init__', {method}"),
            ("request", f"'request', {method}"),
            ("factory.drain", f"'factory.drain', {method}"),
            ("add x", "'x', allowed: values in JSON"),
            ("add 1 [2", "'[2', allowed: values in JSON"),
            (f"add {9999 * '['}", f"'{39 * '['}, allowed: values in JSON"),
            ("fail", "ValueError: one"),
            ("add {}", "TypeError: unsupported operand type(s) for +: 'int' and "),
        ):
            self.assertTrue(
                self.wrong(f"call {address} {line}").startswith(f"call: {why}"), line
            )
        running = self.commands.runLine(f"call {address} later")
        self.clock.advance(PATIENCE)
        why = str(self.failureResultOf(running, CommandError).value)
        self.assertEqual(why, "call: no result in 10 s")
        self.assertTrue(peer.agent.isOpen)

    def test_trace(self):
        """C{trace} shows frames where it was asked for, lengths only."""
        peer, address = self.connect()
        self.line(f"trace {address} on")
        peer.sendTextMessage("hello")
        self.assertTrue(self.line(f"info {address}")["isTraced"])
        self.assertEqual(self.shown, [f"{address} < text, 5 octets"])
        self.line(f"trace {address} payloads")
        peer.sendTextMessage("\x1b")
        self.assertEqual(self.shown[1:], [f"{address} < text, 1 octets: '\\x1b'"])
        self.line(f"trace {address} off")
        peer.sendTextMessage("hello")
        self.assertEqual(len(self.shown), 2)
        self.assertEqual(
            self.wrong(f"trace {address} off"), f"trace: {address}: not on"
        )
        why = self.wrong(f"trace {address} maybe")
        self.assertEqual(why, "trace: 'maybe', allowed: on, off, payloads")

    def test_traceElsewhere(self):
        """Who loses a trace to another is told; who has no console is told where."""
        peer, address = self.connect()
        self.line(f"trace {address} on")
        others = []
        self.commands.run(["trace", address, "on"], others.append)
        peer.sendTextMessage("hello")
        self.assertEqual(self.shown, [f"{address} * shown elsewhere from now on"])
        self.assertEqual(others, [f"{address} < text, 5 octets"])
        running = self.commands.run(["trace", address, "on"])
        why = str(self.failureResultOf(running, CommandError).value)
        self.assertEqual(why, "trace: allowed: on a console; elsewhere logon")

    def test_traceLeft(self):
        """Who is gone is shown nothing, and what is gone is not kept."""
        peer, address = self.connect()
        other, gone = self.connect()
        show = self.shown.append
        for each in (address, gone):
            self.commands.run(["trace", each, "on"], show)
        other.vanish()
        self.assertRegex(self.shown.pop(), f"^{gone} \\* closed 1006")
        self.assertEqual(len(self.commands._agents._traces), 1)
        self.commands.left(show)
        peer.sendTextMessage("hello")
        self.assertEqual(self.shown, [])
        self.assertEqual(self.commands._agents._traces, {})

    def test_logon(self):
        """C{logon} logs frames, lengths only unless payloads are asked for."""
        peer, address = self.connect()
        with capturedLogs() as events:
            self.line(f"logon {address}")
            peer.sendTextMessage("hello")
            self.line(f"logon {address} payloads")
            peer.sendTextMessage("hello")
        wanted = f"{address} < text, 5 octets"
        self.assertEqual(
            [formatEvent(event) for event in events], [wanted, f"{wanted}: 'hello'"]
        )
        why = self.wrong(f"logon {address} all")
        self.assertEqual(why, "logon: 'all', allowed: payloads")
        # It is no console's, so that none ends it by leaving.
        self.commands.left(self.shown.append)
        self.assertTrue(self.line(f"info {address}")["isTraced"])

    def test_logoff(self):
        """C{logoff} logs no more, and ends nobody's trace."""
        peer, address = self.connect()
        self.line(f"logon {address}")
        self.line(f"logoff {address}")
        with capturedLogs() as events:
            peer.sendTextMessage("hello")
        self.assertEqual(events, [])
        self.line(f"trace {address} on")
        why = self.wrong(f"logoff {address}")
        self.assertEqual(why, f"logoff: {address}: not on")
        peer.sendTextMessage("hello")
        self.assertEqual(len(self.shown), 1)

    def test_task(self):
        """C{task} says where an agent's coroutines wait."""
        peer, address = self.connect()
        self.assertEqual(self.line(f"task {address}"), {})
        self.commands.runLine(f"call {address} coroutine")
        first = peer.agent.waiting
        self.commands.runLine(f"call {address} generator")
        found = self.line(f"task {address}")
        names = {name.rpartition(" ")[0] for name in found}
        self.assertEqual(names, {"Member.coroutine", "Member.generator"})
        for place in found.values():
            self.assertRegex(place, r"^test_commands\.py:\d+$")
        first.callback(1)
        peer.agent.waiting.callback(1)


class ServerTests(CommandCase):
    """The commands about the server."""

    def test_list(self):
        """C{list} lists open agents, or those that match."""
        _, first = self.connect("/alice")
        _, second = self.connect("/bob")
        listed = self.line("list")
        self.assertEqual(list(listed), [first, second])
        self.assertEqual(
            listed[first],
            {
                "agent": "Member",
                "path": "/alice",
                "peer": "192.0.2.1:54321",
                "seconds": 0,
                "subprotocol": None,
            },
        )
        self.assertEqual(list(self.line("list BOB")), [second])
        self.assertEqual(self.line("list nobody"), {})

    def test_stat(self):
        """C{stat} counts what is and what was."""
        peer, _ = self.connect()
        other, _ = self.connect()
        peer.sendTextMessage("hello")
        other.loseConnection(4000)
        stat = self.line("stat")
        self.assertEqual((stat["agents"], stat["messagesReceived"]), (1, 1))
        self.assertEqual(stat["closes"], {"4000": 1})
        self.assertEqual(stat["handshakes"], {"101": 2})
        self.assertEqual((stat["slow"], stat["slowEver"]), (0, 0))

    def test_info(self):
        """C{info} alone tells about the server."""
        self.clock.advance(5)
        info = self.line("info")
        self.assertEqual((info["pid"], info["seconds"]), (os.getpid(), 5))
        self.assertEqual(info["ports"], ["192.0.2.1:8001"])
        self.assertFalse(info["isDraining"])
        alone = Commands(Inspection(self.factory))
        self.assertEqual(self.successResultOf(alone.run(["info"]))["ports"], [])

    def test_service(self):
        """C{service} counts agents by their class, by port and by route."""
        for target in ("/a", "/b", "/c"):
            self.connect(target)
        request = upgradeRequest().replace(b"localhost", b"other.example")
        self.addCleanup(connected(self.factory, None, request).vanish)
        first, second = map(str, self.factory.routes)
        self.service.addresses[:] = [
            IPv4Address("TCP", "0.0.0.0", 8001),
            UNIXAddress("/run/chat.sock"),
        ]
        self.assertEqual(
            self.line("service"),
            {
                "agents": {"Member": 3, "Noting": 1},
                "ports": {"0.0.0.0:8001": 4, "unix:/run/chat.sock": 0},
                "routes": {first: 3, second: 1},
            },
        )

    def test_netstat(self):
        """C{netstat} lists connections, and counts those that are not open."""
        peer, address = self.connect()
        self.addCleanup(connected(self.factory, None, b"GET").vanish)
        peer.sendTextMessage("hello")
        found = self.line("netstat")
        self.assertEqual(
            found.pop(address),
            {"peer": "192.0.2.1:54321", "read": 11, "wbuffer": 0, "write": 0},
        )
        self.assertEqual(found, {"notOpen": 1, "ports": ["192.0.2.1:8001"]})

    def test_settings(self):
        """C{settings} lists what peers may do."""
        self.assertEqual(self.line("settings")["messageLimit"], 1_048_576)
        found = self.line("settings TIMEOUT")
        self.assertIn("handshakeTimeout", found)
        self.assertNotIn("messageLimit", found)

    def test_top(self):
        """C{top} gives some of those that match, first those that are first."""
        peers = [self.connect(f"/{number}") for number in range(5)]
        for number, (peer, _) in enumerate(peers):
            for _ in range((3, 0, 4, 1, 2)[number]):
                peer.sendTextMessage("hello")
        for line, wanted in (
            ("received", (2, 0, 4, 3, 1)),
            ("messages 2", (2, 0)),
            ("newest 2", (4, 3)),
            ("oldest 1", (0,)),
            ("oldest 9 /3", (3,)),
        ):
            found = self.line(f"top {line}")
            paths = tuple(int(each["path"][1:]) for each in found["agents"])
            self.assertEqual(paths, wanted, line)
        self.assertEqual((found["matching"], found["stat"]["agents"]), (1, 5))
        self.assertEqual(len(self.line("top")["agents"]), 5)
        for order in ("sent", "buffered", "roundtrip"):
            self.assertEqual(self.line(f"top {order}")["matching"], 5)

    def test_topWrong(self):
        """An order or a number that there is not is one line."""
        orders = "sent, received, messages, buffered, roundtrip, oldest, newest"
        self.assertEqual(self.wrong("top x"), f"top: 'x', allowed: {orders}")
        for wrong in ("0", "-1", "x", "1_0", 9 * "9"):
            why = self.wrong(f"top sent {wrong}")
            wanted = f"top: {wrong!r}, allowed: a whole number from 1 to 200"
            self.assertEqual(why, wanted)

    def test_broadcast(self):
        """C{broadcast} sends to all that are open."""
        peers = [self.connect()[0] for _ in range(3)]
        self.assertEqual(self.line("broadcast to  all"), {"agents": 3})
        self.clock.advance(0)
        for peer in peers:
            self.assertEqual(peer.received, ["to  all"])

    def test_drain(self):
        """C{drain} closes all connections, and it can be seen that it does."""
        peer, _ = self.connect()
        self.assertEqual(self.line("drain"), {"connections": 1})
        self.assertEqual(peer.closed, (1001, ""))
        self.assertTrue(self.line("info")["isDraining"])


class ProcessTests(CommandCase):
    """The commands about the process."""

    def test_mem(self):
        """C{mem} says how much memory is used, where the system says it."""
        found = self.line("mem")
        self.assertGreater(found["objects"], 1000)
        for name in set(found) - {"objects"}:
            self.assertGreater(found[name], 1 << 20)

    def test_gc(self):
        """C{gc} collects what is garbage."""
        gc.collect()
        loop = []
        loop.append(loop)
        del loop
        found = self.line("gc")
        self.assertGreaterEqual(found["found"], 1)
        self.assertGreater(found["seconds"], 0)

    def test_cmem(self):
        """C{cmem} counts objects by class, the most octets first."""
        found = self.line("cmem 3")
        self.assertEqual(len(found), 3)
        octets = [each["octets"] for each in found]
        self.assertEqual(octets, sorted(octets, reverse=True))
        self.assertEqual(set(found[0]), {"class", "objects", "octets"})
        self.assertRegex(self.wrong("cmem x"), "^cmem: 'x', allowed: a whole number")

    def test_profactive(self):
        """C{profactive} begins and ends to note who uses memory."""
        self.addCleanup(tracemalloc.stop)
        self.assertFalse(self.line("profactive")["isOn"])
        self.assertTrue(self.line("profactive on")["isOn"])
        self.assertTrue(self.line("profactive")["isOn"])
        self.assertEqual(
            self.wrong("profactive maybe"), "profactive: 'maybe', allowed: on, off"
        )
        self.assertFalse(self.line("profactive off")["isOn"])

    def test_dumpheap(self):
        """C{dumpheap} lists the lines that hold most, if they were noted."""
        self.addCleanup(tracemalloc.stop)
        why = self.wrong("dumpheap")
        self.assertEqual(why, "dumpheap: allowed: after profactive on")
        self.line("profactive on")
        kept = [bytes(1000) for _ in range(1000)]
        first, *_ = found = self.line("dumpheap 2")
        self.assertLessEqual(len(found), 2)
        self.assertIn("test_commands.py:", first["line"])
        self.assertGreater(first["octets"], 1000 * len(kept))

    def test_task(self):
        """C{task} alone counts what the reactor is to do."""
        self.clock.callLater(1, self.clock.seconds)
        self.clock.callLater(1, self.clock.seconds)
        self.assertEqual(self.line("task"), {"delayed": {"Clock.seconds": 2}})
        self.clock.advance(1)

    def test_signal(self):
        """C{signal} does what is done at a signal, and nothing where nobody listens."""
        noted = []
        before = signal.signal(signal.SIGHUP, lambda *_: noted.append("HUP"))
        self.addCleanup(signal.signal, signal.SIGHUP, before)
        for name in ("HUP", "hup", "SIGHUP"):
            self.line(f"signal {name}")
        self.assertEqual(noted, 3 * ["HUP"])
        for name in ("USR2", "KILL", "9", "x"):
            self.assertRegex(
                self.wrong(f"signal {name}"), f"^signal: '{name}', allowed: .*HUP"
            )

    def test_getenv(self):
        """C{getenv} reads a variable."""
        self.patch(os, "environ", {"NAME": "a b"})
        self.assertEqual(self.line("getenv NAME"), {"NAME": "a b"})
        self.assertEqual(self.wrong("getenv OTHER"), "getenv: 'OTHER': not set")

    def test_setenv(self):
        """C{setenv} sets a variable."""
        self.patch(os, "environ", {})
        self.line("setenv NAME a  b")
        self.assertEqual(os.environ, {"NAME": "a  b"})
        for name in ("a=b", "-"):
            self.assertEqual(
                self.wrong(f"setenv {name} x"),
                f"setenv: {name!r}, allowed: letters, digits and _",
            )
