"""Real sockets in this process, and peers that treat them badly."""

import os
import socket
import threading
import time

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost

from wsagent import RequestRejected
from wsagent.core.codes import Role
from wsagent.core.connection import Connection, Limits
from wsagent.testing import Recorder

from .client import FIN, PATIENCE, Client, dial, readAll, request, reset
from .inside import Agent, Echo, inThread, pause, until


def frames(*messages) -> bytes:
    """Write the frames of a client's messages; C{None} is a Close frame."""
    written = []
    connection = Connection(
        Recorder(),
        written.append,
        Role.CLIENT,
        Limits(None, None),
    )
    for message in messages:
        if message is None:
            connection.close()
        elif isinstance(message, str):
            connection.sendText(message)
        else:
            connection.sendBytes(message)
    return b"".join(written)


def opened(port: int) -> socket.socket:
    """Open a connection, and leave the rest to the test."""
    plain = dial(port)
    plain.sendall(request())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += plain.recv(1)
    assert head.startswith(b"HTTP/1.1 101 ")
    return plain


async def aborted(server, octets: bytes, seconds: float) -> str:
    """Send some octets, read nothing for a while, and be aborted; give the reason."""

    def script():
        with opened(server.port) as plain:
            plain.sendall(octets)
            time.sleep(seconds)
            with pytest.raises(ConnectionResetError):
                readAll(plain)

    await inThread(script)
    await until(lambda: server.losses, "an end")
    (lost,) = server.losses
    assert (lost.code, lost.initiator) == (1006, "us")
    return lost.reason


class Talker(Agent):
    """Say more than a peer reads, as soon as it is open."""

    def negotiationFinished(self):
        """Say it."""
        super().negotiationFinished()
        self.sendBytesMessage(bytes(16 * 1024 * 1024))


class Closer(Agent):
    """Close when told to."""

    def textMessageReceived(self, message):
        """Close."""
        self.loseConnection(4000, "as told")


# Messages


@pytest_twisted.ensureDeferred
async def test_big(listen):
    """Messages of many segments come and go whole."""
    server = await listen(messageLimit=None, sendLimit=None)
    data = os.urandom(8 * 1024 * 1024 + 1)

    def script():
        with Client(dial(server.port)) as client:
            client.sendBytes(data)
            assert client.receiveBytes() == data
            client.sendText("½" * 1_000_001)
            assert client.receiveText() == "½" * 1_000_001
            client.close()
            assert client.receiveClose() == 1000

    await inThread(script)
    await until(lambda: server.losses, "an end")
    (lost,) = server.losses
    assert (lost.code, lost.initiator) == (1000, "peer")
    assert isinstance(lost, ConnectionDone)


@pytest_twisted.ensureDeferred
async def test_pipelined(listen):
    """A thousand messages, sent at once, are answered in order."""
    server = await listen()
    messages = [b"%04d" % number * 256 for number in range(1000)]

    def script():
        with Client(dial(server.port)) as client:
            client.socket.sendall(frames(*messages))
            assert [client.receiveBytes() for _ in messages] == messages

    await inThread(script)


@pytest_twisted.ensureDeferred
async def test_eager(listen):
    """Frames in the request's segment are answered after the response."""
    server = await listen()

    def script():
        with dial(server.port) as plain:
            plain.sendall(request() + frames("hello", None))
            head, _, rest = readAll(plain).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 ")
            assert rest == b"\x81\x05hello\x88\x02\x03\xe8"

    await inThread(script)


@pytest_twisted.ensureDeferred
async def test_dripped(listen):
    """A conversation in segments of one octet is the same conversation."""
    server = await listen()

    def script():
        with dial(server.port) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for octet in request() + frames("hello", None):
                plain.sendall(bytes([octet]))
            rest = readAll(plain).partition(b"\r\n\r\n")[2]
            assert rest == b"\x81\x05hello\x88\x02\x03\xe8"

    await inThread(script)


# Refusals


class Refuser(Agent):
    """Refuse, as for a page that is not there."""

    def requestReceived(self, request):
        """Refuse."""
        raise RequestRejected(404, [("X-Why", "none")], "nothing here\n")


@pytest_twisted.ensureDeferred
async def test_refusal(listen):
    """A refusal is read whole, with its body, and then FIN, not RST."""
    server = await listen(Refuser)

    def script():
        with dial(server.port) as plain:
            plain.sendall(request())
            head, _, body = readAll(plain).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 404 Not Found\r\n")
            assert b"\r\nX-Why: none" in head
            assert b"\r\nConnection: close" in head
            assert body == b"nothing here\n"

    await inThread(script)


