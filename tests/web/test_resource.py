"""L{wsagent.web.resource}: WebSockets at a place of a site."""

import gc

from klein import Klein
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred
from twisted.web.guard import BasicCredentialFactory, HTTPAuthSessionWrapper
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET
from twisted.web.util import DeferredResource

import wsagent
from tests.agents import Noting
from tests.clients import basic
from tests.core.notation import KEY, allCuts, frame, pieces, row
from tests.safety.octets import replaced, request
from tests.safety.test_handshake import BAD_HEADS, START_LINES
from wsagent.demo import Echo
from wsagent.protocol import Accept
from wsagent.routing import Route
from wsagent.server import WebSocketServerFactory
from wsagent.settings import Settings
from wsagent.web.resource import WebSocketResource

from .sites import ECHO, HELLO, OURS, VisitedCase, Visitor, get, makeSite, never

CLOSE = frame(8, b"\x03\xe8", key=KEY)
UPGRADE = request(start=b"GET /ws/chat?a HTTP/1.1")


class Telling(Noting):
    """Says who it is that has connected."""

    def negotiationFinished(self):
        """Say it."""
        self.sendTextMessage(f"{self.avatar} at {self.request.target}")


class ResourceCase(VisitedCase):
    """A site with a place for WebSockets."""

    def setUp(self):
        """Make it."""
        super().setUp()
        self.make()

    def make(self, application=Echo, routes=(), **settings):
        """Make another factory and site."""
        self.factory = WebSocketServerFactory(
            application,
            settings=Settings(**settings),
            reactor=self.clock,
            routes=routes,
        )
        self.put(WebSocketResource(self.factory))

    def put(self, resource):
        """Make a site with a resource."""
        self.front = self.site = makeSite(self.clock)
        self.site.resource.putChild(b"ws", resource)

    def assertStatus(self, visitor, status):
        """Demand a response."""
        octets = visitor.take()
        self.assertTrue(octets.startswith(b"HTTP/1.1 %d " % status), octets[:99])
        return octets


