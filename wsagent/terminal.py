"""Where a person, or another program, talks to a peer: a terminal, or pipes."""

from __future__ import annotations

import os
import select
import signal
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from threading import Lock, main_thread
from time import sleep
from typing import Any, BinaryIO, TextIO

HISTORY_LIMIT = 1000
"""Lines that are remembered."""

# No key has it: it is ours to wake who reads.
_WAKE = getattr(signal, "SIGUSR1", None)


def escaped(text: str) -> str:
    r"""
    Write as C{\x1b} and the like what a terminal would obey, or not show.

    @return: printable characters only: nothing that moves the cursor, changes
        colours, titles or the direction of writing.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in text
    )


def columnsOf(text: str) -> int:
    """Count the columns of a terminal that a text takes, which is printable."""
    return sum(
        not unicodedata.combining(each)
        and (2 if unicodedata.east_asian_width(each) in "WF" else 1)
        for each in text
    )


def rows(text: str, width: int) -> Iterator[str]:
    """
    Cut a text into rows of a terminal, escaped.

    @param width: columns of a row, at least 2.
    """
    for line in text.expandtabs().split("\n"):
        row, used = "", 0
        for character in escaped(line):
            columns = columnsOf(character)
            if used + columns > width:
                yield row
                row, used = "", 0
            row += character
            used += columns
        yield row


def historyFile(name: str = "history") -> Path:
    """Find where the lines that were typed are kept."""
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():
        state = Path.home() / ".local" / "state"
    return state / "wsagent" / name


def isAtTerminal() -> bool:
    """Ask whether a person types, at a terminal that can be written all over."""
    isDumb = os.environ.get("TERM", "dumb") == "dumb"
    return sys.stdout.isatty() and sys.stdin.isatty() and not isDumb


def ignoreOutput() -> None:
    """Write nothing more to who does not read it, and not at the end either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Lines:
    """What the main thread reads, until another has it stop."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        """@param read: waits for a line; raises C{EOFError} after the last."""
        self._read = read
        self._isReading = False
        self._isOver = False
        if _WAKE is not None:
            signal.signal(_WAKE, self._woken)

    def read(self) -> bytes:
        """
        Wait for a line.

        @raise EOFError: there are no more, or none are wanted.
        """
        self._isReading = True
        try:
            if self._isOver:
                raise EOFError
            return self._read()
        finally:
            self._isReading = False

    def stop(self) -> None:
        """Have the main thread read no more, from another thread."""
        self._isOver = True
        # Again and again: a signal just before it waits does not wake it.
        while _WAKE is not None and self._isReading:
            signal.pthread_kill(main_thread().ident or 0, _WAKE)
            sleep(0.02)

    def _woken(self, *_: object) -> None:
        """End the waiting for a line, if that is what it is about."""
        if self._isOver and self._isReading:
            self._isReading = False
            raise EOFError


class Pipe:
    """Messages as lines, from and to programs and files."""

    isInteractive = False

    def __init__(
        self,
        source: BinaryIO,
        sink: BinaryIO,
        isScreen: bool = False,
        isRaw: bool = False,
    ) -> None:
        """
        @param isScreen: what is written gets to a terminal.
        @param isRaw: else, bytes messages are written as they are, not in hex.
        """
        self._source = source
        self._sink = sink
        self._isScreen = isScreen
        self._isRaw = isRaw and not isScreen

    def open(self) -> None:
        """Nothing is to be done."""

    def hasInput(self) -> bool:
        """Ask whether a line, or the end, is there to be read."""
        with suppress(OSError, ValueError):
            return bool(select.select([self._source], [], [], 0)[0])
        return True

    def read(self) -> bytes:
        """Wait for a line."""
        line = self._source.readline()
        if not line:
            raise EOFError
        return line.removesuffix(b"\n").removesuffix(b"\r")

    def showText(self, text: str) -> None:
        """Write a text message."""
        if self._isScreen:
            text = "\n".join(escaped(line) for line in text.expandtabs().split("\n"))
        self._write(text.encode())

    def showBytes(self, data: bytes) -> None:
        """Write a bytes message."""
        self._write(data if self._isRaw else data.hex().encode())

    def tell(self, text: str) -> None:
        """Say nothing: messages only are written."""

    def close(self) -> None:
        """Nothing is left to do."""

    def _write(self, octets: bytes) -> None:
        """Write octets, and the end of their line."""
        self._sink.write(octets + b"\n")
        self._sink.flush()


class Keys:
    """
    How a terminal takes keys while readline reads lines from it.

    Between two lines readline leaves them to the system, whose own editing would
    lose Ctrl-D, and show what readline shows again.
    """

    def __init__(self) -> None:
        """They are the system's."""
        self._former: list[Any] | None = None

    def take(self) -> None:
        """Have the system keep what is typed as it is, and show nothing of it."""
        with suppress(ImportError, OSError):
            import termios

            with suppress(termios.error):
                self._former = termios.tcgetattr(sys.stdin)
        self.hide()

    def show(self) -> None:
        """Have what is typed shown: before it reads, readline looks whether it is."""
        self._leaveOut("ICANON")

    def hide(self) -> None:
        """Show nothing of what is typed."""
        self._leaveOut("ICANON", "ECHO")

    def release(self) -> None:
        """Leave them to the system, as they were."""
        self._leaveOut()
        self._former = None

    def _leaveOut(self, *names: str) -> None:
        """Set the former mode, but for some of its local modes."""
        if self._former is None:
            return
        import termios

        mode = [*self._former]
        for name in names:
            mode[3] &= ~getattr(termios, name)
        # A terminal that has gone is not set, and says so to who reads.
        with suppress(termios.error):
            termios.tcsetattr(sys.stdin, termios.TCSANOW, mode)


