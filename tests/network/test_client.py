"""The client, on real sockets, against servers of ours and of others."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import protocol
from twisted.internet.defer import CancelledError
from twisted.internet.endpoints import (
    UNIXClientEndpoint,
)

from wsagent import (
    ClosedCleanly,
    ClosedUncleanly,
    ConnectionRejected,
    HandshakeError,
    ProxyRefused,
    ReconnectingService,
    RedirectRefused,
    WebSocketClientEndpoint,
    WebSocketClientFactory,
    WebSocketProtocol,
    WebSocketServerFactory,
)
from wsagent.demo import Echo

from .certificates import EXPIRED, selfSigned
from .dialled import Dialled
from .inside import until
from .proxies import Proxy, connectProxy, socksProxy

# Twisted's own "ssl:" listens with what pyOpenSSL would rather not have.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


class Answer(protocol.Protocol):
    """Answers the first octets with its factory's, and hangs up."""

    def dataReceived(self, data):
        """Answer."""
        self.factory.requests.append(data)
        self.transport.write(self.factory.answer)
        self.transport.loseConnection()


@pytest_twisted.ensureDeferred
async def test_ownServer(ports, dial):
    """A client and a server of ours exchange messages of all sizes, and close."""
    factory = WebSocketServerFactory(Echo, ["echo"])
    port = await ports(factory)
    agent = await dial(f"ws://127.0.0.1:{port}/", subprotocols=["echo"])
    assert agent.subprotocol == "echo"
    await agent.echoes()
    await agent.echoes([bytes(4 * 1024 * 1024)[: 1024 * 1024]])
    await agent.close(3000)


@pytest_twisted.ensureDeferred
async def test_names(ports, dial):
    """A name is resolved, and IPv6 spoken, if this machine does."""
    port = await ports(WebSocketServerFactory(Echo))
    agent = await dial(f"ws://localhost:{port}/")
    await agent.echoes()
    await agent.close()
    try:
        port = await ports(WebSocketServerFactory(Echo), "tcp6:0:interface=\\:\\:1")
    except Exception as error:  # noqa: BLE001 - whatever a machine without IPv6 says
        pytest.skip(f"no IPv6: {error}")
    agent = await dial(f"ws://[::1]:{port}/")
    await agent.echoes()
    await agent.close()


@pytest_twisted.ensureDeferred
async def test_unix(ports, dial, tmp_path):
    """A client connects to a socket in the file system."""
    from twisted.internet import reactor

    path = str(tmp_path / "s")
    await ports(WebSocketServerFactory(Echo), f"unix:{path}")
    agent = await dial("ws://localhost/", endpoint=UNIXClientEndpoint(reactor, path))
    await agent.echoes()
    await agent.close()


@pytest_twisted.ensureDeferred
async def test_receive(ports, dial):
    """The sequential style works as soon as the client is connected."""
    port = await ports(WebSocketServerFactory(Echo))
    agent = await dial(f"ws://127.0.0.1:{port}/", WebSocketProtocol)
    await agent.send("hello")
    assert await agent.receive() == "hello"
    agent.loseConnection()
    with pytest.raises(ClosedCleanly):
        await agent.receive()


def trusting(certificate):
    """Trust the certificate that the tests have made."""
    from twisted.internet.ssl import Certificate

    from wsagent import tls

    path = certificate.rpartition("certKey=")[2]
    return tls.trusting(Certificate.loadPEM(Path(path).read_bytes()))


@pytest_twisted.ensureDeferred
async def test_tls(ports, dial, certificate):
    """A trusted certificate opens; others, and other names, are refused."""
    from wsagent.tls import insecure

    port = await ports(WebSocketServerFactory(Echo), f"ssl:0:{certificate}")
    with pytest.raises(ClosedUncleanly, match="certificate verify failed"):
        await dial(f"wss://localhost:{port}/")
    agent = await dial(f"wss://localhost:{port}/", tls=insecure)
    await agent.echoes()
    await agent.close()
    with pytest.raises(ClosedUncleanly) as caught:
        await dial(f"wss://127.0.0.1:{port}/", tls=trusting(certificate))
    assert caught.value.__cause__ is not None
    with pytest.raises(ClosedUncleanly):
        await dial(f"wss://localhost:{port}/")


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    "made",
    [{"names": ("example.com",)}, {"names": ()}, {"validity": EXPIRED}],
    ids=["C17 wrong host", "C17 no host", "C17 expired"],
)
async def test_badCertificates(ports, dial, tmp_path, made):
    """C17: even an authority that is trusted vouches for its own host only, and now."""
    certificate = selfSigned(tmp_path, **made)
    port = await ports(WebSocketServerFactory(Echo), f"ssl:0:{certificate}")
    with pytest.raises(ClosedUncleanly):
        await dial(f"wss://localhost:{port}/", tls=trusting(certificate))


