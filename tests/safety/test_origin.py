"""Which pages may connect."""

from wsagent import Settings
from wsagent.demo import Echo

from .aftermath import HostileCase
from .octets import replaced, request

FOREIGN = b"pages of this origin may not connect here\n"
NEEDED = b"an Origin is needed here\n"
ELSEWHERE = b"this host is not served here\n"


def asked(origin: bytes | None, host: bytes = b"localhost") -> bytes:
    """Write a request of a page, or of no page."""
    lines = [b"Host: " + host]
    if origin is not None:
        lines.append(b"Origin: " + origin)
    return replaced(*lines)


class OriginTests(HostileCase):
    """The Origin of a request, and who is let in."""

    def assertAccepted(self, row, origin, host=b"localhost", **settings):
        """Demand a 101."""
        with self.aftermath(row, fresh=asked(origin, host), **settings) as factory:
            peer = self.connect(factory, asked(origin, host))
            self.assertEqual(peer.status, 101)
            if origin is not None:
                self.assertEqual(peer.agent.request.origin, origin.decode())

    def assertForbidden(self, row, origin, host=b"localhost", fresh=None, **settings):
        """Demand a 403 in a few words, that the application hears nothing of."""
        heard = []

        class Listening(Echo):
            def __init__(self):
                heard.append("made")

            def requestReceived(self, asked):
                heard.append("asked")

        allowed = settings.get("origins") or ("http://localhost",)
        if allowed[0] == "null":
            allowed = ("http://localhost",)
        fresh = fresh or asked(allowed[0].encode())
        body = FOREIGN if origin is not None else NEEDED
        with self.aftermath(row, Listening, fresh=fresh, **settings) as factory:
            self.assertRefused(factory, asked(origin, host), 403, body)
            self.assertEqual(heard, [])

    def test_absent(self):
        """O1: a client that is no browser may connect, unless origins are required."""
        self.assertAccepted("O1", None)
        self.assertAccepted("O1 list", None, origins=("https://example.com",))
        self.assertForbidden("O1 required", None, requireOrigin=True)
        self.assertForbidden(
            "O1 required, all",
            None,
            requireOrigin=True,
            origins=("http://localhost", "*"),
        )

    def test_sameOrigin(self):
        """O2: a page of the host itself may connect."""
        for row, origin, host in (
            ("O2", b"http://h:8080", b"h:8080"),
            ("O2 default port", b"http://h", b"h"),
            ("O2 default port, named", b"http://h:80", b"h"),
            ("O2 default port, named by Host", b"http://h", b"h:80"),
            ("O2 case", b"http://EXAMPLE.com", b"example.COM"),
            ("O2 IPv6", b"http://[::1]:8001", b"[::1]:8001"),
            ("O2 behind TLS", b"https://h", b"h"),
        ):
            self.assertAccepted(row, origin, host)
        with self.aftermath("O2 absolute target") as factory:
            octets = request(
                b"Origin: http://other", start=b"GET http://other/chat HTTP/1.1"
            )
            self.assertEqual(self.connect(factory, octets).status, 101)
        with self.aftermath("O2 absolute target, Host") as factory:
            octets = request(
                b"Origin: http://localhost", start=b"GET http://other/chat HTTP/1.1"
            )
            self.assertRefused(factory, octets, 403, FOREIGN)

    def test_otherOrigin(self):
        """O3: a page of another host, or of another port, may not."""
        for row, origin, host in (
            ("O3", b"http://evil", b"h"),
            ("O3 other port", b"http://h:8081", b"h:8080"),
            ("O3 port named by none", b"http://h:8080", b"h"),
            ("O3 port of another scheme", b"http://h:443", b"h"),
            ("O3 subdomain", b"http://a.h", b"h"),
            ("O3 dot", b"http://h.", b"h"),
            ("O3 user", b"http://h@evil", b"h"),
            ("O3 user is host", b"http://evil@h", b"h"),
            ("O3 path", b"http://h/", b"h"),
            ("O3 empty", b"", b"h"),
            ("O3 no scheme", b"h", b"h"),
            ("O3 slashes only", b"//h", b"h"),
            ("O3 no host", b"http://", b"h"),
            ("O3 port no number", b"http://h:80x", b"h"),
            ("O3 tab", b"http://h\tevil", b"h"),
        ):
            self.assertForbidden(row, origin, host)

    def test_null(self):
        """O4: a page without an origin may connect only where that is listed."""
        self.assertForbidden("O4 default", b"null")
        self.assertForbidden("O4 list", b"null", origins=("https://example.com",))
        self.assertForbidden("O4 host null", b"null", b"null")
        self.assertAccepted(
            "O4 listed", b"null", origins=("https://example.com", "null")
        )
        self.assertAccepted("O4 all", b"null", origins=("*",))
        self.assertForbidden("O4 case", b"NULL", origins=("http://localhost", "null"))

    def test_scheme(self):
        """O5: where origins are listed, the scheme counts."""
        listed = ("https://h",)
        self.assertAccepted("O5", b"https://h", b"h", origins=listed)
        self.assertForbidden("O5", b"http://h", b"h", origins=listed)
        self.assertForbidden("O5 port", b"http://h:443", b"h", origins=listed)
        self.assertForbidden("O5 host itself", b"http://localhost", origins=listed)

    def test_schemeBehindTLS(self):
        """O5: what has come over TLS is for pages that have, the host's own too."""
        proxied = {"trustedProxies": ("192.0.2.1",)}
        secure = b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https"
        plain = secure.replace(b"https", b"http")
        for row, origin, said, status in (
            ("O5 TLS", b"https://localhost", secure, 101),
            ("O5 TLS, port", b"https://localhost:443", secure, 101),
            ("O5 TLS, other scheme", b"http://localhost", secure, 403),
            ("O5 TLS, other port", b"http://localhost:443", secure, 403),
            ("O5 no TLS", b"http://localhost", plain, 101),
        ):
            octets = request(b"Origin: " + origin, said)
            with self.aftermath(row, **proxied) as factory:
                if status == 101:
                    self.assertEqual(self.connect(factory, octets).status, 101)
                else:
                    self.assertRefused(factory, octets, status, FOREIGN)
        octets = request(b"Origin: http://localhost", secure)
        with self.aftermath("O5 TLS, said by anybody") as factory:
            self.assertEqual(self.connect(factory, octets).status, 101)

    def test_lookalike(self):
        """O6: what only looks like a listed origin is none."""
        for origin in (
            b"https://example.com.evil",
            b"https://notexample.com",
            b"https://example.com@evil",
            b"https://evil/#example.com",
            b"https://evil/https://example.com",
            b"https://evil?https://example.com",
            b"https://evil#https://example.com",
            b"https://example.com:443@evil",
            b"https://example.com:8443",
            b"https://example.com.",
            b"https://www.example.com",
            b"https://example.com/",
            b"https://exampleXcom",
            b"https://example.co",
            b"http://example.com",
            b"https:example.com",
            b"example.com",
            b"*",
        ):
            self.assertForbidden(
                f"O6 {origin!r}", origin, origins=("https://example.com",)
            )

    def test_folded(self):
        """O7: case and the scheme's own port make no difference."""
        for origin in (
            b"HTTPS://EXAMPLE.com:443",
            b"https://example.com:443",
            b"https://Example.Com",
        ):
            for listed in ("https://example.com", "HTTPS://example.COM:443"):
                self.assertAccepted(f"O7 {origin!r}", origin, origins=(listed,))

    def test_several(self):
        """O8: two origins are one too many."""
        one = b"Origin: http://localhost"
        for row, octets in (
            ("O8 two fields", request(one, one)),
            ("O8 two fields, other", request(one, b"Origin: http://evil")),
            ("O8 list", replaced(one + b" http://localhost")),
            ("O8 list with comma", replaced(one + b", http://localhost")),
            ("O8 comma", replaced(one + b",http://evil")),
        ):
            with self.aftermath(row) as factory:
                self.assertRefused(factory, octets, 400)
            every = {"origins": ("*",), "fresh": asked(b"http://a")}
            with self.aftermath(row + ", all allowed", **every) as factory:
                self.assertRefused(factory, octets, 400)

    def test_wildcard(self):
        """O9: C{*.} is one label or more, and nothing else is a pattern."""
        listed = ("https://*.example.com",)
        for origin in (
            b"https://a.example.com",
            b"https://a.b.example.com",
            b"https://A.Example.com:443",
            b"https://xn--bcher-kva.example.com",
        ):
            self.assertAccepted(f"O9 {origin!r}", origin, origins=listed)
        good = {"origins": listed, "fresh": asked(b"https://a.example.com")}
        for origin in (
            b"https://example.com",
            b"https://.example.com",
            b"https://a..example.com",
            b"https://a.example.com.",
            b"https://a.example.com.evil",
            b"https://a.example.com@evil",
            b"https://a.b@.example.com",
            b"https://evil/.example.com",
            b"https://evil?.example.com",
            b"https://evil#.example.com",
            b"https://evil\\.example.com",
            b"https://evil:.example.com",
            b"https://evil%2f.example.com",
            b"https://notexample.com",
            b"https://aXexample.com",
            b"https://a.exampleXcom",
            b"https://a.example.com:8443",
            b"https://*.example.com",
            b"http://a.example.com",
            b"null",
        ):
            self.assertForbidden(f"O9 {origin!r}", origin, **good)

    def test_dot(self):
        """O9: a listed name is compared as it is, and not as a pattern."""
        listed = ("https://a.example.com",)
        self.assertForbidden("O9 dot", b"https://aXexample.com", origins=listed)

    def test_port(self):
        """O9: a wildcard has a port as others have."""
        listed = ("http://*.example.com:8080",)
        good = b"http://a.example.com:8080"
        self.assertAccepted("O9 port", good, origins=listed)
        self.assertForbidden(
            "O9 other port",
            b"http://a.example.com",
            origins=listed,
            fresh=asked(good),
        )

    def test_listed(self):
        """What is no origin cannot be listed."""
        for allowed in (
            "example.com",
            ("example.com",),
            (b"https://a",),
            ["*"],
            ("https://*",),
            ("https://a*.example.com",),
            ("https://*.*.example.com",),
            ("https://a.*.com",),
            ("https://*.[::1]",),
            ("https://*.0.0.1",),
            ("https://h:65536",),
            ("https://u@h",),
        ):
            with self.assertRaises(ValueError, msg=repr(allowed)):
                Settings(origins=allowed)


