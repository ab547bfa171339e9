"""The fast lane keeps Twisted's promises: the same deeds, the same calls."""

import importlib
import os
import select
import socket

import pytest
import pytest_twisted
from twisted.internet import error, tcp
from twisted.internet.interfaces import IHalfCloseableProtocol, IProtocol
from twisted.internet.protocol import ClientFactory, Factory
from twisted.protocols.policies import WrappingFactory
from zope.interface import implementer

from tests.agents import Producer
from wsagent import WebSocketServerFactory
from wsagent.demo import Echo
from wsagent.sockets import adoption
from wsagent.sockets.adoption import adopted
from wsagent.sockets.transport import LaneTransport, SegmentReceiver

from .client import Client, dial, dialTLS, dialUnix, readAll, reset
from .inside import inThread, pause, until

pytestmark = pytest.mark.skipif(
    not hasattr(select, "epoll"), reason="there is no fast lane without epoll"
)

LARGE = 16 * 1024 * 1024


@implementer(IProtocol, IHalfCloseableProtocol)
class Noting(SegmentReceiver):
    """
    Notes what it is told.

    @ivar received: what came.
    @ivar calls: what else it was told.
    @ivar whenReceived: called for each segment.
    """

    def __init__(self, isInLane=True):
        """Nothing is noted yet."""
        self.isInLane = isInLane
        self.received = b""
        self.calls = []
        self.transport = None
        self.whenReceived = lambda: None

    def makeConnection(self, transport):
        """Have a transport, of the kind that is asked for."""
        self.transport = (
            adopted(transport, self, transport.getPeer())
            if self.isInLane
            else transport
        )
        assert isinstance(self.transport, LaneTransport) == self.isInLane

    def dataReceived(self, data):
        """Note it."""
        self.received += data
        self.whenReceived()

    def readConnectionLost(self):
        """Note it."""
        self.calls.append("FIN")

    def writeConnectionLost(self):
        """Note it."""
        self.calls.append("our FIN")

    def connectionLost(self, reason):
        """Note why."""
        self.calls.append(reason.type.__name__)


class Clients(ClientFactory):
    """A client's factory that notes what it is told."""

    noisy = False

    def __init__(self, protocol):
        """@param protocol: the only one."""
        self.protocol = protocol
        self.connector = None

    def startedConnecting(self, connector):
        """Know it."""
        self.connector = connector

    def buildProtocol(self, addr):
        """Give the protocol."""
        return self.protocol

    def clientConnectionLost(self, connector, reason):
        """Note why."""
        self.protocol.calls.append(f"client: {reason.type.__name__}")


class Ends:
    """A protocol on a transport of the reactor, and its peer's plain socket."""

    def __init__(self, protocol, peer, port, connector=None):
        """@param connector: a client's."""
        self.protocol = protocol
        self.peer = peer
        self.port = port
        self.connector = connector

    async def leave(self):
        """Listen no more."""
        port, self.port = self.port, None
        if port is not None:
            await port.stopListening()

    @property
    def transport(self):
        """The protocol's."""
        return self.protocol.transport

    async def calls(self, count):
        """Wait for as many calls, and see that there are no more."""
        await until(lambda: len(self.protocol.calls) >= count, f"{count} calls")
        await pause(0.02)
        return self.protocol.calls


def listener(family, folder):
    """Listen; give the socket and where it is."""
    listening = socket.socket(family)
    if family == socket.AF_UNIX:
        where = os.path.join(folder, "socket")  # noqa: PTH118 - an address
    else:
        where = ("::1" if family == socket.AF_INET6 else "127.0.0.1", 0)
    listening.bind(where)
    listening.listen()
    return listening, listening.getsockname()


async def beServer(family, folder, protocol):
    """Have a peer connect to the protocol."""
    from twisted.internet import reactor

    factory = Factory.forProtocol(lambda: protocol)
    factory.noisy = False
    if family == socket.AF_UNIX:
        where = os.path.join(folder, "socket")  # noqa: PTH118 - an address
        port = reactor.listenUNIX(where, factory)
        peer = await inThread(dialUnix, where)
    else:
        host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        port = reactor.listenTCP(0, factory, interface=host)
        peer = await inThread(socket.create_connection, (host, port.getHost().port), 15)
    return Ends(protocol, peer, port)


async def beClient(family, folder, protocol):
    """Have the protocol connect to a peer."""
    from twisted.internet import reactor

    listening, where = listener(family, folder)
    factory = Clients(protocol)
    if family == socket.AF_UNIX:
        reactor.connectUNIX(where, factory)
    else:
        reactor.connectTCP(*where[:2], factory)
    with listening:
        peer, _ = await inThread(listening.accept)
    peer.settimeout(15)
    if family == socket.AF_UNIX:
        os.unlink(where)  # noqa: PTH108 - an address
    return Ends(protocol, peer, None, factory.connector)


