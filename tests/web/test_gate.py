"""L{wsagent.web.gate}: who may see what is for operators only."""

from base64 import b64encode
from datetime import datetime, timedelta, timezone

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from tests.core.notation import row
from wsagent.tokens import TokenFile, addToken
from wsagent.web.gate import BODY_LIMIT, Asking, Gate, guardOf, inPlain

from .asking import Asker


class Shown(Resource):
    """Shows to whom it is shown, and how much of what was sent has come."""

    isLeaf = True

    def render(self, request):
        """Show it."""
        kept = len(request.content.read())
        return inPlain(request, f"{request.who}, {request.postpath}, {kept}")


class Open(Resource):
    """Is for everybody."""

    isLeaf = True

    def render(self, request):
        """Say so."""
        return inPlain(request, "open")


def asker(guard=None) -> Asker:
    """Make one who asks at a gate."""
    behind = Resource()
    behind.putChild(b"", Shown())
    behind.putChild(b"there", Shown())
    return Asker(Gate(behind, guard, {b"open": Open()}), Asking)


def basic(name: str, password: str) -> str:
    """Write the field of a browser that was told a password."""
    shown = b64encode(f"{name}:{password}".encode()).decode()
    return f"Authorization: Basic {shown}"


class OwnMachineTests(SynchronousTestCase):
    """A L{Gate} without a guard."""

    def test_through(self):
        """Who is here gets through, by each name of the machine."""
        for host in ("localhost", "LOCALHOST:8002", "127.0.0.1:8002", "[::1]:8002"):
            with row(host):
                answer = asker().get("/there/below?x", f"Host: {host}")
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.text, "None, [b'below'], 0")
                self.assertEqual(answer.headers["cache-control"], ["no-store"])
                self.assertEqual(answer.headers["x-content-type-options"], ["nosniff"])
        self.assertEqual(asker().get("/").text, "None, [], 0")

    def test_otherName(self):
        """A name that somebody has pointed here gets nobody through."""
        for host in ("evil.example", "localhost.evil.example:8002", "10.0.0.1", ""):
            with row(host), capturedLogs() as logs:
                answer = asker().get("/there", f"Host: {host}")
                self.assertEqual(answer.status, 421)
                self.assertEqual(answer.text, "this host is not served here\n")
                (line,) = [formatEvent(e) for e in logs if "gate" in e["log_namespace"]]
                self.assertIn("refused, 421: Host", line)

    def test_otherOrigin(self):
        """A page from elsewhere does not get through, whatever it asks."""
        own = "Origin: http://localhost:8002"
        host = "Host: localhost:8002"
        self.assertEqual(asker().ask("POST", "/there", host, own).status, 200)
        for origin in (
            "http://localhost:8001",
            "http://127.0.0.1:8002",
            "https://evil.example",
            "null",
            "*",
            "",
        ):
            for method in ("GET", "POST", "PUT"):
                with row((method, origin)):
                    origins = f"Origin: {origin}"
                    answer = asker().ask(method, "/there", host, origins)
                    self.assertEqual(answer.status, 403)

    def test_strange(self):
        """What nobody would send is refused."""
        for fields in (
            ("Host: localhost", "Host: localhost"),
            ("Host: localhost", "Origin: http://localhost", "Origin: null"),
            ("Host: löcalhost",),
        ):
            with row(fields):
                self.assertEqual(asker().get("/there", *fields).status, 400)

    def test_strangeTarget(self):
        """A target that is none is refused, and leaves no traceback in the log."""
        for target in ("x:y", "http:", "a:/there"):
            with row(target):
                self.assertEqual(asker().get(target).status, 400)

    def test_open(self):
        """What is for everybody is so by any name."""
        for host in ("localhost", "evil.example"):
            answer = asker().get("/open", f"Host: {host}")
            self.assertEqual((answer.status, answer.text), (200, "open"))
            self.assertEqual(answer.headers["cache-control"], ["no-store"])

    def test_missing(self):
        """What is not there is not there."""
        self.assertEqual(asker().get("/nowhere").status, 404)

    def test_body(self):
        """Of what is sent no more is kept than shows that it is too much."""
        for length, kept in (
            (10, 10),
            (BODY_LIMIT, BODY_LIMIT),
            (BODY_LIMIT + 1, BODY_LIMIT + 1),
            (10 * BODY_LIMIT, BODY_LIMIT + 1),
        ):
            with row(length):
                answer = asker().ask("POST", "/there", body=bytes(length))
                self.assertEqual(answer.text, f"None, [], {kept}")
        chunk = b"ffff\r\n" + bytes(0xFFFF) + b"\r\n"
        asking = asker()
        transport = asking.begin("POST", "/there", "Transfer-Encoding: chunked")
        asking.channel.dataReceived(5 * chunk + b"0\r\n\r\n")
        self.assertIn(f"None, [], {BODY_LIMIT + 1}".encode(), transport.value())


