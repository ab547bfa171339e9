"""L{wsagent.schemes}: how credentials come with a request."""

import re
from base64 import b64encode
from hashlib import md5

from twisted.cred.error import LoginFailed
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from wsagent.core.handshake import readRequest
from wsagent.core.heads import HeadReader, requestLine
from wsagent.schemes import Basic, Bearer, Cookie, Digest, Subprotocol
from wsagent.testing import upgradeRequest

PEER = IPv4Address("TCP", "192.0.2.1", 54321)


def asked(*headers, subprotocols=(), target="/", peer=PEER):
    """Make a request."""
    octets = upgradeRequest(target, subprotocols, headers)
    start, fields, _ = HeadReader(requestLine, 65_536).feed(octets)
    return readRequest(start, fields, peer)


def basic(text: str | bytes) -> str:
    """Write Basic credentials."""
    octets = text if isinstance(text, bytes) else text.encode()
    return f"Basic {b64encode(octets).decode()}"


class SchemeCase(SynchronousTestCase):
    """A test of one scheme."""

    def assertFails(self, scheme, *headers, **how):
        """Demand that there is something, and that it cannot be read."""
        with self.assertRaises(LoginFailed, msg=headers):
            scheme.read(asked(*headers, **how))


class BasicTests(SchemeCase):
    """L{Basic} finds a name and a password."""

    def test_read(self):
        """They stand in base64, with a colon between them."""
        for shown, name, password in (
            (basic("alice:secret"), b"alice", b"secret"),
            (basic("alice:"), b"alice", b""),
            (basic(":a:b"), b"", b"a:b"),
            (basic("zoë:½"), "zoë".encode(), "½".encode()),
            (basic("alice:secret").replace("Basic ", "bASIC  "), b"alice", b"secret"),
        ):
            found = Basic().read(asked(("Authorization", shown)))
            self.assertEqual((found.username, found.password), (name, password))

    def test_none(self):
        """What is another's, or not there, is left alone."""
        self.assertIsNone(Basic().read(asked()))
        for other in ("Bearer x", "Basically x", "Digest x=y"):
            self.assertIsNone(Basic().read(asked(("Authorization", other))))

    def test_wrong(self):
        """What is no name and no password, in UTF-8, is refused."""
        for shown in (
            "Basic",
            "Basic ",
            "Basic !",
            "Basic YTpi YTpi",
            "Basic YTpi=",
            "Basic YTpiY",
            basic("alice"),
            basic(b"\xff:a"),
            basic(b"a:\xff"),
            basic("a\0b:c"),
            basic("a:b\n"),
            basic("a:\x7f"),
        ):
            self.assertFails(Basic(), ("Authorization", shown))

    def test_twice(self):
        """Two fields are one too many, whatever they say."""
        one = ("Authorization", basic("a:b"))
        for other in (one, ("Authorization", "Bearer x")):
            self.assertFails(Basic(), one, other)

    def test_challenge(self):
        """It asks for them in UTF-8, for a realm."""
        text = 'Basic realm="wsagent", charset="UTF-8"'
        self.assertEqual(Basic().challenge(asked()), text)
        self.assertIn('realm="the [chat]"', Basic("the [chat]").challenge(asked()))

    def test_realm(self):
        """A realm that cannot be sent is refused at once."""
        for realm in ('"', "\\", "\r\n", "½", "\x7f"):
            for scheme in Basic, Digest, Bearer:
                with self.assertRaises(ValueError, msg=repr(realm)):
                    scheme(realm)

    def test_without(self):
        """The application sees the request as it is."""
        request = asked(("Authorization", basic("a:b")))
        self.assertIs(Basic().without(request), request)