@pytest_twisted.async_yield_fixture
async def ends(tmp_path):
    """Give what makes two ends; in the end none is left, and nothing else."""
    from twisted.internet import reactor

    made = []
    readers = len(reactor.getReaders())

    async def make(family, side, isInLane):
        protocol = Noting(isInLane)
        be = beServer if side == "server" else beClient
        made.append(await be(family, str(tmp_path), protocol))
        await until(lambda: protocol.transport is not None, "a connection")
        return made[-1]

    yield make
    for each in made:
        each.peer.close()
        if not each.transport.disconnected:
            each.transport.abortConnection()
        await each.leave()
    await until(
        lambda: all(each.transport.disconnected for each in made), "the end of all"
    )
    assert len(reactor.getReaders()) == readers


# Deeds: each gives all calls that it leads to.


async def peerCloses(it):
    """FIN, then our answer."""
    it.peer.shutdown(socket.SHUT_WR)
    await it.calls(1)
    it.transport.loseConnection()
    return ["FIN", "ConnectionDone"]


async def peerResets(it):
    """RST."""
    reset(it.peer)
    return ["ConnectionLost"]


async def resetWhilePaused(it):
    """RST after octets that nobody has read: they are, first."""
    it.protocol.whenReceived = it.transport.pauseProducing
    it.peer.sendall(b"one")
    await until(lambda: it.protocol.received, "octets")
    it.peer.sendall(b"two")
    reset(it.peer)
    await it.calls(0)
    assert it.protocol.calls == []
    it.protocol.whenReceived = lambda: None
    it.transport.resumeProducing()
    await it.calls(1)
    assert it.protocol.received == b"onetwo"
    return ["ConnectionLost"]


async def writtenFirst(it):
    """What was written arrives before the end."""
    it.transport.write(b"first")
    it.transport.writeSequence([bytes(LARGE), b"last"])
    it.transport.loseConnection()
    it.transport.loseConnection()
    assert it.protocol.calls == []
    assert await inThread(readAll, it.peer) == b"first" + bytes(LARGE) + b"last"
    return ["ConnectionDone"]


async def halfClosed(it):
    """Our FIN after what was written; the peer goes on until it is done."""
    it.transport.write(bytes(LARGE))
    it.transport.loseWriteConnection()
    assert await inThread(readAll, it.peer) == bytes(LARGE)
    it.transport.write(b"dropped")
    it.peer.sendall(b"answer")
    await until(lambda: it.protocol.received == b"answer", "an answer")
    it.transport.loseConnection()
    assert it.protocol.calls[1] == "ConnectionDone"
    return ["our FIN", "ConnectionDone"]


async def bothFINs(it):
    """Both sides' FINs are no end yet."""
    it.peer.shutdown(socket.SHUT_WR)
    await it.calls(1)
    it.transport.loseWriteConnection()
    await it.calls(2)
    it.peer.close()
    await it.calls(2)
    assert it.protocol.calls == ["FIN", "our FIN"]
    it.transport.loseConnection()
    return ["FIN", "our FIN", "ConnectionDone"]


async def aborted(it):
    """What waits is dropped, and the end told in a moment."""
    it.transport.write(bytes(LARGE))
    it.transport.abortConnection()
    it.transport.abortConnection()
    assert it.protocol.calls == []
    if it.peer.family != socket.AF_UNIX:
        with pytest.raises(ConnectionResetError):
            await inThread(readAll, it.peer)
    else:
        assert len(await inThread(readAll, it.peer)) < LARGE
    return ["ConnectionAborted"]


async def lostWhileWriting(it):
    """The peer's last words are heard; the loss is told later, and once."""
    it.peer.sendall(b"last words")
    reset(it.peer)
    it.transport.write(b"x")
    it.transport.write(b"y")
    assert it.protocol.calls == []
    await it.calls(1)
    assert it.protocol.received == b"last words"
    return ["ConnectionLost"]


async def lostAndWritten(it):
    """After the end, what is written is dropped."""
    peer = it.transport.getPeer()
    it.transport.loseConnection()
    await it.calls(1)
    it.transport.write(b"x")
    it.transport.writeSequence([b"x"])
    it.transport.abortConnection()
    it.transport.loseConnection()
    it.transport.resumeProducing()
    producer = Producer()
    it.transport.registerProducer(producer, True)
    assert producer.calls == ["stop"]
    assert it.transport.getPeer() == peer
    return ["ConnectionDone"]


async def closedWhenReceived(it):
    """To close in C{dataReceived} is the same."""
    it.protocol.whenReceived = it.transport.loseConnection
    it.peer.sendall(b"x")
    return ["ConnectionDone"]


