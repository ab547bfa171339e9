"""L{wsagent.progress}."""

import contextlib
import socket
import sys
from types import SimpleNamespace

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsagent.progress import Progress, octetsKept
from wsagent.timing import Wheel


class ProgressCase(SynchronousTestCase):
    """A case with a transport whose peer has not read all yet."""

    def setUp(self):
        """Send more than the peer has room for."""
        ours, self.peer = socket.socketpair()
        for each in (ours, self.peer):
            each.setblocking(False)
            self.addCleanup(each.close)
        self.transport = SimpleNamespace(getHandle=lambda: ours)
        with contextlib.suppress(BlockingIOError):
            while True:
                ours.send(bytes(4096))

    def needsLinux(self):
        """Skip where the system does not tell."""
        if sys.platform != "linux":
            raise self.skipTest("the system does not tell what it keeps")


class OctetsKeptTests(ProgressCase):
    """Tests of L{octetsKept}."""

    def test_socket(self):
        """It falls as the peer reads, behind a wrapper too."""
        self.needsLinux()
        for transport in (self.transport, SimpleNamespace(transport=self.transport)):
            kept = octetsKept(transport)
            self.assertGreaterEqual(kept, 4096)
            self.peer.recv(4096)
            self.assertLess(octetsKept(transport), kept)

    def test_none(self):
        """Without a socket that is open, there is no telling."""
        self.transport.getHandle().close()
        handle = SimpleNamespace(getHandle=lambda: None)
        for transport in (self.transport, handle, SimpleNamespace()):
            self.assertIsNone(octetsKept(transport))


class ProgressTests(ProgressCase):
    """Tests of L{Progress}."""

    def begin(self, transport):
        """Begin to wait, for 4 seconds."""
        self.clock = Clock()
        self.reasons = []
        wheel = Wheel(self.clock)
        progress = Progress(wheel, 4, transport, self.reasons.append)
        self.addCleanup(self.assertEqual, self.clock.getDelayedCalls(), [])
        self.addCleanup(progress.stop)

    def pass_(self, quarters):
        """Let time pass, a second at a time."""
        for _ in range(quarters):
            self.clock.advance(1)

    def test_nothing(self):
        """A peer that reads nothing is aborted, a quarter later than that at most."""
        self.begin(self.transport)
        self.pass_(3)
        self.assertEqual(self.reasons, [])
        self.pass_(2)
        self.assertEqual(self.reasons, ["nothing sent for 4 s"])

    def test_little(self):
        """A peer that reads a little, now and then, is waited for."""
        self.needsLinux()
        self.begin(self.transport)
        for _ in range(5):
            self.pass_(4)
            self.assertEqual(self.reasons, [])
            self.peer.recv(4096)
        self.pass_(5)
        self.assertEqual(self.reasons, ["nothing sent for 4 s"])

    def test_noTelling(self):
        """Where there is no telling, it is the time and nothing else."""
        self.begin(SimpleNamespace())
        self.pass_(3)
        self.assertEqual(self.reasons, [])
        self.pass_(1)
        self.assertEqual(self.reasons, ["nothing sent for 4 s"])
