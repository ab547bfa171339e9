"""L{wsagent.web.sites}: the sites beside WebSockets."""

from pathlib import Path

from klein import Klein
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.core.notation import row
from wsagent.web.sites import demoSite, givenSite, staticSite

from .sites import Failing, Front, Visitor, get


class StaticTests(SynchronousTestCase):
    """C{staticSite} serves a folder's files."""

    def setUp(self):
        """Have a folder."""
        self.folder = Path(self.mktemp()) / "shown"
        (self.folder / "inner").mkdir(parents=True)
        for name in ("index.html", "inner/it.css", "../hidden.html", "unknown"):
            (self.folder / name).write_text(f"this is {name}")

    def ask(self, target, method=b"GET", *lines):
        """Make a request."""
        visitor = Visitor(staticSite(str(self.folder)))
        visitor.send(get(target, method, *lines))
        self.addCleanup(visitor.vanish)
        return visitor.octets

    def test_files(self):
        """Files can be had, each as what its name says it is."""
        # Of GET, Twisted sends the body as the reactor goes round.
        for target, kind, text in (
            (b"/", b"text/html", b"this is index.html"),
            (b"/index.html?a", b"text/html", b"this is index.html"),
            (b"/inner/it.css", b"text/css", b"this is inner/it.css"),
            (b"/unknown", b"application/octet-stream", b"this is unknown"),
        ):
            with row(target):
                octets = self.ask(target, b"HEAD")
                self.assertTrue(octets.startswith(b"HTTP/1.1 200 "))
                self.assertIn(b"\r\nContent-Type: %b\r\n" % kind, octets)
                self.assertIn(b"\r\nContent-Length: %d\r\n" % len(text), octets)
                self.assertTrue(octets.endswith(b"\r\n\r\n"))

    def test_nothing(self):
        """What is not there, or is elsewhere, cannot, nor a list of what is."""
        for target in (
            b"/nowhere",
            b"/inner/",
            b"/../hidden.html",
            b"/..%2fhidden.html",
            b"/%2e%2e/hidden.html",
            b"/inner/..%2f..%2fhidden.html",
            b"//etc/passwd",
            b"/unknown%00",
            b"/%ff",
        ):
            with row(target):
                octets = self.ask(target)
                self.assertTrue(octets.startswith(b"HTTP/1.1 404 "), octets)
                self.assertNotIn(b"this is", octets)
                self.assertNotIn(b"it.css", octets)
                self.assertEqual(self.flushLoggedErrors(), [])

    def test_strangeRange(self):
        """Who asks for a part that no text could name leaves no traceback."""
        octets = self.ask(b"/", b"GET", b"Range: bytes=\xff-")
        self.assertNotIn(b"HTTP/1.1 500 ", octets)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_body(self):
        """Of a request with a body none is kept, however long it is."""
        for site, kept in (
            (staticSite(str(self.folder)), b""),
            (demoSite(), b""),
            (givenSite(Resource), b"hello"),
        ):
            site.resource = Resource()
            site.resource.putChild(b"", Front())
            visitor = Visitor(site)
            chunk = b"5\r\nhello\r\n0\r\n\r\n"
            visitor.send(get(b"/", b"POST", b"Transfer-Encoding: chunked"), chunk)
            self.assertTrue(visitor.octets.endswith(b"\r\n\r\n" + kept))
            visitor.vanish()


class GivenTests(SynchronousTestCase):
    """C{givenSite} makes a site of what somebody names."""

    def test_given(self):
        """It may be a resource, a site, or what makes one."""
        resource, site, app = Resource(), Site(Resource()), Klein()
        self.assertIs(givenSite(site), site)
        self.assertIs(givenSite(lambda: site), site)
        self.assertIs(givenSite(resource).resource, resource)
        self.assertIs(givenSite(lambda: resource).resource, resource)
        self.assertIsInstance(givenSite(Resource).resource, Resource)
        for made in (givenSite(app), givenSite(app.resource)):
            self.assertIs(made.resource._app, app)

    def test_wrong(self):
        """It can be nothing else."""
        for wrong, name in ((1, "int"), (dict, "dict"), (lambda: None, "NoneType")):
            error = self.assertRaises(TypeError, givenSite, wrong)
            self.assertEqual(str(error), name)

    def test_noTraceback(self):
        """Whoever asks for what fails sees no traceback."""
        visitor = Visitor(givenSite(Failing))
        visitor.send(get())
        self.assertIn(b"HTTP/1.1 500 ", visitor.octets)
        self.assertNotIn(b"ZeroDivisionError", visitor.octets)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        visitor.vanish()


class DemoTests(SynchronousTestCase):
    """C{demoSite} has the page, and nothing else."""

    def test_page(self):
        """It is at the top."""
        for target, status in ((b"/", 200), (b"/page", 404), (b"/a/", 404)):
            visitor = Visitor(demoSite())
            visitor.send(get(target))
            self.assertIn(b"HTTP/1.1 %d " % status, visitor.octets)
            visitor.vanish()
