"""A server in a process of its own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .client import PATIENCE

PROGRAMS = Path(sys.executable).parent
LOCAL = "tcp:0:interface=127.0.0.1"
OPTIONS: list[str] = []
"""What C{twistd wsagent} is told besides what a test tells it."""


def run(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of this interpreter's environment, to its end."""
    program, *arguments = command
    return subprocess.run(
        [PROGRAMS / program, *arguments],
        cwd=folder,
        capture_output=True,
        check=False,
        text=True,
        timeout=PATIENCE,
    )


def waitUntil(isSo, what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not isSo():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


class Server:
    """
    A server, from its first line in the log to its end.

    @ivar ports: where it listens.
    """

    def __init__(
        self,
        folder: Path,
        *command: str,
        ports: int | None = None,
        stdin: int = subprocess.DEVNULL,
        passed: tuple[int, ...] = (),
        log: str | None = None,
    ) -> None:
        """
        Start it, and wait until it listens.

        @param folder: where it runs, and has its log.
        @param command: without a program: C{twistd -n wsagent} with these.
        @param ports: on how many; by default, as many as it is told.
        @param stdin: its input, as C{Popen} has it.
        @param passed: descriptors that it gets, by the same numbers.
        @param log: the file to which its log is appended; by default one more.
        """
        if not command or command[0].startswith("-"):
            command = ("twistd", "-n", "wsagent", *command)
        if "wsagent" in command:
            place = command.index("wsagent") + 1
            command = (*command[:place], *OPTIONS, *command[place:])
        program, *arguments = command
        if ports is None:
            told = ("--port", "--console", "--admin")
            ports = max(1, sum(map(command.count, told)))
        if log is None:
            handle, name = tempfile.mkstemp(".log", "server", folder)
            os.close(handle)
        self._log = Path(name) if log is None else folder / log
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [PROGRAMS / program, *arguments],
                cwd=folder,
                stdin=stdin,
                pass_fds=passed,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        waitUntil(
            lambda: self.log.count("listening on ") == ports or self.hasEnded,
            "a server that listens",
        )
        assert not self.hasEnded, self.log
        # In a terminal's format, or in twist's for a file.
        found = re.findall(r"listening on [^ \n]*:([0-9]+)\n", self.log)
        found = found or re.findall(r'"host": ?"[^"]*:([0-9]+)"', self.log)
        self.ports = list(map(int, found))

    @property
    def port(self) -> int:
        """Where it listens, if that is one port."""
        (port,) = self.ports
        return port

    @property
    def log(self) -> str:
        """All that it has said."""
        return self._log.read_text()

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def hasEnded(self) -> bool:
        """Ask whether it is gone."""
        return self._process.poll() is not None

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Have it stop."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end, and give its exit status."""
        return self._process.wait(PATIENCE)

    def stop(self) -> None:
        """Stop it, however it is, and see that it had no trouble."""
        if not self.hasEnded:
            self.signal()
        try:
            self.wait()
        finally:
            if not self.hasEnded:
                self._process.kill()
                self._process.wait()
        assert "Traceback" not in self.log, self.log
        assert "Unhandled" not in self.log, self.log


def end(pid: int) -> None:
    """Be sure that a daemon is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
