"""
One message to many agents, without holding up the reactor.

What is not sent within a turn is owed: see L{Wire.owe}.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from .core.outgoing import PreparedMessage
from .protocol import WebSocketProtocol
from .wire import Wire

_TURN = 0.002
"""Seconds after which the reactor may do something else."""
_LOOK = 16_384
_EACH = 1024
"""Octets between two looks at the clock, and what a message counts for besides."""

Broadcastable = str | bytes | bytearray | memoryview | PreparedMessage
"""What can be sent to many."""


def broadcast(
    agents: Iterable[WebSocketProtocol],
    message: Broadcastable,
    compress: bool | None = None,
) -> Deferred[None]:
    """
    Send a message to many agents.

    It is as if it were sent to one after the other before I return: whatever
    is sent to one of them afterwards comes after it, and so does a Close
    frame.  To many it in fact takes several turns of the reactor, of a few
    milliseconds.  An agent that is not open is left out.

    @param agents: of one reactor; those that there are now.
    @param message: text as C{str}, or octets; or what is prepared already.
    @param compress: as in L{WebSocketProtocol.sendTextMessage}.
    @return: fires when the last one has its turn; to cancel it stops nothing.
    @raise TypeError: C{message} is something else.
    @raise ValueError: it has a surrogate, which is no UTF-8.
    """
    wires = [agent._wire for agent in agents]  # noqa: SLF001 - ours
    return spread(wires, message, compress)


def spread(
    wires: list[Wire],
    message: Broadcastable,
    compress: bool | None,
) -> Deferred[None]:
    """Do as L{broadcast} does, with what is behind the agents."""
    if isinstance(message, PreparedMessage):
        prepared = message
    else:
        prepared = PreparedMessage(message, compress)
    if not wires:
        return succeed(None)
    clock = wires[0].clock
    spreading = _underWay.get(clock)
    if spreading is not None:
        return spreading.add(wires, prepared)
    spreading = _underWay[clock] = Spreading(clock)
    finished = spreading.add(wires, prepared)
    spreading.goOn()
    return finished


class Spreading:
    """Where a reactor's broadcasts are under way to."""

    def __init__(self, clock: IReactorTime) -> None:
        """@param clock: tells the time, and when to go on."""
        self._clock = clock
        # In order: to whom something is owed, and what fires after them.
        self._queue: list[Wire | Deferred[None]] = []
        self._done = 0

    def add(self, wires: list[Wire], prepared: PreparedMessage) -> Deferred[None]:
        """Have a message sent, after those that are under way."""
        owed = (prepared,)
        queue = self._queue
        for wire in wires:
            if wire.owe(owed):
                queue.append(wire)
        finished: Deferred[None] = Deferred()
        queue.append(finished)
        return finished

    def goOn(self) -> None:
        """Send for a while; the rest after the reactor has done other things."""
        queue = self._queue
        until = self._clock.seconds() + _TURN
        amount, look = 0, _LOOK
        try:
            while self._done < len(queue):
                entry = queue[self._done]
                self._done += 1
                if not isinstance(entry, Wire):
                    entry.callback(None)
                    continue
                # Under a name of its own type, the call is one of C.
                wire = entry
                amount += wire.sendOwed() + _EACH
                if amount >= look:
                    amount = 0
                    if self._clock.seconds() >= until:
                        break
        finally:
            del queue[: self._done]
            self._done = 0
            if queue:
                self._clock.callLater(0, self.goOn)
            else:
                del _underWay[self._clock]


_underWay: dict[IReactorTime, Spreading] = {}
