"""
permessage-deflate: what is offered, what is accepted, and what then is done.

@see: RFC 7692 section 7.1.
"""

from __future__ import annotations

from typing import Final, NamedTuple, cast

from .deflate import Compression, Deflater, Inflater, InflaterState
from .errors import HandshakeError
from .extensions import Parameters

NAME: Final = "permessage-deflate"
LARGEST_WINDOW: Final = 15
SMALLEST_OWN_WINDOW: Final = 9
"""What zlib can compress raw with; it inflates 8 too."""

_SERVER_FLAG = "server_no_context_takeover"
_CLIENT_FLAG = "client_no_context_takeover"
_SERVER_WINDOW = "server_max_window_bits"
_CLIENT_WINDOW = "client_max_window_bits"
_KNOWN = {_SERVER_FLAG, _CLIENT_FLAG, _SERVER_WINDOW, _CLIENT_WINDOW}
_BITS = {str(bits) for bits in range(8, 16)}
"""Section 7.1.2.1: no sign, no leading zero."""


class Volume:
    """
    How many octets of messages were compressed, and to how many, both ways.

    @ivar plainReceived: octets that were inflated, as messages have them.
    @ivar encodedReceived: the same, as they came.
    @ivar plainSent: octets that we have compressed, as messages have them.
    @ivar encodedSent: the same, as they went.
    """

    def __init__(self) -> None:
        """There were none."""
        self.plainReceived = 0
        self.encodedReceived = 0
        self.plainSent = 0
        self.encodedSent = 0


class DeflateCodec:
    """permessage-deflate on one connection."""

    rsv = 0x40

    def __init__(
        self,
        compression: Compression,
        windowBits: int,
        hasTakeover: bool,
        peerWindowBits: int,
        peerHasTakeover: bool,
        volume: Volume | None = None,
    ) -> None:
        """
        Use what both sides have agreed on.

        @param volume: counts what is done; others may share it.
        """
        self._volume = volume or Volume()
        self._threshold = compression.threshold
        self._deflater = Deflater(compression, windowBits, hasTakeover)
        self._inflater = Inflater(
            peerWindowBits,
            peerHasTakeover,
            compression.isMovable,
        )
        # zlib's raw deflate has no window of 8 bits: then all goes out plain.
        self._isMute = windowBits < SMALLEST_OWN_WINDOW

    def encode(self, payload: bytes, choice: bool | None) -> bytes | None:
        """Compress, if that is chosen and can pay."""
        isChosen = len(payload) >= self._threshold if choice is None else choice
        if self._isMute or not isChosen:
            return None
        encoded = self._deflater.deflate(payload)
        self._volume.plainSent += len(payload)
        self._volume.encodedSent += len(encoded)
        return encoded

    def encodesBy(self) -> tuple[object, ...] | None:
        """Name the settings, unless we refer to earlier messages."""
        basis = self._deflater.basis()
        return None if basis is None else (NAME, self._threshold, *basis)

    def decode(self, data: bytes, isLast: bool, limit: int) -> bytes:
        """Inflate."""
        plain = self._inflater.inflate(data, isLast, limit)
        self._volume.plainReceived += len(plain)
        self._volume.encodedReceived += len(data)
        return plain

    def rest(self) -> None:
        """Keep no more than the peer's window."""
        self._deflater.rest()
        self._inflater.rest()

    def state(self) -> tuple[InflaterState, bytes]:
        """Give the state of both directions."""
        return self._inflater.state(), self._deflater.state()

    def restore(self, state: object) -> None:
        """Go on where another one's L{state} was taken."""
        inflater, deflater = cast("tuple[InflaterState, bytes]", state)
        self._inflater.restore(inflater)
        self._deflater.restore(deflater)


