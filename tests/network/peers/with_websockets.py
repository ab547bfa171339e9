"""A peer with C{websockets}."""

from __future__ import annotations

import asyncio

from common import converse, main
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosedError


class Peer:
    """A connection, as L{converse} has it."""

    def __init__(self, connection) -> None:
        """@param connection: of either side."""
        self._connection = connection
        self.send = self.sendPieces = connection.send
        self.close = connection.close

    async def __aiter__(self):
        """Give messages."""
        try:
            async for message in self._connection:
                yield message
        except ConnectionClosedError as error:
            # That is any code but 1000 and 1001.
            if not error.rcvd:
                raise

    async def ping(self, payload: str) -> None:
        """Ping, and wait."""
        await (await self._connection.ping(payload))
        await self.send("pong " + payload)

    @property
    def code(self):
        """What the other side said."""
        return self._connection.close_code

    @property
    def reason(self):
        """What the other side said."""
        return self._connection.close_reason


async def run(connection) -> None:
    """Talk on a connection."""
    isCompressed = bool(connection.protocol.extensions)
    await converse(Peer(connection), connection.subprotocol, isCompressed)


async def listen() -> int:
    """Listen."""
    server = await serve(
        run,
        "127.0.0.1",
        0,
        subprotocols=["echo"],
        select_subprotocol=lambda _, names: "echo" if "echo" in names else None,
        max_size=None,
    )
    (port,) = server.sockets
    return port.getsockname()[1]


async def dial(url: str, subprotocols, isCompressed: bool) -> None:
    """Connect."""
    compression = "deflate" if isCompressed else None
    async with connect(
        url,
        subprotocols=subprotocols or None,
        compression=compression,
        max_size=None,
        proxy=None,
    ) as connection:
        await run(connection)


asyncio.run(main(listen, dial))
