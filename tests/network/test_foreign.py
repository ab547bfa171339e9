"""The client against servers of other libraries."""

from __future__ import annotations

import asyncio
import threading

import pytest
import pytest_twisted

from wsagent import Settings


class InThread:
    """An asyncio server in a thread."""

    def __init__(self, serve) -> None:
        """@param serve: a coroutine function that gives a port and a way to stop."""
        self._serve = serve
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._started.wait(20)

    def _run(self) -> None:
        """Run until it is stopped."""
        asyncio.run(self._main())

    async def _main(self) -> None:
        """Serve."""
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        self.port, stop = await self._serve()
        self._started.set()
        await self._stopped.wait()
        await stop()

    def stop(self) -> None:
        """Stop, and wait for the thread."""
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()


async def serveWebsockets():
    """Serve an echo with C{websockets}."""
    from websockets.asyncio.server import serve

    async def echo(peer):
        async for message in peer:
            await peer.send(message)

    server = await serve(echo, "127.0.0.1", 0, subprotocols=["echo"], max_size=None)

    async def stop():
        server.close()
        await server.wait_closed()

    return server.sockets[0].getsockname()[1], stop


async def serveAiohttp():
    """Serve an echo with C{aiohttp}."""
    from aiohttp import WSMsgType, web

    async def echo(request):
        peer = web.WebSocketResponse(protocols=("echo",), max_msg_size=0)
        await peer.prepare(request)
        async for message in peer:
            if message.type is WSMsgType.TEXT:
                await peer.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await peer.send_bytes(message.data)
        return peer

    application = web.Application()
    application.router.add_get("/", echo)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return site._server.sockets[0].getsockname()[1], runner.cleanup


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("module", "serve"), [("websockets", serveWebsockets), ("aiohttp", serveAiohttp)]
)
async def test_foreign(dial, module, serve):
    """Servers of other libraries understand the client, and are understood."""
    pytest.importorskip(module, reason="a foreign server, to talk to it")
    server = InThread(serve)
    try:
        settings = Settings(messageLimit=None, sendLimit=None)
        agent = await dial(
            f"ws://127.0.0.1:{server.port}/", subprotocols=["echo"], settings=settings
        )
        assert agent.subprotocol == "echo"
        await agent.echoes()
        await agent.echoes([bytes(4 * 1024 * 1024)])
        agent.ping(b"?")
        await agent.close(4000)
    finally:
        server.stop()
