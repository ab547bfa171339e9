"""L{wsagent.core.forwarded}: what proxies say of those they forward for."""

import re
from ipaddress import ip_address
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from wsagent.core.errors import HandshakeError
from wsagent.core.forwarded import (
    Hop,
    Node,
    readForwarded,
    readForwardedFor,
    readNode,
)

from .notation import row

V4 = "192.0.2.43"
V6 = "2001:db8:cafe::17"

ADDRESSES = st.ip_addresses().filter(lambda each: not getattr(each, "ipv4_mapped", 0))
PORTS = st.integers(0, 65535)
WORDS = st.text("abz09._-", min_size=1)
TEXTS = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"))


def node(host, port=0):
    """Make a node."""
    return Node(ip_address(host), port)


def quoted(text):
    """Write a quoted string."""
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


class NodeTests(SynchronousTestCase):
    """L{readNode}: RFC 7239 section 6."""

    def test_addresses(self):
        """An address may have a port, and one of IPv6 is in brackets."""
        for text, found in (
            (V4, node(V4)),
            (f"{V4}:47011", node(V4, 47011)),
            (f"{V4}:65535", node(V4, 65535)),
            (f"{V4}:00080", node(V4, 80)),
            (f"[{V6}]", node(V6)),
            (f"[{V6.upper()}]:4711", node(V6, 4711)),
            ("[::]:0", node("::")),
            (f"{V4}:_gazonk", node(V4)),
            (f"[{V6}]:_a.b-c_d", node(V6)),
        ):
            with row(text):
                self.assertEqual(readNode(text), found)
                self.assertEqual(readNode(text, mayBeBare=True), found)

    def test_mapped(self):
        """An IPv4 address is the same in the clothes of IPv6."""
        self.assertEqual(readNode(f"[::ffff:{V4}]:1"), node(V4, 1))
        self.assertEqual(readNode(f"::ffff:{V4}", mayBeBare=True), node(V4))

    def test_bare(self):
        """C{X-Forwarded-For} has IPv6 addresses without brackets, and no port then."""
        self.assertEqual(readNode(V6, mayBeBare=True), node(V6))
        self.assertEqual(readNode("::1", mayBeBare=True), node("::1"))
        self.assertEqual(readNode("::1:80", mayBeBare=True), node("::1:80"))
        with self.assertRaises(HandshakeError):
            readNode(V6)

    def test_hidden(self):
        """Who is unknown, or has a name of the proxy's own, is nobody."""
        for text in ("unknown", "UNKNOWN", "unknown:80", "_hidden", "_a.B-9_:_x", "_0"):
            with row(text):
                self.assertIsNone(readNode(text))
                self.assertIsNone(readNode(text, mayBeBare=True))

    def test_malformed(self):
        """All else is no node."""
        for text in (
            "",
            " ",
            "_",
            "_a b",
            "localhost",
            "unknown2",
            "1.2.3",
            "1.2.3.4.5",
            "01.2.3.4",
            "256.2.3.4",
            "1.2.3.4:",
            "1.2.3.4:65536",
            "1.2.3.4:123456",
            "1.2.3.4:+1",
            "1.2.3.4:1 ",
            " 1.2.3.4",
            "1.2.3.4\n",
            "1.2.3.4/8",
            "\uff11.2.3.4",
            "1.2.3.4:\u0661",
            "[1.2.3.4]",
            "[]",
            "[:::]",
            "[::1",
            "::1]",
            "[::1%eth0]",
            "[::1]80",
            "[::g]",
            "::1::",
            ":",
            "1:2",
        ):
            with row(repr(text)):
                for mayBeBare in (False, True):
                    with self.assertRaises(HandshakeError):
                        readNode(text, mayBeBare)

    @given(ADDRESSES, st.none() | PORTS)
    def test_all(self, address, port):
        """Every address, with every port, is read as it is."""
        host = str(address) if address.version == 4 else f"[{address}]"
        end = "" if port is None else f":{port}"
        self.assertEqual(readNode(host + end), Node(address, port or 0))
        self.assertEqual(readNode(str(address), mayBeBare=True), Node(address, 0))

    @given(TEXTS, st.booleans())
    def test_any(self, text, mayBeBare):
        """Whatever it is, it is a node, nobody or an error."""
        try:
            found = readNode(text, mayBeBare)
        except HandshakeError:
            return
        self.assertTrue(found is None or 0 <= found.port <= 65535)


