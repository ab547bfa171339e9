"""
Messages: put together from data frames, checked as they come.

@see: RFC 6455 sections 5.4, 5.6 and 8.1.
"""

from __future__ import annotations

import codecs
from typing import Any, NamedTuple, Protocol

from . import codes, masking
from .errors import InvalidPayload, MessageTooBig, ProtocolError
from .extensions import Codec
from .framing import FrameReader, ReaderState

_Utf8Decoder = codecs.getincrementaldecoder("utf-8")
_UNLIMITED = (1 << 63) - 1
_NO_MESSAGE = 0
_TEXT_MESSAGE = 0x80 | codes.TEXT
"""The first octet of a frame that is a whole text message."""
_LARGE = 65_536
"""Octets, or characters, from which pieces are not joined before the end."""


class Limits(NamedTuple):
    """What one incoming message may be, at most; C{None} is no limit."""

    octets: int | None
    fragments: int | None


class MessageReceiver(Protocol):
    """Who is called with the messages."""

    def textReceived(self, text: str) -> None:
        """A text message came."""

    def bytesReceived(self, data: bytes) -> None:
        """A bytes message came."""

    def pieceReceived(self, piece: str | bytes, isLast: bool) -> None:
        """More of a message came; in place of the two above when streaming."""

    def controlReceived(self, opcode: int, payload: bytes) -> None:
        """A control frame came, perhaps between the fragments of a message."""


class MessagesState(NamedTuple):
    """All that a L{MessageReader} knows, as a plain value."""

    frames: ReaderState
    isDropping: bool
    messagesReceived: int
    opcode: int
    isEncoded: bool
    isLastFrame: bool
    declared: int
    received: int
    decoded: int
    fragments: int
    collected: str | bytes | None
    undecoded: bytes | None


