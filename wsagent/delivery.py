"""What comes, handed to the application; and what the application makes of it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import NamedTuple, Protocol

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from .conversation import Inbox
from .core.codes import Role
from .core.connection import Connection
from .core.extensions import Codec
from .core.masking import Payload
from .core.messages import Limits
from .interfaces import Agent
from .sending import SendBuffer
from .settings import Settings


class Amounts(NamedTuple):
    """What has passed, both ways."""

    messagesReceived: int = 0
    octetsReceived: int = 0
    """Of frames, their headers counted."""
    messagesSent: int = 0
    octetsSent: int = 0
    """Those counted that wait to be sent."""


class Owner(Protocol):
    """Who is told beside the agent."""

    def isOurPong(self, payload: bytes) -> bool:
        """Ask whether a pong answers a ping of our own."""

    def closeReceived(self, code: int, reason: str) -> None:
        """Both Close frames have passed."""

    def agentFailed(self, failure: Failure) -> None:
        """The application has raised something."""

    def holdBack(self, isHeld: bool) -> None:
        """The peer is too fast: nothing is to be read, or may be again."""

    def fail(self, code: int, reason: str, cause: BaseException | None = None) -> None:
        """The peer is too fast: it is over."""


class Tap(Protocol):
    """Who sees what passes."""

    def octetsReceived(self, data: bytes) -> None:
        """Octets came, and are not read yet."""

    def frameSent(self, header: bytes, payload: Payload, key: bytes) -> None:
        """A frame is sent, as L{Delivery.transmit} has it."""

    def connectionLost(self, failure: Failure) -> None:
        """That was all."""


class Delivery(Connection):
    """
    A connection between an agent and a send buffer.

    What the agent raises goes no further than to the owner.

    @ivar octetsReceived: of frames; whoever feeds us counts.
    @ivar octetsSent: of frames, those counted that wait to be sent.
    @ivar tap: sees all of these octets, or C{None}.
    """

    def __init__(
        self,
        agent: Agent,
        inbox: Inbox | None,
        buffer: SendBuffer,
        owner: Owner,
        role: Role,
        settings: Settings,
        codec: Codec | None,
    ) -> None:
        """
        @param inbox: where messages wait, in place of their hooks.
        @param codec: what the extension does that was agreed on.
        """
        super().__init__(
            None,
            None,
            role,
            Limits(settings.messageLimit, settings.fragmentLimit),
            settings.isStreaming,
            codec,
        )
        self._agent = agent
        self._inbox = inbox
        self._buffer = buffer
        self._owner = owner
        self.octetsReceived = 0
        self.octetsSent = 0
        self.tap: Tap | None = None

    @property
    def amounts(self) -> Amounts:
        """What has passed so far."""
        return Amounts(
            self.messagesReceived,
            self.octetsReceived,
            self.messagesSent,
            self.octetsSent,
        )

    @property
    def peer(self) -> object:
        """The address of who is at the other end, as the request has it."""
        return self._agent.request.peer

    def transmit(
        self,
        header: bytes,
        payload: Payload = b"",
        key: bytes = b"",
    ) -> None:
        """Have the buffer send it."""
        self.octetsSent += len(header) + len(payload) + len(key)
        if self.tap is not None:
            self.tap.frameSent(header, payload, key)
        self._buffer.write(header, payload, key)

    def converse(self, ended: Callable[[], object]) -> None:
        """
        Start the agent's conversation, if it has one.

        @param ended: called when it has ended well.
        """
        if self._agent.conversation is not None:
            conversation = maybeDeferred(self._agent.conversation)
            conversation.addCallback(lambda _: ended())
            conversation.addErrback(self._owner.agentFailed)

    # These two do as L{call} does: a hook that is only looked up costs more.

    def textReceived(self, text: str) -> None:
        """Hand a message over."""
        if self._inbox is not None:
            self._inbox.put(text)
            return
        try:
            result = self._agent.textMessageReceived(text)
        except Exception:  # noqa: BLE001 - whatever the application raises
            self._owner.agentFailed(Failure())
        else:
            if result is not None:
                self._follow(result)

    def bytesReceived(self, data: bytes) -> None:
        """Hand a message over."""
        if self._inbox is not None:
            self._inbox.put(data)
            return
        try:
            result = self._agent.bytesMessageReceived(data)
        except Exception:  # noqa: BLE001 - whatever the application raises
            self._owner.agentFailed(Failure())
        else:
            if result is not None:
                self._follow(result)

    def pieceReceived(self, piece: str | bytes, isLast: bool) -> None:
        """Hand a piece of a message over."""
        self.call(self._agent.pieceReceived, piece, isLast)

    def pingReceived(self, payload: bytes) -> None:
        """Tell the agent; the pong is sent."""
        self.call(self._agent.pingReceived, payload)

    def pongReceived(self, payload: bytes) -> None:
        """Tell the agent, but for the answer to our own ping."""
        if not self._owner.isOurPong(payload):
            self.call(self._agent.pongReceived, payload)

    def closeReceived(self, code: int, reason: str) -> None:
        """Leave it to the owner."""
        self._owner.closeReceived(code, reason)

    def call(self, hook: Callable[..., object], *arguments: object) -> None:
        """Call the application, and see what becomes of what it gives."""
        try:
            result = hook(*arguments)
        except Exception:  # noqa: BLE001 - whatever the application raises
            self._owner.agentFailed(Failure())
        else:
            if result is not None:
                self._follow(result)

    def _follow(self, result: object) -> None:
        """Hear of the failure of a coroutine or a C{Deferred}."""
        if isinstance(result, Coroutine):
            result = Deferred.fromCoroutine(result)
        if isinstance(result, Deferred):
            result.addErrback(self._owner.agentFailed)
