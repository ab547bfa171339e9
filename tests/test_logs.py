"""L{wsagent.logs}: events as lines of JSON."""

import json
import sys
from io import StringIO

from twisted.logger import (
    ILogObserver,
    Logger,
    LogLevel,
    LogPublisher,
    capturedLogs,
)
from twisted.python import log
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from wsagent.logs import jsonLine, jsonLines
from wsagent.testing import connected

from .agents import Noting


class Shown:
    """Something that JSON has not."""

    def __str__(self):
        """Have text."""
        return "shown"


class JSONLinesTests(SynchronousTestCase):
    """L{jsonLines} and L{jsonLine}."""

    def setUp(self):
        """Have a log that is written."""
        self.out = StringIO()
        self.observer = jsonLines(self.out)
        self.log = Logger("here", observer=self.observer)

    def written(self):
        """Read the one line that was written."""
        text = self.out.getvalue()
        self.assertTrue(text.endswith("\n"))
        self.assertEqual(text.count("\n"), 1)
        self.assertTrue(text.isascii() and text[:-1].isprintable(), text)

        def refuse(name):
            raise AssertionError(name)

        return json.loads(text, parse_constant=refuse)

    def test_observer(self):
        """It is an observer of Twisted's log; by default on the output."""
        verifyObject(ILogObserver, self.observer)
        out = self.out
        self.patch(sys, "stdout", out)
        Logger("here", observer=jsonLines()).info("hello")
        self.assertEqual(self.written()["message"], "hello")

    def test_line(self):
        """An event is its time, level, namespace, message, and own fields."""
        event = {
            "log_time": 1_795_785_281.0125,
            "log_level": LogLevel.info,
            "log_namespace": "wsagent.service",
            "log_format": "listening on {host}",
            "host": "192.0.2.1:8001",
            "ports": [1, {"a": None}],
        }
        self.assertEqual(
            jsonLine(event),
            '{"time":"2026-11-27T13:14:41.012Z","level":"info",'
            '"namespace":"wsagent.service","message":"listening on 192.0.2.1:8001",'
            '"host":"192.0.2.1:8001","ports":[1,{"a":null}]}\n',
        )

    def test_access(self):
        """Of the line that a connection leaves, each part is a field."""
        with capturedLogs() as events:
            peer = connected(Noting, target="/tea?name=ann")
            peer.sendTextMessage("hello")
            peer.loseConnection(1000)
        (event,) = [each for each in events if "seconds" in each]
        self.observer(event)
        line = self.written()
        self.assertTrue(line["message"].startswith(f"{line['peer']} closed 1000 by "))
        names = ("path", "subprotocol", "code", "messagesReceived", "messagesSent")
        self.assertEqual([line[name] for name in names], ["/tea", None, 1000, 1, 0])
        # A header, a mask, and what was sent; and so for the Close frame.
        self.assertEqual(line["octetsReceived"], 2 + 4 + 5 + 2 + 4 + 2)
        self.assertEqual(line["octetsSent"], 2 + 2)
        self.assertGreaterEqual(line["seconds"], 0)

    def test_empty(self):
        """An event that has nothing is a line all the same."""
        self.observer({})
        wanted = {"time": None, "level": None, "namespace": None, "message": ""}
        self.assertEqual(self.written(), wanted)

    def test_noJSON(self):
        """What JSON has not is only in the message."""
        endless = []
        endless.append(endless)
        self.log.info(
            "{what} {nan} {data}",
            what=Shown(),
            nan=float("nan"),
            data=b"\xff",
            key={(1, 2): 3},
            deep=[float("inf")],
            endless=endless,
            call=len,
            good=1.5,
        )
        line = self.written()
        self.assertEqual(line["message"], "shown nan b'\\xff'")
        names = {"time", "level", "namespace", "message", "good"}
        self.assertEqual(set(line), names)

    def test_names(self):
        """A field that is called as one of the log's own has another name."""
        self.log.info("at {time}", time="noon", message="m", traceback=1)
        line = self.written()
        self.assertEqual(line["message"], "at noon")
        own = (line["time_"], line["message_"], line["traceback_"])
        self.assertEqual(own, ("noon", "m", 1))

    def test_escapes(self):
        """What peers say neither begins a line nor means anything to a terminal."""
        self.log.info("{path}", path='/\r\n"\x1b[2J\x9b\u2028\ud800é\x7f')
        self.assertEqual(self.written()["path"], '/\r\n"\x1b[2J\x9b\u2028\ud800é\x7f')

    def test_failure(self):
        """A failure has its traceback, as text."""
        failure = Failure(ZeroDivisionError("nought"))
        self.log.failure("agent for {peer} failed", failure, peer="somebody")
        line = self.written()
        self.assertEqual(line["message"], "agent for somebody failed")
        self.assertEqual(line["level"], "critical")
        self.assertTrue(line["traceback"].startswith("Traceback "), line)
        self.assertIn("ZeroDivisionError: nought", line["traceback"])

    def test_wrongFormat(self):
        """An event that cannot be formatted is a line too."""
        self.log.info("{missing}", given=1)
        line = self.written()
        self.assertIn("missing", line["message"])
        self.assertEqual(line["given"], 1)

    def legacy(self, *arguments, **fields):
        """Log by C{twisted.python.log}."""
        publisher = log.LogPublisher(publishPublisher=LogPublisher(self.observer))
        publisher.msg(*arguments, **fields)

    def test_legacy(self):
        """What is logged the old way looks no different."""
        self.legacy("hello", peer="somebody", system="-")
        line = self.written()
        wanted = {"level": "info", "namespace": "log_legacy", "message": "hello"}
        self.assertEqual(line, {"time": line["time"], **wanted, "peer": "somebody"})

    def test_legacyFailure(self):
        """So does an error."""
        for why, wanted in ((None, "Unhandled Error"), ("no luck", "no luck")):
            self.out.truncate(0)
            self.out.seek(0)
            failure = Failure(ZeroDivisionError("nought"))
            self.legacy(failure=failure, why=why, isError=1)
            line = self.written()
            self.assertEqual((line["level"], line["message"]), ("critical", wanted))
            self.assertIn("ZeroDivisionError: nought", line["traceback"])