async def abortedWhenReceived(it):
    """To abort in C{dataReceived} is the same."""
    it.protocol.whenReceived = it.transport.abortConnection
    it.peer.sendall(b"x")
    return ["ConnectionAborted"]


async def paused(it):
    """One that pauses in C{dataReceived} gets nothing until it resumes."""
    it.protocol.whenReceived = it.transport.pauseProducing
    it.peer.sendall(b"one")
    await until(lambda: it.protocol.received, "octets")
    it.peer.sendall(b"two")
    it.peer.close()
    await pause(0.05)
    assert (it.protocol.received, it.protocol.calls) == (b"one", [])
    it.transport.resumeProducing()
    await until(lambda: it.protocol.received == b"onetwo", "more")
    assert it.protocol.calls == []
    it.transport.resumeProducing()
    await it.calls(1)
    it.transport.abortConnection()
    return ["FIN", "ConnectionAborted"]


async def pushed(it):
    """A producer that pushes waits while octets do, and holds the end up."""
    producer = Producer()
    it.transport.registerProducer(producer, True)
    with pytest.raises(RuntimeError):
        it.transport.registerProducer(Producer(), True)
    it.transport.write(bytes(LARGE))
    assert producer.calls == ["pause"]
    it.transport.loseConnection()
    reading = inThread(readAll, it.peer)
    await until(lambda: "resume" in producer.calls, "room")
    await pause(0.02)
    assert (producer.calls, it.protocol.calls) == (["pause", "resume"], [])
    it.transport.write(b"end")
    it.transport.unregisterProducer()
    assert await reading == bytes(LARGE) + b"end"
    assert producer.calls == ["pause", "resume"]
    return ["ConnectionDone"]


async def pushedAndLost(it):
    """A producer is stopped at the end."""
    producer = Producer()
    it.transport.registerProducer(producer, True)
    it.transport.abortConnection()
    await it.calls(1)
    assert producer.calls == ["stop"]
    return ["ConnectionAborted"]


async def pulled(it):
    """A producer that is pulled is asked each time that all is sent."""

    class Pulled:
        left = 5

        def resumeProducing(self):
            self.left -= 1
            it.transport.write(b"%d" % self.left * 100_000)
            if not self.left:
                it.transport.unregisterProducer()
                it.transport.loseConnection()

    it.transport.registerProducer(Pulled(), False)
    octets = await inThread(readAll, it.peer)
    assert octets == b"".join(b"%d" % each * 100_000 for each in (4, 3, 2, 1, 0))
    return ["ConnectionDone"]


async def raising(it):
    """What a callback raises is the reason of the end."""
    it.protocol.whenReceived = lambda: {}["of the callback"]
    it.peer.sendall(b"x")
    return ["KeyError"]


DEEDS = (
    peerCloses,
    peerResets,
    resetWhilePaused,
    writtenFirst,
    halfClosed,
    bothFINs,
    aborted,
    lostWhileWriting,
    lostAndWritten,
    closedWhenReceived,
    abortedWhenReceived,
    paused,
    pushed,
    pushedAndLost,
    pulled,
    raising,
)


@pytest.mark.parametrize("place", ["twisted", "lane"])
@pytest.mark.parametrize("side", ["server", "client"])
@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_UNIX"])
@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)
@pytest_twisted.ensureDeferred
async def test_promises(ends, failures, deed, family, side, place):
    """What one does leads to the same calls in both places."""
    if family == "AF_UNIX" and deed in (peerResets, resetWhilePaused):
        pytest.skip("a UNIX socket has no RST")
    it = await ends(getattr(socket, family), side, place == "lane")
    expected = await deed(it)
    if side == "client":
        expected = [*expected, f"client: {expected[-1]}"]
    assert await it.calls(len(expected)) == expected
    if deed is raising and place == "lane":
        assert [failure.type for failure in failures] == [KeyError]
        failures.clear()


@pytest.mark.parametrize("side", ["server", "client"])
@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_UNIX"])
@pytest_twisted.ensureDeferred
async def test_addresses(ends, failures, family, side):  # noqa: ARG001 - there are none
    """Addresses, options and the handle are those of Twisted's transport."""
    told = []
    for isInLane in (False, True):
        it = await ends(getattr(socket, family), side, isInLane)
        transport = it.transport
        assert type(transport.getHandle()) is socket.socket
        transport.setTcpNoDelay(True)
        noDelay = transport.getTcpNoDelay()
        transport.setTcpKeepAlive(True)
        keepAlive = transport.getTcpKeepAlive()
        assert keepAlive
        addresses = (transport.getHost(), transport.getPeer())
        plain = (it.peer.getpeername(), it.peer.getsockname())
        for address, name in zip(addresses, plain, strict=True):
            if family != "AF_UNIX":
                assert (address.host, address.port) == name[:2]
        told.append((noDelay, keepAlive, [type(each) for each in addresses]))
        if family == "AF_UNIX":
            told[-1] += addresses
        with pytest.raises(TypeError):
            transport.write(bytearray(b"x"))
        if isInLane:
            with pytest.raises(NotImplementedError, match="handshake"):
                transport.startTLS(None)
        it.transport.abortConnection()
        await it.calls(1)
        if family == "AF_UNIX":
            it.peer.close()
            await it.leave()
    assert told[0] == told[1]


