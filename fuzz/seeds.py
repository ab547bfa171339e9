"""
Write the inputs that fuzzing starts with: C{python -m fuzz.seeds}.

They are the examples of the RFCs, and what the tests know to matter.  What
fuzzing has found beside them has other names, and stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from tests.core import compressing
from tests.core.notation import KEY, frame

from .builds import CORPUS
from .targets import preface

REQUEST = (
    b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
)
"""RFC 6455 section 1.3."""
RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
)
OFFERS = (
    b"permessage-deflate",
    b"permessage-deflate; client_max_window_bits; server_max_window_bits=10",
    b"permessage-deflate; server_max_window_bits=10, permessage-deflate",
    b"permessage-deflate; client_no_context_takeover; server_no_context_takeover",
    b'foo; bar="a\\"b"; baz=1, permessage-deflate; client_max_window_bits="12"',
    b"permessage-deflate; server_max_window_bits=8",
    b"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
)
"""RFC 7692 sections 7.1 and 5.1."""


def requests() -> Iterable[bytes]:
    """Requests, right and wrong: two octets of cuts before each."""
    yield b"\0\0\0" + REQUEST + b"\r\n"
    yield b"\0\1\7" + REQUEST + b"\r\n\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
    for offer in OFFERS[1:5]:
        field = b"Sec-WebSocket-Extensions: " + offer
        yield b"\0\5\3" + REQUEST + field + b"\r\n\r\n"
    yield b"\0\0\0\r\n" + REQUEST.replace(b"/chat", b"ws://[::1]:80/a?b") + b"\r\n"
    yield (
        b"\0\0\1" + REQUEST.replace(b"GET", b"POST") + b"Content-Length: 5\r\n\r\nabcde"
    )
    yield b"\0\1\0" + REQUEST.replace(b": 13", b": 8") + b"Cookie: a=\xff;b\r\n\r\n"
    yield b"\2\0\0GET /" + b"a" * 70
    yield b"\0\0\0GET / HTTP/1.0\r\nHost: a\r\n folded\r\n\r\n"
    yield b"\0\0\0\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


def responses() -> Iterable[bytes]:
    """Responses: limits, subprotocols, compression and cuts before each."""
    yield b"\0\0\0\0\0" + RESPONSE + b"\r\n\x81\x05Hello"
    yield b"\0\1\1\7\2" + (
        RESPONSE
        + b"Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: "
        + OFFERS[6]
        + b"\r\n\r\n\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"
    )
    yield (
        b"\0\0\0\3\0HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + RESPONSE + b"\r\n"
    )
    yield b"\0\0\0\1\2HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nabcdef"
    yield b"\0\0\0\0\0HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"
    yield (
        b"\0\0\0\2\3HTTP/1.1 503 \r\nTransfer-Encoding: chunked\r\n\r\n"
        b"4;a=b\r\nWiki\r\n5\r\npedia\r\n0\r\nX: y\r\n\r\n"
    )
    yield (
        b"\0\0\0\1\0HTTP/1.1 503 \r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1;%b\r\na\r\n0\r\n" % (b"a" * 300)
    )
    yield b"\0\0\0\0\1HTTP/1.1 200 OK\r\n\r\nuntil the end"
    yield b"\2\0\0\0\1HTTP/1.1 204 No Content\r\n\r\n"
    yield b"\0\0\0\0\1HTTP/2 101\r\n\r\n"


def frames() -> Iterable[bytes]:
    """Streams of RFC 6455 section 5.7 and others, in both roles."""
    for isClient, key in ((0, KEY), (1, b"")):
        examples = [
            frame(1, b"Hello", key=key),
            frame(1, b"Hel", fin=0, key=key)
            + frame(9, b"?", key=key)
            + frame(0, b"lo", key=key),
            frame(9, b"Hello", key=key) + frame(10, b"Hello", key=key),
            frame(2, bytes(256), key=key) + frame(8, b"", key=key),
            frame(2, bytes(range(130)), fin=0, key=key)
            + frame(0, b"", fin=0, key=key)
            + frame(0, b"abc", key=key),
            frame(2, b"abc", key=key, form=64, declared=65_536),
            frame(8, b"\x03\xe8" + "bye ½".encode(), key=key) + frame(1, b"a", key=key),
            frame(8, b"\x03\xed", key=key),
            frame(1, "κόσμε 𝄞".encode(), key=key) * 2,
            frame(1, b"\xf0\x9d", fin=0, key=key) + frame(0, b"\x84\x9e", key=key),
            frame(1, b"\xed\xa0\x80", key=key),
            frame(3, b"", key=key),
            frame(0, b"a", key=key),
        ]
        for cuts, octets in enumerate(examples):
            for flags in (0, 2 | 32):
                how = bytes((isClient | flags, 5 * (cuts % 3), 0, 0, cuts, 0))
                yield how + octets
        for reaction in range(16):
            how = bytes((isClient | 32, 0, reaction, 1 + reaction % 2, 7, reaction))
            yield how + examples[1] + examples[2] + examples[0]
        for bits, messages in enumerate(
            (
                [compressing.HELLO, compressing.HELLO_AGAIN],
                [compressing.HELLO_STORED, compressing.HELLO_TWICE],
                [compressing.HELLO_LAST, compressing.HELLO],
                compressing.deflated(b"to be or not to be" * 20, bytes(2000)),
            )
        ):
            octets = b"".join(frame(1, each, rsv=4, key=key) for each in messages)
            half = frame(2, messages[0][:3], fin=0, rsv=4, key=key)
            octets += half + frame(9, key=key) + frame(0, messages[0][3:], key=key)
            how = bytes((isClient | 4 | 24 | 34 * (bits & 1), 6 - bits, 2, bits, 3, 2))
            yield how + octets


def inflater() -> Iterable[bytes]:
    """Messages of RFC 7692 section 7.2.3 and others, each with its tail."""
    tail = compressing.TAIL
    for number, messages in enumerate(
        (
            [compressing.HELLO, compressing.HELLO_AGAIN],
            [compressing.HELLO_STORED],
            [compressing.HELLO_LAST, compressing.HELLO],
            [compressing.HELLO_TWICE.replace(tail, b"")],
            compressing.deflated(bytes(70_000), b"to be or not to be" * 9, level=1),
            compressing.deflated(*[compressing.noise(40)] * 2, bits=9),
            compressing.deflated(b"", b"a", level=0),
            [b"\xff\xff", b"\x00"],
        )
    ):
        for flags in (1, 2, 7):
            how = bytes((7 - number % 3, flags, number, number % 4, flags))
            yield how + tail.join(messages)


def offers() -> Iterable[bytes]:
    """Fields: two windows and two flags before each."""
    for number, offer in enumerate(OFFERS):
        yield bytes((number, 6 - number, number % 4)) + offer
        yield bytes((6, 6, 3)) + offer


def location() -> Iterable[bytes]:
    """References: what they are relative to before each."""
    for number, reference in enumerate(
        (
            "/b?d#e",
            "../c",
            "//other.example",
            "http://example.com/a",
            "wss://user:password@example.com:443/%7Efoo/?a=b",
            "ws://[2001:DB8::1]:81/",
            "wss://bücher.example/ä?ö",
            "ws://[fe80::1%25eth0]/",
            "https://example.com:0/",
            "ws://a..b/",
        )
    ):
        yield bytes((number % 3,)) + reference.encode()


def tunnel() -> Iterable[bytes]:
    """What a proxy says: its kind, credentials and cuts before each."""
    yield b"\0\0\0\1HTTP/1.1 200 Connection established\r\n\r\nrest"
    yield b"\0\1\0\0HTTP/1.0 407 No\r\nProxy-Authenticate: Basic\r\n\r\n"
    yield b"\1\0\0\0\5\0\5\0\0\1\x7f\0\0\1\0\x50rest"
    yield b"\1\1\1\2\5\2\1\0\5\0\0\4" + bytes(18) + b"rest"
    yield b"\1\0\0\1\5\0\5\0\0\3\3abc\0\x50"
    yield b"\1\0\0\0\5\0\5\5\0\1" + bytes(6)
    yield b"\1\0\0\0\5\xff"


def receiving() -> Iterable[bytes]:
    """Sizes, and who keeps what is received."""
    yield bytes(range(0, 128, 3))
    yield bytes((6, 7, 16, 17, 26, 27, 36, 37, 6, 16))
    yield bytes((9, 139, 149, 19, 8, 138, 158, 34))


def origin() -> Iterable[bytes]:
    """Origins, and what is listed: who is asked, and how, before each."""
    for number, text in enumerate(
        (
            "http://example.com",
            "https://EXAMPLE.com:443",
            "http://example.com:8080",
            "http://a.b.example.com",
            "null",
            "https://example.com.evil",
            "https://example.com@evil",
            "https://evil/#example.com",
            "http://[2001:db8::1]:80",
            "http://[2001:DB8:0::1]",
        )
    ):
        yield bytes((number % 3, number // 3, number % 2)) + text.encode()
    for text in ("https://*.bücher.example:9", "*.example.com", "*.1.2.3.4", "[::1]"):
        yield b"\0\0\2" + text.encode()


def forwarded() -> Iterable[bytes]:
    """What proxies say, RFC 7239 section 4: in which fields before each."""
    yield b'\0for="_gazonk"'
    yield b'\0For="[2001:db8:cafe::17]:4711"\nfor=192.0.2.60;proto=http;by=203.0.113.43'
    yield b"\0for=192.0.2.43, for=10.0.0.7;host=example.com;proto=https"
    yield b'\0for=unknown, , for="10.0.0.2:_a";Host="a\\b"'
    yield b"\0for=9.9.9.9\nfor=10.9.9.9\nfor=::1"
    yield b"\1192.0.2.43, 2001:db8:cafe::17"
    yield b"\1[::ffff:10.0.0.1]:80, 10.0.0.1:99999"
    yield b"\0021.1.1.1, 10.0.0.1\nhttps,http\nexample.com, a:80"
    yield b"\00210.0.0.1\nwss\n[::1]:80\n10.0.0.2\nhttp"


def routes() -> Iterable[bytes]:
    """Paths, patterns and hosts: which of them, and who is asked, before each."""
    for number, path in enumerate(
        (
            "",
            "chat/lobby",
            "chat/",
            "chat/%7Ea%2Fb",
            "x/%C3%A4/c",
            "files/a/b/",
            "files/a/edit",
            "files/../a",
            "files//a",
            "%FF",
        )
    ):
        yield bytes((0, number % 6)) + path.encode()
    for pattern in ("chat/{room}", "{a}/b/{c...}", "a b/ä/", "{a}/{a}", "a%2Fb"):
        yield b"\1\0" + pattern.encode()
    for host in ("A.b.Example.com.:80", "[::FFFF:1.2.3.4]", "a..b", "b:"):
        yield b"\2\0" + host.encode()


def prefaces() -> Iterable[bytes]:
    """PROXY headers, of both versions: cuts before each."""
    for line in (
        b"PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\nGET /",
        b"PROXY TCP6 2001:db8::1 ::ffff:10.0.0.1 1 65535\r\n",
        b"PROXY UNKNOWN ff:f\r\n",
        b"PROXY TCP4 256.0.0.1 10.0.0.1 1 65536\r\n",
    ):
        yield b"\0\1" + line
    signature = preface.SIGNATURE
    yield b"\0\0" + signature + b"\x20\0\0\2abrest"
    yield b"\3\5" + signature + b"\x21\x11\0\x0c" + bytes(range(12)) + b"rest"
    for values in (preface.TLS, b"\4\0\1a" + preface.TLS, b"\4\1"):
        size = bytes((36 + len(values),))
        header = signature + b"\x21\x21\0" + size + bytes(36) + values
        yield b"\0\7" + header
    yield b"\0\0" + signature + b"\x21\x31\0\xd8" + b"/a".ljust(216, b"\0")
    yield b"\0\0" + signature + b"\x31\x11\x10\0"


def servers() -> Iterable[bytes]:
    """Requests with frames behind: settings, rooms and cuts before each."""
    frames = (
        frame(1, b"Hello", key=KEY)
        + frame(9, b"?", key=KEY)
        + frame(2, bytes(130), key=KEY)
        + frame(8, b"\x03\xe8bye", key=KEY)
    )
    own = REQUEST.replace(b"http://", b"http://server.") + b"\r\n"
    yield b"\0\0\0\1" + own + frames
    yield (
        b"\0\2\7\3"
        + REQUEST.replace(b"Origin", b"X").replace(b"chat HTTP", b"chat/a%20b HTTP")
        + b"\r\n"
        + frames
    )
    yield b"\1\1\0\5" + (
        REQUEST.replace(b"Origin", b"X")
        + b"Sec-WebSocket-Extensions: "
        + OFFERS[1]
        + b"\r\n\r\n"
        + frame(1, compressing.HELLO, rsv=4, key=KEY)
        + frame(1, compressing.HELLO_AGAIN, rsv=4, key=KEY)
        + frame(2, b"a" * 1001, key=KEY)
    )
    yield b"\2\0\0\0" + (
        REQUEST.replace(b"http://", b"https://www.")
        + b"X-Forwarded-For: 1.2.3.4, 10.0.0.1\r\nX-Forwarded-Host: example.com\r\n\r\n"
        + frames
    )
    yield b"\2\0\0\0" + REQUEST + b"X-Forwarded-For: ?\r\n\r\n"
    yield b"\0\2\0\0" + REQUEST.replace(b"/chat", b"/nowhere") + b"\r\n"
    line = b"PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n"
    yield b"\0\4\0\0" + line + own + frames
    yield b"\2\4\0\1" + line + own
    yield b"\1\0\0\0GET /" + b"a" * 600
    yield b"\0\0\0\0" + REQUEST.replace(b"Origin", b"X") + b"\r\n" + b"\x81\0" + frames
    # With a site.
    page = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    later = page.replace(b"/ ", b"/later ")
    form = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    inChunks = (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
        b"Expect: 100-continue\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    )
    yield b"\0\x08\0\0" + page + form + inChunks + own + frames
    yield b"\0\x08\7\3" + later + page.replace(b"GET", b"HEAD") + later + own + frames
    yield b"\0\x08\0\0" + inChunks + page.replace(b"/ ", b"/nowhere?a=%20b ")
    yield b"\0\x08\0\1GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    yield (
        b"\1\x08\1\2" + page.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") * 2
    )
    yield b"\1\x08\0\0" + page + REQUEST + b"A: b\r\n c\r\n\r\n" + frames
    yield b"\0\x08\0\0" + form.replace(b"h: 5", b"h: -5")
    yield b"\2\x0c\0\0" + line + page + own


def credentials() -> Iterable[bytes]:
    """Values of one field, a line each: which field before them."""
    yield b"\0Basic dXNlcjpvcGVuc2VzYW1l"
    yield b"\0basic dXNlcg=="
    yield b"\0Bearer secret-token"
    yield b"\0Basic dXNlcjpvcGVuc2VzYW1l\nBearer secret-token"
    digest = (
        b'\0Digest username="user", realm="wsagent", nonce="NONCE", uri="/a", '
        b'response="%b", opaque="OPAQUE", qop=auth, nc=00000001, cnonce="c", '
        b"algorithm=MD5"
    )
    yield digest % b"RIGHT"
    yield digest % bytes(b"0" * 32)
    yield b"\1a=b; s=secret-token;c"
    yield b'\1s="secret-token"\ns=other'
    yield b"\2chat, bearer.secret-token"
    yield b"\2bearer.a\nbearer.b, chat"


def webtokens() -> Iterable[bytes]:
    """Tokens, and claims: whether they are to be signed before each."""
    yield b"\0eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIiwiZXhwIjo5OTk5OTk5OTk5fQ."
    for claims in (
        b'{"sub":"a","exp":9999999999}',
        b'{"sub":"\\ud800","exp":9999999999}',
        b'{"sub":5,"exp":9999999999,"nbf":1,"iat":1,"aud":["a"],"iss":"b"}',
        b'{"sub":"a","exp":1e400}',
        b'{"sub":"a","exp":%b}' % (b"9" * 400),
        b'{"sub":"a","exp":true}',
    ):
        yield b"\1" + claims
    for header in (b'{"alg":"none"}', b'{"alg":"HS256","b64":false,"crit":["b64"]}'):
        yield b"\3" + header + b'\n{"sub":"a","exp":9999999999}'


SEEDS = {
    "credentials": credentials,
    "forwarded": forwarded,
    "frames": frames,
    "inflater": inflater,
    "location": location,
    "offers": offers,
    "origin": origin,
    "preface": prefaces,
    "receiving": receiving,
    "request": requests,
    "response": responses,
    "routes": routes,
    "server": servers,
    "tunnel": tunnel,
    "webtoken": webtokens,
}


def main() -> None:
    """Write them all."""
    for name, seeds in SEEDS.items():
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("seed-*"):
            old.unlink()
        for number, octets in zip(count(), seeds(), strict=False):
            (folder / f"seed-{number:02}").write_bytes(octets)


if __name__ == "__main__":
    main()
