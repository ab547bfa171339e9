"""Ports of our own kinds: PROXY headers; certificates that change, or of clients."""

import contextlib
import os
import re
import select
import shutil
import signal
import ssl

import pytest
import pytest_twisted

from tests.documents import ROOT, Command, session
from tests.scripts import Authority
from wsagent import Settings, WebSocketServerFactory
from wsagent.endpoints import serverFromString
from wsagent.sockets.transport import LaneTransport

from .certificates import selfSigned
from .client import Client, dial, dialTLS, dialUnix, readAll, request
from .fronts import CLIENT
from .inside import Echo, inThread, until
from .process import LOCAL, run, waitUntil
from .session import Session

# Twisted's own.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL")


HEADER = f"PROXY TCP4 {CLIENT} 127.0.0.1 5 6\r\n".encode()
PAGE = ROOT / "docs" / "tls.rst"


class Listening(WebSocketServerFactory):
    """
    A server in this process, whose agents it knows.

    @ivar agents: those that were open.
    @ivar losses: how they ended.
    """

    def __init__(self, **settings) -> None:
        """Nobody was here yet."""
        super().__init__(Echo, settings=Settings(**settings))
        self.agents = []
        self.losses = []


@pytest_twisted.async_yield_fixture
async def listen(failures):  # noqa: ARG001 - it outlives this one
    """Give what listens with an endpoint of ours."""
    from twisted.internet import reactor

    listening = []

    async def startListening(description, **settings):
        factory = Listening(**settings)
        endpoint = serverFromString(reactor, description)
        listening.append((factory, await endpoint.listen(factory)))
        factory.port = getattr(listening[-1][1].getHost(), "port", None)
        return factory

    yield startListening
    for factory, port in listening:
        await until(lambda one=factory: not one._wires, "no connections")
        await port.stopListening()


def shown(plain):
    """Give what a server has shown."""
    with plain:
        return plain.getpeercert(binary_form=True)


def named(request):
    """Name whose certificate came with a request."""
    (name,) = request.clientCertificate.subject
    return name.value


