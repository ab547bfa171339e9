"""L{wsagent.core.preface}: the PROXY header, both versions."""

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from wsagent.core.errors import HandshakeError
from wsagent.core.forwarded import Node
from wsagent.core.preface import HEADER_LIMIT, Preface, PrefaceReader

from .notation import allCuts, cutAt, row

V4 = (b"192.0.2.43", b"192.0.2.1")
V6 = (b"2001:db8::17", b"2001:db8::1")
PORTS = (56324, 443)
NOBODY = Preface(None)
TLS = b"\x20\x00\x05\x01\x00\x00\x00\x00"
"""What haproxy adds with C{send-proxy-v2-ssl}."""


def line(family, hosts, ports=PORTS):
    """Write a header of version 1."""
    return b"PROXY %b %b %b %d %d\r\n" % (family, *hosts, *ports)


def binary(family, addresses, more=b"", command=0x21, length=None):
    """Write a header of version 2."""
    body = addresses + more
    length = len(body) if length is None else length
    start = b"\r\n\r\n\0\r\nQUIT\n" + bytes((command, family))
    return start + length.to_bytes(2, "big") + body


def packed(hosts, ports=PORTS):
    """Write two addresses and their ports."""
    return b"".join(
        (
            *(ip_address(host.decode()).packed for host in hosts),
            *(port.to_bytes(2, "big") for port in ports),
        )
    )


def node(host, port=PORTS[0]):
    """Make a node."""
    return Node(ip_address(host), port)


