"""L{wsagent.guard}: who is let in."""

import re
from base64 import b64encode

from twisted.cred.checkers import (
    AllowAnonymousAccess,
    InMemoryUsernamePasswordDatabaseDontUse,
)
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import LoginDenied, UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsagent.core.handshake import readRequest
from wsagent.core.heads import HeadReader, requestLine
from wsagent.credentials import IToken, IWebSocketAvatar, Names
from wsagent.errors import RequestRejected
from wsagent.guard import Guard, schemesOf
from wsagent.protocol import Accept
from wsagent.schemes import Basic, Bearer, Cookie, Digest, Subprotocol
from wsagent.server import WebSocketServerFactory
from wsagent.settings import Settings
from wsagent.testing import Peer, connected, upgradeRequest

from .agents import Noting

ALICE = ("Authorization", "Basic " + b64encode(b"alice:secret").decode())
MALLORY = ("Authorization", "Basic " + b64encode(b"mallory:secret").decode())
WRONG = ("Authorization", "Basic " + b64encode(b"alice:wrong").decode())


class Tokens:
    """
    Knows one token, C{t}, when it is told to.

    @ivar answer: what is answered in place of a name.
    """

    credentialInterfaces = (IToken,)

    def __init__(self, expires=None):
        """@param expires: when."""
        self.expires = expires
        self.asked = []
        self.answer = b"alice"

    def requestAvatarId(self, credentials):
        """Answer."""
        self.asked.append(credentials)
        if isinstance(self.answer, Exception):
            raise self.answer
        if credentials.token != b"t":
            raise UnauthorizedLogin
        credentials.expires = self.expires
        return self.answer


class Realm:
    """
    Gives avatars, and notes who comes and goes.

    @ivar calls: names that logged in, C{"out"} for who logged out.
    @ivar minds: whom the portal was asked for.
    """

    def __init__(self):
        """Nobody is here."""
        self.calls = []
        self.minds = []
        self.answer = None

    def requestAvatar(self, avatarId, mind, *interfaces):
        """Note it."""
        self.calls.append(avatarId)
        self.minds.append(mind)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or (*interfaces, {"name": avatarId}, self.logout)

    def logout(self):
        """Note it."""
        self.calls.append("out")


class GuardCase(SynchronousTestCase):
    """A test of a guard in front of agents, none of whom leaves anything behind."""

    def setUp(self):
        """Have a realm, and a clock that is the wall's too."""
        self.realm = Realm()
        self.clock = Clock()
        self.agents = []
        self.peers = []
        self.addCleanup(self.assertNothingLeft)

    def assertNothingLeft(self):
        """Have all gone, and all logged out."""
        for peer in self.peers:
            peer.vanish()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def users(self):
        """Make a checker that knows a password."""
        return InMemoryUsernamePasswordDatabaseDontUse(alice=b"secret")

    def factory(self, *checkers, schemes=None, decide=None, **settings):
        """Make a factory behind a guard."""
        made = self.agents

        class Asked(Noting):
            def __init__(self):
                super().__init__()
                made.append(self)

            def requestReceived(self, request):
                self.asked = request
                return None if decide is None else decide(self)

        portal = Portal(self.realm, checkers)
        return WebSocketServerFactory(
            Asked,
            ["chat"],
            Settings(**settings),
            self.clock,
            guard=Guard(portal, schemes, self.clock.seconds),
        )

    def connect(self, factory, *headers, subprotocols=(), target="/") -> Peer:
        """Connect a peer."""
        request = upgradeRequest(target, subprotocols, headers)
        peer = connected(factory, request=request)
        self.peers.append(peer)
        return peer


