"""Attempts that are refused or redirected, and how a connection ends."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.error import TimeoutError as TwistedTimeoutError

from tests.agents import Noting
from tests.clients import ClientCase, basic, head, masked
from tests.core.notation import frame
from wsagent import (
    ClosedCleanly,
    ClosedUncleanly,
    ConnectionRejected,
    RedirectRefused,
)


class RefusalTests(ClientCase):
    """Servers that say something else, and ends of attempts."""

    def test_refused(self):
        """A refusal tells status, fields and body."""
        opened = self.net.connect()
        self.net.line.send(
            head(b"HTTP/1.1 403 No", b"X: y", b"Content-Length: 4") + b"why?"
        )
        error = self.assertFails(opened, ConnectionRejected, "status 403, needed 101")
        self.assertEqual(error.headers.all("x"), [b"y"])
        self.assertEqual(error.body, b"why?")

    def test_unfinishedBody(self):
        """A body that does not end is given as far as it came in time."""
        opened = self.net.connect(settings={"handshakeTimeout": 3})
        self.net.line.send(head(b"HTTP/1.1 503 Later", b"Content-Length: 9") + b"wait")
        self.assertNoResult(opened)
        self.net.advance(3)
        error = self.assertFails(opened, ConnectionRejected, "503")
        self.assertEqual(error.body, b"wait")

    def test_silence(self):
        """A server that does not answer in time is left."""
        opened = self.net.connect(settings={"handshakeTimeout": 3})
        self.net.advance(2.9)
        self.assertNoResult(opened)
        self.net.advance(0.1)
        self.assertFails(opened, TwistedTimeoutError, "no answer in time")

    def test_openTimeout(self):
        """Whatever an attempt waits for, it ends in time."""
        cancelled = []
        token = Deferred(cancelled.append)
        opened = self.net.connect(headers=lambda: token, settings={"openTimeout": 7})
        self.net.advance(7)
        self.assertFails(opened, TwistedTimeoutError, "not open in 7 s")
        self.assertEqual(cancelled, [token])

    def test_hungUp(self):
        """A server that hangs up instead of an answer is told from a refusal."""
        opened = self.net.connect()
        self.net.line.finish()
        self.assertFails(opened, ClosedUncleanly, "no answer")
        opened = self.net.connect()
        self.net.line.vanish()
        error = self.assertFails(opened, ConnectionLost, "no answer")
        self.assertIsInstance(error.__cause__, ConnectionLost)

    def test_noTransport(self):
        """What the endpoint fails with, the attempt fails with."""
        self.net.failure = OSError("no route")
        self.assertFails(self.net.connect(), OSError, "no route")

    def test_cancel(self):
        """An attempt that is cancelled leaves nothing behind."""
        opened = self.net.connect()
        opened.cancel()
        self.assertFails(opened, CancelledError)
        self.net.line.accept()
        opened = self.net.connect()
        self.net.line.send(head(b"HTTP/1.1 503 Later"))
        opened.cancel()
        self.assertFails(opened, CancelledError)

    def test_cancelWhileOpening(self):
        """An attempt that is cancelled by its own agent leaves nothing behind."""

        class Hasty(Noting):
            def negotiationFinished(self):
                opened.cancel()

        opened = self.net.connect(protocol=Hasty)
        self.net.line.send(self.net.line.acceptance() + frame(1, b"hi"))
        self.assertFails(opened, CancelledError)

    def test_noAgent(self):
        """What fails to make an agent fails the attempt."""
        for protocol, error in ((lambda: 1 / 0, ZeroDivisionError), (int, TypeError)):
            opened = self.net.connect(protocol=protocol)
            self.net.line.accept()
            self.assertFails(opened, error)


class RedirectTests(ClientCase):
    """Redirects, and where they may lead."""

    def redirect(self, where: bytes, status: int = 302) -> None:
        """Redirect the client."""
        self.net.line.send(
            head(
                b"HTTP/1.1 %d Elsewhere" % status,
                b"Content-Length: 0",
                b"Location: " + where,
            )
        )

    def test_followed(self):
        """Each kind of redirect is followed, and the agent knows where to."""
        for status in (301, 302, 303, 307, 308):
            opened = self.net.connect("ws://ann:b@localhost/a/b", origin="http://c")
            self.redirect(b"c?d#e", status)
            self.assertEqual(self.net.line.request[0].target, b"/a/c?d")
            fields = self.net.line.fields
            self.assertEqual(fields.all("authorization"), [basic("ann:b")])
            self.assertEqual(fields.all("origin"), [b"http://c"])
            self.net.line.accept()
            self.assertEqual(self.successResultOf(opened).url, "ws://localhost/a/c?d")

    def test_http(self):
        """C{http} in a redirect stands for C{ws}."""
        self.net.connect()
        self.redirect(b"HTTP://other:81/")
        self.assertEqual((self.net.line.host, self.net.line.port), ("other", 81))

    def test_credentials(self):
        """Credentials do not cross origins, nor come back."""
        headers = {"authorization": "a", "Proxy-Authorization": "b", "X": "y"}
        self.net.connect("ws://ann:b@localhost/", headers=headers, cookies={"c": "d"})
        self.assertEqual(self.net.line.fields.all("cookie"), [b"c=d"])
        for where in (b"//localhost:81/", b"//eve:f@localhost/"):
            self.redirect(where)
            fields = self.net.line.fields
            for name in ("authorization", "proxy-authorization", "cookie"):
                self.assertNotIn(name, fields)
            self.assertEqual(fields.all("x"), [b"y"])

    def test_tooMany(self):
        """The sixth redirect is not followed."""
        opened = self.net.connect()
        for _ in range(6):
            self.redirect(b"/")
        self.assertFails(opened, RedirectRefused, "6 redirects, limit 5")
        self.assertEqual(len(self.net.lines), 6)

    def test_nowhere(self):
        """A redirect to what is no WebSocket is a refusal."""
        for where in (b"ftp://localhost/", b"ws://localhost:0/", b"//a b/", b"\xff"):
            opened = self.net.connect()
            self.redirect(where)
            error = self.assertFails(opened, ConnectionRejected, "not followed: ")
            self.assertEqual(error.status, 302)

    def test_noLocation(self):
        """A redirect that says not where to is a refusal like others."""
        opened = self.net.connect()
        self.net.line.send(head(b"HTTP/1.1 300 Choose", b"Content-Length: 0"))
        self.assertFails(opened, ConnectionRejected, "status 300, needed 101")
        opened = self.net.connect()
        self.net.line.send(head(b"HTTP/1.1 302 Choose", b"Content-Length: 0"))
        self.assertFails(opened, ConnectionRejected, "status 302, needed 101")

    def test_endpoint(self):
        """An endpoint of the caller's is not used for another origin."""
        how = {"endpoint": self.net("socket", 0), "proxy": None}
        opened = self.net.connect(**how)
        self.redirect(b"/here")
        self.redirect(b"//elsewhere/")
        self.assertFails(opened, RedirectRefused, "where the endpoint does not lead")