class HostTests(HostileCase):
    """The hosts that are served, so that no other name can be bound to us."""

    def test_host(self):
        """Requests for a host that is not listed get 421, its own page's too."""
        hosts = ("example.com", "*.example.net", "[::1]", "127.0.0.1")
        fresh = asked(None, b"example.com")
        listed = {"hosts": hosts, "fresh": fresh}
        for host in (
            b"example.com",
            b"EXAMPLE.com:8001",
            b"a.example.net",
            b"a.b.example.net:1",
            b"[::1]:8001",
            b"[0:0:0:0:0:0:0:1]",
            b"127.0.0.1:8001",
        ):
            with self.aftermath(f"host {host!r}", **listed) as factory:
                self.assertEqual(self.connect(factory, asked(None, host)).status, 101)
        for host in (
            b"evil",
            b"example.com.evil",
            b"evil.example.com",
            b"example.net",
            b"aexample.net",
            b"example.com.",
            b"[::2]",
            b"127.0.0.2",
            b"2130706433",
            b"%65xample.com",
        ):
            own = b"http://" + host
            with self.aftermath(f"host {host!r}", **listed) as factory:
                for octets in asked(None, host), asked(own, host):
                    self.assertRefused(factory, octets, 421, ELSEWHERE)

    def test_target(self):
        """A whole URL as target names the host, whatever Host says."""
        listed = {"hosts": ("localhost",)}
        with self.aftermath("host of the target", **listed) as factory:
            octets = request(start=b"GET http://evil/chat HTTP/1.1")
            self.assertRefused(factory, octets, 421, ELSEWHERE)

    def test_forwarded(self):
        """The host that a trusted proxy was asked for counts, and only that."""
        field = b"X-Forwarded-Host: evil"
        fields = ("x-forwarded-for", "x-forwarded-host")
        octets = request(b"X-Forwarded-For: 203.0.113.9", field)
        listed = {"hosts": ("localhost",)}
        with self.aftermath("anybody's X-Forwarded-Host", **listed) as factory:
            self.assertEqual(self.connect(factory, octets).status, 101)
        listed.update(trustedProxies=("192.0.2.1",), forwardedFields=fields)
        with self.aftermath("a proxy's X-Forwarded-Host", **listed) as factory:
            self.assertRefused(factory, octets, 421, ELSEWHERE)

    def test_listed(self):
        """What is no host, or names a port, cannot be listed."""
        for hosts in (
            "example.com",
            ["example.com"],
            ("",),
            ("*",),
            ("example.com:80",),
            ("http://example.com",),
            ("a b",),
            ("::1",),
            ("[::1]:80",),
            ("*.[::1]",),
            ("a/b",),
            (b"a",),
        ):
            with self.assertRaises(ValueError, msg=repr(hosts)):
                Settings(hosts=hosts)
