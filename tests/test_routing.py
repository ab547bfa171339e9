"""L{wsagent.routing}: where requests go."""

from functools import partial

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from wsagent.core.handshake import renderRequest
from wsagent.protocol import WebSocketProtocol
from wsagent.routing import Route, Routes
from wsagent.server import WebSocketServerFactory
from wsagent.testing import KEY, connected, upgradeRequest

from .agents import Noting


class First(Noting):
    """Answers at some place."""


class Second(Noting):
    """Answers at another."""


class Versed(Noting):
    """Says what it speaks."""

    subprotocols = ("v2", "v1")


class Lenient(Noting):
    """Says what it speaks, and takes all others too."""

    subprotocols = ("v1", None)


def make():
    """Make an agent."""
    return Noting()


class RoutingCase(SynchronousTestCase):
    """A test of where requests go."""

    def serve(self, *routes, **more):
        """Make the factory that is asked."""
        self.factory = WebSocketServerFactory(reactor=Clock(), routes=routes, **more)

    def ask(self, target, offered=(), host="localhost"):
        """Connect a peer that asks for something."""
        octets = renderRequest(host, "/", KEY, offered)
        octets = octets.replace(b" / ", b" %b " % target.encode(), 1)
        peer = connected(self.factory, request=octets)
        self.addCleanup(peer.vanish)
        return peer

    def assertGoes(self, target, maker, *asked, **parts):
        """Demand the class of the agent that answers, and what its request says."""
        agent = self.ask(target, *asked).agent
        self.assertIs(type(agent), maker, target)
        self.assertEqual(agent.request.parts, parts)

    def assertRefused(self, status, target, *asked):
        """Demand a refusal in place of an agent."""
        peer = self.ask(target, *asked)
        self.assertEqual(peer.status, status, target)
        self.assertIsNone(peer.agent)
        self.assertTrue(peer.isDisconnected)


class PathTests(RoutingCase):
    """Routes by path."""

    def test_literal(self):
        """A path has its class, and there is nothing at others."""
        self.serve(Route("/a", First), Route("/a/b", Second))
        self.assertGoes("/a", First)
        self.assertGoes("/a?b=/c", First)
        self.assertGoes("/a/b", Second)
        self.assertGoes("/%61/b", Second)
        self.assertGoes("http://localhost/a", First)
        for target in ("/", "/a/", "/A", "/b", "/a/b/c", "/a/b/", "/ab"):
            self.assertRefused(404, target)

    def test_top(self):
        """A route for the slash is for that alone."""
        self.serve(Route("/", First))
        self.assertGoes("/", First)
        self.assertGoes("http://localhost", First)
        self.assertRefused(404, "/a")

    def test_part(self):
        """A part is any one segment, and reaches the request, decoded."""
        self.serve(Route("/chat/{room}", First), Route("/{a}/{b}/x", Second))
        self.assertGoes("/chat/red", First, room="red")
        self.assertGoes("/chat/caf%C3%A9%3F", First, room="café?")
        self.assertGoes("/chat/..a?room=blue", First, room="..a")
        self.assertGoes("/1/2/x", Second, a="1", b="2")
        self.assertGoes("/chat/2/x", Second, a="chat", b="2")
        for target in ("/chat", "/chat/", "/chat/red/", "/chat/red/y", "/x/red"):
            self.assertRefused(404, target)

    def test_rest(self):
        """A rest is all that is left, with its slashes."""
        self.serve(Route("/files/{name...}", First))
        self.assertGoes("/files/a", First, name="a")
        self.assertGoes("/files/a/b%20c/", First, name="a/b c/")
        self.assertGoes("/files/", First, name="")
        self.assertRefused(404, "/files")

    def test_any(self):
        """C{*} is any path that no other route is for, whatever it looks like."""
        self.serve(Route("*", First), Route("/a", Second))
        self.assertGoes("/a", Second)
        for target in ("/", "/b", "//", "/a/../b", "/%", "/%00%ff", "/a%2Fb"):
            self.assertGoes(target, First)

    def test_precedence(self):
        """From the left, a literal is before a part, before a rest, before any."""
        routes = [
            Route("/a/b", partial(Noting)),
            Route("/a/{x}", First),
            Route("/{x}/b", Second),
            Route("/{x...}", Versed, []),
            Route("*", Lenient, []),
        ]
        for told in (routes, routes[::-1]):
            self.serve(*told)
            self.assertGoes("/a/b", Noting)
            self.assertGoes("/a/c", First, x="c")
            self.assertGoes("/c/b", Second, x="c")
            self.assertGoes("/c/c", Versed, x="c/c")
            self.assertGoes("/a/b/", Versed, x="a/b/")
            self.assertGoes("/a//b", Lenient)

    def test_back(self):
        """A path that leads nowhere further on is tried another way."""
        self.serve(Route("/a/b/c", First), Route("/a/{x}/d", Second))
        self.assertGoes("/a/b/c", First)
        self.assertGoes("/a/b/d", Second, x="b")
        self.assertRefused(404, "/a/b/e")
        self.assertRefused(404, "/a/b")

    def test_linear(self):
        """However patterns overlap, none of their segments is looked at twice."""
        asked = []

        class Counting(str):
            __slots__ = ()

            def __hash__(self):
                asked.append(self)
                return str.__hash__(self)

            def __eq__(self, other):
                return str.__eq__(self, other)

        depth = 12
        places = [
            "/"
            + "/".join("a" if bits >> bit & 1 else f"{{x{bit}}}" for bit in range(6))
            for bits in range(64)
        ]
        routes = Routes([Route(f"{place}/{'b/' * depth}", First) for place in places])
        tree = routes._hosts[""]
        segments = tuple(map(Counting, "a" * 6 + "b" * depth + "c"))
        self.assertEqual(tree.find(segments), {})
        nodes = 0
        left = [tree]
        while left:
            node = left.pop()
            nodes += 1
            left += node.below.values()
        self.assertLess(len(asked), nodes + 1)