class LoginTests(GuardCase):
    """Who has credentials is let in, and has an avatar."""

    def test_avatar(self):
        """The agent has what the realm gives, before it is asked itself."""
        seen = []
        factory = self.factory(
            self.users(), decide=lambda agent: seen.append(agent.avatar)
        )
        peer = self.connect(factory, ALICE)
        self.assertEqual(peer.status, 101)
        self.assertEqual(peer.agent.avatar, {"name": b"alice"})
        self.assertEqual(seen, [peer.agent.avatar])
        self.assertIs(self.realm.minds[0], peer.agent.request)

    def test_names(self):
        """With the realm of names, it is the name; without a guard, C{None}."""
        self.realm = Names()
        peer = self.connect(self.factory(self.users()), ALICE)
        self.assertEqual(peer.agent.avatar, "alice")
        bare = connected(Noting)
        self.assertIsNone(bare.agent.avatar)
        bare.vanish()

    def test_needed(self):
        """Without credentials, it is asked for those that can be checked."""
        factory = self.factory(self.users(), Tokens())
        peer = self.connect(factory)
        self.assertEqual(peer.status, 401)
        self.assertEqual(peer.octets, b"credentials are needed here\n")
        challenges = peer.headers.all("www-authenticate")
        self.assertEqual(
            [challenge.split()[0] for challenge in challenges],
            [b"Digest", b"Basic", b"Bearer"],
        )
        self.assertEqual((self.agents, self.realm.calls), ([], []))

    def test_wrong(self):
        """What is wrong, or of somebody unknown, gets one and the same answer."""
        factory = self.factory(self.users())
        answers = []
        for header in (
            WRONG,
            MALLORY,
            ("Authorization", "Basic !"),
            ("Authorization", "Digest !"),
        ):
            peer = self.connect(factory, header)
            answers.append((peer.status, peer.octets))
        wrong = (401, b"these credentials are not accepted here\n")
        self.assertEqual(answers, [wrong] * 4)
        self.assertEqual((self.agents, self.realm.calls), ([], []))

    def test_wrongToken(self):
        """Of a token that is not known, the challenge says so."""
        peer = self.connect(self.factory(Tokens()), ("Authorization", "Bearer x"))
        challenge = peer.headers.single("www-authenticate")
        self.assertEqual(challenge, b'Bearer realm="wsagent", error="invalid_token"')

    def test_unknownTakesAsLong(self):
        """For who is unknown, a password is compared as well."""
        compared = []
        users = self.users()
        ask = users.requestAvatarId

        def requestAvatarId(credentials):
            check = credentials.checkPassword
            credentials.checkPassword = lambda right: (
                compared.append((credentials.username, right)) or check(right)
            )
            return ask(credentials)

        users.requestAvatarId = requestAvatarId
        factory = self.factory(users)
        for header in (WRONG, MALLORY):
            self.assertEqual(self.connect(factory, header).status, 401)
        self.assertEqual(compared, [(b"alice", b"secret"), (b"mallory", b"")])

    def test_anonymous(self):
        """Where anybody may come, who shows nothing is nobody in particular."""
        self.realm = Names()
        factory = self.factory(self.users(), AllowAnonymousAccess())
        self.assertIsNone(self.connect(factory).agent.avatar)
        self.assertEqual(self.connect(factory, ALICE).agent.avatar, "alice")
        for header in (WRONG, ("Authorization", "Negotiate abc")):
            self.assertEqual(self.connect(factory, header).status, 401)
        everybody = self.factory(AllowAnonymousAccess())
        self.assertEqual(self.connect(everybody).status, 101)
        self.assertEqual(self.connect(everybody, ALICE).status, 403)

    def test_subprotocol(self):
        """A token among the subprotocols is neither answered nor seen."""
        factory = self.factory(Tokens())
        peer = self.connect(factory, subprotocols=["bearer.t", "chat"])
        self.assertEqual(peer.headers.all("sec-websocket-protocol"), [b"chat"])
        self.assertEqual(peer.agent.request.offeredSubprotocols, ("chat",))
        self.assertEqual(peer.agent.asked.offeredSubprotocols, ("chat",))
        self.assertEqual(self.realm.minds[0].offeredSubprotocols, ("chat",))
        peer = self.connect(factory, subprotocols=["bearer.t"])
        self.assertNotIn("sec-websocket-protocol", peer.headers)
        peer = self.connect(
            factory, ("Authorization", "Bearer t"), subprotocols=["bearer.x"]
        )
        self.assertEqual(peer.agent.request.offeredSubprotocols, ())

    def test_subprotocolChosen(self):
        """An application cannot choose the token by accident."""
        factory = self.factory(
            Tokens(), decide=lambda _: Accept(subprotocol="bearer.t")
        )
        peer = self.connect(factory, subprotocols=["bearer.t"])
        self.assertEqual(peer.status, 500)
        (failure,) = self.flushLoggedErrors(ValueError)
        self.assertNotIn("offered: bearer", failure.getErrorMessage())

    def test_cookie(self):
        """A cookie does, where a scheme looks for one; else nobody looks."""
        schemes = [Bearer(), Cookie("session")]
        factory = self.factory(Tokens(), schemes=schemes)
        self.assertEqual(self.connect(factory, ("Cookie", "session=t")).status, 101)
        self.assertEqual(self.connect(factory, ("Cookie", "session=x")).status, 401)
        other = self.factory(Tokens())
        self.assertEqual(self.connect(other, ("Cookie", "session=t")).status, 401)

    def test_noChallenge(self):
        """Where HTTP has no way to ask, it is 403."""
        factory = self.factory(Tokens(), schemes=[Cookie("session"), Subprotocol()])
        peer = self.connect(factory)
        self.assertEqual(peer.status, 403)
        self.assertNotIn("www-authenticate", peer.headers)

    def test_order(self):
        """Those that are found first count, right or wrong."""
        tokens = Tokens()
        factory = self.factory(tokens, schemes=[Cookie("session"), Bearer()])
        right, wrong = ("Authorization", "Bearer t"), ("Cookie", "session=x")
        self.assertEqual(self.connect(factory, right, wrong).status, 401)
        self.assertEqual([each.token for each in tokens.asked], [b"x"])

    def test_digest(self):
        """Digest is answered on a second connection."""
        factory = self.factory(self.users())
        challenge, *_ = self.connect(factory).headers.all("www-authenticate")
        answer = digestAnswer(challenge.decode(), b"secret")
        peer = self.connect(factory, ("Authorization", answer))
        self.assertEqual(peer.agent.avatar, {"name": b"alice"})
        answer = digestAnswer(challenge.decode(), b"wrong")
        peer = self.connect(factory, ("Authorization", answer))
        self.assertEqual(peer.status, 401)

    def test_origin(self):
        """Pages of others are refused before anybody looks at credentials."""
        tokens = Tokens()
        evil = ("Origin", "http://evil")
        peer = self.connect(self.factory(tokens), evil, ("Authorization", "Bearer t"))
        self.assertEqual((peer.status, tokens.asked), (403, []))