class ResourceTests(ResourceCase):
    """L{WebSocketResource} opens WebSockets."""

    def test_public(self):
        """It is a public name, and a resource."""
        self.assertIs(wsagent.WebSocketResource, WebSocketResource)
        self.assertTrue(IResource.implementedBy(WebSocketResource))

    def test_echo(self):
        """It opens one that does as at a port of its own, until it is closed."""
        self.make(Noting)
        ours = self.visit(UPGRADE)
        (wire,) = self.factory.wires
        agent = wire.agent
        self.assertIs(agent.factory, self.factory)
        self.assertEqual(agent.request.target, "/ws/chat?a")
        ours.send(HELLO, CLOSE)
        self.assertEqual(agent.calls, ["open", "hello"])
        self.assertTrue(ours.octets.endswith(frame(8, b"\x03\xe8")))
        ours.transport.finish()
        self.assertTrue(ours.isGone)
        self.assertEqual(agent.ending[1:], (1000, "", "peer"))
        self.assertEqual(self.factory.statistics.handshakes["101"], 1)
        self.assertEqual(self.factory.statistics.closes[1000], 1)

    def test_vanishes(self):
        """A peer that is gone without a word is noticed."""
        self.make(Noting)
        ours = self.visit(UPGRADE)
        (wire,) = self.factory.wires
        agent = wire.agent
        ours.vanish()
        self.assertEqual(agent.ending[1], 1006)

    def test_otherRequests(self):
        """Others are told that this is a place for WebSockets; they may stay."""
        ours = self.visit()
        for method in (b"GET", b"HEAD", b"POST", b"PUT"):
            ours.send(get(b"/ws", method, b"Content-Length: 5") + b"hello")
            with row(method):
                octets = self.assertStatus(ours, 426)
                self.assertIn(b"\r\nUpgrade: websocket\r\n", octets)
                self.assertIn(b"\r\nsec-websocket-version: 13\r\n", octets.lower())
                self.assertIn(b"\r\nContent-Length: 24\r\n", octets)
                self.assertEqual(
                    octets.endswith(b"not a WebSocket request\n"), method != b"HEAD"
                )
        ours.send(UPGRADE)
        self.assertEchoes(ours)

    def test_cuts(self):
        """However the octets are cut, the same comes of them."""
        octets = get() + UPGRADE + HELLO
        wanted = self.visit(octets).octets
        self.assertTrue(wanted.endswith(b"\r\n\r\n" + ECHO), wanted)
        for name, segments in allCuts(octets):
            with row(name):
                self.assertEqual(self.visit(*segments).octets, wanted)

    def test_waits(self):
        """It waits for the responses before it, and so does what follows it."""
        octets = get(b"/slow") + UPGRADE + HELLO + HELLO
        for name, segments in allCuts(octets):
            ours = self.visit(*segments)
            with row(name):
                self.assertEqual(ours.octets, b"")
                self.site.slow.answer()
                self.assertTrue(ours.octets.endswith(b"\r\n\r\n" + ECHO + ECHO))

    def test_asynchronous(self):
        """A tree may take its time to get here; what comes meanwhile is not lost."""

        class Later(Resource):
            """Renders another one when it is told to."""

            isLeaf = True

            def render(self, asked):
                """Wait."""
                waiting.append(asked)
                return NOT_DONE_YET

        waiting = []
        self.put(Later())
        resource = WebSocketResource(self.factory)
        data = frame(2, bytes(100_000), key=KEY)
        ours = self.visit(UPGRADE + HELLO, HELLO, *pieces(data, 5000))
        self.assertFalse(ours.transport.isReading)
        waiting.pop().render(resource)
        frames = ECHO + ECHO + frame(2, bytes(100_000))
        self.assertEqual(ours.take().partition(b"\r\n\r\n")[2], frames)
        self.assertTrue(ours.transport.isReading)

    def test_left(self):
        """Who has left before a tree got here needs no answer."""
        found = Deferred()
        self.put(DeferredResource(found))
        self.visit(UPGRADE).vanish()
        found.callback(WebSocketResource(self.factory))
        self.assertEqual(sum(self.factory.statistics.handshakes.values()), 0)

    def test_notHTTP1(self):
        """Elsewhere than in HTTP/1.1 there is no upgrade."""
        resource = WebSocketResource(self.factory)
        ours = self.visit(get(b"/slow", b"GET", b"Sec-WebSocket-Key: a"))
        asked = self.site.slow.waiting.pop()
        asked.channel, channel = object(), asked.channel
        self.assertEqual(resource.render(asked), b"not a WebSocket request\n")
        self.assertEqual(asked.code, 426)
        asked.channel = channel
        ours.vanish()

    def test_wrong(self):
        """A wrong request is refused as at a port of its own."""
        for name, octets in {
            "no key": request(without="sec-websocket-key"),
            "another version": replaced(b"Sec-WebSocket-Version: 8"),
            "POST": request(start=b"POST /chat HTTP/1.1"),
            "a body": request(b"Content-Length: 5") + b"hello",
            "an origin": request(b"Origin: http://elsewhere"),
            "no host": request(without="host"),
        }.items():
            here = octets.replace(b" /chat", b" /ws")
            alone = Visitor(self.factory)
            alone.send(here)
            with row(name):
                self.assertRegex(alone.octets, b"HTTP/1.1 4.. ")
                ours = self.visit(here)
                self.assertEqual(ours.octets, alone.octets)
                ours.transport.finish()
                self.assertTrue(ours.isGone)
            alone.vanish()

    def test_bad(self):
        """What is no head at a port of its own gets nothing bad from here."""
        lines = [(name, request(start=line)) for name, line, _ in START_LINES]
        for name, octets in [*BAD_HEADS, *lines]:
            with row(name):
                found = self.visit(octets.replace(b"/chat", b"/ws"), HELLO).octets
                if b"HTTP/1.1 101 " in found:
                    # What the site has repaired is right by then.
                    self.assertTrue(found.endswith(b"\r\n\r\n" + ECHO))
                self.assertNotIn(b"HTTP/1.1 5", found.replace(b"/1.1 505 ", b""))

    def test_unsendable(self):
        """What the site reads and cannot be a head for us is refused."""
        ours = self.visit(UPGRADE[:-2] + b"A: \x01\r\n\r\n")
        self.assertIn(b"'\\x01' in a, allowed", self.assertStatus(ours, 400))
        self.assertFalse(ours.isGone)

    def test_routes(self):
        """Its routes see the whole path, and its hosts the Host."""
        self.make(None, [Route("/ws/{room}", Noting), Route("a.example/ws", Echo)])
        self.visit(UPGRADE)
        (wire,) = self.factory.wires
        self.assertEqual(wire.agent.request.parts, {"room": "chat"})
        self.assertStatus(self.visit(UPGRADE.replace(b"/chat", b"")), 404)

    def test_subprotocol(self):
        """An agent decides about its subprotocol as ever."""

        def choose(_, asked):
            return Accept(subprotocol=asked.offeredSubprotocols[-1])

        self.make(type("Choosing", (Echo,), {"requestReceived": choose}))
        fields = UPGRADE[:-2] + b"Sec-WebSocket-Protocol: a, b\r\n\r\n"
        octets = self.assertStatus(self.visit(fields), 101)
        self.assertIn(b"\r\nSec-WebSocket-Protocol: b\r\n", octets)

    def test_deadline(self):
        """It has to be decided in time, in its own: the site's is over."""
        self.make(type("Never", (Echo,), {"requestReceived": never}))
        ours = self.visit(UPGRADE)
        self.clock.advance(self.factory.settings.handshakeTimeout)
        self.assertStatus(ours, 503)

    def test_limits(self):
        """The factory's limits count its connections only."""
        self.make(connectionLimit=1)
        self.visit(get())
        first = self.visit(UPGRADE)
        self.assertStatus(first, 101)
        self.assertStatus(self.visit(UPGRADE), 503)
        first.vanish()
        self.assertStatus(self.visit(UPGRADE), 101)

    def test_full(self):
        """So many may be refused that one more is the site's to refuse."""
        self.make(connectionLimit=1)
        self.visit(UPGRADE)
        ours = [self.visit(UPGRADE)]
        while ours[-1].transport.hasFinished:
            ours.append(self.visit(UPGRADE))
        self.assertIn(b"too many connections\n", self.assertStatus(ours[-1], 503))
        self.assertFalse(ours[-1].isGone)

    def test_drain(self):
        """To end, the factory closes all, and opens none after that."""
        ours = self.visit(UPGRADE)
        ours.take()
        finished = self.factory.drain()
        self.assertEqual(ours.take(), frame(8, b"\x03\xe9"))
        ours.vanish()
        self.successResultOf(finished)
        late = self.visit(UPGRADE)
        self.assertIn(b"the server is leaving\n", self.assertStatus(late, 503))
        self.assertFalse(late.isGone)

    def test_measures(self):
        """The factory hears of round trips and of peers that do not read."""
        ours = self.visit(UPGRADE)
        ours.take()
        (wire,) = self.factory.wires
        measured = self.factory.measure(wire)
        ours.send(frame(10, ours.take()[2:], key=KEY))
        self.assertEqual(self.successResultOf(measured), 0)
        self.assertEqual(sum(self.factory.statistics.roundTrips.counts), 1)

    def test_notifyFinish(self):
        """Who follows the request hears when the WebSocket is closed."""
        told = []
        resource = WebSocketResource(self.factory)
        render = resource.render

        def follow(asked):
            asked.notifyFinish().addErrback(told.append)
            return render(asked)

        resource.render = follow
        self.put(resource)
        ours = self.visit(UPGRADE)
        self.assertEqual(told, [])
        ours.send(CLOSE)
        ours.transport.finish()
        self.assertTrue(ours.isGone)
        (failure,) = told
        self.assertEqual(failure.value.code, 1000)


