"""L{wsagent.server}: the factory, and how a request is decided."""

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from tests.core.notation import KEY, frame
from wsagent.demo import Echo
from wsagent.errors import RequestRejected
from wsagent.protocol import Accept, WebSocketProtocol
from wsagent.server import WebSocketServerFactory
from wsagent.settings import Settings
from wsagent.testing import Peer, connected, upgradeRequest

from .agents import Noting


class Deciding(Noting):
    """Decides as its class is told to; notes how often it was asked."""

    made = None

    def __init__(self):
        """Be known to the test."""
        super().__init__()
        self.made.append(self)

    def requestReceived(self, request):
        """Decide."""
        self.calls.append("asked")
        return self.decide(request)


class DecidingCase(SynchronousTestCase):
    """A test of what C{requestReceived} does."""

    def setUp(self):
        """No agent is made yet."""
        self.made = []

    def connect(self, decide, request=None, **settings):
        """Connect a peer to an agent that decides so."""
        body = {"decide": staticmethod(decide), "made": self.made}
        application = type("Application", (Deciding,), body)
        self.peer = connected(application, Settings(**settings), request, ["b", "a"])
        self.addCleanup(self.peer.vanish)
        return self.peer

    def assertGone(self):
        """The peer is gone, and left nothing."""
        self.assertTrue(self.peer.isDisconnected)
        self.assertEqual(self.peer.clock.getDelayedCalls(), [])
        (agent,) = self.made
        self.assertEqual((agent.calls, agent.lost), (["asked"], []))


class AcceptTests(DecidingCase):
    """Requests that are accepted."""

    def test_ways(self):
        """C{None} and L{Accept} accept, plain, in a Deferred, from a coroutine."""

        async def coroutine(verdict):
            return verdict

        for verdict in (None, Accept()):
            for wrap in (lambda v: v, succeed, coroutine):
                peer = self.connect(lambda _, v=verdict, w=wrap: w(v))
                self.assertEqual(peer.status, 101)
                self.assertEqual(peer.agent.calls, ["asked", "open"])
                self.assertEqual(peer.agent.subprotocol, "b")

    def test_subprotocol(self):
        """The agent may choose another offered subprotocol, or none."""
        for choice, answer in (("a", [b"a"]), (None, []), ("b", [b"b"])):
            peer = self.connect(lambda _, c=choice: Accept(subprotocol=c))
            self.assertEqual(peer.headers.all("sec-websocket-protocol"), answer)
            self.assertEqual(peer.agent.subprotocol, choice)

    def test_headers(self):
        """The agent's fields go into the response, the same name twice too."""
        cookies = (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))
        peer = self.connect(lambda _: Accept(headers=cookies))
        self.assertEqual(peer.headers.all("set-cookie"), [b"a=1", b"b=2"])

    def test_known(self):
        """Request, factory, subprotocol and settings are there to decide by."""
        seen = []

        class Curious(WebSocketProtocol):
            def requestReceived(self, request):
                seen.append((request is self.request, self.subprotocol))
                seen.append((self.factory, self.settings.headLimit, self.isOpen))
                seen.append((self.bufferedAmount, self.roundTripTime))
                seen.append((request.path, request.query, request.peer.host))

        request = upgradeRequest("/chat?room=1", ["b"])
        peer = connected(Curious, Settings(headLimit=4000), request, ["a", "b"])
        self.assertEqual(peer.status, 101)
        self.assertEqual(
            seen,
            [
                (True, "b"),
                (peer.factory, 4000, False),
                (0, None),
                ("/chat", "room=1", "192.0.2.1"),
            ],
        )

    def test_tooEarly(self):
        """What is sent, or paused, before the answer is dropped."""

        class Early(Noting):
            def requestReceived(self, request):
                self.sendTextMessage("x")
                self.sendBytesMessage(b"x")
                self.sendFragment("x")
                self.ping(b"x")
                self.pauseProducing()
                self.resumeProducing()
                self.detachProducer()

        peer = connected(Early)
        self.assertEqual((peer.status, peer.octets), (101, b""))
        peer.sendTextMessage("y")
        self.assertEqual(peer.agent.calls, ["open", "y"])

    def test_later(self):
        """A request may be accepted much later, within the timeout."""
        verdict = Deferred()
        peer = self.connect(lambda _: verdict, handshakeTimeout=10, pingInterval=None)
        peer.advance(9.9)
        self.assertEqual((peer.status, peer.agent), (0, None))
        verdict.callback(Accept())
        self.assertEqual(peer.agent.calls, ["asked", "open"])
        self.assertEqual(peer.clock.getDelayedCalls(), [])


