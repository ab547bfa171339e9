"""Which of Twisted's transports give their socket to a lane, and how."""

from __future__ import annotations

import select
from typing import Any

from twisted.internet import endpoints, tcp
from twisted.internet.interfaces import IReactorFDSet, IReactorTime

from .lane import Lane
from .transport import LaneTransport, SegmentReceiver

_adoptable: set[type] = {tcp.Server, tcp.Client} if hasattr(select, "epoll") else set()
# A subclass, or what wraps one, does more than we know.
if _adoptable:
    from twisted.internet import unix

    _adoptable |= {unix.Server, unix.Client}

# What an endpoint has between us; it only passes on.
_wrapping = getattr(endpoints, "_WrappingProtocol", None)

_lanes: dict[Any, Lane] = {}
"""Of each reactor that has sockets in one."""


def adopted(transport: Any, protocol: SegmentReceiver, peer: Any) -> Any:
    """
    Take a socket into the lane of its reactor, if it can be done.

    It cannot unless the transport is one of Twisted's own for TCP or UNIX
    sockets, without TLS, with nothing to send and no producer, on a reactor
    with file descriptors, and on Linux.

    @param transport: an C{ITransport}, which nobody has paused.
    @param protocol: what receives from it; an C{IHalfCloseableProtocol} too.
    @param peer: its address, of which there need not be two.
    @return: what takes the transport's place; else the transport.
    """
    if not _isAdoptable(transport, protocol):
        return transport
    connector = getattr(transport, "connector", None)
    transport.stopReading()
    transport.stopWriting()
    try:
        lane = _laneOf(transport.reactor)
        taken = LaneTransport(lane, transport.socket, protocol, peer, connector)
    except OSError:
        # The system has no more descriptors, or watches no more of them.
        transport.startReading()
        return transport
    # It has nothing left to close, or to tell.
    del transport.socket
    del transport.fileno
    del transport.protocol
    transport.connected = 0
    transport.disconnected = 1
    if connector is not None:
        connector.transport = taken
    return taken


def _isAdoptable(transport: Any, protocol: SegmentReceiver) -> bool:
    """Ask whether we know all that a transport does."""
    if type(transport) not in _adoptable:
        return False
    receiver = transport.protocol
    if type(receiver) is _wrapping:
        receiver = receiver._wrappedProtocol  # noqa: SLF001 - it has no other name
    reactor = transport.reactor
    return bool(
        receiver is protocol
        and transport.connected
        and not transport.disconnecting
        and not getattr(transport, "TLS", False)
        and transport.producer is None
        and not _isBusy(transport)
        and IReactorFDSet.providedBy(reactor)
        and IReactorTime.providedBy(reactor)
    )


def _isBusy(transport: Any) -> bool:
    """Ask whether there is something to send, FIN and RST included."""
    names = (
        "dataBuffer",
        "_tempDataBuffer",
        "_sendmsgQueue",
        "_writeDisconnecting",
        "_aborting",
    )
    return any(getattr(transport, name, False) for name in names)


def _laneOf(reactor: Any) -> Lane:
    """Find the lane of a reactor, or make it."""
    lane = _lanes.get(reactor)
    if lane is None:
        lane = _lanes[reactor] = Lane(reactor, _lanes.pop)
    return lane