@pytest.mark.parametrize("isInLane", [False, True])
@pytest_twisted.ensureDeferred
async def test_disconnect(ends, isInLane):
    """A connector ends the connection, and may begin the next."""
    it = await ends(socket.AF_INET, "client", isInLane)
    assert it.connector.transport is it.transport
    it.connector.disconnect()
    assert await it.calls(2) == ["ConnectionDone", "client: ConnectionDone"]
    assert it.connector.state == "disconnected"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("producer", object()),
        ("dataBuffer", b"x"),
        ("_tempDataBuffer", [b"x"]),
        ("_sendmsgQueue", [1]),
        ("disconnecting", 1),
        ("_writeDisconnecting", True),
        ("_aborting", True),
        ("connected", 0),
        ("TLS", True),
        ("reactor", object()),
        ("protocol", Noting()),
    ],
)
@pytest_twisted.ensureDeferred
async def test_busy(ends, monkeypatch, name, value):
    """A transport that has something to do, or is another's, stays as it is."""
    it = await ends(socket.AF_INET, "server", isInLane=False)
    with monkeypatch.context() as patches:
        patches.setattr(it.transport, name, value, raising=False)
        assert (
            adopted(it.transport, it.protocol, it.transport.getPeer()) is it.transport
        )
    it.protocol.transport = adopted(it.transport, it.protocol, it.transport.getPeer())
    assert type(it.transport) is LaneTransport


@pytest_twisted.ensureDeferred
async def test_noDescriptors(ends, monkeypatch):
    """Where the system has no more descriptors, Twisted goes on."""
    it = await ends(socket.AF_INET, "server", isInLane=False)

    def none():
        raise OSError("too many open files")

    with monkeypatch.context() as patches:
        patches.setattr(select, "epoll", none)
        assert (
            adopted(it.transport, it.protocol, it.transport.getPeer()) is it.transport
        )
    it.peer.sendall(b"heard")
    await until(lambda: it.protocol.received == b"heard", "octets")


class Subclass(tcp.Server):
    """Does who knows what."""


@pytest_twisted.ensureDeferred
async def test_subclass(ends, monkeypatch):
    """A transport of another class stays as it is."""
    it = await ends(socket.AF_INET, "server", isInLane=False)
    monkeypatch.setattr(it.transport, "__class__", Subclass)
    assert adopted(it.transport, it.protocol, it.transport.getPeer()) is it.transport


def test_reasons():
    """The names above are Twisted's."""
    for name in ("ConnectionDone", "ConnectionLost", "ConnectionAborted"):
        assert isinstance(getattr(error, name), type)


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL")
@pytest.mark.parametrize("how", ["TLS", "haproxy", "policies"])
@pytest_twisted.ensureDeferred
async def test_wrapped(ports, certificate, how):
    """What stands between us and the socket stays there, and all goes on."""
    factory = WebSocketServerFactory(Echo)
    wires = factory._wires
    if how == "TLS":
        port = await ports(factory, f"ssl:0:{certificate}:interface=127.0.0.1")
    elif how == "haproxy":
        port = await ports(factory, "haproxy:tcp:0:interface=127.0.0.1")
    else:
        port = await ports(WrappingFactory(factory))

    def script():
        plain = dialTLS(port) if how == "TLS" else dial(port)
        if how == "haproxy":
            plain.sendall(b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n")
        with Client(plain) as client:
            assert client.echoes()
            (wire,) = wires
            assert not isinstance(wire.transport, LaneTransport)

    await inThread(script)
    await until(lambda: not wires, "the end")


@pytest_twisted.ensureDeferred
async def test_noEpoll(ends, monkeypatch):
    """Where there is no epoll, all stays as it is."""
    it = await ends(socket.AF_INET, "server", isInLane=False)
    with monkeypatch.context() as patches:
        patches.delattr(select, "epoll")
        try:
            importlib.reload(adoption)
            unmoved = adoption.adopted(it.transport, it.protocol, None)
            assert unmoved is it.transport
        finally:
            patches.undo()
            importlib.reload(adoption)
