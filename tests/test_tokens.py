"""L{wsagent.tokens}: tokens in a file."""

import os
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from wsagent.credentials import Token
from wsagent.tokens import TokenFile, addToken

NOON = datetime(2030, 6, 1, 12, tzinfo=timezone.utc)


def line(name: str, token: str, *expiry: str) -> str:
    """Write a line of a file."""
    return ":".join((name, sha256(token.encode()).hexdigest(), *expiry))


class FileCase(SynchronousTestCase):
    """A test with a file of tokens."""

    def setUp(self):
        """It is noon, and there is no file."""
        self.path = Path(self.mktemp())
        self.now = NOON.timestamp()

    def checker(self, *lines: str) -> TokenFile:
        """Write lines, and have them read."""
        self.write(*lines)
        return TokenFile(self.path, lambda: self.now)

    def write(self, *lines: str) -> None:
        """Put a new file into the place of the old."""
        other = self.path.with_name("new")
        other.write_text("\n".join(lines), "utf-8")
        other.replace(self.path)

    def assertKnown(self, checker, token: str, name: str, expires=None):
        """Demand that a token is somebody's."""
        credentials = Token(token.encode())
        self.assertEqual(checker.requestAvatarId(credentials), name.encode())
        self.assertEqual(credentials.expires, expires)

    def assertUnknown(self, checker, token: str):
        """Demand that a token is nobody's."""
        credentials = Token(token.encode())
        with self.assertRaises(UnauthorizedLogin):
            checker.requestAvatarId(credentials)
        self.assertIsNone(credentials.expires)


class TokenFileTests(FileCase):
    """L{TokenFile} knows the tokens of a file."""

    def test_known(self):
        """A token is known by its digest, and its name is the line's."""
        checker = self.checker(
            "# comment",
            "",
            line("alice", "a-1"),
            " " + line("alice", "a-2").upper().replace("ALICE", "alice") + "\r",
            line("zoë and bob", "b"),
        )
        verifyObject(ICredentialsChecker, checker)
        self.assertKnown(checker, "a-1", "alice")
        self.assertKnown(checker, "a-2", "alice")
        self.assertKnown(checker, "b", "zoë and bob")
        for token in ("a-3", "", "a-1 ", "A-1", sha256(b"a-1").hexdigest()):
            self.assertUnknown(checker, token)

    def test_expiry(self):
        """A token is good until it expires, in UTC unless it says otherwise."""
        noon = NOON.timestamp()
        for expiry, expires in (
            ("2030-06-01T12:00:01Z", noon + 1),
            ("2030-06-01T12:00:01z", noon + 1),
            ("2030-06-01T12:00:01", noon + 1),
            ("2030-06-01T14:00:01+02:00", noon + 1),
            ("2030-06-02", noon + 12 * 3600),
        ):
            checker = self.checker(line("a", "t", expiry))
            self.now = noon
            self.assertKnown(checker, "t", "a", expires)
            self.now = expires
            self.assertUnknown(checker, "t")

    def test_wrongLines(self):
        """A line that is none is named by its number, and not repeated."""
        digest = sha256(b"t").hexdigest()
        for wrong in (
            "alice",
            "alice:",
            f":{digest}",
            f"alice:{digest[1:]}",
            f"alice:{digest}0",
            f"alice:{digest[1:]}g",
            f"alice :{digest}",
            f"alice:{digest}:",
            f"alice:{digest}:tomorrow",
            f"alice:{digest}:2030-13-01",
            f"alice:{digest} # comment",
        ):
            with self.assertRaises(ValueError, msg=wrong) as caught:
                self.checker("# comment", line("b", "b"), wrong)
            text = str(caught.exception)
            self.assertTrue(text.startswith(f"{self.path}:3: "), text)
            self.assertIn("needed: ", text)
            self.assertNotIn(digest[1:], text)

    def test_notThere(self):
        """Without a file there is no checker."""
        with self.assertRaises(FileNotFoundError):
            TokenFile(self.path)

    def test_double(self):
        """Of two lines for one token, the first is right."""
        checker = self.checker(line("a", "t"), line("b", "t", "2000-01-01"))
        self.assertKnown(checker, "t", "a")

    def test_changes(self):
        """The file is read again when it has changed."""
        checker = self.checker(line("a", "t"))
        self.assertKnown(checker, "t", "a")
        self.write(line("b", "u"))
        self.assertUnknown(checker, "t")
        self.assertKnown(checker, "u", "b")
        os.utime(self.path, (1, 1))
        self.assertKnown(checker, "u", "b")

    def test_becomesWrong(self):
        """What was read before holds while the file is wrong or gone; once logged."""
        checker = self.checker(line("a", "t"))
        steps = (
            (lambda: self.write("nonsense"), f"{self.path}:1: needed: "),
            (self.path.unlink, "No such file"),
            (lambda: self.write("nonsense"), f"{self.path}:1: needed: "),
        )
        for step, said in steps:
            step()
            with capturedLogs() as events:
                self.assertKnown(checker, "t", "a")
                self.assertKnown(checker, "t", "a")
            (event,) = events
            self.assertIn(said, event["error"])
            self.assertEqual(event["log_level"].name, "error")
        self.write(line("b", "u"))
        self.assertKnown(checker, "u", "b")

    def test_noText(self):
        """What is no UTF-8 is no file of tokens."""
        checker = self.checker(line("a", "t"))
        self.path.write_bytes(b"\xff")
        with capturedLogs() as events:
            self.assertKnown(checker, "t", "a")
        self.assertEqual(len(events), 1)


class AddTokenTests(FileCase):
    """L{addToken} makes tokens."""

    def test_new(self):
        """It makes the file, for its owner alone; the token is known, and not in it."""
        token = addToken(self.path, "alice")
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        checker = TokenFile(self.path)
        self.assertKnown(checker, token, "alice")
        self.assertRegex(token, r"\A[A-Za-z0-9_-]{43}\Z")
        self.assertNotIn(token, self.path.read_text())

    def test_more(self):
        """It adds a line, whether or not the last one has ended."""
        self.write(line("a", "t"))
        other = addToken(self.path, "alice", NOON + timedelta(seconds=1))
        third = addToken(self.path, "alice")
        self.assertNotEqual(other, third)
        checker = TokenFile(self.path, lambda: self.now)
        self.assertKnown(checker, "t", "a")
        self.assertKnown(checker, other, "alice", self.now + 1)
        self.assertKnown(checker, third, "alice")
        self.assertTrue(self.path.read_text().endswith("\n"))

    def test_wrongName(self):
        """A name that cannot stand in a line is refused, and nothing is written."""
        for name in ("", "a:b", " a", "a ", "#a", "a\nb", "\x1b[2J", "\ud800"):
            with self.assertRaises(ValueError, msg=repr(name)) as caught:
                addToken(self.path, name)
            self.assertIn("allowed: printable, without a colon", str(caught.exception))
        self.assertFalse(self.path.exists())
