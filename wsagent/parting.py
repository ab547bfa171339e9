"""The last of a transport: our FIN, the peer's, and a deadline for it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import ISSLTransport

from .interfaces import IWireTransport
from .keepalive import Deadlines

_MOST = 65_536
"""Octets that are read and dropped while we wait for the peer's FIN."""


class Parting:
    """
    How one transport is left.

    To close with octets unread would send RST, and our last word be lost: so
    we send FIN, and wait for the peer's.

    @ivar isReadLost: the peer's FIN came.
    @ivar hasBegun: our FIN is sent, or will be.
    """

    def __init__(
        self,
        deadlines: Deadlines,
        timeout: float,
        abort: Callable[[], object],
    ) -> None:
        """
        @param timeout: seconds that the peer has.
        @param abort: called after that.
        """
        self._deadlines = deadlines
        self._timeout = timeout
        self._abort = abort
        self._dropped = 0
        self.isReadLost = False
        self.hasBegun = False

    def awaitPeer(self) -> None:
        """Give the peer some time, from the first call on."""
        if not self._deadlines.isRunning("close"):
            self._deadlines.start("close", self._timeout, self._abort)

    def begin(self, transport: IWireTransport, isPeerFirst: bool) -> None:
        """
        Send FIN, once all is sent.

        @param isPeerFirst: leave that to the peer, unless it has done so.
        """
        self.hasBegun = True
        self.awaitPeer()
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
