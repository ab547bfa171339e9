"""
Frames: the header of those we send, and a reader of those that come.

What a reader checks needs no memory of earlier frames; what spans frames is
L{wsagent.core.messages}'s.

@see: RFC 6455 section 5.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple, Protocol

from . import codes, masking
from .errors import ProtocolError

_NO_KEY = b""
_FIRST = frozenset((codes.TEXT, codes.BINARY))
_LARGEST = 0x7FFFFFFFFFFFFFFF
# By first and second octet: the headers of frames that are whole messages, and short.
_SHORT_HEADERS = tuple(
    tuple(bytes((first, second)) for second in range(256))
    if first in (0x81, 0x82, 0x8A, 0xC1, 0xC2)
    else ()
    for first in range(256)
)


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
    """
    A stream of octets that becomes frames.

    A subclass may take them itself, as L{MessageReader
    <wsagent.core.messages.MessageReader>} does.
    """

    def __init__(self, receiver: Any, isMasked: bool, rsv: int = 0) -> None:
        """
        @param receiver: a L{FrameReceiver}, or what a subclass calls.
        @param isMasked: frames come from a client.
        @param rsv: the reserved bit that an extension may set on the first
            frame of a message.
        """
        self._receiver = receiver
        self._isMasked = isMasked
        self._rsv = rsv
        self._lengthBounds = _lengthBounds(rsv)
        self._backlog = b""
        self._remaining = 0
        self._key = _NO_KEY
        self._isPaused = False
        self._isReading = False

    def restoreFrames(self, state: ReaderState) -> None:
        """Go on where another one's L{framesState} was taken."""
        self._backlog, self._remaining, self._key, self._isPaused = state

    def framesState(self) -> ReaderState:
        """Give all that L{restoreFrames} needs; not from inside a call of ours."""
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

    def take(self, first: int, length: int, data: bytes, start: int, stop: int) -> None:
        """
        Take a frame out of a segment, or its beginning, and hand it over.

        @param first: the header's first octet.
        @param length: octets of the whole payload.
        @param start: where in C{data} there is payload, still masked.
        @param stop: where it ends, or the segment.
        """
        payload = masking.payloadAt(data, start, stop, self._isMasked)
        self.frameReceived(first & 0x7F, first >= 0x80, length, payload)

    def frameReceived(
        self,
        opcode: int,
        fin: bool,
        length: int,
        payload: bytes,
    ) -> None:
        """Hand a frame over, or its beginning."""
        self._receiver.frameReceived(opcode, fin, length, payload)

    def payloadReceived(self, payload: bytes) -> None:
        """Hand more of an unfinished frame over."""
        self._receiver.payloadReceived(payload)

    def sliceReceived(self, data: bytes, length: int, key: bytes) -> None:
        """
        Unmask more of an unfinished frame, and hand it over.

        @param length: how many octets of C{data} it is.
        @param key: what they are masked with, or empty.
        """
        payload = data[:length]
        self.payloadReceived(masking.applyMask(payload, key) if key else payload)

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
            while True:
                read = self._walk(data)
                rest = data[read:] if read < len(data) else b""
                if not self._backlog:
                    break
                # One of the calls fed us.
                data = rest + self._backlog
                self._backlog = b""
            self._backlog = rest
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
        isMasked = self._isMasked
        maskBit = 0x80 if isMasked else 0
        bounds = self._lengthBounds
        if self._remaining and data and not self._isPaused:
            offset = self._continue(data)
        while end - offset >= 2 and not self._isPaused:
            first = octets[offset]
            length = octets[offset + 1] ^ maskBit
            if length >= bounds[first]:
                self._refuse(first, octets[offset + 1])
            start = offset + 2
            if length >= 126:
                start += 2 if length == 126 else 8
                if end < start:
                    break
                length = _extendedLength(data[offset + 2 : start])
            if isMasked:
                start += 4
                if end < start:
                    break
            if first & codes.CONTROL and end - start < length:
                break
            stop = end if length > end - start else start + length
            if isMasked and length > end - start:
                self._key = _rotated(data[start - 4 : start], stop - start)
            # Believed only as far as it has come.
            self._remaining = length - (stop - start)
            offset = stop
            self.take(first, length, data, start, stop)
        return offset

    def _continue(self, data: bytes) -> int:
        """Take more payload of the unfinished frame; count it."""
        taken = min(len(data), self._remaining)
        self._remaining -= taken
        key = self._key
        if self._isMasked:
            self._key = _rotated(key, taken)
        self.sliceReceived(data, taken, key)
        return taken

    def _refuse(self, first: int, second: int) -> None:
        """
        Say what is wrong with a frame header's first two octets.

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
        if first < 0x80:
            raise ProtocolError("fragmented control frame")
        raise ProtocolError(f"control frame over limit {codes.CONTROL_LIMIT} octets")


@cache
def _lengthBounds(rsv: int) -> bytes:
    """
    Say what may stand in a frame header's second octet, mask bit aside.

    @return: for each of the 256 first octets, what it has to be less than.
    @see: RFC 6455 section 5.2, and 5.5 for control frames.
    """
    bounds = bytearray(256)
    for opcode in codes.OPCODES:
        if opcode & codes.CONTROL:
            bounds[0x80 | opcode] = codes.CONTROL_LIMIT + 1
        else:
            bounds[opcode] = bounds[0x80 | opcode] = 0x80
    for opcode in _FIRST:
        bounds[rsv | opcode] = bounds[0x80 | rsv | opcode] = 0x80
    return bytes(bounds)


def _extendedLength(octets: bytes) -> int:
    """
    Read an extended length: minimal, and no sign bit (section 5.2).

    @param octets: 2 or 8.
    """
    length = 0
    for octet in octets:
        length = length << 8 | octet
    if length > _LARGEST:
        raise ProtocolError(f"{length} octets, limit {_LARGEST}")
    if length < 126 or (len(octets) == 8 and length <= 0xFFFF):
        raise ProtocolError(f"{length} octets, not in the shortest form")
    return length


def frameHeader(opcode: int, length: int, fin: bool, key: bytes) -> bytes:
    """
    Write a frame header.

    @param length: octets of payload, 0 <= length < 2**63.
    @param fin: it is the last of its message.
    @param key: the masking key, or empty to send unmasked.
    @return: 2 to 14 octets.
    @see: RFC 6455 section 5.2.
    """
    return headerStart(opcode, length, fin, bool(key)) + key


def headerStart(opcode: int, length: int, fin: bool, isMasked: bool) -> bytes:
    """Write a frame header as L{frameHeader} does, up to where the key follows."""
    first = opcode | 0x80 if fin else opcode
    second = 0x80 if isMasked else 0
    if length < 126:
        second |= length
        if _SHORT_HEADERS[first]:
            return _SHORT_HEADERS[first][second]
        return bytes((first, second))
    if length <= 0xFFFF:
        second |= 126
        return (first << 24 | second << 16 | length).to_bytes(4, "big")
    return bytes((first, second | 127)) + length.to_bytes(8, "big")


def _rotated(key: bytes, octets: int) -> bytes:
    """Turn a masking key to where it stands after so many octets."""
    turn = octets & 3
    return key[turn:] + key[:turn]
