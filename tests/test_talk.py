"""L{wsagent.talk}."""

import io
import os
import sys
from pathlib import Path

from tests.core.notation import frame
from tests.scripts import ScriptCase, Server
from wsagent.talk import COMMANDS, Talk
from wsagent.terminal import Pipe, Terminal

TEXT, BYTES, CLOSE = 1, 2, 8


def echo(server: Server) -> None:
    """Open, and echo."""
    server.open()
    server.echo()


def untilPing(server: Server) -> None:
    """Open, echo until a ping comes, and say goodbye."""
    server.open()
    while (call := server.receive())[0] != "pingReceived":
        if call[0] == "textReceived":
            server.connection.sendText(call[1])
        else:
            server.connection.sendBytes(call[1])
    server.connection.close(1000, "")
    server.readAll()


def closing(code: int, *frames: bytes):
    """Make a script that opens, sends something, and says goodbye."""

    def script(server: Server) -> None:
        server.open()
        reason = code.to_bytes(2, "big") + b"as\x1bis" if code else b""
        server.send(*frames, frame(CLOSE, reason))
        server.readAll()

    return script


class TalkCase(ScriptCase):
    """A talk with a script."""

    def setUp(self):
        """Catch what is said to a person."""
        self.errors = io.StringIO()
        self.patch(sys, "stderr", self.errors)

    def talk(self, script, source: bytes, **options) -> int:
        """Pipe some lines to a script; give the exit status."""
        self.sink = io.BytesIO()
        return self.talkIn(Pipe(io.BytesIO(source), self.sink), script, **options)

    def talkIn(self, screen, script, **options) -> int:
        """Talk to a script."""
        options.setdefault("wait", None)
        with self.connect(script) as peer:
            status = Talk(peer, screen, **options).run()
            self.end = peer.closed
        return status


class PipedTests(TalkCase):
    """Each line is a message."""

    def test_lines(self):
        """Lines are sent, empty ones and commands too; answers are awaited."""
        source = "hi\n\n/close\ngrüße".encode()
        self.assertEqual(self.talk(untilPing, source), 0)
        self.assertEqual(self.sink.getvalue(), source + b"\n")
        self.assertEqual((self.end.code, self.end.initiator), (1000, "peer"))
        self.assertEqual(self.errors.getvalue(), "")

    def test_many(self):
        """Many more lines than fit into any buffer all come back."""
        source = b"".join(b"%d\n" % number for number in range(5000))
        self.assertEqual(self.talk(untilPing, source), 0)
        self.assertEqual(self.sink.getvalue(), source)

    def test_hex(self):
        """With hex, lines are bytes messages, and so is what comes back."""
        self.assertEqual(self.talk(untilPing, b"00 ff\n1b\n\n", binary="hex"), 0)
        self.assertEqual(self.sink.getvalue(), b"00ff\n1b\n\n")

    def test_raw(self):
        """With raw, any octets can be sent."""
        self.assertEqual(self.talk(untilPing, b"\x00\xff\n", binary="raw"), 0)
        self.assertEqual(self.sink.getvalue(), b"00ff\n")

    def test_wrong(self):
        """A line that is no message is told, with status 2; the rest is not sent."""
        for line, binary, why in (
            (b"\xff\n", None, r"line b'\xff', allowed: UTF-8, see --binary"),
            (b"0g\n", "hex", "line b'0g', allowed: pairs of hex digits"),
            (b"\xff\n", "hex", r"line b'\xff', allowed: pairs of hex digits"),
        ):
            self.errors.truncate(self.errors.seek(0))
            self.assertEqual(self.talk(echo, line + b"00\n", binary=binary), 2)
            self.assertEqual(self.errors.getvalue(), f"wsagent: {why}\n")
            self.assertEqual(self.end.code, 1000)

    def test_json(self):
        """JSON is indented on request; what is none stays as it is."""
        deep = b"[" * 100_000
        source = b'{"a":["\xc3\xbc"]}\nno JSON\n' + deep
        self.assertEqual(self.talk(untilPing, source, isJSON=True), 0)
        indented = '{\n  "a": [\n    "ü"\n  ]\n}\nno JSON\n'.encode()
        self.assertEqual(self.sink.getvalue(), indented + deep + b"\n")

    def test_late(self):
        """An answer that takes a while is waited for."""

        def script(server):
            server.open()
            server.receive()
            # The ping: its pong is sent.
            server.receive()
            server.connection.sendText("late")
            server.echo()

        self.assertEqual(self.talk(script, b"hi", wait=0.5), 0)
        self.assertEqual(self.sink.getvalue(), b"late\n")

    def test_serverCloses(self):
        """When the server closes there is no more to read, nor to wait for."""
        read, write = os.pipe()
        with os.fdopen(read, "rb") as source, os.fdopen(write, "wb"):
            pipe = Pipe(source, io.BytesIO())
            self.assertEqual(self.talkIn(pipe, closing(1000)), 0)
        self.assertEqual(self.talk(closing(1000), b""), 0)


