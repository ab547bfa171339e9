"""
What an operator sees of a server, and does to one agent: L{Inspection}.

The admin endpoint, the console and the metrics all look through it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from .addresses import describeAddress
from .core.extensions import Extension
from .core.permessage import PermessageDeflate
from .delivery import Amounts
from .server import WebSocketServerFactory
from .tracing import Trace
from .wire import Wire

CODES_LIMIT = 100
"""Close codes that are counted under their own names: a peer chooses from thousands."""
_address = re.compile(r":?0*([0-9a-f]{1,16})", re.IGNORECASE)


class NoSuchAgent(LookupError):
    """There is no open agent at an address; says so in one line."""


class AgentReport(NamedTuple):
    """What can be seen of one open agent."""

    address: str
    """As C{:0000001a}."""
    agent: str
    """Its class."""
    peer: str
    path: str
    subprotocol: str | None
    seconds: float
    """For which it is open."""
    messagesReceived: int
    octetsReceived: int
    messagesSent: int
    octetsSent: int
    buffered: int
    """Octets that wait to be sent."""
    isSlow: bool
    """So many that nothing is read meanwhile."""
    roundTripTime: float | None
    """Seconds that the last of our pings took."""


class Totals(NamedTuple):
    """What can be seen of a whole server."""

    connections: int
    """At present, those that are not open counted."""
    agents: int
    """Open at present."""
    passed: Amounts
    """On all connections, those that are gone counted."""
    buffered: int
    """Octets that wait to be sent, on all."""
    slow: int
    """Agents whose peer is too slow at present."""
    plainReceived: int
    """Octets of messages that came compressed, as inflated."""
    encodedReceived: int
    """The same as they came."""
    plainSent: int
    """Octets of messages that we have compressed."""
    encodedSent: int
    """The same as they went."""


class Sum:
    """
    The connections of a server, added up.

    It begins with those that are gone; whoever adds what L{wires} was then, be
    it one after the other, misses none, and counts none twice.

    @ivar wires: those to add.
    """

    def __init__(self, factory: WebSocketServerFactory) -> None:
        """@param factory: the server's."""
        self.wires = list(factory.wires)
        self._factory = factory
        self._passed = factory.statistics.gone
        self._agents = self._buffered = self._slow = 0

    def add(self, wires: Iterable[Wire]) -> None:
        """Add some connections."""
        # There may be ten thousands: a tuple for each would take half as long again.
        messagesReceived, octetsReceived, messagesSent, octetsSent = self._passed
        agents = buffered = slow = 0
        for wire in wires:
            more = wire.amounts
            messagesReceived += more[0]
            octetsReceived += more[1]
            messagesSent += more[2]
            octetsSent += more[3]
            agents += wire.isOpen
            buffered += wire.bufferedAmount
            slow += wire.isSlow
        self._passed = Amounts(
            messagesReceived, octetsReceived, messagesSent, octetsSent
        )
        self._agents += agents
        self._buffered += buffered
        self._slow += slow

    def totals(self) -> Totals:
        """Give what was added up."""
        return Totals(
            len(self.wires),
            self._agents,
            self._passed,
            self._buffered,
            self._slow,
            *_volume(self._factory.extensions),
        )


class Inspection:
    """
    A look into one server, taken when it is asked for.

    @ivar factory: the server's.
    """

    def __init__(self, factory: WebSocketServerFactory) -> None:
        """@param factory: the server's."""
        self.factory = factory

    def wires(self) -> list[Wire]:
        """List the connections of open agents, the oldest first."""
        return [wire for wire in self.factory.wires if wire.isOpen]

    def agents(self) -> list[AgentReport]:
        """List the open agents, the oldest first."""
        return [self.report(wire) for wire in self.wires()]

    def report(self, wire: Wire) -> AgentReport:
        """Look at one open agent."""
        agent = wire.agent
        assert agent is not None
        request = agent.request
        return AgentReport(
            describeAddress(wire.address),
            type(agent).__name__,
            str(wire),
            request.path,
            agent.subprotocol,
            self.factory.wheel.now() - wire.openedAt,
            *wire.amounts,
            wire.bufferedAmount,
            wire.isSlow,
            wire.roundTripTime,
        )

    def find(self, address: str) -> Wire:
        """
        Find the connection of an open agent.

        @param address: as C{:0000001a}, or C{1a}.
        @raise NoSuchAgent: there is none.
        """
        match = _address.fullmatch(address)
        number = 0 if match is None else int(match[1], 16)
        for wire in self.factory.wires if number else ():
            if wire.address == number and wire.isOpen:
                return wire
        allowed = "the address of an open agent, such as :0000001a"
        raise NoSuchAgent(f"{address!r:.40}, allowed: {allowed}")

    def totals(self) -> Totals:
        """Add up."""
        every = Sum(self.factory)
        every.add(every.wires)
        return every.totals()

    def closes(self) -> dict[str, int]:
        """
        Count the connections that were open and have ended, by their close code.

        @return: in order; under C{other} are the codes beyond a hundred,
            those that came last.
        """
        found = list(self.factory.statistics.closes.items())
        named = {str(code): many for code, many in sorted(found[:CODES_LIMIT])}
        others = sum(many for _, many in found[CODES_LIMIT:])
        return {**named, "other": others} if others else named

    def trace(
        self,
        wire: Wire,
        show: Callable[[str], object],
        hasPayloads: bool = False,
    ) -> Trace:
        """
        Show the frames of an open agent from now on, in place of who did so.

        @param show: called with each line, such as C{< text, 5 octets}.
        @param hasPayloads: show what is in them, and not only how long it is.
        """
        return wire.trace(show, hasPayloads)


def _volume(extensions: tuple[Extension, ...]) -> tuple[int, int, int, int]:
    """Add up what was compressed."""
    volumes = [
        each.volume for each in extensions if isinstance(each, PermessageDeflate)
    ]
    return (
        sum(each.plainReceived for each in volumes),
        sum(each.encodedReceived for each in volumes),
        sum(each.plainSent for each in volumes),
        sum(each.encodedSent for each in volumes),
    )
