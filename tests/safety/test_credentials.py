"""Who is let in, and what becomes of who is not."""

from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, eventAsJSON, formatEvent

from wsagent.credentials import IToken, Names
from wsagent.demo import Echo
from wsagent.errors import RequestRejected
from wsagent.guard import Guard
from wsagent.schemes import Basic, Bearer, Cookie, Digest, Subprotocol
from wsagent.tokens import TokenFile

from .aftermath import HostileCase
from .octets import request

SECRET = "hunter2"
WRONG = b"these credentials are not accepted here\n"
NEEDED = b"credentials are needed here\n"


def basic(text: str) -> bytes:
    """Write a field with a name and a password."""
    return b"Authorization: Basic " + b64encode(text.encode())


RIGHT = request(basic(f"alice:{SECRET}"))


class Checker:
    """Answers to any token what it is told to; to C{fresh}, that it is right."""

    credentialInterfaces = (IToken,)

    def __init__(self, make, expires=None):
        """@param make: makes what is answered, or raised."""
        self._make = make
        self._expires = expires

    def requestAvatarId(self, credentials):
        """Answer."""
        if credentials.token == b"fresh":
            return b"fresh"
        credentials.expires = self._expires
        answer = self._make()
        if isinstance(answer, Exception):
            raise answer
        return answer


FRESH = request(b"Authorization: Bearer fresh")
BEARER = request(b"Authorization: Bearer x")


