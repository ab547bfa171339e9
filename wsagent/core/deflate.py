"""
DEFLATE, message by message: L{Inflater} and L{Deflater}.

@see: RFC 7692 section 7.2.
"""

from __future__ import annotations

import sys
import zlib
from dataclasses import dataclass
from typing import NamedTuple

from .errors import InvalidPayload, MessageTooBig

_TAIL = b"\x00\x00\xff\xff"
"""What a sync flush ends with, and no message carries (section 7.2.1)."""
_LAST_BLOCK = b"\x01\x00\x00\xff\xff"
"""An empty block that ends a stream: only at the end of a block does it do so."""
_STREAM_LIMIT = 100
"""Streams in one message, at most: each costs a window."""
_STEP = 65_536
"""Octets inflated, and made, at once: all of them may be in vain."""
_SHORT = 8192
"""Octets up to which to copy them costs less than a call of zlib."""


@dataclass(frozen=True)
class Compression:
    """
    How messages are compressed.

    The window of C{2**bits} octets is what each side remembers of earlier
    messages, and what most of its memory goes to.

    @raise ValueError: a value is not allowed; names it and what is.
    """

    level: int = 5
    """Effort, 1 to 9; zlib's own, 6, takes 10 % more time for 1 % fewer octets."""
    memoryLevel: int = 5
    """Memory to compress with, 1 to 9: C{2**(memoryLevel + 9)} octets."""
    windowBits: int = 12
    """Our window, 9 to 15."""
    peerWindowBits: int = 12
    """The window that the peer is asked to keep to, 9 to 15."""
    hasContextTakeover: bool = True
    """We refer to earlier messages."""
    peerHasContextTakeover: bool = True
    """The peer may refer to earlier messages."""
    threshold: int = 1024
    """Octets of payload below which a message goes out plain."""
    isMovable: bool = False
    """Keep what C{Connection.state()} needs."""

    def __post_init__(self) -> None:
        """Check each number."""
        for name, least, most in (
            ("level", 1, 9),
            ("memoryLevel", 1, 9),
            ("windowBits", 9, 15),
            ("peerWindowBits", 9, 15),
            ("threshold", 0, sys.maxsize),
        ):
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= most:
                raise ValueError(f"{name}: {value!r}, allowed: {least} to {most}")


class InflaterState(NamedTuple):
    """All that an L{Inflater} knows, as a plain value."""

    window: bytes
    message: bytes


