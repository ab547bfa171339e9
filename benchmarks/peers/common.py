"""What peers share: an event loop, an address, a window of time."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from argparse import Namespace
from collections.abc import Callable, Coroutine
from typing import Any

HOST = "127.0.0.1"
MESSAGE_LIMIT = 2 * 1024 * 1024
"""Octets in a message, wherever a peer asks; the largest one measured has half."""

BACKLOG = 1024
"""Connections that may wait to be accepted, wherever a peer asks."""


def run(options: Namespace, main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine on the loop that was asked for."""
    if options.loop == "uvloop":
        import uvloop

        uvloop.run(main)
    else:
        asyncio.run(main)


def announce(port: int) -> None:
    """Say where we listen."""
    print(f"listening on {HOST}:{port}", flush=True)


async def serveForever(server: Any) -> None:
    """Say where an asyncio server listens, and never end."""
    announce(server.sockets[0].getsockname()[1])
    await asyncio.Event().wait()


def tlsContext(role: str, options: Namespace) -> ssl.SSLContext | None:
    """Make what an asyncio server needs for TLS, if that is its role."""
    if role != "tls":
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.certificate)
    return context


def url(options: Namespace) -> str:
    """Give the address to call."""
    return f"ws://{HOST}:{options.port}/"


class Window:
    """
    What a client counts: echoes, and its own CPU time, while the time is measured.

    @ivar message: what is sent.
    @ivar echoes: how many have come back.
    """

    def __init__(self, options: Namespace) -> None:
        """Nothing has come back."""
        self._options = options
        self.message = ("wsagent " * (options.size // 8 + 1))[: options.size]
        self.echoes = 0

    def check(self, message: str) -> None:
        """See that an echo is right, and count it."""
        if message != self.message:
            raise SystemExit("an echo differs")
        self.echoes += 1

    def open(self, callLater: Callable[..., object], end: Callable[[], object]) -> None:
        """
        Measure, after the warm-up.

        @param callLater: the reactor's or the loop's.
        @param end: is called when all is measured.
        """
        callLater(self._options.warmup, self._begin, callLater, end)

    def _begin(
        self, callLater: Callable[..., object], end: Callable[[], object]
    ) -> None:
        """Look at the clocks."""
        callLater(self._options.seconds, self._end, end)
        self._echoes = self.echoes
        self._time = time.perf_counter()
        self._cpu = time.process_time()

    def _end(self, end: Callable[[], object]) -> None:
        """Look at the clocks again, and say what was measured."""
        cpu = time.process_time() - self._cpu
        seconds = time.perf_counter() - self._time
        count = self.echoes - self._echoes
        if not count:
            raise SystemExit("no echo came back")
        result = {
            "messages": count,
            "seconds": seconds,
            "cpu": cpu / count * 1e6,
            "rate": count / seconds,
        }
        print(json.dumps(result), flush=True)
        end()
