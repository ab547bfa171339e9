"""The frames of one agent, as lines for a person to read: L{Trace}."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.python.failure import Failure

from .core import codes
from .core.errors import ProtocolError
from .core.framing import FrameReader
from .core.masking import Payload, joined
from .delivery import Delivery

_NAMES: Final = {
    codes.CONTINUATION: "continuation",
    codes.TEXT: "text",
    codes.BINARY: "bytes",
    codes.CLOSE: "close",
    codes.PING: "ping",
    codes.PONG: "pong",
}
_SHOWN: Final = 64
"""Octets of a payload that are shown, at most."""
_RSV: Final = 0x40
"""The bit of a frame that is compressed."""


class Trace:
    """
    Shows the frames that pass, from now on, until it is stopped.

    It reads the octets of both ways with readers of its own, from where the
    connection is; who is not looked at pays nothing.
    """

    def __init__(
        self,
        delivery: Delivery,
        isClient: bool,
        show: Callable[[str], object],
        hasPayloads: bool = False,
    ) -> None:
        """
        Begin, in place of one that goes on.

        @param delivery: of the connection; not from inside a call to its agent.
        @param isClient: the agent is a client's.
        @param show: called with each line.
        @param hasPayloads: show what is in them, and not only how long it is.
        """
        self._delivery = delivery
        self._show = show
        self._received = FrameReader(
            _Side("<", show, hasPayloads),
            not isClient,
            _RSV,
        )
        self._received.restoreFrames(delivery.framesState()._replace(isPaused=False))
        self._sent = FrameReader(_Side(">", show, hasPayloads), isClient, _RSV)
        delivery.tap = self

    @property
    def isOn(self) -> bool:
        """Ask whether it goes on."""
        return self._delivery.tap is self

    def stop(self) -> None:
        """Show no more."""
        if self.isOn:
            self._delivery.tap = None

    # What the delivery calls

    def octetsReceived(self, data: bytes) -> None:
        """Show what came."""
        self._read(self._received, data)

    def frameSent(self, header: bytes, payload: Payload, key: bytes) -> None:
        """Show what is sent."""
        self._read(self._sent, joined(header, payload, key))

    def connectionLost(self, failure: Failure) -> None:
        """Show how it ended."""
        self._show(f"* closed {failure.value}")

    def _read(self, reader: FrameReader, octets: bytes) -> None:
        """Read on one side, until what comes are no frames."""
        try:
            reader.feed(octets)
        except ProtocolError:
            # Whoever is to read it says what is wrong.
            reader.pause()


class _Side:
    """One side of a trace."""

    def __init__(
        self,
        mark: str,
        show: Callable[[str], object],
        hasPayloads: bool,
    ) -> None:
        """@param mark: tells the direction."""
        self._mark = mark
        self._show = show
        self._hasPayloads = hasPayloads

    def frameReceived(
        self,
        opcode: int,
        fin: bool,
        length: int,
        payload: bytes,
    ) -> None:
        """Show a frame; of one that is still coming, its beginning."""
        line = f"{self._mark} {_NAMES[opcode & ~_RSV]}, {length} octets"
        if opcode & _RSV:
            line += ", compressed"
        if not fin:
            line += ", not the last"
        if opcode == codes.CLOSE and length >= 2:
            line += f", code {int.from_bytes(payload[:2], 'big')}"
            payload, length = payload[2:], length - 2
        if self._hasPayloads and payload:
            line += f": {_described(opcode, payload, length)}"
        self._show(line)

    def payloadReceived(self, payload: bytes) -> None:
        """Show nothing: the frame is shown."""


def _described(opcode: int, payload: bytes, length: int) -> str:
    """Show the beginning of a payload: text in quotes, else octets in hex."""
    shown = payload[:_SHOWN]
    more = "..." if len(shown) < length else ""
    if opcode in (codes.TEXT, codes.CLOSE):
        return ascii(shown.decode(errors="replace")) + more
    return shown.hex(" ") + more