class RefuseTests(DecidingCase):
    """Requests that are refused by the agent."""

    def test_ways(self):
        """L{RequestRejected} refuses, raised, in a Deferred, or by a coroutine."""
        error = RequestRejected(402, [("X-Why", "money")], "pay\n")

        async def coroutine(_):
            raise error

        def raising(_):
            raise error

        for decide in (raising, coroutine, lambda _: fail(error)):
            self.made.clear()
            peer = self.connect(decide)
            self.assertEqual((peer.status, peer.octets), (402, b"pay\n"))
            self.assertEqual(
                list(peer.headers),
                [
                    ("x-why", b"money"),
                    ("content-type", b"text/plain; charset=utf-8"),
                    ("connection", b"close"),
                    ("content-length", b"4"),
                ],
            )
            self.assertGone()

    def test_contentType(self):
        """A body may say its own type."""

        def decide(_):
            raise RequestRejected(403, [("content-TYPE", "text/html")], b"<p>no")

        peer = self.connect(decide)
        self.assertEqual(peer.headers.all("content-type"), [b"text/html"])

    def test_redirect(self):
        """A status of another kind, as a redirect, goes as well."""

        def decide(_):
            raise RequestRejected(307, [("Location", "/new")])

        peer = self.connect(decide)
        self.assertEqual((peer.status, peer.octets), (307, b""))
        self.assertEqual(peer.headers.all("location"), [b"/new"])

    def test_later(self):
        """A request may be refused much later."""
        verdict = Deferred()
        peer = self.connect(lambda _: verdict, handshakeTimeout=10)
        peer.advance(9)
        verdict.errback(RequestRejected(401))
        self.assertEqual(peer.status, 401)
        self.assertGone()

    def test_secondRequest(self):
        """What follows a refused request is no second request."""

        def decide(_):
            raise RequestRejected

        peer = self.connect(decide, upgradeRequest() * 2)
        peer.sendOctets(upgradeRequest())
        self.assertEqual((peer.status, peer.octets), (403, b""))
        self.assertGone()


class FailureTests(DecidingCase):
    """Decisions that are none."""

    def assertFailed(self, decide, error):
        """The peer gets a 500 that says nothing, and the log all, once."""
        self.made.clear()
        peer = self.connect(decide)
        self.assertEqual((peer.status, peer.octets), (500, b""))
        self.assertEqual(
            list(peer.headers), [("connection", b"close"), ("content-length", b"0")]
        )
        self.assertGone()
        self.assertEqual(len(self.flushLoggedErrors(error)), 1)

    def test_raises(self):
        """Another exception is a 500, raised, in a Deferred, or by a coroutine."""

        def raising(_):
            raise RuntimeError("secret")

        async def coroutine(_):
            raise RuntimeError("secret")

        for decide in (raising, coroutine, lambda _: fail(RuntimeError("secret"))):
            self.assertFailed(decide, RuntimeError)

    def test_nonsense(self):
        """What is no L{Accept} is a 500."""
        for nonsense in (True, False, "b", {}, RequestRejected(), Accept):
            self.assertFailed(lambda _, n=nonsense: n, TypeError)

    def test_badAccept(self):
        """An L{Accept} that cannot be sent is a 500."""
        for verdict in (
            Accept(subprotocol="unoffered"),
            Accept(subprotocol="a\r\nX: y"),
            Accept(headers=(("X", "a\r\nY: b"),)),
            Accept(headers=(("X Y", "a"),)),
            Accept(headers=(("Sec-WebSocket-Accept", "a"),)),
            Accept(headers=(("X", "\u2028"),)),
        ):
            self.assertFailed(lambda _, v=verdict: v, ValueError)

    def test_badRefusal(self):
        """A refusal that cannot be sent is a 500."""
        for error, logged in (
            (RequestRejected(101), ValueError),
            (RequestRejected(600), ValueError),
            (RequestRejected(403, [("X", "a\r\nY: b")]), ValueError),
            (RequestRejected(403, [("X", 5)]), TypeError),
            (RequestRejected("403"), TypeError),
            (RequestRejected(403, body=5), TypeError),
        ):
            self.assertFailed(lambda _, e=error: fail(e), logged)

    def test_ownCancel(self):
        """A decision that cancels itself, while it is waited for, is a 500."""
        self.assertFailed(lambda _: fail(CancelledError()), CancelledError)

    def test_maker(self):
        """An agent that cannot be made is a 500."""

        def make():
            raise RuntimeError("secret")

        peer = connected(make)
        self.assertEqual((peer.status, peer.octets), (500, b""))
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_makerRefuses(self):
        """Who makes agents may refuse as they may."""

        def make():
            raise RequestRejected(503)

        peer = connected(make)
        self.assertEqual(peer.status, 503)
        self.assertTrue(peer.isDisconnected)


