"""
The default application: an echo, and two classic demonstrations.

C{lws-mirror-protocol} and C{dumb-increment-protocol} are those of
libwebsockets and of lua-websockets; their pages work here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from .broadcasting import broadcast
from .protocol import WebSocketProtocol

INTERVAL = 0.1
"""Seconds between two numbers of L{Increment}."""


class Echo(WebSocketProtocol):
    """Send every message back as it came."""

    def textMessageReceived(self, message: str) -> None:
        """Send it back."""
        self.sendTextMessage(message)

    def bytesMessageReceived(self, data: bytes) -> None:
        """Send it back."""
        self.sendBytesMessage(data)


class Mirror(WebSocketProtocol):
    """Send every text message to all agents of one set."""

    def __init__(self, agents: set[Mirror]) -> None:
        """@param agents: those that are open."""
        self._agents = agents

    def negotiationFinished(self) -> None:
        """Join."""
        self._agents.add(self)

    def textMessageReceived(self, message: str) -> None:
        """Pass it on, to the sender too."""
        broadcast(self._agents, message)

    def connectionLost(self, reason: Failure) -> None:
        """Leave."""
        self._agents.discard(self)


class Increment(WebSocketProtocol):
    """Count, ten times a second; a message containing C{reset} sets back to 0."""

    _number = 0

    def negotiationFinished(self) -> None:
        """Begin to count."""
        self._counting = LoopingCall(self._count)
        self._counting.clock = self.factory.reactor
        self._counting.start(INTERVAL, now=False)

    def textMessageReceived(self, message: str) -> None:
        """Begin anew, if that is what it says."""
        if "reset" in message:
            self._number = 0

    def connectionLost(self, reason: Failure) -> None:
        """Count no longer."""
        self._counting.stop()

    def _count(self) -> None:
        """Send the number."""
        self.sendTextMessage(str(self._number))
        self._number += 1


def subprotocols() -> dict[str, Callable[[], WebSocketProtocol]]:
    """Make the mapping for a factory; its mirrors share one set."""
    mirrors: set[Mirror] = set()
    return {
        "lws-mirror-protocol": partial(Mirror, mirrors),
        "dumb-increment-protocol": Increment,
    }
