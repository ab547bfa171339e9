"""L{wsagent.cli}."""

import io
import ssl
import sys
from time import time

from twisted.trial.unittest import SynchronousTestCase

from wsagent import cli
from wsagent.credentials import Token
from wsagent.tokens import TokenFile

URL = "ws://127.0.0.1:1/"


class OptionsTests(SynchronousTestCase):
    """The command line is read strictly."""

    def setUp(self):
        """Catch what is said to a person."""
        self.output = io.StringIO()
        self.errors = io.StringIO()
        self.patch(sys, "stdout", self.output)
        self.patch(sys, "stderr", self.errors)

    def parsed(self, *arguments: str):
        """Read options."""
        return cli._parser().parse_args(["connect", *arguments, URL])

    def test_defaults(self):
        """Nothing but a URL is needed."""
        options = self.parsed()
        self.assertEqual(options.url, URL)
        self.assertEqual((options.header, options.subprotocol), ([], []))
        self.assertEqual((options.origin, options.binary, options.cacert), (None,) * 3)
        self.assertFalse(options.compress or options.insecure or options.json)
        self.assertEqual((options.timeout, options.wait), (20, 1))
        self.assertEqual(options.message_limit, 16_777_216)

    def test_values(self):
        """Every option has its value, those that may be repeated have all."""
        options = self.parsed(
            *("--header", "X-A: b: c", "--header", "X-A:", "--origin", "https://a"),
            *("--subprotocol", "a", "--subprotocol", "b", "--compress", "--json"),
            *("--timeout", "0.5", "--wait", "none", "--message-limit", "none"),
            *("--binary", "hex", "--insecure"),
        )
        self.assertEqual(options.header, [("X-A", "b: c"), ("X-A", "")])
        self.assertEqual(
            (options.origin, options.subprotocol), ("https://a", ["a", "b"])
        )
        self.assertTrue(options.compress and options.json and options.insecure)
        self.assertEqual((options.timeout, options.wait), (0.5, None))
        self.assertEqual((options.message_limit, options.binary), (None, "hex"))
        self.assertEqual(self.parsed("--wait", "0").wait, 0)
        self.assertEqual(self.parsed("--message-limit", "9").message_limit, 9)

    def test_wrong(self):
        """One line names what was told and what is allowed, with status 2."""
        count = "a whole number from 1, below 2**63, or none"
        for arguments, line in (
            (["--timeout", "0", URL], "--timeout: '0', allowed: seconds over 0"),
            (["--timeout", "nan", URL], "--timeout: 'nan', allowed: seconds over 0"),
            (["--timeout", "inf", URL], "--timeout: 'inf', allowed: seconds over 0"),
            (["--wait", "-1", URL], "--wait: '-1', allowed: seconds from 0, or none"),
            (
                ["--message-limit", "0", URL],
                f"--message-limit: '0', allowed: {count}",
            ),
            (
                ["--message-limit", str(2**63), URL],
                f"--message-limit: '{2**63}', allowed: {count}",
            ),
            (["--header", "X", URL], "--header: 'X', allowed: 'Name: value'"),
            (["--header", ": X", URL], "--header: ': X', allowed: 'Name: value'"),
            (["--header", "Host: a", URL], "field Host, which the handshake writes"),
            (
                ["--header", "X: \x1b", URL],
                r"'\x1b' in X, allowed: Latin-1 without control",
            ),
            (
                ["--subprotocol", "a b", URL],
                "subprotocol 'a b', allowed: an HTTP token",
            ),
            (["--binary", "x", URL], "--binary: invalid choice: 'x' (choose from "),
            (
                ["--cacert", "/nonexistent", URL],
                "--cacert: '/nonexistent', allowed: a PEM file of certificates (No ",
            ),
            (
                ["--cacert", __file__, URL],
                f"--cacert: {__file__!r}, allowed: a PEM file of certificates (no cert",
            ),
            (["--cacert", ssl.__file__, "--insecure", URL], "--cacert: "),
            (["--bogus", URL], "unrecognized arguments: --bogus, see --help"),
            (["--time=1", URL], "unrecognized arguments: --time=1"),
            (
                ["http://localhost/"],
                "URL: 'http://localhost/': scheme 'http', allowed: ws or wss",
            ),
            (["ws://a\x1b/"], r"URL: 'ws://a\x1b/': white space, allowed: none"),
            ([URL, "more"], "unrecognized arguments: more"),
            ([], "the following arguments are required: URL"),
        ):
            self.errors.truncate(self.errors.seek(0))
            try:
                status = cli.main(["connect", *arguments])
            except SystemExit as exit_:
                status = exit_.code
            said = self.errors.getvalue()
            self.assertEqual((status, said.count("\n")), (2, 1), said)
            self.assertTrue(said.startswith(f"wsagent: {line}"), said)
        self.assertEqual(self.output.getvalue(), "")

    def test_token(self):
        """C{token} adds a token to a file, and prints it."""
        path = self.mktemp()
        self.assertEqual(cli.main(["token", path, "alice"]), 0)
        self.assertEqual(cli.main(["token", "--days", "7", path, "bob"]), 0)
        alice, bob = self.output.getvalue().split()
        now = time()
        checker = TokenFile(path)
        for token, name, days in ((alice, b"alice", None), (bob, b"bob", 7)):
            credentials = Token(token.encode())
            self.assertEqual(checker.requestAvatarId(credentials), name)
            if days is None:
                self.assertIsNone(credentials.expires)
            else:
                left = credentials.expires - now
                self.assertLess(abs(left - days * 86_400), 60)

    def test_wrongToken(self):
        """What C{token} cannot do is one line, with status 2."""
        path = self.mktemp()
        for arguments, line in (
            ([f"{path}/x", "a"], f"{path}/x: No such file or directory"),
            ([path, "a:b"], "name 'a:b', allowed: printable, without a colon"),
            (
                ["--days=0", path, "a"],
                "--days: '0', allowed: a whole number of days from 1",
            ),
            (
                ["--days", "9" * 20, path, "a"],
                f"--days: '{'9' * 20}', allowed: a whole number of days from 1",
            ),
            ([path], "the following arguments are required: NAME, see --help"),
        ):
            self.errors.truncate(self.errors.seek(0))
            try:
                status = cli.main(["token", *arguments])
            except SystemExit as exit_:
                status = exit_.code
            self.assertEqual(
                (status, self.errors.getvalue()), (2, f"wsagent: {line}\n")
            )
        self.assertEqual(self.output.getvalue(), "")

    def test_noCommand(self):
        """A command is needed."""
        self.assertRaises(SystemExit, cli.main, [])
        self.assertIn("COMMAND", self.errors.getvalue())

    def test_help(self):
        """The help tells every option, and what the exit status means."""
        self.assertRaises(SystemExit, cli.main, ["connect", "--help"])
        said = self.output.getvalue()
        for option in ("header", "origin", "subprotocol", "compress", "insecure"):
            self.assertIn(f"--{option}", said)
        self.assertIn("  130  Ctrl-C", said)