@pytest_twisted.ensureDeferred
async def test_ownCertificate(ports, dial, tmp_path, certificate):
    """C17: the host is named to the server, and a client's certificate is shown."""
    from OpenSSL.SSL import VERIFY_FAIL_IF_NO_PEER_CERT, VERIFY_PEER
    from twisted.internet.ssl import Certificate, KeyPair, PrivateCertificate

    from wsagent import tls

    (tmp_path / "client").mkdir()
    selfSigned(tmp_path / "client", ("client",))
    shown = PrivateCertificate.loadPEM(
        (tmp_path / "client" / "certificate.pem").read_bytes()
        + (tmp_path / "client" / "key.pem").read_bytes(),
    )
    folder = Path(certificate.rpartition("certKey=")[2]).parent
    pems = [(folder / name).read_bytes() for name in ("certificate.pem", "key.pem")]
    server = PrivateCertificate.fromCertificateAndKeyPair(
        Certificate.loadPEM(pems[0]),
        KeyPair.load(pems[1], 1),
    )
    context = server.options(shown)
    names = []
    made = context.getContext()
    made.set_verify(VERIFY_PEER | VERIFY_FAIL_IF_NO_PEER_CERT, lambda *seen: seen[-1])
    made.set_tlsext_servername_callback(
        lambda seen: names.append(seen.get_servername())
    )
    port = await ports(WebSocketServerFactory(Echo), context)
    agent = await dial(
        f"wss://localhost:{port}/",
        tls=tls.trusting(server, shown),
    )
    await agent.echoes()
    await agent.close()
    assert names == [b"localhost"]


@pytest_twisted.ensureDeferred
async def test_notTLS(ports, dial):
    """A server that speaks no TLS is an error in the Deferred."""
    port = await ports(WebSocketServerFactory(Echo))
    with pytest.raises(ClosedUncleanly):
        await dial(f"wss://localhost:{port}/")


def answering(answer: bytes):
    """Make a factory that answers each request in the same way."""
    factory = protocol.Factory.forProtocol(Answer)
    factory.answer = answer
    factory.requests = []
    return factory


@pytest_twisted.ensureDeferred
async def test_refused(ports, dial):
    """A refusal, and an answer that is none, are errors in the Deferred."""
    for answer, error in (
        (b"HTTP/1.1 403 No\r\n\r\nbecause", ConnectionRejected),
        (b"garbage", ClosedUncleanly),
        (b"\r\n\r\n\r\n", HandshakeError),
        (b"", ClosedUncleanly),
    ):
        port = await ports(answering(answer))
        with pytest.raises(error) as caught:
            await dial(f"ws://127.0.0.1:{port}/")
        if error is ConnectionRejected:
            assert caught.value.body == b"because"


@pytest_twisted.ensureDeferred
async def test_redirects(ports, dial, certificate):
    """Redirects lead to other ports, but not out of TLS."""
    port = await ports(WebSocketServerFactory(Echo))
    there = b"HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:%d/x\r\n\r\n" % port
    elsewhere = answering(there)
    first = await ports(elsewhere)
    agent = await dial(f"ws://ann:b@127.0.0.1:{first}/")
    assert b"Authorization: Basic" in elsewhere.requests[0]
    assert "authorization" not in agent.request.headers
    assert agent.url == f"ws://127.0.0.1:{port}/x"
    await agent.close()
    secure = await ports(answering(there), f"ssl:0:{certificate}")
    with pytest.raises(RedirectRefused, match="from wss to ws"):
        await dial(f"wss://localhost:{secure}/", tls=trusting(certificate))


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("scheme", "kind"), [("http", connectProxy), ("socks5", socksProxy)]
)
async def test_proxies(ports, dial, certificate, scheme, kind):
    """Through a proxy that knows the user, ws and wss open; else there is no way."""
    proxies = protocol.Factory.forProtocol(lambda: Proxy(kind))
    proxies.asked = []
    proxy = await ports(proxies)
    plain = await ports(WebSocketServerFactory(Echo))
    secure = await ports(WebSocketServerFactory(Echo), f"ssl:0:{certificate}")
    way = f"{scheme}://ann:b@127.0.0.1:{proxy}"
    agent = await dial(f"ws://only.the.proxy.knows:{plain}/", proxy=way)
    await agent.echoes()
    await agent.close()
    agent = await dial(
        f"wss://localhost:{secure}/", proxy=way, tls=trusting(certificate)
    )
    await agent.echoes()
    await agent.close()
    assert proxies.asked == [
        (b"only.the.proxy.knows", plain),
        (b"localhost", secure),
    ]
    with pytest.raises(ProxyRefused):
        await dial("ws://h/", proxy=f"{scheme}://eve:b@127.0.0.1:{proxy}")


@pytest_twisted.ensureDeferred
async def test_cancel(ports, dial):
    """A cancelled attempt leaves no connection, however far it was."""
    silent = protocol.Factory.forProtocol(protocol.Protocol)
    port = await ports(silent)
    for isTold in (False, True):
        attempt = dial(f"ws://127.0.0.1:{port}/")
        if isTold:
            await until(lambda: silent.numPorts, "a connection")
        attempt.cancel()
        with pytest.raises(CancelledError):
            await attempt


@pytest_twisted.ensureDeferred
async def test_reconnecting(ports):
    """A client comes back when its server does."""
    from twisted.internet import reactor

    factory = WebSocketServerFactory(Echo)
    port = await ports(factory)
    there = WebSocketClientEndpoint.new(reactor, f"ws://127.0.0.1:{port}/")
    service = ReconnectingService(
        there, WebSocketClientFactory(Dialled), lambda _: 0.01, queueLimit=10
    )
    service.startService()
    first = await service.whenConnected()
    await factory.drain()
    service.send("while away")
    await until(lambda: service.agent not in (None, first), "another agent")
    second = service.agent
    await until(lambda: second.received, "an echo")
    assert second.received == ["while away"]
    await service.stopService()
    assert (await second.ended).code == 1001
