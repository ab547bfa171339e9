"""Limits, with processes: of connections, of descriptors, of messages."""

import contextlib
import os
import select
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.core.notation import KEY, frame

from .client import FIN, PATIENCE, Client, dial, dialTLS, readAll, request
from .process import LOCAL, PROGRAMS, waitUntil

FEW = 64
"""Descriptors that a server may have, here."""


def withFew(*arguments: str) -> tuple[str, ...]:
    """Write the command of a server with few descriptors."""
    shell = f'ulimit -n {FEW} && exec "$0" "$@"'
    return (
        "/bin/sh",
        "-c",
        shell,
        str(PROGRAMS / "twistd"),
        "-n",
        "wsagent",
        *arguments,
    )


def effort(pid: int) -> float:
    """Tell the seconds that a process has used of a processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(pid: int) -> int:
    """Count the descriptors that a process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def answered(clients, seconds=0.0) -> list:
    """Find those to whom something has come."""
    return select.select(clients, [], [], seconds)[0]


@pytest.fixture
def close():
    """Give what has sockets closed in the end."""
    with contextlib.ExitStack() as stack:
        yield stack.enter_context


def upgraded(plain: socket.socket) -> bool:
    """Ask whether the answer was 101; leave the connection usable."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        octet = plain.recv(1)
        if not octet:
            return False
        head += octet
    return head.startswith(b"HTTP/1.1 101 ")


def echoes(plain: socket.socket) -> bool:
    """Ask whether a connection that is open echoes."""
    plain.sendall(frame(1, b"still here", key=KEY))
    want = frame(1, b"still here")
    got = b""
    while len(got) < len(want) and (data := plain.recv(100)):
        got += data
    return got == want


def test_noDescriptors(start, close):
    """Without descriptors, those who are in are served, and the others wait."""
    server = start(*withFew("--port", LOCAL, "--connection-limit", "none"))
    clients = [close(dial(server.port)) for _ in range(FEW + 20)]
    for client in clients:
        client.sendall(request())
    waitUntil(lambda: "accepting pauses" in server.log, "a pause")
    waitUntil(lambda: len(answered(clients)) > FEW / 2, "those who come in")
    time.sleep(0.5)
    isIn = answered(clients)
    assert len(isIn) < FEW
    assert descriptors(server.pid) == FEW
    assert all(map(upgraded, isIn))
    before = effort(server.pid), time.monotonic()
    for _ in range(5):
        assert all(map(echoes, isIn))
        time.sleep(0.3)
    after = effort(server.pid), time.monotonic()
    assert after[0] - before[0] < (after[1] - before[1]) / 2, "busy"
    waiting = [client for client in clients if client not in isIn]
    assert answered(waiting) == []
    assert server.log.count("accepting pauses") == 1
    assert server.log.count("EMFILE") == 1
    # One leaves, one comes in; then all.
    isIn.pop(0).close()
    waitUntil(lambda: answered(waiting), "one who comes in")
    assert len(answered(waiting)) == 1
    for client in isIn[:40]:
        client.close()
    waitUntil(lambda: len(answered(waiting)) == len(waiting), "all who come in")
    assert all(map(upgraded, waiting))
    assert all(map(echoes, [*waiting, *isIn[40:]]))
    waitUntil(lambda: "accepting again" in server.log, "the end of the pause")
    with Client(dial(server.port)) as client:
        assert client.echoes()
    assert server.log.count("\n") < 300


def test_stopWithout(start, close):
    """Without descriptors it stops as ever."""
    server = start(*withFew("--port", LOCAL, "--connection-limit", "none"))
    clients = [close(dial(server.port)) for _ in range(FEW + 5)]
    waitUntil(lambda: "accepting pauses" in server.log, "a pause")
    clients[0].close()
    server.signal()
    server.wait()


def test_default(start, close):
    """Few descriptors are few connections: the others are told so, and none waits."""
    server = start(*withFew("--port", LOCAL))
    clients = [close(Client(dial(server.port))) for _ in range(FEW // 2)]
    assert {client.status for client in clients} == {101}
    for _ in range(100):
        with Client(dial(server.port)) as client:
            assert client.status == 503
            assert client.headers.single("retry-after") == b"10"
            assert readAll(client.socket) in (b"", b"too many connections\n")
    # Many at once, that do not leave: each is told, or gone.
    others = [close(dial(server.port)) for _ in range(100)]
    for other in others:
        assert readAll(other)[:12] in (b"HTTP/1.1 503", b"")
    assert all(client.echoes() for client in clients)
    clients.pop().socket.close()
    for other in others:
        other.close()

    def getsIn() -> bool:
        with Client(dial(server.port)) as client:
            return client.status == 101 and client.echoes()

    waitUntil(getsIn, "room for one")
    assert (
        "connectionLimit: 33 connections, limit 32 (--connection-limit)" in server.log
    )
    assert "accepting pauses" not in server.log
    assert server.log.count("connectionLimit") < 30


def test_secure(start, close, certificate):
    """Over TLS the refusal can be read, too."""
    server = start(
        "--port", f"ssl:0:{certificate}:interface=127.0.0.1", "--connection-limit=1"
    )
    with Client(dialTLS(server.port)) as client:
        assert client.echoes()
        with Client(dialTLS(server.port)) as other:
            assert other.status == 503
    assert close


def test_address(start, close):
    """Each address has its own limit."""
    server = start("--port", LOCAL, "--address-limit", "2")

    def connect(host):
        there = ("127.0.0.1", server.port)
        return Client(socket.create_connection(there, PATIENCE, (host, 0)))

    clients = [close(connect(f"127.0.0.{n // 2 + 1}")) for n in range(6)]
    assert {client.status for client in clients} == {101}

    def getsIn() -> bool:
        with connect("127.0.0.1") as client:
            return client.status == 101

    assert not getsIn()
    clients[0].socket.close()
    waitUntil(getsIn, "room for one")
    assert "addressLimit: 3 connections from 127.0.0.1, limit 2 (--add" in server.log


def test_handshakeRate(start):
    """Whoever comes too often is told when to come again."""
    server = start("--port", LOCAL, "--handshake-rate", "0.01")
    with Client(dial(server.port)) as client:
        assert client.echoes()
    with Client(dial(server.port)) as client:
        assert client.status == 503
        assert int(client.headers.single("retry-after")) in (99, 100)


class Flood:
    """Sends empty messages from a thread, as fast as it can, and reads the answers."""

    def __init__(self, port: int) -> None:
        """Begin."""
        self._client = Client(dial(port))
        self.received = 0
        self._isOver = threading.Event()
        self._threads = [
            threading.Thread(target=each, daemon=True)
            for each in (self._send, self._read)
        ]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        octets = frame(1, key=KEY) * 10_000
        with contextlib.suppress(OSError):
            while not self._isOver.is_set():
                self._client.socket.sendall(octets)

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._client.socket.recv(65_536):
                self.received += len(data) // 2

    def stop(self) -> None:
        """Be gone."""
        self._isOver.set()
        with contextlib.suppress(OSError):
            self._client.socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._client.socket.close()


@pytest.mark.parametrize("rate", ["none", "1000"])
def test_flood(start, rate):
    """While one floods, the others are served; with a rate, it gets no more."""
    server = start("--port", LOCAL, "--message-rate", rate)
    flood = Flood(server.port)
    began = time.monotonic()
    try:
        with Client(dial(server.port)) as client:
            for _ in range(50):
                assert client.echoes()
        for _ in range(5):
            with Client(dial(server.port)) as client:
                assert client.echoes()
    finally:
        flood.stop()
    if rate != "none":
        assert flood.received <= 2001 + 1000 * (time.monotonic() - began)
    with Client(dial(server.port)) as client:
        assert client.echoes()


def test_strict(start):
    """With C{--strict-rates}, whoever floods is closed with 1008."""
    options = ("--message-rate", "10", "--strict-rates")
    server = start("--port", LOCAL, *options)
    with Client(dial(server.port)) as client:
        client.socket.sendall(frame(1, key=KEY) * 100)
        for _ in range(10):
            assert client.receiveText() == ""
        name, code, reason = client.receive()
        assert (name, code) == ("closeReceived", 1008)
        assert reason == "more than 10 messages a second"
        assert client.receive() == FIN
