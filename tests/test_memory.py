"""L{wsagent.memory}: a TCP connection without TCP."""

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IPushProducer, ITCPTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from wsagent.memory import MemoryTransport
from wsagent.testing import Recorder

from .agents import Producer


class MemoryTransportTests(SynchronousTestCase):
    """L{MemoryTransport} is a TCP connection's end."""

    def setUp(self):
        """Make a transport of a protocol that notes."""
        self.protocol = Recorder()
        self.transport = MemoryTransport(self.protocol)

    def test_interface(self):
        """It has what Twisted's TCP transports have."""
        verifyObject(ITCPTransport, self.transport)
        verifyObject(IPushProducer, self.transport)
        self.assertEqual(self.transport.getHost().port, 8001)
        self.assertTrue(self.transport.getTcpNoDelay())
        self.assertFalse(self.transport.getTcpKeepAlive())
        self.transport.setTcpNoDelay(True)
        self.transport.setTcpKeepAlive(1)

    def test_write(self):
        """What is written waits until it is moved, and has to be octets."""
        self.transport.write(b"a")
        self.transport.writeSequence([b"b", b"c"])
        self.assertEqual(self.transport.unsent, 3)
        self.assertEqual(self.transport.move(), b"abc")
        self.assertIsNone(self.transport.move())
        for data in ("x", bytearray(b"x"), memoryview(b"x")):
            with self.assertRaises(TypeError):
                self.transport.write(data)

    def test_afterwards(self):
        """What is written after the end goes nowhere."""
        for end in ("abortConnection", "loseWriteConnection"):
            transport = MemoryTransport(self.protocol)
            getattr(transport, end)()
            transport.write(b"x")
            self.assertEqual(transport.unsent, 0)
        self.transport.lose(ConnectionLost())
        self.transport.write(b"x")
        self.assertEqual(self.transport.unsent, 0)

    def test_producer(self):
        """A producer is paused over 64 KiB, resumed when all is taken, stopped."""
        producer = Producer()
        self.transport.write(bytes(100_000))
        self.transport.registerProducer(producer, True)
        with self.assertRaises(RuntimeError):
            self.transport.registerProducer(producer, True)
        self.assertEqual(producer.calls, [])
        self.transport.write(b"x")
        self.assertEqual(producer.calls, ["pause"])
        self.transport.move()
        self.assertEqual(producer.calls, ["pause", "resume"])
        self.transport.lose(ConnectionLost())
        self.assertEqual(producer.calls, ["pause", "resume", "stop"])
        self.transport.unregisterProducer()

    def test_stopProducing(self):
        """To stop it as a producer is to lose it, once all is sent."""
        self.transport.write(b"x")
        self.transport.stopProducing()
        self.transport.resumeProducing()
        self.assertFalse(self.transport.isReading)
        self.assertEqual(self.transport.move(), b"x")
        self.assertFalse(self.transport.isLost)
        self.assertEqual(self.transport.move(), b"")
        self.assertTrue(self.transport.isLost)
        self.assertEqual([name for name, _ in self.protocol.calls], ["connectionLost"])
