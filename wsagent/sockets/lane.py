"""The set of sockets that is a single reader of the reactor."""

from __future__ import annotations

import select
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import classImplements

from wsagent.timing import wheelOf

from . import system
from .transport import LaneTransport

# Compiled, we have no frame by which Twisted could tell our name.
_log = Logger(__name__)

_TURN = 0.002
"""Seconds for which the reactor waits, at most, while sockets are ready."""
_CHECK = 16
"""Events between two looks at the clock."""
_MANY = 4
"""Events after which it is likely that there are more by now."""


class Lane:
    """
    All adopted sockets of one reactor.

    It is known to the reactor as long as there are any; then it is over.
    """

    def __init__(self, reactor: Any, ended: Callable[[Any], object]) -> None:
        """
        @param reactor: an L{IReactorFDSet}, and an L{IReactorTime}.
        @param ended: called with the reactor when the last socket is gone.
        @raise OSError: the system has no more descriptors.
        """
        self._reactor = reactor
        self._ended = ended
        self._epoll = select.epoll()
        # What is told often is told by the time of the turn.
        self._wheel = wheelOf(reactor)
        # By descriptor: the system gives the lowest that is free.
        self._transports: list[LaneTransport | None] = []
        self._count = 0
        self._batch = system.Batch()
        self._most = system.BATCH
        # What a batch says is true until this moves on.
        self._turn = 0

    def add(self, descriptor: int, transport: LaneTransport, events: int) -> None:
        """
        Take a socket in, and watch it for events.

        @raise OSError: the system watches no more.
        """
        self._epoll.register(descriptor, events)
        if not self._count:
            self._reactor.addReader(self)
        self._count += 1
        missing = descriptor + 1 - len(self._transports)
        self._transports.extend([None] * missing)
        self._transports[descriptor] = transport
        # The descriptor may have been another's when the batch was taken.
        self._turn += 1

    def watch(self, descriptor: int, before: int, events: int) -> None:
        """
        Watch a socket for other events than before.

        @param events: if there are none, not even its end is heard of: octets
            that were not received may wait before it.
        """
        if not before:
            self._epoll.register(descriptor, events)
        elif not events:
            self._epoll.unregister(descriptor)
        else:
            self._epoll.modify(descriptor, events)

    def remove(self, descriptor: int, before: int) -> None:
        """Forget a socket; be over if it was the last."""
        if before:
            # Who has its handle may have closed it.
            with suppress(OSError):
                self._epoll.unregister(descriptor)
        self._transports[descriptor] = None
        self._count -= 1
        if not self._count:
            self._reactor.removeReader(self)
            self._epoll.close()
            self._ended(self._reactor)

    def callSoon(self, call: Callable[[Failure], object], reason: Failure) -> None:
        """Have a call from the reactor, not from here."""
        self._reactor.callLater(0, call, reason)

    # IReadDescriptor

    def fileno(self) -> int:
        """Give the descriptor that is ready when a socket is."""
        return -1 if self._epoll.closed else self._epoll.fileno()

    def doRead(self) -> None:
        """Let those sockets that are ready go on, for a while."""
        until = self._wheel.hold() + _TURN
        try:
            # While there are many, the reactor would ask again at once.
            while self._serve(until) >= _MANY and self._count:
                if self._wheel.hold() > until:
                    break
        finally:
            self._wheel.letGo()

    def connectionLost(self, reason: Failure) -> None:
        """Hear that the reactor is done with us: so are all."""
        for transport in list(self._transports):
            if transport is not None:
                self._drop(transport, reason)

    def logPrefix(self) -> str:
        """Name us in Twisted's log."""
        return "wsagent lane"

    # Within

    def _serve(self, until: float) -> int:
        """
        Let those go on that are ready now.

        @param until: when to stop.
        @return: how many there were; none if the turn is over.
        """
        batch = self._batch
        transports = self._transports
        # One that we call may run the reactor, and so us.
        self._turn += 1
        turn = self._turn
        count = batch.take(self._epoll, self._most)
        self._most = system.BATCH
        for index in range(count):
            transport = transports[batch.descriptor(index)]
            # A callback may have closed it.
            if transport is not None:
                try:
                    transport.ready(batch.events(index))
                except BaseException:  # noqa: BLE001 - as Twisted's reactors do
                    failure = Failure()
                    _log.failure("{transport} failed", failure, transport=transport)
                    self._drop(transport, failure)
            if self._turn != turn or (
                index % _CHECK == _CHECK - 1 and self._wheel.hold() > until
            ):
                # Who was not asked for is next: who was goes behind.
                self._most = index + 1
                return 0
        return count

    def _drop(self, transport: LaneTransport, reason: Failure) -> None:
        """End a connection; what it makes of that is no matter of the others."""
        try:
            transport.connectionLost(reason)
        except BaseException:  # noqa: BLE001 - as Twisted's reactors do
            _log.failure("the end of {transport} failed", transport=transport)


# A compiled class takes no decorator.
classImplements(Lane, IReadDescriptor)
