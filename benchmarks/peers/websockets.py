"""websockets, with its asyncio implementation."""

from __future__ import annotations

import asyncio
from argparse import Namespace

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, broadcast
from websockets.asyncio.server import serve as listen

from .common import (
    BACKLOG,
    HOST,
    MESSAGE_LIMIT,
    Window,
    run,
    serveForever,
    tlsContext,
    url,
)

_connections: set[ServerConnection] = set()


async def _echo(connection: ServerConnection) -> None:
    """Send every message back."""
    async for message in connection:
        await connection.send(message)


async def _broadcast(connection: ServerConnection) -> None:
    """Send every message to everyone."""
    _connections.add(connection)
    async for message in connection:
        broadcast(_connections, message)
    _connections.discard(connection)


async def _serve(role: str, options: Namespace) -> None:
    """Serve."""
    server = await listen(
        _broadcast if role == "broadcast" else _echo,
        HOST,
        0,
        ssl=tlsContext(role, options),
        compression="deflate" if role == "deflate" else None,
        max_size=MESSAGE_LIMIT,
        backlog=BACKLOG,
    )
    await serveForever(server)


def serve(role: str, options: Namespace) -> None:
    """Serve in a role."""
    run(options, _serve(role, options))


async def _converse(connection: ClientConnection, window: Window) -> None:
    """Send a message, and another when the echo is there."""
    while True:
        await connection.send(window.message)
        window.check(await connection.recv())


async def _call(options: Namespace) -> None:
    """Call."""
    window = Window(options)
    talks = [
        asyncio.create_task(
            _converse(
                await connect(url(options), compression=None, proxy=None), window
            ),
        )
        for _ in range(options.connections)
    ]
    ended = asyncio.Event()
    window.open(asyncio.get_running_loop().call_later, ended.set)
    await ended.wait()
    for talk in talks:
        talk.cancel()


def call(options: Namespace) -> None:
    """Be a client."""
    run(options, _call(options))
