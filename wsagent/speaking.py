"""
How an agent sends a message.

These are methods of L{WebSocketProtocol<wsagent.protocol.WebSocketProtocol>},
whose class is never compiled; they are.
"""

from __future__ import annotations

from typing import Any


def sendTextMessage(self: Any, text: str, compress: bool | None = None) -> None:
    """
    Send a text message.

    @param compress: whether to, if that was agreed on; by default as
        C{settings.compression.threshold} says.
    @raise TypeError: C{text} is no C{str}.
    @raise ValueError: it has a surrogate, which is no UTF-8.
    """
    wire = self._wire
    wire.sendText(text, compress)


def sendBytesMessage(
    self: Any,
    data: bytes | bytearray | memoryview,
    compress: bool | None = None,
) -> None:
    """
    Send a bytes message.

    @param compress: as in L{sendTextMessage}.
    @raise TypeError: C{data} are no octets.
    """
    wire = self._wire
    wire.sendBytes(data, compress)