class StatusTests(TalkCase):
    """The exit status tells how it ended."""

    def test_fine(self):
        """A server that closes with 1000, 1001 or no code says that all is well."""
        for code in (0, 1000, 1001):
            self.assertEqual(self.talk(closing(code), b""), 0)
        self.assertEqual(self.errors.getvalue(), "")

    def test_otherCode(self):
        """Another code is told, with its reason escaped, and is status 1."""
        message = frame(TEXT, b"last words")
        self.assertEqual(self.talk(closing(4001, message), b""), 1)
        self.assertEqual(self.sink.getvalue(), b"last words\n")
        said = "wsagent: closed by the server with 4001: as\\x1bis\n"
        self.assertEqual(self.errors.getvalue(), said)

    def test_lost(self):
        """A server that hangs up without a goodbye is status 1."""
        self.assertEqual(self.talk(Server.open, b""), 1)
        said = self.errors.getvalue()
        self.assertTrue(said.startswith("wsagent: closed uncleanly by the server with"))

    def test_wrongFrame(self):
        """A server that breaks the protocol is status 1."""

        def script(server):
            server.open(then=b"\xff\x00")
            server.readAll()

        self.assertEqual(self.talk(script, b""), 1)
        said = self.errors.getvalue()
        self.assertTrue(said.startswith("wsagent: closed uncleanly by us with 1002: "))

    def test_unreadable(self):
        """Input that cannot be read, as a folder, is status 1, after a goodbye."""

        class Folder(Pipe):
            def read(self):
                raise IsADirectoryError(21, "Is a directory")

        screen = Folder(io.BytesIO(), io.BytesIO())
        self.assertEqual(self.talkIn(screen, echo), 1)
        self.assertEqual(self.errors.getvalue(), "wsagent: input: Is a directory\n")
        self.assertEqual((self.end.code, self.end.initiator), (1000, "us"))

    def test_interrupted(self):
        """Ctrl-C is status 130, after a goodbye."""

        class Interrupted(Pipe):
            def read(self):
                raise KeyboardInterrupt

        screen = Interrupted(io.BytesIO(), io.BytesIO())
        self.assertEqual(self.talkIn(screen, echo), 130)
        self.assertEqual((self.end.code, self.end.initiator), (1000, "us"))


class TypedTests(TalkCase):
    """A person can do more than send lines."""

    def typed(self, text: str, script=echo) -> int:
        """Type something; give the exit status."""
        self.patch(sys, "stdin", io.StringIO(text))
        self.patch(sys, "stdout", io.StringIO())
        state = str(Path(self.mktemp()).absolute())
        self.patch(os, "environ", {"XDG_STATE_HOME": state})
        self.screen = io.StringIO()
        return self.talkIn(Terminal(self.screen, (), lambda: 80), script)

    def test_sent(self):
        """Lines are sent, empty ones are not, and two slashes are one."""
        calls = []

        def script(server):
            server.open()
            calls.extend(server.receive() for _ in range(4))
            server.echo()

        self.assertEqual(self.typed("hi\n\n//ping\n/hex 00 Ff\n", script), 0)
        self.assertEqual(
            calls,
            [
                ("textReceived", "hi"),
                ("textReceived", "/ping"),
                ("bytesReceived", b"\x00\xff"),
                ("closeReceived", 1000, ""),
            ],
        )
        self.assertIn("* closed by us with 1000", self.screen.getvalue())

    def test_close(self):
        """A goodbye of one's own choice is a clean end."""
        self.assertEqual(self.typed("/close 4000 that is why\nnever sent\n"), 0)
        self.assertEqual((self.end.code, self.end.reason), (4000, "that is why"))
        said = "* closed by us with 4000: that is why"
        self.assertIn(said, self.screen.getvalue())
        self.assertEqual(self.typed("/close\n"), 0)
        self.assertEqual(self.end.code, 1000)

    def test_wrong(self):
        """What cannot be done is told, and the talk goes on."""
        for line, why in (
            ("/bogus", "/bogus, allowed: /ping, /hex, /close, /help; "),
            ("/close soon", "close code 'soon', allowed: a number"),
            ("/close 1005", "1005"),
            ("/close 1000 " + 124 * "x", "124"),
            ("/hex 0", "line b'0', allowed: pairs of hex digits"),
        ):
            self.assertEqual(self.typed(f"{line}\nhi\n"), 0)
            self.assertIn(why, self.screen.getvalue())
            self.assertEqual(self.end.code, 1000)

    def test_help(self):
        """Each command is explained."""
        self.assertEqual(self.typed("/help\n"), 0)
        for line in COMMANDS.values():
            self.assertIn(line, self.screen.getvalue())
