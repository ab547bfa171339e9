"""Which of Twisted's transports give their socket to a lane, and how."""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from twisted.internet import tcp
from twisted.internet.interfaces import (
    IProtocol,
    IReactorFDSet,
    IReactorTime,
    ITransport,
)
from twisted.python.failure import Failure

from .lane import Lane
from .transport import LaneTransport

_adoptable: set[type] = {tcp.Server, tcp.Client} if hasattr(select, "epoll") else set()
# A subclass, or what wraps one, does more than we know.
if _adoptable:
    from twisted.internet import unix

    _adoptable |= {unix.Server, unix.Client}

_lanes: WeakKeyDictionary[Any, Lane | None] = WeakKeyDictionary()


def adopted(transport: ITransport, protocol: IProtocol) -> ITransport:
    """
    Take a socket into the lane of its reactor, if it can be done.

    It cannot unless the transport is one of Twisted's own for TCP or UNIX
    sockets, without TLS, with nothing to send and no producer, on a reactor
    with file descriptors, and on Linux.

    @param protocol: what receives from it.
    @return: what takes the transport's place; else the transport.
    """
    if not _isAdoptable(transport, protocol):
        return transport
    lane = _laneOf(transport.reactor)
    if lane is None:
        return transport
    peer = transport.getPeer()
    transport.stopReading()
    transport.stopWriting()
    lost = _loss(transport)
    # It has nothing left to close, or to tell.
    connected = transport.socket
    del transport.socket
    del transport.protocol
    transport.connected = 0
    transport.disconnected = 1
    taken = LaneTransport(lane, connected, protocol, peer, lost)
    connector = getattr(transport, "connector", None)
    if connector is not None:
        connector.transport = taken
    return taken


def _isAdoptable(transport: Any, protocol: IProtocol) -> bool:
    """Ask whether we know all that a transport does."""
    if type(transport) not in _adoptable:
        return False
    receiver = transport.protocol
    # An endpoint has something between us, which only passes on.
    receiver = getattr(receiver, "_wrappedProtocol", receiver)
    return bool(
        receiver is protocol
        and transport.connected
        and not transport.disconnecting
        and not getattr(transport, "TLS", False)
        and not transport.dataBuffer
        and not transport._tempDataBuffer
        and transport.producer is None
    )


def _loss(transport: Any) -> Callable[[Failure], object]:
    """Make what tells those who wait for a transport's end."""
    protocol = transport.protocol
    connector = getattr(transport, "connector", None)
    if connector is None:
        return protocol.connectionLost

    def lost(reason: Failure) -> None:
        protocol.connectionLost(reason)
        connector.connectionLost(reason)

    return lost


def _laneOf(reactor: Any) -> Lane | None:
    """Find the lane of a reactor, or make it; C{None} if it can have none."""
    try:
        return _lanes[reactor]
    except KeyError:
        isAble = IReactorFDSet.providedBy(reactor) and IReactorTime.providedBy(reactor)
        lane = _lanes[reactor] = Lane(reactor) if isAble else None
        return lane
