"""A TCP connection in memory: L{MemoryTransport}."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IProducer,
    IPushProducer,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from .interfaces import IWireTransport
from .wire import Wire

CLIENT = IPv4Address("TCP", "192.0.2.1", 54321)
"""Where clients are, unless they are told otherwise."""

_BUFFER_SIZE = 65_536


@implementer(IWireTransport)
class MemoryTransport:
    """
    A server's end of a TCP connection in memory.

    Nothing moves by itself: L{move} does it.

    @ivar protocol: the server's.
    @ivar isReading: the server takes octets.
    @ivar peerReads: the peer takes octets; else they pile up.
    @ivar hasFinished: the server has sent FIN.
    @ivar isLost: the connection is gone.
    @ivar wasAborted: the server has aborted it.
    """

    disconnecting = False

    def __init__(self, protocol: Wire, peer: Any = CLIENT) -> None:
        """@param protocol: the server's, not yet connected."""
        self.protocol = protocol
        self._peer = peer
        self._toPeer = bytearray()
        self._fromPeer = bytearray()
        self._peerHasFinished = False
        self._finIsRead = False
        self._producer: IPushProducer | None = None
        self._producerIsPaused = False
        self.isReading = True
        self.peerReads = True
        self.hasFinished = False
        self.isLost = False
        self.wasAborted = False

    # ITCPTransport

    def write(self, data: bytes) -> None:
        """Keep octets until L{move}."""
        if not isinstance(data, bytes):
            raise TypeError(f"data are {type(data).__name__}, needed bytes")
        if self.isLost or self.wasAborted or self.hasFinished:
            return
        self._toPeer += data
        if len(self._toPeer) > _BUFFER_SIZE and self._producer is not None:
            self._producerIsPaused = True
            self._producer.pauseProducing()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Keep octets until L{move}."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Be gone once all is sent."""
        self.disconnecting = True
        self.isReading = False

    def abortConnection(self) -> None:
        """Be gone."""
        self.wasAborted = True
        self._toPeer.clear()

    def loseWriteConnection(self) -> None:
        """Send FIN once all is sent."""
        self.hasFinished = True

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Tell a producer when there is too much."""
        if self._producer is not None:
            raise RuntimeError(f"producer {producer!r}, have {self._producer!r}")
        self._producer = IPushProducer(producer)

    def unregisterProducer(self) -> None:
        """Forget the producer."""
        self._producer = None

    def pauseProducing(self) -> None:
        """Read nothing."""
        self.isReading = False

    def resumeProducing(self) -> None:
        """Read on."""
        self.isReading = not self.disconnecting

    def stopProducing(self) -> None:
        """Be gone."""
        self.loseConnection()

    def getPeer(self) -> Any:
        """Name the peer."""
        return self._peer

    def getHost(self) -> IPv4Address:
        """Name the server."""
        return IPv4Address("TCP", "192.0.2.2", 8001)

    def getTcpNoDelay(self) -> bool:
        """Memory has no delay."""
        return True

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Memory has no delay."""

    def getTcpKeepAlive(self) -> bool:
        """Memory stays."""
        return False

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Memory stays."""

    # The peer's end

    @property
    def unread(self) -> int:
        """How many octets the server has not taken."""
        return len(self._fromPeer)

    @property
    def unsent(self) -> int:
        """How many octets the peer has not taken."""
        return len(self._toPeer)

    def deliver(self, octets: bytes) -> None:
        """Have the peer send octets."""
        self._fromPeer += octets

    def finish(self) -> None:
        """Have the peer send FIN."""
        self._peerHasFinished = True

    def lose(self, reason: Exception) -> None:
        """End the connection, once."""
        if self.isLost:
            return
        self.isLost = True
        if self._producer is not None:
            self._producer.stopProducing()
        self.protocol.connectionLost(Failure(reason))

    def move(self) -> bytes | None:
        """
        Move octets, as a reactor would once.

        @return: what the peer gets, or C{None} if nothing moved.
        """
        if self.isLost:
            return None
        if self.wasAborted:
            self.lose(ConnectionAborted())
            return b""
        if self.isReading and self._fromPeer:
            octets = bytes(self._fromPeer)
            self._fromPeer.clear()
            self.protocol.dataReceived(octets)
            return b""
        if self._toPeer and self.peerReads:
            octets = bytes(self._toPeer)
            self._toPeer.clear()
            if self._producer is not None and self._producerIsPaused:
                self._producerIsPaused = False
                self._producer.resumeProducing()
            return octets
        if self.disconnecting and not self._toPeer:
            self.lose(ConnectionDone())
            return b""
        if self._peerHasFinished and self.isReading and not self._finIsRead:
            self._finIsRead = True
            IHalfCloseableProtocol(self.protocol).readConnectionLost()
            return b""
        return None