class EndingTests(ClientCase):
    """How an open connection ends."""

    def test_serverHangsUp(self):
        """After both Close frames, the client waits for the server's FIN."""
        agent = self.open()
        agent.loseConnection(1000)
        self.net.line.send(frame(8, b"\3\xe8"))
        self.assertFalse(self.net.line.transport.hasFinished)
        self.assertEqual(agent.lost, [])
        self.net.line.finish()
        self.assertEqual(agent.ending, (ClosedCleanly, 1000, "", "us"))
        self.assertFalse(self.net.line.transport.wasAborted)

    def test_serverStays(self):
        """A server that does not hang up in time is aborted; that was clean."""
        agent = self.open(settings={"closeTimeout": 3})
        self.net.line.send(frame(8, b"\3\xe9"))
        self.net.advance(3)
        self.assertEqual(agent.ending, (ClosedCleanly, 1001, "", "peer"))
        self.assertTrue(self.net.line.transport.wasAborted)

    def test_keepalive(self):
        """A silent server is given up on."""
        agent = self.open(settings={"pingInterval": 1, "pingTimeout": 2})
        for _ in range(3):
            self.net.advance(1)
        self.assertEqual(agent.ending[0], ClosedUncleanly)

    def test_failure(self):
        """A server that breaks the protocol is told, and left."""
        agent = self.open()
        self.net.line.send(frame(3))
        self.assertEqual(masked(self.net.line)[0][1][:2], b"\3\xea")
        self.assertTrue(self.net.line.transport.hasFinished)
        self.net.line.finish()
        self.assertEqual(agent.ending[1], 1002)
