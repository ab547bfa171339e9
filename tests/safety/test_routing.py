"""The target and the host of a request, whatever is made of them to get elsewhere."""

from wsagent.demo import Echo
from wsagent.routing import Route
from wsagent.testing import upgradeRequest

from .aftermath import HostileCase
from .octets import replaced, request

NOWHERE = (
    "//chat/red",
    "/chat//red",
    "/chat/red/",
    "/chat/red//",
    "/./chat/red",
    "/chat/./red",
    "/chat/.",
    "/x/../chat/red",
    "/chat/..",
    "/chat/../chat/red",
    "/chat/%2e%2E",
    "/chat/.%2e",
    "/chat%2Fred",
    "/chat/red%2fblue",
    "/chat/..%2F..%2Fetc%2Fpasswd",
    "/chat/%00",
    "/chat/red%00",
    "/chat/red%0d%0aX:%20y",
    "/chat/%",
    "/chat/%2",
    "/chat/%zz",
    "/chat/%ff",
    "/chat/%C0%AF",
    "/chat/%ED%A0%80",
    "/chat/%u0072ed",
    "/CHAT/red",
    "/chat",
    "/chat/",
    "/chat;x/red",
    "/files",
    "/files//",
    "/files/a//b",
    "/files/../chat/red",
    "/files/a/%2e%2e/b",
    "/files/a%2Fb",
    "/" + "a/" * 4000,
    "/chat/" + "%2e" * 2 + "/" * 4000,
    "/files/" + "/" * 8000,
    "/files/" + "../" * 2600,
    "/" + "a" * 8000,
)
"""Targets that lead to no room, whatever somebody else would read in them."""

HOSTS = (
    b"red.example.evil",
    b"evil-red.example",
    b"red.example:80:80",
    b"[red.example]",
    b"red.example%2eevil",
    b"*.red.example",
    b".red.example",
    b"a..red.example",
    b"redXexample",
    b"red.example..",
    b"." * 8000,
    b"a." * 4000 + b"red.example",
    b"[::2]",
    b"[::1%25eth0]",
)
"""Hosts that are none of those that have a route."""


ASKED = []
"""What an agent was asked for."""


class Parts(Echo):
    """Notes what it is asked for."""

    def requestReceived(self, asked):
        """Note it."""
        ASKED.append(asked.parts)


class RoutingTests(HostileCase):
    """What is asked for, and that nobody is asked who is not meant."""

    def setUp(self):
        """Nobody has asked."""
        super().setUp()
        self.addCleanup(ASKED.clear)

    def test_targets(self):
        """A target that two could read differently leads nowhere: 404."""
        routes = [Route("/chat/{room}", Parts), Route("/files/{name...}", Parts)]
        fresh = upgradeRequest("/chat/fresh")
        with self.aftermath("targets", None, (), fresh, routes) as factory:
            for target in NOWHERE:
                octets = request(start=b"GET %b HTTP/1.1" % target.encode())
                self.assertRefused(factory, octets, 404, b"nothing is here\n")
            self.assertEqual(ASKED, [])

    def test_hosts(self):
        """A host that only looks like one with a route has none."""
        routes = [
            Route("red.example", Parts),
            Route("*.red.example", Parts),
            Route("[::1]", Parts),
        ]
        fresh = replaced(b"Host: a.red.example:8001")
        with self.aftermath("hosts", None, (), fresh, routes) as factory:
            for host in HOSTS:
                peer = self.connect(factory, replaced(b"Host: " + host))
                self.assertIn(peer.status, (400, 404), host)
                self.assertTrue(peer.isDisconnected)
            self.assertEqual(ASKED, [])

    def test_subprotocols(self):
        """A subprotocol that is not spoken there is a 400, and asks nobody."""
        routes = [Route("/chat", Parts, ["chat"]), Route("/other", Parts, ["other"])]
        fresh = upgradeRequest("/chat", ["chat"])
        body = b"no common subprotocol: chat\n"
        with self.aftermath("subprotocols", None, (), fresh, routes) as factory:
            for line in (b"A: b", b"Sec-WebSocket-Protocol: other, CHAT"):
                self.assertRefused(factory, request(line), 400, body)
            self.assertEqual(ASKED, [])

    def test_expressions(self):
        """A pattern is no regular expression: what it takes is what it says."""
        place = "/(a+)+$|^.{1}.[b-z]"
        with self.assertRaises(ValueError):
            Route(place, Parts)
        routes = [Route("/(a+)+$|^.[b-z]+", Parts)]
        target = "/(a+)+$%7C%5E.%5Bb-z%5D+"
        with self.aftermath(
            "expressions", None, (), upgradeRequest(target), routes
        ) as factory:
            for path in (b"/aaaa", b"/" + b"a" * 8000 + b"!", b"/xb"):
                octets = request(start=b"GET %b HTTP/1.1" % path)
                self.assertRefused(factory, octets, 404)
