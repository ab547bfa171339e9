"""How an agent sends its messages."""

from __future__ import annotations

from typing import Any

from .core.handshake import Request
from .wire import Wire


class Speaker:
    """
    What of L{WebSocketProtocol<wsagent.protocol.WebSocketProtocol>} each message,
    or each idle connection, costs: that class is never compiled, this is.
    """

    factory: Any
    request: Request
    subprotocol: str | None
    _wire: Wire

    def sendTextMessage(self, text: str, compress: bool | None = None) -> None:
        """
        Send a text message.

        @param compress: whether to, if that was agreed on; by default as
            C{settings.compression.threshold} says.
        @raise TypeError: C{text} is no C{str}.
        @raise ValueError: it has a surrogate, which is no UTF-8.
        """
        self._wire.sendText(text, compress)

    def sendBytesMessage(
        self,
        data: bytes | bytearray | memoryview,
        compress: bool | None = None,
    ) -> None:
        """
        Send a bytes message.

        @param compress: as in L{sendTextMessage}.
        @raise TypeError: C{data} are no octets.
        """
        self._wire.sendBytes(data, compress)
