"""L{wsagent.terminal}."""

import builtins
import io
import os
import pty
import stat
import sys
import termios
from pathlib import Path
from unittest.mock import patch

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

    def reopen(self):
        """Open the terminal, and close it."""
        self.terminal.open()
        self.terminal.close()

    def test_closed(self):
        """It is closed once, and only if it was open."""
        self.terminal.close()
        self.reopen()
        self.terminal.close()
        self.assertEqual(self.screen.getvalue(), "\r\x1b[K")

    def test_history(self):
        """What was typed is kept, for its owner only."""
        self.reopen()
        path = self.folder / "wsagent" / "history"
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(path.parent.stat().st_mode), 0o700)
        path.chmod(0o644)
        self.reopen()
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    def test_noHistory(self):
        """Where nothing can be kept, nothing is."""
        self.folder.write_text("a file, no folder")
        self.reopen()
        self.assertEqual(self.screen.getvalue(), "\r\x1b[K")

    def test_historyFile(self):
        """It is where the XDG base directories say, if that is a whole path."""
        self.assertEqual(historyFile(), self.folder / "wsagent" / "history")
        usual = Path("/home/me/.local/state/wsagent/history")
        for environment in ({}, {"XDG_STATE_HOME": "state"}, {"XDG_STATE_HOME": ""}):
            self.patch(os, "environ", {"HOME": "/home/me", **environment})
            self.assertEqual(historyFile(), usual)


class KeysTests(SynchronousTestCase):
    """Between two lines, the system leaves what is typed as it is."""

    def setUp(self):
        """Have a terminal."""
        self.keys, terminal = pty.openpty()
        self.addCleanup(os.close, self.keys)
        self.stdin = os.fdopen(terminal, encoding="utf-8")
        self.addCleanup(self.stdin.close)
        self.patch(sys, "stdin", self.stdin)
        self.patch(sys, "stdout", io.StringIO())
        self.patch(os, "environ", {"XDG_STATE_HOME": self.mktemp()})
        self.terminal = Terminal(io.StringIO())
        self.former = termios.tcgetattr(terminal)

    def off(self) -> int:
        """Give the local modes that are off now; nothing else has changed."""
        mode = termios.tcgetattr(self.stdin)
        off = self.former[3] & ~mode[3]
        mode[3] |= off
        # Two of them are numbers while the system does not edit lines.
        mode[6] = [c if isinstance(c, bytes) else bytes([c]) for c in mode[6]]
        self.assertEqual(mode, self.former)
        return off

    def without(self, name: str) -> None:
        """Have a module missing."""
        missing = patch.dict(sys.modules, {name: None})
        missing.start()
        self.addCleanup(missing.stop)

    def test_modes(self):
        """Nothing is edited or shown, but while a line is read, and afterwards."""
        seen = []

        def read(_):
            seen.append(self.off())
            os.write(self.keys, b"hi\x04\n")
            return self.stdin.readline()

        self.patch(builtins, "input", read)
        self.terminal.open()
        self.assertEqual(self.off(), termios.ICANON | termios.ECHO)
        self.assertEqual(self.terminal.read(), b"hi\x04\n")
        self.assertEqual(seen, [termios.ICANON])
        self.assertEqual(self.off(), termios.ICANON | termios.ECHO)
        self.terminal.close()
        self.assertEqual(self.off(), 0)

    def test_interrupted(self):
        """Whatever ends a line, nothing is shown then."""

        def read(_):
            raise KeyboardInterrupt

        self.patch(builtins, "input", read)
        self.terminal.open()
        self.assertRaises(KeyboardInterrupt, self.terminal.read)
        self.assertEqual(self.off(), termios.ICANON | termios.ECHO)
        self.terminal.close()
        self.assertEqual(self.off(), 0)

    def test_closeFails(self):
        """However closing fails, the terminal is as it was."""
        self.terminal.open()
        self.terminal._screen.close()
        self.assertRaises(ValueError, self.terminal.close)
        self.assertEqual(self.off(), 0)

    def test_hidden(self):
        """What the system did not show before is not shown to readline either."""
        self.former[3] &= ~termios.ECHO
        termios.tcsetattr(self.stdin, termios.TCSANOW, self.former)
        self.terminal.open()
        self.terminal._keys.show()
        self.assertEqual(self.off(), termios.ICANON)
        self.terminal.close()
        self.assertEqual(self.off(), 0)

    def test_noReadline(self):
        """Without readline, the system edits lines, and shows them."""
        self.without("readline")
        self.terminal.open()
        self.assertEqual(self.off(), 0)
        os.write(self.keys, b"ho\x7fi\n")
        self.assertEqual(self.terminal.read(), b"hi")
        self.assertEqual(self.off(), 0)
        self.terminal.close()

    def test_noTermios(self):
        """Without modes there are none to be changed."""
        self.without("termios")
        self.terminal.open()
        os.write(self.keys, b"hi\n")
        self.assertEqual(self.terminal.read(), b"hi")
        self.terminal.close()

    def test_gone(self):
        """A terminal that has gone is left alone."""
        self.terminal.open()
        # Hung up, as when its window is closed.
        with Path(os.devnull).open("rb") as nothing:
            os.dup2(nothing.fileno(), self.keys)
        self.assertRaises((EOFError, OSError), self.terminal.read)
        self.terminal.close()


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
