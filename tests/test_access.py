"""L{wsagent.access}: rows O1 to O8 of who gets in by Origin."""

from twisted.trial.unittest import SynchronousTestCase

from wsagent.access import Origin, isAllowedOrigin, parseOrigin
from wsagent.settings import Settings
from wsagent.testing import connected, upgradeRequest

from .agents import Noting


class ParseOriginTests(SynchronousTestCase):
    """L{parseOrigin} reads what origins are compared by."""

    def test_folded(self):
        """Case and default port are folded."""
        for text, origin in (
            ("http://Example.COM", Origin("http", "example.com", "80")),
            ("HTTPS://example.com:443", Origin("https", "example.com", "443")),
            ("http://h:08080", Origin("http", "h", "8080")),
            ("wss://[::1]", Origin("wss", "[::1]", "443")),
            ("ws://[2001:DB8::1]:9", Origin("ws", "[2001:db8::1]", "9")),
            ("moz-extension://0a1b", Origin("moz-extension", "0a1b", "")),
        ):
            self.assertEqual(parseOrigin(text), origin)

    def test_none(self):
        """What is more, or less, than scheme, host and port is no origin."""
        for text in (
            "",
            "null",
            "example.com",
            "http://",
            "http://h/",
            "http://h?q",
            "http://h#f",
            "http://u@h",
            "http://h:",
            "http://h:x",
            "http://h:123456",
            " http://h",
            "http://h\n",
            "1http://h",
            "http://[::1",
            "http://a b",
        ):
            self.assertIsNone(parseOrigin(text), text)


class AllowedOriginTests(SynchronousTestCase):
    """L{isAllowedOrigin} decides as the settings say."""

    def check(self, expected, origin, host="h", allowed=None, isRequired=False):
        """Compare one decision."""
        decision = isAllowedOrigin(origin, host, allowed, isRequired)
        self.assertIs(decision, expected, (origin, host, allowed))

    def test_absent(self):
        """O1: without Origin it is no browser, and comes in unless it must say."""
        for allowed in (None, ("*",), ("https://a",), ()):
            self.check(True, None, allowed=allowed)
            self.check(False, None, allowed=allowed, isRequired=True)

    def test_sameOrigin(self):
        """O2: by default the host itself comes in, its case and port folded."""
        self.check(True, "http://h:8080", "h:8080")
        self.check(True, "http://H", "h:80")
        self.check(True, "https://h:443", "h")
        self.check(True, "http://[::1]:1", "[::1]:1")
        self.check(True, "http://h", "h", isRequired=True)

    def test_otherOrigin(self):
        """O3: by default no other host, and no other port, comes in."""
        for origin in ("http://evil", "http://h:81", "http://h.evil", "http://xh"):
            self.check(False, origin)

    def test_null(self):
        """O4: C{null} comes in only if it is listed, or all are."""
        self.check(False, "null")
        self.check(False, "null", "null")
        self.check(False, "null", allowed=("https://h",))
        self.check(True, "null", allowed=("https://h", "null"))
        self.check(True, "null", allowed=("*",))

    def test_scheme(self):
        """O5: of listed origins the scheme counts."""
        self.check(True, "https://h", allowed=("https://h",))
        self.check(False, "http://h", allowed=("https://h",))
        self.check(False, "http://h:443", allowed=("https://h",))

    def test_alike(self):
        """O6: what only looks like a listed origin stays out."""
        for origin in (
            "https://example.com.evil",
            "https://notexample.com",
            "https://example.com@evil",
            "https://evil/#example.com",
            "https://example.com:444",
            "https://exampleXcom",
            "https://example.com/",
            "https://example.com\\@evil",
        ):
            self.check(False, origin, allowed=("https://example.com",))

    def test_folded(self):
        """O7: case and default port of a listed origin are folded."""
        for allowed in ("https://example.com", "https://EXAMPLE.com:443"):
            self.check(True, "HTTPS://EXAMPLE.com:443", allowed=(allowed,))

    def test_list(self):
        """A list takes the place of the host itself, an empty one lets none in."""
        self.check(False, "http://h", allowed=("https://a", "https://b"))
        self.check(True, "https://b", allowed=("https://a", "https://b"))
        self.check(False, "http://h", allowed=())

    def test_all(self):
        """C{"*"} lets everybody in."""
        self.check(True, "http://anything", allowed=("*",))
        self.check(True, "nonsense", allowed=("*",))


class RequestTests(SynchronousTestCase):
    """A request's Origin is looked at before the application is."""

    def test_refused(self):
        """O3: a foreign page gets a 403 without body, and no agent is made."""
        made = []

        def make():
            made.append(Noting())
            return made[-1]

        request = upgradeRequest(headers=[("Origin", "http://evil")])
        peer = connected(make, request=request)
        self.assertEqual((peer.status, peer.octets, made), (403, b"", []))
        self.assertTrue(peer.isDisconnected)

    def test_settings(self):
        """The settings' lists and demands are those that count."""
        for headers, settings, status in (
            ([("Origin", "http://localhost")], Settings(), 101),
            ([("Origin", "https://a")], Settings(origins=("https://a",)), 101),
            ([("Origin", "https://b")], Settings(origins=("https://a",)), 403),
            ([], Settings(requireOrigin=True), 403),
            ([("Origin", "http://localhost")], Settings(requireOrigin=True), 101),
        ):
            peer = connected(Noting, settings, upgradeRequest(headers=headers))
            self.assertEqual(peer.status, status, (headers, settings))

    def test_twice(self):
        """O8: two Origin fields, or a list, are no request."""
        for headers in (
            [("Origin", "http://localhost"), ("Origin", "http://localhost")],
            [("Origin", "http://localhost http://evil")],
            [("Origin", "http://localhost, http://evil")],
        ):
            peer = connected(Noting, request=upgradeRequest(headers=headers))
            self.assertEqual(peer.status, 400)
