"""L{wsagent.authoptions}: C{--auth}, and what goes with it."""

import io
import os
import sys
from base64 import b64encode
from pathlib import Path

from twisted.cred import strcred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsagent import authoptions
from wsagent.schemes import Basic, Bearer, Cookie, Digest, Subprotocol
from wsagent.tap import Options
from wsagent.testing import connected, upgradeRequest
from wsagent.tokens import addToken

FAR = 4_000_000_000
KINDS = "anonymous, file, jwt, memory, token, unix"


class AuthCase(SynchronousTestCase):
    """A test of options."""

    def setUp(self):
        """Have files of passwords and of tokens."""
        self.passwords = Path(self.mktemp())
        self.passwords.write_text("bob:builder\n")
        self.tokens = Path(self.mktemp())
        self.token = addToken(self.tokens, "carol")

    def parsed(self, *arguments):
        """Read a command line."""
        options = Options()
        options.parseOptions(["--port=0", *arguments])
        return options

    def connect(self, factory, *headers):
        """Connect a peer; say how it was answered, and who it is."""
        factory._reactor = Clock()
        peer = connected(factory, request=upgradeRequest("/", headers=headers))
        self.addCleanup(peer.vanish)
        return peer.agent.avatar if peer.status == 101 else peer.status

    def basic(self, text):
        """Write Basic credentials."""
        return ("Authorization", f"Basic {b64encode(text.encode()).decode()}")


