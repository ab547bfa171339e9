"""L{wsagent.sockets.lane}: turns, and what callbacks may do in one."""

import errno
import os
import select
import socket
import unittest
import unittest.mock
from contextlib import closing
from pathlib import Path

from twisted.internet.address import UNIXAddress
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IConsumer,
    IHalfCloseableProtocol,
    IProtocol,
    IPushProducer,
    IReadDescriptor,
    ISystemHandle,
    ITCPTransport,
)
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.agents import Producer
from wsagent.sockets import system
from wsagent.sockets.lane import Lane
from wsagent.sockets.transport import LaneTransport, SegmentReceiver

IS_COMPILED = not system.__file__.endswith(".py")


def descriptors():
    """Count this process's."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@implementer(IProtocol, IHalfCloseableProtocol)
class Noting(SegmentReceiver):
    """
    Notes what it is told, and may do something then.

    @ivar received: what came.
    @ivar calls: what else it was told.
    @ivar whenReceived: called with it for each segment.
    """

    def __init__(self, whenReceived=None):
        """Nothing is noted yet."""
        self.received = b""
        self.calls = []
        self.whenReceived = whenReceived

    def dataReceived(self, data):
        """Note it, and do what is to be done."""
        self.received += data
        if self.whenReceived is not None:
            self.whenReceived(self)

    def readConnectionLost(self):
        """Note it."""
        self.calls.append("FIN")

    def writeConnectionLost(self):
        """Note it."""
        self.calls.append("our FIN")

    def connectionLost(self, reason):
        """Note why."""
        self.calls.append(reason.type)


class Fragile(Noting):
    """Raises something in the end."""

    def connectionLost(self, reason):
        """Note why, and raise."""
        super().connectionLost(reason)
        raise IndexError("of its end")


@unittest.skipUnless(hasattr(select, "epoll"), "a lane needs epoll")
class LaneCase(SynchronousTestCase):
    """Has a lane, sockets in it, and a reactor that only notes."""

    def setUp(self):
        """Nothing is in the lane; whatever is, is closed in the end."""
        self.reactor = MemoryReactorClock()
        self.ended = []
        self.lane = Lane(self.reactor, self.ended.append)
        self.peers = []
        self.addCleanup(self.end)

    def end(self):
        """Close all."""
        if self.reactor.getReaders():
            self.lane.connectionLost(Failure(ConnectionDone()))
        for peer in self.peers:
            peer.close()
        self.assertEqual(self.reactor.getReaders(), [])

    def connect(self, whenReceived=None, sendBuffer=None, kind=Noting):
        """Put a socket into the lane; give its protocol, and the peer's socket."""
        ours, peer = socket.socketpair()
        self.peers.append(peer)
        for each in (ours, peer):
            each.setblocking(False)
        if sendBuffer is not None:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sendBuffer)
        protocol = kind(whenReceived)
        protocol.transport = LaneTransport(self.lane, ours, protocol, UNIXAddress(None))
        return protocol, peer

    def ready(self, count, whenReceived=None):
        """Put sockets into the lane that all have an octet to read."""
        pairs = [self.connect(whenReceived) for _ in range(count)]
        for _, peer in pairs:
            peer.send(b"x")
        return [protocol for protocol, _ in pairs]

    def fragile(self, whenReceived=None):
        """Put one into the lane that raises something in the end."""
        protocol, peer = self.connect(whenReceived, kind=Fragile)
        peer.send(b"x")
        return protocol

    def turn(self, times=1):
        """Have the reactor turn."""
        for _ in range(times):
            self.reactor.advance(0)
            if self.reactor.getReaders():
                self.lane.doRead()

    def drain(self, protocol, peer):
        """Read all that a peer is sent until its end; turn meanwhile."""
        octets = b""
        while True:
            readable, _, _ = select.select([peer], [], [], 0)
            if readable:
                data = peer.recv(65_536)
                if not data:
                    return octets
                octets += data
            else:
                self.assertFalse(protocol.transport.disconnected)
                self.turn()


