"""L{wsagent.credentials}: secrets, and the realm of names."""

from twisted.cred.checkers import ANONYMOUS
from twisted.cred.credentials import IUsernameHashedPassword, IUsernamePassword
from twisted.cred.portal import IRealm
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import Interface
from zope.interface.verify import verifyObject

from wsagent import credentials
from wsagent.credentials import (
    Digested,
    IToken,
    IWebSocketAvatar,
    Names,
    Password,
    Secret,
    Token,
)


class SecretTests(SynchronousTestCase):
    """A L{Secret} is octets that are compared evenly, and never shown."""

    def test_compared(self):
        """It is equal to the same octets, from either side, and to nothing else."""
        for other in (b"abc", Secret(b"abc")):
            self.assertTrue(Secret(b"abc") == other)
            self.assertTrue(other == Secret(b"abc"))
            self.assertFalse(Secret(b"abc") != other)
            self.assertFalse(other != Secret(b"abc"))
        for other in (b"abd", b"ab", b"", Secret(b"abd"), "abc", None, 1):
            self.assertFalse(Secret(b"abc") == other)
            self.assertFalse(other == Secret(b"abc"))
            self.assertTrue(Secret(b"abc") != other)
        self.assertEqual({Secret(b"abc"): 1}[b"abc"], 1)

    def test_evenly(self):
        """It is C{hmac.compare_digest} that compares, whoever begins."""
        compared = []

        def compare(one, other):
            compared.append((type(one), type(other)))
            return True

        self.patch(credentials, "compare_digest", compare)
        self.assertTrue(b"x" == Secret(b"abc"))  # noqa: SIM300 - from the other side
        self.assertTrue(Secret(b"abc") == b"x")
        self.assertEqual(compared, [(Secret, bytes)] * 2)

    def test_notShown(self):
        """What names it shows nothing."""
        secret = Secret(b"hunter2")
        for text in (
            repr(secret),
            str(secret),
            f"{secret}",
            format(secret),
            f"{secret!a}",
        ):
            self.assertEqual(text, "<secret>")
        self.assertNotIn("hunter2", repr([secret, {"password": secret}]))


class CredentialsTests(SynchronousTestCase):
    """What schemes find, for Twisted's checkers to check."""

    def test_password(self):
        """A password is right or wrong, and not shown."""
        password = Password(b"alice", b"hunter2")
        verifyObject(IUsernamePassword, password)
        self.assertIs(password.checkPassword(b"hunter2"), True)
        self.assertIs(password.checkPassword(b"hunter"), False)
        self.assertEqual(password.password, b"hunter2")
        self.assertNotIn("hunter2", repr(vars(password)))

    def test_digested(self):
        """A proof is right or wrong; RFC 2617 section 3.5 has this one."""
        fields = {
            "uri": b"/dir/index.html",
            "nonce": b"dcd98b7102dd2f0e8b11d0f600bfb0c093",
            "nc": b"00000001",
            "cnonce": b"0a4f113b",
            "qop": b"auth",
            "response": b"6629fae49393a05397450978507c4ef1",
        }
        digested = Digested(b"Mufasa", b"GET", b"testrealm@host.com", fields)
        verifyObject(IUsernameHashedPassword, digested)
        self.assertIs(digested.checkPassword(b"Circle Of Life"), True)
        self.assertIs(digested.checkPassword(b"Circle of Life"), False)
        self.assertIsInstance(digested.fields["response"], Secret)

    def test_spendTime(self):
        """A check is made in vain only if none was made."""
        checked = []

        class Counted(Password):
            def checkPassword(self, password):
                checked.append(password)
                return super().checkPassword(password)

        unknown, known = Counted(b"a", b"b"), Counted(b"a", b"b")
        unknown.spendTime()
        self.assertEqual(checked, [b""])
        known.checkPassword(b"c")
        known.spendTime()
        self.assertEqual(checked, [b"", b"c"])

    def test_token(self):
        """A token does not expire until somebody says so, and is not shown."""
        token = Token(b"hunter2")
        verifyObject(IToken, token)
        self.assertIsNone(token.expires)
        self.assertNotIn("hunter2", repr(vars(token)))


class NamesTests(SynchronousTestCase):
    """The realm L{Names} gives the names themselves."""

    def test_names(self):
        """Who is known is a C{str}, who need not be is C{None}."""
        realm = Names()
        verifyObject(IRealm, realm)
        for avatarId, name in (
            (b"alice", "alice"),
            ("alice", "alice"),
            ("zoë".encode(), "zoë"),
            (b"\xff", "\udcff"),
            (b"", ""),
            (ANONYMOUS, None),
        ):
            interface, avatar, logout = realm.requestAvatar(
                avatarId, None, IWebSocketAvatar
            )
            self.assertIs(interface, IWebSocketAvatar)
            self.assertEqual(avatar, name)
            self.assertIsNone(logout())

    def test_otherInterface(self):
        """Of anything else it has none."""
        with self.assertRaises(NotImplementedError):
            Names().requestAvatar(b"alice", None, Interface)
