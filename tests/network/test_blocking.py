"""The blocking client against real servers: ours, and another library's."""

import contextlib
import os
import queue
import socket
import threading

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from wsagent import ClosedCleanly, ClosedUncleanly, Compression, Settings
from wsagent.blocking import connect
from wsagent.errors import ConnectionRejected

from .client import PATIENCE

LENGTHS = (0, 1, 125, 126, 65_535, 65_536, 1024 * 1024, 4 * 1024 * 1024)


def messages():
    """Make messages of both kinds, of lengths where frames change."""
    for length in LENGTHS:
        yield "\u20ac" * (length // 3) + "a" * (length % 3)
        yield os.urandom(length)


def test_demo(demo):
    """Text and octets come back from our server, and it closes cleanly."""
    url = f"ws://127.0.0.1:{demo.port}/"
    with connect(url, timeout=PATIENCE) as peer:
        for message in ("", "hello", "\u20ac" * 30_000, b"", os.urandom(70_000)):
            peer.send(message, PATIENCE)
            assert peer.receive(PATIENCE) == message
        assert peer.ping(timeout=PATIENCE) > 0
    assert str(peer.closed) == "1000 by us"
    assert isinstance(peer.closed, ClosedCleanly)


def test_subprotocol(demo):
    """Our server and we agree on a subprotocol."""
    url = f"ws://localhost:{demo.port}/"
    with connect(url, timeout=PATIENCE, subprotocols=["bar", "foo"]) as peer:
        assert peer.subprotocol == "foo"


def test_origin(demo):
    """Our server refuses a foreign origin, and we say so."""
    url = f"ws://127.0.0.1:{demo.port}/"
    with pytest.raises(ConnectionRejected) as caught:
        connect(url, timeout=PATIENCE, origin="https://example.com")
    assert caught.value.status == 403


def test_stopped(start):
    """A server that stops says so."""
    server = start("--port", r"tcp:0:interface=127.0.0.1")
    peer = connect(f"ws://127.0.0.1:{server.port}/", timeout=PATIENCE)
    server.signal()
    with pytest.raises(ClosedCleanly) as caught:
        peer.receive(PATIENCE)
    assert (caught.value.code, caught.value.initiator) == (1001, "peer")
    server.wait()


def test_unix(start, tmp_path):
    """A connected unix socket does as well as a host and a port."""
    path = tmp_path / "socket"
    start("--port", f"unix:{path}", "--port", r"tcp:0:interface=127.0.0.1", ports=2)
    plain = socket.socket(socket.AF_UNIX)
    plain.connect(str(path))
    with connect("ws://localhost/", timeout=PATIENCE, socket=plain) as peer:
        peer.send("hello")
        assert peer.receive(PATIENCE) == "hello"


class Foreign:
    """A server of the library C{websockets}, in threads of its own."""

    def __init__(self) -> None:
        """Listen."""
        self.closes: queue.Queue[tuple[int, str]] = queue.Queue()
        self._server = serve(
            self._handle,
            "127.0.0.1",
            0,
            max_size=None,
            process_request=self._decide,
            subprotocols=["chat"],
            select_subprotocol=lambda _, offered: "chat" if offered else None,
        )
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def _decide(self, connection, request):
        """Refuse what may not be had."""
        if request.path == "/forbidden":
            return connection.respond(403, "not for you")
        return None

    def _handle(self, connection) -> None:
        """Serve one client, and note how it ended."""
        with contextlib.suppress(ConnectionClosed):
            self._follow(connection.request.path, connection)
            connection.recv(PATIENCE)
        self.closes.put((connection.close_code, connection.close_reason))

    def _follow(self, path: str, connection) -> None:
        """Do as the path says, or echo."""
        if path == "/fragments":
            connection.send(["a", "b", "", "c"])
            connection.send([b"a", b"b"])
        elif path == "/ping":
            connection.send("now")
            assert connection.ping().wait(PATIENCE)
            connection.send("answered")
        elif path == "/close":
            connection.close(4000, "as told")
        elif path == "/vanish":
            connection.socket.shutdown(socket.SHUT_RDWR)
        else:
            for message in connection:
                connection.send(message)

    def stop(self) -> None:
        """Be gone."""
        self._server.shutdown()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


@pytest.fixture(scope="module")
def foreign():
    """Give a server of the library C{websockets}."""
    server = Foreign()
    yield server
    server.stop()


@pytest.mark.parametrize(
    "compression", [None, Compression(), Compression(windowBits=9)]
)
def test_foreign(foreign, compression):
    """Messages of any length come back from another's server, compressed or not."""
    settings = Settings(messageLimit=None, compression=compression)
    with connect(foreign.url, timeout=PATIENCE, settings=settings) as peer:
        has = "sec-websocket-extensions" in peer.response.headers
        assert has == (compression is not None)
        for message in messages():
            peer.send(message, PATIENCE)
            assert peer.receive(PATIENCE) == message
        assert peer.ping(b"ping", PATIENCE) > 0


def test_foreignBoth(foreign):
    """Much goes out and in at once, with one thread for each."""
    all_ = [os.urandom(50_000) for _ in range(300)]
    received = []
    with connect(foreign.url, timeout=PATIENCE) as peer:
        thread = threading.Thread(
            target=lambda: received.extend(peer.receive(PATIENCE) for _ in all_),
        )
        thread.start()
        for message in all_:
            peer.send(message, PATIENCE)
        thread.join(PATIENCE)
    assert received == all_


def test_foreignSubprotocol(foreign):
    """Another's server and we agree on a subprotocol."""
    with connect(foreign.url, timeout=PATIENCE, subprotocols=["chat"]) as peer:
        assert peer.subprotocol == "chat"


def test_foreignFragments(foreign):
    """Another's fragments are one message."""
    with connect(foreign.url + "/fragments", timeout=PATIENCE) as peer:
        assert [peer.receive(PATIENCE), peer.receive(PATIENCE)] == ["abc", b"ab"]


def test_foreignPing(foreign):
    """Another's ping is answered."""
    with connect(foreign.url + "/ping", timeout=PATIENCE) as peer:
        assert [peer.receive(PATIENCE), peer.receive(PATIENCE)] == ["now", "answered"]


def test_foreignClose(foreign):
    """Code and reason pass in both directions."""
    peer = connect(foreign.url + "/close", timeout=PATIENCE)
    assert list(peer) == []
    assert str(peer.closed) == "4000 'as told' by peer"
    peer = connect(foreign.url, timeout=PATIENCE)
    peer.close(4001, "enough")
    assert isinstance(peer.closed, ClosedCleanly)
    # Those of other tests come first.
    while foreign.closes.get(timeout=PATIENCE) != (4001, "enough"):
        pass


def test_foreignVanishes(foreign):
    """Another's server that is gone is code 1006."""
    peer = connect(foreign.url + "/vanish", timeout=PATIENCE)
    with pytest.raises(ClosedUncleanly) as caught:
        peer.receive(PATIENCE)
    assert caught.value.code == 1006


def test_foreignRefuses(foreign):
    """Another's refusal has its status and its body."""
    with pytest.raises(ConnectionRejected) as caught:
        connect(foreign.url + "/forbidden", timeout=PATIENCE)
    assert (caught.value.status, caught.value.body) == (403, b"not for you")