@pytest_twisted.ensureDeferred
async def test_refusalUnread(listen):
    """A refusal is read whole even by a peer that has sent much more."""
    server = await listen()

    def script():
        with dial(server.port) as plain:
            plain.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n" + bytes(50_000))
            time.sleep(0.1)
            plain.sendall(request())
            answer = readAll(plain)
            assert answer.startswith(b"HTTP/1.1 405 ")
            assert answer.count(b"HTTP/1.1") == 1

    await inThread(script)


@pytest_twisted.ensureDeferred
async def test_refusalHeld(listen):
    """A refused peer that never hangs up is aborted."""
    server = await listen(closeTimeout=0.2)

    def script():
        with dial(server.port) as plain:
            plain.sendall(b"\x16\x03\x01\x02\x00")
            assert readAll(plain).startswith(b"HTTP/1.1 400 ")
            return plain.detach()

    held = await inThread(script)
    await until(lambda: not server.wires, "an abort")
    socket.close(held)


# Ends


@pytest_twisted.ensureDeferred
async def test_garbageAfterClose(listen):
    """What comes after a Close frame is not looked at."""
    server = await listen()

    def script():
        with opened(server.port) as plain:
            plain.sendall(frames(None))
            time.sleep(0.01)
            plain.sendall(b"\xff" * 1000)
            time.sleep(0.01)
            plain.sendall(frames("hello"))
            assert readAll(plain) == b"\x88\x02\x03\xe8"

    await inThread(script)
    await until(lambda: server.losses, "an end")
    assert server.losses[0].code == 1000


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        request()[:10],
        request()[:-1],
        request(),
        request() + frames(bytes(200))[:1],
        request() + frames(bytes(200))[:7],
        request() + frames(bytes(200))[:100],
        request() + b"\x01\x80\x00\x00\x00\x00",
        request() + frames(None)[:3],
        request() + frames("hello"),
        request() + frames(None),
    ],
    ids=[
        "nothing",
        "line",
        "head",
        "open",
        "octet",
        "header",
        "payload",
        "fragment",
        "close frame",
        "message",
        "closed",
    ],
)
@pytest_twisted.ensureDeferred
async def test_fin(listen, octets):
    """FIN, wherever it comes, is answered with FIN."""
    server = await listen()

    def script():
        with dial(server.port) as plain:
            plain.sendall(octets)
            plain.shutdown(socket.SHUT_WR)
            answer = readAll(plain)
            assert answer.startswith(b"HTTP/1.1 101 ") == octets.startswith(request())
            if octets.endswith(frames("")[:2]):
                assert answer.endswith(b"\x81\x05hello")

    await inThread(script)


@pytest_twisted.ensureDeferred
async def test_halfClosed(listen):
    """What waits to be sent still goes to a peer that has sent FIN."""
    server = await listen(messageLimit=None, sendLimit=None)
    data = os.urandom(4 * 1024 * 1024)

    def script():
        with opened(server.port) as plain:
            plain.sendall(frames(data))
            plain.shutdown(socket.SHUT_WR)
            time.sleep(0.2)
            answer = readAll(plain)
            assert len(answer) == 10 + len(data)
            assert answer.endswith(data)

    await inThread(script)
    await until(lambda: server.losses, "an end")
    (lost,) = server.losses
    assert (lost.code, lost.initiator) == (1006, "peer")
    assert isinstance(lost, ConnectionLost)


@pytest_twisted.ensureDeferred
async def test_neverAnswers(listen):
    """T2: who never answers our Close frame is aborted."""
    server = await listen(Closer, closeTimeout=0.2)

    def script():
        with opened(server.port) as plain:
            plain.sendall(frames("now"))
            with pytest.raises(ConnectionResetError):
                readAll(plain)

    await inThread(script)
    await until(lambda: server.losses, "an end")
    (lost,) = server.losses
    assert (lost.code, lost.initiator) == (1006, "us")


@pytest_twisted.ensureDeferred
async def test_neverHangsUp(listen):
    """T3: who answers our Close frame, but never sends FIN, is aborted."""
    server = await listen(Closer, closeTimeout=0.2)

    def script():
        plain = opened(server.port)
        plain.sendall(frames("now", None))
        assert readAll(plain) == b"\x88\x09\x0f\xa0as told"
        return plain

    plain = await inThread(script)
    assert server.losses == []
    await until(lambda: server.losses, "an end")
    with plain, pytest.raises(BrokenPipeError):
        plain.sendall(b"are you there?")
    (lost,) = server.losses
    assert (lost.code, lost.reason, lost.initiator) == (4000, "as told", "us")


