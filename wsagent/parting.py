"""The last of a connection: its reason, our FIN, the peer's, and a deadline."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import ISSLTransport

from .ending import Ending
from .interfaces import IWireTransport
from .timing import Deadline, Wheel

_MOST = 65_536
"""Octets that are read and dropped while we wait for the peer's FIN."""


class Parting(Ending):
    """
    How one connection ends, and how its transport is left.

    To close with octets unread would send RST, and our last word be lost: so
    we send FIN, and wait for the peer's.

    @ivar isReadLost: the peer's FIN came.
    @ivar hasBegun: our FIN is sent, or will be.
    """

    __slots__ = ("_deadline", "_dropped", "hasBegun", "isReadLost")

    def __init__(self) -> None:
        """The end is not near, but known to come."""
        super().__init__()
        self._deadline: Deadline | None = None
        self._dropped = 0
        self.isReadLost = False
        self.hasBegun = False

    def awaitPeer(
        self,
        wheel: Wheel,
        timeout: float,
        abort: Callable[[], object],
    ) -> None:
        """
        Give the peer some time, from the first call on.

        @param timeout: seconds that it has.
        @param abort: called after that.
        """
        if self._deadline is None:
            self._deadline = Deadline(wheel, abort, timeout)

    def stop(self) -> None:
        """Wait for the peer no longer."""
        if self._deadline is not None:
            self._deadline.stop()

    def begin(self, transport: IWireTransport, isPeerFirst: bool) -> None:
        """
        Send FIN, once all is sent.

        @param isPeerFirst: leave that to the peer, unless it has done so.
        """
        self.hasBegun = True
        if isPeerFirst and not self.isReadLost:
            return
        if (
            self.isReadLost
            # TLS says its own goodbye, and waits for the peer's.
            or ISSLTransport.providedBy(transport)
            or not hasattr(transport, "loseWriteConnection")
        ):
            transport.loseConnection()
        else:
            transport.loseWriteConnection()

    def drop(self, transport: IWireTransport, data: bytes) -> None:
        """Read on for the peer's FIN, but not for long."""
        self._dropped += len(data)
        if self._dropped > _MOST:
            transport.pauseProducing()