class HostTests(RoutingCase):
    """Routes by host."""

    def test_name(self):
        """A host's name has its classes, whatever case, dot and port."""
        self.serve(Route("a.example/x", First), Route("A.example./y", Second))
        for host in (
            "a.example",
            "A.EXAMPLE",
            "a.example:8001",
            "a.example.",
            "a.Example.:1",
        ):
            self.assertGoes("/x", First, (), host)
            self.assertGoes("/y", Second, (), host)
        for host in (
            "example",
            "b.a.example",
            "a.example.evil",
            "xa.example",
            "a.example..",
        ):
            self.assertRefused(404, "/x", (), host)
        self.assertGoes("ws://a.example/x", First, (), "b.example")
        self.assertRefused(404, "ws://b.example/x", (), "a.example")

    def test_below(self):
        """A star is one label or more, and not none."""
        self.serve(Route("*.a.example/x", First))
        for host in ("b.a.example", "c.b.A.example", "b.a.example.:80"):
            self.assertGoes("/x", First, (), host)
        for host in (
            "a.example",
            ".a.example",
            "b..a.example",
            "ba.example",
            "b.a-example",
        ):
            self.assertRefused(404, "/x", (), host)
        self.assertRefused(404, "/x", (), "*.a.example")
        self.assertRefused(404, "/x", (), "b%2ea.example")

    def test_address(self):
        """An address is compared as one, however it is written."""
        self.serve(Route("[::1]/x", First), Route("192.0.2.1/x", Second))
        for host in ("[::1]", "[::1]:8001", "[0:0::0:1]"):
            self.assertGoes("/x", First, (), host)
        self.assertGoes("/x", Second, (), "192.0.2.1:80")
        self.assertRefused(404, "/x", (), "[::2]")

    def test_only(self):
        """A host without a path is all of its paths."""
        self.serve(Route("a.example", First), Route("*.a.example", Second))
        self.assertGoes("/%", First, (), "a.example")
        self.assertGoes("/", Second, (), "b.a.example")
        self.assertRefused(404, "/", (), "example")

    def test_precedence(self):
        """A host decides before the path: its name, then what it is below, then any."""
        routes = [
            Route("b.a.example/{x}", First),
            Route("*.a.example/1", Second),
            Route("*.example/1", Versed, []),
            Route("*/{x}/{y}", Lenient, []),
            Route("/2", Noting),
        ]
        for told in (routes, routes[::-1]):
            self.serve(*told)
            self.assertGoes("/1", First, (), "b.a.example", x="1")
            self.assertGoes("/1", Second, (), "c.b.a.example")
            self.assertGoes("/1", Versed, (), "a.example")
            self.assertGoes("/2", First, (), "b.a.example", x="2")
            self.assertGoes("/2", Noting, (), "a.example")
            self.assertGoes("/1/2", Lenient, (), "b.a.example", x="1", y="2")
            self.assertRefused(404, "/1", (), "elsewhere")

    def test_noName(self):
        """A host that is no name, or too long for one, is found where none counts."""
        self.serve(Route("*.example", First), Route("/", Second))
        long = "a." * 130 + "example"
        for host in ("!$&'()*+,;=~.example", "%61.example", ".", "..", long):
            self.assertGoes("/", Second, (), host)