class LaneTests(LaneCase):
    """The lane, as the reactor sees it."""

    def test_interfaces(self):
        """A lane, and what is in it, are what they say."""
        protocol, _ = self.connect()
        verifyObject(IReadDescriptor, self.lane)
        for each in (ITCPTransport, IConsumer, IPushProducer, ISystemHandle):
            verifyObject(each, protocol.transport)

    def test_onlyReader(self):
        """The reactor knows one reader as long as there are sockets."""
        self.assertEqual(self.reactor.getReaders(), [])
        one, _ = self.connect()
        two, _ = self.connect()
        self.assertEqual(self.reactor.getReaders(), [self.lane])
        one.transport.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.reactor.getReaders(), [self.lane])
        self.assertEqual(self.ended, [])
        two.transport.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.reactor.getReaders(), [])
        self.assertEqual(self.ended, [self.reactor])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_noDescriptorsLeft(self):
        """With the last socket, all descriptors are gone; and it says so."""
        before = descriptors() - 1  # The lane's own.
        (protocol,) = self.ready(1)
        protocol.transport.loseConnection()
        self.turn()
        self.assertEqual(protocol.calls, [ConnectionDone])
        self.peers.pop().close()
        self.assertEqual(descriptors(), before)
        self.assertEqual(self.lane.fileno(), -1)

    def test_stopped(self):
        """When the reactor stops, each is told, whatever one makes of it."""
        first = self.ready(3)
        self.fragile()
        last = self.ready(3)
        self.lane.connectionLost(Failure(ConnectionLost()))
        calls = [protocol.calls for protocol in first + last]
        self.assertEqual(calls, [[ConnectionLost]] * 6)
        self.assertEqual(self.reactor.getReaders(), [])
        self.assertEqual(len(self.flushLoggedErrors(IndexError)), 1)

    def test_handleClosed(self):
        """Who closes the handle does harm to nobody else."""
        one, two = self.ready(2)
        one.transport.getHandle().close()
        self.turn()
        self.assertEqual((one.received, two.received), (b"", b"x"))
        one.transport.connectionLost(Failure(ConnectionLost()))
        self.assertEqual((one.calls, two.calls), ([ConnectionLost], []))


