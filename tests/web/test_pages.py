"""L{wsagent.web.pages}: a page, and all that it needs, in one response."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files

from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from wsagent.web.pages import Page

ASSETS = files("wsagent.web") / "assets"
PAGES = sorted(
    each.name.removesuffix(".html")
    for each in ASSETS.iterdir()
    if each.name.endswith(".html")
)


class Elements(HTMLParser):
    """
    Notes what a page has that a policy is about.

    @ivar inlined: the text of its scripts and styles.
    @ivar attributes: names and values, of all its elements.
    """

    def __init__(self, text: str) -> None:
        """@param text: the page."""
        super().__init__()
        self.inlined: list[tuple[str, str]] = []
        self.attributes: list[tuple[str, str | None]] = []
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Note the attributes."""
        self._open = tag
        self.attributes += attrs

    def handle_data(self, data):
        """Note what stands in the last element, if it is one of those."""
        if self._open in ("script", "style"):
            self.inlined.append((self._open, data))

    def handle_endtag(self, tag):
        """No more of it."""
        self._open = ""


def ask(page: Page, method: str = "GET", *fields: str) -> tuple[int, dict, bytes]:
    """Ask a site for its page; give status, fields and body."""
    root = Resource()
    root.putChild(b"", page)
    clock = MemoryReactorClock()
    site = Site(root, reactor=clock)
    site.startFactory()
    channel = site.buildProtocol(None)
    transport = StringTransport()
    channel.makeConnection(transport)
    lines = (f"{method} / HTTP/1.1", "Host: localhost", "Connection: close", *fields)
    channel.dataReceived("".join(f"{each}\r\n" for each in (*lines, "")).encode())
    site.stopFactory()
    head, _, body = transport.value().partition(b"\r\n\r\n")
    start, *rest = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in rest)
    return int(start.split()[1]), headers, body


class PageTests(SynchronousTestCase):
    """L{Page}, and each that there is."""

    def test_response(self):
        """It is HTML, with its length, to be asked for again, and nobody's to guess."""
        status, headers, body = ask(Page("page"))
        self.assertEqual(status, 200)
        self.assertEqual(headers["content-type"], "text/html; charset=utf-8")
        self.assertEqual(headers["content-length"], str(len(body)))
        self.assertEqual(headers["cache-control"], "no-cache")
        self.assertEqual(headers["referrer-policy"], "no-referrer")
        self.assertEqual(headers["x-content-type-options"], "nosniff")
        self.assertTrue(body.startswith(b"<!DOCTYPE html>"))
        self.assertTrue(body.endswith(b"</html>\n"))

    def test_head(self):
        """HEAD has the fields of GET, and no body."""
        got, told = ask(Page("page")), ask(Page("page"), "HEAD")
        for each in got, told:
            each[1].pop("date")
        self.assertEqual(told, (200, got[1], b""))

    def test_unchanged(self):
        """Who has it already is told so, and gets it again once it is another."""
        tag = ask(Page("page"))[1]["etag"]
        status, headers, body = ask(Page("page"), "GET", f"If-None-Match: {tag}")
        self.assertEqual((status, headers["etag"], body), (304, tag, b""))
        self.assertNotIn("content-length", headers)
        self.assertEqual(ask(Page("page"), "GET", 'If-None-Match: "x"')[0], 200)

    def test_otherMethod(self):
        """There is nothing to post."""
        status, headers, body = ask(Page("page"), "POST", "Content-Length: 0")
        self.assertEqual((status, headers["allow"], body), (405, "get, head", b""))

    def test_policy(self):
        """Only what is in the page runs and is heeded; only its own server is asked."""
        for name in PAGES:
            page = Page(name)
            policy = dict(
                part.split(" ", 1)
                for part in ask(page)[1]["content-security-policy"].split("; ")
            )
            self.assertEqual(policy["default-src"], "'none'")
            self.assertEqual(policy["connect-src"], "'self'")
            self.assertEqual(policy["frame-ancestors"], "'none'")
            self.assertEqual(policy["form-action"], "'none'")
            elements = Elements(page.body.decode())
            self.assertEqual(
                sorted(kind for kind, _ in elements.inlined), ["script", "style"]
            )
            for kind, text in elements.inlined:
                digest = b64encode(sha256(text.encode()).digest()).decode()
                wanted = f"'sha256-{digest}'"
                self.assertIn(f"{kind}-src {wanted}", page.policy)

    def test_selfContained(self):
        """Nothing is loaded, and nothing is said that the policy forbids."""
        for name in PAGES:
            text = Page(name).body.decode()
            for attribute, value in Elements(text).attributes:
                self.assertFalse(attribute.startswith("on"), attribute)
                self.assertNotEqual(attribute, "style")
                if attribute in ("src", "href"):
                    self.assertRegex(value, "^(data:|#)")
            self.assertNotRegex(text, r"@import|url\(|innerHTML|\beval\b")
            self.assertNotIn("https://", text)

    def test_small(self):
        """A page is less than 40 KiB."""
        for name in PAGES:
            self.assertLess(len(Page(name).body), 40 * 1024)

    def test_joined(self):
        """Scripts are strict, and have one scope, which is theirs alone."""
        text = Page("page").body.decode()
        (script,) = re.findall("<script>(.*?)</script>", text, re.DOTALL)
        self.assertTrue(script.startswith('"use strict"; {\n'))
        self.assertTrue(script.endswith("\n}"))
        for name in ("common.js", "talk.js", "demos.js"):
            source = (ASSETS / name).read_text("utf-8")
            self.assertIn(source, script)
            self.assertNotIn("<", set(re.findall("<(?=/script|!--|script)", source)))
