"""A site on the port, whatever the client makes of it."""

import gc

from tests.core.notation import KEY, frame, pieces, row
from tests.web.sites import Visitor, get, makeSite
from tests.web.test_passage import BAD, CHUNKED, GOOD
from wsagent.web.passage import Passage
from wsagent.web.resource import WebSocketResource

from .aftermath import MEBIBYTE, OURS, HostileCase, tracedMemory
from .octets import replaced, request
from .test_handshake import BAD_HEADS

LATE = (
    ("nothing", b""),
    ("half a head", request()[:-9]),
    ("a WebSocket", request() + frame(1, b"hello", key=KEY)),
    ("a wrong one", replaced(b"Sec-WebSocket-Version: 8")),
    ("no head", b"A" * 20_000),
    ("a bad frame", request() + frame(1, b"hello")),
    ("a body without end", get(b"/", b"POST", b"Content-Length: 99") + b"hello"),
    ("chunks without end", get(b"/", b"POST", CHUNKED) + b"5\r\nhel"),
    ("no answer", get(b"/slow") + get() + request()),
)


class SiteTests(HostileCase):
    """Nothing is left of whatever was sent, and others are served."""

    def _count(self) -> int:
        """Count what connections are made of, passages too."""
        # Twisted's part may be the source of an event that is kept.
        kinds = (*OURS, Passage)
        return sum(isinstance(each, kinds) for each in gc.get_objects())

    def attack(self, factory, *segments):
        """Have somebody send segments, and be gone without a word."""
        visitor = Visitor(factory)
        visitor.send(*segments)
        visitor.vanish()

    def test_heads(self):
        """Of each request, good or bad, whole or octet by octet, nothing is left."""
        rows = [*GOOD.items(), *BAD.items(), *BAD_HEADS]
        for name, octets in rows:
            with self.aftermath(name) as factory:
                factory.site = makeSite(factory.reactor)
                self.attack(factory, octets)
                if len(octets) < 1000:
                    self.attack(factory, *pieces(octets, 1))

    def test_late(self):
        """Nor of what follows a page, in the same segment or another."""
        for name, octets in LATE:
            with self.aftermath(name) as factory:
                factory.site = makeSite(factory.reactor)
                self.attack(factory, get() + octets)
                self.attack(factory, get(), octets)
                factory.site.slow.waiting.clear()
                factory.site.slow.left.clear()

    def test_resource(self):
        """Nor of what was sent to a place for WebSockets in a site."""
        for name, octets in (*LATE, *BAD_HEADS):
            with self.aftermath(name) as factory:
                site = makeSite(factory.reactor)
                site.resource.putChild(b"chat", WebSocketResource(factory))
                self.attack(site, get() + octets)
                self.attack(site, get(), octets)
                site.slow.waiting.clear()
                site.slow.left.clear()

    def test_time(self):
        """Who says nothing more is gone in time: ours, then the site's."""
        for name, octets in LATE:
            if name in ("a WebSocket", "no answer"):
                continue
            with self.aftermath(name) as factory:
                factory.site = makeSite(factory.reactor)
                visitor = Visitor(factory)
                visitor.send(get(), octets)
                for _ in range(100):
                    factory.reactor.advance(1)
                    visitor.pump()
                self.assertTrue(visitor.isGone)
                visitor.vanish()
                del visitor

    def test_memory(self):
        """Who sends much that is not read yet keeps little here."""
        for before in (get(b"/slow"), b"", get()):
            with self.aftermath(repr(before)) as factory, row(before):
                factory.site = makeSite(factory.reactor)
                visitor = Visitor(factory)
                visitor.send(before)
                with tracedMemory() as memory:
                    for _ in range(256):
                        if visitor.transport.isReading and not visitor.isGone:
                            visitor.send(b"A: " + b"b" * 4093)
                    self.assertLess(memory.peak(), MEBIBYTE // 8)
                visitor.vanish()
                factory.site.slow.waiting.clear()
                factory.site.slow.left.clear()