class BatchTests(LaneCase):
    """What callbacks do while others are ready too."""

    def check(self, deed, received=1, calls=()):
        """
        Have the fifth of ten callbacks do something; the others get theirs.

        @param deed: called with the one, and all.
        """
        done = []

        def whenReceived(protocol):
            done.append(protocol)
            if len(done) == 5:
                deed(protocol, protocols)

        protocols = self.ready(10, whenReceived)
        self.turn(2)
        (fifth,) = done[4:5]
        others = [each for each in protocols if each is not fifth]
        self.assertEqual([each.received for each in others], [b"x"] * 9)
        self.assertEqual([each.calls for each in others], [[]] * 9)
        self.assertEqual(fifth.received, b"x" * received)
        self.assertEqual(fifth.calls, list(calls))

    def test_closesItself(self):
        """One may close itself."""
        self.check(
            lambda one, _: one.transport.loseConnection(), calls=[ConnectionDone]
        )

    def test_abortsItself(self):
        """One may abort itself."""
        self.check(
            lambda one, _: one.transport.abortConnection(), calls=[ConnectionAborted]
        )

    def test_pausesItself(self):
        """One may pause itself."""
        self.check(lambda one, _: one.transport.pauseProducing())

    def test_raises(self):
        """One may raise something: it is logged, and the reason of its own end."""
        self.check(lambda *_: {}["of the fifth"], calls=[KeyError])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_raisesAtTheEndToo(self):
        """One may raise in the end, too."""
        others = self.ready(3)
        fragile = self.fragile(lambda _: {}["of one"])
        others += self.ready(3)
        self.turn()
        self.assertEqual(fragile.calls, [KeyError])
        self.assertEqual([each.received for each in others], [b"x"] * 6)
        self.assertEqual([each.calls for each in others], [[]] * 6)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.assertEqual(len(self.flushLoggedErrors(IndexError)), 1)

    def test_sendsToOthers(self):
        """One may send to all."""

        def send(_, protocols):
            for each in protocols:
                each.transport.write(b"to all")

        self.check(send)
        self.assertEqual([peer.recv(10) for peer in self.peers], [b"to all"] * 10)

    def test_closesOthers(self):
        """Those that one closes, or aborts, before their turn hear nothing more."""
        for name, reason in (
            ("loseConnection", ConnectionDone),
            ("abortConnection", ConnectionAborted),
        ):
            first = []
            protocols = []

            def close(protocol, first=first, name=name, protocols=protocols):
                if not first:
                    first.append(protocol)
                    for each in protocols:
                        if each is not protocol:
                            getattr(each.transport, name)()

            protocols += self.ready(20, close)
            # On a slow machine, one turn is for 16 of them.
            self.turn(4)
            others = [each for each in protocols if each not in first]
            self.assertEqual([each.received for each in others], [b""] * 19)
            self.assertEqual([each.calls for each in others], [[reason]] * 19)
            self.assertEqual(first[0].calls, [])
            self.assertEqual(first[0].received, b"x")

    def test_closesAll(self):
        """One may end all, itself included, and so the lane."""

        def lose(_):
            for each in protocols:
                each.transport.connectionLost(Failure(ConnectionLost()))

        protocols = self.ready(20, lose)
        self.turn()
        self.assertEqual([each.calls for each in protocols], [[ConnectionLost]] * 20)
        self.assertEqual(self.ended, [self.reactor])

    def test_pausesOthers(self):
        """Those that one pauses are served when they are resumed."""

        def pause(protocol):
            protocol.whenReceived = None
            for each in protocols:
                if each is not protocol and not each.received:
                    each.whenReceived = None
                    each.transport.pauseProducing()

        protocols = self.ready(20, pause)
        self.turn(3)
        self.assertEqual(sum(len(each.received) for each in protocols), 1)
        for each in protocols:
            each.transport.resumeProducing()
        self.turn()
        self.assertEqual([each.received for each in protocols], [b"x"] * 20)

    def test_newInOldPlace(self):
        """What was ready in a closed one's place is not the new one's."""
        new = []

        def replace(protocol):
            if new:
                return
            numbers = {each.transport.getHandle().fileno() for each in old}
            for each in old:
                if each is not protocol:
                    each.transport.connectionLost(Failure(ConnectionDone()))
            new.extend(self.connect()[0] for _ in old)
            taken = {each.transport.getHandle().fileno() for each in new}
            self.assertTrue(numbers & taken)

        old = self.ready(20, replace)
        # For them, there is an end to be told of.
        for each, peer in zip(old[1:], self.peers[1:], strict=True):
            each.transport.pauseProducing()
            each.transport.write(bytes(4_000_000))
            peer.close()
        old[0].transport.resumeProducing()
        self.turn(3)
        self.assertEqual(len(new), 20)
        self.assertEqual([each.calls for each in new], [[]] * 20)

    def test_nested(self):
        """A callback may have the lane turn: nobody gets anything twice."""

        def nest(protocol):
            if len(protocol.received) == 1 and depth[0] < 5:
                depth[0] += 1
                self.lane.doRead()

        depth = [0]
        protocols = self.ready(40, nest)
        self.turn(5)
        self.assertEqual(depth, [5])
        self.assertEqual([each.received for each in protocols], [b"x"] * 40)


class FairnessTests(LaneCase):
    """Nobody waits for long."""

    def test_turnEnds(self):
        """A turn ends in time, if there is no end of what comes."""
        done = []

        def slow(protocol):
            done.append(protocol)
            self.reactor.advance(0.0002)

        self.ready(100, slow)
        self.turn()
        # More than 2 ms; the clock is looked at after each 16.
        self.assertEqual(len(done), 16)

    def test_turnOfFewEnds(self):
        """A turn ends in time also if there are always a few, and only those."""
        done = []

        def ask(protocol):
            done.append(protocol)
            self.reactor.advance(0.0002)
            if len(done) < 1000:
                peers[protocol].send(b"x")

        protocols = self.ready(8, ask)
        peers = dict(zip(protocols, self.peers, strict=True))
        self.turn()
        # More than 2 ms; the clock is looked at after each batch.
        self.assertEqual(len(done), 16)

    def test_turnGoesOn(self):
        """While many are ready, so many may be again, a turn takes them on."""

        def ask(protocol):
            if len(protocol.received) < 5:
                peers[protocol].send(b"x")

        protocols = self.ready(20, ask)
        peers = dict(zip(protocols, self.peers, strict=True))
        self.turn()
        self.assertEqual({len(each.received) for each in protocols}, {5})

    def test_nobodyStarves(self):
        """Those that were not served in a turn are in the next."""
        served = []

        def flood(protocol):
            served.append(protocol)
            self.reactor.advance(0.0002)
            peers[protocol].send(b"x")

        protocols = self.ready(100, flood)
        peers = dict(zip(protocols, self.peers, strict=True))
        self.turn(40)
        self.assertEqual(set(served), set(protocols))
        counts = [served.count(each) for each in protocols]
        self.assertLessEqual(max(counts) - min(counts), 4)

    def test_atMost(self):
        """No more than 512 events are taken at once; the others are next."""
        with closing(select.epoll()) as epoll:
            numbers = [os.eventfd(1) for _ in range(520)]
            for number in numbers:
                self.addCleanup(os.close, number)
                epoll.register(number, select.EPOLLIN)
            batch = system.Batch()
            seen = set()
            for most, taken in ((512, 512), (16, 16)):
                self.assertEqual(batch.take(epoll, most), taken)
                seen |= {batch.descriptor(index) for index in range(taken)}
            self.assertEqual(seen, set(numbers))

    def test_oneSegment(self):
        """One that has much to be read gets one segment in a turn."""
        ours, peer = self.connect()
        other, otherPeer = self.connect()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_000_000)
        sent = peer.send(bytes(1_000_000))
        otherPeer.send(b"x")
        self.assertGreater(sent, 0)
        self.turn()
        self.assertLessEqual(len(ours.received), system.AREA)
        self.assertEqual(other.received, b"x")