class RealmTests(GuardCase):
    """What the realm has to say."""

    def test_logout(self):
        """Who has left is logged out, once."""
        factory = self.factory(self.users())
        peers = [self.connect(factory, ALICE) for _ in range(2)]
        self.assertEqual(self.realm.calls, [b"alice"] * 2)
        peers[0].loseConnection()
        self.assertEqual(self.realm.calls, [b"alice"] * 2 + ["out"])
        peers[1].vanish()
        self.assertEqual(self.realm.calls, [b"alice"] * 2 + ["out"] * 2)
        self.assertEqual(factory.guard._logins, {})

    def test_once(self):
        """To end a login again is to do nothing."""
        login = self.successResultOf(
            self.factory(self.users()).guard.login(self.request(ALICE))
        )
        login.end()
        login.end()
        self.assertEqual(self.realm.calls, [b"alice", "out"])

    def request(self, *headers):
        """Make a request that no server has seen."""
        octets = upgradeRequest("/", headers=headers)
        start, fields, _ = HeadReader(requestLine, 65_536).feed(octets)
        return readRequest(start, fields)

    def test_refusedByAgent(self):
        """Who is let in and then refused is logged out, once."""

        def refuse(_):
            raise RequestRejected(404)

        factory = self.factory(self.users(), decide=refuse)
        self.assertEqual(self.connect(factory, ALICE).status, 404)
        self.assertEqual(self.realm.calls, [b"alice", "out"])

    def test_refusedByRealm(self):
        """A realm may refuse a request, for what is asked, with its own status."""
        self.realm.answer = RequestRejected(404, body="no such room\n")
        peer = self.connect(self.factory(self.users()), ALICE)
        self.assertEqual((peer.status, peer.octets), (404, b"no such room\n"))

    def test_denied(self):
        """A realm may deny whom a checker knows."""
        self.realm.answer = LoginDenied("not today")
        peer = self.connect(self.factory(self.users()), ALICE)
        self.assertEqual(peer.status, 401)
        self.assertNotIn(b"today", peer.octets)

    def test_fails(self):
        """What a checker or a realm raises else is 500, without its words."""
        tokens = Tokens()
        tokens.answer = RuntimeError("database")
        peer = self.connect(self.factory(tokens), ("Authorization", "Bearer t"))
        self.assertEqual((peer.status, peer.octets), (500, b""))
        self.realm.answer = RuntimeError("realm")
        peer = self.connect(self.factory(self.users()), ALICE)
        self.assertEqual((peer.status, peer.octets), (500, b""))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_nonsense(self):
        """A realm that gives no avatar is 500."""
        self.realm.answer = (IWebSocketAvatar, "alice")
        peer = self.connect(self.factory(self.users()), ALICE)
        self.assertEqual(peer.status, 500)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_logoutFails(self):
        """What a logout raises is logged, and disturbs nobody."""

        def logout():
            raise RuntimeError

        self.realm.answer = (IWebSocketAvatar, None, logout)
        factory = self.factory(self.users())
        peer = self.connect(factory, ALICE)
        peer.vanish()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(list(factory._wires), [])


