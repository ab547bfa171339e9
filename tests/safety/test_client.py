"""What a hostile server gets from a client (section 5's rows, but compression)."""

from __future__ import annotations

import gc
import os
import warnings
from contextlib import contextmanager

from tests.agents import Noting
from tests.clients import OURS, UPGRADE, ClientCase, Net, head, masked
from tests.core.notation import KEY, allCuts, frame, pieces
from wsagent import (
    ClosedUncleanly,
    ConnectionRejected,
    HandshakeError,
    ProxyRefused,
    RedirectRefused,
)
from wsagent.core import masking
from wsagent.core.handshake import acceptKey
from wsagent.proxies import HTTPProxyEndpoint

OK = b"HTTP/1.1 101 Yes"


class HostileServerTests(ClientCase):
    """A server that does it wrong: an error in the Deferred, and nothing else."""

    @contextmanager
    def aftermath(self, name: object):
        """
        Look, after a case, at the log, the clock, what is left, and a fresh try.

        The case has to forget its agents, and its errors with their frames.
        """
        self.net.stop()
        self.net = Net()
        gc.collect()
        before = self.count()
        try:
            yield
            self.net.stop()
            self.assertEqual(self.net.clock.getDelayedCalls(), [])
            self.net = Net()
            self.assertTrue(self.open().isOpen)
            self.net.stop()
            self.net = Net()
            gc.collect()
            self.assertEqual(self.flushLoggedErrors(), [])
            self.assertEqual(self.count(), before, "objects left")
        except Exception as error:
            raise self.failureException(f"{name}: {error}") from error

    def count(self) -> int:
        """Count what connections are made of."""
        return sum(isinstance(each, OURS) for each in gc.get_objects())

    def assertAnswerFails(self, answer, error, text="", **how) -> None:
        """
        Demand an error for an answer, in one segment and octet by octet.

        @param answer: octets, or what makes them for the key's answer.
        """
        for size in (65_536, 1):
            opened = self.net.connect(**how)
            key = self.net.line.fields.single("sec-websocket-key")
            octets = answer(acceptKey(key)) if callable(answer) else answer
            for piece in pieces(octets, size):
                self.net.line.send(piece)
            self.assertFails(opened, error, text)

    def failsWith(self, octets: bytes, code: int, **settings) -> None:
        """Demand that frames fail the connection with a code."""
        agent = self.open(settings=settings)
        self.net.line.send(octets)
        first, payload = masked(self.net.line)[-1]
        self.assertEqual((first, payload[:2]), (0x88, code.to_bytes(2, "big")))
        self.net.line.finish()
        self.assertEqual(agent.ending[:2], (ClosedUncleanly, code))

    def test_accept(self):
        """C01, C03: a 101 that is not whole, or not to this key, is refused."""
        for name, answer, text in (
            ("no Accept", lambda _: head(OK, *UPGRADE), "Accept"),
            (
                "wrong Accept",
                lambda _: head(OK, *UPGRADE, b"Sec-WebSocket-Accept: x"),
                "Accept",
            ),
            (
                "Accept in lower case",
                lambda a: head(OK, *UPGRADE, b"Sec-WebSocket-Accept: " + a.lower()),
                "Accept",
            ),
            (
                "two Accepts",
                lambda a: head(OK, *UPGRADE, *[b"Sec-WebSocket-Accept: " + a] * 2),
                "2 fields sec-websocket-accept",
            ),
            (
                "no Upgrade",
                lambda a: head(OK, UPGRADE[1], b"Sec-WebSocket-Accept: " + a),
                "Upgrade",
            ),
            (
                "no Connection",
                lambda a: head(OK, UPGRADE[0], b"Sec-WebSocket-Accept: " + a),
                "Connection",
            ),
            (
                "another Upgrade",
                lambda a: head(
                    OK, b"Upgrade: h2c", UPGRADE[1], b"Sec-WebSocket-Accept: " + a
                ),
                "Upgrade",
            ),
        ):
            with self.aftermath(name):
                self.assertAnswerFails(answer, HandshakeError, text)

    def test_status(self):
        """C02: any other status is a refusal, with at most 64 KiB of its body."""
        for status in (200, 301, 401, 503, 599):
            with self.aftermath(status):
                opened = self.net.connect()
                start = b"HTTP/1.1 %d No" % status
                self.net.line.send(head(start) + bytes(70_000))
                error = self.assertFails(opened, ConnectionRejected, str(status))
                self.assertEqual(len(error.body), 65_536)
                del error

    def test_notOffered(self):
        """C04: an extension or subprotocol that was not offered is refused."""
        for lines, text in (
            ([b"Sec-WebSocket-Extensions: permessage-deflate"], "extension"),
            ([b"Sec-WebSocket-Extensions: "], ""),
            ([b"Sec-WebSocket-Protocol: b"], "subprotocol"),
            ([b"Sec-WebSocket-Protocol: A"], "subprotocol"),
            ([b"Sec-WebSocket-Protocol: "], "subprotocol"),
            ([b"Sec-WebSocket-Protocol: a, a"], "subprotocol"),
            ([b"Sec-WebSocket-Protocol: a"] * 2, "2 fields"),
        ):
            with self.aftermath(lines):
                self.assertAnswerFails(
                    lambda accept, lines=lines: head(
                        OK, *UPGRADE, b"Sec-WebSocket-Accept: " + accept, *lines
                    ),
                    HandshakeError,
                    text,
                    subprotocols=["a"],
                )

    def test_head(self):
        """C06: a head that is broken, or too big, is refused as soon as it is."""
        for octets, text in (
            (b"\x16\3\1\0", "not HTTP"),
            (b"HTTP/1.1 101\0", "control octet"),
            (b"HTTP/1.1 101 Yes\nA: b", "control octet"),
            (head(OK, b"A : b"), "malformed field"),
            (head(b"HTTP/1.1 1O1 Yes"), "not a status line"),
            (b"HTTP/1.1 101 " + b"x" * 8192, "limit 8192"),
            (head(OK, b"A: " + b"x" * 1_048_576)[:9000], "limit 8192"),
            (head(OK, *[b"A: b"] * 101), "101 fields"),
        ):
            with self.aftermath(octets[:40]):
                self.assertAnswerFails(octets, HandshakeError, text)

    def test_dribble(self):
        """C06: a head that comes too slowly is not waited for."""
        with self.aftermath("dribble"):
            opened = self.net.connect()
            for octet in pieces(b"HTTP/1.1 101 Yes", 1)[:5]:
                self.assertNoResult(opened)
                self.net.line.send(octet)
                self.net.advance(1)
            self.assertIn("no answer in time", str(self.failureResultOf(opened).value))

    def test_before(self):
        """C07: what is said before the 101 is skipped; HTTP/1.0 is refused."""
        with self.aftermath("before"):
            opened = self.net.connect()
            self.net.line.send(head(b"HTTP/1.1 100 Wait"))
            self.net.line.send(head(b"HTTP/1.1 103 Hints", b"Link: <a>"))
            self.net.line.accept()
            self.assertTrue(self.successResultOf(opened).isOpen)
        with self.aftermath("HTTP/1.0"):
            self.assertAnswerFails(
                head(b"HTTP/1.0 101 Yes"), HandshakeError, "not HTTP/1.1"
            )

    def test_behind(self):
        """C08, C09: frames behind the 101 are read, however all is cut."""
        follows = frame(1, b"a") + frame(2, b"b")
        with self.aftermath("cuts"):
            self.net.connect()
            length = len(self.net.line.acceptance())
            for cut, parts in allCuts(bytes(length) + follows):
                opened = self.net.connect()
                octets = self.net.line.acceptance() + follows
                sizes = [len(part) for part in parts]
                for size in sizes:
                    self.net.line.send(octets[:size])
                    octets = octets[size:]
                agent = self.successResultOf(opened)
                self.assertEqual(agent.calls, ["open", "a", b"b"], cut)
            del agent

    def test_frames(self):
        """C10, C13: frames that no server may send fail the connection."""
        for octets, code, settings in (
            (frame(1, b"a", key=KEY), 1002, {}),
            (frame(1, b"a", rsv=4), 1002, {}),
            (frame(3), 1002, {}),
            (frame(0, b"a"), 1002, {}),
            (frame(9, bytes(126)), 1002, {}),
            (frame(8, b"\3"), 1002, {}),
            (frame(1, b"\xff"), 1007, {}),
            (frame(2, declared=2**63, form=64), 1002, {}),
            (frame(2, declared=2**63 - 1, form=64), 1009, {}),
            (
                frame(2, fin=0) + frame(0, fin=0) * 1000,
                1009,
                {"fragmentLimit": 1000},
            ),
            (
                frame(2, bytes(6), fin=0) + frame(0, bytes(5)),
                1009,
                {"messageLimit": 10},
            ),
        ):
            with self.aftermath(octets[:12]):
                self.failsWith(octets, code, **settings)

    def test_pings(self):
        """C14: pings to a client whose answers are not read do not pile up."""
        with self.aftermath("pings"):
            agent = self.open(settings={"sendTimeout": None})
            self.net.line.transport.peerReads = False
            for _ in range(100):
                self.net.line.send(frame(9, bytes(125)) * 100)
            self.assertLess(agent.bufferedAmount, 1_500_000)
            self.assertLess(self.net.line.transport.unsent, 300_000)
            del agent

    def test_fin(self):
        """C15: FIN before or within the closing handshake is no clean end."""
        for name, octets, closes in (
            ("before", b"", False),
            ("in a frame", frame(1, b"abc")[:3], False),
            ("in a message", frame(1, b"abc", fin=0), False),
            ("instead of the answer", b"", True),
            ("in the Close frame", frame(8, b"\3\xe8")[:2], True),
        ):
            with self.aftermath(name):
                agent = self.open()
                if closes:
                    agent.loseConnection(1000)
                self.net.line.send(octets)
                self.net.line.finish()
                self.assertEqual(agent.ending[:2], (ClosedUncleanly, 1006))
                del agent

    def test_neverFin(self):
        """C15: a server that answers our Close frame and stays is aborted."""
        with self.aftermath("stays"):
            agent = self.open()
            agent.loseConnection()
            self.net.line.send(frame(8, b"\3\xe8") + bytes(100_000))
            self.net.advance(5)
            self.assertTrue(self.net.line.transport.wasAborted)
            self.assertEqual(len(agent.lost), 1)
            del agent

    def test_redirects(self):
        """C16: credentials stay with their origin; five redirects are enough."""

        def redirect(where):
            self.net.line.send(
                head(b"HTTP/1.1 307 Go", b"Content-Length: 0", b"Location: " + where)
            )

        with self.aftermath("credentials"):
            self.net.connect("ws://a:b@h/", cookies={"c": "d"})
            redirect(b"ws://h.evil/")
            self.assertNotIn("authorization", self.net.line.fields)
            self.assertNotIn("cookie", self.net.line.fields)
        with self.aftermath("for ever"):
            opened = self.net.connect()
            for _ in range(6):
                redirect(b"/again")
            self.assertFails(opened, RedirectRefused)
        with self.aftermath("injection"):
            opened = self.net.connect()
            self.net.line.send(
                b"HTTP/1.1 302 Go\r\nLocation: /\x0bX: y\r\nContent-Length: 0\r\n\r\n"
            )
            self.assertFails(opened, HandshakeError)

    def test_proxies(self):
        """C18: a proxy's refusal, garbage and endless answer are its own errors."""

        def way(host, port):
            return HTTPProxyEndpoint(self.net("proxy", 1), host, port)

        for octets in (
            head(b"HTTP/1.1 407 Who?", b"Proxy-Authenticate: Basic"),
            b"garbage, not HTTP at all\r\n",
            b"\0\1\2",
            b"HTTP/1.1 200 Yes\r\n" + b"A: b\r\n" * 10_000,
        ):
            with self.aftermath(octets[:20]):
                opened = self.net.connect(proxy=way)
                self.net.line.send(octets)
                self.assertFails(opened, ProxyRefused)
        with self.aftermath("silence"):
            opened = self.net.connect(proxy=way)
            self.net.advance(20)
            self.assertIn("not open in 20 s", str(self.failureResultOf(opened).value))

    def test_urls(self):
        """C19: IPv6 hosts are named in brackets; bad hosts and ports are refused."""
        with self.aftermath("IPv6"):
            self.net.connect("ws://[2001:db8::1]:81/")
            self.assertEqual(self.net.line.host, "2001:db8::1")
            self.assertEqual(self.net.line.fields.all("host"), [b"[2001:db8::1]:81"])
        for url in ("ws://h:0/", "ws://h:65536/", "ws://[fe80::1%25eth0]/", "ws://a@/"):
            self.assertRaises(ValueError, self.net.connect, url)

    def test_masks(self):
        """C27: every frame has a mask of its own."""
        with self.aftermath("masks"):
            agent = self.open()
            keys = set()
            for _ in range(1000):
                self.net.line.octets = b""
                for _ in range(100):
                    agent.sendBytesMessage(b"")
                self.net.line.pump()
                octets = self.net.line.octets
                keys.update(octets[at + 2 : at + 6] for at in range(0, len(octets), 6))
            del agent
        # Of 2**32 keys, a few of 10**5 come twice.
        self.assertGreater(len(keys), 99_980)

    def test_forks(self):
        """C27: processes that were forked draw masks of their own."""
        masking.newKey()
        drawn = []
        for _ in range(2):
            reading, writing = os.pipe()
            with warnings.catch_warnings():
                # There may be threads, of who runs the tests.
                warnings.simplefilter("ignore", DeprecationWarning)
                child = os.fork()
            if not child:
                os.write(writing, b"".join(masking.newKey() for _ in range(500)))
                os._exit(0)
            os.close(writing)
            with os.fdopen(reading, "rb") as pipe:
                drawn.append(set(pieces(pipe.read(), 4)))
            os.waitpid(child, 0)
        drawn.append({masking.newKey() for _ in range(500)})
        self.assertEqual([len(keys) for keys in drawn], [500] * 3)
        first, second, ours = drawn
        self.assertEqual(first & second | first & ours | second & ours, set())

    def test_hooks(self):
        """What an agent raises while it is opened closes with 1011, and is logged."""

        class Bad(Noting):
            def negotiationFinished(self):
                raise ZeroDivisionError

        agent = self.open(protocol=Bad)
        self.assertEqual(masked(self.net.line)[0][1], b"\3\xf3")
        self.assertFalse(agent.isOpen)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
