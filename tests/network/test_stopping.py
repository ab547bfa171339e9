"""A stop closes everyone with 1001, and waits, but not for ever."""

import contextlib
import signal
import time

import pytest

from .client import FIN, Client, dial, readAll, request
from .process import LOCAL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_hundred(start, number):
    """A hundred clients get 1001 each, then the server ends."""
    server = start("--port", LOCAL)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(dial(server.port))) for _ in range(100)]
        assert all(client.echoes() for client in clients)
        server.signal(number)
        codes = {client.receiveClose() for client in clients}
    assert codes == {1001}
    server.wait()
    assert server.log.count(" closed 1001 by us, /") == 100


def test_nobody(start):
    """Without clients it ends at once."""
    server = start("--port", LOCAL)
    server.signal()
    server.wait()


def test_manyMore(start):
    """More than a batch are closed, one batch after the other."""
    server = start("--port", LOCAL)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(dial(server.port))) for _ in range(250)]
        server.signal()
        assert {client.receiveClose() for client in clients} == {1001}
    server.wait()
    assert server.log.count(" closed 1001 by us, /") == 250


def test_deadline(start):
    """Who never answers is aborted at the drain's deadline."""
    server = start("--port", LOCAL, "--drain", "1", "--close-timeout", "60")
    with Client(dial(server.port)) as client:
        assert client.echoes()
        began = time.monotonic()
        server.signal()
        server.wait()
        assert time.monotonic() - began < 15
        # Close frame, then RST.
        with pytest.raises(ConnectionResetError):
            readAll(client.socket)
    assert " closed 1006 by us, /" in server.log


def test_opening(start):
    """Who has sent half a request is cut off, and is no reason to wait."""
    server = start("--port", LOCAL, "--handshake-timeout", "60")
    with dial(server.port) as plain, Client(dial(server.port)) as client:
        plain.sendall(request()[:-1])
        assert client.echoes()
        server.signal()
        assert client.receiveClose() == 1001
        with contextlib.suppress(ConnectionResetError):
            assert readAll(plain) == b""
    server.wait()


def test_closedDoor(start):
    """While it drains, nobody else comes in."""
    server = start("--port", LOCAL)
    with Client(dial(server.port)) as client:
        assert client.echoes()
        server.signal()
        assert client.receive()[:2] == ("closeReceived", 1001)
        with pytest.raises(ConnectionRefusedError):
            dial(server.port)
        assert client.receive() == FIN
    server.wait()
