"""What must hold after every case, whatever the peer did."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.core.notation import KEY, frame
from wsagent.answering import ServerOpening
from wsagent.core.connection import Connection
from wsagent.demo import Echo
from wsagent.guard import Guard, Login
from wsagent.protocol import WebSocketProtocol
from wsagent.sending import SendBuffer
from wsagent.server import WebSocketServerFactory
from wsagent.settings import Settings
from wsagent.testing import Peer, connected, upgradeRequest
from wsagent.wire import Wire

from .octets import framesIn, request

OURS = (Wire, Connection, ServerOpening, SendBuffer, WebSocketProtocol, Login)
"""What a connection is made of."""

AFTERWARDS = (frame(1, b"late", key=KEY), frame(9, key=KEY), b"GET / HTTP/1.1\r\n\r\n")
"""What a peer may send that does not want to hear that it is over."""

CLOSE = 0x88
MEBIBYTE = 1 << 20


class Memory:
    """What Python has allocated since I was made."""

    def __init__(self):
        """Begin now."""
        self._before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()

    def now(self) -> int:
        """Say how many octets are allocated that were not before."""
        return tracemalloc.get_traced_memory()[0] - self._before

    def peak(self) -> int:
        """Say how many there were at most."""
        return tracemalloc.get_traced_memory()[1] - self._before


@contextmanager
def tracedMemory() -> Iterator[Memory]:
    """Trace what Python allocates."""
    tracemalloc.start()
    try:
        yield Memory()
    finally:
        tracemalloc.stop()


def deciding(make: Callable[[], object]) -> type[Echo]:
    """
    Make an echo that decides about requests for C{/chat}.

    @param make: makes what is returned, or raised.
    """

    class Deciding(Echo):
        """Accept all others."""

        def requestReceived(self, asked):
            """Decide."""
            verdict = make() if asked.path == "/chat" else None
            if isinstance(verdict, Exception):
                raise verdict
            return verdict

    return Deciding


class HostileCase(SynchronousTestCase):
    """A test of what a server does to a peer that does it wrong."""

    def setUp(self):
        """Take what is there already out of the garbage collector's sight."""
        self._peers = []
        gc.collect()
        gc.freeze()
        self.addCleanup(gc.unfreeze)

    @contextmanager
    def aftermath(
        self,
        row: str,
        application: Callable[[], WebSocketProtocol] | None = Echo,
        subprotocols=(),
        fresh: bytes | None = None,
        routes=(),
        guard: Guard | None = None,
        **settings: object,
    ) -> Iterator[WebSocketServerFactory]:
        """
        Make a factory for one case, and look at what is left behind it.

        A peer of L{connect}'s that is still connected at the end vanishes.

        @param row: names the case, should it fail.
        @param application: an echo, at least to most of what it is sent.
        @param fresh: a request that is accepted, if not any is.
        """
        before = self._count()
        factory = WebSocketServerFactory(
            application,
            subprotocols,
            Settings(**settings),
            Clock(),
            routes=routes,
            guard=guard,
        )
        try:
            yield factory
            self._assertNothingLeft(factory, fresh, before)
        except Exception as error:
            raise self.failureException(f"{row}: {error}") from error

    def connect(
        self,
        factory: WebSocketServerFactory,
        octets: bytes | None = None,
        answersFin: bool = True,
    ) -> Peer:
        """
        Connect a peer that is gone after the case.

        @param octets: sent at once; a request that is accepted by default.
        """
        peer = Peer(factory)
        peer.answersFin = answersFin
        self._peers.append(peer)
        peer.sendOctets(request() if octets is None else octets)
        return peer

    def assertLogged(self, error: type[Exception], times: int = 1) -> None:
        """Demand errors in the log, no more and no fewer, and forget them."""
        failures = self.flushLoggedErrors(error)
        self.assertEqual(len(failures), times, f"logged {error.__name__}")
        for failure in failures:
            # Its frames, where events are kept, would keep the connection.
            failure.cleanFailure()
            vars(failure).clear()

    def wait(self, peer: Peer, seconds: float, step: float = 1) -> None:
        """Let time pass at the server, in small steps as it does."""
        for _ in range(round(seconds / step)):
            peer.advance(step)

    def assertRefused(
        self,
        factory: WebSocketServerFactory,
        octets: bytes,
        status: int,
        body: bytes | None = None,
        **fields: bytes,
    ) -> None:
        """Demand one response that refuses, then FIN, and nothing more."""
        for following in (b"", request()):
            peer = self.connect(factory, octets + following, answersFin=False)
            self.assertEqual(peer.status, status)
            self.assertEqual(peer.headers.all("connection"), [b"close"])
            for name, value in fields.items():
                self.assertEqual(peer.headers.all(name), [value], name)
            length = int(peer.headers.single("content-length"))
            self.assertEqual(len(peer.octets), length, peer.octets)
            if body is not None:
                self.assertEqual(peer.octets, body)
            self.assertIsNone(peer.agent)
            self.assertTrue(peer.transport.hasFinished, "no FIN")
            self.assertFalse(peer.isDisconnected, "gone before the peer's FIN")
            peer.sendOctets(request() + frame(1, b"late", key=KEY))
            self.assertEqual(len(peer.octets), length, "a second answer")
            self.assertIsNone(peer.agent)
            self._assertGoneInTime(peer)
        polite = self.connect(factory, octets)
        self.assertEqual(polite.status, status)
        self.assertTrue(polite.isDisconnected, "not gone after the peer's FIN")
        self.assertFalse(polite.transport.wasAborted)

    def assertFailed(
        self,
        factory: WebSocketServerFactory,
        octets: bytes,
        code: int,
        before: tuple[tuple[int, bytes], ...] = (),
    ) -> None:
        """
        Demand one Close frame with a code, then FIN, and nothing more.

        @param before: the frames that come first.
        """
        rude = self.connect(factory, answersFin=False)
        rude.sendOctets(octets)
        self.assertEnded(rude, code, before)
        heard = rude.octets
        for more in AFTERWARDS:
            rude.sendOctets(more)
        self.assertEqual(rude.octets, heard, "sent after the Close frame")
        self._assertGoneInTime(rude)
        polite = self.connect(factory, request() + octets)
        self.assertEqual(polite.octets, heard, "in the segment of the request")
        self.assertTrue(polite.isDisconnected, "not gone after the peer's FIN")
        self.assertFalse(polite.transport.wasAborted)

    def assertEnded(
        self, peer: Peer, code: int, before: tuple[tuple[int, bytes], ...] = ()
    ) -> None:
        """Demand that a Close frame with a code was the last word."""
        self.assertEqual(peer.status, 101)
        *frames, (first, payload) = framesIn(peer.octets) or [(0, b"")]
        self.assertEqual(tuple(frames), before)
        self.assertEqual((first, payload[:2]), (CLOSE, code.to_bytes(2, "big")))
        self.assertTrue(peer.transport.hasFinished, "no FIN")

    def assertEchoes(self, peer: Peer, *messages: str | bytes) -> None:
        """Demand that these came, and nothing else, on a living connection."""
        self.assertEqual(peer.received, list(messages))
        self.assertIsNone(peer.closed)
        self.assertFalse(peer.isDisconnected)
        self.assertTrue(peer.agent.isOpen)

    def _assertGoneInTime(self, peer: Peer) -> None:
        """Demand that a peer that does not hang up is aborted."""
        timeout = peer.factory.settings.closeTimeout
        peer.advance(timeout - 0.25)
        self.assertFalse(peer.isDisconnected, "gone too early")
        peer.advance(0.25)
        self.assertTrue(peer.transport.wasAborted, "not aborted in time")
        self.assertTrue(peer.isDisconnected)

    def _assertNothingLeft(
        self, factory: WebSocketServerFactory, fresh: bytes | None, before: int
    ) -> None:
        """Do the four checks."""
        for peer in self._peers:
            peer.vanish()
            # The test may still name the peer, and so what it was connected to.
            vars(peer).clear()
        self._peers.clear()
        self.assertEqual(list(factory._wires), [], "connections left in the factory")
        self.assertEqual(factory.reactor.getDelayedCalls(), [])
        self._assertServes(factory, fresh)
        self.assertEqual(list(factory._wires), [], "left by a fresh client")
        self.assertEqual(factory.reactor.getDelayedCalls(), [])
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [], "errors in the log")
        self.assertEqual(self._count(), before, "objects left")

    def _assertServes(
        self, factory: WebSocketServerFactory, fresh: bytes | None
    ) -> None:
        """Demand that a fresh client is served."""
        client = connected(factory, request=fresh or upgradeRequest())
        self.assertEqual(client.status, 101, "a fresh client")
        client.sendTextMessage("fresh")
        self.assertEqual(client.received[-1:], ["fresh"], "a fresh client's message")
        client.loseConnection()
        self.assertTrue(client.isDisconnected, "a fresh client's end")

    def _count(self) -> int:
        """Count what connections are made of."""
        return sum(isinstance(each, OURS) for each in gc.get_objects())
