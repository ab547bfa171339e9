"""What goes out: payloads as octets, and a message that goes to many."""

from __future__ import annotations

from collections.abc import Hashable

from . import codes, masking
from .extensions import Codec
from .framing import frameHeader


class PreparedMessage:
    """
    A message for many connections, which share what they can of it.

    It is framed once, and encoded once for all whose codecs do so alike.
    Clients, who mask, share nothing.

    @ivar opcode: that of text, or of octets.
    @ivar payload: its octets.
    @ivar choice: to encode it or not, where there is a codec.
    """

    def __init__(
        self,
        message: str | bytes | bytearray | memoryview,
        compress: bool | None = None,
    ) -> None:
        """
        @param message: text as C{str}, else octets.
        @param compress: whether to, where that was agreed on; by default as
            each connection's C{settings.compression.threshold} says.
        @raise TypeError: C{message} is neither.
        @raise ValueError: it has a surrogate, which is no UTF-8.
        """
        if isinstance(message, str):
            self.opcode = codes.TEXT
            self.payload = masking.encoded(message)
        else:
            self.opcode = codes.BINARY
            self.payload = bytesOctets(message)
        self.choice = compress
        self._plain: bytes | None = None
        self._encoded: dict[Hashable, bytes] = {}

    def frame(self, codec: Codec | None) -> bytes:
        """
        Give the frame that a server sends, made once where that may be.

        @param codec: the connection's.
        """
        if codec is None:
            return self._plainFrame()
        basis = codec.encodesBy()
        if basis is None:
            return self._encodedFrame(codec)
        frame = self._encoded.get(basis)
        if frame is None:
            frame = self._encoded[basis] = self._encodedFrame(codec)
        return frame

    def _plainFrame(self) -> bytes:
        """Give the frame for who encodes nothing."""
        if self._plain is None:
            header = frameHeader(self.opcode, len(self.payload), True, b"")
            self._plain = header + self.payload
        return self._plain

    def _encodedFrame(self, codec: Codec) -> bytes:
        """Make the frame that a codec wants."""
        encoded = codec.encode(self.payload, self.choice)
        if encoded is None:
            return self._plainFrame()
        return frameHeader(self.opcode | codec.rsv, len(encoded), True, b"") + encoded


def bytesOctets(data: bytes | bytearray | memoryview) -> bytes:
    """Freeze what must be octets."""
    if isinstance(data, bytes):
        return data
    if not isinstance(data, (bytearray, memoryview)):
        raise TypeError(f"data are {type(data).__name__}, needed bytes")
    return bytes(data)
