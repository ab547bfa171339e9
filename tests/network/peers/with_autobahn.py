"""A peer with C{autobahn}, on Twisted."""

from __future__ import annotations

import json

from autobahn.twisted.websocket import (
    WebSocketClientFactory,
    WebSocketClientProtocol,
    WebSocketServerFactory,
    WebSocketServerProtocol,
)
from autobahn.websocket.compress import (
    PerMessageDeflateOffer,
    PerMessageDeflateOfferAccept,
    PerMessageDeflateResponseAccept,
)
from common import closed, listening, opened, orderIn
from twisted.internet import reactor, stdio
from twisted.protocols.basic import LineOnlyReceiver

# Its timers round down to whole seconds: one second may be none.
PATIENCE = {"openHandshakeTimeout": 15, "closeHandshakeTimeout": 15}


class Peer:
    """A connection, of either side."""

    def onOpen(self) -> None:
        """Tell that it is open."""
        isCompressed = bool(self.websocket_extensions_in_use)
        self._number = opened(self.websocket_protocol_in_use, isCompressed)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Echo and obey."""
        order = None if isBinary else orderIn(payload.decode())
        if order is None:
            self.sendMessage(payload, isBinary)
        elif "close" in order:
            self.sendClose(*order["close"])
        elif "ping" in order:
            self.sendPing(order["ping"].encode())
        else:
            self.beginMessage()
            for piece in order["pieces"]:
                self.sendMessageFrame(piece.encode())
            self.endMessage()

    def onPong(self, payload: bytes) -> None:
        """Say so."""
        self.sendMessage(b"pong " + payload)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        """Tell how it ended."""
        closed(self._number, code, reason)


class Server(Peer, WebSocketServerProtocol):
    """A connection that somebody made."""

    def onConnect(self, request) -> str | None:
        """Choose the subprotocol."""
        return "echo" if "echo" in request.protocols else None


class Client(Peer, WebSocketClientProtocol):
    """A connection that was asked for."""


class Orders(LineOnlyReceiver):
    """What is to be done."""

    delimiter = b"\n"

    def lineReceived(self, line: bytes) -> None:
        """Connect."""
        order = json.loads(line)
        factory = WebSocketClientFactory(order["url"], protocols=order["subprotocols"])
        factory.protocol = Client
        factory.setProtocolOptions(**PATIENCE, serverConnectionDropTimeout=15)
        if order["isCompressed"]:
            factory.setProtocolOptions(
                perMessageCompressionOffers=[PerMessageDeflateOffer()],
                perMessageCompressionAccept=PerMessageDeflateResponseAccept,
            )
        reactor.connectTCP("127.0.0.1", factory.port, factory)

    def connectionLost(self, reason) -> None:
        """End."""
        reactor.stop()


server = WebSocketServerFactory(protocols=["echo"])
server.protocol = Server
server.setProtocolOptions(
    **PATIENCE,
    perMessageCompressionAccept=lambda offers: PerMessageDeflateOfferAccept(offers[0]),
)
listening(reactor.listenTCP(0, server, interface="127.0.0.1").getHost().port)
stdio.StandardIO(Orders())
# A signal ends it at once, as it does the other programs.
reactor.run(installSignalHandlers=False)
