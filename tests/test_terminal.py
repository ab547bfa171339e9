"""L{wsagent.terminal}."""

import io
import os
import stat
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from wsagent.terminal import Pipe, Terminal, escaped, historyFile, rows


class EscapedTests(SynchronousTestCase):
    """A peer has no power over a terminal."""

    def test_printable(self):
        """What can be printed stays as it is."""
        for text in ("", "hello", "grüße 日本 👋", "\\x1b"):
            self.assertEqual(escaped(text), text)

    def test_controls(self):
        """No control character gets through, of C0, of C1, or DEL."""
        for code in (*range(0x20), *range(0x7F, 0xA0)):
            self.assertTrue(escaped(f"a{chr(code)}b").isprintable())
        self.assertEqual(escaped("a\x1b[2J\x9b\x7f"), "a\\x1b[2J\\x9b\\x7f")

    def test_direction(self):
        """What turns the direction of writing, or cannot be seen, is told."""
        self.assertEqual(
            escaped("a\u202e\u2066\u200b\ufeff"), r"a\u202e\u2066\u200b\ufeff"
        )

    def test_separators(self):
        """What some take for the end of a line is none."""
        self.assertEqual(escaped("a\u2028b\u2029c\x85"), r"a\u2028b\u2029c\x85")


class RowsTests(SynchronousTestCase):
    """A text is cut into the rows of a terminal."""

    def test_cut(self):
        """A row is as wide as the terminal, at most; no text is one empty row."""
        self.assertEqual(list(rows("abcdefg", 3)), ["abc", "def", "g"])
        self.assertEqual(list(rows("abc", 3)), ["abc"])
        self.assertEqual(list(rows("", 3)), [""])

    def test_lines(self):
        """A new line begins a row; tabulators are spaces; the rest is escaped."""
        self.assertEqual(list(rows("a\nb\n\n", 9)), ["a", "b", "", ""])
        self.assertEqual(list(rows("\tb", 9)), ["        b"])
        self.assertEqual(list(rows("a\r\x1b", 9)), [r"a\r\x1b"])

    def test_width(self):
        """Wide characters count twice, combining ones not at all."""
        self.assertEqual(list(rows("日本語", 5)), ["日本", "語"])
        self.assertEqual(
            list(rows("e\u0301e\u0301e\u0301", 2)), ["e\u0301e\u0301", "e\u0301"]
        )


class TerminalTests(SynchronousTestCase):
    """Messages appear above what is being typed."""

    def setUp(self):
        """Have a screen, and a folder for what is remembered."""
        self.screen = io.StringIO()
        self.terminal = Terminal(self.screen, ("/help", "/hex"), lambda: 12)
        self.folder = Path(self.mktemp()).absolute()
        self.patch(os, "environ", {"XDG_STATE_HOME": str(self.folder)})

    def row(self, text: str) -> str:
        """Write what inserts a row."""
        return f"\x1bD\x1b[A\x1b7\r\x1b[L\x1b[?7l{text}\x1b[?7h\x1b8\x1b[B"

    def test_text(self):
        """Each row of a text is inserted; only its first has the mark."""
        self.terminal.showText("long enough\nx")
        expected = ("< long enoug", "  h", "  x")
        self.assertEqual(self.screen.getvalue(), "".join(map(self.row, expected)))

    def test_bytes(self):
        """Octets are shown in hex, behind a mark of their own."""
        self.terminal.showBytes(b"\x00\xff\x1b")
        self.assertEqual(self.screen.getvalue(), self.row("# 00 ff 1b"))

    def test_told(self):
        """What no peer has said has a mark that no peer's text can have."""
        self.terminal.tell("closed")
        self.terminal.showText("a\n* closed")
        expected = ("* closed", "< a", "  * closed")
        self.assertEqual(self.screen.getvalue(), "".join(map(self.row, expected)))

    def test_completed(self):
        """Commands are completed, empty lines are not."""
        complete = self.terminal._completed
        self.assertEqual([complete("/he", 0), complete("/he", 1)], ["/help", "/hex"])
        self.assertEqual([complete("/hel", 1), complete("", 0)], [None, None])

    def test_typed(self):
        """A line is read, whatever its octets."""
        typed = io.TextIOWrapper(io.BytesIO(b"gr\xc3\xbc\xc3\x9fe\n\xff\n"), "utf-8")
        self.patch(sys, "stdin", typed)
        self.patch(sys, "stdout", io.StringIO())
        self.terminal.open()
        self.assertEqual(self.terminal.read(), "grüße".encode())
        self.assertEqual(self.terminal.read(), b"\xff")
        self.assertRaises(EOFError, self.terminal.read)

    def test_history(self):
        """What was typed is kept, for its owner only."""
        self.terminal.close()
        path = self.folder / "wsagent" / "history"
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(path.parent.stat().st_mode), 0o700)
        path.chmod(0o644)
        self.terminal.close()
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    def test_noHistory(self):
        """Where nothing can be kept, nothing is."""
        self.folder.write_text("a file, no folder")
        self.terminal.close()
        self.assertEqual(self.screen.getvalue(), "\r\x1b[K")

    def test_historyFile(self):
        """It is where the XDG base directories say, if that is a whole path."""
        self.assertEqual(historyFile(), self.folder / "wsagent" / "history")
        usual = Path("/home/me/.local/state/wsagent/history")
        for environment in ({}, {"XDG_STATE_HOME": "state"}, {"XDG_STATE_HOME": ""}):
            self.patch(os, "environ", {"HOME": "/home/me", **environment})
            self.assertEqual(historyFile(), usual)


class PipeTests(SynchronousTestCase):
    """Messages are lines, between programs."""

    def written(self, message, **keywords) -> bytes:
        """Give what is written of a message."""
        sink = io.BytesIO()
        pipe = Pipe(io.BytesIO(), sink, **keywords)
        (pipe.showBytes if isinstance(message, bytes) else pipe.showText)(message)
        return sink.getvalue()

    def test_text(self):
        """A program gets a text as it is, a terminal gets it escaped."""
        text = "a\x1b\tb\nü"
        self.assertEqual(self.written(text), b"a\x1b\tb\n\xc3\xbc\n")
        self.assertEqual(
            self.written(text, isScreen=True), b"a\\x1b      b\n\xc3\xbc\n"
        )

    def test_bytes(self):
        """Octets are in hex unless a program wants them raw; a terminal never does."""
        self.assertEqual(self.written(b"\x00\xff"), b"00ff\n")
        self.assertEqual(self.written(b"\x00\xff", isRaw=True), b"\x00\xff\n")
        written = self.written(b"\x00\xff", isRaw=True, isScreen=True)
        self.assertEqual(written, b"00ff\n")

    def test_read(self):
        """A line has no end of line, of either kind, and the last needs none."""
        pipe = Pipe(io.BytesIO(b"a\r\n\n\xff\nb"), io.BytesIO())
        self.assertEqual([pipe.read() for _ in range(4)], [b"a", b"", b"\xff", b"b"])
        self.assertRaises(EOFError, pipe.read)
