"""
The specs of lua-websockets that make sense here, under their own names.

Those of its C{frame}, C{handshake} and C{tools} are RFC 6455's own examples, which
C{tests/core/} has.
"""

from random import Random

from twisted.internet.defer import CancelledError
from twisted.internet.error import DNSLookupError
from twisted.internet.task import Clock

from wsagent import (
    ClosedCleanly,
    ClosedUncleanly,
    HandshakeError,
    WebSocketServerFactory,
    blocking,
)
from wsagent.demo import Echo, Mirror
from wsagent.testing import connected, upgradeRequest

from .agents import AgentCase, Noting
from .clients import ClientCase, head, served
from .scripts import ScriptCase

_random = Random(0)


def randomText(length):
    """Make text of graphic ASCII."""
    return "".join(chr(_random.randint(33, 126)) for _ in range(length))


LENGTHS = (127, 0xFFFF - 1, 0xFFFF + 1)


class ClientSpec(ScriptCase):
    """C{spec/client_spec.lua}: the blocking client."""

    def test_returnsErrorOnNonWsProtocol(self):
        """C{returns error on non-ws protocol}."""
        with self.assertRaises(ValueError):
            blocking.connect("wsc://127.0.0.1/")

    def test_returnsErrorWhenSendingInNonOpenState(self):
        """C{returns error when sending in non-open state}, or receiving."""
        peer = self.connect(lambda server: (server.open(), server.receive()))
        peer.close()
        for call in (lambda: peer.send("test"), peer.receive, peer.ping):
            with self.assertRaises(ClosedCleanly):
                call()

    def test_returnsErrorWhenConnectingTwice(self):
        """C{returns error when connecting twice}: there is no such call."""
        peer = self.connect(lambda server: (server.open(), server.receive()))
        self.assertFalse(hasattr(peer, "connect"))
        peer.close()

    def test_canSendWithPayload(self):
        """C{can send with payload 127}, C{0xffff-1}, C{0xffff+1}."""
        with self.connect(lambda server: (server.open(), server.echo())) as peer:
            for length in LENGTHS:
                text = randomText(length)
                peer.send(text)
                self.assertEqual(peer.receive(), text)


class ClientEvSpec(ClientCase):
    """C{spec/client_ev_spec.lua}: the client on Twisted."""

    def test_callsOnErrorOnBadProtocol(self):
        """C{calls on_error on bad protocol}."""
        with self.assertRaises(ValueError):
            self.net.connect("ws2://localhost/")

    def test_canParseHTTPRequestHeaderBytePerByte(self):
        """C{can parse HTTP request header byte per byte}, and refuse it."""
        opened = self.net.connect(subprotocols=["chat"])
        answer = head(
            b"HTTP/1.1 101 Switching Protocols",
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-Websocket-Accept: e2123as3",
            b"Sec-Websocket-Protocol: chat",
        )
        for octet in answer[:-1]:
            self.net.line.send(bytes((octet,)))
        self.assertNoResult(opened)
        self.net.line.send(answer[-1:])
        self.assertFails(opened, HandshakeError, "Sec-WebSocket-Accept")

    def test_properlyCallsOnErrorIfSocketErrorOnHandshakeOccurs(self):
        """C{properly calls on_error if socket error on handshake occurs}."""
        opened = self.net.connect(subprotocols=["chat"])
        for octet in b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket":
            self.net.line.send(bytes((octet,)))
        self.net.line.finish()
        self.assertFails(opened, ClosedUncleanly, "no answer")

    def test_canOpenAndCloseImmediately(self):
        """C{can open and close immediatly (in CLOSING state)}."""
        opened = self.net.connect()
        opened.cancel()
        self.assertFails(opened, CancelledError)

    def test_socketErrGetsForwardedToOnError(self):
        """C{socket err gets forwarded to on_error}."""
        self.net.failure = DNSLookupError("host not found")
        self.assertFails(self.net.connect(), DNSLookupError, "host not found")

    def test_echoing10MessagesWorks(self):
        """C{echoing 10 messages works}, and C{closes cleanly}."""
        factory = WebSocketServerFactory(Echo, reactor=self.net.clock)
        self.net.lineClass = served(factory)
        agent = self.successResultOf(self.net.connect())
        messages = [f"Hello websockets{i}" for i in range(1, 11)]
        for message in messages:
            agent.sendTextMessage(message)
        self.net.advance(0)
        self.assertEqual(agent.calls[1:], messages)
        agent.loseConnection()
        self.net.advance(0)
        self.assertEqual(agent.ending, (ClosedCleanly, 1000, "", "us"))