GOOD = (
    ("v1 TCP4", line(b"TCP4", V4), Preface(node("192.0.2.43"))),
    ("v1 TCP6", line(b"TCP6", V6), Preface(node("2001:db8::17"))),
    (
        "v1 longest",
        line(b"TCP6", [b"ffff:" * 7 + b"ffff"] * 2, (65535, 65535)),
        Preface(node("ffff:" * 7 + "ffff", 65535)),
    ),
    (
        "v1 mapped",
        line(b"TCP6", (b"::ffff:192.0.2.43", b"::1")),
        Preface(node("192.0.2.43")),
    ),
    ("v1 UNKNOWN", b"PROXY UNKNOWN\r\n", NOBODY),
    ("v1 UNKNOWN, more", b"PROXY UNKNOWN ff::1 \xff 1 2 3\r\n", NOBODY),
    ("v1 UNKNOWN, longest", b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n", NOBODY),
    ("v2 TCP4", binary(0x11, packed(V4)), Preface(node("192.0.2.43"))),
    ("v2 TCP6", binary(0x21, packed(V6)), Preface(node("2001:db8::17"))),
    (
        "v2 mapped",
        binary(0x21, packed((b"::ffff:192.0.2.43", b"::1"))),
        Preface(node("192.0.2.43")),
    ),
    ("v2 UNIX", binary(0x31, b"/a".ljust(108, b"\0") * 2), NOBODY),
    ("v2 UNIX, TLS", binary(0x31, bytes(216), TLS), Preface(None, True)),
    ("v2 LOCAL", binary(0x00, b"", command=0x20), NOBODY),
    ("v2 LOCAL, addresses", binary(0x11, packed(V4), command=0x20), NOBODY),
    ("v2 LOCAL, whatever", binary(0xFF, b"\xff", command=0x20), NOBODY),
    ("v2 UNSPEC", binary(0x00, b""), NOBODY),
    ("v2 UNSPEC, whatever", binary(0x00, b"\x20\xff"), NOBODY),
    ("v2 TLS", binary(0x11, packed(V4), TLS), Preface(node("192.0.2.43"), True)),
    (
        "v2 TLS among others",
        binary(0x21, packed(V6), b"\x02\x00\x01a" + TLS + b"\x04\x00\x00"),
        Preface(node("2001:db8::17"), True),
    ),
    (
        "v2 no TLS",
        binary(0x11, packed(V4), b"\x20\x00\x05\x00\x00\x00\x00\x00"),
        Preface(node("192.0.2.43")),
    ),
    (
        "v2 empty TLS",
        binary(0x11, packed(V4), b"\x20\x00\x00"),
        Preface(node("192.0.2.43")),
    ),
    (
        "v2 longest",
        binary(0x00, bytes(HEADER_LIMIT - 16)),
        NOBODY,
    ),
)

BAD = (
    ("HTTP", b"GET / HTTP/1.1\r\n"),
    ("POST", b"PO"),
    ("lower case", b"proxy TCP4"),
    ("TLS", b"\x16\x03\x01"),
    ("NUL", b"\0"),
    ("space first", b" PROXY"),
    ("blank line", b"\r\nPROXY TCP4"),
    ("v1 two spaces", b"PROXY  TCP4 192.0.2.43 192.0.2.1 1 2\r\n"),
    ("v1 tab", b"PROXY TCP4\t192.0.2.43 192.0.2.1 1 2\r\n"),
    ("v1 space at the end", b"PROXY TCP4 192.0.2.43 192.0.2.1 1 2 \r\n"),
    ("v1 one port", b"PROXY TCP4 192.0.2.43 192.0.2.1 1\r\n"),
    ("v1 three ports", b"PROXY TCP4 192.0.2.43 192.0.2.1 1 2 3\r\n"),
    ("v1 nothing", b"PROXY \r\n"),
    ("v1 no addresses", b"PROXY TCP4\r\n"),
    ("v1 UNKNOWNS", b"PROXY UNKNOWNS\r\n"),
    ("v1 UDP4", line(b"UDP4", V4)),
    ("v1 TCP5", line(b"TCP5", V4)),
    ("v1 TCP4 of IPv6", line(b"TCP4", V6)),
    ("v1 TCP6 of IPv4", line(b"TCP6", V4)),
    ("v1 second of IPv6", line(b"TCP4", (V4[0], V6[0]))),
    ("v1 no address", line(b"TCP4", (b"1.2.3", b"1.2.3.4"))),
    ("v1 zeros first", line(b"TCP4", (b"01.2.3.4", b"1.2.3.4"))),
    ("v1 name", line(b"TCP4", (b"localhost", b"1.2.3.4"))),
    ("v1 zone", line(b"TCP6", (b"fe80::1%eth0", b"::1"))),
    ("v1 port too big", line(b"TCP4", V4, (65536, 1))),
    ("v1 second port too big", line(b"TCP4", V4, (1, 65536))),
    ("v1 port of six", line(b"TCP4", V4, (123456, 1))),
    ("v1 negative port", line(b"TCP4", V4, (-1, 1))),
    ("v1 no port", b"PROXY TCP4 1.2.3.4 1.2.3.4 x 2\r\n"),
    ("v1 no digits", b"PROXY TCP4 1.2.3.4 1.2.3.4 \xb2 2\r\n"),
    ("v1 bare LF", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n\r\n"),
    ("v1 too long", b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n"),
    ("v1 without end", b"PROXY UNKNOWN " + b"x" * 93),
    ("v2 other signature", b"\r\n\r\n\0\r\nQUIT\r"),
    ("v2 version 1", binary(0x11, packed(V4), command=0x11)),
    ("v2 version 3", binary(0x11, packed(V4), command=0x31)),
    ("v2 other command", binary(0x11, packed(V4), command=0x22)),
    ("v2 UDP", binary(0x12, packed(V4))),
    ("v2 no protocol", binary(0x10, packed(V4))),
    ("v2 other family", binary(0x41, packed(V4))),
    ("v2 TCP4 too short", binary(0x11, packed(V4)[:-1])),
    ("v2 TCP6 too short", binary(0x21, packed(V4))),
    ("v2 UNIX too short", binary(0x31, bytes(215))),
    ("v2 too long", binary(0x00, bytes(HEADER_LIMIT - 15))),
    ("v2 claims too much", binary(0x00, b"", length=65535)),
    ("v2 cut value", binary(0x11, packed(V4), b"\x20\x00")),
    ("v2 value too long", binary(0x11, packed(V4), b"\x20\x00\x02\x01")),
)


def read(segments):
    """Feed segments; give what the header says, and what follows it."""
    reader = PrefaceReader()
    whole = None
    rest = b""
    for segment in segments:
        if whole is None:
            whole = reader.feed(segment)
            rest = b"" if whole is None else whole[1]
        else:
            rest += segment
    return None if whole is None else (whole[0], rest)


class PrefaceTests(SynchronousTestCase):
    """L{PrefaceReader}."""

    def test_good(self):
        """A header says for whom, however it is cut, and takes no more than itself."""
        for name, header, preface in GOOD:
            long = len(header) > 400
            cuts = [("whole", [header + b"GET"])] if long else allCuts(header + b"GET")
            for cut, segments in cuts:
                with row(f"{name}, {cut}"):
                    self.assertEqual(read(segments), (preface, b"GET"))

    def test_unfinished(self):
        """Until it is whole, it says nothing."""
        for name, header, _ in GOOD:
            with row(name):
                self.assertIsNone(read([header[:-1]]))

    def test_bad(self):
        """All else is refused, however it is cut."""
        for name, octets in BAD:
            long = len(octets) > 400
            for cut, segments in [("whole", [octets])] if long else allCuts(octets):
                with row(f"{name}, {cut}"), self.assertRaises(HandshakeError):
                    read(segments)

    def test_early(self):
        """It is refused at the first octet that shows it."""
        for octets in (b"G", b"\x16", b"PROXY\t", b"PROXYX", b"\r\n\r\n\0\r\nQUIX"):
            reader = PrefaceReader()
            self.assertIsNone(reader.feed(octets[:-1]))
            with self.assertRaises(HandshakeError):
                reader.feed(octets[-1:])
        reader = PrefaceReader()
        with self.assertRaises(HandshakeError):
            reader.feed(binary(0x11, b"", length=HEADER_LIMIT - 15))

    def test_nothing(self):
        """No octets are no header yet."""
        self.assertIsNone(PrefaceReader().feed(b""))

    @given(
        st.sampled_from([4, 6]).flatmap(
            lambda version: st.tuples(*[st.ip_addresses(v=version)] * 2)
        ),
        st.tuples(*[st.integers(0, 65535)] * 2),
        st.binary(max_size=50),
        st.data(),
    )
    def test_all(self, addresses, ports, rest, data):
        """Every address is read as it is, in both versions."""
        version = addresses[0].version
        hosts = [str(address).encode() for address in addresses]
        octets = (
            line(b"TCP%d" % version, hosts, ports)
            if data.draw(st.booleans())
            else binary(0x11 if version == 4 else 0x21, packed(hosts, ports))
        )
        cuts = data.draw(st.lists(st.integers(0, len(octets)), max_size=4))
        source = getattr(addresses[0], "ipv4_mapped", None) or addresses[0]
        expected = Preface(Node(source, ports[0])), rest
        self.assertEqual(read(cutAt(octets + rest, cuts)), expected)

    @given(
        st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", binary(0, b"")[:12]]),
        st.binary(max_size=60),
    )
    def test_any(self, start, octets):
        """Whatever it is, it is a header, unfinished or an error."""
        try:
            whole = PrefaceReader().feed(start + octets)
        except HandshakeError:
            return
        if whole is not None:
            self.assertIsInstance(whole[0], Preface)
