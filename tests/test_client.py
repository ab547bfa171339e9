"""The client: C{connect}, its factory and its endpoint."""

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent

from tests.agents import Noting
from tests.clients import ClientCase, basic, masked, served
from tests.core.notation import allCuts, frame
from wsagent import (
    ClosedCleanly,
    WebSocketClientEndpoint,
    WebSocketClientFactory,
    WebSocketProtocol,
    WebSocketServerFactory,
    connect,
)
from wsagent.demo import Echo


class Opened(Noting):
    """Sends as soon as it is open."""

    def negotiationFinished(self):
        """Send."""
        super().negotiationFinished()
        self.sendTextMessage("first")


class OpeningTests(ClientCase):
    """The request, and a server that accepts it."""

    def test_request(self):
        """The request asks for the URL's path and query, with a new key each time."""
        self.net.connect("ws://Example.com:8001/chat?room=1")
        start, fields = self.net.line.request
        self.assertEqual(
            (self.net.line.host, self.net.line.port), ("example.com", 8001)
        )
        self.assertEqual((start.method, start.target), (b"GET", b"/chat?room=1"))
        self.assertEqual(fields.all("host"), [b"example.com:8001"])
        self.assertEqual(fields.all("sec-websocket-version"), [b"13"])
        self.assertNotIn("sec-websocket-protocol", fields)
        self.assertNotIn("sec-websocket-extensions", fields)
        self.assertNotIn("origin", fields)
        self.net.connect("ws://example.com/")
        again = self.net.line.fields
        self.assertEqual(again.all("host"), [b"example.com"])
        self.assertNotEqual(
            again.all("sec-websocket-key"), fields.all("sec-websocket-key")
        )

    def test_open(self):
        """The Deferred fires with the agent, which knows what was agreed on."""
        agent = self.open(
            b"Sec-WebSocket-Protocol: b",
            b"Set-Cookie: c=d",
            url="ws://ann:secret@localhost/chat",
            subprotocols=("a", "b"),
            origin="http://localhost",
        )
        self.assertEqual(agent.calls, ["open"])
        self.assertTrue(agent.isOpen)
        self.assertEqual(agent.subprotocol, "b")
        self.assertEqual(agent.response.headers.all("set-cookie"), [b"c=d"])
        self.assertEqual(agent.url, "ws://localhost/chat")
        self.assertEqual(agent.request.path, "/chat")
        self.assertEqual(agent.request.origin, "http://localhost")
        self.assertEqual(agent.request.offeredSubprotocols, ("a", "b"))
        self.assertEqual(agent.request.peer.host, "192.0.2.1")
        self.assertIsInstance(agent.factory, WebSocketClientFactory)

    def test_everyCut(self):
        """However the 101 and what follows it are cut, nothing is lost."""
        follows = frame(1, b"hi") + frame(9, b"?") + frame(8, b"\3\xe8")
        for name, pieces in allCuts(bytes(150) + follows):
            del name
            opened = self.net.connect(protocol=Opened)
            octets = self.net.line.acceptance() + follows
            position = 0
            for piece in pieces:
                self.net.line.send(octets[position : position + len(piece)])
                position += len(piece)
            self.net.line.send(octets[position:])
            agent = self.successResultOf(opened)
            self.assertEqual(agent.calls, ["open", "hi", ("ping", b"?")])
            self.assertEqual(
                masked(self.net.line),
                [(0x81, b"first"), (0x8A, b"?"), (0x88, b"\3\xe8")],
            )
            self.net.line.finish()
            self.assertEqual(agent.ending, (ClosedCleanly, 1000, "", "peer"))

    def test_deferredIsFirst(self):
        """What waits for the agent has it before the agent receives anything."""
        opened = self.net.connect()
        calls = opened.addCallback(lambda agent: list(agent.calls))
        self.net.line.send(self.net.line.acceptance() + frame(1, b"hi"))
        self.assertEqual(self.successResultOf(calls), ["open"])

    def test_receive(self):
        """Without a protocol, messages wait until they are received."""
        agent = self.open(protocol=WebSocketProtocol)
        self.net.line.send(frame(1, b"hi"))
        self.assertEqual(self.successResultOf(agent.receive()), "hi")

    def test_ownServer(self):
        """Client and server of ours understand each other until both have closed."""
        server = WebSocketServerFactory(Echo, ["echo"], reactor=self.net.clock)
        self.net.lineClass = served(server)
        opened = self.net.connect(subprotocols=["echo"])
        self.net.line.pump()
        agent = self.successResultOf(opened)
        self.assertEqual(agent.subprotocol, "echo")
        for message in ("héllo", "x" * 70_000):
            agent.sendTextMessage(message)
        agent.sendBytesMessage(b"\xff")
        self.net.line.pump()
        came = [call for call in agent.calls if call not in ("filled", "drained")]
        self.assertEqual(came, ["open", "héllo", "x" * 70_000, b"\xff"])
        agent.loseConnection(3001, "bye")
        self.net.line.pump()
        self.assertEqual(agent.ending, (ClosedCleanly, 3001, "bye", "us"))
        self.assertEqual(list(server._wires), [])

    def test_log(self):
        """The log tells who is connected, and no credentials."""
        with capturedLogs() as events:
            self.open(url="ws://ann:secret@localhost/?token=secret")
        text = "\n".join(map(formatEvent, events))
        self.assertIn("192.0.2.1:54321 connected, client of localhost", text)
        self.assertNotIn("secret", text)

    def test_loggedIsNotKept(self):
        """The endpoint shows where it leads, and no credentials."""
        there = WebSocketClientEndpoint.new(self.net.clock, "ws://a:b@localhost/")
        self.assertEqual(repr(there), "<WebSocketClientEndpoint ws://localhost/>")