class LaterTests(GuardCase):
    """A checker that takes its time."""

    def setUp(self):
        """Have one."""
        super().setUp()
        self.cancelled = []
        self.tokens = Tokens()
        self.waiting = self.tokens.answer = Deferred(self.cancelled.append)

    def ask(self, **how):
        """Have a peer ask."""
        self.guarded = self.factory(self.tokens, **how)
        return self.connect(self.guarded, ("Authorization", "Bearer t"))

    def test_inTime(self):
        """It is let in when the checker knows."""
        peer = self.ask()
        self.assertEqual(peer.status, 0)
        self.waiting.callback(b"alice")
        self.assertEqual(peer.status, 101)
        self.assertEqual(peer.agent.avatar, {"name": b"alice"})

    def test_refused(self):
        """It is refused when the checker knows."""
        peer = self.ask()
        self.waiting.errback(UnauthorizedLogin())
        self.assertEqual(peer.status, 401)

    def test_agentLaterToo(self):
        """An agent may take its time as well, and is cancelled as well."""
        second = Deferred(self.cancelled.append)
        peer = self.ask(decide=lambda _: second)
        self.waiting.callback(b"alice")
        self.assertEqual((peer.status, self.realm.calls), (0, [b"alice"]))
        peer.vanish()
        self.assertEqual(self.cancelled, [second])
        self.assertEqual(self.realm.calls, [b"alice", "out"])

    def test_agentDecidesLater(self):
        """What the agent decides later counts."""
        second = Deferred()
        peer = self.ask(decide=lambda _: second)
        self.waiting.callback(b"alice")
        second.callback(None)
        self.assertEqual(peer.status, 101)

    def test_leaves(self):
        """When the peer leaves, nobody is asked any more, and no agent is made."""
        peer = self.ask()
        peer.vanish()
        self.assertEqual(self.cancelled, [self.waiting])
        self.assertEqual((self.agents, self.realm.calls), ([], []))
        self.assertEqual(list(self.guarded._wires), [])

    def test_tooLate(self):
        """When time is up it is 503, and nobody is asked any more."""
        peer = self.ask(handshakeTimeout=3)
        peer.advance(3)
        self.assertEqual(peer.status, 503)
        self.assertEqual(self.cancelled, [self.waiting])
        self.assertEqual((self.agents, self.realm.calls), ([], []))

    def test_knowsInSpite(self):
        """Who is known when nobody waits is logged out at once."""
        self.waiting = self.tokens.answer = Deferred(lambda it: it.callback(b"alice"))
        peer = self.ask()
        peer.vanish()
        self.assertEqual(self.realm.calls, [b"alice", "out"])
        self.assertEqual(self.agents, [])

    def test_deniesInSpite(self):
        """Who is denied when nobody waits is not answered, nor logged."""
        denied = UnauthorizedLogin()
        self.waiting = self.tokens.answer = Deferred(lambda it: it.errback(denied))
        self.ask().vanish()
        self.assertEqual(self.agents, [])

    def test_failsInSpite(self):
        """What goes wrong when nobody waits is logged."""
        self.waiting = self.tokens.answer = Deferred(
            lambda it: it.errback(RuntimeError())
        )
        self.ask().vanish()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_cancelsItself(self):
        """A checker that gives up of its own is one that fails."""
        peer = self.ask()
        self.waiting.cancel()
        self.assertEqual(peer.status, 500)
        self.assertEqual(len(self.flushLoggedErrors(CancelledError)), 1)


