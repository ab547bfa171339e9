"""Peers of other libraries, and both sides of ours as they meet them."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.protocols import portforward

from wsagent import (
    ClosedCleanly,
    ClosedUncleanly,
    WebSocketProtocol,
    WebSocketServerFactory,
    blocking,
    connect,
)

from .client import PATIENCE
from .inside import inThread, until
from .peers.common import PLEASE
from .process import Server

PEERS = Path(__file__).with_name("peers")
END = (ClosedCleanly, ClosedUncleanly)


def inPython(library: str, _folder: Path) -> tuple[str, ...]:
    """Find the program with a library of this environment."""
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    return ("python", str(PEERS / f"with_{library}.py"))


def inNode(library: str, folder: Path) -> tuple[str, ...]:
    """Install a library from npm, and find the program with it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed")
    quiet = ("--no-audit", "--no-fund", "--loglevel=error")
    safe = ("--ignore-scripts", "--fetch-retries=0", "--prefix", folder)
    try:
        subprocess.run(
            [npm, "install", *quiet, *safe, library],
            cwd=folder,
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=30,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm cannot install {library} in time")
    except subprocess.CalledProcessError as error:
        why = error.stderr.partition("\n")[0]
        pytest.skip(f"npm cannot install {library}: {why}")
    return (node, str(PEERS / f"with_{library}.mjs"))


PROGRAMS = {"websockets": inPython, "aiohttp": inPython, "autobahn": inPython}
PROGRAMS["ws"] = inNode


def please(**order) -> str:
    """Write a message that is obeyed, as C{peers/common.py} says."""
    return PLEASE + json.dumps(order)


class Foreign(Server):
    """A peer's program, which listens, and connects when told."""

    def __init__(self, library: str, folder: Path) -> None:
        """@param folder: for what it needs, and its log."""
        command = PROGRAMS[library](library, folder)
        super().__init__(folder, *command, stdin=subprocess.PIPE)
        self._output = self._log.open()
        self._rest = ""
        self._reports = []

    def dial(self, **how) -> None:
        """Have it connect."""
        self._process.stdin.write(json.dumps(how).encode() + b"\n")
        self._process.stdin.flush()

    def reports(self) -> list[dict]:
        """Give what it has told of its connections."""
        *lines, self._rest = (self._rest + self._output.read()).split("\n")
        self._reports += [json.loads(line) for line in lines if line.startswith("{")]
        return self._reports

    async def report(self, isMeant, since: int = 0) -> dict:
        """Wait for a report, other than those that were there before."""

        def meant() -> list[dict]:
            return list(filter(isMeant, self.reports()[since:]))

        await until(meant, "a report")
        return meant()[0]

    def stop(self) -> None:
        """Stop it."""
        super().stop()
        self._process.stdin.close()
        self._output.close()


class Ours(WebSocketProtocol):
    """One of ours on Twisted, either side, driven by a test."""

    def __init__(self) -> None:
        """Nothing happened."""
        self.opened = Deferred()
        self._over = Deferred()
        self._pongs = []

    async def conversation(self) -> None:
        """Be there for the test."""
        self.opened.callback(self)
        await self._over

    def connectionLost(self, reason) -> None:
        """Let the conversation end."""
        self._over.callback(None)

    def pongReceived(self, payload) -> None:
        """Note it."""
        self._pongs.append(payload)

    def send(self, message) -> Deferred:
        """Send a message, in time."""
        return inTime(super().send(message))

    def receive(self) -> Deferred:
        """Take a message, in time."""
        return inTime(super().receive())

    async def sendPieces(self, pieces) -> None:
        """Send a message in pieces, with a ping before the last."""
        *others, last = pieces
        for piece in others:
            self.sendFragment(piece)
        await self.pinged(b"between")
        self.sendFragment(last, True)

    async def pinged(self, payload: bytes) -> None:
        """Demand that a ping is answered."""
        self.ping(payload)
        await until(lambda: self._pongs, "a pong")
        assert self._pongs == [payload]
        self._pongs.clear()

    async def close(self, code: int, reason: str = "") -> None:
        """Close."""
        self.loseConnection(code, reason)
        await self.lost()

    async def lost(self) -> ClosedCleanly | ClosedUncleanly:
        """Wait for the end."""
        with pytest.raises(END) as caught:
            await self.receive()
        return caught.value


class Blocking:
    """Our blocking client, each call in a thread, with the names of L{Ours}."""

    def __init__(self, connection: blocking.BlockingConnection) -> None:
        """@param connection: an open one."""
        self._connection = connection
        self.subprotocol = connection.subprotocol

    def send(self, message) -> Deferred:
        """Send a message, in time."""
        return inThread(self._connection.send, message, PATIENCE)

    def receive(self) -> Deferred:
        """Take a message, in time."""
        return inThread(self._connection.receive, PATIENCE)

    async def pinged(self, payload: bytes) -> None:
        """Demand that a ping is answered."""
        await inThread(self._connection.ping, payload, PATIENCE)

    async def close(self, code: int, reason: str = "") -> None:
        """Close."""
        await inThread(self._connection.close, code, reason)

    lost = Ours.lost


def inTime(waiting: Deferred) -> Deferred:
    """Wait no longer than a test does."""
    from twisted.internet import reactor

    return waiting.addTimeout(PATIENCE, reactor)


class Meeting:
    """
    Who meets how: a peer with one of ours, one that dials with one that listens.

    @ivar octets: how many went to who listens, and came back.
    """

    def __init__(self, foreign: Foreign, ports, settings) -> None:
        """
        @param ports: what listens with a factory.
        @param settings: ours.
        """
        self.octets = [0, 0]
        self._foreign = foreign
        self._ports = ports
        self._settings = settings

    async def client(self, subprotocols) -> Ours:
        """Connect to the peer."""
        from twisted.internet import reactor

        url = await self._between(self._foreign.port)
        more = {"subprotocols": subprotocols, "settings": self._settings}
        return await connect(reactor, url, Ours, **more)

    async def blocking(self, subprotocols) -> Blocking:
        """Connect to the peer, without the reactor."""
        url = await self._between(self._foreign.port)
        more = {"subprotocols": subprotocols, "settings": self._settings}
        return Blocking(await inThread(lambda: blocking.connect(url, **more)))

    async def server(self, subprotocols) -> Ours:
        """Let the peer connect."""
        ours = Ours()
        port = await self._ports(
            WebSocketServerFactory(lambda: ours, ["echo"], self._settings)
        )
        self._foreign.dial(
            url=await self._between(port),
            subprotocols=subprotocols,
            isCompressed=self._settings.compression is not None,
        )
        return await inTime(ours.opened)

    async def _between(self, port: int) -> str:
        """Listen, count, and pass on; give the URL."""
        relay = portforward.ProxyFactory("127.0.0.1", port)
        relay.protocol = _Dialler
        relay.octets = self.octets
        return f"ws://127.0.0.1:{await self._ports(relay)}/"


class _Listener(portforward.ProxyClient):
    """What is passed on from who listens."""

    def dataReceived(self, data) -> None:
        """Count, and pass on."""
        self.peer.factory.octets[1] += len(data)
        super().dataReceived(data)


class _ListenerFactory(portforward.ProxyClientFactory):
    """Makes L{_Listener}s."""

    protocol = _Listener


class _Dialler(portforward.ProxyServer):
    """What is passed on from who dials."""

    clientProtocolFactory = _ListenerFactory

    def dataReceived(self, data) -> None:
        """Count, and pass on."""
        self.factory.octets[0] += len(data)
        super().dataReceived(data)