class Inflater:
    """
    What a peer has compressed, and what it may refer to.

    A peer that refers to more than its window is found out where that is gone.
    What is inflated at once may refer to all of itself: zlib looks no closer,
    so that this, and nothing else, depends on the segments.
    """

    def __init__(self, windowBits: int, hasTakeover: bool, isMovable: bool) -> None:
        """
        @param windowBits: of the peer's window, 8 to 15.
        @param hasTakeover: the peer may refer to earlier messages.
        @param isMovable: L{state} will be asked for.
        """
        self._windowBits = windowBits
        self._hasTakeover = hasTakeover
        self._isMovable = isMovable
        self._stream: zlib._Decompress | None = None
        # Plain octets that the next message, or block, may refer to.
        self._window = b""
        # To be moved: the window when the message that is coming began, and
        # its compressed octets.
        self._beginning = b""
        self._message = bytearray()
        # Of this message: its last 4 compressed octets, and its last blocks.
        self._ending = b""
        self._streams = 0

    def state(self) -> InflaterState:
        """
        Give all that L{restore} needs.

        @raise ValueError: it was not asked to keep that.
        """
        if not self._isMovable:
            raise ValueError("isMovable: False, needed: True")
        return InflaterState(self._beginning, bytes(self._message))

    def restore(self, state: InflaterState) -> None:
        """Go on where another one's L{state} was taken."""
        self._window = self._beginning = state.window
        if state.message:
            self.inflate(state.message, False, sys.maxsize - 1)

    def inflate(self, data: bytes, isLast: bool, limit: int) -> bytes:
        """
        Inflate some octets of a message.

        @param isLast: they are the last ones of the message.
        @param limit: octets that may come of it.
        @raise InvalidPayload: it is no DEFLATE, or ends inside a block.
        @raise MessageTooBig: more would come of it; no more is made than that.
        """
        if self._isMovable:
            self._message += data
        ending = data[-4:]
        isWhole = isLast and not self._ending
        if isWhole and ending != _TAIL and len(data) <= _SHORT:
            # Most messages: the tail has no call of its own.
            plain = self._inflate(data + _TAIL, limit, isEnded=True)
            self._endMessage()
            return plain
        self._ending = (self._ending + ending)[-4:]
        pieces: list[bytes] = []
        for start in range(0, len(data), _STEP):
            pieces.append(self._inflate(data[start : start + _STEP], limit))
            limit -= len(pieces[-1])
        if isLast:
            pieces.append(self._inflateTail(limit))
            self._endMessage()
        return b"".join(pieces)

    def rest(self) -> None:
        """Use less memory until the next message; not inside of one."""
        self._stream = None

    def _newStream(self) -> zlib._Decompress:
        """Begin a stream that may refer to the window."""
        if self._window:
            return zlib.decompressobj(-self._windowBits, zdict=self._window)
        return zlib.decompressobj(-self._windowBits)

    def _inflate(self, data: bytes, room: int, isEnded: bool = False) -> bytes:
        """
        Inflate octets, step by step: no more is made than there is room for.

        @param isEnded: they end with the tail, which we have put back.
        """
        pieces: list[bytes] = []
        while True:
            stream = self._stream
            if stream is None:
                stream = self._stream = self._newStream()
            size = min(room, _STEP - 1) + 1
            try:
                piece = stream.decompress(data, size)
            except zlib.error as error:
                raise InvalidPayload(f"not DEFLATE: {error}") from None
            room -= len(piece)
            if room < 0:
                raise MessageTooBig("over the limit when inflated")
            pieces.append(piece)
            self._remember(piece)
            data = stream.unconsumed_tail
            if stream.eof:
                # 7.2.3.4: after a last block, another stream may follow.
                data = stream.unused_data
                self._stream = None
                self._streams += 1
                if self._streams > _STREAM_LIMIT:
                    raise InvalidPayload(f"over {_STREAM_LIMIT} last blocks")
                if not data or (isEnded and data == _TAIL):
                    break
            elif len(piece) < size:
                break
        return b"".join(pieces)

    def _remember(self, plain: bytes) -> None:
        """Keep the window; within a message even without takeover."""
        size = 1 << self._windowBits
        if len(plain) >= size:
            self._window = plain[-size:]
        elif plain:
            self._window = (self._window + plain)[-size:]

    def _inflateTail(self, room: int) -> bytes:
        """Put the tail back, unless it is there, or nothing that needs one."""
        # Some peers leave the tail on, or nothing after a last block.
        if self._stream is None or (self._ending == _TAIL and self._isBetweenBlocks()):
            return b""
        return self._inflate(_TAIL, room)

    def _endMessage(self) -> None:
        """See that the message ended with a block, and be ready for the next."""
        if not self._isBetweenBlocks():
            raise InvalidPayload("compressed message ends inside a block")
        if not self._hasTakeover:
            self._stream = None
            self._window = b""
        self._ending = b""
        self._streams = 0
        if self._isMovable:
            self._beginning = self._window
            self._message.clear()

    def _isBetweenBlocks(self) -> bool:
        """Ask whether a block has ended, and no other begun."""
        if self._stream is None:
            return True
        try:
            end = self._stream.copy()
            return not end.decompress(_LAST_BLOCK) and end.eof
        except zlib.error:
            return False


class Deflater:
    """What we compress, and what it may refer to."""

    def __init__(
        self,
        compression: Compression,
        windowBits: int,
        hasTakeover: bool,
    ) -> None:
        """
        @param windowBits: of our window, 9 to 15.
        @param hasTakeover: we may refer to earlier messages.
        """
        self._compression = compression
        self._windowBits = windowBits
        self._hasTakeover = hasTakeover
        self._stream: zlib._Compress | None = None
        self._window = b""

    def state(self) -> bytes:
        """
        Give all that L{restore} needs: the plain octets last compressed.

        @raise ValueError: it was not asked to keep that.
        """
        if not self._compression.isMovable:
            raise ValueError("isMovable: False, needed: True")
        return self._window

    def restore(self, state: bytes) -> None:
        """Go on where another one's L{state} was taken."""
        self._window = state

    def basis(self) -> tuple[int, int, int] | None:
        """Give what alone decides what comes of a message, unless more does."""
        if self._hasTakeover:
            return None
        settings = self._compression
        return settings.level, settings.memoryLevel, self._windowBits

    def deflate(self, payload: bytes) -> bytes:
        """
        Compress a message.

        @return: at least one octet.
        @see: RFC 7692 section 7.2.1.
        """
        stream = self._stream or self._newStream()
        octets = stream.compress(payload) + stream.flush(zlib.Z_SYNC_FLUSH)
        if self._hasTakeover:
            self._stream = stream
            if self._compression.isMovable:
                self._window = (self._window + payload)[-1 << self._windowBits :]
        # 7.2.3.6: nothing at all is an empty block, less its tail.
        return octets[:-4] or b"\x00"

    def rest(self) -> None:
        """Use less memory until the next message: refer to none of the earlier."""
        self._stream = None
        self._window = b""

    def _newStream(self) -> zlib._Compress:
        """Begin a stream that may refer to the window."""
        settings = self._compression
        arguments = (settings.level, zlib.DEFLATED, -self._windowBits)
        if self._window:
            return zlib.compressobj(
                *arguments,
                settings.memoryLevel,
                zdict=self._window,
            )
        return zlib.compressobj(*arguments, settings.memoryLevel)