@pytest_twisted.ensureDeferred
async def test_silentOpening(listen):
    """T1: a request that drips does not extend the handshake's deadline."""
    server = await listen(handshakeTimeout=0.3)

    def script():
        def drip():
            for octet in b"GET /" + b"a" * 1000:
                plain.sendall(bytes([octet]))
                time.sleep(0.02)

        with dial(server.port) as plain, pytest.raises(ConnectionError):
            drip()

    await inThread(script)


CONVERSATION = request() + frames("hello", bytes(300), None)


@pytest.mark.parametrize("leave", [socket.socket.close, reset])
@pytest_twisted.ensureDeferred
async def test_cut(listen, leave):
    """A conversation that breaks off at any octet leaves nothing behind."""
    server = await listen()

    def script():
        for stop in range(len(CONVERSATION)):
            plain = dial(server.port)
            plain.sendall(CONVERSATION[:stop])
            leave(plain)

    await inThread(script)


# RST


def _silent(port):
    return dial(port)


def _midHead(port):
    plain = dial(port)
    plain.sendall(request()[:50])
    return plain


def _midFrame(port):
    plain = opened(port)
    plain.sendall(frames(bytes(200))[:100])
    return plain


def _midHeader(port):
    plain = opened(port)
    plain.sendall(frames(bytes(200))[:3])
    return plain


def _weClosed(port):
    plain = opened(port)
    plain.sendall(frames("now"))
    assert plain.recv(2) == b"\x88\x09"
    return plain


def _peerClosed(port):
    plain = opened(port)
    plain.sendall(frames(None))
    assert readAll(plain) == b"\x88\x02\x03\xe8"
    return plain


def _failed(port):
    plain = opened(port)
    plain.sendall(b"\xff\xff")
    assert plain.recv(1) == b"\x88"
    return plain


def _refused(port):
    plain = dial(port)
    plain.sendall(b"\x16")
    assert readAll(plain).startswith(b"HTTP/1.1 400 ")
    return plain


def _finished(port):
    plain = opened(port)
    plain.shutdown(socket.SHUT_WR)
    return plain


@pytest.mark.parametrize(
    ("application", "state"),
    [
        (Echo, _silent),
        (Echo, _midHead),
        (Echo, opened),
        (Echo, _midHeader),
        (Echo, _midFrame),
        (Talker, opened),
        (Closer, _weClosed),
        (Echo, _peerClosed),
        (Echo, _failed),
        (Echo, _refused),
        (Echo, _finished),
        (Talker, _finished),
    ],
)
@pytest_twisted.ensureDeferred
async def test_reset(listen, application, state):
    """T7: RST in any state ends the connection, once, and leaves nothing."""
    server = await listen(application, sendLimit=None)
    plain = await inThread(state, server.port)
    await pause(0.02)
    reset(plain)
    await until(lambda: not server.wires, "an end")
    assert len(server.losses) == len(server.agents)


class Undecided(Agent):
    """Never decide, until that was cancelled once."""

    def requestReceived(self, request):
        """Say that it will be decided."""
        cancelled = self.factory.cancelled
        return None if cancelled else Deferred(lambda _: cancelled.append(self))


@pytest_twisted.ensureDeferred
async def test_resetWhileUndecided(listen):
    """A decision that nobody waits for any more is cancelled, and no agent opens."""
    server = await listen(Undecided)
    server.cancelled = []

    def script():
        plain = dial(server.port)
        plain.sendall(request())
        time.sleep(0.1)
        reset(plain)

    await inThread(script)
    await until(lambda: server.cancelled, "to be cancelled")
    assert server.agents == []


# Peers that do not read


@pytest_twisted.ensureDeferred
async def test_neverReads(listen):
    """W1: a peer that reads none of its echoes is read no more; later it gets all."""
    server = await listen(sendTimeout=None)
    message = frames(bytes(65_536))
    echo = b"\x82\x7f" + (65_536).to_bytes(8, "big") + bytes(65_536)

    def stuff():
        plain = opened(server.port)
        plain.settimeout(0.5)
        sent = 0
        try:
            while sent < 256 * 1024 * 1024:
                sent += plain.send(message[sent % len(message) :])
        except TimeoutError:
            return plain, sent
        raise AssertionError("it was read all the same")

    plain, sent = await inThread(stuff)
    (agent,) = server.agents
    highWater = agent.settings.sendHighWater
    assert highWater <= agent.bufferedAmount <= highWater + 2 * len(echo)

    def drain():
        with plain:
            plain.settimeout(20)
            whole = sent // len(message)
            for _ in range(whole):
                got = bytearray()
                while len(got) < len(echo):
                    got += plain.recv(len(echo) - len(got))
                assert got == echo

    await inThread(drain)


