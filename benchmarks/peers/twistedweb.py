"""twisted.web.websocket, which comes with Twisted: a resource, on wsproto."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.ssl import PrivateCertificate
from twisted.internet.task import react
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.websocket import WebSocketClientEndpoint, WebSocketResource

from .common import BACKLOG, HOST, Window, announce, url

_everyone: set[Agent] = set()


class Agent:
    """A protocol; its subclasses do something."""

    def negotiationStarted(self, transport: Any) -> None:
        """Keep the transport."""
        self.transport = transport

    def negotiationFinished(self) -> None:
        """Join."""
        _everyone.add(self)

    def textMessageReceived(self, message: str) -> None:
        """Send it back."""
        self.transport.sendTextMessage(message)

    def bytesMessageReceived(self, data: bytes) -> None:
        """Send it back."""
        self.transport.sendBytesMessage(data)

    def pongReceived(self, payload: bytes) -> None:
        """Nobody asks."""

    def connectionLost(self, reason: Any) -> None:
        """Leave."""
        _everyone.discard(self)

    @classmethod
    def buildProtocol(cls, _request: Any) -> Agent:
        """Make one: the class is its factory."""
        return cls()


class Broadcast(Agent):
    """Sends every message to everyone."""

    def textMessageReceived(self, message: str) -> None:
        """Send it to everyone."""
        for each in _everyone:
            each.transport.sendTextMessage(message)


def serve(role: str, options: Namespace) -> None:
    """Serve in a role."""
    from twisted.internet import reactor

    root = Resource()
    root.putChild(b"", WebSocketResource(Broadcast if role == "broadcast" else Agent))
    site = Site(root)
    if role == "tls":
        pem = Path(options.certificate).read_bytes()
        context = PrivateCertificate.loadPEM(pem).options()
        port = reactor.listenSSL(0, site, context, BACKLOG, HOST)
    else:
        port = reactor.listenTCP(0, site, BACKLOG, HOST)
    announce(port.getHost().port)
    reactor.run()


def call(options: Namespace) -> None:
    """Be a client."""
    window = Window(options)

    class Caller(Agent):
        """Sends a message, and another when the echo is there."""

        def negotiationFinished(self) -> None:
            """Begin."""
            self.transport.sendTextMessage(window.message)

        def textMessageReceived(self, message: str) -> None:
            """Send the next one."""
            window.check(message)
            self.transport.sendTextMessage(window.message)

    async def main(reactor: Any) -> None:
        """Open all, and wait."""
        for _ in range(options.connections):
            await WebSocketClientEndpoint.new(reactor, url(options)).connect(Caller)
        ended: Deferred[None] = Deferred()
        window.open(reactor.callLater, lambda: ended.callback(None))
        await ended

    react(main)
