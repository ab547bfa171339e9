"""
One side of an open connection: messages, ping and pong, closing handshake.

@see: RFC 6455 sections 5.4 to 5.6, 6 and 7.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple, Protocol, cast

from . import codes, masking
from .codes import Role
from .errors import InvalidPayload, ProtocolError
from .extensions import Codec
from .framing import headerStart
from .messages import Limits, MessageReader, MessagesState
from .outgoing import PreparedMessage, bytesOctets

_NO_MESSAGE = 0
LARGE = 16_384
"""Octets of payload from which to join it with its header costs more than it saves."""

# One for all connections, never added to: an empty deque has half a KiB.
_NONE_HELD: deque[bytes] = deque()


class Phase(Enum):
    """How far the closing handshake is."""

    OPEN = "open"
    CLOSING = "closing"
    """We have sent a Close frame; what still comes is read for the peer's."""
    CLOSED = "closed"
    """Nothing more is read or sent."""


class Receiver(Protocol):
    """Who is called with what comes."""

    def textReceived(self, text: str) -> None:
        """A text message came."""

    def bytesReceived(self, data: bytes) -> None:
        """A bytes message came."""

    def pieceReceived(self, piece: str | bytes, isLast: bool) -> None:
        """More of a message came; in place of the two above when streaming."""

    def pingReceived(self, payload: bytes) -> None:
        """A ping came, and has its pong."""

    def pongReceived(self, payload: bytes) -> None:
        """A pong came, asked for or not."""

    def closeReceived(self, code: int, reason: str) -> None:
        """
        The peer's Close frame came, and has its answer; nothing follows.

        @param code: 1005 if the peer named none.
        """


class ConnectionState(NamedTuple):
    """All that a L{Connection} knows, as a plain value."""

    phase: Phase
    reader: MessagesState
    codec: object
    sendingOpcode: int
    held: tuple[bytes, ...]
    messagesSent: int