@pytest_twisted.ensureDeferred
async def test_stalled(listen):
    """W3: when nothing can be sent for a while, the peer is aborted."""
    server = await listen(Talker, sendLimit=None, sendTimeout=0.3)
    assert await aborted(server, b"", 1) == "nothing sent for 0.3 s"


@pytest_twisted.ensureDeferred
async def test_slow(listen):
    """A peer that reads slowly, but reads, is not aborted."""
    server = await listen(Talker, sendLimit=None, sendTimeout=0.5)

    def script():
        with dial(server.port) as plain:
            plain.sendall(request())
            amount = 0
            for _ in range(15):
                time.sleep(0.1)
                amount += len(plain.recv(400_000))
            while amount < 16 * 1024 * 1024:
                data = plain.recv(262_144)
                assert data, amount
                amount += len(data)

    await inThread(script)


@pytest_twisted.ensureDeferred
async def test_slowest(listen):
    """Nor is one that reads so little that the system still says there is no room."""
    server = await listen(Talker, sendLimit=None, sendTimeout=0.5)

    def script():
        with dial(server.port) as plain:
            plain.sendall(request())
            for _ in range(40):
                time.sleep(0.05)
                assert plain.recv(16_384)

    await inThread(script)
    await until(lambda: server.losses, "an end")
    (lost,) = server.losses
    assert lost.initiator != "us", lost.reason


@pytest_twisted.ensureDeferred
async def test_overrun(listen):
    """Who is sent more than it reads gets 1013 after what it had begun to get."""

    class Flood(Agent):
        def textMessageReceived(self, message):
            for _ in range(1000):
                self.sendBytesMessage(bytes(65_536))
            isSent.set()

    # Who reads as fast as we send is not overrun.
    isSent = threading.Event()
    server = await listen(Flood)

    def script():
        with Client(dial(server.port)) as client:
            client.sendText("go")
            assert isSent.wait(PATIENCE)
            received = 0
            while (call := client.receive())[0] == "bytesReceived":
                received += 1
                assert call == ("bytesReceived", bytes(65_536))
            assert call[:2] == ("closeReceived", 1013)
            assert client.receive() == FIN
            assert 0 < received < 1000

    await inThread(script)
    await until(lambda: server.losses, "an end")
    (lost,) = server.losses
    assert (lost.code, lost.initiator) == (1013, "us")


# Time


@pytest_twisted.ensureDeferred
async def test_vanished(listen):
    """T4: a peer that is gone without a word is aborted after a ping's time."""
    server = await listen(pingInterval=0.1, pingTimeout=0.2)
    why = await aborted(server, frames(bytes(200))[:100], 0.6)
    assert why == "silent for 0.3 s"


@pytest_twisted.ensureDeferred
async def test_latePong(listen):
    """T5: whoever sends anything lives, though no pong comes."""
    server = await listen(pingInterval=0.2, pingTimeout=0.2)

    def script():
        with opened(server.port) as plain:
            for octet in frames(bytes(14)):
                plain.sendall(bytes([octet]))
                time.sleep(0.05)
            answer = plain.recv(1000)
            while b"\x82\x0e" + bytes(14) not in answer:
                answer += plain.recv(1000)
            assert answer.startswith(b"\x89\x08")

    await inThread(script)


@pytest_twisted.ensureDeferred
async def test_stalledMessage(listen):
    """T6: a message that drips ends at its deadline, and pings go on meanwhile."""
    server = await listen(pingInterval=0.1, messageTimeout=0.5)
    last = b"\x88\x1b\x03\xf0message longer than 0.5 s"

    def script():
        with opened(server.port) as plain:
            plain.settimeout(0.05)
            answer = b""
            for octet in frames(bytes(10_000)):
                plain.sendall(bytes([octet]))
                try:
                    data = plain.recv(1000)
                except TimeoutError:
                    continue
                answer += data
                if not data or last in answer:
                    break
            assert answer.startswith(b"\x89\x08")
            assert last in answer

    await inThread(script)


# T8


@pytest_twisted.ensureDeferred
async def test_othersLiveOn(listen, failures):
    """T8: what one agent raises costs its own connection only."""

    class Fragile(Echo):
        def textMessageReceived(self, message):
            if message == "break":
                raise RuntimeError("broken")
            super().textMessageReceived(message)

    server = await listen(Fragile)

    def script():
        with Client(dial(server.port)) as one, Client(dial(server.port)) as two:
            assert one.echoes()
            two.sendText("break")
            assert two.receive() == ("closeReceived", 1011, "")
            assert two.receive() == FIN
            assert one.echoes()

    await inThread(script)
    assert [str(failure.value) for failure in failures] == ["broken"]
    failures.clear()