class TokenTests(SynchronousTestCase):
    """A L{Gate} with tokens."""

    def setUp(self):
        """Have a token, and one that has expired."""
        path = self.mktemp()
        now = datetime.now(timezone.utc)
        self.token = addToken(path, "ann", now + timedelta(hours=1))
        self.expired = addToken(path, "bob", now - timedelta(hours=1))
        self.asker = asker(guardOf(TokenFile(path)))

    def test_bearer(self):
        """A token gets through, by any name of the machine."""
        shown = f"Authorization: Bearer {self.token}"
        answer = self.asker.get("/there", shown, "Host: admin.example")
        self.assertEqual((answer.status, answer.text), (200, "ann, [], 0"))

    def test_basic(self):
        """A browser shows it as a password, whatever the name."""
        for name in ("", "ann", "x"):
            answer = self.asker.get("/there", basic(name, self.token))
            self.assertEqual((answer.status, answer.text), (200, "ann, [], 0"))

    def test_refused(self):
        """All others are asked for one, and told nothing else."""
        for shown in (
            None,
            "Authorization: Bearer wrong",
            f"Authorization: Bearer {self.expired}",
            f"Authorization: Bearer {self.token} ",
            f"Authorization: Digest {self.token}",
            f"Authorization: bearer{self.token}",
            "Authorization: Basic wrong",
            basic(self.token, ""),
            basic("x", self.expired),
            f"X: {self.token}",
        ):
            with row(shown):
                if shown == f"Authorization: Bearer {self.token} ":
                    # Space around a value is none of it.
                    self.assertEqual(self.asker.get("/there", shown).status, 200)
                    continue
                answer = self.asker.get("/there", *filter(None, [shown]))
                self.assertEqual(answer.status, 401)
                bearer, browsers = answer.headers["www-authenticate"]
                self.assertTrue(bearer.startswith('Bearer realm="wsagent admin"'))
                self.assertTrue(browsers.startswith('Basic realm="wsagent admin"'))
                self.assertNotIn(self.token, answer.text)

    def test_twice(self):
        """Who shows two things is believed in none."""
        shown = f"Authorization: Bearer {self.token}"
        self.assertEqual(self.asker.get("/there", shown, shown).status, 400)

    def test_otherOrigin(self):
        """A browser that knows the token sends it for any page: that is looked at."""
        own = ("Host: admin.example", basic("x", self.token))
        for origin, status in (
            ("http://admin.example", 200),
            ("https://admin.example", 200),
            ("https://evil.example", 403),
            ("null", 403),
        ):
            answer = self.asker.ask("POST", "/there", *own, f"Origin: {origin}")
            self.assertEqual(answer.status, status)

    def test_logged(self):
        """The log says that somebody was refused, and not with what."""
        with capturedLogs() as logs:
            self.asker.get("/there", f"Authorization: Bearer {self.expired}")
        text = "\n".join(map(formatEvent, logs))
        self.assertIn("admin: ", text)
        self.assertIn("refused, 401: credentials: Bearer", text)
        self.assertNotIn(self.expired, text)

    def test_open(self):
        """What is for everybody needs none."""
        self.assertEqual(self.asker.get("/open").status, 200)
