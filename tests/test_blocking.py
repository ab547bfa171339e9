"""L{wsagent.blocking}."""

import signal
import socket
import ssl
import tempfile
import threading
import time
from pathlib import Path
from unittest import SkipTest

from tests.core.notation import KEY, frame, pieces, row
from tests.scripts import FIN, PATIENCE, Authority, ScriptCase, Server
from wsagent import ClosedCleanly, ClosedUncleanly, Compression, Settings, blocking
from wsagent.core.errors import (
    HandshakeError,
    InvalidPayload,
    MessageTooBig,
    ProtocolError,
)
from wsagent.errors import ConnectionRejected

TEXT, BYTES, CLOSE, PING, PONG = 1, 2, 8, 9, 10
HELLO = frame(TEXT, b"hello")
BYE = frame(CLOSE, (1000).to_bytes(2, "big") + b"bye")
SOON = 0.2
"""Seconds that pass while nothing happens."""


def echo(server: Server) -> None:
    """Open, and echo."""
    server.open()
    server.echo()


def answering(*octets: bytes):
    """Make a script that reads the request, sends something, and hangs up."""

    def script(server: Server) -> None:
        server.readRequest()
        server.send(*octets)
        server.socket.shutdown(socket.SHUT_WR)
        server.readAll()

    return script


def sending(*octets: bytes):
    """Make a script that opens, sends something, and hangs up when the client does."""

    def script(server: Server) -> None:
        server.open()
        server.send(*octets)
        server.readAll()

    return script