class WaitingTests(DecidingCase):
    """Decisions that nobody waits for any more."""

    def setUp(self):
        """Make a decision that notes when it is cancelled."""
        super().setUp()
        self.cancelled = []
        self.verdict = Deferred(self.cancelled.append)

    def test_timeout(self):
        """A decision that is never made is a 503, and cancelled."""
        peer = self.connect(lambda _: self.verdict, handshakeTimeout=7)
        peer.advance(6.9)
        self.assertEqual((peer.status, self.cancelled), (0, []))
        peer.advance(0.1)
        self.assertEqual((peer.status, peer.octets), (503, b""))
        self.assertEqual(self.cancelled, [self.verdict])
        self.assertGone()

    def test_timeoutCoroutine(self):
        """A coroutine that never ends is cancelled too, and may clean up."""
        seen = []

        async def decide(_):
            try:
                await self.verdict
            except CancelledError:
                seen.append("cancelled")
                raise
            finally:
                seen.append("finally")

        peer = self.connect(decide)
        peer.advance(5)
        self.assertEqual((peer.status, seen), (503, ["cancelled", "finally"]))
        self.assertGone()

    def test_leaves(self):
        """When the peer leaves, the decision is cancelled; no hook is called."""
        for leave in (Peer.vanish, Peer.finish):
            self.setUp()
            peer = self.connect(lambda _: self.verdict)
            leave(peer)
            self.assertEqual(self.cancelled, [self.verdict])
            self.assertGone()

    def test_decidesInSpite(self):
        """What is decided after all, whatever it is, changes nothing."""
        for verdict in (Accept(), RequestRejected(), "nonsense"):
            self.made.clear()
            # A canceller that answers.
            decision = Deferred(lambda d, v=verdict: d.callback(v))
            peer = self.connect(lambda _, d=decision: d)
            peer.vanish()
            self.assertEqual(peer.status, 0)
            self.assertGone()
        decision = Deferred(lambda d: d.errback(RequestRejected()))
        self.made.clear()
        self.connect(lambda _: decision).vanish()
        self.assertGone()

    def test_cleanUpRaises(self):
        """What a cancelled decision raises is logged."""
        decision = Deferred(lambda d: d.errback(RuntimeError("clean-up")))
        peer = self.connect(lambda _: decision)
        peer.advance(5)
        self.assertEqual(peer.status, 503)
        self.assertGone()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_lost(self):
        """An agent that closes, or aborts, before its answer is never opened."""
        for deed, status in (
            (WebSocketProtocol.loseConnection, 503),
            (WebSocketProtocol.abortConnection, 0),
        ):
            for isLater in (False, True):
                self.setUp()

                class Leaving(Deciding):
                    made = self.made

                    def decide(self, _, deed=deed, isLater=isLater, case=self):
                        if isLater:
                            return case.verdict
                        return deed(self)

                self.peer = connected(Leaving)
                if isLater:
                    deed(self.made[0])
                    self.assertEqual(self.cancelled, [self.verdict])
                self.assertEqual(self.peer.status, status)
                self.assertGone()


