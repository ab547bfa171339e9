"""What a L{Wire<wsagent.wire.Wire>} needs of those around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from twisted.internet.interfaces import IConsumer, IPushProducer, ITCPTransport
from twisted.python.failure import Failure

from .core.handshake import Request

if TYPE_CHECKING:
    from .wire import Wire


class Agent(Protocol):
    """What a wire calls: the application's hooks."""

    conversation: Callable[[], object] | None
    request: Request
    subprotocol: str | None

    def negotiationFinished(self) -> object:
        """The connection is open."""

    def textMessageReceived(self, message: str) -> object:
        """A text message came."""

    def bytesMessageReceived(self, data: bytes) -> object:
        """A bytes message came."""

    def pieceReceived(self, piece: str | bytes, isLast: bool) -> object:
        """More of a message came."""

    def pingReceived(self, payload: bytes) -> object:
        """A ping came."""

    def pongReceived(self, payload: bytes) -> object:
        """A pong came that we did not ask for ourselves."""

    def sendBufferFilled(self) -> object:
        """Much waits to be sent."""

    def sendBufferDrained(self) -> object:
        """Nothing waits any more."""

    def connectionLost(self, reason: Failure) -> object:
        """The connection is gone."""


class Opening(Protocol):
    """One side's opening handshake."""

    def connectionMade(self, wire: Wire) -> None:
        """There is a transport."""

    def dataReceived(self, data: bytes) -> None:
        """Octets came."""

    def readConnectionLost(self) -> None:
        """The peer has sent FIN."""

    def giveUp(self) -> None:
        """Refuse what may still come: it took too long, or we are leaving."""

    def connectionLost(self, reason: Failure) -> None:
        """The transport is gone."""


class WireOwner(Protocol):
    """Who has made a wire, and is told of it."""

    def roundTripMeasured(self, wire: Wire) -> None:
        """A ping of ours was answered."""

    def peerWasSlow(self) -> None:
        """A peer is given up: it does not take what is sent."""

    def wireLost(self, wire: Wire, failure: Failure | None) -> None:
        """
        The transport is gone.

        @param failure: the agent's reason, or C{None}: it never was open.
        """


class IWireTransport(ITCPTransport, IConsumer, IPushProducer):
    """What a wire needs of a transport: Twisted's all have it, and say less."""
