"""One socket of a lane, as Twisted knows a TCP transport."""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from twisted.internet import main
from twisted.internet.address import IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionAborted, ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IConnector,
    IConsumer,
    IHalfCloseableProtocol,
    IProducer,
    IPushProducer,
    ISystemHandle,
    ITCPTransport,
)
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import classImplements

from wsagent.core.masking import Payload

from . import system

if TYPE_CHECKING:
    from .lane import Lane

Octets = bytes | bytearray | memoryview


class SegmentReceiver:
    """What a socket's octets go to: the base of a compiled one."""

    def dataReceived(self, data: bytes) -> None:
        """Take a segment."""
        raise NotImplementedError

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Hear that the socket is gone."""
        raise NotImplementedError


class LaneTransport:
    """
    A connected socket that a L{Lane} watches.

    What is written is sent at once, as far as there is room.

    @ivar connected: it is not lost.
    @ivar disconnecting: L{loseConnection} was called.
    @ivar disconnected: it is lost.
    """

    def __init__(
        self,
        lane: Lane,
        connected: socket.socket,
        protocol: SegmentReceiver,
        peer: IAddress,
        connector: IConnector | None = None,
    ) -> None:
        """
        @param connected: does not block, and is nobody else's; it is detached.
        @param protocol: an L{IHalfCloseableProtocol} too.
        @param connector: who is told after the protocol that the socket is gone.
        """
        self._lane = lane
        # An object of 100 octets, made again when somebody asks for it.
        self._socket: socket.socket | None = None
        self._descriptor = connected.fileno()
        self._protocol = protocol
        self._peer: Any = peer
        self._connector: Any = connector
        self._unsent: deque[Octets] | None = None
        # What the lane watches it for.
        self._events = system.IN
        self._isReading = True
        self._isWriting = False
        self._isReadEnded = False
        self._isWriteEnding = False
        self._isWriteEnded = False
        self._hasFailed = False
        self._isAborting = False
        self._producer: Any = None
        self._isStreaming = False
        self._isProducerPaused = False
        self.connected = True
        self.disconnecting = False
        self.disconnected = False
        lane.add(self._descriptor, self, self._events)
        connected.detach()

    # Beyond what Twisted's have

    def send(self, data: Octets) -> int:
        """
        Send octets now, as many as there is room for.

        @return: how many; if not all, the producer is resumed when there is room.
        """
        if not self._maySend():
            return len(data)
        try:
            sent = system.send(self._descriptor, data)
        except OSError:
            self._fail()
            return len(data)
        if sent < len(data):
            self._awaitRoom()
        return sent

    def sendBoth(self, header: bytes, payload: Payload) -> int:
        """Send a header and what follows, as L{send} does."""
        length = len(header) + len(payload)
        if not self._maySend():
            return length
        try:
            sent = system.sendBoth(self._descriptor, header, payload)
        except OSError:
            self._fail()
            return length
        if sent < length:
            self._awaitRoom()
        return sent

    # ITransport

    def write(self, data: bytes) -> None:
        """
        Send octets now, and keep what there is no room for.

        @raise TypeError: they are not C{bytes}, which nobody changes meanwhile.
        """
        if not isinstance(data, bytes):
            raise TypeError(f"{type(data).__name__} written, needed bytes")
        if self._unsent is not None:
            self._unsent.append(data)
            return
        sent = self.send(data) if data else 0
        if sent < len(data):
            self._unsent = deque((memoryview(data)[sent:],))
            if self._producer is not None and self._isStreaming:
                self._producer.pauseProducing()
        elif data and self._producer is not None and not self._isStreaming:
            # One that is pulled is asked for more when there is room.
            self._startWriting()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send octets now, and keep what there is no room for."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Send what was written, then close."""
        if self.connected and not self.disconnecting:
            if self._isWriteEnded:
                # As Twisted's do, at once.
                self.connectionLost(Failure(main.CONNECTION_DONE))
            else:
                self.disconnecting = True
                self._isReading = False
                self._startWriting()

    # mypy has not heard of UNIX sockets that pass for TCP, as Twisted's do.

    def getPeer(self) -> Any:
        """Tell the address of the other end, even when it is gone."""
        return self._peer

    def getHost(self) -> Any:
        """Tell the address of this end."""
        name = self._connected().getsockname()
        if self._isUNIX():
            return UNIXAddress(name or None)
        host, *others = name
        if isinstance(self._peer, IPv6Address):
            # With the scope, if it has one.
            numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
            host, _ = socket.getnameinfo(name, numeric)
        return type(self._peer)("TCP", host, *others)

    # ITCPTransport

    def abortConnection(self) -> None:
        """Close in a moment, whatever waits."""
        if self.connected and not self._isAborting:
            self._isAborting = True
            self._isReading = False
            self._unsent = None
            self._watch()
            self._lane.callSoon(self.connectionLost, Failure(ConnectionAborted()))

    def loseWriteConnection(self) -> None:
        """Send what was written, then FIN."""
        if self.connected and not self._isWriteEnded:
            self._isWriteEnding = True
            self._startWriting()

    def getTcpNoDelay(self) -> bool:
        """Ask whether small segments are sent at once; a UNIX socket has none."""
        return not self._isUNIX() and self._hasOption(
            socket.IPPROTO_TCP, socket.TCP_NODELAY
        )

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Have small segments sent at once; a UNIX socket has none."""
        if not self._isUNIX():
            self._setOption(socket.IPPROTO_TCP, socket.TCP_NODELAY, enabled)

    def getTcpKeepAlive(self) -> bool:
        """Ask whether the system looks for a peer that is silent."""
        return self._hasOption(socket.SOL_SOCKET, socket.SO_KEEPALIVE)

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Have the system look for a peer that is silent."""
        self._setOption(socket.SOL_SOCKET, socket.SO_KEEPALIVE, enabled)

    def getHandle(self) -> socket.socket:
        """Give the socket, which stays the lane's."""
        return self._connected()

    def startTLS(self, *_: object) -> NoReturn:
        """Refuse: an open WebSocket does not change its transport."""
        raise NotImplementedError("startTLS after the opening handshake")

    # IPushProducer

    def pauseProducing(self) -> None:
        """Deliver nothing; the lane notices when there is something."""
        self._isReading = False

    def resumeProducing(self) -> None:
        """Deliver what comes."""
        if self.connected and not self.disconnecting and not self._isAborting:
            self._isReading = not self._isReadEnded
            self._watch()

    def stopProducing(self) -> None:
        """Close."""
        self.loseConnection()

    # IConsumer

    def registerProducer(
        self,
        producer: IProducer,
        streaming: bool,
    ) -> None:
        """
        Have a producer wait while octets do.

        @raise RuntimeError: there is one.
        """
        if self._producer is not None:
            raise RuntimeError(
                f"producer {producer!r}, registered: {self._producer!r}",
            )
        if self.disconnected:
            producer.stopProducing()
            return
        self._producer = producer
        self._isStreaming = streaming
        self._isProducerPaused = False
        if not streaming:
            self._producer.resumeProducing()
        elif self._unsent is not None:
            self._isProducerPaused = True
            self._producer.pauseProducing()

    def unregisterProducer(self) -> None:
        """Have none."""
        self._producer = None
        if self.connected and self.disconnecting:
            self._startWriting()

    # What the lane calls

    def ready(self, events: int) -> None:
        """Receive, or send, or hear that the connection is gone."""
        if self._isAborting:
            return
        if events & system.GONE and not events & system.IN:
            self.connectionLost(Failure(main.CONNECTION_LOST))
            return
        if events & system.IN:
            if self._isReading:
                self._receive()
            else:
                self._watch()
        if events & system.OUT and self.connected and not self._isAborting:
            self._sendOn()

    def connectionLost(self, reason: Failure) -> None:
        """Close the socket, and say so."""
        if self.disconnected:
            return
        connected, self._socket = self._connected(), None
        self.connected = False
        self.disconnected = True
        self._isReading = False
        self._unsent = None
        self._lane.remove(self._descriptor, self._events)
        with suppress(OSError):
            if reason.check(ConnectionAborted):
                # To close sends RST then.
                linger = struct.pack("ii", 1, 0)
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            else:
                connected.shutdown(socket.SHUT_RDWR)
        connected.close()
        producer, self._producer = self._producer, None
        try:
            if producer is not None:
                producer.stopProducing()
        finally:
            self._protocol.connectionLost(reason)
            if self._connector is not None:
                self._connector.connectionLost(reason)

    def logPrefix(self) -> str:
        """Name the protocol's class."""
        return type(self._protocol).__name__

    # Within

    def _watch(self) -> None:
        """Have the lane watch for what we wait for."""
        wanted = 0
        if not self._isAborting:
            if self._isReading:
                wanted |= system.IN
            if self._isWriting:
                wanted |= system.OUT
        if wanted != self._events:
            before, self._events = self._events, wanted
            self._lane.watch(self._descriptor, before, wanted)

    def _receive(self) -> None:
        """Hand over what came."""
        try:
            data = system.receive(self._descriptor)
        except OSError:
            self.connectionLost(Failure(main.CONNECTION_LOST))
            return
        if data:
            self._protocol.dataReceived(data)
        elif data is not None:
            self._isReadEnded = True
            self._isReading = False
            self._watch()
            IHalfCloseableProtocol(self._protocol).readConnectionLost()

    def _maySend(self) -> bool:
        """Ask whether it makes sense to send."""
        return not (
            self._hasFailed
            or self._isAborting
            or self._isWriteEnded
            or self.disconnected
        )

    def _fail(self) -> None:
        """
        Hear that the connection is lost.

        What the peer has sent before is received first: as with Twisted, who
        does not send but when the system says that there is room, or an end.
        """
        self._hasFailed = True
        self._startWriting()

    def _startWriting(self) -> None:
        """Hear when there is room."""
        self._isWriting = True
        self._watch()

    def _awaitRoom(self) -> None:
        """Hear when there is room; so does the producer."""
        self._isProducerPaused = True
        self._startWriting()

    def _sendOn(self) -> None:
        """Send what waits; then let the producer go on, or end."""
        if self._hasFailed:
            self.connectionLost(Failure(main.CONNECTION_LOST))
            return
        unsent = self._unsent
        try:
            while unsent:
                data = unsent[0]
                sent = system.send(self._descriptor, data)
                if sent < len(data):
                    unsent[0] = memoryview(data)[sent:]
                    return
                unsent.popleft()
        except OSError:
            self.connectionLost(Failure(main.CONNECTION_LOST))
            return
        self._unsent = None
        self._isWriting = False
        if self._producer is not None and (
            self._isProducerPaused or not self._isStreaming
        ):
            self._isProducerPaused = False
            self._producer.resumeProducing()
        elif self.disconnecting:
            self.connectionLost(Failure(main.CONNECTION_DONE))
        elif self._isWriteEnding:
            self._isWriteEnding = False
            self._isWriteEnded = True
            with suppress(OSError):
                self._connected().shutdown(socket.SHUT_WR)
            IHalfCloseableProtocol(self._protocol).writeConnectionLost()
        if self.connected:
            self._watch()

    def _connected(self) -> socket.socket:
        """Give the socket; there is none after the loss."""
        if self.disconnected:
            raise ConnectionLost
        if self._socket is None:
            self._socket = socket.socket(fileno=self._descriptor)
        return self._socket

    def _isUNIX(self) -> bool:
        """Ask whether it is a UNIX socket."""
        return isinstance(self._peer, UNIXAddress)

    def _hasOption(self, level: int, option: int) -> bool:
        """Ask the system for an option of the socket."""
        return bool(self._connected().getsockopt(level, option))

    def _setOption(self, level: int, option: int, enabled: bool) -> None:
        """Tell the system of an option of the socket."""
        self._connected().setsockopt(level, option, enabled)


# A compiled class takes no decorator.
classImplements(LaneTransport, ITCPTransport, IConsumer, IPushProducer, ISystemHandle)
