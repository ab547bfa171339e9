"""
What the programs of peers have in common: each is an echo that obeys.

It listens from the beginning and says where, connects when a line on its
standard input says so, and ends with its input.  On its standard output it
tells of each connection, twice, as JSON.  A message that begins with
C{please:} is not sent back: JSON follows, which says what to do.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys

PLEASE = "please:"
_numbers = itertools.count()


def orderIn(message: str | bytes):
    """Give what a message says to do, if it does."""
    if isinstance(message, str) and message.startswith(PLEASE):
        return json.loads(message[len(PLEASE) :])
    return None


def listening(port: int) -> None:
    """Say where this program listens."""
    print(f"listening on 127.0.0.1:{port}", flush=True)


def opened(subprotocol: str | None, isCompressed: bool) -> int:
    """Tell of a connection, and give its number."""
    number = next(_numbers)
    _tell(opened=number, subprotocol=subprotocol, isCompressed=isCompressed)
    return number


def closed(number: int, code: int | None, reason: str | None) -> None:
    """Tell of a connection's end."""
    _tell(closed=number, code=code, reason=reason or "")


def _tell(**what) -> None:
    """Write a line."""
    print(json.dumps(what), flush=True)


async def converse(peer, subprotocol: str | None, isCompressed: bool) -> None:
    """
    Echo and obey, until the end.

    @param peer: iterates over messages, with coroutine functions C{send},
        C{sendPieces}, C{ping} (which sends C{pong} and the payload as text when
        the pong is there) and C{close}; C{code} and C{reason} afterwards.
    """
    number = opened(subprotocol, isCompressed)
    async for message in peer:
        order = orderIn(message)
        if order is None:
            await peer.send(message)
        elif "close" in order:
            await peer.close(*order["close"])
        elif "ping" in order:
            await peer.ping(order["ping"])
        else:
            await peer.sendPieces(order["pieces"])
    closed(number, peer.code, peer.reason)


async def main(listen, dial) -> None:
    """
    Run a program with C{asyncio}.

    @param listen: coroutine function, gives a port.
    @param dial: coroutine function of a URL, subprotocols, and whether to offer
        compression; ends with the connection.
    """
    listening(await listen())
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    connections = set()
    async for line in lines:
        connections.add(asyncio.create_task(dial(**json.loads(line))))