class SegmentTests(LaneCase):
    """What is received stays what it is."""

    @unittest.skipUnless(IS_COMPILED, "not compiled, each is new")
    def test_reused(self):
        """A large segment that nobody keeps leaves its place to the next."""
        ours, peer = self.connect()
        places = set()
        for _ in range(5):
            peer.send(bytes(5000))
            places.add(id(system.receive(ours.transport.getHandle().fileno())))
        self.assertEqual(len(places), 1)

    def test_keptSegments(self):
        """Octets do not change under who keeps them, and none are lost."""
        kept = []

        class Keeping(Noting):
            def dataReceived(self, data):
                kept.append((data, bytes(bytearray(data)), hash(data)))

        for size in (1, 511, 512, 513, 5000, 60_000, 100_000):
            _, peer = self.connect(kind=Keeping)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1_000_000)
            for letter in b"abc":
                octets = bytes([letter]) * size
                peer.sendall(octets)
                before = len(kept)
                while sum(len(data) for data, _, _ in kept[before:]) < size:
                    self.turn()
                whole = b"".join(data for data, _, _ in kept[before:])
                self.assertEqual(whole, octets)
        for data, copy, hashed in kept:
            self.assertEqual(data, copy)
            self.assertEqual(hash(data), hashed)
            self.assertEqual(hash(copy), hashed)

    def test_nestedSegments(self):
        """A segment stays what it is while others are received."""
        seen = []
        lane = self.lane

        class Nesting(Noting):
            def dataReceived(self, data):
                lane.doRead()
                seen.append(bytes(bytearray(data)))

        for letter in b"abcdefgh":
            _, peer = self.connect(kind=Nesting)
            peer.sendall(bytes([letter]) * 30_000)
        self.turn(3)
        self.assertEqual(
            sorted(seen), [bytes([letter]) * 30_000 for letter in b"abcdefgh"]
        )

    def test_empty(self):
        """Nothing is received when there is nothing."""
        ours, _ = self.connect()
        self.assertIsNone(system.receive(ours.transport.getHandle().fileno()))


