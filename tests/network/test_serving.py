"""C{twistd wsagent} serves, on all kinds of port and under all programs."""

import grp
import os
import pwd
import re
import signal
import socket
import stat
import sys
from pathlib import Path

import pytest

from wsagent.build import describeBuild

from .client import FIN, Client, dial, dialTLS, dialUnix, readAll, request
from .process import LOCAL, end, run, waitUntil

# The demo


def test_text(demo):
    """Text comes back as text."""
    with Client(dial(demo.port)) as client:
        client.sendText("hello, ½ 😀")
        assert client.receiveText() == "hello, ½ 😀"


def test_bytes(demo):
    """Bytes come back as bytes."""
    with Client(dial(demo.port)) as client:
        client.sendBytes(bytes(range(256)))
        assert client.receiveBytes() == bytes(range(256))


def test_mebibyte(demo):
    """A message as long as is allowed comes back whole."""
    with Client(dial(demo.port)) as client:
        data = os.urandom(1024 * 1024)
        client.sendBytes(data)
        assert client.receiveBytes() == data


def test_closeByPeer(demo):
    """A Close frame is answered with its code, then comes the end."""
    with Client(dial(demo.port)) as client:
        client.close(4321)
        assert client.receiveClose() == 4321


def test_mirror(demo):
    """What is said on the mirror goes to all who are there."""
    names = ["lws-mirror-protocol"]
    with Client(dial(demo.port), names) as one, Client(dial(demo.port), names) as two:
        assert one.subprotocol == two.subprotocol == "lws-mirror-protocol"
        one.sendText("c #000000 1 2 3")
        assert one.receiveText() == two.receiveText() == "c #000000 1 2 3"


def test_increment(demo):
    """The counter counts, and begins anew when told so."""
    with Client(dial(demo.port), ["dumb-increment-protocol"]) as client:
        assert client.subprotocol == "dumb-increment-protocol"
        assert [client.receiveText() for _ in range(3)] == ["0", "1", "2"]
        client.sendText("reset\n")
        while client.receiveText() != "0":
            pass
        assert client.receiveText() == "1"


def test_toldSubprotocol(demo):
    """Under a subprotocol that was told at the command line, it is an echo."""
    with Client(dial(demo.port), ["bar", "foo"]) as client:
        assert client.subprotocol == "foo"
        assert client.echoes()


def test_untoldSubprotocol(demo):
    """A subprotocol that nobody told of is not chosen, and not refused."""
    with Client(dial(demo.port), ["bar"]) as client:
        assert client.subprotocol is None
        assert client.echoes()


def test_log(demo):
    """The log says which build it is, where it listens, who came, and the end."""
    with Client(dial(demo.port)) as client:
        host, port = client.socket.getsockname()
        client.close(1000)
        client.receiveClose()
    peer = f"{host}:{port}"
    waitUntil(lambda: f"{peer} closed 1000 by peer, /" in demo.log, "the end")
    assert f"build: {describeBuild()}\n" in demo.log
    assert f"listening on 127.0.0.1:{demo.port}\n" in demo.log
    assert re.search(peer + r" connected, agent :[0-9a-f]{8}\n", demo.log)


def test_logEscapes(demo):
    """What a peer says stands in one line of the log, whatever it is."""
    origin = "http://evil\x7f"
    with dial(demo.port) as plain:
        plain.sendall(request(headers=[("Origin", "http://evil\u00ff")]))
        assert readAll(plain).startswith(b"HTTP/1.1 400 ")
    with dial(demo.port) as plain:
        plain.sendall(request(headers=[("Origin", "http://[evil'\\n")]))
        assert readAll(plain).startswith(b"HTTP/1.1 403 ")
    assert origin not in demo.log


# Options


def test_origin(start):
    """With --origin, pages of that origin may connect, and no others."""
    server = start("--port", LOCAL, "--origin", "https://example.com")
    with Client(dial(server.port), (), [("Origin", "https://example.com")]) as client:
        assert client.echoes()
    with Client(dial(server.port), (), [("Origin", "https://example.org")]) as client:
        assert client.status == 403
        assert client.receive() == FIN


def test_application(start, tmp_path):
    """An application is found in the current folder, its subprotocols' too."""
    source = (
        "from wsagent import WebSocketProtocol\n"
        "class Upper(WebSocketProtocol):\n"
        "    def textMessageReceived(self, message):\n"
        "        self.sendTextMessage(message.upper())\n"
        "class Lower(WebSocketProtocol):\n"
        "    def textMessageReceived(self, message):\n"
        "        self.sendTextMessage(message.lower())\n"
    )
    (tmp_path / "cases.py").write_text(source)
    server = start(
        *("--port", LOCAL, "--app", "cases.Upper"),
        *("--subprotocol", "lower=cases:Lower", "--subprotocol", "other"),
    )
    for subprotocol, answer in ("lower", "abc"), ("other", "ABC"):
        with Client(dial(server.port), [subprotocol]) as client:
            assert client.subprotocol == subprotocol
            client.sendText("aBc")
            assert client.receiveText() == answer


