"""L{wsagent.webtokens}: JSON Web Tokens."""

import sys
from base64 import urlsafe_b64encode
from json import dumps
from time import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from wsagent.credentials import Token
from wsagent.webtokens import WebTokens

SECRET = b"s" * 32
FAR = 4_000_000_000


def public(key) -> bytes:
    """Write the public half of a key."""
    return key.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )


class WebTokensTests(SynchronousTestCase):
    """L{WebTokens} knows what is signed with a key, and nothing else."""

    def setUp(self):
        """Have a checker of the simplest kind."""
        self.checker = WebTokens(SECRET, "HS256")

    def signed(self, key=SECRET, algorithm="HS256", **claims) -> Token:
        """Sign claims; those that are C{None} are left out."""
        claims = {"sub": "alice", "exp": FAR, **claims}
        left = {name: value for name, value in claims.items() if value is not None}
        return Token(jwt.encode(left, key, algorithm).encode())

    def assertUnknown(self, token, checker=None):
        """Demand that a token is nobody's."""
        with self.assertRaises(UnauthorizedLogin) as caught:
            (checker or self.checker).requestAvatarId(token)
        self.assertEqual(str(caught.exception), "")
        self.assertIsNone(token.expires)

    def test_known(self):
        """A token that is signed tells a name, and when it expires."""
        verifyObject(ICredentialsChecker, self.checker)
        for exp, expires in ((FAR, FAR), (FAR + 0.5, FAR + 0.5)):
            token = self.signed(exp=exp)
            self.assertEqual(self.checker.requestAvatarId(token), b"alice")
            self.assertEqual(token.expires, expires)
        token = self.signed(sub="zoë")
        self.assertEqual(self.checker.requestAvatarId(token), "zoë".encode())

    def test_algorithms(self):
        """Each algorithm has its own kind of key, and no other is accepted."""
        curve, edwards = (
            ec.generate_private_key(ec.SECP256R1()),
            Ed25519PrivateKey.generate(),
        )
        pairs = {
            "ES256": (curve, public(curve)),
            "EdDSA": (edwards, public(edwards)),
            "HS256": (SECRET, SECRET),
        }
        for name, (_, known) in pairs.items():
            checker = WebTokens(known, name)
            for other, (key, _) in pairs.items():
                token = self.signed(key, other)
                if other == name:
                    self.assertEqual(checker.requestAvatarId(token), b"alice")
                else:
                    self.assertUnknown(token, checker)

    def test_confusion(self):
        """What is signed with the public key, as if that were a secret, is not."""
        key = ec.generate_private_key(ec.SECP256R1())
        parts = [
            urlsafe_b64encode(dumps(part).encode()).rstrip(b"=")
            for part in ({"alg": "HS256"}, {"sub": "alice", "exp": FAR})
        ]
        hmac = jwt.get_algorithm_by_name("HS256")
        signature = urlsafe_b64encode(hmac.sign(b".".join(parts), public(key)))
        token = Token(b".".join((*parts, signature.rstrip(b"="))))
        self.assertUnknown(token, WebTokens(public(key), "ES256"))

    def test_unsigned(self):
        """What is not signed, or by somebody else, or changed, is not known."""
        self.assertUnknown(self.signed("", "none"))
        self.assertUnknown(self.signed(b"x" * 32))
        octets = bytes(self.signed().token)
        head, body, signature = octets.split(b".")
        for wrong in (
            b"",
            b".",
            b"..",
            b"a.b.c",
            b"\xff.\xff.\xff",
            head + b"." + body + b".",
            octets + b"x",
            octets[:-2],
            b".".join((head, body[:-2], signature)),
        ):
            self.assertUnknown(Token(wrong))

    def test_times(self):
        """A token has to say when it expires, and is good neither then nor before."""
        now = time()
        for claims in (
            {"exp": None},
            {"exp": now - 1},
            {"exp": "soon"},
            {"nbf": now + 60},
            {"iat": now + 60},
        ):
            self.assertUnknown(self.signed(**claims))
        token = self.signed(nbf=now - 1, iat=now - 1)
        self.assertEqual(self.checker.requestAvatarId(token), b"alice")

    def test_noTime(self):
        """One that expires when no clock will tell is nobody's: found by fuzzing."""
        for exp in (10**400, float("inf"), float("nan"), [], True):
            self.assertUnknown(self.signed(exp=exp))

    def test_audience(self):
        """A token is for us, or for nobody in particular."""
        self.assertUnknown(self.signed(aud="chat"))
        checker = WebTokens(SECRET, "HS256", audience="chat")
        for audience in ("chat", ["mail", "chat"]):
            token = self.signed(aud=audience)
            self.assertEqual(checker.requestAvatarId(token), b"alice")
        for audience in (None, "mail", ["mail"], []):
            self.assertUnknown(self.signed(aud=audience), checker)

    def test_issuer(self):
        """Who has signed it is the right one."""
        checker = WebTokens(SECRET, "HS256", issuer="https://id.example")
        token = self.signed(iss="https://id.example")
        self.assertEqual(checker.requestAvatarId(token), b"alice")
        for issuer in (None, "https://evil.example"):
            self.assertUnknown(self.signed(iss=issuer), checker)

    def test_claim(self):
        """The name is text, in the claim that was told."""
        self.assertUnknown(self.signed(sub=None))
        self.assertUnknown(self.signed(sub="\ud800"))
        checker = WebTokens(SECRET, "HS256", claim="email")
        token = self.signed(email="a@example.com")
        self.assertEqual(checker.requestAvatarId(token), b"a@example.com")
        for claims in ({}, {"email": 5}, {"email": ["a"]}, {"email": {}}):
            self.assertUnknown(self.signed(**claims), checker)

    def test_wrongKeys(self):
        """What is no algorithm, or no key of it, is refused at once."""
        curve = ec.generate_private_key(ec.SECP256R1())
        private = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for key, algorithm, said in (
            (SECRET, "none", "algorithm 'none', allowed: such as RS256 or ES256"),
            (SECRET, "HS257", "algorithm 'HS257', allowed: such as RS256 or ES256"),
            (SECRET[1:], "HS256", "a secret of 31 octets, needed for HS256: 32"),
            (SECRET, "HS512", "a secret of 32 octets, needed for HS512: 64"),
            (public(curve), "HS256", "no key for HS256, needed: PEM"),
            (public(curve), "RS256", "no key for RS256, needed: PEM"),
            (SECRET, "RS256", "no key for RS256, needed: PEM"),
            (b"", "EdDSA", "no key for EdDSA, needed: PEM"),
            (private, "ES256", "a private key, needed: the public one"),
        ):
            with self.assertRaises(ValueError, msg=algorithm) as caught:
                WebTokens(key, algorithm)
            self.assertEqual(str(caught.exception), said)

    def test_notInstalled(self):
        """Without PyJWT, or cryptography, it says what to install."""
        algorithms = dict(jwt.algorithms.get_default_algorithms())
        del algorithms["ES256"]
        self.patch(jwt.api_jws._jws_global_obj, "_algorithms", algorithms)
        with self.assertRaises(ImportError) as caught:
            WebTokens(SECRET, "ES256")
        self.assertIn("pip install 'wsagent[jwt]'", str(caught.exception))
        self.addCleanup(sys.modules.__setitem__, "jwt", jwt)
        sys.modules["jwt"] = None
        with self.assertRaises(ImportError) as caught:
            WebTokens(SECRET, "HS256")
        self.assertIn("pip install 'wsagent[jwt]'", str(caught.exception))
