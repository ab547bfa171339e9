"""L{wsagent.checkers}: C{token:} and C{jwt:} of C{--auth}."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import jwt
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.strcred import (
    ICheckerFactory,
    InvalidAuthArgumentString,
    findCheckerFactory,
    makeChecker,
)
from twisted.internet.defer import Deferred
from twisted.plugin import IPlugin
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from wsagent.checkers import FirstOf, tokenFile, webTokens
from wsagent.credentials import IToken, Token
from wsagent.tokens import addToken

SECRET = b"s" * 32


def signed(**claims) -> Token:
    """Sign claims."""
    then = datetime.now(timezone.utc) + timedelta(minutes=1)
    told = {"sub": "alice", "exp": then, **claims}
    return Token(jwt.encode(told, SECRET, "HS256").encode())


class FactoriesTests(SynchronousTestCase):
    """What Twisted finds for C{--auth}."""

    def setUp(self):
        """Have a place for a file."""
        self.path = Path(self.mktemp())

    def assertWrong(self, description, said):
        """Demand one line."""
        with self.assertRaises(InvalidAuthArgumentString, msg=description) as caught:
            makeChecker(description)
        self.assertEqual(str(caught.exception), said)

    def test_found(self):
        """Twisted finds both as plugins."""
        for factory, name in ((tokenFile, "token"), (webTokens, "jwt")):
            verifyObject(ICheckerFactory, factory)
            verifyObject(IPlugin, factory)
            self.assertIs(findCheckerFactory(name), factory)
            self.assertEqual(tuple(factory.credentialInterfaces), (IToken,))
            self.assertIn("token", factory.authHelp)

    def test_token(self):
        """C{token:} is the name of a file."""
        token = addToken(self.path, "alice")
        checker = makeChecker(f"token:{self.path}")
        self.assertEqual(checker.requestAvatarId(Token(token.encode())), b"alice")

    def test_wrongToken(self):
        """A file that is not there, or wrong, is told in one line."""
        self.assertWrong(
            f"token:{self.path}", f"{self.path}: No such file or directory"
        )
        self.path.write_text("nonsense\n")
        needed = "needed: name:sha256, or name:sha256:expiry"
        self.assertWrong(f"token:{self.path}", f"{self.path}:1: {needed}")
        self.assertWrong("token", ".: Is a directory")

    def test_jwt(self):
        """C{jwt:} is the name of a file with a key, and what a token has to say."""
        for end in (b"", b"\n", b"\r\n"):
            self.path.write_bytes(SECRET + end)
            checker = makeChecker(f"jwt:{self.path}:algorithm=HS256")
            self.assertEqual(checker.requestAvatarId(signed()), b"alice")
        checker = makeChecker(
            f"jwt:{self.path}:algorithm=HS256:audience=chat:issuer=https\\://id.example"
            ":claim=email"
        )
        right = {"aud": "chat", "iss": "https://id.example", "email": "a@b=c"}
        self.assertEqual(checker.requestAvatarId(signed(**right)), b"a@b=c")
        for name in right:
            with self.assertRaises(UnauthorizedLogin, msg=name):
                checker.requestAvatarId(signed(**{**right, name: "x"}, sub="x"))
                checker.requestAvatarId(signed(**{**right, name: 5}))

    def test_wrongJWT(self):
        """What is missing, or none of it, is told in one line."""
        needed = "allowed: KEYFILE:algorithm=RS256[:audience=A][:issuer=I][:claim=sub]"
        for rest in (
            "",
            ":RS256",
            ":audience=a",
            ":algorithm=RS256:leeway=1",
            ":algorithm=RS256:algorithm=HS256",
            ":algorithm=RS256:issuer=https://id.example",
        ):
            self.assertWrong(f"jwt:{self.path}{rest}", needed)
        description = f"jwt:{self.path}:algorithm=HS256"
        self.assertWrong(description, f"{self.path}: No such file or directory")
        self.path.write_bytes(b"secret")
        self.assertWrong(description, "a secret of 6 octets, needed for HS256: 32")
        self.assertWrong(
            f"jwt:{self.path}:algorithm=none",
            "algorithm 'none', allowed: such as RS256 or ES256",
        )


class Named:
    """Knows tokens that begin with a letter, or answers something else."""

    def __init__(self, letter, answer=None):
        """@param answer: in place of the letter."""
        self._letter = letter
        self._answer = answer or letter

    def requestAvatarId(self, credentials):
        """Answer."""
        if isinstance(self._answer, Exception):
            raise self._answer
        if isinstance(self._answer, Deferred):
            return self._answer
        if not credentials.token.startswith(self._letter):
            raise UnauthorizedLogin
        return self._answer


class FirstOfTests(SynchronousTestCase):
    """L{FirstOf} asks one checker after the other."""

    def test_first(self):
        """Who knows the credentials first is right."""
        checker = FirstOf(IToken, [Named(b"a"), Named(b"b"), Named(b"ab", b"late")])
        verifyObject(ICredentialsChecker, checker)
        self.assertEqual(checker.credentialInterfaces, (IToken,))
        for token in (b"a", b"b", b"ab"):
            found = checker.requestAvatarId(Token(token))
            self.assertEqual(self.successResultOf(found), token[:1])
        self.failureResultOf(checker.requestAvatarId(Token(b"c")), UnauthorizedLogin)

    def test_fails(self):
        """What goes wrong is not covered by those that follow."""
        checker = FirstOf(IToken, [Named(b"a", RuntimeError()), Named(b"b")])
        self.failureResultOf(checker.requestAvatarId(Token(b"b")), RuntimeError)

    def test_later(self):
        """One may take its time; to cancel it is to ask no others."""
        cancelled = []
        slow = Deferred(cancelled.append)
        checker = FirstOf(IToken, [Named(b"a", slow), Named(b"b")])
        found = checker.requestAvatarId(Token(b"b"))
        self.assertNoResult(found)
        slow.errback(UnauthorizedLogin())
        self.assertEqual(self.successResultOf(found), b"b")
        slow = Deferred(cancelled.append)
        checker = FirstOf(IToken, [Named(b"a"), Named(b"b", slow), Named(b"c")])
        found = checker.requestAvatarId(Token(b"c"))
        found.addErrback(lambda _: None)
        found.cancel()
        self.assertEqual(cancelled, [slow])
