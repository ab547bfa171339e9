"""URLs of WebSockets."""

from twisted.trial.unittest import SynchronousTestCase

from tests.core.notation import row
from wsagent.urls import parseURL

GOOD = (
    ("ws://h", "h", 80, "/", "h"),
    ("wss://h", "h", 443, "/", "h"),
    ("ws://h:443/", "h", 443, "/", "h:443"),
    ("wss://h:443", "h", 443, "/", "h"),
    ("WS://EXAMPLE.com/Path", "example.com", 80, "/Path", "example.com"),
    ("ws://h/a%20b/?", "h", 80, "/a%20b/?", "h"),
    ("ws://h?x=1&y=%C3%A9", "h", 80, "/?x=1&y=%C3%A9", "h"),
    ("ws://h/é?ö", "h", 80, "/%C3%A9?%C3%B6", "h"),
    ('ws://h/"<>\\^`{|}', "h", 80, "/%22%3C%3E%5C%5E%60%7B%7C%7D", "h"),
    ("ws://bücher.example/", "xn--bcher-kva.example", 80, "/", "xn--bcher-kva.example"),
    ("ws://127.0.0.1:65535/", "127.0.0.1", 65535, "/", "127.0.0.1:65535"),
    ("ws://[::1]/", "::1", 80, "/", "[::1]"),
    ("ws://[2001:DB8::0001]:81/", "2001:db8::1", 81, "/", "[2001:db8::1]:81"),
    ("ws://a_b.c~d/", "a_b.c~d", 80, "/", "a_b.c~d"),
)

BAD = (
    "",
    "h",
    "//h/",
    "http://h/",
    "https://h/",
    "ws:",
    "ws://",
    "ws:///path",
    "ws://:80/",
    "ws://h:0/",
    "ws://h:65536/",
    "ws://h:-1/",
    "ws://h:8O/",
    "ws://h/#fragment",
    "ws://h/#",
    "ws://h/a b",
    " ws://h/",
    "ws://h/\r\nX: y",
    "ws://h\r\n/",
    "ws://h\0/",
    "ws://h/\x7f",
    "ws://h,i/",
    "ws://h;i/",
    "ws://h%41/",
    "ws://h\\i/",
    "ws://[::1/",
    "ws://[::1%25lo]/",
    "ws://[fe80::1%lo]/",
    "ws://[h]/",
    "ws://::1/",
    "ws://h/\ud800",
)

JOINED = (
    ("c", "ws://h/a/c"),
    ("/c?d", "ws://h/c?d"),
    ("?d", "ws://h/a/b?d"),
    ("../../..", "ws://h/"),
    ("//i:81/", "ws://i:81/"),
    ("http://i/", "ws://i/"),
    ("https://i/x#y", "wss://i/x"),
    ("wss://h:443", "wss://h/"),
    ("", "ws://h/a/b?c"),
)


class URLTests(SynchronousTestCase):
    """Tests for L{parseURL} and L{Location}."""

    def test_good(self):
        """Host, port, target and C{Host} are as a request needs them."""
        for text, host, port, target, authority in GOOD:
            with row(text):
                found = parseURL(text)
                self.assertEqual(found[1:4], (host, port, target))
                self.assertEqual(found.authority, authority)
                self.assertEqual(found.isSecure, text.lower().startswith("wss"))
                self.assertIsNone(found.credentials)
                self.assertEqual(parseURL(found.url), found)

    def test_credentials(self):
        """User and password are decoded, and not in the URL that is shown."""
        for text, credentials in (
            ("ws://ann:b@h/", ("ann", "b")),
            ("ws://ann@h/", ("ann", "")),
            ("ws://a%40b:c%3ad@h/", ("a@b", "c:d")),
            ("ws://@h/", ("", "")),
        ):
            with row(text):
                found = parseURL(text)
                self.assertEqual(found.credentials, credentials)
                self.assertEqual(found.url, "ws://h/")

    def test_bad(self):
        """What is no URL of a WebSocket is refused."""
        for text in BAD:
            with row(text):
                self.assertRaises(ValueError, parseURL, text)

    def test_joined(self):
        """A reference leads where a browser would go."""
        here = parseURL("ws://ann:b@h/a/b?c")
        for reference, url in JOINED:
            with row(reference):
                there = here.joined(reference)
                self.assertEqual(there.url, url)
                isNear = url.startswith("ws://h/")
                self.assertEqual(there.credentials, ("ann", "b") if isNear else None)

    def test_joinedCredentials(self):
        """Credentials in a reference are nobody's."""
        here = parseURL("ws://ann:b@h/")
        for reference in ("ws://eve:f@h/", "//eve:f@i/"):
            there = here.joined(reference)
            self.assertNotEqual(there.credentials, ("eve", "f"))

    def test_notJoined(self):
        """A reference to what is no WebSocket is refused."""
        for reference in ("ftp://h/", "httpx://h/", "//h:0/", "//h i/"):
            with row(reference):
                self.assertRaises(ValueError, parseURL("ws://h/").joined, reference)