class TimeoutTests(SynchronousTestCase):
    """C{handshakeTimeout}, from accept on."""

    def test_silent(self):
        """T1: a peer that sends nothing is gone at the timeout, and no earlier."""
        peer = connected(Noting, Settings(handshakeTimeout=3), b"")
        peer.advance(2.9)
        self.assertFalse(peer.isDisconnected)
        peer.advance(0.1)
        self.assertTrue(peer.isDisconnected)
        self.assertEqual((peer.status, peer.clock.getDelayedCalls()), (0, []))

    def test_trickling(self):
        """T1: octets that trickle in do not extend the timeout."""
        octets = upgradeRequest()
        peer = connected(Noting, Settings(handshakeTimeout=3), b"")
        for octet in octets[:30]:
            peer.sendOctets(bytes((octet,)))
            self.assertFalse(peer.isDisconnected)
            peer.advance(0.1)
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(peer.clock.getDelayedCalls(), [])

    def test_almost(self):
        """T1: a head without its last octet is no head."""
        peer = connected(Noting, request=upgradeRequest()[:-1])
        peer.advance(5)
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(peer.status, 0)

    def test_inTime(self):
        """Who has been answered in time stays."""
        peer = connected(Noting, Settings(handshakeTimeout=3), b"")
        peer.advance(2.9)
        peer.sendOctets(upgradeRequest())
        peer.advance(10)
        self.assertEqual(peer.status, 101)
        self.assertFalse(peer.isDisconnected)

    def test_refusedStays(self):
        """A peer that was refused and does not go is aborted."""
        peer = Peer(WebSocketServerFactory(Noting, reactor=Clock()))
        peer.answersFin = False
        peer.sendOctets(b"nonsense\r\n\r\n")
        self.assertEqual(peer.status, 400)
        self.assertTrue(peer.transport.hasFinished)
        peer.advance(4.9)
        self.assertFalse(peer.isDisconnected)
        peer.advance(0.1)
        self.assertTrue(peer.transport.wasAborted)
        self.assertEqual(peer.clock.getDelayedCalls(), [])


class EarlyOctetsTests(DecidingCase):
    """Octets that come before the answer."""

    def test_kept(self):
        """Frames that come before the answer are read after it, however cut."""
        octets = upgradeRequest() + frame(1, b"one", key=KEY) + frame(1, b"2", key=KEY)
        for position in range(len(octets) + 1):
            self.made.clear()
            verdict = Deferred()
            peer = self.connect(lambda _, v=verdict: v, octets[:position])
            peer.sendOctets(octets[position:])
            verdict.callback(None)
            self.assertEqual(peer.agent.calls, ["asked", "open", "one", "2"])

    def test_sameSegment(self):
        """A frame in the segment of the request is echoed."""
        peer = connected(Echo, request=upgradeRequest() + frame(1, b"x", key=KEY))
        self.assertEqual(peer.received, ["x"])

    def test_bounded(self):
        """Of much that comes before the answer only little is taken."""
        verdict = Deferred()
        peer = self.connect(lambda _: verdict)
        whole = frame(2, bytes(1000), key=KEY)
        for _ in range(100):
            peer.sendOctets(whole)
        self.assertFalse(peer.transport.isReading)
        self.assertGreater(peer.transport.unread, 90_000)
        verdict.callback(None)
        peer.pump()
        self.assertTrue(peer.transport.isReading)
        self.assertEqual(peer.agent.calls[2:], [bytes(1000)] * 100)

    def test_boundedAndRefused(self):
        """Of a refused peer the rest is read, so that it hears the answer."""
        verdict = Deferred()
        peer = self.connect(lambda _: verdict)
        for _ in range(10):
            peer.sendOctets(frame(2, bytes(1000), key=KEY))
        verdict.errback(RequestRejected(401))
        self.assertEqual(peer.status, 401)
        self.assertFalse(peer.transport.wasAborted)
        self.assertGone()

    def test_pipelined(self):
        """After a 101 a second request is no frame: 1002."""
        peer = connected(Noting, request=upgradeRequest() * 2)
        self.assertEqual(peer.closed[0], 1002)