class ForwardedTests(SynchronousTestCase):
    """L{readForwarded}: RFC 7239 section 4."""

    def assertHops(self, value, *hops):
        """Demand what one line says, the last first."""
        self.assertEqual(list(readForwarded([value])), list(hops))

    def test_examples(self):
        """The RFC's examples mean what it says."""
        cafe = node(V6)
        for value, hops in (
            (b'for="_gazonk"', [Hop(None, None, None)]),
            (b'For="[2001:db8:cafe::17]:4711"', [Hop(node(V6, 4711), None, None)]),
            (
                b"for=192.0.2.60;proto=http;by=203.0.113.43",
                [Hop(node("192.0.2.60"), False, None)],
            ),
            (
                b"for=192.0.2.43, for=198.51.100.17",
                [Hop(node("198.51.100.17"), None, None), Hop(node(V4), None, None)],
            ),
            (
                b'for=192.0.2.43, for="[2001:db8:cafe::17]", for=unknown',
                [
                    Hop(None, None, None),
                    Hop(cafe, None, None),
                    Hop(node(V4), None, None),
                ],
            ),
            (
                b'for=192.0.2.43,for="[2001:db8:cafe::17]",for=unknown',
                [
                    Hop(None, None, None),
                    Hop(cafe, None, None),
                    Hop(node(V4), None, None),
                ],
            ),
            (
                b"for=_hidden, for=_SEVKISEK",
                [Hop(None, None, None), Hop(None, None, None)],
            ),
            (
                b'proto=https;host="example.com:8080";for=192.0.2.43',
                [Hop(node(V4), True, "example.com:8080")],
            ),
        ):
            with row(repr(value)):
                self.assertHops(value, *hops)

    def test_lines(self):
        """Several lines are one list."""
        lines = [b"for=192.0.2.1, for=192.0.2.2", b"for=192.0.2.3"]
        found = [str(hop.node.address) for hop in readForwarded(lines)]
        self.assertEqual(found, ["192.0.2.3", "192.0.2.2", "192.0.2.1"])
        self.assertEqual(list(readForwarded([])), [])

    def test_space(self):
        """Space around commas and semicolons, and nothing between them, is nothing."""
        one = Hop(node(V4), True, None)
        for value in (
            b"for=192.0.2.43;proto=https",
            b" \tfor=192.0.2.43 ; \tproto=https\t",
            b";for=192.0.2.43;;proto=https;",
            b",,for=192.0.2.43;proto=https, ,;,",
        ):
            with row(repr(value)):
                self.assertHops(value, one)
        self.assertHops(b"")
        self.assertHops(b" , ;")

    def test_quoted(self):
        """In quotes, marks are text, and a backslash takes what follows as it is."""
        self.assertHops(
            b'x=";, for=192.0.2.1\\"\\\\";for="192.0.2.\\43";host="a\\.b:1"',
            Hop(node(V4), None, "a.b:1"),
        )
        self.assertHops(b'proto="HTTPS"', Hop(None, True, None))

    def test_schemes(self):
        """A scheme is one of HTTP's or WebSocket's."""
        for scheme, isSecure in (
            (b"http", False),
            (b"https", True),
            (b"ws", False),
            (b"WSS", True),
        ):
            self.assertHops(b"proto=" + scheme, Hop(None, isSecure, None))

    def test_malformed(self):
        """What breaks the grammar, or means nothing, is refused."""
        for value in (
            b"for",
            b"for=",
            b"=1.2.3.4",
            b"for =1.2.3.4",
            b"for= 1.2.3.4",
            b"for=1.2.3.4 proto=http",
            b"for=1.2.3.4:80",
            b"for=[::1]",
            b"for=::1",
            b'for="::1"',
            b'for="1.2.3.4',
            b'for="1.2.3.4\\"',
            b'for="1.2.3.4"x',
            b'for=1.2.3.4"',
            b"for=1.2.3.4;for=1.2.3.4",
            b"for=1.2.3.4;FOR=unknown",
            b"a=1;a=1",
            b"for=example.com",
            b'for=""',
            b"proto=ftp",
            b'proto=""',
            b'proto="http "',
            b'host=""',
            b'host="a b"',
            b'host="a@b"',
            b'host="a:99999"',
            b'host="a/b"',
            b'host="\xe9"',
            b"f\xe9r=1",
            b"for=\xb2",
            b"a=1\x00",
        ):
            with row(repr(value)), self.assertRaises(HandshakeError):
                list(readForwarded([value]))

    def test_noFurther(self):
        """What is before is not read until it is asked for."""
        hops = readForwarded([b'"', b"for=no, for=192.0.2.43"])
        self.assertEqual(next(hops), Hop(node(V4), None, None))
        with self.assertRaises(HandshakeError):
            next(hops)
        hops = readForwarded([b'"', b"for=192.0.2.43"])
        next(hops)
        with self.assertRaises(HandshakeError):
            next(hops)

    def test_openQuote(self):
        """Who opens a quote does not hide what a proxy adds to the same line."""
        for theirs in (b"for=192.0.2.43", b'for="192.0.2.43"', b'for="[2001:db8::1]"'):
            for own in (b'for="', b'for=192.0.2.1;x="', b'x="\\', b'for="a'):
                with row(repr(own)), self.assertRaises(HandshakeError):
                    list(readForwarded([own + b", " + theirs]))

    @given(
        st.lists(
            st.lists(
                st.dictionaries(
                    WORDS.map("x".__add__),
                    TEXTS,
                    max_size=3,
                ),
                min_size=1,
                max_size=3,
            ),
            max_size=3,
        ),
        st.data(),
    )
    def test_written(self, lines, data):
        """What is written by the grammar is read as it was meant, whatever else is."""
        expected = []
        texts = []
        for line in lines:
            elements = []
            for others in line:
                address = data.draw(ADDRESSES)
                port = data.draw(PORTS)
                isSecure = data.draw(st.booleans())
                host = f"[{address}]" if address.version == 6 else str(address)
                pairs = {
                    **others,
                    "for": f"{host}:{port}",
                    "proto": "https" if isSecure else "http",
                    "host": host,
                }
                elements.append(
                    ";".join(f"{name}={quoted(text)}" for name, text in pairs.items())
                )
                expected.insert(0, Hop(Node(address, port), isSecure, host))
            texts.append(", ".join(elements).encode("latin-1"))
        self.assertEqual(list(readForwarded(texts)), expected)

    @given(st.lists(st.binary(), max_size=3))
    def test_any(self, lines):
        """Whatever it is, it is hops or an error."""
        try:
            for hop in readForwarded(lines):
                self.assertIsInstance(hop, Hop)
        except HandshakeError:
            pass

    def test_linear(self):
        """What is long is read in one go, or refused in one."""
        for value in (
            b"a=" + b"b" * 100_000 + b"@",
            b" " * 100_000 + b"@",
            b"a" * 100_000,
            b'a="' + b"\\a" * 50_000,
            b"a=1" + b" " * 100_000 + b"@",
            b";" * 100_000 + b"@",
        ):
            with self.assertRaises(HandshakeError):
                list(readForwarded([value]))