class OpeningTests(ScriptCase):
    """L{blocking.connect} opens, or says why not."""

    def test_open(self):
        """What was agreed on can be read; the request has all that was asked for."""

        def script(server):
            server.open(b"Sec-WebSocket-Protocol: b", b"X-Answer: 42")
            server.echo()

        near = self.serve(script)
        with blocking.connect(
            "ws://us%40er:secret@example.com:8001/a%20b?c=d",
            socket=near,
            subprotocols=["a", "b"],
            headers={"X-Question": "what?"},
            origin="https://example.org",
        ) as peer:
            self.assertEqual(peer.subprotocol, "b")
            self.assertEqual(peer.response.headers.get("x-answer"), b"42")
        request = self.server.request
        self.assertEqual(request.target, "/a%20b?c=d")
        self.assertEqual(request.host, "example.com:8001")
        self.assertEqual(request.origin, "https://example.org")
        self.assertEqual(request.offeredSubprotocols, ("a", "b"))
        self.assertEqual(request.headers.get("x-question"), b"what?")
        # "us@er:secret", RFC 7617.
        self.assertEqual(
            request.headers.get("authorization"),
            b"Basic dXNAZXI6c2VjcmV0",
        )
        self.assertEqual(near.fileno(), -1)

    def test_nothingAgreed(self):
        """Without subprotocols, there is none."""
        with self.connect(echo, headers=[("X-Twice", "1"), ("X-Twice", "2")]) as peer:
            self.assertIsNone(peer.subprotocol)
        self.assertEqual(self.server.request.headers.all("x-twice"), [b"1", b"2"])

    def test_dialed(self):
        """Without a socket, the URL's host and port are connected to."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]

            def script(_):
                served, _ = listening.accept()
                inner = Server(served, echo)
                inner.join()

            self.serve(script).close()
            with blocking.connect(f"ws://127.0.0.1:{port}/", timeout=PATIENCE) as peer:
                peer.send("hello")
                self.assertEqual(peer.receive(PATIENCE), "hello")
            self.server.join()

    def test_nobodyThere(self):
        """A port where nobody listens is the system's own error."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
        with self.assertRaises(ConnectionRefusedError):
            blocking.connect(f"ws://127.0.0.1:{port}/", timeout=PATIENCE)

    def test_noTime(self):
        """Without time to connect, there is no attempt."""
        with self.assertRaises(TimeoutError):
            blocking.connect("ws://127.0.0.1:9/", timeout=0)

    def test_neverSent(self):
        """What cannot be sent is refused before any octet is, and the socket left."""
        near, far = socket.socketpair()
        with near, far:
            for keywords, kind in (
                ({"url": "http://localhost/"}, ValueError),
                ({"url": "ws://localhost/\r\nX: y"}, ValueError),
                ({"headers": {"X": "a\r\nY: b"}}, ValueError),
                ({"headers": {"X\r\nY": "a"}}, ValueError),
                ({"headers": {"X": "a\0"}}, ValueError),
                ({"headers": {"X": "\u20ac"}}, ValueError),
                ({"headers": {"Sec-WebSocket-Key": "a"}}, ValueError),
                ({"origin": "https://a\r\nX: y"}, ValueError),
                ({"subprotocols": ["a\r\nX: y"]}, ValueError),
                ({"subprotocols": ["a", "a"]}, ValueError),
                ({"subprotocols": "chat"}, TypeError),
            ):
                arguments = {"url": "ws://localhost/", "socket": near, **keywords}
                with row(keywords), self.assertRaises(kind):
                    blocking.connect(**arguments)
            near.close()
            self.assertEqual(far.recv(1), b"")

    def test_refused(self):
        """C02: a refusal has status, headers, and as much of a body as is kept."""
        long = bytes(100_000)
        for status, line, body, kept in (
            (b"401 No", b"Content-Length: 4", b"why?", b"why?"),
            (b"403 No", b"Content-Length: 100000", long, long[:65_536]),
            (b"503 No", b"X: until FIN", b"later", b"later"),
            (b"500 No", b"Content-Length: 9", b"cut", b"cut"),
            (b"200 OK", b"Transfer-Encoding: chunked", b"1\r\na\r\n0\r\n\r\n", b"a"),
            (b"302 Go", b"Location: ws://elsewhere/", b"", b""),
        ):
            octets = b"HTTP/1.1 " + status + b"\r\n" + line + b"\r\n\r\n" + body
            with row(status), self.assertRaises(ConnectionRejected) as caught:
                self.connect(answering(octets))
            name, _, value = line.partition(b": ")
            rejected = caught.exception
            self.assertEqual(rejected.status, int(status[:3]))
            self.assertEqual(rejected.headers.get(name.decode()), value)
            self.assertEqual(rejected.body, kept)

    def test_refusedSlowly(self):
        """A refusal is known even if its body does not end in time."""

        def script(server):
            server.readRequest()
            server.send(b"HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\nbecause")
            server.readAll()

        with self.assertRaises(ConnectionRejected) as caught:
            self.connect(script, timeout=SOON)
        self.assertEqual(caught.exception.body, b"because")

    def test_wrongAnswer(self):
        """C01, C03, C04, C07: an answer that is none ends in a L{HandshakeError}."""
        for name, lines, without in (
            ("no Accept", (), b"Sec-WebSocket-Accept"),
            ("wrong", (b"Sec-WebSocket-Accept: no",), b"Sec-WebSocket-Accept"),
            ("two", (b"Sec-WebSocket-Accept: no",), b""),
            ("no Upgrade", (), b"Upgrade"),
            ("no Connection", (), b"Connection"),
            ("extension", (b"Sec-WebSocket-Extensions: permessage-deflate",), b""),
            ("subprotocol", (b"Sec-WebSocket-Protocol: c",), b""),
            ("two of them", (b"Sec-WebSocket-Protocol: a",) * 2, b""),
            ("malformed", (b"X : y",), b""),
            ("many", (b"X: y",) * 101, b""),
        ):

            def script(server, lines=lines, without=without):
                server.readRequest()
                server.send(server.accepted(*lines, without=without))
                server.readAll()

            with row(name), self.assertRaises(HandshakeError):
                self.connect(script, subprotocols=["a", "b"])

    def test_noAnswer(self):
        """C06, C07: what is no head, or too big a head, is known at once."""
        for name, octets in (
            ("nothing", b""),
            ("half", b"HTTP/1.1 101 Sw"),
            ("version", b"HTTP/1.0 101 OK\r\n\r\n"),
            ("TLS", b"\x15\x03\x01\x00\x02\x02\x28"),
            ("long line", b"HTTP/1.1 101 " + b"a" * 10_000),
            ("long head", b"HTTP/1.1 101 OK\r\nX: " + b"a" * 10_000),
            ("endless", b"HTTP/1.1 103 Hint\r\n\r\n" * 500),
        ):
            with row(name), self.assertRaises(HandshakeError):
                self.connect(answering(octets), timeout=PATIENCE)

    def test_headLimit(self):
        """A response's head may be as long as the settings say."""

        def script(server):
            server.open(b"X-Long: " + b"a" * 10_000)
            server.echo()

        with self.connect(script, settings=Settings(headLimit=20_000)) as peer:
            self.assertEqual(len(peer.response.headers.get("x-long")), 10_000)

    def test_skipped(self):
        """C07: what is said before the answer is skipped."""

        def script(server):
            server.readRequest()
            server.send(
                b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\n"
            )
            server.send(server.accepted() + HELLO + BYE)
            server.readAll()

        self.assertEqual(list(self.connect(script)), ["hello"])

    def test_timeout(self):
        """A server that says nothing, or not enough, is given up in time."""

        def dripping(server):
            server.readRequest()
            server.socket.settimeout(0.01)
            for octet in server.accepted(b"X: " + b"a" * 1000)[:-2]:
                try:
                    server.send(bytes((octet,)))
                    server.socket.recv(1)
                except TimeoutError:
                    continue
                except ConnectionError:
                    pass
                return

        for name, script in (("silent", Server.readAll), ("dripping", dripping)):
            with row(name), self.assertRaises(TimeoutError):
                self.connect(script, timeout=SOON)

    def test_defaultTimeout(self):
        """Without a timeout, the settings' own counts."""
        with self.assertRaises(TimeoutError):
            self.connect(Server.readAll, settings=Settings(openTimeout=SOON))

    def test_sameSegment(self):
        """C08: frames right behind the head are read."""

        def script(server):
            server.open(then=HELLO + BYE)
            server.readAll()

        peer = self.connect(script)
        self.assertEqual(list(peer), ["hello"])
        self.assertEqual(peer.closed.reason, "bye")

    def test_brokenAtOnce(self):
        """A broken frame right behind the head is the first thing received."""

        def script(server):
            server.open(then=b"\xff\xff")
            server.readAll()

        peer = self.connect(script)
        with self.assertRaises(ClosedUncleanly) as caught:
            peer.receive(PATIENCE)
        self.assertEqual(caught.exception.code, 1002)

    def test_cutAnywhere(self):
        """C09: any cut of head and frames makes the same messages."""
        kind = getattr(socket, "SOCK_SEQPACKET", None)
        if kind is None:
            raise SkipTest("no sockets that keep segments apart")
        after = HELLO + frame(BYTES, b"ab", fin=0) + frame(PING) + frame(0, b"c") + BYE

        def cutting(cut):
            def script(server):
                server.readRequest()
                server.send(*filter(None, cut(server.accepted() + after)))
                server.readAll()

            return script

        def cuts():
            for size in (1, 2, 3, 7):
                yield lambda octets, size=size: pieces(octets, size)
            for at in range(130 + len(after)):
                yield lambda octets, at=at: (octets[:at], octets[at:])

        for number, cut in enumerate(cuts()):
            with row(number):
                peer = self.connect(cutting(cut), kind)
                self.assertEqual(list(peer), ["hello", b"abc"])
                self.server.join()


