"""aiohttp."""

from __future__ import annotations

import asyncio
from argparse import Namespace

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web

from .common import (
    BACKLOG,
    HOST,
    MESSAGE_LIMIT,
    Window,
    announce,
    run,
    tlsContext,
    url,
)

_responses: set[web.WebSocketResponse] = set()


def _answer(role: str) -> web.WebSocketResponse:
    """Make what answers a handshake."""
    return web.WebSocketResponse(compress=role == "deflate", max_msg_size=MESSAGE_LIMIT)


async def _serve(role: str, options: Namespace) -> None:
    """Serve."""

    async def echo(request: web.Request) -> web.WebSocketResponse:
        """Send every message back."""
        response = _answer(role)
        await response.prepare(request)
        async for message in response:
            if message.type is WSMsgType.TEXT:
                await response.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await response.send_bytes(message.data)
        return response

    async def broadcast(request: web.Request) -> web.WebSocketResponse:
        """Send every message to everyone."""
        response = _answer(role)
        await response.prepare(request)
        _responses.add(response)
        async for message in response:
            for each in tuple(_responses):
                await each.send_str(message.data)
        _responses.discard(response)
        return response

    application = web.Application()
    application.router.add_get("/", broadcast if role == "broadcast" else echo)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    context = tlsContext(role, options)
    await web.TCPSite(runner, HOST, 0, ssl_context=context, backlog=BACKLOG).start()
    announce(runner.addresses[0][1])
    await asyncio.Event().wait()


def serve(role: str, options: Namespace) -> None:
    """Serve in a role."""
    run(options, _serve(role, options))


async def _converse(connection: ClientWebSocketResponse, window: Window) -> None:
    """Send a message, and another when the echo is there."""
    while True:
        await connection.send_str(window.message)
        window.check((await connection.receive()).data)


async def _call(options: Namespace) -> None:
    """Call."""
    window = Window(options)
    async with ClientSession() as session:
        talks = [
            asyncio.create_task(
                _converse(await session.ws_connect(url(options)), window),
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
