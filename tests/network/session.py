"""What a page of docs/ has one write and type, done on ports that are free."""

from __future__ import annotations

import os
import random
import re
import shlex
import socket
import subprocess
from contextlib import suppress
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path
from typing import TYPE_CHECKING

from tests.documents import Command, File

from .client import PATIENCE, dial
from .process import PROGRAMS, Server, waitUntil

if TYPE_CHECKING:
    from typing_extensions import Self

_PORT = re.compile(r"\b8[04][0-9]{2}\b|\b443\b")


class Session:
    """
    A folder, and what was started there.

    @ivar server: the last C{twistd}; the one before was stopped for it.
    """

    def __init__(self, folder: Path) -> None:
        """@param folder: empty."""
        self._folder = folder
        self._ports: dict[str, str] = {}
        self._words: list[str] = []
        self._log: str | None = None
        self._files: subprocess.Popen | None = None
        self.server: Server | None = None

    def __enter__(self) -> Self:
        """Be used in C{with}."""
        return self

    def __exit__(self, *_) -> None:
        """Leave no process behind."""
        if self.server is not None:
            self.server.stop()
        if self._files is not None:
            self._files.kill()
            self._files.wait()

    def port(self, named: str) -> str:
        """Give the free port that stands for one that a page names."""
        while named not in self._ports:
            # Below those that the system gives to connections, as of other tests.
            number = random.randrange(10_240, 32_768)
            with suppress(OSError), socket.create_server(("", number)):
                self._ports[named] = str(number)
        return self._ports[named]

    def do(self, step: File | Command) -> None:
        """Write a file; or run a command, to a good end or until it serves."""
        if isinstance(step, File):
            path = self._folder / step.name
            path.parent.mkdir(exist_ok=True)
            path.write_text(self._freed(step.text).rstrip("\n") + "\n")
        elif step.line.startswith("twistd -n "):
            line, _, log = self._freed(step.line).partition(" >> ")
            self._words, self._log = shlex.split(line), log or None
            self.restart()
        elif "http.server" in step.line:
            self._serveFiles(step.line)
        else:
            self._run(step)

    def restart(self) -> None:
        """Start the last server, anew if it is there."""
        if self.server is not None:
            self.server.stop()
        self.server = Server(self._folder, *self._words, log=self._log)

    def _freed(self, text: str) -> str:
        """Have free ports in place of those that are named."""
        return _PORT.sub(lambda found: self.port(found[0]), text)

    def _serveFiles(self, line: str) -> None:
        """Start C{http.server}, and wait until it listens."""
        program, *arguments = shlex.split(self._freed(line))
        self._files = subprocess.Popen(
            [PROGRAMS / program, *arguments],
            cwd=self._folder,
            stderr=subprocess.DEVNULL,
        )

        def listens() -> bool:
            """Ask whether somebody is there."""
            try:
                dial(int(arguments[2])).close()
            except ConnectionRefusedError:
                return False
            return True

        waitUntil(listens, line)

    def _run(self, command: Command) -> None:
        """Run a command to its end, which shows what the page shows."""
        line = self._freed(command.line)
        path = f"{PROGRAMS}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self._folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            check=False,
            text=True,
            timeout=4 * PATIENCE,
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        if command.output:
            wanted = self._freed(command.output)
            isRight = OutputChecker().check_output(wanted, done.stdout, ELLIPSIS)
            assert isRight, (line, done.stdout, wanted)
