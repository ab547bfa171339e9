"""The set of sockets that is a single reader of the reactor."""

from __future__ import annotations

import select
from collections.abc import Callable
from time import monotonic
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import classImplements

from . import system
from .transport import LaneTransport

_log = Logger()

_TURN = 0.002
"""Seconds for which the reactor waits, at most, while sockets are ready."""
_CHECK = 16
"""Events between two looks at the clock."""


class Lane:
    """
    All adopted sockets of one reactor.

    It is known to the reactor as long as there are any.
    """

    def __init__(self, reactor: Any) -> None:
        """@param reactor: an L{IReactorFDSet}, and an L{IReactorTime}."""
        self._reactor = reactor
        self._epoll = select.epoll()
        self._transports: dict[int, LaneTransport] = {}
        self._batch: system.Batch | None = None

    def add(self, descriptor: int, transport: LaneTransport, events: int) -> None:
        """Take a socket in, and watch it for events."""
        self._epoll.register(descriptor, events)
        if not self._transports:
            self._reactor.addReader(self)
        self._transports[descriptor] = transport

    def watch(self, descriptor: int, events: int) -> None:
        """Watch a socket for events, and for its end."""
        self._epoll.modify(descriptor, events)

    def remove(self, descriptor: int) -> None:
        """Forget a socket."""
        self._epoll.unregister(descriptor)
        del self._transports[descriptor]
        if not self._transports:
            self._reactor.removeReader(self)

    def callSoon(self, call: Callable[[Failure], object], reason: Failure) -> None:
        """Have a call from the reactor, not from here."""
        self._reactor.callLater(0, call, reason)

    # IReadDescriptor

    def fileno(self) -> int:
        """Give the descriptor that is ready when a socket is."""
        return self._epoll.fileno()

    def doRead(self) -> None:
        """Let those sockets that are ready go on, for a while."""
        # One that calls us may run the reactor, and so us.
        batch, self._batch = self._batch or system.Batch(), None
        count = batch.take(self._epoll)
        until = monotonic() + _TURN
        for index in range(count):
            transport = self._transports.get(batch.descriptor(index))
            # A callback may have closed it.
            if transport is not None:
                try:
                    transport.ready(batch.events(index))
                except BaseException:  # noqa: BLE001 - as Twisted's reactors do
                    failure = Failure()
                    _log.failure("{transport} failed", failure, transport=transport)
                    transport.connectionLost(failure)
            if index % _CHECK == _CHECK - 1 and monotonic() > until:
                break
        self._batch = batch

    def connectionLost(self, reason: Failure) -> None:
        """Hear that the reactor is done with us: so are all."""
        for transport in list(self._transports.values()):
            transport.connectionLost(reason)

    def logPrefix(self) -> str:
        """Name us in Twisted's log."""
        return "wsagent lane"


# A compiled class takes no decorator.
classImplements(Lane, IReadDescriptor)
