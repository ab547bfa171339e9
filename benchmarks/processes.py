"""Processes that end when they are not needed, whatever happens."""

from __future__ import annotations

import ctypes
import os
import re
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent

START_LIMIT = 30
"""Seconds that a server may take until it listens."""

QUIET_LIMIT = 10
"""Seconds that a server may take to forget its clients."""

RUN_LIMIT = 240
"""Seconds that a load may take; it ends by itself when nothing comes back."""

_SIGKILL_WITH_PARENT = 1
_LISTENING = re.compile(r"listening on \S*?:(\d+)\s")
_libc = ctypes.CDLL(None)


class Failed(Exception):
    """Something could not be measured; says why."""


def cores() -> tuple[int | None, int | None]:
    """Give a core for what is measured, and one for the other side."""
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[-1], allowed[-2]) if len(allowed) > 1 else (None, None)


def cpuTime(pid: int) -> float:
    """Tell how many seconds a process has run, all its threads."""
    # clock_getcpuclockid(3); unlike /proc, this counts the slice that it runs in.
    return time.clock_gettime(~pid << 3 | 2)


def residentSize(pid: int) -> int:
    """Tell how many octets of memory a process has."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Rss: +(\d+) kB", text, re.MULTILINE)
    assert found
    return int(found[1]) * 1024


class Process:
    """A process on a core of its own, until it is closed."""

    def __init__(self, command: Sequence[str], core: int | None) -> None:
        """Start it."""
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._output = tempfile.NamedTemporaryFile("w+")  # noqa: SIM115

        def prepare() -> None:
            """Die with who has started us, keep to a core, open many files."""
            _libc.prctl(_SIGKILL_WITH_PARENT, signal.SIGKILL)
            _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            if core is not None:
                os.sched_setaffinity(0, {core})

        self.popen = subprocess.Popen(
            command,
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=self._errors,
            preexec_fn=prepare,  # noqa: PLW1509 - here are no threads
            text=True,
        )
        self.pid = self.popen.pid

    def close(self) -> None:
        """End it, if it has not ended."""
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        assert self.popen.stdin
        self.popen.stdin.close()
        self._errors.close()
        self._output.close()

    @property
    def output(self) -> str:
        """What it has printed."""
        return Path(self._output.name).read_text()

    def failure(self) -> Failed:
        """Say what went wrong, as it said it."""
        self._errors.seek(0)
        lines = (self.output + self._errors.read()).strip().splitlines()
        return Failed(lines[-1] if lines else "it said nothing")

    def waitForLine(self, number: int) -> str:
        """
        Wait until it has printed so many lines.

        @return: the last of them.
        @raise Failed: it ended first, or takes for ever.
        """
        deadline = time.monotonic() + RUN_LIMIT
        while time.monotonic() < deadline:
            hasEnded = self.popen.poll() is not None
            lines = self.output.split("\n")[:-1]
            if len(lines) >= number:
                return lines[number - 1]
            if hasEnded:
                break
            time.sleep(0.02)
        raise self.failure()

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self.popen.stdin
        self.popen.stdin.write(f"{line}\n")
        self.popen.stdin.flush()


class Server(Process):
    """A server that listens."""

    def __init__(self, command: Sequence[str], core: int | None) -> None:
        """Start it, and wait until it says where it listens."""
        super().__init__(command, core)
        deadline = time.monotonic() + START_LIMIT
        while self.popen.poll() is None and time.monotonic() < deadline:
            if found := _LISTENING.search(self.output):
                self.port = int(found[1])
                return
            time.sleep(0.02)
        failure = self.failure()
        self.close()
        raise failure

    @property
    def isRunning(self) -> bool:
        """Whether it has not ended."""
        return self.popen.poll() is None

    def settle(self) -> None:
        """Wait until it has nothing to do."""
        deadline = time.monotonic() + QUIET_LIMIT
        before = cpuTime(self.pid)
        while time.monotonic() < deadline:
            time.sleep(0.05)
            after = cpuTime(self.pid)
            if after - before < 0.002:
                return
            before = after