class Terminal:
    """Lines that a person edits, while messages appear above."""

    isInteractive = True

    def __init__(
        self,
        screen: TextIO,
        words: Iterable[str] = (),
        columns: Callable[[], int] = lambda: os.get_terminal_size(1).columns,
        history: str = "history",
    ) -> None:
        """
        @param screen: a terminal like a VT102, which is nearly every one.
        @param words: what the tabulator key completes, asked for each time.
        @param columns: says how wide it is now.
        @param history: the name of the file that lines are remembered in.
        """
        self._screen = screen
        self._words = words
        self._columns = columns
        self._history = history
        self._lock = Lock()
        self._keys = Keys()
        self._isOpen = False

    def open(self) -> None:
        """Get ready to edit lines, and remember those of other times."""
        self._isOpen = True
        for stream, errors in (
            (sys.stdin, "surrogateescape"),
            (self._screen, "backslashreplace"),
        ):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors=errors)
        # Without readline, the system's own way to type a line has to do.
        with suppress(ImportError, OSError, RuntimeError):
            import readline

            self._keys.take()
            # What is typed stays in one row, so that rows fit in above.
            readline.parse_and_bind("set horizontal-scroll-mode on")
            readline.parse_and_bind("tab: complete")
            readline.set_completer_delims("")
            readline.set_completer(self._completed)
            readline.read_history_file(historyFile(self._history))

    def hasInput(self) -> bool:
        """Say that nobody knows: a person may be typing."""
        return False

    def read(self) -> bytes:
        """Wait for a line."""
        self._keys.show()
        try:
            return input("> ").encode("utf-8", "surrogateescape")
        finally:
            self._keys.hide()

    def showText(self, text: str) -> None:
        """Show a text message."""
        self._show("<", text)

    def showBytes(self, data: bytes) -> None:
        """Show a bytes message."""
        self._show("#", data.hex(" "))

    def tell(self, text: str) -> None:
        """Show what no peer has said."""
        self._show("*", text)

    def close(self) -> None:
        """
        Clear the row that was typed in, and keep what was typed before.

        Do nothing the second time.
        """
        self._keys.release()
        if not self._isOpen:
            return
        self._screen.write("\r\x1b[K")
        self._screen.flush()
        with suppress(ImportError, OSError, RuntimeError):
            import readline

            path = historyFile(self._history)
            path.parent.mkdir(0o700, parents=True, exist_ok=True)
            path.touch(0o600)
            path.chmod(0o600)
            readline.set_history_length(HISTORY_LIMIT)
            readline.write_history_file(path)
        self._isOpen = False

    def _show(self, mark: str, text: str) -> None:
        """
        Show a text above what is being typed, which stays as it is.

        @param mark: one character that says what it is: no text can forge it.
        """
        above = []
        for row in rows(text, max(2, (self._columns() or 80) - 2)):
            # Make room below, come back, and remember the cursor's column; then
            # insert a row, never wrapped, and follow what it has pushed down.
            above.append("\x1bD\x1b[A\x1b7\r\x1b[L")
            above.append(f"\x1b[?7l{mark} {row}\x1b[?7h\x1b8\x1b[B")
            mark = " "
        with self._lock:
            self._screen.write("".join(above))
            self._screen.flush()

    def _completed(self, text: str, index: int) -> str | None:
        """Complete what is typed."""
        found = [word for word in self._words if text and word.startswith(text)]
        return found[index] if index < len(found) else None
