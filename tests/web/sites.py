"""A site, and a client of it in memory that sees octets."""

from __future__ import annotations

import re

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import HTTPChannel, Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from tests.core.notation import KEY, frame
from tests.safety.octets import request
from wsagent.memory import MemoryTransport
from wsagent.web.passage import Passage

OURS = (Passage, HTTPChannel, Request)
"""What a connection to a site is made of, beside what is ours anyway."""

HELLO = frame(1, b"hello", key=KEY)
ECHO = frame(1, b"hello")
UPGRADE = request()
_date = re.compile(rb"Date: [^\r]*\r\n")


class Front(Resource):
    """Says what it was asked."""

    def render_GET(self, asked):
        """Say how, and by whom."""
        secure = b"securely" if asked.isSecure() else b"openly"
        return b" ".join(
            (asked.method, asked.uri, str(asked.getClientAddress()).encode(), secure)
        )

    def render_HEAD(self, asked):
        """Say nothing, or Twisted keeps the request in its log."""
        asked.setHeader("Content-Length", "5")
        return b""

    def render_POST(self, asked):
        """Give back the body."""
        return asked.content.read()


class Slow(Resource):
    """
    Answers when it is told to.

    @ivar waiting: the requests that have no answer yet.
    @ivar left: why clients went that had none.
    """

    isLeaf = True

    def __init__(self) -> None:
        """Nobody waits."""
        super().__init__()
        self.waiting = []
        self.left = []

    def render(self, asked):
        """Have it wait."""
        self.waiting.append(asked)
        asked.notifyFinish().addErrback(self.left.append)
        return NOT_DONE_YET

    def answer(self) -> None:
        """Answer who waits longest."""
        asked = self.waiting.pop(0)
        asked.write(b"at last")
        asked.finish()


class Failing(Resource):
    """Has an error in it."""

    isLeaf = True

    def render(self, asked):
        """Fail."""
        raise ZeroDivisionError


def makeSite(clock: Clock) -> Site:
    """Make a site; its C{/slow} is C{site.slow}."""
    root, slow = Resource(), Slow()
    for name, resource in (
        (b"", Front()),
        (b"slow", slow),
        (b"failing", Failing()),
        (b"metrics", Front()),
    ):
        root.putChild(name, resource)
    site = Site(root, reactor=clock)
    site.displayTracebacks = False
    site.slow = slow
    return site


class Visitor:
    """
    A client in memory, of any factory.

    @ivar octets: all that came.
    """

    def __init__(self, factory, **how) -> None:
        """Connect."""
        self._octets = b""
        protocol = factory.buildProtocol(None)
        self.transport = MemoryTransport(protocol, **how)
        protocol.makeConnection(self.transport)

    def send(self, *segments: bytes) -> None:
        """Send segments, one after the other."""
        for segment in segments:
            self.transport.deliver(segment)
            self.pump()

    def pump(self) -> None:
        """Take what came."""
        while (octets := self.transport.move()) is not None:
            self._octets += octets

    @property
    def octets(self) -> bytes:
        """All that came, but for the time of day."""
        self.pump()
        return _date.sub(b"", self._octets)

    def take(self) -> bytes:
        """Give all that came since."""
        octets = self.octets
        self._octets = b""
        return octets

    @property
    def isGone(self) -> bool:
        """Ask whether the server has ended it."""
        self.pump()
        return self.transport.isLost

    def vanish(self) -> None:
        """Be gone, as by RST."""
        self.transport.lose(ConnectionLost())
        # As Twisted's do.
        self.transport.unregisterProducer()
        self.transport.protocol = None


def get(target: bytes = b"/", method: bytes = b"GET", *lines: bytes) -> bytes:
    """Write a request that is not for a WebSocket."""
    start = b"%b %b HTTP/1.1" % (method, target)
    return b"\r\n".join((start, b"Host: localhost", *lines, b"", b""))


def never(*_) -> Deferred:
    """Decide never."""
    return Deferred()


class VisitedCase(SynchronousTestCase):
    """
    A server in memory, and who comes; nobody is left in the end, and nothing waits.

    @ivar factory: the server's, of WebSockets.
    @ivar front: the factory of the port that is come to.
    """

    def setUp(self):
        """Have nobody come yet."""
        self.clock = Clock()
        self.visitors = []
        self.addCleanup(self._assertNothingLeft)

    def visit(self, *segments, factory=None, **how) -> Visitor:
        """Have a client connect, and send segments."""
        visitor = Visitor(factory or self.front, **how)
        self.visitors.append(visitor)
        visitor.send(*segments)
        return visitor

    def _assertNothingLeft(self):
        """Have everybody go."""
        for visitor in self.visitors:
            visitor.vanish()
        self.assertEqual([*self.factory.wires], [])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def assertEchoes(self, visitor):
        """Demand that it is a WebSocket by now, and nothing but that."""
        head, _, frames = visitor.take().partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)
        visitor.send(HELLO)
        self.assertEqual(frames + visitor.take(), ECHO)
