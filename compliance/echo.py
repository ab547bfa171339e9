"""
What both sides of the suite speak with: everything is sent back, compressed.

Also what is too short to gain by it, which the default threshold would leave
plain: kosoku 0.1.0 hands its cases 12 and 13 a C{str} for a plain message, and
they fail on that.
"""

from __future__ import annotations

from wsagent import WebSocketProtocol


class Echo(WebSocketProtocol):
    """Send every message back, compressed if that was agreed on."""

    def textMessageReceived(self, message: str) -> None:
        """Send it back."""
        self.sendTextMessage(message, compress=True)

    def bytesMessageReceived(self, data: bytes) -> None:
        """Send it back."""
        self.sendBytesMessage(data, compress=True)
