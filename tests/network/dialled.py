"""A client of ours, for tests of clients."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from wsagent import ClosedCleanly, WebSocketProtocol

from .inside import until

MESSAGES = ("", "a" * 125, "a" * 126, "é" * 40_000, b"", bytes(65_535), bytes(65_536))


class Dialled(WebSocketProtocol):
    """Notes what comes, and lets wait for the end."""

    def __init__(self):
        """Nothing came."""
        self.received = []
        self.ended = Deferred()

    def textMessageReceived(self, message):
        """Note it."""
        self.received.append(message)

    def bytesMessageReceived(self, data):
        """Note it."""
        self.received.append(data)

    def connectionLost(self, reason):
        """Let it be known."""
        self.ended.callback(reason.value)

    async def echoes(self, messages=MESSAGES):
        """Demand that messages come back."""
        self.received.clear()
        for message in messages:
            if isinstance(message, str):
                self.sendTextMessage(message)
            else:
                self.sendBytesMessage(message)
        await until(lambda: len(self.received) >= len(messages), "an echo")
        assert self.received == list(messages)

    async def close(self, code=1000):
        """Close, and demand that the server does."""
        self.loseConnection(code)
        end = await self.ended
        assert (type(end), end.code, end.initiator) == (ClosedCleanly, code, "us")