class PermessageDeflate:
    """
    The extension, as one side's L{Compression} wants it.

    @ivar volume: of all codecs that it has made.
    """

    name = NAME

    def __init__(self, compression: Compression) -> None:
        """@param compression: what we would like."""
        self._compression = compression
        self.volume = Volume()

    def offers(self) -> list[Parameters]:
        """Offer one way."""
        wish = self._compression
        parameters: list[tuple[str, str | None]] = []
        if not wish.peerHasContextTakeover:
            parameters.append((_SERVER_FLAG, None))
        if not wish.hasContextTakeover:
            parameters.append((_CLIENT_FLAG, None))
        if wish.peerWindowBits < LARGEST_WINDOW:
            parameters.append((_SERVER_WINDOW, str(wish.peerWindowBits)))
        own = str(wish.windowBits) if wish.windowBits < LARGEST_WINDOW else None
        return [[*parameters, (_CLIENT_WINDOW, own)]]

    def accept(self, offer: Parameters) -> tuple[Parameters, DeflateCodec] | None:
        """Accept an offer that can be kept; never promise less than it asks."""
        asked = _read(offer, mayBeBare=True)
        wish = self._compression
        if asked is None:
            return None
        own = min(asked.serverWindowBits or LARGEST_WINDOW, wish.windowBits)
        if own < SMALLEST_OWN_WINDOW:
            return None
        hasTakeover = wish.hasContextTakeover and not asked.serverFlag
        peerHasTakeover = wish.peerHasContextTakeover and not asked.clientFlag
        # Only a client that says so can be asked for a smaller window.
        peer = LARGEST_WINDOW
        if asked.clientWindowBits is not None:
            peer = min(asked.clientWindowBits, wish.peerWindowBits)
        answer: list[tuple[str, str | None]] = []
        if not hasTakeover:
            answer.append((_SERVER_FLAG, None))
        if not peerHasTakeover:
            answer.append((_CLIENT_FLAG, None))
        # 7.1.2.1: who asks for a window is told it, the largest too.
        if own < LARGEST_WINDOW or asked.serverWindowBits is not None:
            answer.append((_SERVER_WINDOW, str(own)))
        if peer < LARGEST_WINDOW:
            answer.append((_CLIENT_WINDOW, str(peer)))
        return answer, DeflateCodec(
            wish,
            own,
            hasTakeover,
            peer,
            peerHasTakeover,
            self.volume,
        )

    def begin(self, answer: Parameters) -> DeflateCodec:
        """Hold an answer against the offer."""
        told = _read(answer, mayBeBare=False)
        wish = self._compression
        if told is None:
            raise HandshakeError("permessage-deflate with malformed parameters")
        peer = told.serverWindowBits or LARGEST_WINDOW
        if peer > wish.peerWindowBits:
            raise HandshakeError(f"server_max_window_bits over {wish.peerWindowBits}")
        if not (told.serverFlag or wish.peerHasContextTakeover):
            raise HandshakeError("server_no_context_takeover is missing")
        return DeflateCodec(
            wish,
            # 7.1.2.2: the server may ignore our hint, and allow more.
            min(told.clientWindowBits or LARGEST_WINDOW, wish.windowBits),
            wish.hasContextTakeover and not told.clientFlag,
            peer,
            not told.serverFlag,
            self.volume,
        )


class _Parameters(NamedTuple):
    """The four parameters of section 7.1; C{None} for a window not named."""

    serverFlag: bool
    clientFlag: bool
    serverWindowBits: int | None
    clientWindowBits: int | None


def _read(parameters: Parameters, mayBeBare: bool) -> _Parameters | None:
    """
    Read the parameters of an offer or an answer.

    @param mayBeBare: C{client_max_window_bits} may have no value.
    @return: C{None} if one is unknown, twice there, or malformed.
    """
    known = dict(parameters)
    if len(known) < len(parameters) or not known.keys() <= _KNOWN:
        return None
    if any(known.get(flag) is not None for flag in (_SERVER_FLAG, _CLIENT_FLAG)):
        return None
    if mayBeBare and _CLIENT_WINDOW in known and known[_CLIENT_WINDOW] is None:
        known[_CLIENT_WINDOW] = str(LARGEST_WINDOW)
    bits: list[int | None] = []
    for window in (_SERVER_WINDOW, _CLIENT_WINDOW):
        if window not in known:
            bits.append(None)
        elif known[window] in _BITS:
            bits.append(int(known[window] or 0))
        else:
            return None
    return _Parameters(_SERVER_FLAG in known, _CLIENT_FLAG in known, *bits)