class Connection(MessageReader):
    """
    One side of an open connection.

    A subclass may be its own receiver, and write.

    @ivar isOpen: no Close frame was sent: messages may be.
    @ivar isClosed: nothing more is read or sent.
    @ivar heldAmount: octets that wait for the end of a message that is sent
        in fragments.
    @ivar messagesSent: how many messages were sent whole, or wait to be.
    """

    def __init__(
        self,
        receiver: Any,
        write: Callable[..., object] | None,
        role: Role,
        limits: Limits,
        isStreaming: bool = False,
        codec: Codec | None = None,
    ) -> None:
        """
        @param receiver: a L{Receiver}, or what a subclass calls.
        @param write: called with octets to send, whole frames at a time: one
            argument, or a header and a large payload.
        @param isStreaming: hand messages over in pieces, as they come.
        @param codec: what the extension does that was agreed on.
        """
        self._isClient = role is Role.CLIENT
        super().__init__(receiver, limits, not self._isClient, isStreaming, codec)
        self._write = write
        self.isOpen = True
        self.isClosed = False
        # The message that goes out in fragments, and those that wait for its end.
        self._sendingOpcode = _NO_MESSAGE
        self._held = _NONE_HELD
        self.heldAmount = 0
        self.messagesSent = 0

    @classmethod
    def restored(
        cls,
        state: ConnectionState,
        receiver: Receiver,
        write: Callable[..., object],
        role: Role,
        limits: Limits,
        isStreaming: bool = False,
        codec: Codec | None = None,
    ) -> Connection:
        """
        Make a connection that goes on where another one's L{state} was taken.

        @param codec: a new one, of the same agreement.
        """
        connection = cls(receiver, write, role, limits, isStreaming, codec)
        connection.restore(state)
        return connection

    def restore(self, state: ConnectionState) -> None:
        """Go on where another one's L{state} was taken; be new, and do so first."""
        self.isOpen = state.phase is Phase.OPEN
        self.isClosed = state.phase is Phase.CLOSED
        self.restoreMessages(state.reader)
        # One that is closed needs none, and may have failed on what came encoded.
        if self._codec is not None and not self.isClosed:
            self._codec.restore(state.codec)
        self._sendingOpcode = state.sendingOpcode
        self._held = deque(state.held)
        self.heldAmount = sum(map(len, self._held))
        self.messagesSent = state.messagesSent

    def state(self) -> ConnectionState:
        """Give all that L{restored} needs; not from inside a call of ours."""
        codec = self._codec
        return ConnectionState(
            phase=self.phase,
            reader=self.messagesState(),
            codec=None if codec is None or self.isClosed else codec.state(),
            sendingOpcode=self._sendingOpcode,
            held=tuple(self._held),
            messagesSent=self.messagesSent,
        )

    @property
    def phase(self) -> Phase:
        """How far the closing handshake is."""
        if self.isOpen:
            return Phase.OPEN
        return Phase.CLOSED if self.isClosed else Phase.CLOSING

    # Receiving

    def feed(self, data: bytes) -> None:
        """
        Take octets that came.

        Any cut of a stream makes the same calls, pieces aside.

        @raise ProtocolError: the peer broke the protocol.  It has been told;
            nothing more is read or sent.
        """
        if self.isClosed:
            return
        try:
            MessageReader.feed(self, data)
        except ProtocolError as error:
            self.fail(error.code, str(error))
            raise

    def resume(self) -> None:
        """Go on with the next L{feed}, which may be of nothing."""
        if not self.isClosed:
            MessageReader.resume(self)

    def pingReceived(self, payload: bytes) -> None:
        """Say that a ping came, and has its pong."""
        self._receiver.pingReceived(payload)

    def pongReceived(self, payload: bytes) -> None:
        """Say that a pong came, asked for or not."""
        self._receiver.pongReceived(payload)

    def closeReceived(self, code: int, reason: str) -> None:
        """Say that the peer's Close frame came, and has its answer."""
        self._receiver.closeReceived(code, reason)

    def controlReceived(self, opcode: int, payload: bytes) -> None:
        """Take a control frame; 5.4: it may come between fragments."""
        if opcode == codes.CLOSE:
            code, reason = _readClose(payload)
            self._finish(payload[:2])
            self.closeReceived(code, reason)
        elif not self.isOpen:
            return
        elif opcode == codes.PING:
            self._send(codes.PONG, payload)
            self.pingReceived(payload)
        else:
            self.pongReceived(payload)

    def rest(self) -> None:
        """Use less memory until the next message."""
        if self._codec is not None and not self.isInMessage:
            self._codec.rest()

    # Sending

    def transmit(
        self,
        header: bytes,
        payload: masking.Payload = b"",
        key: bytes = b"",
    ) -> None:
        """
        Write a frame.

        @param header: without the key; or all of it.
        @param key: what to mask the payload with, or empty.
        """
        write = cast("Callable[..., object]", self._write)
        if key or len(payload) < LARGE:
            write(masking.joined(header, payload, key))
        else:
            write(header, masking.octetsOf(payload))

    def sendText(self, text: str, choice: bool | None = None) -> None:
        """
        Send a text message; dropped unless open.

        @param choice: to encode it or not, if there is a codec, whose choice
            it is by default.
        @raise TypeError: C{text} is no C{str}.
        @raise ValueError: it has a surrogate, which is no UTF-8.
        """
        if self._codec is None:
            self._sendMessage(codes.TEXT, masking.payloadOf(text), choice)
        else:
            self._sendMessage(codes.TEXT, masking.encoded(text), choice)

    def sendBytes(
        self,
        data: bytes | bytearray | memoryview,
        choice: bool | None = None,
    ) -> None:
        """
        Send a bytes message; dropped unless open.

        @param choice: as in L{sendText}.
        @raise TypeError: C{data} are no octets.
        """
        self._sendMessage(codes.BINARY, bytesOctets(data), choice)

    def sendPrepared(self, prepared: PreparedMessage) -> None:
        """Send a message that others get too; dropped unless open."""
        if self._isClient:
            # 5.3: each frame has a fresh masking key.
            self._sendMessage(prepared.opcode, prepared.payload, prepared.choice)
        elif self.isOpen:
            self.messagesSent += 1
            frame = prepared.frame(self._codec)
            if self._mustHold():
                self._hold(frame)
            else:
                self.transmit(frame)

    def sendFragment(
        self,
        data: str | bytes | bytearray | memoryview,
        isLast: bool = False,
    ) -> None:
        """
        Send a message in fragments; dropped unless open.

        The first one's type is the message's.  Whole messages that are sent
        before the last fragment leave after it.

        @raise TypeError: not the type of the first one.
        """
        if isinstance(data, str):
            opcode, payload = codes.TEXT, masking.encoded(data)
        else:
            opcode, payload = codes.BINARY, bytesOctets(data)
        if self._sendingOpcode not in (_NO_MESSAGE, opcode):
            raise TypeError("a message's fragments are all str or all octets")
        if not self.isOpen:
            return
        isFirst = self._sendingOpcode == _NO_MESSAGE
        self._sendingOpcode = _NO_MESSAGE if isLast else opcode
        self.messagesSent += isLast
        self._send(opcode if isFirst else codes.CONTINUATION, payload, isLast)
        # To write may call us: a message may begin, or the connection end.
        while self._held and self._sendingOpcode == _NO_MESSAGE:
            frame = self._held.popleft()
            self.heldAmount -= len(frame)
            self.transmit(frame)

    @property
    def isSendingFragments(self) -> bool:
        """Ask whether a message is begun by L{sendFragment} and not ended."""
        return self._sendingOpcode != _NO_MESSAGE

    def ping(self, payload: bytes = b"") -> None:
        """
        Send a ping; dropped unless open.

        @param payload: at most 125 octets.
        @raise TypeError: C{payload} are no octets.
        @raise ValueError: C{payload} is longer.
        """
        payload = bytesOctets(payload)
        if len(payload) > codes.CONTROL_LIMIT:
            raise ValueError(f"{len(payload)} octets, limit {codes.CONTROL_LIMIT}")
        if self.isOpen:
            self._send(codes.PING, payload)

    def close(self, code: int = codes.NORMAL, reason: str = "") -> None:
        """
        Begin the closing handshake, unless it is begun.

        @param code: one that may be sent.
        @param reason: at most 123 octets of UTF-8.
        @raise ValueError: C{code} may not be sent, or C{reason} is longer.
        @see: RFC 6455 section 7.1.2.
        """
        payload = renderClose(code, reason)
        if self.isOpen:
            # To write may call us: one Close frame, and nothing after it.
            self.isOpen = False
            self.dropAll()
            self._forgetHeld()
            self._send(codes.CLOSE, payload)

    def fail(self, code: int, reason: str = "") -> None:
        """
        Tell the peer why, unless we are closing, and be done with it.

        @param reason: cut to what fits.
        @raise ValueError: C{code} may not be sent.
        @see: RFC 6455 section 7.1.7.
        """
        cut = reason.encode()[: codes.REASON_LIMIT].decode(errors="ignore")
        self._finish(renderClose(code, cut))

    def abandon(self) -> None:
        """Be done with the peer, and tell it nothing."""
        self._finish()

    def _finish(self, lastWord: bytes | None = None) -> None:
        """
        Read and send nothing more.

        @param lastWord: the payload of our Close frame, unless one was sent.
        """
        wasOpen = self.isOpen
        self.isOpen = False
        self.isClosed = True
        self.pause()
        self._forgetHeld()
        if wasOpen and lastWord is not None:
            self._send(codes.CLOSE, lastWord)

    def _sendMessage(self, opcode: int, payload: Any, choice: bool | None) -> None:
        """Send a message in one frame, or keep it until it may go."""
        if not self.isOpen:
            return
        self.messagesSent += 1
        if self._codec is not None:
            encoded = self._codec.encode(payload, choice)
            if encoded is not None:
                opcode, payload = opcode | self._rsv, encoded
        if self._mustHold():
            header = headerStart(opcode, len(payload), True, self._isClient)
            self._hold(masking.joined(header, payload, self._newKey()))
        else:
            self._send(opcode, payload)

    def _mustHold(self) -> bool:
        """Ask whether a message that is sent in fragments comes before others."""
        return self._sendingOpcode != _NO_MESSAGE or self.heldAmount > 0

    def _hold(self, frame: bytes) -> None:
        """Keep a frame until those before it are sent."""
        if not self._held:
            self._held = deque()
        self._held.append(frame)
        self.heldAmount += len(frame)

    def _forgetHeld(self) -> None:
        """Forget the messages that wait for another one's end."""
        self._held.clear()
        self.heldAmount = 0

    def _send(self, opcode: int, payload: masking.Payload, fin: bool = True) -> None:
        """Send a frame."""
        header = headerStart(opcode, len(payload), fin, self._isClient)
        self.transmit(header, payload, self._newKey())

    def _newKey(self) -> bytes:
        """Make a masking key for a client's frame, each a fresh one (section 5.3)."""
        return masking.newKey() if self._isClient else b""


def renderClose(code: int, reason: str) -> bytes:
    """
    Write a Close frame's payload.

    @raise ValueError: C{code} may not be sent, or C{reason} is over 123 octets.
    @see: RFC 6455 section 5.5.1.
    """
    if not codes.mayBeSent(code):
        raise ValueError(f"code {code}, allowed: 1000-1003, 1007-1014, 3000-4999")
    octets = masking.encoded(reason)
    if len(octets) > codes.REASON_LIMIT:
        raise ValueError(f"reason of {len(octets)} octets, limit {codes.REASON_LIMIT}")
    return code.to_bytes(2, "big") + octets


def _readClose(payload: bytes) -> tuple[int, str]:
    """Read a Close frame's payload (section 5.5.1)."""
    if not payload:
        return codes.NO_CODE, ""
    if len(payload) == 1:
        raise ProtocolError("1 octet in a Close frame, needed 0 or at least 2")
    code = int.from_bytes(payload[:2], "big")
    if not codes.mayBeSent(code):
        raise ProtocolError(f"close code {code}, which may not be sent")
    try:
        return code, payload[2:].decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidPayload(f"reason is not UTF-8: {error.reason}") from None