class CredentialsTests(HostileCase):
    """What a guard makes of peers that are not to be let in, or not any more."""

    def passwords(self, *schemes):
        """Make a guard that knows a password."""
        users = InMemoryUsernamePasswordDatabaseDontUse(alice=SECRET.encode())
        return Guard(Portal(Names(), [users]), schemes or None)

    def tokens(self, make, *schemes, expires=None, now=lambda: 0):
        """Make a guard that asks what to answer."""
        portal = Portal(Names(), [Checker(make, expires)])
        return Guard(portal, schemes or None, now)

    def listening(self):
        """Make an application, and a list of what it hears."""
        heard = []

        class Listening(Echo):
            def __init__(self):
                heard.append("made")

            def requestReceived(self, asked):
                heard.append(asked)

        return Listening, heard

    def test_refused(self):
        """A2: who is unknown, wrong or silent gets one answer, of whatever kind."""
        digest = b"Authorization: Digest username=alice"
        cases = (
            (None, NEEDED),
            (basic(f"mallory:{SECRET}"), WRONG),
            (basic("alice:wrong"), WRONG),
            (basic("alice:"), WRONG),
            (basic("alice"), WRONG),
            (basic("alice\0:x"), WRONG),
            (b"Authorization: Basic", WRONG),
            (b"Authorization: Basic \xff", WRONG),
            (b"Authorization: Bearer x", NEEDED),
            (b"Authorization: " + b"x" * 7000, NEEDED),
            (basic("a:b") + b"\r\n" + basic(f"alice:{SECRET}"), WRONG),
        )
        for guard, field, body in (
            *((self.passwords(Basic()), *case) for case in cases),
            *((self.passwords(Digest(), Basic()), *case) for case in cases),
            (self.passwords(Basic()), digest, NEEDED),
            (self.passwords(), digest, WRONG),
        ):
            application, heard = self.listening()
            right = {"guard": guard, "fresh": RIGHT}
            with self.aftermath(f"A2 {field}", application, **right) as factory:
                octets = request(field) if field else request()
                self.assertRefused(factory, octets, 401, body)
                self.assertEqual(heard, [])

    def test_refusedTokens(self):
        """A token that is none, or two at once, is refused."""
        no = UnauthorizedLogin
        schemes = (Bearer(), Subprotocol(), Cookie("s"))
        for field, body in (
            (b"Authorization: Bearer", WRONG),
            (b"Authorization: Bearer a b", WRONG),
            (b"Authorization: Bearer \x80", WRONG),
            (b"Authorization: Bearer x", WRONG),
            (b"Cookie: s=x", WRONG),
            (b"Cookie: s=", WRONG),
            (b"Cookie: s=\x80", WRONG),
            (b"Cookie: s=fresh; s=x", WRONG),
            (b"Cookie: s=fresh\r\nCookie: s=x", WRONG),
            (b"Cookie: " + b";" * 7000, NEEDED),
            (b"Sec-WebSocket-Protocol: bearer.x", WRONG),
            (b"Sec-WebSocket-Protocol: bearer.", WRONG),
            (b"Sec-WebSocket-Protocol: bearer.fresh, bearer.x", WRONG),
            (b"Sec-WebSocket-Protocol: bearer", NEEDED),
        ):
            guard = self.tokens(no, *schemes)
            application, heard = self.listening()
            with self.aftermath(
                f"{field}", application, fresh=FRESH, guard=guard
            ) as factory:
                self.assertRefused(factory, request(field), 401, body)
                self.assertEqual(heard, [])

    def test_raises(self):
        """A checker that raises is a 500 without its reason."""
        for row, make in (
            ("raises", lambda: RuntimeError("the database is at 10.0.0.1")),
            ("fails", lambda: failing(RuntimeError("the database is at 10.0.0.1"))),
        ):
            with self.aftermath(row, fresh=FRESH, guard=self.tokens(make)) as factory:
                self.assertRefused(factory, BEARER, 500, b"")
                self.assertLogged(RuntimeError, 3)

    def test_neverAnswers(self):
        """A checker that never answers is waited for as long as for a request."""
        cancelled = []
        application, heard = self.listening()
        guard = self.tokens(lambda: Deferred(cancelled.append))
        with self.aftermath(
            "T1 never", application, fresh=FRESH, guard=guard
        ) as factory:
            peer = self.connect(factory, BEARER, answersFin=False)
            self.wait(peer, 4)
            self.assertEqual((peer.status, cancelled), (0, []))
            self.wait(peer, 1)
            self.assertEqual((peer.status, len(cancelled)), (503, 1))
            self.assertEqual(heard, [])
            self._assertGoneInTime(peer)

    def test_leaves(self):
        """When the peer leaves, the checker is told, and no agent is made."""
        for row, leave in (
            ("FIN", lambda peer: peer.finish()),
            ("RST", lambda peer: peer.vanish()),
        ):
            cancelled = []
            application, heard = self.listening()
            guard = self.tokens(lambda: Deferred(cancelled.append))  # noqa: B023 - at once
            with self.aftermath(row, application, fresh=FRESH, guard=guard) as factory:
                peer = self.connect(factory, BEARER)
                leave(peer)
                self.assertTrue(peer.isDisconnected)
                self.assertEqual((len(cancelled), heard), (1, []))

    def test_early(self):
        """Much that is sent before the answer is not read, and not an answer."""
        answers = [Deferred()]
        guard = self.tokens(lambda: answers[0])
        with self.aftermath("early", fresh=FRESH, guard=guard) as factory:
            peer = self.connect(factory, BEARER)
            peer.sendOctets(b"x" * 100_000)
            peer.sendOctets(b"x" * 100_000)
            self.assertFalse(peer.transport.isReading)
            answers.pop().errback(UnauthorizedLogin())
            self.assertEqual((peer.status, peer.octets), (401, WRONG))

    def test_expires(self):
        """What has expired closes with 4401, and waits for nobody."""
        clock = [0]
        for row, isDeaf in (("4401", False), ("4401, deaf", True)):
            guard = self.tokens(lambda: b"a", expires=3, now=lambda: clock[0])
            clock[0] = 0
            with self.aftermath(row, fresh=FRESH, guard=guard) as factory:
                peer = self.connect(factory, BEARER, answersFin=not isDeaf)
                peer.sendTextMessage("x")
                self.assertEchoes(peer, "x")
                clock[0] = 3
                self.wait(peer, 3)
                self.assertEqual(peer.closed, (4401, "credentials have expired"))
                if isDeaf:
                    self._assertGoneInTime(peer)
                else:
                    self.assertTrue(peer.isDisconnected)

    def test_refusedAfterwards(self):
        """Who is let in, and then refused by the agent, leaves nothing behind."""

        class Refusing(Echo):
            def requestReceived(self, asked):
                if asked.headers.get("authorization") != b"Bearer fresh":
                    raise RequestRejected(404, body="nothing here\n")

        guard = self.tokens(lambda: b"a", expires=100)
        with self.aftermath("404", Refusing, fresh=FRESH, guard=guard) as factory:
            self.assertRefused(factory, BEARER, 404, b"nothing here\n")
            self.assertEqual(factory.guard._logins, {})

    def test_neverLogged(self):
        """A4: nothing that is secret stands in an event of the log, right or wrong."""
        path = Path(self.mktemp())
        path.write_text(f"alice:{sha256(SECRET.encode()).hexdigest()}\n")
        users = InMemoryUsernamePasswordDatabaseDontUse(alice=SECRET.encode())
        schemes = (Digest(), Basic(), Bearer(), Subprotocol(), Cookie("s"))
        offer = "Sec-WebSocket-Protocol: chat, bearer."
        stranger = SECRET + "x"
        told = 0
        for secret in SECRET, stranger:
            shown = secret.encode()
            for field in (
                basic(f"alice:{secret}"),
                basic(f"{secret}:{secret}"),
                b"Authorization: Bearer " + shown,
                b"Authorization: Bearer " + shown + b" \x80",
                b"Authorization: " + shown,
                b'Authorization: Digest username="alice", response="' + shown + b'"',
                b"Cookie: s=" + shown,
                b"Cookie: s=" + shown + b"; s=y",
                f"{offer}{secret}".encode(),
                f"{offer}{secret}, bearer.y".encode(),
                f"{offer}{secret},".encode(),
                b"Sec-WebSocket-Protocol: bearer." + shown,
            ):
                portal = Portal(Names(), [users, TokenFile(path)])
                guard = Guard(portal, schemes)
                row = f"A4 {field}"
                right = {"guard": guard, "fresh": RIGHT}
                start = b"GET /chat?token=" + shown + b" HTTP/1.1"
                with (
                    capturedLogs() as events,
                    self.aftermath(row, Echo, ["chat", None], **right) as factory,
                ):
                    peer = self.connect(factory, request(field, start=start))
                    self.assertIn(peer.status, (101, 401, 400))
                    self.assertNotIn(shown, peer.octets)
                    for _, value in peer.headers:
                        self.assertNotIn(shown, value)
                    told += peer.status == 101
                self._assertHidden(events)
        self.assertGreater(told, 3)

    def test_neverLoggedFailing(self):
        """A4: nor does it when the checker, or the application, fails."""

        class Failing(Echo):
            def requestReceived(self, asked):
                if asked.headers.get("authorization") != b"Bearer fresh":
                    raise RuntimeError(repr(asked.headers), asked.offeredSubprotocols)

        for make in (lambda: RuntimeError("boom"), lambda: b"alice"):
            guard = self.tokens(make, Bearer(), Subprotocol(), Cookie("s"))
            for field in (
                f"Authorization: Bearer {SECRET}",
                f"Cookie: s={SECRET}",
                f"Sec-WebSocket-Protocol: chat, bearer.{SECRET}",
            ):
                right = {"guard": guard, "fresh": FRESH}
                with (
                    capturedLogs() as events,
                    self.aftermath(field, Failing, **right) as factory,
                ):
                    peer = self.connect(factory, request(field.encode()))
                    self.assertEqual((peer.status, peer.octets), (500, b""))
                    self._assertHidden(events)
                    events.clear()
                    self.assertLogged(RuntimeError)

    def _assertHidden(self, events):
        """Demand that no event says what is secret, in whatever form."""
        encoded = b64encode(f"alice:{SECRET}".encode()).decode()
        for event in events:
            text = f"{event} {formatEvent(event)} {eventAsJSON(event)}"
            if "log_failure" in event:
                text += event["log_failure"].getTraceback()
            for hidden in SECRET, encoded:
                self.assertNotIn(hidden, text)


def failing(error: Exception) -> Deferred:
    """Make what has failed."""
    failed = Deferred()
    failed.errback(error)
    return failed