class MessageReader(FrameReader):
    """
    Frames that become messages.

    A subclass may take these itself, as a L{Connection
    <wsagent.core.connection.Connection>} does the control frames.

    @ivar messagesReceived: how many messages have come whole.
    """

    def __init__(
        self,
        receiver: Any,
        limits: Limits,
        isMasked: bool,
        isStreaming: bool,
        codec: Codec | None,
    ) -> None:
        """
        @param isMasked: frames come from a client.
        @param controlReceived: called with opcode and payload of control
            frames, which may come between the fragments of a message.
        @param isStreaming: hand messages over in pieces, as they come.
        @param codec: decodes messages that are marked as encoded.
        """
        super().__init__(receiver, isMasked, 0 if codec is None else codec.rsv)
        octets = _UNLIMITED if limits.octets is None else limits.octets
        self._octetLimit = octets
        # What cannot be compressed grows by it, the more the smaller its fragments.
        self._encodedLimit = min(octets * 4 + 64, _UNLIMITED)
        self._fragmentLimit = (
            _UNLIMITED if limits.fragments is None else limits.fragments
        )
        self._isStreaming = isStreaming
        self._codec = codec
        self._isDropping = False
        self.messagesReceived = 0
        self._opcode = _NO_MESSAGE
        self._isEncoded = False
        self._isLastFrame = False
        # Octets of payload: of the frames whose headers came, as they came, decoded.
        self._declared = 0
        self._received = 0
        self._decoded = 0
        self._fragments = 0
        # What came of an unfinished message: octets, or pieces of decoded text.
        self._gathering: masking.Gathering | None = None
        self._pieces: list[str] | None = None
        self._decoder: codecs.IncrementalDecoder | None = None

    def restoreMessages(self, state: MessagesState) -> None:
        """Go on where another one's L{messagesState} was taken."""
        self.restoreFrames(state.frames)
        if state.isDropping:
            self.dropAll()
        self.messagesReceived = state.messagesReceived
        self._opcode = state.opcode
        self._isEncoded = state.isEncoded
        self._isLastFrame = state.isLastFrame
        self._declared = state.declared
        self._received = state.received
        self._decoded = state.decoded
        self._fragments = state.fragments
        if state.collected is not None:
            self._collect(state.collected)
        if state.undecoded is not None:
            self._decoder = _Utf8Decoder()
            self._decoder.setstate((state.undecoded, 0))

    def messagesState(self) -> MessagesState:
        """Give all that L{restoreMessages} needs."""
        decoder = self._decoder
        return MessagesState(
            frames=self.framesState(),
            isDropping=self._isDropping,
            messagesReceived=self.messagesReceived,
            opcode=self._opcode,
            isEncoded=self._isEncoded,
            isLastFrame=self._isLastFrame,
            declared=self._declared,
            received=self._received,
            decoded=self._decoded,
            fragments=self._fragments,
            collected=self._collected(),
            undecoded=None if decoder is None else decoder.getstate()[0],
        )

    @property
    def isInMessage(self) -> bool:
        """Ask whether a message, or a frame, has begun and not ended."""
        return self._opcode != _NO_MESSAGE or self.isInFrame

    def dropAll(self) -> None:
        """Check messages as before, but hand none over."""
        self._isDropping = True

    def textReceived(self, text: str) -> None:
        """Hand a text message over."""
        self._receiver.textReceived(text)

    def bytesReceived(self, data: bytes) -> None:
        """Hand a bytes message over."""
        self._receiver.bytesReceived(data)

    def pieceReceived(self, piece: str | bytes, isLast: bool) -> None:
        """Hand more of a message over."""
        self._receiver.pieceReceived(piece, isLast)

    def controlReceived(self, opcode: int, payload: bytes) -> None:
        """Hand a control frame over."""
        self._receiver.controlReceived(opcode, payload)

    def take(self, first: int, length: int, data: bytes, start: int, stop: int) -> None:
        """Take a frame; most are a text message, in one segment."""
        if (
            first != _TEXT_MESSAGE
            or stop - start != length
            or length > self._octetLimit
            or self._opcode != _NO_MESSAGE
            or self._isStreaming
        ):
            FrameReader.take(self, first, length, data, start, stop)
            return
        try:
            text = masking.textAt(data, start, stop, self._isMasked)
        except UnicodeDecodeError as error:
            raise InvalidPayload(f"not UTF-8: {error.reason}") from None
        self.messagesReceived += 1
        if not self._isDropping:
            self.textReceived(text)

    def frameReceived(
        self,
        opcode: int,
        fin: bool,
        length: int,
        payload: bytes,
    ) -> None:
        """Take a frame, or the beginning of one."""
        if opcode & codes.CONTROL:
            self.controlReceived(opcode, payload)
            return
        if opcode == codes.CONTINUATION:
            if self._opcode == _NO_MESSAGE:
                raise ProtocolError("continuation of no message")
        elif self._opcode != _NO_MESSAGE:
            raise ProtocolError("a message inside a fragmented message")
        else:
            self._opcode = opcode & 0x0F
            self._isEncoded = opcode > 0x0F
        limit = self._encodedLimit if self._isEncoded else self._octetLimit
        declared = self._declared + length
        if declared > limit:
            raise MessageTooBig(f"{declared} octets, limit {limit}")
        self._fragments += 1
        if self._fragments > self._fragmentLimit:
            raise MessageTooBig(
                f"{self._fragments} fragments, limit {self._fragmentLimit}",
            )
        isWhole = fin and len(payload) == length and not self._declared
        if isWhole and not self._isStreaming and not self._isEncoded:
            self._messageReceived(payload)
            return
        self._declared = declared
        self._isLastFrame = fin
        self.payloadReceived(payload)

    def sliceReceived(self, data: bytes, length: int, key: bytes) -> None:
        """Take more payload of the present frame, still masked."""
        if self._gathering is None or self._isEncoded:
            FrameReader.sliceReceived(self, data, length, key)
            return
        self._received += length
        self._gathering.append(data, length, key, self._declared)
        if self._isLastFrame and self._received == self._declared:
            self._handOver(self._gathering.octets())

    def payloadReceived(self, payload: bytes) -> None:
        """Take more payload of the present frame."""
        self._received += len(payload)
        isLast = self._isLastFrame and self._received == self._declared
        if self._codec is not None and self._isEncoded and self._declared:
            room = self._octetLimit - self._decoded
            payload = self._codec.decode(payload, isLast, room)
            self._decoded += len(payload)
        isFirst = self._pieces is None and self._gathering is None
        if isLast and isFirst and not self._isStreaming:
            self._messageReceived(payload)
            return
        piece: str | bytes = payload
        if self._opcode == codes.TEXT:
            piece = self._decodedPiece(payload, isLast)
        if self._isStreaming:
            if isLast:
                self._forgetMessage()
            if (piece or isLast) and not self._isDropping:
                self.pieceReceived(piece, isLast)
            return
        self._collect(piece)
        if isLast:
            self._handOver(self._collected())

    def _messageReceived(self, payload: bytes) -> None:
        """Hand over a message that came in one piece."""
        if self._opcode == codes.BINARY:
            self._handOver(payload)
            return
        try:
            text = payload.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidPayload(f"not UTF-8: {error.reason}") from None
        self._handOver(text)

    def _handOver(self, message: Any) -> None:
        """Hand a whole message over."""
        isText = self._opcode == codes.TEXT
        self._forgetMessage()
        if self._isDropping:
            return
        if isText:
            self.textReceived(message)
        else:
            self.bytesReceived(message)

    def _collect(self, piece: Any) -> None:
        """Keep a piece: octets, or decoded text."""
        if self._opcode == codes.BINARY:
            if self._gathering is None:
                self._gathering = masking.Gathering()
            self._gathering.append(piece, len(piece), b"", self._declared)
            return
        if self._pieces is None:
            self._pieces = []
        pieces = self._pieces
        pieces.append(piece)
        # Many small ones take no more memory than few large ones.
        while len(pieces) > 1 and len(pieces[-2]) <= len(pieces[-1]) < _LARGE:
            last = pieces.pop()
            pieces[-1] += last

    def _collected(self) -> Any:
        """Give what came of the present message: C{str}, C{bytes}, or C{None} yet."""
        if self._gathering is not None:
            return self._gathering.octets()
        return None if self._pieces is None else "".join(self._pieces)

    def _decodedPiece(self, payload: bytes, isLast: bool) -> str:
        """Decode a piece of a text as far as it goes."""
        if self._decoder is None:
            self._decoder = _Utf8Decoder()
        try:
            piece = self._decoder.decode(payload, isLast)
        except UnicodeDecodeError as error:
            raise InvalidPayload(f"not UTF-8: {error.reason}") from None
        if b"\xed\xa0" <= self._decoder.getstate()[0] < b"\xee":
            # CPython waits for a surrogate's third octet, then says this.
            raise InvalidPayload("not UTF-8: invalid continuation byte")
        return piece

    def _forgetMessage(self) -> None:
        """Be ready for the next message."""
        self.messagesReceived += 1
        self._opcode = _NO_MESSAGE
        self._fragments = 0
        if self._declared:
            self._declared = self._received = self._decoded = 0
        self._gathering = self._pieces = self._decoder = None
