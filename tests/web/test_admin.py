"""L{wsagent.web.admin}: where operators look inside."""

import sys

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from tests.core.notation import row
from tests.test_service import MemoryEndpoint, MemoryPort
from wsagent.console.commands import Commands
from wsagent.demo import Echo
from wsagent.inspection import Inspection
from wsagent.server import WebSocketServerFactory
from wsagent.service import WebSocketService
from wsagent.testing import Peer, connected, upgradeRequest
from wsagent.tokens import TokenFile, addToken
from wsagent.web.admin import AdminService, adminFactory


class AdminTests(SynchronousTestCase):
    """The admin endpoint of a server, both in memory."""

    def setUp(self):
        """Make them."""
        self.clock = MemoryReactorClock()
        self.factory = WebSocketServerFactory(Echo, reactor=self.clock)
        self.service = WebSocketService(self.factory, ())
        self.service.addresses.append(IPv4Address("TCP", "192.0.2.1", 8001))
        self.admin = self.make()

    def make(self, tokens=None):
        """Make an admin endpoint."""
        commands = Commands(Inspection(self.factory), self.service)
        admin = adminFactory(self.service, commands, tokens)
        admin.doStart()
        self.addCleanup(admin.doStop)
        return admin

    def get(self, path, *fields, host="localhost", method="GET"):
        """Ask for something; give status, fields and body."""
        lines = f"{method} {path} HTTP/1.1", f"Host: {host}", *fields
        peer = Peer(self.admin)
        self.addCleanup(peer.vanish)
        peer.sendOctets("".join(f"{each}\r\n" for each in (*lines, "")).encode())
        return peer.status, peer.headers, peer.octets.decode()

    def test_health(self):
        """Who runs is healthy, and who listens is ready."""
        for path, text in (("/health", "healthy\n"), ("/ready", "ready\n")):
            status, head, body = self.get(path, host="10.0.0.1:8002")
            self.assertEqual((status, body), (200, text))
            self.assertEqual(head.get("cache-control"), b"no-store")
            self.assertEqual(self.get(path, method="HEAD")[::2], (200, ""))
            self.assertEqual(self.get(path, method="POST")[0], 405)

    def test_notReady(self):
        """Who drains, or does not listen, is not ready; but is healthy."""
        peer = connected(self.factory)
        peer.answersFin = False
        self.addCleanup(peer.vanish)
        self.factory.drain()
        self.assertEqual(self.get("/ready")[::2], (503, "draining\n"))
        self.factory.isDraining = False
        self.service.addresses.clear()
        self.assertEqual(self.get("/ready")[::2], (503, "not listening\n"))
        self.assertEqual(self.get("/health")[0], 200)

    def test_page(self):
        """The page is there, and its WebSocket in the same place."""
        status, head, body = self.get("/")
        self.assertEqual(status, 200)
        policy = head.get("content-security-policy")
        self.assertTrue(policy.startswith(b"default-src 'none'"))
        self.assertIn("<title>wsagent admin</title>", body)
        page = connected(self.admin)
        self.addCleanup(page.vanish)
        self.assertIn('"counted"', page.received[0])

    def test_metrics(self):
        """Metrics are there, of the server and not of the admin endpoint."""
        connected(self.admin).vanish()
        peer = connected(self.factory)
        self.addCleanup(peer.vanish)
        status, _, body = self.get("/metrics")
        self.assertEqual(status, 200)
        self.assertIn('\nwsagent_handshakes_total{status="101"} 1.0\n', body)

    def test_noMetrics(self):
        """Without the package, it is said how to have them."""
        before = dict(sys.modules)
        self.addCleanup(sys.modules.update, before)
        sys.modules.pop("wsagent.web.metrics", None)
        sys.modules["prometheus_client"] = None
        self.admin = self.make()
        status, _, body = self.get("/metrics")
        self.assertEqual(status, 501)
        needed = "prometheus-client: pip install 'wsagent[metrics]'"
        self.assertEqual(body, f"metrics need {needed}\n")

    def test_commands(self):
        """Commands are there, those of the console."""
        status, _, body = self.get("/commands")
        self.assertEqual(status, 200)
        self.assertIn('"name":"netstat"', body)

    def test_host(self):
        """By a name of others there is nothing to see, and no WebSocket."""
        for path in ("/", "/metrics", "/commands", "/nothing"):
            self.assertEqual(self.get(path, host="evil.example")[0], 421)
        request = upgradeRequest().replace(b"localhost", b"evil.example")
        self.assertEqual(connected(self.admin, request=request).status, 421)

    def test_origin(self):
        """A page of others opens no WebSocket, and posts nothing."""
        foreign = ("Origin", "https://evil.example")
        request = upgradeRequest(headers=[foreign])
        self.assertEqual(connected(self.admin, request=request).status, 403)
        field = "Origin: https://evil.example"
        self.assertEqual(self.get("/commands/gc", field, method="POST")[0], 403)
        own = upgradeRequest(headers=[("Origin", "http://localhost")])
        page = connected(self.admin, request=own)
        self.addCleanup(page.vanish)
        self.assertEqual(page.status, 101)

    def test_tokens(self):
        """With tokens, all but health needs one, by whatever name."""
        path = self.mktemp()
        token = addToken(path, "ann")
        self.admin = self.make(TokenFile(path))
        shown = f"Authorization: Bearer {token}"
        for place in ("/", "/metrics", "/commands"):
            with row(place):
                status, head, _ = self.get(place, host="admin.example")
                self.assertEqual(status, 401)
                schemes = [each.split()[0] for each in head.all("www-authenticate")]
                self.assertEqual(schemes, [b"Bearer", b"Basic"])
                self.assertEqual(self.get(place, shown, host="admin.example")[0], 200)
        self.assertEqual(self.get("/health", host="admin.example")[0], 200)
        self.assertEqual(self.get("/ready", host="admin.example")[0], 200)

    def test_tokenOfPage(self):
        """So does the page's WebSocket, and the log has the name."""
        path = self.mktemp()
        token = addToken(path, "ann")
        admin = self.make(TokenFile(path))
        self.assertEqual(connected(admin).status, 401)
        for origin, status in (("http://localhost", 101), ("http://evil.example", 403)):
            field = ("Authorization", f"Bearer {token}")
            request = upgradeRequest(headers=[field, ("Origin", origin)])
            page = connected(admin, request=request)
            self.addCleanup(page.vanish)
            self.assertEqual(page.status, status)
            if status == 101:
                with capturedLogs() as logs:
                    page.sendTextMessage('{"command":["gc"],"number":1}')
                (who,) = [each["who"] for each in logs if "who" in each]
                self.assertEqual(who, "'ann' from 192.0.2.1:54321")

    def test_quiet(self):
        """Scrapes and health checks are not logged."""
        with capturedLogs() as logs:
            for path in ("/health", "/metrics", "/"):
                self.get(path)
        self.assertEqual(logs, [])

    def test_limits(self):
        """Who asks for much in a row is served no more than a hundred times at once."""
        peers = [connected(self.admin, request=b"GET") for _ in range(100)]
        self.assertEqual(self.get("/health")[0], 503)
        for each in peers:
            each.vanish()
        self.assertEqual(self.get("/health")[0], 200)