def dialShowing(port, path=None, key=None):
    """Connect with TLS, and show a certificate; its key is beside it, or in C{key}."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if path is not None:
        context.load_cert_chain(path, key)
    return context.wrap_socket(dial(port))


@pytest_twisted.ensureDeferred
async def test_preface(listen, pytestconfig):
    """Behind a PROXY header, a plain connection is on the fast lane as any other."""
    server = await listen("haproxy:tcp:0:interface=127.0.0.1")

    def script():
        with dial(server.port) as plain:
            plain.sendall(HEADER)
            assert Client(plain).echoes()

    await inThread(script)
    (agent,) = server.agents
    assert (agent.request.peer.host, agent.request.peer.port) == (CLIENT, 5)
    transport = agent._wire.transport
    assert transport.getPeer() == agent.request.arrival.proxy
    isOnLane = pytestconfig.getoption("transport") == "lane"
    assert isinstance(transport, LaneTransport) == (
        isOnLane and hasattr(select, "epoll")
    )


@pytest_twisted.ensureDeferred
async def test_unix(listen, tmp_path):
    """Behind a proxy on a UNIX socket, the client is where the proxy says."""
    path = tmp_path / "ws.sock"
    field = {"X-Forwarded-For": CLIENT}.items()
    server = await listen(f"unix:{path}", trustedProxies=("unix",))
    prefaced = await listen(f"haproxy:unix:{path}2", trustedProxies=("unix",))

    def script():
        with dialUnix(str(path)) as plain:
            assert Client(plain, (), field).echoes()
        with dialUnix(f"{path}2") as plain:
            plain.sendall(HEADER)
            assert Client(plain).echoes()

    await inThread(script)
    (agent,), (other,) = server.agents, prefaced.agents
    assert agent.request.peer.host == other.request.peer.host == CLIENT
    assert agent.request.arrival.proxy == agent._wire.transport.getPeer()


@pytest_twisted.ensureDeferred
async def test_noPreface(listen):
    """Who sends no PROXY header is cut off, and so is who may not send one."""
    where = "haproxy:tcp:0:interface=127.0.0.1"
    server = await listen(where)
    other = await listen(where, trustedProxies=("192.0.2.0/24",))

    def script():
        for port, octets in ((server.port, b""), (other.port, HEADER)):
            with dial(port) as plain:
                with contextlib.suppress(ConnectionError):
                    plain.sendall(octets + request())
                with pytest.raises(ConnectionError):
                    readAll(plain)

    await inThread(script)
    assert server.agents == other.agents == []


@pytest_twisted.ensureDeferred
async def test_clientCertificate(listen, certificate, tmp_path):
    """What a client shows reaches the request; who shows none is not served."""
    Authority(tmp_path).server("client.example")
    server = await listen(
        f"ssl:0:{certificate}:clientCA={tmp_path}/authority.pem:interface=127.0.0.1"
    )

    def script():
        path = tmp_path / "client.example.pem"
        with Client(dialShowing(server.port, path)) as client:
            assert client.echoes()
        # With TLS 1.3, only what it reads tells the client.
        with (
            dialShowing(server.port) as plain,
            pytest.raises(ssl.SSLError, match="certificate required"),
        ):
            Client(plain)

    await inThread(script)
    (agent,) = server.agents
    assert agent.request.isSecure
    assert named(agent.request) == "client.example"


@pytest_twisted.ensureDeferred
async def test_noClientCertificate(listen, certificate):
    """Without authorities, no client is asked."""
    server = await listen(f"ssl:0:{certificate}:interface=127.0.0.1")

    def script():
        with Client(dialTLS(server.port)) as client:
            assert client.echoes()

    await inThread(script)
    (agent,) = server.agents
    assert agent.request.isSecure
    assert agent.request.clientCertificate is None


@pytest_twisted.ensureDeferred
async def test_behindPreface(listen, certificate, tmp_path):
    """TLS begins behind a PROXY header, however the octets are cut."""
    Authority(tmp_path).server("client.example")
    ca = f"clientCA={tmp_path}/authority.pem"
    server = await listen(f"haproxy:ssl:0:{certificate}:{ca}:interface=127.0.0.1")

    def script(isInOne):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.load_cert_chain(tmp_path / "client.example.pem")
        context.set_alpn_protocols(["h2", "http/1.1"])
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing)
        with dial(server.port) as plain:
            with pytest.raises(ssl.SSLWantReadError):
                tls.do_handshake()
            hello = outgoing.read()
            if isInOne:
                plain.sendall(HEADER + hello)
            else:
                for octet in HEADER:
                    plain.sendall(bytes((octet,)))
                plain.sendall(hello)
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    incoming.write(plain.recv(65_536))
            assert tls.selected_alpn_protocol() == "http/1.1"
            tls.write(request())
            plain.sendall(outgoing.read())
            answer = b""
            while b"101" not in answer:
                incoming.write(plain.recv(65_536))
                with contextlib.suppress(ssl.SSLWantReadError):
                    answer += tls.read(65_536)

    await inThread(script, True)
    await inThread(script, False)
    await until(lambda: len(server.losses) == 2, "two ends")
    for agent in server.agents:
        seen = agent.request
        assert (seen.peer.host, seen.peer.port) == (CLIENT, 5)
        assert seen.arrival.proxy.host == "127.0.0.1"
        assert seen.isSecure
        assert named(seen) == "client.example"


@pytest_twisted.ensureDeferred
async def test_noTLSBehindPreface(listen, certificate):
    """What is no TLS behind a header is cut off, and so is a request without one."""
    server = await listen(f"haproxy:ssl:0:{certificate}:interface=127.0.0.1")

    def script():
        for octets in (HEADER + request(), HEADER + bytes(99), request()):
            with dial(server.port) as plain:
                plain.sendall(octets)
                with contextlib.suppress(ConnectionResetError):
                    assert b"HTTP" not in readAll(plain)

    await inThread(script)
    assert server.agents == []


@pytest.mark.parametrize("kind", ["ssl", "haproxy:ssl"])
def test_reload(start, tmp_path, kind):
    """At SIGHUP, who connects sees the new certificate, and nobody is dropped."""
    files = selfSigned(tmp_path)
    server = start("--port", f"{kind}:0:{files}:interface=127.0.0.1")

    def connect():
        plain = dial(server.port)
        if kind != "ssl":
            plain.sendall(b"PROXY UNKNOWN\r\n")
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context.wrap_socket(plain)

    before = shown(connect())
    with Client(connect()) as client:
        assert client.echoes()
        selfSigned(tmp_path)
        assert shown(connect()) == before
        server.signal(signal.SIGHUP)
        waitUntil(lambda: "certificates read, for" in server.log, "a reload")
        after = shown(connect())
        assert after != before
        assert client.echoes()
        (tmp_path / "certificate.pem").write_text("nonsense\n")
        server.signal(signal.SIGHUP)
        waitUntil(lambda: "old ones stay" in server.log, "a line in the log")
        assert shown(connect()) == after
        assert client.echoes()
    (line,) = [each for each in server.log.splitlines() if "old ones stay" in each]
    why = f"ValueError: no certificate in {tmp_path}/certificate.pem"
    assert line.endswith(f"certificates not read, the old ones stay: {why}")


def test_nothingToReload(start):
    """At SIGHUP, a server without TLS goes on as it was."""
    server = start("--port", LOCAL)
    with Client(dial(server.port)) as client:
        server.signal(signal.SIGHUP)
        assert client.echoes()


def test_daemon(tmp_path):
    """A daemon reloads at SIGHUP, and begins a new logfile at SIGUSR1, still."""
    files = selfSigned(tmp_path)
    pidfile, logfile = tmp_path / "pid", tmp_path / "log"
    port = f"ssl:0:{files}:interface=127.0.0.1"
    daemon = ("twistd", f"--pidfile={pidfile}", f"--logfile={logfile}")
    run(*daemon, "wsagent", "--port", port, folder=tmp_path)
    pid = int(pidfile.read_text())
    try:
        waitUntil(lambda: "listening on" in logfile.read_text(), "a server")
        port = int(re.search(r"listening on \S+:(\d+)", logfile.read_text())[1])
        os.kill(pid, signal.SIGHUP)
        waitUntil(lambda: "certificates read" in logfile.read_text(), "a reload")
        os.kill(pid, signal.SIGUSR1)
        waitUntil((tmp_path / "log.1").exists, "a second logfile")
        os.kill(pid, signal.SIGHUP)
        waitUntil(lambda: "certificates read" in logfile.read_text(), "a reload")
        with Client(dialTLS(port)) as client:
            assert client.echoes()
    finally:
        os.kill(pid, signal.SIGTERM)
        waitUntil(lambda: not pidfile.exists(), "its end")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")
def test_page(tmp_path):
    """What the page has one type serves, reloads, and demands certificates."""
    with Session(tmp_path) as at:
        for step in session(PAGE):
            assert isinstance(step, Command)
            if step.line.startswith("pip "):
                continue
            at.do(step)
            if step.line.startswith("kill "):
                waitUntil(lambda: "certificates read" in at.server.log, "a reload")
            elif step.line.startswith("twistd "):
                isAsked = "clientCA" in step.line
                with (
                    dialTLS(at.server.port)
                    if not isAsked
                    else dialShowing(
                        at.server.port, tmp_path / "ann.pem", tmp_path / "ann-key.pem"
                    ) as plain
                ):
                    assert Client(plain).echoes()
        with (
            dialTLS(at.server.port) as plain,
            pytest.raises(ssl.SSLError, match="certificate required"),
        ):
            Client(plain)
