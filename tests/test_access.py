"""L{wsagent.access}: who gets in by Host and by Origin."""

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from wsagent.access import (
    Origin,
    isAllowedHost,
    isAllowedOrigin,
    parseHost,
    parseListed,
    parseOrigin,
)
from wsagent.settings import Settings
from wsagent.testing import connected, upgradeRequest

from .agents import Noting

BOOKS = "xn--bcher-kva.example"


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
            ("ws://[0:0::0:1]", Origin("ws", "[::1]", "80")),
            ("http://h:0", Origin("http", "h", "0")),
            ("http://h:65535", Origin("http", "h", "65535")),
            ("http://a_b.c-d.", Origin("http", "a_b.c-d.", "80")),
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
            "http://[::1]]",
            "http://[1::2::3]",
            "http://[::1%25eth0]",
            "http://u@[::1]",
            "http://u:p@h",
            "http://h:65536",
            "http://h:99999",
            "http://a b",
            "http://a..b",
            "http://.a",
            "http://*.a",
            "http://a%2eb",
            "http://b\u00fccher",
            # Which case-folding makes to ASCII: long s, and the Kelvin sign.
            "http://\u017f",
            "\u212a://h",
        ):
            self.assertIsNone(parseOrigin(text), text)

    def test_listed(self):
        """One that is listed may be a wildcard, and in any script."""
        for text, origin in (
            ("https://*.Example.com", Origin("https", "*.example.com", "443")),
            ("http://*.a:8080", Origin("http", "*.a", "8080")),
            ("https://B\u00fccher.example", Origin("https", BOOKS, "443")),
            ("https://*.b\u00fccher.example", Origin("https", f"*.{BOOKS}", "443")),
            ("https://[::1]:9", Origin("https", "[::1]", "9")),
            ("https://a1", Origin("https", "a1", "443")),
            ("https://*.a1", Origin("https", "*.a1", "443")),
        ):
            self.assertEqual(parseListed(text), origin)
        for text in (
            "",
            "*.a",
            "https://*.",
            "https://*.*.a",
            "https://*.[::1]",
            "https://*.1",
            "https://*.2.3.4.",
            "https://\ud800",
            "https://-\u00fc-",
        ):
            self.assertIsNone(parseListed(text), text)

    def test_host(self):
        """A host that is listed is a name or an address, and no more."""
        for text, host in (
            ("Example.com", "example.com"),
            ("*.example.com", "*.example.com"),
            ("b\u00fccher.example", BOOKS),
            ("[::0:1]", "[::1]"),
            ("127.0.0.1", "127.0.0.1"),
        ):
            self.assertEqual(parseHost(text), host)
        for text in ("", "h:80", "http://h", "::1", "[::1]:1", "h/", "u@h", "*"):
            self.assertIsNone(parseHost(text), text)


class AllowedHostTests(SynchronousTestCase):
    """L{isAllowedHost} compares names, whatever the port."""

    def test_allowed(self):
        """One is enough."""
        allowed = ("a", "*.b", "[::1]")
        for host in ("a", "A:80", "x.b", "x.y.b:1", "[::0:1]:2"):
            self.assertTrue(isAllowedHost(host, allowed), host)
        for host in ("b", "xb", "a.", "a.a", "[::2]", "!", "", "*.b"):
            self.assertFalse(isAllowedHost(host, allowed), host)
        self.assertFalse(isAllowedHost("a", ()))


class AllowedOriginTests(SynchronousTestCase):
    """L{isAllowedOrigin} decides as the settings say."""

    def check(self, expected, origin, host="h", allowed=None, isRequired=False, **how):
        """Compare one decision."""
        decision = isAllowedOrigin(origin, host, allowed, isRequired, **how)
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

    def test_secure(self):
        """O5: over TLS, the host itself is C{https} too."""
        self.check(True, "https://h", isSecure=True)
        self.check(True, "https://h:443", isSecure=True)
        self.check(True, "https://h:8443", "h:8443", isSecure=True)
        self.check(False, "http://h", isSecure=True)
        self.check(False, "http://h:443", isSecure=True)
        self.check(False, "http://h:8443", "h:8443", isSecure=True)
        self.check(True, "http://h", allowed=("http://h",), isSecure=True)

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

    def test_wildcard(self):
        """O9: C{*.} stands for one label or more."""
        allowed = ("https://*.example.com",)
        for origin in ("https://a.example.com", "https://a.b.example.com:443"):
            self.check(True, origin, allowed=allowed)
        for origin in (
            "https://example.com",
            "https://.example.com",
            "https://a.example.com.evil",
            "https://a.b@.example.com",
            "https://aexample.com",
            "http://a.example.com",
        ):
            self.check(False, origin, allowed=allowed)

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
    """A request's Host and Origin are looked at before the application is."""

    def test_logged(self):
        """The log names the field, and what would change the rule; the client less."""
        origins = "allowed by settings.origins, --origin"
        evil = [("Origin", "http://evil")]
        for settings, headers, why in (
            (Settings(), evil, f"Origin 'http://evil', {origins}: localhost"),
            (
                Settings(origins=("https://a", "null")),
                evil,
                f"Origin 'http://evil', {origins}: https://a, null",
            ),
            (
                Settings(origins=()),
                [("Origin", "e" * 999)],
                f"Origin '{'e' * 98}, {origins}: none",
            ),
            (
                Settings(requireOrigin=True),
                [],
                "no Origin, needed by settings.requireOrigin, --require-origin",
            ),
            (
                Settings(hosts=("a", "*.b")),
                [],
                "Host 'localhost', allowed by settings.hosts, --host: a, *.b",
            ),
            (
                Settings(hosts=()),
                [],
                "Host 'localhost', allowed by settings.hosts, --host: none",
            ),
        ):
            with capturedLogs() as events:
                peer = connected(Noting, settings, upgradeRequest(headers=headers))
            self.assertEqual(events[-1]["why"], why)
            self.assertIn(peer.status, (403, 421))
            self.assertLess(len(peer.octets), 60)
            self.assertEqual(peer.octets.count(b"\n"), 1)
            self.assertNotIn(b"evil", peer.octets)

    def test_loggedSecure(self):
        """Of what has come over TLS, the log says that a page has to, too."""
        request = upgradeRequest(
            headers=[
                ("Origin", "http://localhost"),
                ("X-Forwarded-For", "203.0.113.9"),
                ("X-Forwarded-Proto", "https"),
            ],
        )
        with capturedLogs() as events:
            connected(Noting, Settings(trustedProxies=("192.0.2.1",)), request)
        self.assertTrue(events[-1]["why"].endswith(": https://localhost"))

    def test_refused(self):
        """O3: a foreign page gets a 403, and no agent is made."""
        made = []

        def make():
            made.append(Noting())
            return made[-1]

        request = upgradeRequest(headers=[("Origin", "http://evil")])
        peer = connected(make, request=request)
        self.assertEqual((peer.status, made), (403, []))
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
