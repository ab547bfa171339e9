"""
Frames: the header of those we send, and a reader of those that come.

What a reader checks needs no memory of earlier frames; what spans frames is
L{wsagent.core.connection}'s.

@see: RFC 6455 section 5.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from . import codes
from .errors import ProtocolError
from .masking import applyMask

_NO_KEY = b""
_FIRST = frozenset((codes.TEXT, codes.BINARY))
_LARGEST = 0x7FFFFFFFFFFFFFFF


class FrameReceiver(Protocol):
    """Who is called with the frames."""

    def frameReceived(
        self,
        opcode: int,
        fin: bool,
        length: int,
        payload: bytes,
    ) -> None:
        """
        A frame has begun, and often ended.

        @param opcode: one of L{codes.OPCODES}; with the reserved bit of an
            extension, if it is set.
        @param fin: it is the last of its message.
        @param length: octets of the whole payload, at most 2**63 - 1 and not
            yet believed: the receiver's limits are its own.
        @param payload: as many as there are, unmasked; all of a control frame.
        @raise ProtocolError: it may not come now, or is too long.
        """

    def payloadReceived(self, payload: bytes) -> None:
        """
        More of an unfinished data frame's payload came.

        @param payload: at least one octet, unmasked.
        @raise ProtocolError: it is not what its message promised.
        """


class ReaderState(NamedTuple):
    """All that a L{FrameReader} knows, as a plain value."""

    backlog: bytes
    remaining: int
    key: bytes
    isPaused: bool


class FrameReader:
    """A stream of octets that becomes frames."""

    def __init__(
        self,
        receiver: FrameReceiver,
        isMasked: bool,
        rsv: int = 0,
    ) -> None:
        """
        @param isMasked: frames come from a client.
        @param rsv: the reserved bit that an extension may set on the first
            frame of a message.
        """
        self._receiver = receiver
        self._isMasked = isMasked
        self._rsv = rsv
        self._backlog = b""
        self._remaining = 0
        self._key = _NO_KEY
        self._isPaused = False
        self._isReading = False

    @classmethod
    def restored(
        cls,
        state: ReaderState,
        receiver: FrameReceiver,
        isMasked: bool,
        rsv: int = 0,
    ) -> FrameReader:
        """Make a reader that goes on where another one's L{state} was taken."""
        reader = cls(receiver, isMasked, rsv)
        reader._backlog, reader._remaining, reader._key, reader._isPaused = state
        return reader

    def state(self) -> ReaderState:
        """Give all that L{restored} needs; not from inside a call of the reader's."""
        return ReaderState(self._backlog, self._remaining, self._key, self._isPaused)

    @property
    def isInFrame(self) -> bool:
        """Ask whether a frame has begun and not ended."""
        return self._remaining > 0 or bool(self._backlog)

    def pause(self) -> None:
        """Make no calls; keep what comes."""
        self._isPaused = True

    def resume(self) -> None:
        """Go on with the next L{feed}, which may be of nothing."""
        self._isPaused = False

    def feed(self, data: bytes) -> None:
        """
        Read frames for as long as there are any.

        Any cut of a stream gives the same frames.  From inside one of its
        calls, or while paused, the octets are only kept.

        @raise ProtocolError: what came is no frame; the reader is finished.
        """
        if self._backlog:
            data = self._backlog + data
        if self._isPaused or self._isReading:
            self._backlog = data
            return
        self._backlog = b""
        self._isReading = True
        try:
            data = data[self._walk(data) :]
            while self._backlog:
                # One of the calls fed us.
                data += self._backlog
                self._backlog = b""
                data = data[self._walk(data) :]
            self._backlog = data
        finally:
            self._isReading = False

    def _walk(self, data: bytes) -> int:
        """
        Read the frames of one segment, until a call pauses us.

        @return: octets read.
        """
        octets = data
        end = len(data)
        offset = 0
        receiver = self._receiver
        if self._remaining and data and not self._isPaused:
            offset = self._continue(data)
        while end - offset >= 2 and not self._isPaused:
            first = octets[offset]
            length = octets[offset + 1] & 0x7F
            start = offset + 2
            self._checkHeader(first, octets[offset + 1])
            if length >= 126:
                start += 2 if length == 126 else 8
                if end < start:
                    break
                length = int.from_bytes(octets[offset + 2 : start], "big")
                self._checkLength(length, start - offset)
            if self._isMasked:
                start += 4
                if end < start:
                    break
                self._key = octets[start - 4 : start]
            if first & codes.CONTROL and end - start < length:
                break
            stop = start + length
            if stop > end:
                # Believed only as far as it has come.
                self._remaining = stop - end
                stop = end
            payload = octets[start:stop]
            if self._isMasked and payload:
                payload = applyMask(payload, self._key)
                if self._remaining:
                    self._key = _rotated(self._key, len(payload))
            offset = stop
            receiver.frameReceived(first & 0x7F, first >= 0x80, length, payload)
        return offset

    def _continue(self, data: bytes) -> int:
        """Take more payload of the unfinished frame; count it."""
        taken = min(len(data), self._remaining)
        payload = data[:taken]
        if self._isMasked:
            payload = applyMask(payload, self._key)
            self._key = _rotated(self._key, taken)
        self._remaining -= taken
        self._receiver.payloadReceived(payload)
        return taken

    def _checkHeader(self, first: int, second: int) -> None:
        """
        Check a frame header's first two octets.

        @see: RFC 6455 section 5.2, and 5.5 for control frames.
        """
        opcode = first & 0x0F
        rsv = first & 0x70
        if rsv and (rsv != self._rsv or opcode not in _FIRST):
            allowed = self._rsv >> 4 if opcode in _FIRST else 0
            raise ProtocolError(f"RSV bits {rsv >> 4}, negotiated: {allowed}")
        if opcode not in codes.OPCODES:
            raise ProtocolError(f"opcode {opcode}, which is reserved")
        if (second >= 0x80) != self._isMasked:
            raise ProtocolError("unmasked" if self._isMasked else "masked")
        if opcode & codes.CONTROL:
            if first < 0x80:
                raise ProtocolError("fragmented control frame")
            if second & 0x7F > codes.CONTROL_LIMIT:
                raise ProtocolError(
                    f"control frame over limit {codes.CONTROL_LIMIT} octets",
                )

    def _checkLength(self, length: int, headerLength: int) -> None:
        """Check an extended length: minimal, and no sign bit (section 5.2)."""
        if length > _LARGEST:
            raise ProtocolError(f"{length} octets, limit {_LARGEST}")
        if length < 126 or (headerLength == 10 and length <= 0xFFFF):
            raise ProtocolError(f"{length} octets, not in the shortest form")


def frameHeader(opcode: int, length: int, fin: bool, key: bytes) -> bytes:
    """
    Write a frame header.

    @param length: octets of payload, 0 <= length < 2**63.
    @param fin: it is the last of its message.
    @param key: the masking key, or empty to send unmasked.
    @return: 2 to 14 octets.
    @see: RFC 6455 section 5.2.
    """
    first = opcode | 0x80 if fin else opcode
    mask = 0x80 if key else 0
    if length < 126:
        return bytes((first, mask | length)) + key
    if length <= 0xFFFF:
        return bytes((first, mask | 126)) + length.to_bytes(2, "big") + key
    return bytes((first, mask | 127)) + length.to_bytes(8, "big") + key


def _rotated(key: bytes, octets: int) -> bytes:
    """Turn a masking key to where it stands after so many octets."""
    turn = octets & 3
    return key[turn:] + key[:turn]
