"""Real sockets in this process, over TLS."""

import os
import socket
import ssl
import time

import pytest
import pytest_twisted

from .client import FIN, Client, dial, dialTLS, readAll, request, reset
from .inside import Agent, Echo, inThread, pause, until

# Twisted's own.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL")


@pytest.fixture
def listenTLS(listen, certificate):
    """Give what listens with TLS."""
    endpoint = f"ssl:0:{certificate}:interface=127.0.0.1"
    return lambda *application, **settings: listen(
        *application,
        endpoint=endpoint,
        **settings,
    )


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("endpoint", ["ours", "Twisted's"])
async def test_protocol(endpoint, listenTLS, ports, certificate):
    """A client that asks what is spoken, as browsers do, is told C{http/1.1}."""
    server = await listenTLS()
    port = server.port
    if endpoint != "ours":
        port = await ports(server, f"ssl:0:{certificate}:interface=127.0.0.1")

    def script(offered, told):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if offered:
            context.set_alpn_protocols(offered)
        with Client(context.wrap_socket(dial(port))) as client:
            assert client.socket.selected_alpn_protocol() == told
            assert client.echoes()

    await inThread(script, ["h2", "http/1.1"], "http/1.1")
    await inThread(script, [], None)


class Closer(Agent):
    """Close when told to."""

    def textMessageReceived(self, message):
        """Close."""
        self.sendTextMessage("last")
        self.loseConnection(4000, "as told")


@pytest_twisted.ensureDeferred
async def test_big(listenTLS):
    """Messages of many segments come and go whole."""
    server = await listenTLS(messageLimit=None, sendLimit=None)
    data = os.urandom(8 * 1024 * 1024 + 1)

    def script():
        with Client(dialTLS(server.port)) as client:
            client.sendBytes(data)
            assert client.receiveBytes() == data

    await inThread(script)


@pytest_twisted.ensureDeferred
async def test_closed(listenTLS):
    """The server's Close frame comes after its last message, then TLS ends cleanly."""
    server = await listenTLS(Closer)

    def script():
        with Client(dialTLS(server.port)) as client:
            client.sendText("now")
            assert client.receiveText() == "last"
            assert client.receive() == ("closeReceived", 4000, "as told")
            assert client.receive() == FIN

    await inThread(script)
    await until(lambda: server.losses, "an end")
    (lost,) = server.losses
    assert (lost.code, lost.reason, lost.initiator) == (4000, "as told", "us")


@pytest_twisted.ensureDeferred
async def test_neverSaysGoodbye(listenTLS):
    """Who never answers the end of TLS is aborted."""
    server = await listenTLS(closeTimeout=0.2)

    def script():
        client = Client(dialTLS(server.port))
        client.close()
        assert client.receiveClose() == 1000
        return client

    client = await inThread(script)
    await until(lambda: server.losses, "an end")
    client.socket.close()
    assert server.losses[0].code == 1000


@pytest_twisted.ensureDeferred
async def test_refusal(listenTLS):
    """A refusal is read whole even by a peer that has sent much more."""
    server = await listenTLS()

    def script():
        with dialTLS(server.port) as plain:
            plain.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n" + bytes(50_000))
            assert readAll(plain).startswith(b"HTTP/1.1 405 ")

    await inThread(script)


@pytest_twisted.ensureDeferred
async def test_goodbye(listenTLS):
    """A peer that ends TLS without a Close frame is gone, uncleanly."""
    server = await listenTLS()

    def script():
        with Client(dialTLS(server.port)) as client:
            assert client.echoes()
            client.socket.unwrap().close()

    await inThread(script)
    await until(lambda: server.losses, "an end")
    (lost,) = server.losses
    assert (lost.code, lost.initiator) == (1006, "peer")


@pytest_twisted.ensureDeferred
async def test_truncated(listenTLS):
    """A peer that sends FIN in the middle of TLS is gone, uncleanly."""
    server = await listenTLS()

    def script():
        client = Client(dialTLS(server.port))
        assert client.echoes()
        client.socket.shutdown(socket.SHUT_RDWR)
        client.socket.close()

    await inThread(script)
    await until(lambda: server.losses, "an end")
    assert server.losses[0].code == 1006


@pytest_twisted.ensureDeferred
async def test_neverReads(listenTLS):
    """W1: a peer that reads none of its echoes is read no more; later it gets all."""
    server = await listenTLS(sendTimeout=None)
    message = bytes(65_536)
    most = 256 * 1024 * 1024

    def stuff():
        client = Client(dialTLS(server.port))
        client.socket.settimeout(0.5)
        sent = 0
        try:
            while sent < most:
                client.sendBytes(message)
                sent += len(message)
        except (TimeoutError, ssl.SSLError):
            return client, sent // len(message)
        raise AssertionError("it was read all the same")

    client, count = await inThread(stuff)
    (agent,) = server.agents
    highWater = agent.settings.sendHighWater
    assert highWater <= agent.bufferedAmount <= highWater + 3 * len(message)

    def drain():
        with client:
            client.socket.settimeout(20)
            for _ in range(count):
                assert client.receiveBytes() == message

    await inThread(drain)


@pytest_twisted.ensureDeferred
async def test_stalled(listenTLS):
    """W3: when nothing can be sent for a while, the peer is aborted."""

    class Talker(Echo):
        def textMessageReceived(self, message):
            self.sendBytesMessage(bytes(16 * 1024 * 1024))

    server = await listenTLS(Talker, sendLimit=None, sendTimeout=0.3)

    def script():
        with Client(dialTLS(server.port)) as client:
            client.sendText("go")
            time.sleep(1)
            with pytest.raises(OSError, match=r"EOF|reset"):
                client.receive()

    await inThread(script)
    await until(lambda: server.losses, "an end")
    assert server.losses[0].reason == "nothing sent for 0.3 s"


def _unopened(port):
    return dialTLS(port)


def _opened(port):
    plain = dialTLS(port)
    plain.sendall(request())
    assert plain.recv(12) == b"HTTP/1.1 101"
    return plain


def _weClosed(port):
    plain = _opened(port)
    plain.sendall(b"\x81\x80\x00\x00\x00\x00")
    return plain


def _peerClosed(port):
    plain = _opened(port)
    plain.sendall(b"\x88\x80\x00\x00\x00\x00")
    return plain


@pytest.mark.parametrize("state", [_unopened, _opened, _weClosed, _peerClosed])
@pytest_twisted.ensureDeferred
async def test_reset(listenTLS, state):
    """T7: RST in any state ends the connection, once, and leaves nothing."""
    server = await listenTLS(Closer)
    plain = await inThread(state, server.port)
    await pause(0.02)
    reset(plain)
    await until(lambda: not server.wires, "an end")