class FieldTests(ClientCase):
    """More fields of the request."""

    def test_kinds(self):
        """Fields are a mapping, or pairs."""
        for headers in ({"A": "b", "C": b"d"}, [("A", "b"), ("C", b"d")]):
            self.net.connect(headers=headers)
            self.assertEqual(self.net.line.fields.all("a"), [b"b"])
            self.assertEqual(self.net.line.fields.all("c"), [b"d"])

    def test_asked(self):
        """What can be called is asked anew for each attempt, and waited for."""
        waiting = []

        async def headers():
            waiting.append(Deferred())
            return {"Authorization": await waiting[-1]}

        there = WebSocketClientEndpoint.new(
            self.net.clock, "ws://localhost/", headers=headers, proxy=self.net
        )
        for token in ("a", "b"):
            opened = there.connect(WebSocketClientFactory(Noting))
            self.net.attempts.append(opened)
            before = len(self.net.lines)
            waiting[-1].callback(token)
            self.assertEqual(len(self.net.lines), before + 1)
            self.assertEqual(
                self.net.line.fields.all("authorization"), [token.encode()]
            )

    def test_askedInVain(self):
        """What fails to give fields fails the attempt, before it connects."""
        opened = self.net.connect(headers=lambda: fail(OSError("no token")))
        self.assertFails(opened, OSError, "no token")
        self.assertEqual(self.net.lines, [])

    def test_originAndCookies(self):
        """Origin and cookies are fields of their own."""
        self.net.connect(origin="https://example.com", cookies={"a": "1", "b": "2"})
        fields = self.net.line.fields
        self.assertEqual(fields.all("origin"), [b"https://example.com"])
        self.assertEqual(fields.all("cookie"), [b"a=1; b=2"])

    def test_credentials(self):
        """User and password of the URL are sent, unless others are given."""
        self.net.connect("ws://ann:p%40ss@localhost/")
        fields = self.net.line.fields
        self.assertEqual(fields.all("authorization"), [basic("ann:p@ss")])
        self.net.connect("ws://ann@localhost/", headers={"authorization": "Bearer x"})
        self.assertEqual(self.net.line.fields.all("authorization"), [b"Bearer x"])

    def test_notSendable(self):
        """What would be another field, or none, fails before it connects."""
        for how in (
            {"headers": {"A": "b\r\nC: d"}},
            {"headers": {"A\r\nC": "d"}},
            {"headers": {"Host": "evil"}},
            {"headers": {"Sec-WebSocket-Key": "x"}},
            {"headers": {"Transfer-Encoding": "chunked"}},
            {"headers": {f"A{i}": "b" for i in range(100)}},
            {"headers": {"Origin": "http://a"}, "origin": "http://b"},
            {"origin": "http://a\r\nB: c"},
            {"origin": "http://\xe9"},
            {"subprotocols": ["a\r\nX: y"]},
            {"subprotocols": ["a", "a"]},
            {"url": "ws://a%3ab:c@localhost/"},
            {"url": "ws://a:%0d%0ab@localhost/"},
        ):
            self.assertFails(self.net.connect(**how), ValueError)
        self.assertEqual(self.net.lines, [])

    def test_notAllowed(self):
        """What cannot be an argument is refused at the call."""
        for how in (
            {"url": "http://localhost/"},
            {"cookies": {"a b": "c"}},
            {"cookies": {"a": "b; c=d"}},
            {"cookies": {"a": "b\r\n"}},
            {"endpoint": object(), "proxy": self.net},
            {"proxy": "ftp://localhost"},
        ):
            self.assertRaises(ValueError, self.net.connect, **how)
        self.assertRaises(TypeError, self.net.connect, subprotocols="chat")


