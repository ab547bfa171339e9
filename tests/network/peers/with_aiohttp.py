"""A peer with C{aiohttp}."""

from __future__ import annotations

import asyncio

from aiohttp import ClientSession, WSMsgType, web
from common import converse, main


class Peer:
    """A connection, as L{converse} has it."""

    code = reason = None

    def __init__(self, connection) -> None:
        """@param connection: of either side."""
        self._connection = connection

    async def __aiter__(self):
        """Give messages; answer pings, as who wants to see pongs has to do."""
        while True:
            what, data, extra = await self._connection.receive()
            if what in (WSMsgType.TEXT, WSMsgType.BINARY):
                yield data
            elif what is WSMsgType.PING:
                await self._connection.pong(data)
            elif what is WSMsgType.PONG:
                await self.send("pong " + bytes(data).decode())
            elif what is WSMsgType.CLOSE:
                self.code, self.reason = data, extra
            elif what is WSMsgType.CLOSED:
                self.code = self.code or self._connection.close_code
                return
            else:
                raise AssertionError(what, data)

    async def send(self, message: str | bytes) -> None:
        """Send a message."""
        if isinstance(message, str):
            await self._connection.send_str(message)
        else:
            await self._connection.send_bytes(message)

    async def ping(self, payload: str) -> None:
        """Ping."""
        await self._connection.ping(payload.encode())

    async def close(self, code: int, reason: str) -> None:
        """Close."""
        await self._connection.close(code=code, message=reason.encode())


async def serve(request) -> web.WebSocketResponse:
    """Talk to who connects."""
    connection = web.WebSocketResponse(
        protocols=("echo",), max_msg_size=0, autoping=False
    )
    await connection.prepare(request)
    await converse(Peer(connection), connection.ws_protocol, bool(connection.compress))
    return connection


async def listen() -> int:
    """Listen."""
    application = web.Application()
    application.router.add_get("/", serve)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner.addresses[0][1]


async def dial(url: str, subprotocols, isCompressed: bool) -> None:
    """Connect."""
    async with (
        ClientSession() as session,
        session.ws_connect(
            url,
            protocols=subprotocols,
            compress=15 if isCompressed else 0,
            max_msg_size=0,
            autoping=False,
        ) as connection,
    ):
        await converse(Peer(connection), connection.protocol, bool(connection.compress))


asyncio.run(main(listen, dial))