class SendingTests(LaneCase):
    """What is sent arrives, whole and in order."""

    def test_written(self):
        """What was written before C{loseConnection} all arrives."""
        ours, peer = self.connect(sendBuffer=4096)
        parts = [os.urandom(size) for size in (1, 100_000, 0, 7, 300_000, 65_536)]
        for part in parts[:3]:
            ours.transport.write(part)
        ours.transport.writeSequence(parts[3:])
        ours.transport.loseConnection()
        self.assertEqual(self.drain(ours, peer), b"".join(parts))
        self.assertEqual(ours.calls, [ConnectionDone])

    def test_sendBoth(self):
        """A header and a payload arrive as they are, however short each send is."""
        ours, peer = self.connect(sendBuffer=2048)
        transport = ours.transport
        header, payload = b"0123456789", os.urandom(500_000)
        producer = Producer()
        transport.registerProducer(producer, True)
        whole = header + payload
        sent = transport.sendBoth(header, payload)
        self.assertLess(sent, len(whole))
        octets = b""
        while len(octets) < len(whole):
            readable, _, _ = select.select([peer], [], [], 0)
            if readable:
                octets += peer.recv(65_536)
            else:
                producer.calls.clear()
                self.turn()
                self.assertEqual(producer.calls, ["resume"])
                sent += transport.send(memoryview(whole)[sent:])
        self.assertEqual(octets, whole)

    def test_pulled(self):
        """A producer that is pulled is asked again when what it wrote is sent."""

        class Pulled:
            def __init__(self, transport):
                self.transport = transport
                self.left = [b"one", b"two", bytes(200_000), b"three"]

            def resumeProducing(self):
                self.transport.write(self.left.pop(0))
                if not self.left:
                    self.transport.unregisterProducer()
                    self.transport.loseConnection()

        ours, peer = self.connect(sendBuffer=4096)
        ours.transport.registerProducer(Pulled(ours.transport), False)
        octets = self.drain(ours, peer)
        self.assertEqual(octets, b"onetwo" + bytes(200_000) + b"three")

    def test_lostWhileWriting(self):
        """What the peer said before its end is heard; the loss is told once, later."""
        ours, peer = self.connect()
        peer.send(b"last words")
        peer.close()
        ours.transport.write(b"x")
        ours.transport.write(b"y")
        self.assertEqual((ours.received, ours.calls), (b"", []))
        self.turn(3)
        self.assertEqual((ours.received, ours.calls), (b"last words", [ConnectionLost]))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_lostWhileSending(self):
        """The same of what sends at once: all counts as sent."""
        self.connect()
        for send in (
            lambda transport: transport.send(b"xyz"),
            lambda transport: transport.sendBoth(b"x", b"yz"),
        ):
            ours, peer = self.connect()
            peer.close()
            self.assertEqual(send(ours.transport), 3)
            self.assertEqual(send(ours.transport), 3)
            self.assertEqual(ours.calls, [])
            self.turn(2)
            self.assertEqual(ours.calls[-1:], [ConnectionLost])
            self.assertEqual(ours.calls.count(ConnectionLost), 1)

    def test_lostWhilePaused(self):
        """One that reads nothing is told of a failed send all the same."""
        ours, peer = self.connect()
        ours.transport.pauseProducing()
        peer.close()
        ours.transport.write(b"x")
        self.turn(2)
        self.assertEqual(ours.calls, [ConnectionLost])

    def test_abortedAfterLoss(self):
        """One may abort what is lost, and was not told: one end."""
        ours, peer = self.connect()
        peer.close()
        ours.transport.write(b"x")
        ours.transport.abortConnection()
        self.turn(3)
        self.assertEqual(ours.calls, [ConnectionAborted])

    def test_onlyBytes(self):
        """What may change later is not written."""
        ours, _ = self.connect()
        for data in (bytearray(b"x"), "x", None):
            self.assertRaises(TypeError, ours.transport.write, data)

    @unittest.skipIf(IS_COMPILED, "compiled, the system is called as it is")
    def test_cuts(self):
        """A header and a payload may be cut wherever the system likes."""
        whole = b"headpayload"
        for cut in range(len(whole)):
            for error in (None, BlockingIOError(), InterruptedError()):
                ours, peer = self.connect()
                calls = [cut]

                def writev(descriptor, parts, error=error, calls=calls):
                    if not calls.pop() and error is not None:
                        raise error
                    return os.write(descriptor, b"".join(parts)[:cut])  # noqa: B023

                with self.patched(os, "writev", writev):
                    sent = ours.transport.sendBoth(b"head", b"payload")
                self.assertEqual(sent, cut)
                sent += ours.transport.send(whole[cut:])
                self.assertEqual((sent, peer.recv(100)), (len(whole), whole))

    @unittest.skipIf(IS_COMPILED, "compiled, the system is called as it is")
    def test_noBuffers(self):
        """A system that is full is no loss."""
        ours, peer = self.connect()

        def full(*_):
            raise OSError(errno.ENOBUFS, "no buffers")

        with self.patched(os, "write", full):
            ours.transport.write(b"later")
        self.turn()
        self.assertEqual((peer.recv(10), ours.calls), (b"later", []))

    def patched(self, module, name, value):
        """Have another function for a while."""
        return unittest.mock.patch.object(module, name, value)