class AdminServiceTests(SynchronousTestCase):
    """L{AdminService}."""

    def make(self, host, tokens=None):
        """Make one beside a server, on a host; start it."""
        factory = WebSocketServerFactory(Echo, reactor=Clock())
        service = WebSocketService(factory, ())
        self.endpoint = MemoryEndpoint()
        admin = AdminService(service, [self.endpoint], tokens)
        admin.startService()
        self.port = MemoryPort(8002, host)
        self.endpoint.listening[0].callback(self.port)
        return admin

    def test_private(self):
        """Without tokens it listens where this machine alone connects."""
        with capturedLogs() as logs:
            self.assertEqual(self.make("192.0.2.1").addresses, [])
        self.assertIsNotNone(self.port.stopping)
        (line,) = [formatEvent(each) for each in logs]
        self.assertIn("admin on 192.0.2.1:8002, allowed: a UNIX socket", line)
        self.assertEqual(len(self.make("127.0.0.1").addresses), 1)

    def test_public(self):
        """With tokens, anywhere."""
        path = self.mktemp()
        addToken(path, "ann")
        self.assertEqual(len(self.make("192.0.2.1", TokenFile(path)).addresses), 1)

    def test_stop(self):
        """When it stops, pages are closed, and whoever has asked for something."""
        service = self.make("127.0.0.1")
        page = connected(service.factory)
        idle = Peer(service.factory)
        idle.sendOctets(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        stopped = service.stopService()
        self.port.stopping.callback(None)
        self.assertEqual(page.closed, (1001, ""))
        self.assertTrue(idle.isDisconnected)
        self.successResultOf(stopped)
        self.assertEqual(len(service.factory.wires), 0)
