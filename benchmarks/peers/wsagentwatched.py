"""wsagent with its admin endpoint and console, and somebody at both all the time."""

from __future__ import annotations

import os
import socket
import sys
import time
from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

from wsagent import blocking

from .common import HOST

_EVERY = 1.0
"""Seconds between two scrapes; Prometheus itself asks four times a minute."""


def serve(_role: str, _options: Namespace) -> None:
    """Serve, as C{twistd wsagent} does, and have a child look at it."""
    admin, console = _freePort(), _freePort()
    program = str(Path(sys.executable).parent / "twistd")
    if os.fork() == 0:
        _watch(admin, console)
    arguments = [program, "--nodaemon", "--pidfile=", "wsagent"]
    arguments.append(f"--port=tcp:0:interface={HOST}")
    os.execv(program, [*arguments, f"--admin={admin}", f"--console={console}"])


def _watch(admin: int, console: int) -> None:
    """Be at the page, at the console and at the metrics, until the server is gone."""
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    server = os.getppid()
    page = None
    while os.getppid() == server:
        time.sleep(_EVERY)
        # It may not listen yet.
        with suppress(OSError):
            if page is None:
                page = blocking.connect(f"ws://{HOST}:{admin}/")
                typed = socket.create_connection((HOST, console))
                typed.sendall(b"list\n")
            with urlopen(f"http://{HOST}:{admin}/metrics") as metrics:
                metrics.read()
            with suppress(TimeoutError):
                while page.receive(timeout=0.001):
                    pass
    os._exit(0)


def _freePort() -> int:
    """Find a port where nobody listens."""
    with socket.create_server((HOST, 0)) as found:
        port: int = found.getsockname()[1]
        return port