class DigestTests(SchemeCase):
    """L{Digest} finds a name and a proof."""

    def answer(self, scheme, peer=PEER, password="secret", name="alice", **fields):
        """Answer a challenge, but for what the arguments say; None leaves out."""
        pairs = re.findall(r'(\w+)="?([^",]*)"?', scheme.challenge(asked(peer=peer)))
        told = dict(pairs)
        one = md5(f"{name}:{told['realm']}:{password}".encode()).hexdigest()
        two = md5(b"GET:/chat?a=b").hexdigest()
        between = f"{told['nonce']}:00000001:abc:auth"
        told.update(
            username=name,
            uri="/chat?a=b",
            nc="00000001",
            cnonce="abc",
            response=md5(f"{one}:{between}:{two}".encode()).hexdigest(),
        )
        told.update(fields)
        bare = ("nc", "algorithm", "qop")
        return "Digest " + ", ".join(
            f"{key}={value}" if key in bare else f'{key}="{value}"'
            for key, value in told.items()
            if value is not None
        )

    def read(self, scheme, shown, peer=PEER, target="/chat?a=b"):
        """Have it read."""
        return scheme.read(asked(("Authorization", shown), peer=peer, target=target))

    def test_challenge(self):
        """It asks for MD5, with a nonce that is another each time."""
        scheme = Digest("chat")
        first, second = (scheme.challenge(asked()) for _ in range(2))
        self.assertRegex(
            first,
            r'\ADigest realm="chat", nonce="[0-9a-f]{24}", '
            r'opaque="[0-9a-f]{32}-[\w+/=]+", qop="auth", algorithm=MD5\Z',
        )
        self.assertNotEqual(first, second)

    def test_read(self):
        """A proof is right, or is not."""
        scheme = Digest()
        for peer in PEER, UNIXAddress(None), None:
            found = self.read(scheme, self.answer(scheme, peer), peer)
            self.assertEqual(found.username, b"alice")
            self.assertTrue(found.checkPassword(b"secret"))
            self.assertFalse(found.checkPassword(b"Secret"))
        shown = self.answer(scheme, algorithm=None)
        self.assertTrue(self.read(scheme, shown).checkPassword(b"secret"))

    def test_none(self):
        """What is another's is left alone."""
        self.assertIsNone(Digest().read(asked(("Authorization", basic("a:b")))))

    def test_elsewhere(self):
        """An answer is good from the same address, and for the same target."""
        scheme = Digest()
        shown = self.answer(scheme)
        for how in (
            {"peer": IPv4Address("TCP", "192.0.2.2", 1)},
            {"peer": None},
            {"target": "/"},
            {"target": "/chat?a=c"},
        ):
            with self.assertRaises(LoginFailed, msg=how):
                self.read(scheme, shown, **how)
        with self.assertRaises(LoginFailed):
            self.read(Digest(), shown)

    def test_old(self):
        """An answer is good for a quarter of an hour."""
        scheme = Digest()
        shown = self.answer(scheme)
        later = scheme._factory._getTime() + 15 * 60 + 1
        self.patch(scheme._factory, "_getTime", lambda: later)
        with self.assertRaises(LoginFailed):
            self.read(scheme, shown)

    def test_wrong(self):
        """What is not as it was asked for is refused, and raises nothing else."""
        scheme = Digest()
        for fields in (
            {"username": None},
            {"username": ""},
            {"username": "a\tb"},
            {"nonce": None},
            {"nonce": "x"},
            {"opaque": None},
            {"opaque": "x"},
            {"opaque": "a-b-c"},
            {"opaque": "a-!"},
            {"opaque": "a-b"},
            {"opaque": "a-YQ=="},
            {"opaque": "a-YSxiLGM="},
            {"uri": None},
            {"uri": "/"},
            {"algorithm": "md5-sess"},
            {"algorithm": "SHA-256"},
            {"algorithm": "x"},
            {"qop": None},
            {"qop": "auth-int"},
            {"nc": None},
            {"nc": "1"},
            {"nc": "0000000x"},
            {"cnonce": None},
            {"response": None},
        ):
            with self.assertRaises(LoginFailed, msg=fields):
                self.read(scheme, self.answer(scheme, **fields))
        for shown in (
            "Digest",
            "Digest x",
            "Digest =",
            "Digest ,,,",
            'Digest "',
            "Digest a=b",
        ):
            with self.assertRaises(LoginFailed, msg=shown):
                self.read(scheme, shown)
        octets = self.answer(scheme).replace("Digest ", "Digest \u00ff=x, ")
        with self.assertRaises(LoginFailed):
            self.read(scheme, octets)