class SubprotocolTests(RoutingCase):
    """Routes by subprotocol."""

    def test_listed(self):
        """Who offers none of those listed is refused, with their names."""
        self.serve(Route("/x", First, ["b", "a"]))
        for offered, chosen in ((["a"], "a"), (["a", "b"], "b"), (["c", "a"], "a")):
            peer = self.ask("/x", offered)
            self.assertEqual(peer.agent.subprotocol, chosen)
        for offered in (["c"], ["A"], []):
            peer = self.ask("/x", offered)
            self.assertEqual(peer.status, 400)
            self.assertEqual(peer.octets, b"no common subprotocol: b, a\n")
            self.assertIsNone(peer.agent)

    def test_none(self):
        """With C{None} listed, who offers none of the others is welcome too."""
        self.serve(Route("/x", First, ["a", None]))
        for offered, chosen in ((["a"], "a"), (["c"], None), ([], None)):
            self.assertEqual(self.ask("/x", offered).agent.subprotocol, chosen)

    def test_mapping(self):
        """Each has its class, and all others that of the route, if there is one."""
        self.serve(
            Route("/x", None, {"a": First, "b": Second}),
            Route("/{y}", Noting, {"a": First}),
        )
        self.assertGoes("/x", First, ["b", "a"])
        self.assertGoes("/x", Second, ["b"])
        self.assertRefused(400, "/x", ["c"])
        self.assertRefused(400, "/x")
        self.assertGoes("/y", First, ["a"], y="y")
        self.assertGoes("/y", Noting, ["b"], y="y")

    def test_class(self):
        """A class says what it speaks, unless the route does."""
        self.serve(
            Route("/own", Versed),
            Route("/other", Versed, ["v3"]),
            Route("/any", Versed, []),
            Route("/lenient", Lenient),
            Route("/partial", partial(Versed)),
        )
        for path, offered, chosen in (
            ("/own", ["v1", "v2"], "v2"),
            ("/other", ["v1", "v3"], "v3"),
            ("/any", ["v1"], None),
            ("/lenient", ["v1"], "v1"),
            ("/lenient", ["v2"], None),
            ("/partial", ["v1"], "v1"),
        ):
            self.assertEqual(self.ask(path, offered).agent.subprotocol, chosen, path)
        self.assertRefused(400, "/own", ["v3"])
        self.assertRefused(400, "/other", ["v1", "v2"])

    def test_classOfFactory(self):
        """A factory's protocol says what it speaks too, unless the factory does."""
        self.factory = WebSocketServerFactory(Versed, reactor=Clock())
        self.assertEqual(self.factory.subprotocols, ("v2", "v1"))
        self.assertRefused(400, "/", ["v3"])
        self.factory = WebSocketServerFactory(Versed, ["v3"], reactor=Clock())
        self.assertEqual(self.ask("/", ["v1"]).agent.subprotocol, None)

    def test_samePlace(self):
        """Several may be at one place that speak something else each."""
        self.serve(
            Route("/{x}", First, ["a"]),
            Route("/{y}", Second, ["b"]),
            Route("/{z}", Noting),
        )
        self.assertGoes("/1", First, ["b", "a"], x="1")
        self.assertGoes("/1", Second, ["b"], y="1")
        self.assertGoes("/1", Noting, ["c"], z="1")

    def test_noFallback(self):
        """The place decides first: another that speaks it is not asked."""
        self.serve(Route("/x", First, ["a"]), Route("*", Second))
        self.assertRefused(400, "/x", ["b"])


