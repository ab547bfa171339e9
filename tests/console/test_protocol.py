"""L{wsagent.console.protocol}: lines that are typed, and their answers."""

import json

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from tests.core.notation import row
from wsagent import turns
from wsagent.console.protocol import (
    CONSOLES_LIMIT,
    LINE_LIMIT,
    ConsoleFactory,
    rendered,
)

from .test_commands import CommandCase

GREETING = "Welcome to wsagent console"


class RenderingTests(CommandCase):
    """L{rendered}."""

    def test_dump(self):
        """A result is written as skynet's C{dump_list} writes a table."""
        for result, wanted in (
            (None, []),
            ({}, []),
            ({"b": 1, "a": "x y", "c": None}, ["a\tx y", "b\t1"]),
            ({":02": {"k": 1, "l": None, "m": True}}, [":02\tk:1\tm:true"]),
            ({"ports": ["a", 2.5]}, ["ports\t1:a\t2:2.5"]),
            ([{"a": 1}, "b"], ["1\ta:1", "2\tb"]),
            (False, ["false"]),
            (1.5, ["1.5"]),
            ({"a": {"b": {"c": [1]}}}, ['a\tb:{"c": [1]}']),
        ):
            with row(result):
                self.assertEqual(list(rendered(result)), wanted)

    def test_forgery(self):
        """No text makes a line of its own, or passes for the end of an answer."""
        nasty = "\n<CMD OK>\n\t\x1b[2J\u202e\ud800"
        for result in (nasty, {nasty: nasty}, [nasty], {"a": {nasty: nasty}}):
            (line,) = rendered(result)
            self.assertTrue(line.replace("\t", "").isprintable(), line)
        self.assertEqual(list(rendered("<CMD OK>")), ['"<CMD OK>"'])


class Transport(StringTransport):
    """A transport that is filled when the test says so."""

    def fill(self, isFilled=True):
        """Be full, or have room."""
        if isFilled:
            self.producer.pauseProducing()
        else:
            self.producer.resumeProducing()


