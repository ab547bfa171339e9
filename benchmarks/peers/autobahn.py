"""autobahn on Twisted, with its vector code (NVX), which is on by default."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from autobahn.twisted.websocket import (
    WebSocketClientFactory,
    WebSocketClientProtocol,
    WebSocketServerFactory,
    WebSocketServerProtocol,
)
from autobahn.websocket.compress import (
    PerMessageDeflateOffer,
    PerMessageDeflateOfferAccept,
)
from twisted.internet.ssl import PrivateCertificate

from .common import BACKLOG, HOST, MESSAGE_LIMIT, Window, announce, url


class Echo(WebSocketServerProtocol):
    """Sends every message back."""

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Send it back."""
        self.sendMessage(payload, isBinary)


class Broadcast(WebSocketServerProtocol):
    """Sends every message to everyone."""

    everyone: set[Broadcast] = set()  # noqa: RUF012

    def onOpen(self) -> None:
        """Join."""
        self.everyone.add(self)

    def onClose(self, wasClean: bool, code: int, reason: str) -> None:
        """Leave."""
        self.everyone.discard(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Send it to everyone."""
        prepared = self.factory.prepareMessage(payload, isBinary)
        for each in self.everyone:
            each.sendPreparedMessage(prepared)


def _accept(offers: list[Any]) -> PerMessageDeflateOfferAccept | None:
    """Accept the first offer of permessage-deflate."""
    for offer in offers:
        if isinstance(offer, PerMessageDeflateOffer):
            return PerMessageDeflateOfferAccept(offer)
    return None


def serve(role: str, options: Namespace) -> None:
    """Serve in a role."""
    from twisted.internet import reactor

    factory = WebSocketServerFactory()
    factory.protocol = Broadcast if role == "broadcast" else Echo
    factory.setProtocolOptions(maxMessagePayloadSize=MESSAGE_LIMIT)
    if role == "deflate":
        factory.setProtocolOptions(perMessageCompressionAccept=_accept)
    if role == "tls":
        pem = Path(options.certificate).read_bytes()
        context = PrivateCertificate.loadPEM(pem).options()
        port = reactor.listenSSL(0, factory, context, BACKLOG, HOST)
    else:
        port = reactor.listenTCP(0, factory, BACKLOG, HOST)
    announce(port.getHost().port)
    reactor.run()


def call(options: Namespace) -> None:
    """Be a client."""
    from twisted.internet import reactor

    window = Window(options)
    message = window.message.encode()

    class Caller(WebSocketClientProtocol):
        """Sends a message, and another when the echo is there."""

        def onOpen(self) -> None:
            """Begin."""
            self.sendMessage(message)

        def onMessage(self, payload: bytes, isBinary: bool) -> None:
            """Send the next one."""
            window.check(payload.decode())
            self.sendMessage(message)

    factory = WebSocketClientFactory(url(options))
    factory.protocol = Caller
    for _ in range(options.connections):
        reactor.connectTCP(HOST, options.port, factory)
    window.open(reactor.callLater, reactor.stop)
    reactor.run()