class BearerTests(SchemeCase):
    """L{Bearer} finds a token."""

    def test_read(self):
        """It is what stands behind the word."""
        for shown, token in (
            ("Bearer abc", b"abc"),
            ("bearer  a.b-c_d~e+f/g==", b"a.b-c_d~e+f/g=="),
        ):
            found = Bearer().read(asked(("Authorization", shown)))
            self.assertEqual(found.token, token)
        self.assertIsNone(Bearer().read(asked(("Authorization", "Basic abc"))))

    def test_wrong(self):
        """What cannot be a token is refused."""
        for shown in ("Bearer", "Bearer a b", "Bearer a=b", "Bearer a,b", 'Bearer "a"'):
            self.assertFails(Bearer(), ("Authorization", shown))

    def test_challenge(self):
        """It asks for one, and says if there was a wrong one."""
        first = 'Bearer realm="wsagent"'
        self.assertEqual(Bearer().challenge(asked()), first)
        basicToo = asked(("Authorization", basic("a:b")))
        self.assertEqual(Bearer().challenge(basicToo), first)
        wrong = asked(("Authorization", "bearer abc"))
        self.assertEqual(Bearer().challenge(wrong), f'{first}, error="invalid_token"')


class CookieTests(SchemeCase):
    """L{Cookie} finds a token in a cookie."""

    def test_read(self):
        """It is found among others, by its exact name."""
        scheme = Cookie("session")
        for lines in (
            ("session=abc",),
            ("a=b; session=abc;c=d",),
            ("a=b", "session=abc"),
            ('session="abc"',),
            ("session=abc; session=abc",),
            ("xsession=no; Session=no; session=abc; session.=no",),
        ):
            request = asked(*[("Cookie", value) for value in lines])
            self.assertEqual(scheme.read(request).token, b"abc", lines)
            self.assertIs(scheme.without(request), request)
        found = scheme.read(asked(("Cookie", "session=a=b")))
        self.assertEqual(found.token, b"a=b")

    def test_none(self):
        """Without it, there is no token."""
        self.assertIsNone(Cookie("session").read(asked()))
        self.assertIsNone(Cookie("session").read(asked(("Cookie", "a=b; c"))))

    def test_several(self):
        """Two values are one too many: one may be a neighbour's."""
        cookies = ("Cookie", "session=a; session=b")
        self.assertFails(Cookie("session"), cookies)

    def test_name(self):
        """A name that no cookie has is refused at once; nothing is asked for."""
        for name in ("", "a=b", "a b", "a;"):
            with self.assertRaises(ValueError, msg=name):
                Cookie(name)
        self.assertIsNone(Cookie("session").challenge(asked()))


class SubprotocolTests(SchemeCase):
    """L{Subprotocol} finds a token among what is offered."""

    def test_read(self):
        """It is what stands behind the prefix."""
        request = asked(subprotocols=["chat", "bearer.a.b-c"])
        self.assertEqual(Subprotocol().read(request).token, b"a.b-c")
        self.assertIsNone(Subprotocol("token-").read(request))
        request = asked(subprotocols=["token-x", "bearer.y"])
        self.assertEqual(Subprotocol("token-").read(request).token, b"x")
        self.assertIsNone(Subprotocol().read(asked(subprotocols=["bearer", "b"])))

    def test_several(self):
        """Two tokens are one too many."""
        self.assertFails(Subprotocol(), subprotocols=["bearer.a", "bearer.b"])

    def test_without(self):
        """The application sees all but the token."""
        scheme = Subprotocol()
        request = asked(subprotocols=["a", "bearer.x", "b"])
        seen = scheme.without(request)
        self.assertEqual(seen.offeredSubprotocols, ("a", "b"))
        self.assertEqual(request.offeredSubprotocols, ("a", "bearer.x", "b"))
        self.assertEqual((seen.target, seen.peer), (request.target, request.peer))
        self.assertEqual(
            [pair for pair in seen.headers if pair[0] != "sec-websocket-protocol"],
            [pair for pair in request.headers if pair[0] != "sec-websocket-protocol"],
        )
        only = scheme.without(asked(subprotocols=["bearer.x"]))
        self.assertEqual(only.offeredSubprotocols, ())
        self.assertNotIn("sec-websocket-protocol", only.headers)
        none = asked(subprotocols=["a"])
        self.assertIs(scheme.without(none), none)

    def test_prefix(self):
        """A prefix that nothing can be offered with is refused at once."""
        for prefix in ("", "bearer ", "bearer,"):
            with self.assertRaises(ValueError, msg=prefix):
                Subprotocol(prefix)
        self.assertIsNone(Subprotocol().challenge(asked()))