class ExpiryTests(GuardCase):
    """Credentials that expire take their connection along."""

    BEARER = ("Authorization", "Bearer t")

    def test_closed(self):
        """It is closed with 4401, and then logged out."""
        peer = self.connect(self.factory(Tokens(100), pingInterval=None), self.BEARER)
        peer.advance(99)
        self.assertIsNone(peer.closed)
        peer.advance(1)
        self.assertEqual(peer.closed, (4401, "credentials have expired"))
        self.assertTrue(peer.isDisconnected)
        self.assertEqual(self.realm.calls, [b"alice", "out"])

    def test_code(self):
        """The code is a setting."""
        factory = self.factory(Tokens(1), expiryCode=1008)
        peer = self.connect(factory, self.BEARER)
        peer.advance(1)
        self.assertEqual(peer.closed, (1008, "credentials have expired"))

    def test_deaf(self):
        """Who does not hear it is aborted."""
        peer = self.connect(self.factory(Tokens(1), closeTimeout=2), self.BEARER)
        peer.pauseReading()
        peer.advance(1)
        peer.advance(2)
        self.assertTrue(peer.transport.wasAborted)
        self.assertEqual(self.realm.calls, [b"alice", "out"])

    def test_far(self):
        """The clock on the wall is looked at again now and then."""
        factory = self.factory(Tokens(10 * 3600), pingInterval=None)
        peer = self.connect(factory, self.BEARER)
        for _ in range(9):
            peer.advance(3600)
        self.assertIsNone(peer.closed)
        peer.advance(3600)
        self.assertEqual(peer.closed[0], 4401)

    def test_wallClock(self):
        """A wall clock that is set, as after a sleep, is noticed within the hour."""
        wall = [0]
        portal = Portal(self.realm, [Tokens(5000)])
        factory = WebSocketServerFactory(
            Noting,
            settings=Settings(pingInterval=None),
            reactor=self.clock,
            guard=Guard(portal, now=lambda: wall[0]),
        )
        peer = self.connect(factory, self.BEARER)
        wall[0] = 6000
        peer.advance(3600)
        self.assertEqual(peer.closed[0], 4401)

    def test_gone(self):
        """Who is gone before leaves no timer behind."""
        peer = self.connect(self.factory(Tokens(100)), self.BEARER)
        peer.loseConnection()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_past(self):
        """What has expired already lets nobody in."""
        self.clock.advance(5)
        peer = self.connect(self.factory(Tokens(5)), self.BEARER)
        self.assertEqual(peer.status, 401)
        self.assertEqual(self.realm.calls, [b"alice", "out"])
        self.assertEqual(self.agents, [])

    def test_whileDeciding(self):
        """What expires while the agent decides is refused."""
        waiting = Deferred()
        factory = self.factory(Tokens(1), decide=lambda _: waiting)
        peer = self.connect(factory, self.BEARER)
        peer.advance(1)
        self.assertEqual(peer.status, 503)
        self.assertEqual(self.realm.calls, [b"alice", "out"])

    def test_never(self):
        """What does not expire has no timer."""
        factory = self.factory(Tokens(), pingInterval=None)
        self.connect(factory, self.BEARER)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class SchemesTests(GuardCase):
    """What a guard looks for."""

    def kinds(self, *checkers):
        """Name the schemes of a portal."""
        return [type(each) for each in schemesOf(Portal(self.realm, checkers))]

    def test_usual(self):
        """By default it is what the portal can check."""
        self.assertEqual(self.kinds(self.users()), [Digest, Basic])
        self.assertEqual(self.kinds(Tokens()), [Bearer, Subprotocol])
        self.assertEqual(self.kinds(AllowAnonymousAccess()), [])
        plain = self.users()
        plain.credentialInterfaces = (IUsernamePassword,)
        self.assertEqual(self.kinds(plain, Tokens()), [Basic, Bearer, Subprotocol])

    def test_wrong(self):
        """What the portal cannot check is refused at once."""
        for checkers, schemes, said in (
            ([Tokens()], [Basic()], "Basic, allowed: what the portal can check"),
            (
                [self.users()],
                [Cookie("a")],
                "Cookie, allowed: what the portal can check",
            ),
            ([], None, "a portal that can check nothing of what is known here"),
            ([Tokens()], [], "a portal that can check nothing of what is known here"),
        ):
            with self.assertRaises(ValueError, msg=said) as caught:
                Guard(Portal(self.realm, checkers), schemes)
            self.assertEqual(str(caught.exception), said)

    def test_everybodysPages(self):
        """What browsers send by themselves does not go with pages of everybody."""
        checkers = (Tokens(), InMemoryUsernamePasswordDatabaseDontUse(alice=b"x"))
        for schemes, origins, isAllowed in (
            ([Cookie("a")], ("https://a", "*"), False),
            ([Cookie("a")], ("https://a", "null"), False),
            ([Cookie("a")], ("https://a",), True),
            ([Cookie("a")], None, True),
            ([Basic()], ("*",), False),
            ([Digest()], ("null",), False),
            ([Bearer()], ("*",), True),
            ([Bearer()], ("null",), True),
        ):
            if isAllowed:
                self.factory(*checkers, schemes=schemes, origins=origins)
                continue
            with self.assertRaises(ValueError) as caught:
                self.factory(*checkers, schemes=schemes, origins=origins)
            self.assertEqual(
                str(caught.exception),
                f"origins: {origins[-1]!r}, allowed with what browsers send by "
                "themselves: those you trust",
            )


def digestAnswer(challenge: str, password: bytes, target: str = "/") -> str:
    """Answer a challenge of Digest, as Alice."""
    from twisted.cred._digest import calcHA1, calcHA2, calcResponse

    told = {
        name: value.encode()
        for name, value in re.findall(r'(\w+)="?([^",]*)"?', challenge)
    }
    nonce = told["nonce"]
    one = calcHA1(b"md5", b"alice", told["realm"], password, nonce, b"c")
    two = calcHA2(b"md5", b"GET", target.encode(), b"auth", None)
    proof = calcResponse(one, two, b"md5", nonce, b"00000001", b"c", b"auth")
    return (
        f'Digest username="alice", realm="{told["realm"].decode()}", uri="{target}", '
        f'nonce="{nonce.decode()}", opaque="{told["opaque"].decode()}", qop=auth, '
        f'nc=00000001, cnonce="c", response="{proof.decode()}"'
    )
