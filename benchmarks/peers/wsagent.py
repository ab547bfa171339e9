"""wsagent: its server is C{twistd wsagent}; here is its client, and a broadcast."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from twisted.internet.task import react

from wsagent import WebSocketProtocol, connect

from .common import Window, url

try:
    from wsagent import broadcast
except ImportError:

    def broadcast(agents: set[WebSocketProtocol], message: str) -> None:
        """Send a message to everyone, one after the other."""
        for agent in agents:
            agent.sendTextMessage(message)


_agents: set[WebSocketProtocol] = set()


class Broadcast(WebSocketProtocol):
    """Sends every message to everyone."""

    def negotiationFinished(self) -> None:
        """Join."""
        _agents.add(self)

    def connectionLost(self, reason: Any) -> None:
        """Leave."""
        _agents.discard(self)

    def textMessageReceived(self, message: str) -> None:
        """Send it to everyone."""
        broadcast(_agents, message)


def call(options: Namespace) -> None:
    """Be a client."""
    window = Window(options)

    class Caller(WebSocketProtocol):
        """Sends a message, and another when the echo is there."""

        def negotiationFinished(self) -> None:
            """Begin."""
            self.sendTextMessage(window.message)

        def textMessageReceived(self, message: str) -> None:
            """Send the next one."""
            window.check(message)
            self.sendTextMessage(window.message)

    async def main(reactor: Any) -> None:
        """Open all, and wait."""
        from twisted.internet.defer import Deferred

        for _ in range(options.connections):
            await connect(reactor, url(options), Caller)
        ended: Deferred[None] = Deferred()
        window.open(reactor.callLater, lambda: ended.callback(None))
        await ended

    react(main)