class GuardTests(ResourceCase):
    """A portal may stand before it: C{twisted.web.guard}, or the factory's own."""

    def setUp(self):
        """Have a portal, for one."""
        super().setUp()
        self.make(Telling)
        checker = InMemoryUsernamePasswordDatabaseDontUse(carla=b"secret")
        portal = Portal(self, [checker])
        self.left = []
        factory = BasicCredentialFactory("here")
        self.put(HTTPAuthSessionWrapper(portal, [factory]))

    def requestAvatar(self, avatarId, mind, *interfaces):
        """Be the realm."""
        name = avatarId.decode()
        resource = WebSocketResource(self.factory, avatar=name)
        return IResource, resource, lambda: self.left.append(name)

    def test_refused(self):
        """Without credentials, it is the guard that answers."""
        octets = self.assertStatus(self.visit(UPGRADE), 401)
        self.assertIn(b"\r\nWWW-Authenticate: basic", octets)
        self.assertEqual([*self.factory.wires], [])

    def test_let(self):
        """With them, the agent knows who it is, who logs out when it is closed."""
        credentials = b"Authorization: " + basic("carla:secret")
        ours = self.visit(UPGRADE[:-2] + credentials + b"\r\n\r\n")
        self.assertStatus(ours, 101)
        (wire,) = self.factory.wires
        self.assertEqual(wire.agent.avatar, "carla")
        self.assertEqual(self.left, [])
        ours.vanish()
        self.assertEqual(self.left, ["carla"])


class MemoryTests(ResourceCase):
    """What is the site's refers to itself in no circle: it is gone when it is over."""

    def assertNothingStays(self, factory, *segments):
        """Demand that visits leave nothing for the garbage collector."""
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        before = self.count()
        for _ in range(3):
            visitor = Visitor(factory)
            visitor.send(*segments)
            visitor.vanish()
            del visitor
        self.assertEqual(self.count(), before)

    def count(self) -> int:
        """Count what a site's connections are made of."""
        return sum(isinstance(each, OURS) for each in gc.get_objects())

    def test_resource(self):
        """Of a WebSocket at a place of a site, nothing stays."""
        self.assertNothingStays(self.site, get(), UPGRADE, HELLO)

    def test_passage(self):
        """Of what a site has answered for us, nothing stays."""
        self.factory.site = self.site
        self.assertNothingStays(self.factory, get(), get())

    def test_upgrade(self):
        """Nor when it became a WebSocket."""
        self.factory.site = self.site
        self.assertNothingStays(self.factory, get(), UPGRADE, HELLO)


class KleinTests(ResourceCase):
    """It is what a route of Klein's returns."""

    def test_klein(self):
        """A route may return it at once, or later."""
        app = Klein()
        waiting = []

        @app.route("/ws/<name>")
        def atOnce(*_, name):
            return resource if name else None

        @app.route("/later")
        def later(_):
            waiting.append(Deferred())
            return waiting[-1]

        resource = WebSocketResource(self.factory)
        self.site.resource = app.resource()
        self.assertEchoes(self.visit(UPGRADE))
        ours = self.visit(UPGRADE.replace(b"/ws/chat", b"/later"), HELLO)
        waiting.pop().callback(resource)
        self.assertTrue(ours.octets.endswith(b"\r\n\r\n" + ECHO))
        self.assertStatus(self.visit(get(b"/ws/chat")), 426)