class SubprotocolTests(SynchronousTestCase):
    """Which subprotocol, and which class."""

    def open(self, offered, *arguments):
        """Connect a peer that offers these to a factory made of those."""
        factory = WebSocketServerFactory(*arguments, reactor=Clock())
        peer = connected(factory, request=upgradeRequest(subprotocols=offered))
        self.addCleanup(peer.vanish)
        return peer

    def test_serverPreference(self):
        """The first of the server's that is offered is chosen, byte for byte."""
        for offered, chosen in (
            (["c", "b", "a"], "a"),
            (["c", "b"], "b"),
            (["A", "b "], "b"),
            (["c"], None),
            ([], None),
        ):
            peer = self.open([o.strip() for o in offered], Noting, ["a", "b"])
            self.assertEqual(peer.agent.subprotocol, chosen)
            answer = peer.headers.all("sec-websocket-protocol")
            self.assertEqual(answer, [chosen.encode()] if chosen else [])

    def test_mapping(self):
        """Each subprotocol has its class, all else the default one."""

        class First(Noting):
            pass

        class Second(Noting):
            pass

        arguments = (Noting, {"first": First, "second": Second})
        for offered, made in (
            (["second", "first"], First),
            (["second"], Second),
            (["third"], Noting),
            ([], Noting),
        ):
            peer = self.open(offered, *arguments)
            self.assertIs(type(peer.agent), made)

    def test_noCommon(self):
        """Without a default class, no common subprotocol is a 400 that names all."""
        for offered in (["c"], []):
            peer = self.open(offered, None, {"a": Noting, "b": Noting})
            self.assertEqual(peer.status, 400)
            self.assertEqual(peer.octets, b"no common subprotocol: a, b\n")
            self.assertTrue(peer.isDisconnected)

    def test_invalid(self):
        """A name that is no token, and no class at all, are no factory."""
        for name in ("", "a b", "é", "a,b", "a\r\n", "\ud800"):
            with self.assertRaises(ValueError):
                WebSocketServerFactory(Noting, [name])
        for arguments in ((None,), (None, ["a"]), (None, {})):
            with self.assertRaises(ValueError):
                WebSocketServerFactory(*arguments)
        with self.assertRaises(TypeError):
            WebSocketServerFactory(Noting, "chat")


class FactoryTests(SynchronousTestCase):
    """L{WebSocketServerFactory} as Twisted's."""

    def test_forProtocol(self):
        """C{forProtocol} makes what the class does, of a subclass too."""

        class Mine(WebSocketServerFactory):
            pass

        settings = Settings(headLimit=100)
        factory = Mine.forProtocol(Noting, ["a"], settings=settings)
        self.assertIs(type(factory), Mine)
        self.assertEqual(factory.subprotocols, ("a",))
        self.assertIs(factory.settings, settings)

    def test_reactor(self):
        """Without a clock it is Twisted's reactor that tells the time."""
        self.assertIs(WebSocketServerFactory(Noting).reactor, reactor)

    def test_addresses(self):
        """Agents are numbered, which the log says."""
        with capturedLogs() as events:
            connected(Noting)
            connected(Noting)
        numbers = [
            int(event["how"].removeprefix("agent :"), 16)
            for event in events
            if "how" in event
        ]
        self.assertEqual(numbers[1], numbers[0] + 1)

    def test_log(self):
        """The log says who was refused, and why, on one line."""
        with capturedLogs() as events:
            connected(Noting, request=b"POST / HTTP/1.1\r\nHost: h\r\n\r\n")
            connected(
                Noting,
                Settings(origins=("https://a", "null")),
                upgradeRequest(headers=[("Origin", "http://evil")]),
            )
            connected(Noting, request=upgradeRequest(headers=[("Origin", "http://x")]))
        lines = [event["log_format"].format(**event) for event in events]
        allowed = "allowed by settings.origins, --origin"
        refused = "192.0.2.1:54321 refused"
        self.assertEqual(
            lines,
            [
                f"{refused}, 405: method is not GET",
                f"{refused}, 403, /: Origin 'http://evil', {allowed}: https://a, null",
                f"{refused}, 403, /: Origin 'http://x', {allowed}: localhost",
            ],
        )

    def test_refusals(self):
        """A request that is none gets its status, its reason, and FIN."""
        for request, status, body in (
            (b"GET /\r\n\r\n", 400, b"not a request line\n"),
            (b"\x16\x03\x01", 400, b"not HTTP\n"),
            (b"GET / HTTP/1.1\r\n\r\n", 400, None),
            (b"GET / HTTP/1.0\r\n\r\n", 505, b"not HTTP/1.1\n"),
            (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 426, b"Upgrade is not websocket\n"),
            (b"GET /" + b"x" * 9000, 414, None),
            (b"GET / HTTP/1.1\r\nX: " + b"x" * 9000, 431, None),
        ):
            peer = connected(Noting, request=request)
            self.assertEqual(peer.status, status)
            if body is not None:
                self.assertEqual(peer.octets, body)
            self.assertEqual(peer.headers.all("connection"), [b"close"])
            self.assertTrue(peer.isDisconnected)
            self.assertFalse(peer.transport.wasAborted)
            self.assertEqual(peer.clock.getDelayedCalls(), [])