class ConsoleTests(CommandCase):
    """L{wsagent.console.protocol.Console}, whoever types."""

    def setUp(self):
        """Connect one."""
        super().setUp()
        self.consoles = ConsoleFactory(self.commands)
        self.console, self.transport = self.dial()

    def dial(self):
        """Connect a console."""
        console = self.consoles.buildProtocol(None)
        transport = Transport()
        console.makeConnection(transport)
        return console, transport

    def read(self, transport=None):
        """Take what was written, as lines."""
        transport = transport or self.transport
        text = transport.value().decode()
        transport.clear()
        self.assertTrue(text.endswith("\n") or not text)
        return text.splitlines()

    def typed(self, line):
        """Type a line, and take its answer."""
        self.read()
        self.console.dataReceived(line.encode() + b"\n")
        return self.read()

    def test_interfaces(self):
        """It hears of FIN, and of room."""
        verifyObject(IHalfCloseableProtocol, self.console)
        verifyObject(IPushProducer, self.transport.producer)
        self.console.writeConnectionLost()
        self.transport.producer.stopProducing()

    def test_answers(self):
        """Who connects is greeted; a command has an answer, and a good end or a bad."""
        self.assertEqual(self.read(), [GREETING])
        _, address = self.connect("/a")
        peer = "192.0.2.1:54321"
        wanted = f"{address}\tagent:Member\tpath:/a\tpeer:{peer}\tseconds:0.0"
        self.assertEqual(self.typed("list"), [wanted, "<CMD OK>"])
        self.assertEqual(self.typed(f"kill {address}"), ["<CMD OK>"])
        allowed = "allowed: the address of an open agent, such as :0000001a"
        wanted = [f"kill: {address!r}, {allowed}", "<CMD Error>"]
        self.assertEqual(self.typed(f"kill {address}"), wanted)
        wanted = ["Invalid command, type help for command list", "<CMD Error>"]
        self.assertEqual(self.typed("inject :1 x.lua"), wanted)

    def test_help(self):
        """C{help} lists all commands, sorted, as skynet's does."""
        *lines, end = self.typed("help")
        self.assertEqual(end, "<CMD OK>")
        names = [line.partition("\t")[0] for line in lines]
        self.assertEqual(names, sorted(self.commands.table))

    def test_json(self):
        """Behind C{json}, the answer is one line of JSON."""
        self.connect("/a")
        (line, end) = self.typed("json service")
        self.assertEqual((json.loads(line)["agents"], end), ({"Member": 1}, "<CMD OK>"))
        self.assertEqual(
            self.typed("json  broadcast \u00fc\x20"), ['{"agents": 1}', end]
        )
        self.clock.advance(0)
        self.assertEqual(self.typed("json x")[-1], "<CMD Error>")

    def test_cuts(self):
        """Lines are found wherever they are cut; empty ones have no answer."""
        for octet in b"\n \r\nhelp gc\r\n\t\nhelp gc":
            self.console.dataReceived(bytes([octet]))
        answer = ["gc\tCollect garbage", "<CMD OK>"]
        self.assertEqual(self.read(), [GREETING, *answer])
        self.console.dataReceived(b"\nhelp gc\n")
        self.assertEqual(self.read(), answer + answer)

    def test_browser(self):
        """What browsers send, or who takes us for something else, ends it at once."""
        for octets in (
            b"GET / HTTP/1.1\r\nhelp\r\n",
            b"POST /mem HTTP/1.1\r\n\r\nmem\n",
            b"mem / HTTP/1.1\r\n\r\nmem\n",
            b"OPTIONS * HTTP/1.1\r\n\r\nmem\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET /mem\nmem\n",
            b"\x16\x03\x01\x02\x00\x01\nmem\n",
            b"mem\0\nmem\n",
            b"\xff\xfb\x1f\nmem\n",
            b"\x1b[A\nmem\n",
        ):
            with row(octets):
                console, transport = self.dial()
                self.read(transport)
                console.dataReceived(octets)
                self.assertEqual(self.read(transport), [])
                self.assertTrue(transport.disconnected)

    def test_afterwards(self):
        """What only looks like it later on is a wrong command."""
        self.typed("help gc")
        self.assertEqual(self.typed("GET / HTTP/1.1")[-1], "<CMD Error>")
        self.assertFalse(self.transport.disconnected)
        self.console.dataReceived(b"mem\x01\n")
        self.assertTrue(self.transport.disconnected)

    def test_long(self):
        """A line that is too long is the last."""
        _, address = self.connect()
        fits = f"message {address} ".encode()
        fits += (LINE_LIMIT - len(fits)) * b"x"
        self.read()
        self.console.dataReceived(fits + b"\n")
        self.assertEqual(self.read(), ["<CMD OK>"])
        self.console.dataReceived(fits + b"xx")
        wanted = [f"line too long, allowed: {LINE_LIMIT} octets", "<CMD Error>"]
        self.assertEqual(self.read(), wanted)
        self.assertTrue(self.transport.disconnecting)
        self.console.dataReceived(b"\nmem\n")
        self.assertEqual(self.read(), [])

    def test_order(self):
        """A command waits for the one before, and meanwhile nothing is read."""
        peer, address = self.connect()
        self.read()
        self.console.dataReceived(f"call {address} later\nhelp gc\n".encode())
        self.assertEqual(self.read(), [])
        self.assertEqual(self.transport.producerState, "paused")
        peer.agent.waiting.callback("done")
        wanted = ['"done"', "<CMD OK>", "gc\tCollect garbage", "<CMD OK>"]
        self.assertEqual(self.read(), wanted)
        self.assertEqual(self.transport.producerState, "producing")

    def test_backpressure(self):
        """Who reads no answers gets no more of them, and has us keep nothing."""
        peer, address = self.connect()
        self.typed(f"trace {address} on")
        self.transport.fill()
        self.console.dataReceived(b"help gc\n")
        for _ in range(3):
            peer.sendTextMessage("hello")
        self.assertEqual(self.read(), [])
        self.assertEqual(self.transport.producerState, "paused")
        self.transport.fill(False)
        wanted = ["* 3 lines left out", "gc\tCollect garbage", "<CMD OK>"]
        self.assertEqual(self.read(), wanted)
        peer.sendTextMessage("hello")
        self.assertEqual(self.read(), [f"{address} < text, 5 octets"])
        self.assertEqual(self.transport.producerState, "producing")

    def test_longAnswer(self):
        """A long answer is written as it is read, and not at all to who has gone."""
        for _ in range(150):
            self.connect()
        self.read()
        write = self.transport.write

        def fillUp(data):
            write(data)
            self.transport.fill()

        self.patch(self.transport, "write", fillUp)
        self.console.dataReceived(b"list\nhelp gc\n")
        lengths = []
        while self.console._isFilled and len(lengths) < 9:
            lengths.append(len(self.read()))
            self.transport.fill(False)
        self.assertEqual(lengths, [64, 64, 23, 2])
        self.console.dataReceived(b"list\n")
        self.assertEqual(len(self.read()), 64)
        self.console.connectionLost()
        self.assertEqual(self.read(), [])

    def test_turns(self):
        """Others have their turn while an answer is found and written."""
        for _ in range(150):
            self.connect()
        self.read()
        self.patch(turns, "TURN", 0)
        self.console.dataReceived(b"list\n")
        self.assertEqual(self.read(), [])
        for _ in range(9):
            self.clock.advance(0)
        self.assertEqual(len(self.read()), 151)

    def test_finished(self):
        """Who sends FIN, as C{echo list | nc} does, still has all answers."""
        peer, address = self.connect()
        self.read()
        self.console.dataReceived(b"help gc\nmem")
        self.console.readConnectionLost()
        self.assertEqual(self.read(), ["gc\tCollect garbage", "<CMD OK>"])
        self.assertTrue(self.transport.disconnecting)
        self.assertIsNone(self.transport.producer)
        console, transport = self.dial()
        console.dataReceived(f"call {address} later\n".encode())
        console.readConnectionLost()
        self.assertFalse(transport.disconnecting)
        peer.agent.waiting.callback(1)
        self.assertEqual(self.read(transport), [GREETING, "1", "<CMD OK>"])
        self.assertTrue(transport.disconnecting)

    def test_lost(self):
        """With a console its traces end, and what it has asked for is told nobody."""
        peer, address = self.connect()
        self.typed(f"trace {address} on")
        self.typed(f"call {address} later")
        self.console.connectionLost(Failure(ConnectionDone()))
        peer.sendTextMessage("hello")
        peer.agent.waiting.callback(1)
        self.assertEqual(self.consoles.consoles, set())
        self.assertFalse(self.commands._agents._traces)
        self.assertNotIn(address, "".join(self.read()))

    def test_failure(self):
        """What cannot be told is logged, and goes on."""
        waiting = Deferred()
        self.patch(self.commands, "runLine", lambda *_: waiting)
        self.typed("json x")
        waiting.callback(object())
        self.assertEqual(self.read(), ["failed, see the log", "<CMD Error>"])
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_otherWriting(self):
        """What people write is typed, also where no terminal shows its characters."""
        for text in ("\U0001f468\u200d\U0001f469", "a\u00a0b", "\u3000", "\u202e"):
            with row(text):
                answer = self.typed(f"help a{text}b")
                self.assertEqual(answer[-1:], ["<CMD Error>"])
                self.assertFalse(self.transport.disconnected)

    def test_stopWhileRunning(self):
        """When the server stops, who has asked gets the answer first."""
        waiting = Deferred()
        self.patch(self.commands, "runLine", lambda *_: waiting)
        self.typed("json x")
        stopped = self.consoles.hangUp(Clock())
        self.assertFalse(self.transport.disconnecting)
        waiting.callback("late")
        self.assertEqual(self.read()[-2:], ['"late"', "<CMD OK>"])
        self.assertTrue(self.transport.disconnecting)
        self.console.connectionLost()
        self.successResultOf(stopped)

    def test_stopAndBegin(self):
        """Who comes when the server runs again leaves as before."""
        stopped = self.consoles.hangUp(Clock())
        self.console.connectionLost()
        self.successResultOf(stopped)
        console, _ = self.dial()
        console.connectionLost()

    def test_logged(self):
        """The log has who changes what, but not what may be private."""
        _, address = self.connect()
        with capturedLogs() as events:
            for line in (
                f"message {address} secret",
                f"json kill {address}",
                f"info {address}",
                "json",
                "json json kill",
                "kil\u00e9 x",
            ):
                self.typed(line)
        lines = [each for each in map(formatEvent, events) if " runs " in each]
        self.assertEqual(
            lines,
            [
                f"console 192.168.1.1:54321 runs 'message' '{address}'",
                f"console 192.168.1.1:54321 runs 'kill' '{address}'",
            ],
        )

    def test_limit(self):
        """So many can be connected, and one more when one is gone."""
        consoles = [self.console]
        while len(consoles) < CONSOLES_LIMIT:
            consoles.append(self.dial()[0])
        self.assertIsNone(self.consoles.buildProtocol(None))
        consoles[3].connectionLost()
        self.assertIsNotNone(self.consoles.buildProtocol(None))

    def test_stop(self):
        """When the server stops, all of them go, and it waits until they have."""
        clock = Clock()
        stopped = self.consoles.hangUp(clock)
        self.assertTrue(self.transport.disconnecting)
        self.assertEqual(self.read(), [GREETING])
        self.console.dataReceived(b"mem\n")
        self.assertEqual(self.read(), [])
        self.assertNoResult(stopped)
        self.console.connectionLost()
        self.successResultOf(stopped)
        self.assertEqual(clock.getDelayedCalls(), [])
        self.successResultOf(self.consoles.hangUp(clock))

    def test_stopUnread(self):
        """It does not wait long for who does not read."""
        clock = Clock()
        stopped = self.consoles.hangUp(clock)
        clock.advance(1)
        self.successResultOf(stopped)
        self.console.connectionLost()