class ServerSpec(AgentCase):
    """C{spec/server_copas_spec.lua}, C{spec/server_ev_spec.lua}."""

    def test_callListenWithoutDefaultNorProtocolHandlersHasErrors(self):
        """C{call listen without default nor protocol handlers has errors}."""
        with self.assertRaises(ValueError):
            WebSocketServerFactory()

    def test_doesNotDieWhenAbruptlyClosing(self):
        """C{accepts socket connection and does not die when abruptly closing}."""
        factory = WebSocketServerFactory(Echo, reactor=Clock())
        for request in (b"", b"GET / HTTP/1.1", upgradeRequest()):
            peer = connected(factory, request=request)
            peer.vanish()
            self.assertTrue(peer.isDisconnected)
        peer = connected(factory)
        peer.sendTextMessage("alive")
        self.assertEqual(peer.received, ["alive"])

    def test_handshakeWorksWithCleanCloseServerInitsClose(self):
        """C{handshake works with clean close (server inits close)}."""
        peer, agent = self.open()
        agent.loseConnection()
        self.assertEqual(peer.closed, (1000, ""))
        self.assertEqual(agent.ending, (ClosedCleanly, 1000, "", "us"))

    def test_handshakeWorksWithCleanCloseClientInitsClose(self):
        """C{handshake works with clean close (client inits close)}."""
        peer, agent = self.open()
        peer.loseConnection()
        self.assertEqual(peer.closed, (1000, ""))
        self.assertEqual(agent.ending, (ClosedCleanly, 1000, "", "peer"))

    def test_canCloseImmediately(self):
        """C{can close immediatly}."""

        class Closing(Noting):
            def negotiationFinished(self):
                self.loseConnection()

        peer, agent = self.open(Closing)
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(agent.ending, (ClosedCleanly, 1000, "", "us"))

    def test_echoWorks(self):
        """C{echo 127 bytes works}, C{0xffff-1}, C{0xffff+1}."""
        peer, _ = self.open(Echo)
        texts = [randomText(length) for length in LENGTHS]
        for text in texts:
            peer.sendTextMessage(text)
        self.assertEqual(peer.received, texts)

    def test_broadcastWorks(self):
        """C{broadcast works}, and does not stop at one who is gone."""
        agents = set()
        factory = WebSocketServerFactory(lambda: Mirror(agents), reactor=Clock())
        peers = [connected(factory) for _ in range(20)]
        gone = peers.pop(7)
        gone.agent.abortConnection()
        peers[0].sendTextMessage("hello broadcast")
        self.assertEqual(gone.received, [])
        for peer in peers:
            self.assertEqual(peer.received, ["hello broadcast"])
            peer.loseConnection()
        self.assertEqual(agents, set())

    def test_onErrorIsCalledIfRequestIsIncomplete(self):
        """C{on_error is called if request is incomplete due to socket close}."""
        peer = connected(Echo, request=b"GET / HTTP/1.1")
        peer.finish()
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(peer.clock.getDelayedCalls(), [])

    def test_onErrorIsCalledIfRequestIsInvalid(self):
        """C{on_error is called if request is invalid}: the answer is 400."""
        peer = connected(Echo, request=b"GET / HTTP/1.1\r\n\r\n")
        self.assertEqual(peer.status, 400)
        self.assertTrue(peer.isDisconnected)

    def test_defaultHandlerGetsCalledWhenNoProtocolSpecified(self):
        """C{default handler gets called when no protocol specified}."""
        factory = WebSocketServerFactory(Echo, {"echo": Noting}, reactor=Clock())
        peer = connected(factory, request=upgradeRequest())
        self.assertIsInstance(peer.agent, Echo)
        self.assertIsNone(peer.agent.subprotocol)

    def test_closingServerClosesAllClients(self):
        """C{closing server closes all clients}, cleanly."""
        factory = WebSocketServerFactory(Noting, reactor=Clock())
        peers = [connected(factory) for _ in range(2)]
        agents = [peer.agent for peer in peers]
        drained = factory.drain()
        for peer, agent in zip(peers, agents, strict=True):
            self.assertEqual(peer.closed, (1001, ""))
            self.assertTrue(peer.isDisconnected)
            self.assertEqual(agent.ending, (ClosedCleanly, 1001, "", "us"))
        self.successResultOf(drained)