class AuthOptionsTests(AuthCase):
    """What is told, and what is made of it."""

    def test_default(self):
        """Told nothing, it lets everybody in."""
        self.assertIsNone(self.parsed().makeFactory().guard)

    def test_memory(self):
        """C{memory:} is names and passwords."""
        factory = self.parsed("--auth=memory:alice:secret:zoë:½").makeFactory()
        self.assertEqual(self.connect(factory, self.basic("alice:secret")), "alice")
        self.assertEqual(self.connect(factory, self.basic("zoë:½")), "zoë")
        self.assertEqual(self.connect(factory, self.basic("alice:½")), 401)
        self.assertEqual(self.connect(factory), 401)

    def test_file(self):
        """C{file:} is a file of them, which is read again when it has changed."""
        factory = self.parsed("--auth", f"file:{self.passwords}").makeFactory()
        self.assertEqual(self.connect(factory, self.basic("bob:builder")), "bob")
        self.assertEqual(self.connect(factory, self.basic("eve:builder")), 401)
        with self.passwords.open("a") as file:
            file.write("dan:driver\n")
        os.utime(self.passwords, (FAR, FAR))
        self.assertEqual(self.connect(factory, self.basic("dan:driver")), "dan")

    def test_token(self):
        """C{token:} is a file of tokens."""
        factory = self.parsed("--auth", f"token:{self.tokens}").makeFactory()
        bearer = ("Authorization", f"Bearer {self.token}")
        self.assertEqual(self.connect(factory, bearer), "carol")
        self.assertEqual(self.connect(factory, ("Cookie", f"s={self.token}")), 401)

    def test_cookie(self):
        """C{--auth-cookie} names a cookie that does as well."""
        factory = self.parsed(
            f"--auth=token:{self.tokens}", "--auth-cookie=s", "--auth-cookie=t"
        ).makeFactory()
        for name in ("s", "t"):
            cookie = ("Cookie", f"{name}={self.token}")
            self.assertEqual(self.connect(factory, cookie), "carol")

    def test_several(self):
        """Each C{--auth} is enough."""
        factory = self.parsed(
            f"--auth=file:{self.passwords}",
            f"--auth=token:{self.tokens}",
            "--auth=memory:alice:secret",
        ).makeFactory()
        for header, name in (
            (self.basic("bob:builder"), "bob"),
            (self.basic("alice:secret"), "alice"),
            (("Authorization", f"Bearer {self.token}"), "carol"),
            (self.basic("alice:builder"), 401),
        ):
            self.assertEqual(self.connect(factory, header), name)

    def test_anonymous(self):
        """C{anonymous} lets in all others too."""
        factory = self.parsed("--auth=anonymous", "--auth=memory:a:b").makeFactory()
        self.assertIsNone(self.connect(factory))
        self.assertEqual(self.connect(factory, self.basic("a:b")), "a")
        self.assertEqual(self.connect(factory, self.basic("a:c")), 401)

    def test_schemes(self):
        """Digest is asked for where it does for everybody."""
        for arguments, kinds in (
            (["memory:a:b"], [Digest, Basic]),
            (["memory:a:b", f"file:{self.passwords}"], [Digest, Basic]),
            (["memory:a:b", "unix"], [Basic]),
            (["unix", f"token:{self.tokens}"], [Basic, Bearer, Subprotocol]),
        ):
            self.patch(authoptions, "find_spec", lambda _: "there")
            options = self.parsed(*[f"--auth={each}" for each in arguments])
            found = [type(each) for each in options.guard._schemes]
            self.assertEqual(found, kinds, arguments)
        options = self.parsed(f"--auth=token:{self.tokens}", "--auth-cookie=s")
        self.assertIsInstance(options.guard._schemes[-1], Cookie)

    def test_routes(self):
        """Routes are guarded as well."""
        options = self.parsed("--route=/x=wsagent.demo:Echo", "--auth=memory:a:b")
        self.assertIsNotNone(options.makeFactory().guard)

    def test_wrong(self):
        """What is wrong is one line that tells what is allowed, but no password."""
        nowhere = self.passwords.with_name("nowhere")
        self.patch(authoptions, "find_spec", lambda _: None)
        for arguments, said in (
            (["--auth=memry:a:secret"], f"--auth memry: allowed: {KINDS}"),
            (["--auth="], f"--auth : allowed: {KINDS}"),
            ([f"--auth=file:{nowhere}"], f"--auth file:{nowhere}: no such file"),
            (["--auth=file"], "--auth file: 'file' requires a filename"),
            (
                ["--auth=memory:alice:secret:bob"],
                "--auth memory: argstring must be in format U:P:...",
            ),
            (["--auth=unix"], "--auth unix: this Python has no module crypt"),
            (
                [f"--auth=token:{nowhere}"],
                f"--auth token:{nowhere}: {nowhere}: No such file or directory",
            ),
            (
                [f"--auth=jwt:{nowhere}"],
                (
                    f"--auth jwt:{nowhere}: allowed: KEYFILE:algorithm=RS256"
                    "[:audience=A][:issuer=I][:claim=sub]"
                ),
            ),
            (["--auth-cookie=a b"], "--auth-cookie a b: allowed: an HTTP token"),
            (
                ["--auth-cookie=s", "--auth=memory:a:b"],
                "--auth-cookie: allowed: with --auth token: or jwt:",
            ),
            (
                ["--auth-cookie=s", "--origin=*", f"--auth=token:{self.tokens}"],
                (
                    "--origin: origins: '*', allowed with what browsers send by "
                    "themselves: those you trust"
                ),
            ),
            (["--help-auth-type=nonsense"], "Invalid auth type: nonsense"),
        ):
            with self.assertRaises(SystemExit, msg=arguments) as caught:
                self.parsed(*arguments)
            self.assertEqual(caught.exception.code, f"wsagent: {said}")

    def test_notSupported(self):
        """A kind that is of no use here is not allowed, and not listed."""

        class Useless:
            authType = "useless"
            credentialInterfaces = ()

            def generateChecker(self, argument):
                return self

        factories = [*strcred.findCheckerFactories(), Useless()]
        self.patch(strcred, "findCheckerFactories", lambda: factories)
        self.patch(authoptions, "findCheckerFactories", lambda: factories)
        with self.assertRaises(SystemExit) as caught:
            self.parsed("--auth=useless")
        self.assertEqual(
            caught.exception.code, f"wsagent: --auth useless: allowed: {KINDS}"
        )

    def test_help(self):
        """C{--help-auth} lists the kinds, C{--help-auth-type} tells of one."""
        for arguments, said in (
            (["--help-auth"], ("memory", "token", "jwt", "KEYFILE:algorithm=")),
            (["--help-auth-type=token"], ("wsagent token FILE NAME", "SHA-256")),
            (["--help-auth-type=jwt"], ("wsagent[jwt]", r"\:")),
        ):
            output = io.StringIO()
            self.patch(sys, "stdout", output)
            self.patch(Options, "authOutput", output)
            with self.assertRaises(SystemExit) as caught:
                self.parsed(*arguments)
            self.assertEqual(caught.exception.code, 0)
            for text in said:
                self.assertIn(text, output.getvalue())