class ForwardedForTests(SynchronousTestCase):
    """L{readForwardedFor}: C{X-Forwarded-For}, C{-Proto} and C{-Host}."""

    def test_list(self):
        """Addresses are a list, on one line or more, and the last comes first."""
        found = readForwardedFor([b"192.0.2.1, 192.0.2.2:80", b"2001:db8::1,[::1]:1"])
        self.assertEqual(
            [hop.node for hop in found],
            [
                node("::1", 1),
                node("2001:db8::1"),
                node("192.0.2.2", 80),
                node("192.0.2.1"),
            ],
        )

    def test_nothing(self):
        """Without a field there is nothing."""
        self.assertEqual(list(readForwardedFor([])), [])

    def test_once(self):
        """A scheme and a host that were said once hold for all hops."""
        found = readForwardedFor([b"192.0.2.1,192.0.2.2"], [b"https"], [b"example.com"])
        self.assertEqual(
            list(found),
            [
                Hop(node("192.0.2.2"), True, "example.com"),
                Hop(node("192.0.2.1"), True, "example.com"),
            ],
        )

    def test_each(self):
        """Where each proxy adds its own, each hop has its own."""
        found = readForwardedFor(
            [b"192.0.2.1, 192.0.2.2"], [b"wss, ws"], [b"outer", b"inner:80"]
        )
        self.assertEqual(
            list(found),
            [
                Hop(node("192.0.2.2"), False, "inner:80"),
                Hop(node("192.0.2.1"), True, "outer"),
            ],
        )

    def test_more(self):
        """Of more schemes and hosts than addresses, the first are nobody's."""
        found = readForwardedFor([b"192.0.2.1"], [b"ftp, http"], [b"a b, c"])
        self.assertEqual(list(found), [Hop(node("192.0.2.1"), False, "c")])

    def test_schemeOnly(self):
        """A proxy that tells no address may tell the scheme."""
        self.assertEqual(
            list(readForwardedFor([], [b"http,https"])), [Hop(None, True, None)]
        )
        self.assertEqual(list(readForwardedFor([], [], [b"a"])), [Hop(None, None, "a")])

    def test_malformed(self):
        """What is no address, scheme or host is refused when its turn comes."""
        for arguments in (
            ([b""],),
            ([b"192.0.2.1,"],),
            ([b"example.com"],),
            ([b"192.0.2.1 192.0.2.2"],),
            ([b"192.0.2.1;192.0.2.2"],),
            ([b"\xff"],),
            ([], [b""]),
            ([], [b"gopher"]),
            ([b"192.0.2.1"], [b"http,"]),
            ([], [], [b""]),
            ([], [], [b"a, b c"]),
            ([], [], [b"http://a"]),
        ):
            with row(repr(arguments)), self.assertRaises(HandshakeError):
                next(readForwardedFor(*arguments))

    def test_noFurther(self):
        """What is before is not looked at until it is asked for."""
        found = readForwardedFor([b"<script>", b"192.0.2.1"], [b"?, http"], [b"?, a"])
        self.assertEqual(next(found), Hop(node("192.0.2.1"), False, "a"))
        with self.assertRaises(HandshakeError):
            next(found)

    @given(*[st.lists(st.binary(), max_size=3)] * 3)
    def test_any(self, nodes, schemes, hosts):
        """Whatever it is, it is hops or an error."""
        try:
            for hop in islice(readForwardedFor(nodes, schemes, hosts), 99):
                self.assertIsInstance(hop, Hop)
        except HandshakeError:
            pass