class EndingTests(LaneCase):
    """How one ends."""

    def test_halves(self):
        """Each side's FIN is told; the end is when C{loseConnection} says so."""
        ours, peer = self.connect()
        ours.transport.write(b"last")
        ours.transport.loseWriteConnection()
        self.turn()
        self.assertEqual(ours.calls, ["our FIN"])
        self.assertEqual((peer.recv(10), peer.recv(10)), (b"last", b""))
        ours.transport.write(b"dropped")
        peer.send(b"answer")
        peer.close()
        self.turn(3)
        self.assertEqual((ours.received, ours.calls), (b"answer", ["our FIN", "FIN"]))
        ours.transport.loseConnection()
        self.assertEqual(ours.calls, ["our FIN", "FIN", ConnectionDone])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_resumedAfterFIN(self):
        """The peer's FIN is told once."""
        ours, peer = self.connect()
        peer.shutdown(socket.SHUT_WR)
        self.turn()
        ours.transport.pauseProducing()
        ours.transport.resumeProducing()
        self.turn(2)
        self.assertEqual(ours.calls, ["FIN"])

    def test_endedBeforeRoom(self):
        """Nothing is sent, or told, that waited when a segment led to the end."""
        for end, reason in (
            (lambda one: one.transport.abortConnection(), ConnectionAborted),
            (
                lambda one: one.transport.connectionLost(Failure(ConnectionLost())),
                ConnectionLost,
            ),
        ):
            self.connect()
            ours, peer = self.connect(end)
            ours.transport.loseWriteConnection()
            peer.send(b"x")
            self.turn(2)
            self.assertEqual(ours.calls, [reason])

    def test_abortedBeforeLoss(self):
        """Who aborts what is lost, and was not told, hears that it is aborted."""

        def abort(_):
            lost.transport.abortConnection()

        ours, peer = self.connect(abort)
        lost, gone = self.connect()
        lost.transport.pauseProducing()
        lost.transport.write(bytes(4_000_000))
        peer.send(b"x")
        gone.close()
        self.turn(2)
        self.assertEqual((ours.received, lost.calls), (b"x", [ConnectionAborted]))

    def test_pausedEnd(self):
        """Of a peer that is gone, what waits is read first."""
        ours, peer = self.connect(lambda protocol: protocol.transport.pauseProducing())
        peer.send(b"one")
        self.turn()
        peer.send(b"two")
        peer.close()
        self.turn(3)
        self.assertEqual((ours.received, ours.calls), (b"one", []))
        ours.whenReceived = None
        ours.transport.resumeProducing()
        self.turn(2)
        self.assertEqual((ours.received, ours.calls), (b"onetwo", ["FIN"]))

    def test_quietWhenPaused(self):
        """A paused one does not keep the reactor busy."""
        ours, peer = self.connect()
        ours.transport.pauseProducing()
        peer.send(b"x")
        peer.close()
        self.turn()
        ready, _, _ = select.select([self.lane.fileno()], [], [], 0)
        self.assertEqual(ready, [])

    def test_producerRaises(self):
        """Whatever a producer makes of it, the end is told and nothing left."""

        class Fragile(Producer):
            def stopProducing(self):
                raise RuntimeError("of the producer")

        ours, _ = self.connect()
        ours.transport.registerProducer(Fragile(), True)
        ours.transport.loseConnection()
        self.turn(2)
        self.assertEqual(ours.calls, [ConnectionDone])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(self.reactor.getReaders(), [])

    def test_afterTheEnd(self):
        """After the end, nothing that is called does anything."""
        ours, _ = self.connect()
        transport, peer = ours.transport, ours.transport.getPeer()
        transport.loseConnection()
        self.turn()
        producer = Producer()
        transport.registerProducer(producer, True)
        transport.write(b"x")
        transport.writeSequence([b"x"])
        transport.pauseProducing()
        transport.resumeProducing()
        transport.loseConnection()
        transport.loseWriteConnection()
        transport.abortConnection()
        transport.unregisterProducer()
        self.assertEqual(producer.calls, ["stop"])
        self.assertEqual(ours.calls, [ConnectionDone])
        self.assertEqual(transport.getPeer(), peer)
        for ask in (transport.getHost, transport.getHandle, transport.getTcpKeepAlive):
            self.assertRaises(ConnectionLost, ask)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
