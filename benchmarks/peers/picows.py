"""picows, with its core API; compression, which that lacks, with its other one."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from functools import partial

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
    ws_create_server,
)

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

_WHOLE = (WSMsgType.TEXT, WSMsgType.BINARY)
_listeners: set[Broadcast] = set()


class Closing(WSListener):
    """Answers a Close frame."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Answer it, as picows' examples do."""
        transport.send_close(frame.get_close_code(), frame.get_close_message())
        transport.disconnect()


class Echo(Closing):
    """Sends every frame back, without a copy."""

    def __init__(self) -> None:
        """No fragment has come."""
        self._fragments = bytearray()
        self._type = WSMsgType.BINARY

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Send it back; what is fragmented, when it is whole."""
        kind = frame.msg_type
        if frame.fin and kind in _WHOLE:
            transport.send(kind, frame.get_payload_as_memoryview())
        elif kind == WSMsgType.CLOSE:
            super().on_ws_frame(transport, frame)
        else:
            if kind != WSMsgType.CONTINUATION:
                self._type = kind
            self._fragments += frame.get_payload_as_memoryview()
            if frame.fin:
                transport.send(self._type, self._fragments)
                self._fragments = bytearray()


class Broadcast(Closing):
    """Sends every message to everyone."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Join."""
        self._transport = transport
        _listeners.add(self)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Leave."""
        _listeners.discard(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Send it to everyone."""
        if frame.msg_type == WSMsgType.CLOSE:
            super().on_ws_frame(transport, frame)
            return
        payload = frame.get_payload_as_bytes()
        for listener in _listeners:
            listener._transport.send(frame.msg_type, payload)  # noqa: SLF001


async def _serve(role: str, options: Namespace) -> None:
    """Serve."""
    listener = Broadcast if role == "broadcast" else Echo
    server = await ws_create_server(
        lambda _request: listener(),
        HOST,
        0,
        ssl=tlsContext(role, options),
        max_frame_size=MESSAGE_LIMIT,
        backlog=BACKLOG,
    )
    await serveForever(server)


async def _serveDeflate() -> None:
    """Serve what picows has for those who come from websockets."""
    from picows.websockets.asyncio.server import ServerConnection, serve

    async def echo(connection: ServerConnection) -> None:
        """Send every message back."""
        async for message in connection:
            await connection.send(message)

    server = await serve(echo, HOST, 0, max_size=MESSAGE_LIMIT, compression="deflate")
    await serveForever(server)


def serve(role: str, options: Namespace) -> None:
    """Serve in a role."""
    run(options, _serveDeflate() if role == "deflate" else _serve(role, options))


class Caller(WSListener):
    """Sends a message, and another when the echo is there."""

    def __init__(self, window: Window) -> None:
        """@param window: counts."""
        self._window = window
        self._octets = window.message.encode()

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Begin."""
        transport.send(WSMsgType.TEXT, self._octets)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Send the next one."""
        self._window.check(frame.get_payload_as_utf8_text())
        transport.send(WSMsgType.TEXT, self._octets)


async def _call(options: Namespace) -> None:
    """Call."""
    window = Window(options)
    for _ in range(options.connections):
        await ws_connect(partial(Caller, window), url(options))
    ended = asyncio.Event()
    window.open(asyncio.get_running_loop().call_later, ended.set)
    await ended.wait()


def call(options: Namespace) -> None:
    """Be a client."""
    run(options, _call(options))
