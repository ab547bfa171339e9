"""The server behind a real nginx, and a real haproxy, as docs/ have them."""

import re
import ssl
import time

import pytest

from tests.documents import Command, session
from wsagent import ClosedUncleanly, Compression, ConnectionRejected, Settings, blocking

from .certificates import selfSigned
from .client import PATIENCE, dial, request
from .fronts import CLIENT, PAGE, Front, dialFront
from .process import LOCAL, waitUntil
from .session import Session

MEBIBYTE = 1024 * 1024
TRUST = ("--trust-proxy", "127.0.0.1")
KINDS = ("nginx", "haproxy", "send-proxy", "send-proxy-v2")


@pytest.fixture
def front(tmp_path):
    """Give what starts proxies; all are stopped."""
    fronts = []
    selfSigned(tmp_path)
    key = (tmp_path / "key.pem").read_text()
    both = tmp_path / "both.pem"
    both.write_text(key + (tmp_path / "certificate.pem").read_text())

    def startFront(kind, port, idle=60):
        program = "nginx" if kind == "nginx" else "haproxy"
        configs = {"nginx": "wsagent.conf", "haproxy": "haproxy.cfg"}
        names = {
            r"127\.0\.0\.1:8(001|443)": f"127.0.0.1:{port}",
            r"/etc/ssl/example.com.key": tmp_path / "key.pem",
            r"/etc/\w+/example.com.pem": both,
            r"\bsend-proxy-v2\b": kind,
            r"\b60s": f"{idle}s",
        }
        config = configs.get(kind, "passing.cfg")
        fronts.append(Front(tmp_path, program, config, **names))
        return fronts[-1]

    yield startFront
    for each in fronts:
        each.stop()


@pytest.fixture
def serve(start, front, tmp_path):
    """Give what starts a server, and a proxy before it that knows it."""

    def startBoth(kind, *options, idle=60):
        port = LOCAL
        if kind.startswith("send"):
            files = f"privateKey={tmp_path}/key.pem:certKey={tmp_path}/certificate.pem"
            port = f"haproxy:ssl:0:interface=127.0.0.1:{files}"
        server = start("--port", port, *TRUST, *options)
        return server, front(kind, server.port, idle)

    return startBoth


def connect(front, client=CLIENT, **how):
    """Connect to a proxy, with TLS, whoever it is."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return blocking.connect(
        f"wss://localhost:{front.port}/",
        socket=dialFront(front.port, client),
        tls=context,
        timeout=PATIENCE,
        **how,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_all(serve, kind):
    """Subprotocol, compression, address, large messages and close pass a proxy."""
    server, front = serve(kind, "--subprotocol", "foo", "--compress")
    settings = Settings(compression=Compression(), messageLimit=MEBIBYTE)
    how = {"subprotocols": ["foo"], "settings": settings}
    with connect(front, **how) as peer:
        assert peer.subprotocol == "foo"
        agreed = peer.response.headers.get("sec-websocket-extensions")
        assert agreed.startswith(b"permessage-deflate")
        for message in ("h\u00e9llo" * 1000, bytes(range(256)) * 4096):
            peer.send(message)
            assert peer.receive(PATIENCE) == message
        peer.close(4000, "bye")
    waitUntil(lambda: " closed " in server.log, "an end in the log")
    # A port is what only the PROXY header has.
    name = re.escape(CLIENT) + (r":\d+" if kind.startswith("send") else "")
    assert re.search(rf" {name} connected, agent ", server.log)
    assert re.search(rf" {name} closed 4000 'bye' by peer", server.log)


@pytest.mark.parametrize("kind", KINDS)
def test_idle(serve, kind):
    """A connection on which nothing happens is kept by pings, and cut without."""
    server, front = serve(kind, "--ping-interval", "none", idle=1)
    began = time.monotonic()
    with connect(front) as peer, pytest.raises(ClosedUncleanly):
        peer.receive(PATIENCE)
    cutAfter = time.monotonic() - began
    server.stop()
    _, front = serve(kind, "--ping-interval", "0.3", idle=1)
    with connect(front) as peer:
        with pytest.raises(TimeoutError):
            peer.receive(2 * cutAfter)
        peer.send("still here")
        assert peer.receive(PATIENCE) == "still here"


@pytest.mark.parametrize("kind", KINDS)
def test_origin(serve, kind):
    """The scheme and the host of the origin are compared with what the client saw."""
    _, front = serve(kind)
    host = f"localhost:{front.port}"
    connect(front, origin=f"https://{host}").close()
    for origin in (f"http://{host}", "https://localhost", "https://evil"):
        with pytest.raises(ConnectionRejected) as caught:
            connect(front, origin=origin)
        assert caught.value.status == 403


@pytest.mark.parametrize("kind", KINDS)
def test_spoofed(serve, kind):
    """What a client writes into the fields of proxies does not make it another."""
    server, front = serve(kind)
    spoofed = {
        "X-Forwarded-For": "192.0.2.1, 127.0.0.1",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil",
        "Forwarded": "for=192.0.2.1;host=evil;proto=http",
        "X-Real-IP": "192.0.2.1",
    }
    origin = f"https://localhost:{front.port}"
    connect(front, headers=spoofed, origin=origin).close()
    with pytest.raises(ConnectionRejected):
        connect(front, headers=spoofed, origin="http://evil")
    assert re.search(rf" {re.escape(CLIENT)}\S* connected, ", server.log)
    assert "192.0.2.1" not in server.log


@pytest.mark.parametrize("kind", KINDS)
def test_limit(serve, kind):
    """A limit for each address is for those of the clients, and not the proxy's."""
    _, front = serve(kind, "--address-limit", "1")
    with connect(front), connect(front, "127.0.0.6") as other:
        with pytest.raises(ConnectionRejected) as caught:
            connect(front)
        assert caught.value.status == 503
        other.send("here")
        assert other.receive(PATIENCE) == "here"


def test_page(tmp_path):
    """What the page has one type serves behind a proxy."""
    selfSigned(tmp_path)
    (tmp_path / "certificate.pem").rename(tmp_path / "cert.pem")
    steps = [step for step in session(PAGE) if isinstance(step, Command)]
    assert len(steps) == 2
    field = "X-Forwarded-For: 192.0.2.1\r\n\r\n"
    with Session(tmp_path) as at:
        at.do(steps[0])
        with dial(at.server.port) as plain:
            plain.sendall(request()[:-2] + field.encode())
            assert plain.recv(12) == b"HTTP/1.1 101"
        waitUntil(lambda: " 192.0.2.1 connected, " in at.server.log, "its address")
        at.do(steps[1])
        with dial(at.server.port) as plain:
            plain.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 5 6\r\n")
            with ssl._create_unverified_context().wrap_socket(plain) as secure:
                secure.sendall(request())
                assert secure.recv(12) == b"HTTP/1.1 101"
        waitUntil(lambda: " 192.0.2.1:5 connected, " in at.server.log, "its address")


def test_check(start, front, tmp_path):
    """What haproxy checks with is served, and leaves nothing in the log."""
    files = f"privateKey={tmp_path}/key.pem:certKey={tmp_path}/certificate.pem"
    port = f"haproxy:ssl:0:interface=127.0.0.1:{files}"
    server = start("--port", port)
    before = server.log
    proxy = front("send-proxy-v2", server.port)
    time.sleep(0.5)
    assert server.log == before
    with connect(proxy) as peer:
        peer.send("here")
        assert peer.receive(PATIENCE) == "here"