class RouteTests(SynchronousTestCase):
    """L{Route} and L{Routes}, as they are told."""

    def test_wrong(self):
        """What is no place, and what cannot answer, is no route."""
        for place in (
            "",
            "a b",
            "a_b:80/x",
            "a:80",
            "*.",
            "*.*.a",
            "a.*",
            "a*/x",
            "*.[::1]/x",
            "[::1/x",
            "[::g]/x",
            "[1::2::3]",
            "::1/x",
            "a..b",
            ".a",
            "http://a/x",
            "{x}.example/x",
            "a" * 254,
            "chat/{room",
            "/a/../b",
        ):
            with self.assertRaises(ValueError, msg=place):
                Route(place, Noting)
        for subprotocols in (["a b"], [""], ["a", "é"], {"a,b": Noting}):
            with self.assertRaises(ValueError, msg=repr(subprotocols)):
                Route("/", Noting, subprotocols)
        for arguments in ((), (None, ["a"]), (None, {}), (None, [])):
            with self.assertRaises(ValueError):
                Route("/", *arguments)
        for arguments in ((Noting, "chat"), (Noting(),), (None, {"a": Noting()})):
            with self.assertRaises(TypeError):
                Route("/", *arguments)

        class Wrong(Noting):
            subprotocols = "chat"

        with self.assertRaises(TypeError):
            Route("/", Wrong)

    def test_conflicts(self):
        """Two routes for the same requests are refused, however parts are called."""
        for one, other in (
            ("/a", "/a"),
            ("/a", "*/a"),
            ("/{x}", "/{y}"),
            ("/a/{x...}", "/a/{y...}"),
            ("a.example", "A.example."),
            ("*.a.example/{x}", "*.A.example/{y}"),
            ("[::1]/x", "[0::1]/x"),
        ):
            with self.assertRaises(ValueError, msg=one) as caught:
                Routes(
                    [Route(one, First), Route("/other", First), Route(other, Second)]
                )
            said = str(caught.exception)
            self.assertIn(f"{one!r} and {other!r}", said)
        with self.assertRaises(ValueError) as caught:
            Routes([Route("/a", First, ["x", "y"]), Route("/a", Second, ["z", "y"])])
        self.assertIn("y", str(caught.exception))
        for protocol in (First, None):
            with self.assertRaises(ValueError):
                WebSocketServerFactory(
                    protocol, {"a": Second}, routes=[Route("*", Noting, ["a"])]
                )

    def test_noConflicts(self):
        """What only overlaps is none."""
        Routes(
            [
                Route("/a", First),
                Route("/a/", First),
                Route("/{x}", First),
                Route("/{x...}", First),
                Route("*", First),
                Route("a.example/a", First),
                Route("*.a.example/a", First),
            ]
        )

    def test_listed(self):
        """To iterate lists all, each as a line that says where, what and who."""
        factory = WebSocketServerFactory(
            Noting,
            {"a": First, "b": First, "c": partial(Second)},
            routes=[
                Route("a.example/chat/{room}", Versed),
                Route("/x", make),
                Route("/y", Noting, ["a", None]),
            ],
        )
        here = __name__
        self.assertEqual(
            list(map(str, factory.routes)),
            [
                f"a.example/chat/{{room}} -> {here}:Versed (v2, v1)",
                f"/x -> {here}:make",
                "/y -> tests.agents:Noting (a, any)",
                f"* -> {here}:First (a, b), {here}:Second (c), tests.agents:Noting",
            ],
        )
        self.assertEqual(factory.subprotocols, ("v2", "v1", "a", "b", "c"))

    def test_makers(self):
        """Whatever can be called makes agents, and has a name."""

        class Making:
            def __call__(self):
                return First()

        route = Route("/", Making())
        self.assertIs(type(connected(route).agent), First)
        self.assertTrue(str(route).endswith("Making"))

    def test_log(self):
        """The log says which rule refused, about what, and what would change it."""
        factory = WebSocketServerFactory(
            reactor=Clock(), routes=[Route("/x", First, ["a"])]
        )
        with capturedLogs() as events:
            connected(factory, request=upgradeRequest("/y'\\n"))
            connected(factory, request=upgradeRequest("/" + "y" * 5000))
            connected(factory, request=upgradeRequest("/x", ["b"]))
        lines = [event["log_format"].format(**event) for event in events]
        why = "no route at host 'localhost', allowed by --route or routes"
        said = [
            rf"404, /y'\n: {why}",
            f"404, /{'y' * 98}: {why}",
            "400, /x: no common subprotocol: a",
        ]
        self.assertEqual(lines, [f"192.0.2.1:54321 refused, {each}" for each in said])


class ManyTests(RoutingCase):
    """Agents of different classes at one factory."""

    def test_broadcast(self):
        """A broadcast goes to all of them, and a drain closes them all."""
        self.serve(Route("/x", First), Route("/y", Second), Route("*", Lenient))
        peers = [self.ask(target) for target in ("/x", "/y", "/z")]
        self.factory.broadcast("hello")
        drained = self.factory.drain()
        for peer in peers:
            self.assertEqual(peer.received, ["hello"])
            self.assertEqual(peer.closed[0], 1001)
        self.successResultOf(drained)

    def test_asks(self):
        """An agent decides in the knowledge of its parts, and may choose another."""
        asked = []

        class Asking(WebSocketProtocol):
            def requestReceived(self, request):
                asked.append((self.request is request, request.parts, self.subprotocol))

        self.serve(Route("/{x}", Asking, ["a"]))
        self.ask("/1", ["a"])
        self.assertEqual(asked, [(True, {"x": "1"}, "a")])
