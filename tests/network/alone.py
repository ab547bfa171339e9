"""A program of its own: sockets in the lane of one reactor."""

from __future__ import annotations

import os
import select
import socket
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import ClassVar

DEEDS = {}


def deed(function):
    """Have the command line name a function."""
    DEEDS[function.__name__] = function
    return function


def descriptors() -> int:
    """Count this process's."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def makeEcho():
    """Make a protocol that sends back what it gets, in the lane."""
    from twisted.internet.interfaces import IHalfCloseableProtocol, IProtocol
    from zope.interface import implementer

    from wsagent.sockets.adoption import adopted
    from wsagent.sockets.transport import LaneTransport, SegmentReceiver

    @implementer(IProtocol, IHalfCloseableProtocol)
    class Echo(SegmentReceiver):
        made: ClassVar = []
        lost: ClassVar = []
        whenReceived = None

        def makeConnection(self, transport):
            self.transport = adopted(transport, self, transport.getPeer())
            assert type(self.transport) is LaneTransport
            self.made.append(self)

        def dataReceived(self, data):
            if self.whenReceived is None:
                self.transport.write(data)
            else:
                self.whenReceived(self, data)

        def readConnectionLost(self):
            self.transport.loseConnection()

        def writeConnectionLost(self):
            pass

        def connectionLost(self, reason):
            self.lost.append(reason.type.__name__)

    return Echo


def serve(count):
    """Serve on a port of this reactor; connect clients."""
    from twisted.internet import reactor
    from twisted.internet.protocol import Factory

    echo = makeEcho()
    factory = Factory.forProtocol(echo)
    factory.noisy = False
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    clients = [
        socket.create_connection(("127.0.0.1", port.getHost().port), 10)
        for _ in range(count)
    ]
    until(lambda: len(echo.made) == count)
    return echo, port, clients


def until(isSo):
    """Have the reactor turn until something is so."""
    from twisted.internet import reactor

    for _ in range(1000):
        if isSo():
            return
        reactor.iterate(0.01)
    raise AssertionError


def run(deed):
    """Do something with the running reactor, then stop it."""
    from twisted.internet import reactor
    from twisted.internet.defer import ensureDeferred

    failures = []

    async def doing():
        try:
            await deed()
        except BaseException as error:  # noqa: BLE001 - it is printed
            failures.append(error)
        if reactor.running:
            reactor.stop()

    reactor.callWhenRunning(lambda: ensureDeferred(doing()))
    reactor.run()
    if failures:
        raise failures[0]


async def connected(count):
    """Serve in the running reactor; connect clients."""
    from twisted.internet import reactor
    from twisted.internet.protocol import Factory
    from twisted.internet.threads import deferToThread

    echo = makeEcho()
    factory = Factory.forProtocol(echo)
    factory.noisy = False
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    where = ("127.0.0.1", port.getHost().port)
    clients = [
        await deferToThread(socket.create_connection, where, 10) for _ in range(count)
    ]
    while len(echo.made) < count:
        await pause(0.01)
    return echo, port, clients


async def pause(seconds):
    """Let time pass."""
    from twisted.internet import reactor
    from twisted.internet.task import deferLater

    await deferLater(reactor, seconds)


def exchange(client, octets):
    """Send octets, and demand them back."""
    client.sendall(octets)
    got = b""
    while len(got) < len(octets):
        got += client.recv(65_536)
    assert got == octets


@deed
def echoes():
    """Sockets come and go; in the end nothing of ours is left."""
    from twisted.internet import reactor
    from twisted.internet.threads import deferToThread

    async def doing():
        left = []
        readers = len(reactor.getReaders())
        for _ in range(3):
            echo, port, clients = await connected(5)
            for client in clients:
                await deferToThread(exchange, client, os.urandom(300_000))
            assert len(reactor.getReaders()) == readers + 2
            for client in clients:
                client.close()
            while len(echo.lost) < 5:
                await pause(0.01)
            assert echo.lost == ["ConnectionDone"] * 5, echo.lost
            await port.stopListening()
            await pause(0)
            calls = [call for call in reactor.getDelayedCalls() if call.active()]
            assert calls == [], calls
            assert len(reactor.getReaders()) == readers
            left.append(descriptors())
        # The first time, there are threads made, and more.
        assert left[1] == left[2], left

    run(doing)


@deed
def stopped():
    """When the reactor stops, each is told, the paused ones too."""
    from twisted.internet import reactor

    async def doing():
        echo, _, clients = await connected(5)
        echo.made[0].transport.pauseProducing()
        clients[0].sendall(b"x")
        await pause(0.02)
        reactor.addSystemEventTrigger("after", "shutdown", told, echo, clients)

    def told(echo, clients):
        assert len(clients) == 5
        assert echo.lost == ["ConnectionLost"] * 5, echo.lost
        print("told")

    run(doing)


@deed
def nested():
    """A callback may run the reactor: each gets its own octets, and nothing twice."""
    from twisted.internet import reactor

    seen = {}

    def nest(protocol, data):
        before = bytes(bytearray(data))
        for _ in range(3):
            reactor.iterate(0)
        assert data == before
        seen[protocol] = seen.get(protocol, b"") + data

    echo, _, clients = serve(20)
    echo.whenReceived = staticmethod(nest)
    sent = {}
    for number, client in enumerate(clients):
        octets = bytes([number]) * (100 if number % 2 else 60_000)
        client.sendall(octets)
        sent[client.getsockname()[1]] = octets
    until(lambda: sum(map(len, seen.values())) == sum(map(len, sent.values())))
    for protocol, octets in seen.items():
        assert octets == sent[protocol.transport.getPeer().port]


@deed
def replaced():
    """What was ready in a closed one's place is not another's who came meanwhile."""
    from twisted.internet import reactor

    echo, port, clients = serve(20)
    where = ("127.0.0.1", port.getHost().port)
    more = []

    def replace(protocol, _):
        if more:
            return
        # Ours are not to get the numbers that become free.
        more.extend(socket.create_connection(where, 10) for _ in range(19))
        numbers = {each.transport.getHandle().fileno() for each in echo.made}
        for each in list(echo.made):
            if each is not protocol:
                each.transport.abortConnection()
        until(lambda: len(echo.made) == 39)
        new = {each.transport.getHandle().fileno() for each in echo.made[20:]}
        assert numbers & new

    echo.whenReceived = staticmethod(replace)
    for client in clients:
        client.sendall(b"x")
    until(lambda: more)
    for _ in range(5):
        reactor.iterate(0)
    assert echo.lost == ["ConnectionAborted"] * 19, echo.lost
    echo.whenReceived = None
    for client in more:
        client.sendall(b"still here")
    answers = {}

    def answered():
        readable, _, _ = select.select(more, [], [], 0)
        for client in readable:
            answers[client] = answers.get(client, b"") + client.recv(100)
        return set(answers.values()) == {b"still here"} and len(answers) == 19

    until(answered)


@deed
def forked():
    """A process whose parent made the reactor has a lane of its own."""
    from twisted.internet.threads import deferToThread

    async def doing():
        echo, _, (client,) = await connected(1)
        await deferToThread(exchange, client, b"x" * 100_000)
        client.close()
        while not echo.lost:
            await pause(0.01)

    # As Twisted's daemons do: with a reactor, before it runs.
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert status == 0
    else:
        run(doing)


@deed
def flooded():
    """While one floods, timers run, and the other is answered."""
    from threading import Event, Thread

    from twisted.internet.task import LoopingCall
    from twisted.internet.threads import deferToThread

    over = Event()

    def flood(client):
        octets = bytes(1_000_000)
        client.settimeout(0.1)
        while not over.is_set():
            with suppress(TimeoutError):
                client.sendall(octets)

    async def doing():
        echo, _, clients = await connected(5)
        other = clients.pop()
        port = other.getsockname()[1]
        came = [0]

        def received(protocol, data):
            came[0] += len(data)
            if protocol.transport.getPeer().port == port:
                protocol.transport.write(data)

        echo.whenReceived = staticmethod(received)
        ticks = []
        ticking = LoopingCall(lambda: ticks.append(None))
        ticking.start(0.01)
        threads = [
            Thread(target=flood, args=(client,), daemon=True) for client in clients
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in range(5):
                await deferToThread(exchange, other, b"are you there?")
            await pause(0.3)
        finally:
            over.set()
            for thread in threads:
                await deferToThread(thread.join)
        ticking.stop()
        assert came[0] > 10_000_000, came
        assert len(ticks) >= 10, len(ticks)

    run(doing)


if __name__ == "__main__":
    _, reactorName, deedName = sys.argv
    if reactorName == "uvloop":
        import uvloop
        from twisted.internet import asyncioreactor

        asyncioreactor.install(uvloop.new_event_loop())
    else:
        import_module(f"twisted.internet.{reactorName}reactor").install()
    DEEDS[deedName]()
    print("done")
