"""Somebody who types, at a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

from .client import PATIENCE

PAUSE = 0.5
"""Seconds until Python waits for input again: just before that it misses signals."""
COMMAND = (sys.executable, "-m", "wsagent", "connect")

# A terminal of its own, where Ctrl-C means something.
CONTROLLED = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Typist:
    """
    A program in a terminal, by default the command, and who types in it.

    @ivar screen: all that was written to it.
    """

    def __init__(self, folder, *arguments, program=COMMAND) -> None:
        """@param folder: where it remembers what was typed."""
        self.screen = ""
        self._keys, self._terminal = pty.openpty()
        self._setSize(24, 60)
        self._mode = termios.tcgetattr(self._terminal)
        self._process = subprocess.Popen(
            [sys.executable, "-c", CONTROLLED, *program, *arguments],
            stdin=self._terminal,
            stdout=self._terminal,
            stderr=self._terminal,
            start_new_session=True,
            env={**os.environ, "XDG_STATE_HOME": str(folder), "TERM": "xterm"},
        )

    def __enter__(self):
        """Be used in C{with}."""
        return self

    def __exit__(self, *_) -> None:
        """Leave nothing behind."""
        self._process.kill()
        self._process.wait()
        os.close(self._keys)
        os.close(self._terminal)

    def _setSize(self, rows: int, columns: int) -> None:
        """Make the terminal as large."""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._keys, termios.TIOCSWINSZ, size)

    def resize(self, rows: int, columns: int) -> None:
        """Change the size of the terminal, which tells the program."""
        self._setSize(rows, columns)
        self._process.send_signal(signal.SIGWINCH)

    def signal(self, number: int) -> None:
        """Send a signal to the program."""
        self._process.send_signal(number)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._keys, keys.encode())

    def read(self, text: str) -> str:
        """Wait until something is on the screen, and give what was there before."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.screen:
            left = deadline - time.monotonic()
            assert left > 0, f"no {text!r} on the screen: {self.screen!r}"
            if select.select([self._keys], [], [], left)[0]:
                octets = os.read(self._keys, 65_536)
                self.screen += octets.decode(errors="replace")
        before, _, self.screen = self.screen.partition(text)
        return before

    def end(self) -> int:
        """Wait for the end, and give the exit status; the terminal is as it was."""
        status = self._process.wait(PATIENCE)
        assert termios.tcgetattr(self._terminal) == self._mode
        return status
