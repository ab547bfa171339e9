"""L{wsagent.accepting}: a port that waits while there are no descriptors."""

import errno
import socket

from twisted.internet import reactor, tcp
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from wsagent.accepting import makePatient
from wsagent.timing import Wheel


class Listening:
    """Stands for the socket that listens: it accepts what a test says."""

    def __init__(self):
        """Nobody waits."""
        self.results = []
        self.isClosed = False

    def accept(self):
        """Accept, or fail."""
        if not self.results:
            raise BlockingIOError(errno.EAGAIN, "nobody")
        result = self.results.pop(0)
        if isinstance(result, int):
            raise OSError(result, "as told")
        return result

    def fileno(self):
        """Give some number."""
        return 99

    def getsockname(self):
        """Say where."""
        return ("127.0.0.1", 8001)

    def close(self):
        """Note it."""
        self.isClosed = True


class PatientSocketTests(SynchronousTestCase):
    """L{PatientSocket} at a port of Twisted's."""

    def setUp(self):
        """Have a port that listens."""
        self.reactor = MemoryReactorClock()
        self.clock = Clock()
        self.made = []

        class Made(Protocol):
            def connectionMade(protocol):  # noqa: N805
                self.made.append(protocol)

        factory = Factory.forProtocol(Made)
        factory.noisy = False
        self.port = tcp.Port(0, factory, reactor=self.reactor)
        self.socket = self.port.socket = Listening()
        self.port.connected = True
        self.port.fileno = self.socket.fileno
        self.port.numberAccepts = 100
        self.port.startReading()
        makePatient(self.port, Wheel(self.clock))

    def client(self):
        """Have somebody wait to be accepted."""
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        self.socket.results.append((theirs, ("192.0.2.1", 1234)))

    @property
    def isReading(self):
        """Whether the port accepts."""
        return self.port in self.reactor.getReaders()

    def test_accepts(self):
        """While there are descriptors, all is as it was."""
        for _ in range(3):
            self.client()
        self.port.doRead()
        self.assertEqual(len(self.made), 3)
        self.assertTrue(self.isReading)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.port.getHost().port, 8001)

    def test_pauses(self):
        """Without any, it does not ask again for a while, and nobody is closed."""
        self.client()
        self.socket.results += [errno.EMFILE]
        self.client()
        with capturedLogs() as events:
            self.port.doRead()
            self.assertEqual(len(self.made), 1)
            self.assertFalse(self.isReading)
            for _ in range(4):
                self.clock.advance(0.5)
                self.assertTrue(self.isReading)
                self.socket.results.insert(0, errno.EMFILE)
                self.port.doRead()
                self.assertFalse(self.isReading)
            self.clock.advance(0.5)
            self.port.doRead()
            self.port.doRead()
        self.assertEqual(len(self.made), 2)
        self.assertTrue(self.isReading)
        self.assertEqual(
            list(map(formatEvent, events)),
            [
                "accepting pauses, who comes has to wait: EMFILE",
                "accepting again: nobody waits any more",
            ],
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_otherShortages(self):
        """It is no different if the system has no descriptors, or no memory."""
        for number in (errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
            self.socket.results += [number]
            self.port.doRead()
            self.assertFalse(self.isReading)
            self.clock.advance(0.5)
            self.assertTrue(self.isReading)

    def test_otherErrors(self):
        """Other errors are Twisted's matter."""
        self.socket.results += [errno.EPERM]
        self.client()
        self.port.doRead()
        self.assertEqual(len(self.made), 1)
        self.assertTrue(self.isReading)

    def test_stops(self):
        """Closed, it does not ask again."""
        self.socket.results += [errno.EMFILE]
        self.port.doRead()
        self.port.socket.close()
        self.assertTrue(self.socket.isClosed)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_closes(self):
        """Closed while it accepts, it is as any other."""
        self.port.socket.close()
        self.assertTrue(self.socket.isClosed)

    def test_others(self):
        """What is no port of Twisted's stays as it is."""
        port = object()
        makePatient(port, Wheel(Clock()))
        self.assertFalse(hasattr(port, "socket"))


class RealTests(SynchronousTestCase):
    """With a socket of the system's."""

    def test_passesOn(self):
        """A port listens, says where, and stops."""
        factory = Factory()
        factory.noisy = False
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        makePatient(port, Wheel(Clock()))
        self.assertGreater(port.getHost().port, 0)
        client = socket.create_connection(("127.0.0.1", port.getHost().port))
        accepted, _ = port.socket.accept()
        accepted.close()
        client.close()
        stopped = port.stopListening()
        while not stopped.called:
            reactor.iterate(0)
        self.successResultOf(stopped)