def test_routes(start, tmp_path):
    """With --route, each place has its class, and elsewhere is nobody."""
    source = (
        "from wsagent import WebSocketProtocol\n"
        "class Telling(WebSocketProtocol):\n"
        "    subprotocols = ['tell']\n"
        "    def textMessageReceived(self, message):\n"
        "        self.sendTextMessage(repr(self.request.parts))\n"
    )
    (tmp_path / "rooms.py").write_text(source)
    server = start(
        *("--port", LOCAL, "--route", "/chat/{room}=rooms:Telling"),
        *("--route", "localhost/{name...}=wsagent.demo:Echo"),
        *("--route", "*.example/x=wsagent.demo:Echo"),
    )
    assert "route: /chat/{room} -> rooms:Telling (tell)\n" in server.log
    assert "route: localhost/{name...} -> wsagent.demo:Echo\n" in server.log
    for target, offered, host, said in (
        ("/chat/caf%C3%A9", ["tell"], "a.example", "{'room': 'café'}"),
        ("/chat/red", ["ask"], "localhost", "hello"),
        ("/x", [], "a.example:8001", "hello"),
    ):
        with Client(dial(server.port), offered, target=target, host=host) as client:
            client.sendText("hello")
            assert client.receiveText() == said
    for target, host, status in (
        ("/chat/red", "example", 400),
        ("/chat/..", "localhost", 404),
        ("/x", "example", 404),
    ):
        with Client(dial(server.port), ["ask"], target=target, host=host) as client:
            assert client.status == status
            assert client.receive() == FIN


def test_messageLimit(start):
    """With --message-limit, a longer message closes with 1009."""
    server = start("--port", LOCAL, "--message-limit", "1000")
    with Client(dial(server.port)) as client:
        client.sendBytes(bytes(1000))
        assert client.receiveBytes() == bytes(1000)
        client.sendBytes(bytes(1001))
        assert client.receiveClose() == 1009


# Ports


def test_manyPorts(start):
    """Each --port is listened on."""
    server = start("--port", LOCAL, "--port", LOCAL, ports=2)
    assert len(set(server.ports)) == 2
    for port in server.ports:
        with Client(dial(port)) as client:
            assert client.echoes()


def test_digits(start):
    """A --port of digits alone listens on every IPv4 address."""
    server = start("--port", "0")
    assert f"listening on 0.0.0.0:{server.port}\n" in server.log
    with Client(dial(server.port)) as client:
        assert client.echoes()


def test_tcp6(start):
    """IPv6 is served."""
    try:
        with socket.socket(socket.AF_INET6) as plain:
            plain.bind(("::1", 0))
    except OSError as error:
        pytest.skip(f"no IPv6: {error}")
    server = start("--port", r"tcp6:0:interface=\:\:1")
    assert f"listening on [::1]:{server.port}\n" in server.log
    with Client(dial(server.port, "::1")) as client:
        assert client.echoes()
    waitUntil(lambda: "[::1]:" in server.log.split("listening on")[1], "its name")


def test_unix(start, tmp_path):
    """A socket in the file system is served."""
    path = f"{tmp_path}/socket"
    server = start("--port", f"unix:{path}")
    assert f"listening on unix:{path}\n" in server.log
    with Client(dialUnix(path)) as client:
        assert client.echoes()
        client.close()
        assert client.receiveClose() == 1000
    waitUntil(lambda: "unix closed 1000 by peer, /" in server.log, "the end")


def test_haproxy(start):
    """Behind a proxy that says so, the log and the application know the peer."""
    server = start("--port", f"haproxy:{LOCAL}")
    plain = dial(server.port)
    plain.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n")
    with Client(plain) as client:
        assert client.echoes()
        client.close()
        assert client.receiveClose() == 1000
    waitUntil(lambda: "192.0.2.7:4711 closed 1000" in server.log, "the end")


# TLS


@pytest.fixture
def tls(start, certificate):
    """Give a server with TLS."""
    return start("--port", f"ssl:0:{certificate}:interface=127.0.0.1")


def test_tls(tls):
    """Messages of all sizes pass through TLS."""
    with Client(dialTLS(tls.port)) as client:
        assert client.echoes()
        data = os.urandom(1024 * 1024)
        client.sendBytes(data)
        assert client.receiveBytes() == data


def test_tlsClosedByPeer(tls):
    """The answer to a Close frame comes before the end of TLS."""
    with Client(dialTLS(tls.port)) as client:
        assert client.echoes()
        client.close(1000)
        assert client.receiveClose() == 1000
    waitUntil(lambda: "closed 1000 by peer, /" in tls.log, "a clean end")


