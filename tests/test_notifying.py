"""L{wsagent.notifying}: what systemd is told, through a socket of its kind."""

import os
import sys
import time
from pathlib import Path
from unittest import skipUnless

from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from wsagent.notifying import Notifier

from .core.notation import row
from .systemd import Systemd


class NotifierTests(SynchronousTestCase):
    """L{Notifier}."""

    def setUp(self):
        """Be systemd."""
        self.clock = Clock()
        # Relative: an absolute one may be too long for a socket.
        self.path = self.mktemp()
        self.systemd = self.listen(self.path)

    def listen(self, path):
        """Hear of a service."""
        listening = Systemd(path)
        self.addCleanup(listening.close)
        return listening

    def make(self, watchdogTimeout=None):
        """Make the notifier that is tested."""
        notifier = Notifier(self.clock, self.path, watchdogTimeout)
        self.addCleanup(notifier.stopped)
        return notifier

    def makeReady(self, watchdogTimeout=None):
        """Make one that has said that it is ready."""
        notifier = self.make(watchdogTimeout)
        notifier.ready("fine")
        self.clock.advance(0)
        self.systemd.heard()
        return notifier

    def test_ready(self):
        """It says that we are ready once the reactor runs, and how we are."""
        self.make().ready("listening on 192.0.2.2:8001")
        self.assertEqual(self.systemd.heard(), [])
        self.clock.advance(0)
        wanted = ["READY=1", "STATUS=listening on 192.0.2.2:8001"]
        self.assertEqual(self.systemd.heard(), [wanted])
        self.clock.advance(3600)
        self.assertEqual(self.systemd.heard(), [])

    def test_stopping(self):
        """It says at once that we stop, and then how that goes, until it is done."""
        notifier = self.makeReady()
        left = [12]
        notifier.stopping(lambda: f"draining {left[0]}", 30)
        wanted = ["STOPPING=1", "EXTEND_TIMEOUT_USEC=40000000", "STATUS=draining 12"]
        self.assertEqual(self.systemd.heard(), [wanted])
        self.clock.advance(1)
        self.assertEqual(self.systemd.heard(), [])
        left[0] = 3
        self.clock.pump([1, 1])
        self.assertEqual(self.systemd.heard(), [["STATUS=draining 3"]])
        notifier.stopped()
        self.assertEqual(self.systemd.heard(), [["STATUS="]])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stoppedBefore(self):
        """Who is stopped before the reactor runs was never ready."""
        notifier = self.make()
        notifier.ready("fine")
        notifier.stopping(lambda: "draining", 1)
        self.clock.advance(0)
        self.assertEqual([lines[0] for lines in self.systemd.heard()], ["STOPPING=1"])

    def test_again(self):
        """Who was stopped can start again."""
        notifier = self.makeReady()
        notifier.stopped()
        notifier.ready("again")
        self.clock.advance(0)
        self.assertEqual(self.systemd.heard(), [["READY=1", "STATUS=again"]])

    def test_reloading(self):
        """It says when something is read again, by the system's clock, and when not."""
        notifier = self.makeReady()
        before = time.monotonic_ns() // 1000
        with notifier.reloading():
            ((reloading, told),) = self.systemd.heard()
        self.assertEqual(reloading, "RELOADING=1")
        name, _, number = told.partition("=")
        self.assertEqual(name, "MONOTONIC_USEC")
        self.assertTrue(before <= int(number) <= time.monotonic_ns() // 1000)
        self.assertEqual(self.systemd.heard(), [["READY=1"]])

    def test_reloadingFails(self):
        """It is over too when it fails."""
        notifier = self.makeReady()
        with self.assertRaises(ZeroDivisionError), notifier.reloading():
            raise ZeroDivisionError
        self.assertEqual(
            [lines[0] for lines in self.systemd.heard()], ["RELOADING=1", "READY=1"]
        )

    def test_reloadingUnready(self):
        """Who is not ready yet, or stops, is not made ready by it."""
        notifier = self.make()
        with notifier.reloading():
            pass
        notifier.ready("fine")
        with notifier.reloading():
            pass
        self.assertEqual(self.systemd.heard(), [])
        self.clock.advance(0)
        notifier.stopping(lambda: "draining", 1)
        self.systemd.heard()
        with notifier.reloading():
            pass
        self.assertEqual(self.systemd.heard(), [])

    def test_watchdog(self):
        """Twice in a watchdog's time it hears of us, also while we stop."""
        notifier = self.makeReady(20)
        self.clock.advance(9)
        self.assertEqual(self.systemd.heard(), [])
        self.clock.pump([1, 10])
        self.assertEqual(self.systemd.heard(), [["WATCHDOG=1"]] * 2)
        notifier.stopping(lambda: "draining", 30)
        self.systemd.heard()
        self.clock.advance(10)
        self.assertEqual(self.systemd.heard(), [["WATCHDOG=1"]])
        notifier.stopped()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_status(self):
        """A status is one line, and not so long that systemd would ignore it."""
        notifier = self.make()
        notifier.ready("unix:a\nSTOPPING=1 \udcff" + 9000 * "é")
        self.clock.advance(0)
        ((ready, status),) = self.systemd.heard()
        self.assertEqual(ready, "READY=1")
        self.assertTrue(status.startswith("STATUS=unix:a STOPPING=1 ?é"), status)
        self.assertLess(len(status.encode()), 2048)

    def test_noRoom(self):
        """What systemd has no room for is said later, in order, and once."""
        notifier = self.makeReady(10)
        self.systemd.fill()
        self.clock.advance(5)
        self.clock.advance(5)
        with notifier.reloading():
            pass
        others = self.systemd.heard()
        self.assertEqual(others, [["other"]] * len(others))
        self.clock.advance(0.1)
        names = [lines[0] for lines in self.systemd.heard()]
        self.assertEqual(names, ["WATCHDOG=1", "RELOADING=1", "READY=1"])

    def test_nobody(self):
        """Without an address nobody is told, and nothing waits."""
        notifier = Notifier(self.clock, "", 10)
        notifier.ready("fine")
        with notifier.reloading():
            pass
        notifier.stopping(lambda: "draining", 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        notifier.stopped()

    def test_wrongAddress(self):
        """An address where nobody is costs one line in the log, and nothing else."""
        for address, why in (
            ("nowhere", "[Errno 2] No such file or directory"),
            ("x" * 200, "AF_UNIX path too long"),
            ("@nobody", "[Errno 111] Connection refused"),
        ):
            notifier = Notifier(self.clock, address, 2)
            with row(address), capturedLogs() as events:
                notifier.ready("fine")
                self.clock.pump([0, 1, 1])
                notifier.stopping(lambda: "draining", 1)
                notifier.stopped()
                lines = [formatEvent(event) for event in events]
                self.assertEqual(lines, [f"systemd is not told at {address}: {why}"])
                self.assertEqual(events[0]["log_level"], LogLevel.error)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_comesBack(self):
        """Who was away hears us again, also in another socket of the same name."""
        notifier = self.makeReady(10)
        Path(self.path).unlink()
        with capturedLogs() as events:
            self.clock.advance(5)
        self.assertEqual(len(events), 1)
        self.systemd = self.listen(self.path)
        self.clock.advance(5)
        self.assertEqual(self.systemd.heard(), [["WATCHDOG=1"]])
        notifier.stopped()

    @skipUnless(sys.platform == "linux", "has no abstract sockets")
    def test_abstract(self):
        """C{@} begins the name of an abstract socket."""
        self.systemd = self.listen("")
        self.path = self.systemd.address
        self.assertEqual(self.path[0], "@")
        self.make().ready("fine")
        self.clock.advance(0)
        self.assertEqual(self.systemd.heard(), [["READY=1", "STATUS=fine"]])


class EnvironmentTests(NotifierTests):
    """L{Notifier.fromEnvironment}, to begin with as L{Notifier}."""

    def make(self, watchdogTimeout=None):
        """Make the notifier that the environment asks for."""
        environment = {"NOTIFY_SOCKET": self.path}
        if watchdogTimeout is not None:
            environment["WATCHDOG_USEC"] = str(watchdogTimeout * 1_000_000)
            environment["WATCHDOG_PID"] = str(os.getpid())
        notifier = Notifier.fromEnvironment(self.clock, environment)
        self.addCleanup(notifier.stopped)
        self.assertEqual(environment, {})
        return notifier

    def test_others(self):
        """All else in the environment stays."""
        environment = {"HOME": "/", "WATCHDOG_USEC": "1", "NOTIFY_SOCKET": "/run/x"}
        Notifier.fromEnvironment(self.clock, environment)
        self.assertEqual(environment, {"HOME": "/"})

    def test_unwatched(self):
        """No watchdog is told what is not meant for us, or is no time."""
        for told in (
            {},
            {"WATCHDOG_USEC": ""},
            {"WATCHDOG_USEC": "0"},
            {"WATCHDOG_USEC": "-1"},
            {"WATCHDOG_USEC": "soon"},
            {"WATCHDOG_USEC": "1" * 400},
            {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getppid())},
            {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "?"},
        ):
            environment = {"NOTIFY_SOCKET": self.path, **told}
            notifier = Notifier.fromEnvironment(self.clock, environment)
            with row(told):
                notifier.ready("fine")
                self.clock.pump([0, 3600])
                self.assertEqual(self.systemd.heard(), [["READY=1", "STATUS=fine"]])
            notifier.stopped()

    def test_watched(self):
        """Without C{WATCHDOG_PID} it is meant for us."""
        environment = {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": "1000000"}
        notifier = Notifier.fromEnvironment(self.clock, environment)
        notifier.ready("fine")
        self.clock.pump([0, 0.5])
        self.assertEqual(self.systemd.heard()[1:], [["WATCHDOG=1"]])
        notifier.stopped()