class ReactorTests(ClientCase):
    """Whom the reactor is asked to connect to."""

    def test_tcp(self):
        """Host and port are the URL's, or its scheme's."""
        for url, host, port in (
            ("ws://127.0.0.1:8001/", "127.0.0.1", 8001),
            ("ws://127.0.0.1/", "127.0.0.1", 80),
            ("wss://127.0.0.1/", "127.0.0.1", 443),
        ):
            reactor = MemoryReactorClock()
            opened = connect(reactor, url, Noting)
            reactor.advance(0)
            self.assertEqual(reactor.tcpClients[0][:2], (host, port))
            opened.cancel()
            self.failureResultOf(opened, CancelledError)
            self.assertEqual(reactor.getDelayedCalls(), [])

    def test_endpoint(self):
        """An endpoint takes the place of host and port, not of C{Host}."""
        reactor = MemoryReactorClock()
        opened = connect(
            reactor,
            "ws://example.com/",
            Noting,
            endpoint=UNIXClientEndpoint(reactor, "/run/socket"),
        )
        self.assertEqual(reactor.unixClients[0][0], "/run/socket")
        opened.cancel()
        self.failureResultOf(opened)

    def test_proxy(self):
        """With a proxy, the reactor connects to that."""
        reactor = MemoryReactorClock()
        opened = connect(
            reactor, "ws://example.com/", Noting, proxy="http://127.0.0.1:3128"
        )
        reactor.advance(0)
        self.assertEqual(reactor.tcpClients[0][:2], ("127.0.0.1", 3128))
        opened.cancel()
        self.failureResultOf(opened)

    def test_twistedStyle(self):
        """A factory that makes agents by URL connects through an endpoint."""

        class Factory(WebSocketClientFactory):
            def buildProtocol(self, url):
                agent = super().buildProtocol(url)
                agent.told = url
                return agent

        there = WebSocketClientEndpoint.new(
            self.net.clock,
            "ws://localhost/x",
            endpoint=self.net("localhost", 80),
        )
        opened = there.connect(Factory(Noting))
        self.net.line.accept()
        self.assertEqual(self.successResultOf(opened).told, "ws://localhost/x")
        self.assertEqual(there.url, "ws://localhost/x")