def test_tlsClosedByServer(tls):
    """The server's Close frame comes, and waits for its answer, before TLS ends."""
    with Client(dialTLS(tls.port)) as client:
        assert client.echoes()
        tls.signal()
        assert client.receiveClose() == 1001
    assert tls.wait() == -signal.SIGTERM
    assert "closed 1001 by us, /" in tls.log


def test_tlsRefused(tls):
    """A refusal is read whole through TLS."""
    with dialTLS(tls.port) as plain:
        plain.sendall(request().replace(b"GET", b"POST"))
        assert readAll(plain).startswith(b"HTTP/1.1 405 ")


def test_tlsOrigin(tls):
    """Over TLS, the host's own pages have to be of C{https} as well."""
    for origin, status in (
        (f"https://localhost:{tls.port}", 101),
        (f"http://localhost:{tls.port}", 403),
    ):
        asked = {"host": f"localhost:{tls.port}"}
        with Client(dialTLS(tls.port), (), [("Origin", origin)], **asked) as client:
            assert client.status == status


def test_tlsExpected(tls):
    """A peer without TLS costs nothing but its own connection."""
    with dial(tls.port) as plain:
        plain.sendall(request())
        readAll(plain)
    with Client(dialTLS(tls.port)) as client:
        assert client.echoes()


# Programs


def test_twist(start):
    """C{twist} runs it too, and stops with 1001."""
    server = start("twist", "wsagent", "--port", LOCAL)
    with Client(dial(server.port)) as client:
        assert client.echoes()
        server.signal()
        assert client.receiveClose() == 1001
    server.wait()


def test_tac(start, tmp_path):
    """A C{.tac} file is served, and stops with 1001."""
    tac = tmp_path / "server.tac"
    tac.write_text(
        "from twisted.application.service import Application\n"
        "from twisted.internet import reactor\n"
        "from twisted.internet.endpoints import serverFromString\n"
        "from wsagent import WebSocketServerFactory, WebSocketService\n"
        "from wsagent.demo import Echo\n"
        f"endpoint = serverFromString(reactor, {LOCAL!r})\n"
        "application = Application('echo')\n"
        "service = WebSocketService(WebSocketServerFactory(Echo), [endpoint])\n"
        "service.setServiceParent(application)\n",
    )
    server = start("twistd", "-n", "-y", str(tac))
    with Client(dial(server.port)) as client:
        assert client.echoes()
        server.signal()
        assert client.receiveClose() == 1001
    server.wait()


@pytest.mark.parametrize("reactor", ["epoll", "select", "poll", "asyncio"])
def test_reactor(start, reactor):
    """Each reactor echoes, closes, and drains."""
    if reactor == "epoll" and not sys.platform.startswith("linux"):
        pytest.skip("no epoll here")
    server = start("twistd", f"--reactor={reactor}", "-n", "wsagent", "--port", LOCAL)
    assert reactor in server.log.lower()
    with Client(dial(server.port)) as client:
        data = os.urandom(1024 * 1024)
        client.sendBytes(data)
        assert client.receiveBytes() == data
        client.close()
        assert client.receiveClose() == 1000
    with Client(dial(server.port)) as client:
        assert client.echoes()
        server.signal()
        assert client.receiveClose() == 1001
    assert server.wait() == -signal.SIGTERM


def test_privileges(start, tmp_path):
    """Privileges are dropped after the port is bound, and it still serves."""
    if os.getuid() != 0:
        pytest.skip("not root")
    user = pwd.getpwnam("nobody")
    group = grp.getgrgid(user.pw_gid)
    # The folders that pytest makes are its own.
    for folder in tmp_path, *tmp_path.parents[:2]:
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    server = start(
        *("twistd", "-n", "-u", str(user.pw_uid), "-g", str(group.gr_gid)),
        *("wsagent", "--port", LOCAL),
    )
    process = Path(f"/proc/{server.pid}")
    waitUntil(lambda: process.stat().st_uid == user.pw_uid, "nobody")
    with Client(dial(server.port)) as client:
        assert client.echoes()
        server.signal()
        assert client.receiveClose() == 1001
    server.wait()


def test_daemon(tmp_path):
    """As a daemon it has a pidfile and a logfile, and stops by the one's number."""
    pidfile, logfile = tmp_path / "pid", tmp_path / "log"
    done = run(
        *("twistd", f"--pidfile={pidfile}", f"--logfile={logfile}"),
        *("wsagent", "--port", LOCAL),
        folder=tmp_path,
    )
    pid = int(pidfile.read_text())
    try:
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        waitUntil(lambda: "listening on" in logfile.read_text(), "a server")
        port = re.search(r"listening on 127.0.0.1:(\d+)", logfile.read_text())[1]
        with Client(dial(int(port))) as client:
            assert client.echoes()
            os.kill(pid, signal.SIGTERM)
            assert client.receiveClose() == 1001
        waitUntil(lambda: not pidfile.exists(), "no pidfile")
        assert "Traceback" not in logfile.read_text()
    finally:
        end(pid)