class MessageTests(ScriptCase):
    """Messages come and go, and time passes."""

    def test_echo(self):
        """Messages of any length and both kinds go out, and come in, whole."""
        with self.connect(echo) as peer:
            for length in (0, 1, 125, 126, 65_535, 65_536, 1_048_576):
                for message in ("\u00e9" * (length // 2), bytes(length)):
                    peer.send(message)
                    self.assertEqual(peer.receive(PATIENCE), message)
            for octets in (bytearray(b"ab"), memoryview(b"ab")):
                peer.send(octets)
                self.assertEqual(peer.receive(PATIENCE), b"ab")

    def test_compressed(self):
        """Messages are compressed if the settings, and the server, say so."""
        with self.connect(echo, settings=Settings(compression=Compression())) as peer:
            self.assertIn("sec-websocket-extensions", peer.response.headers)
            for message in ("a" * 100_000, "b", b"c" * 100_000):
                peer.send(message)
                self.assertEqual(peer.receive(PATIENCE), message)
            peer.send("a" * 100_000)
            self.assertLess(peer._traffic.sent, 10_000)

    def test_notAMessage(self):
        """What is neither text nor octets is refused, open or not; nothing is sent."""

        def script(server):
            server.open()
            self.assertEqual(server.receive(), ("closeReceived", 1000, ""))

        with self.connect(script) as peer:
            for _ in range(2):
                for message in (None, 5, ["a"]):
                    with row(message), self.assertRaises(TypeError):
                        peer.send(message)
                with self.assertRaises(ValueError):
                    peer.send("\ud800")
                with self.assertRaises(TypeError):
                    peer.ping(50)
                with self.assertRaises(ValueError):
                    peer.ping(bytes(126))
                peer.close()

    def test_timeout(self):
        """A timeout loses nothing, not even of half a message, and does not close."""
        turns = [threading.Event() for _ in range(2)]

        def script(server):
            server.open()
            server.send(HELLO[:3])
            turns[0].wait(PATIENCE)
            server.send(HELLO[3:])
            server.echo()

        with self.connect(script) as peer:
            for timeout in (0, SOON):
                with self.assertRaises(TimeoutError):
                    peer.receive(timeout)
            self.assertIsNone(peer.closed)
            turns[0].set()
            self.assertEqual(peer.receive(PATIENCE), "hello")
            peer.send("on")
            self.assertEqual(peer.receive(PATIENCE), "on")

    def test_deadline(self):
        """A timeout is not extended by octets that bring no message."""
        isOver = threading.Event()

        def script(server):
            server.open()
            while not isOver.wait(0.001):
                server.send(frame(PONG))
            server.echo()

        with self.connect(script) as peer:
            with self.assertRaises(TimeoutError):
                peer.receive(SOON)
            isOver.set()

    def test_takesWhatIsThere(self):
        """Timeout 0 takes a message that has come, and answers a ping."""

        def script(server):
            server.open(then=HELLO + frame(PING, b"x"))
            self.assertEqual(server.receive(), ("pongReceived", b"x"))
            server.send(HELLO)
            isAnswered.set()
            server.echo()

        isAnswered = threading.Event()
        with self.connect(script) as peer:
            self.assertEqual(peer.receive(0), "hello")
            self.assertTrue(isAnswered.wait(PATIENCE))
            self.assertEqual(peer.receive(PATIENCE), "hello")

    def test_order(self):
        """Many messages, read only as they are taken, come in order and whole."""
        count = 2000

        def script(server):
            server.open()
            for number in range(count):
                server.connection.sendText(f"{number:1000}")
            server.connection.close()
            server.echo()

        with self.connect(script) as peer:
            for number in range(count):
                self.assertEqual(int(peer.receive(PATIENCE)), number)
                self.assertLessEqual(len(peer._traffic.inbox), 16)
            with self.assertRaises(ClosedCleanly):
                peer.receive(PATIENCE)

    def test_inboxLimit(self):
        """No more messages wait than the settings say, however many came at once."""
        with self.connect(
            sending(HELLO * 10 + BYE),
            settings=Settings(inboxLimit=2),
        ) as peer:
            self.assertEqual(peer.receive(PATIENCE), "hello")
            self.assertEqual(len(peer._traffic.inbox), 2)
            self.assertIsNone(peer.closed)
            self.assertEqual(list(peer), ["hello"] * 9)


class PingTests(ScriptCase):
    """Pings, ours and the server's."""

    def test_answered(self):
        """The server's pings are answered while somebody waits, inside messages too."""

        def script(server):
            server.open()
            server.send(frame(TEXT, b"a", fin=0) + frame(PING, b"1") + frame(PING))
            self.assertEqual(server.receive(), ("pongReceived", b"1"))
            self.assertEqual(server.receive(), ("pongReceived", b""))
            server.send(frame(0, b"b"))
            server.echo()

        with self.connect(script) as peer:
            self.assertEqual(peer.receive(PATIENCE), "ab")

    def test_ping(self):
        """To ping is to wait for the pong; messages that come before it are kept."""

        def script(server):
            server.open()
            server.send(frame(PONG, b"unasked"), HELLO)
            server.echo()

        with self.connect(script) as peer:
            for payload in (None, b"", b"a" * 125):
                self.assertGreaterEqual(peer.ping(payload, PATIENCE), 0)
            self.assertEqual(peer.receive(0), "hello")

    def test_later(self):
        """A pong answers the pings before its own, too."""
        results = []

        def script(server):
            server.open()
            # A pong for the last of them only; each has 2 + 4 + 1 octets.
            waiting = 2 * 7
            while waiting:
                waiting -= len(server.socket.recv(waiting))
            server.send(frame(PONG, b"b"))
            server.echo()

        def first():
            results.append(peer.ping(b"a", PATIENCE))

        with self.connect(script) as peer:
            thread = threading.Thread(target=first)
            thread.start()
            while not peer._traffic._pings:
                time.sleep(0)
            peer.ping(b"b", PATIENCE)
            thread.join(PATIENCE)
            self.assertEqual(len(results), 1)

    def test_timeout(self):
        """A pong that does not come changes nothing."""

        def script(server):
            server.open()
            self.assertEqual(server.socket.recv(65_536)[:1], b"\x89")
            server.echo()

        with self.connect(script) as peer:
            with self.assertRaises(TimeoutError):
                peer.ping(b"a", SOON)
            self.assertIsNone(peer.closed)
            self.assertEqual(peer._traffic._pings, [])
            peer.send("on")
            self.assertEqual(peer.receive(PATIENCE), "on")

    def test_end(self):
        """When no pong can come any more, the end is raised."""
        peer = self.connect(sending(BYE))
        for _ in range(2):
            with self.assertRaises(ClosedCleanly):
                peer.ping(timeout=PATIENCE)

    def test_flood(self):
        """C14: pongs that the server does not read are few."""

        def script(server):
            server.open()
            # Long enough that on a busy machine it is not the peer who is slow.
            server.socket.settimeout(1)
            with self.assertRaises(TimeoutError):
                while True:
                    server.send(frame(PING, bytes(125)) * 1000)
            isStuck.set()
            server.socket.settimeout(PATIENCE)
            isSeen.wait(PATIENCE)
            server.readAll()

        isStuck, isSeen = threading.Event(), threading.Event()
        with self.connect(script, settings=Settings(closeTimeout=SOON)) as peer:
            while not isStuck.is_set():
                with self.assertRaises(TimeoutError):
                    peer.receive(0.01)
            self.assertGreater(len(peer._traffic._outgoing), 65_536)
            self.assertLess(len(peer._traffic._outgoing), 300_000)
            isSeen.set()


class EndTests(ScriptCase):
    """How it ends is told, and always the same."""

    def assertEnd(self, peer, kind, code, reason, initiator):
        """Whatever is called tells the same end, and the socket is gone."""
        for call in (
            lambda: peer.receive(PATIENCE),
            lambda: peer.receive(PATIENCE),
            lambda: peer.send("late"),
        ):
            with self.assertRaises(kind) as caught:
                call()
            error = caught.exception
            self.assertEqual(
                (error.code, error.reason, error.initiator),
                (code, reason, initiator),
            )
        self.assertIs(type(peer.closed), kind)
        self.assertEqual(str(peer.closed), str(error))
        self.assertEqual(peer._traffic._line._socket.fileno(), -1)
        return error

    def test_theirs(self):
        """The server's goodbye is answered, after all its messages are received."""
        for payload, code, reason in (
            (b"", 1005, ""),
            (b"\x03\xe8bye", 1000, "bye"),
            (b"\x0f\xa0\xc3\xa9", 4000, "\u00e9"),
        ):

            def script(server, payload=payload):
                server.open()
                server.send(HELLO, HELLO, frame(CLOSE, payload))
                octets = server.readAll()
                # Masked, and nothing else.
                self.assertEqual(octets[:2], bytes((0x88, 0x80 | len(payload[:2]))))
                self.assertEqual(len(octets), 6 + len(payload[:2]))

            with row(code):
                peer = self.connect(script)
                self.assertEqual(peer.receive(PATIENCE), "hello")
                self.assertEqual(list(peer), ["hello"])
                self.assertEnd(peer, ClosedCleanly, code, reason, "peer")

    def test_ours(self):
        """Our goodbye has code and reason; what is said to it meanwhile is dropped."""

        def script(server):
            server.open()
            self.assertEqual(server.receive(), ("closeReceived", 4000, "enough"))

        def talking(server):
            server.open()
            server.socket.recv(65_536)
            server.send(HELLO * 100 + frame(PING), frame(CLOSE, b"\x0f\xa0"))
            server.readAll()

        for name, each in (("script", script), ("talking", talking)):
            with row(name):
                peer = self.connect(each)
                self.assertIsNone(peer.closed)
                peer.close(4000, "enough")
                self.assertEnd(peer, ClosedCleanly, 4000, "enough", "us")
                peer.close(1000)
                self.assertEqual(peer.closed.code, 4000)

    def test_mayNotBeSent(self):
        """A close code or reason that may not be sent is refused, open or not."""
        with self.connect(echo) as peer:
            for _ in range(2):
                for code, reason in ((1005, ""), (999, ""), (1000, "a" * 124)):
                    with row(code), self.assertRaises(ValueError):
                        peer.close(code, reason)
                self.assertRaises(TypeError, peer.close, 1000, b"octets")
                peer.close()

    def test_keptForLater(self):
        """Messages that came before our goodbye are still received."""
        with self.connect(sending(HELLO * 20, frame(CLOSE))) as peer:
            self.assertEqual(peer.receive(PATIENCE), "hello")
            peer.close()
            # 16 waited, and the rest came too late.
            self.assertEqual(list(peer), ["hello"] * 16)
            self.assertEnd(peer, ClosedCleanly, 1000, "", "us")

    def test_leaving(self):
        """To leave C{with} closes: 1000, 1011 after an error, 1001 if stopped."""
        codes = []

        def script(server):
            server.open()
            codes.append(server.receive()[1])

        for raised in (None, ZeroDivisionError, KeyboardInterrupt):
            with row(raised):
                try:
                    with self.connect(script) as peer:
                        if raised is not None:
                            raise raised
                except (ZeroDivisionError, KeyboardInterrupt) as error:
                    self.assertIs(type(error), raised)
                self.server.join()
                self.assertIsInstance(peer.closed, ClosedCleanly)
        self.assertEqual(codes, [1000, 1011, 1001])

    def test_vanished(self):
        """C15: a server that is gone without a goodbye is code 1006."""

        def script(server):
            server.open(then=HELLO)

        peer = self.connect(script)
        with self.assertRaises(ClosedUncleanly):
            self.assertEqual([*peer], "not reached")
        self.assertEnd(peer, ClosedUncleanly, 1006, "", "peer")

    def test_vanishedInside(self):
        """C15: a server that is gone in the middle of our goodbye is code 1006."""

        def script(server):
            server.open()
            server.socket.recv(65_536)

        peer = self.connect(script)
        peer.close(4000, "enough")
        self.assertEnd(peer, ClosedUncleanly, 1006, "enough", "us")

    def test_reset(self):
        """After a reset, the system's error is the cause."""

        def script(server):
            server.open()
            # To close with octets unread is to reset.
            server.socket.recv(1)

        peer = self.connect(script)
        peer.send(bytes(1000))
        with self.assertRaises(ClosedUncleanly) as caught:
            peer.receive(PATIENCE)
        self.assertEqual(caught.exception.code, 1006)
        self.assertIsInstance(caught.exception.__cause__, ConnectionError)

    def test_lastWords(self):
        """What the server said before it vanished is received, though we sent on."""

        def script(server):
            server.open()
            server.send(HELLO * 3 + BYE)

        peer = self.connect(script)
        self.server.join()
        with self.assertRaises(ClosedCleanly):
            while True:
                peer.send(bytes(100_000))
        self.assertEqual(list(peer), ["hello"] * 3)
        self.assertEqual(peer.closed.reason, "bye")

    def test_tooLate(self):
        """After the server's goodbye, nothing more is sent than ours."""
        isOpen, isSent = threading.Event(), threading.Event()

        def script(server):
            server.open()
            isOpen.wait(PATIENCE)
            server.send(HELLO + BYE)
            isSent.set()
            self.assertEqual(len(server.readAll()), 8)

        peer = self.connect(script)
        isOpen.set()
        isSent.wait(PATIENCE)
        with self.assertRaises(ClosedCleanly):
            peer.send("late")
        self.assertEqual(list(peer), ["hello"])

    def test_longLastWord(self):
        """A long last word is received, though there was nobody to send to."""
        data = bytes(150_000)
        isOpen = threading.Event()

        def script(server):
            server.open()
            isOpen.wait(PATIENCE)
            server.send(frame(BYTES, data) + BYE)

        peer = self.connect(script)
        isOpen.set()
        self.server.join()
        with self.assertRaises(ClosedCleanly):
            peer.send("late")
        self.assertEqual(list(peer), [data])

    def test_interrupted(self):
        """Who interrupts the goodbye is rid of the connection all the same."""

        def interrupt(*_):
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGALRM, interrupt)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        peer = self.connect(sending(), settings=Settings(closeTimeout=60))
        with self.assertRaises(KeyboardInterrupt), peer:
            signal.setitimer(signal.ITIMER_REAL, SOON)
        self.assertIsInstance(peer.closed, ClosedUncleanly)
        self.server.join()

    def test_noAnswer(self):
        """T2: a server that never answers our goodbye is given up in time."""
        peer = self.connect(sending(HELLO), settings=Settings(closeTimeout=SOON))
        peer.close()
        peer.close()
        error = peer.closed
        self.assertIsInstance(error, ClosedUncleanly)
        self.assertEqual((error.code, error.initiator), (1006, "us"))

    def test_neverFinishes(self):
        """T3: a server that never hangs up is hung up on, and that is clean."""

        def script(server):
            server.open()
            server.send(BYE)
            isOver.wait(PATIENCE)

        isOver = threading.Event()
        peer = self.connect(script, settings=Settings(closeTimeout=SOON))
        with self.assertRaises(TimeoutError):
            peer.receive(0.01)
        self.assertIsNone(peer.closed)
        self.assertEnd(peer, ClosedCleanly, 1000, "bye", "peer")
        isOver.set()

    def test_neverStops(self):
        """What a server sends after its goodbye is not read for long."""

        def script(server):
            server.open()
            server.send(BYE)
            with self.assertRaises(ConnectionError):
                while True:
                    server.send(bytes(65_536))

        peer = self.connect(script, settings=Settings(closeTimeout=60))
        self.assertEnd(peer, ClosedCleanly, 1000, "bye", "peer")

    def test_broken(self):
        """C10, C11, C13: a server that breaks the protocol is told, and left."""
        for name, octets, code, kind in (
            ("masked", frame(TEXT, b"hello", key=KEY), 1002, ProtocolError),
            ("RSV1", frame(TEXT, b"hello", rsv=4), 1002, ProtocolError),
            ("opcode", frame(3), 1002, ProtocolError),
            ("continuation", frame(0), 1002, ProtocolError),
            ("UTF-8", frame(TEXT, b"\xff"), 1007, InvalidPayload),
            ("close code", frame(CLOSE, b"\x00\x00"), 1002, ProtocolError),
            ("big", frame(BYTES, declared=101), 1009, MessageTooBig),
            ("huge", frame(BYTES, declared=2**63 - 1), 1009, MessageTooBig),
            (
                "fragments",
                frame(TEXT, b"a", fin=0) + frame(0, fin=0) * 5,
                1009,
                MessageTooBig,
            ),
        ):

            def script(server, octets=octets, code=code):
                server.open()
                server.send(HELLO + octets + HELLO)
                self.assertEqual(server.receive()[:2], ("closeReceived", code))
                self.assertEqual(server.receive(), FIN)

            with row(name):
                limits = Settings(messageLimit=100, fragmentLimit=5)
                peer = self.connect(script, settings=limits)
                self.assertEqual(peer.receive(PATIENCE), "hello")
                with self.assertRaises(ClosedUncleanly) as caught:
                    peer.receive(PATIENCE)
                error = caught.exception
                self.assertEqual((error.code, error.initiator), (code, "us"))
                self.assertIs(type(error.__cause__), kind)
                self.assertEnd(peer, ClosedUncleanly, code, error.reason, "us")
                self.server.join()

    def test_bomb(self):
        """C12: a small message that becomes a big one is refused."""

        def script(server):
            server.open()
            server.connection.sendText("a" * 1_000_000, choice=True)
            self.assertEqual(server.receive()[:2], ("closeReceived", 1009))

        limits = Settings(messageLimit=10_000, compression=Compression())
        peer = self.connect(script, settings=limits)
        with self.assertRaises(ClosedUncleanly) as caught:
            peer.receive(PATIENCE)
        self.assertEqual(caught.exception.code, 1009)


class SendingTests(ScriptCase):
    """To send takes the time that the server takes."""

    def test_both(self):
        """Two ends that send much to each other before they read do not stop."""
        data = bytes(8_000_000)

        def script(server):
            server.open()
            server.connection.sendBytes(data)
            self.assertEqual(server.receive(), ("bytesReceived", data))
            server.echo()

        with self.connect(script, settings=Settings(messageLimit=None)) as peer:
            peer.send(data)
            self.assertEqual(peer.receive(PATIENCE), data)

    def test_timeout(self):
        """What cannot be sent in time ends the connection, uncleanly."""

        def script(server):
            server.open()
            isOver.wait(PATIENCE)

        isOver = threading.Event()
        with self.connect(script) as peer:
            with self.assertRaises(TimeoutError):
                peer.send(bytes(8_000_000), timeout=SOON)
            self.assertIsInstance(peer.closed, ClosedUncleanly)
            for call in (lambda: peer.receive(PATIENCE), lambda: peer.send("late")):
                with self.assertRaises(ClosedUncleanly) as caught:
                    call()
                self.assertEqual(caught.exception.code, 1006)
                self.assertEqual(caught.exception.initiator, "us")
        isOver.set()

    def test_stalled(self):
        """W3: a server that takes nothing for C{sendTimeout} is left."""

        def script(server):
            server.open()
            isOver.wait(PATIENCE)

        isOver = threading.Event()
        with self.connect(script, settings=Settings(sendTimeout=SOON)) as peer:
            with self.assertRaises(ClosedUncleanly) as caught:
                peer.send(bytes(8_000_000))
            self.assertEqual(caught.exception.reason, "nothing sent for 0.2 s")
        isOver.set()

    def test_slow(self):
        """A server that takes a little now and then is not left."""

        def script(server):
            server.open()
            octets = bytearray()
            pause = threading.Event()
            while len(octets) < 2_000_000:
                octets += server.socket.recv(50_000)
                pause.wait(0.04)
            server.readAll()

        settings = Settings(sendTimeout=1, closeTimeout=SOON)
        with self.connect(script, settings=settings) as peer:
            peer.send(bytes(2_000_000))

    def test_noTimeout(self):
        """Without C{sendTimeout}, a server may take its time."""

        def script(server):
            server.open()
            self.assertEqual(len(server.receive()[1]), 2_000_000)
            server.echo()

        with self.connect(script, settings=Settings(sendTimeout=None)) as peer:
            peer.send(bytes(2_000_000))


class ThreadTests(ScriptCase):
    """Threads share a connection."""

    def run_(self, call) -> threading.Thread:
        """Run a call in a thread, which is joined in the end."""
        outcome = []

        def run():
            try:
                outcome.append(call())
            except Exception as error:  # noqa: BLE001 - compared by the test
                outcome.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.outcome = outcome
        thread.start()
        return thread

    def awaitWatch(self, peer, needs) -> None:
        """Wait until a thread watches the socket, to read and to write or not."""
        deadline = time.monotonic() + PATIENCE
        while peer._traffic._watched != needs:
            self.assertLess(time.monotonic(), deadline, peer._traffic._watched)
            time.sleep(0)

    def test_both(self):
        """One thread sends while another receives, and nothing is lost or mixed."""
        messages = [bytes((i % 256,)) * (i * 37 % 5000) for i in range(3000)]
        with self.connect(echo) as peer:
            receiving = self.run_(
                lambda: [peer.receive(PATIENCE) for _ in range(len(messages))],
            )
            for message in messages:
                peer.send(message, PATIENCE)
            receiving.join(PATIENCE)
            (received,) = receiving.outcome
            self.assertEqual(received, messages)

    def test_many(self):
        """Threads that all send, ping and receive each get what is theirs."""

        def work(name):
            for number in range(100):
                peer.send(f"{name} {number}", PATIENCE)
                if not number % 10:
                    peer.ping(timeout=PATIENCE)
                received.append(peer.receive(PATIENCE))

        received = []
        with self.connect(echo) as peer:
            threads = [self.run_(lambda name=name: work(name)) for name in range(5)]
            for thread in threads:
                thread.join(2 * PATIENCE)
                self.assertEqual(thread.outcome, [None])
        self.assertEqual(
            sorted(received),
            sorted(f"{name} {number}" for name in range(5) for number in range(100)),
        )

    def test_closed(self):
        """Who waits for a message learns that another thread has closed."""
        with self.connect(echo) as peer:
            waiting = [self.run_(peer.receive) for _ in range(2)]
            self.awaitWatch(peer, (True, False))
            peer.close(4000, "enough")
            for thread in waiting:
                thread.join(PATIENCE)
                (error,) = thread.outcome
                self.assertIsInstance(error, ClosedCleanly)
                self.assertEqual(error.code, 4000)
        self.assertEqual(peer._traffic._line._socket.fileno(), -1)

    def test_handedOver(self):
        """Who watches the socket and leaves has the next one watch."""
        turn = threading.Event()

        def script(server):
            server.open()
            turn.wait(PATIENCE)
            server.send(HELLO)
            server.echo()

        with self.connect(script) as peer:
            first = self.run_(lambda: peer.receive(SOON))
            self.awaitWatch(peer, (True, False))
            second = self.run_(lambda: peer.receive(3 * PATIENCE))
            first.join(PATIENCE)
            self.assertIsInstance(first.outcome[0], TimeoutError)
            turn.set()
            second.join(PATIENCE)
            self.assertEqual(second.outcome, ["hello"])

    def test_sendWhileWaiting(self):
        """A message for which there is no room yet goes out while another waits."""
        data = bytes(4_000_000)
        turn = threading.Event()

        def script(server):
            server.open()
            turn.wait(PATIENCE)
            server.echo()

        with self.connect(script, settings=Settings(messageLimit=None)) as peer:
            receiving = self.run_(lambda: peer.receive(3 * PATIENCE))
            self.awaitWatch(peer, (True, False))
            sending = self.run_(lambda: peer.send(data, 3 * PATIENCE))
            self.awaitWatch(peer, (True, True))
            turn.set()
            sending.join(PATIENCE)
            receiving.join(PATIENCE)
            self.assertEqual(sending.outcome, [None])
            self.assertEqual(receiving.outcome, [data])

    def test_takenWhileWaiting(self):
        """A pong behind too many messages is found once one of them is taken."""
        for after in (16, 15):

            def script(server, after=after):
                server.open()
                server.send(HELLO * 16)
                self.assertEqual(server.socket.recv(7)[:1], b"\x89")
                server.send(HELLO * (after - 15) + frame(PONG, b"a"))
                server.echo()

            with row(after), self.connect(script) as peer:
                pinging = self.run_(lambda peer=peer: peer.ping(b"a", 3 * PATIENCE))
                self.awaitWatch(peer, (False, False))
                self.assertEqual(pinging.outcome, [])
                for _ in range(after + 1):
                    self.assertEqual(peer.receive(PATIENCE), "hello")
                pinging.join(PATIENCE)
                self.assertIsInstance(pinging.outcome[0], float)


class TLSTests(ScriptCase):
    """C17: TLS is verified."""

    def setUp(self):
        """Be an authority."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.authority = Authority(Path(folder.name))

    def connectTLS(self, script, host="localhost", tls=None, **keywords):
        """Connect to a script whose certificate is for C{localhost}."""
        near = self.serve(script, tls=self.authority.server("localhost"))
        return blocking.connect(
            f"wss://{host}/",
            socket=near,
            tls=tls or self.authority.client(),
            **keywords,
        )

    def test_verified(self):
        """With a certificate that is trusted and the host's, messages pass."""
        data = bytes(1_000_000)
        with self.connectTLS(echo, timeout=PATIENCE) as peer:
            for message in ("hello", data, "bye"):
                peer.send(message, PATIENCE)
                self.assertEqual(peer.receive(PATIENCE), message)
        self.assertIsInstance(peer.closed, ClosedCleanly)
        self.assertEqual(self.server.request.host, "localhost")

    def test_both(self):
        """Two ends that send much to each other before they read do not stop."""
        data = bytes(8_000_000)

        def script(server):
            server.open()
            server.connection.sendBytes(data)
            self.assertEqual(server.receive(), ("bytesReceived", data))
            server.echo()

        with self.connectTLS(script, settings=Settings(messageLimit=None)) as peer:
            peer.send(data, PATIENCE)
            self.assertEqual(peer.receive(PATIENCE), data)

    def test_threads(self):
        """One thread sends while another receives."""
        messages = [bytes((i % 256,)) * (i * 37 % 5000) for i in range(1000)]
        received = []
        with self.connectTLS(echo) as peer:
            thread = threading.Thread(
                target=lambda: received.extend(
                    peer.receive(PATIENCE) for _ in range(len(messages))
                ),
                daemon=True,
            )
            thread.start()
            for message in messages:
                peer.send(message, PATIENCE)
            thread.join(PATIENCE)
        self.assertEqual(received, messages)

    def test_manyInOneRecord(self):
        """Messages that TLS holds back are not waited for."""
        record = (HELLO * 2000)[:16_000]
        with self.connectTLS(sending(record + HELLO[: -len(record) % 7], BYE)) as peer:
            for _ in range(2000):
                self.assertEqual(peer.receive(PATIENCE), "hello")

    def test_theirs(self):
        """A server that says goodbye, and ends TLS, is gone cleanly."""

        def script(server):
            server.open()
            server.send(BYE)
            self.assertEqual(server.socket.recv(100)[:1], b"\x88")
            server.socket.unwrap().close()

        peer = self.connectTLS(script)
        with self.assertRaises(ClosedCleanly):
            peer.receive(PATIENCE)

    def test_truncated(self):
        """A server that ends TLS without a goodbye is gone, uncleanly."""
        for name, end in (
            ("orderly", lambda plain: plain.unwrap()),
            ("cut", lambda plain: plain.shutdown(socket.SHUT_RDWR)),
        ):

            def script(server, end=end):
                server.open()
                end(server.socket)

            with row(name):
                peer = self.connectTLS(script)
                with self.assertRaises(ClosedUncleanly) as caught:
                    peer.receive(PATIENCE)
                self.assertEqual(caught.exception.code, 1006)

    def refused(self, server):
        """Be a server that is not trusted."""
        raise AssertionError("it was trusted")

    def assertRefused(self, host="localhost", tls=None):
        """The certificate is refused, and the socket closed."""
        certificate = self.authority.server("localhost")
        near, far = socket.socketpair()
        server = Server(far, self.refused, certificate)
        with self.assertRaises(ssl.SSLCertVerificationError) as caught:
            blocking.connect(f"wss://{host}/", socket=near, tls=tls, timeout=PATIENCE)
        self.assertEqual(near.fileno(), -1)
        with self.assertRaises(OSError):
            server.join()
        return caught.exception

    def test_wrongHost(self):
        """A certificate for another host is refused."""
        error = self.assertRefused("example.com", self.authority.client())
        self.assertIn("Hostname mismatch", str(error))

    def test_unknown(self):
        """A certificate of nobody the system knows is refused by default."""
        self.assertRefused()

    def test_insecure(self):
        """Who says so connects to anybody."""
        tls = ssl.create_default_context()
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
        with self.connectTLS(echo, "example.com", tls) as peer:
            peer.send("hello")
            self.assertEqual(peer.receive(PATIENCE), "hello")

    def test_silent(self):
        """TLS that does not come about is given up in time."""
        with self.assertRaises(TimeoutError):
            near = self.serve(Server.readAll)
            blocking.connect("wss://localhost/", socket=near, timeout=SOON)
