"""The commands of the console about the server: L{ServerCommands}."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import fields
from importlib.metadata import version
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress

from wsagent.addresses import describePeer
from wsagent.build import describeBuild
from wsagent.inspection import AgentReport, Inspection, Totals
from wsagent.routing import Route
from wsagent.service import ListeningService
from wsagent.survey import ROWS_LIMIT, Rows, Survey, View, namesOf
from wsagent.turns import inTurns
from wsagent.wire import Wire

from .commanding import Command, amount, chosen, plain, rounded


class ServerCommands:
    """What there is to know of a server, and what can be done to all of it."""

    def __init__(
        self,
        inspection: Inspection,
        service: ListeningService | None = None,
    ) -> None:
        """
        @param inspection: of the server.
        @param service: where it listens.
        """
        self._inspection = inspection
        self._factory = inspection.factory
        self._service = service
        self._startedAt = self._factory.reactor.seconds()

    @property
    def _addresses(self) -> Sequence[IAddress]:
        """Where the server listens."""
        return () if self._service is None else self._service.addresses

    @property
    def _ports(self) -> Sequence[str]:
        """The same, by name."""
        return [describePeer(address) for address in self._addresses]

    async def list(self, text: str) -> dict[str, Any]:
        """List open agents."""
        wanted = text.lower()
        found = {}
        async for wire in self._wires():
            if not wanted or wanted in namesOf(wire):
                report = self._inspection.report(wire)
                found[report.address] = {
                    "agent": report.agent,
                    "path": report.path,
                    "peer": report.peer,
                    "seconds": round(report.seconds, 3),
                    "subprotocol": report.subprotocol,
                }
        return found

    async def stat(self) -> dict[str, Any]:
        """Count."""
        totals, _ = await self._survey()
        return self._counted(totals)

    def about(self) -> dict[str, Any]:
        """Tell about the server itself."""
        return {
            "build": describeBuild(),
            "isDraining": self._factory.isDraining,
            "pid": os.getpid(),
            "ports": self._ports,
            "python": platform.python_version(),
            "reactor": type(self._factory.reactor).__name__,
            "seconds": round(self._factory.reactor.seconds() - self._startedAt, 3),
            "twisted": version("twisted"),
            "version": version("wsagent"),
        }

    async def service(self) -> dict[str, Any]:
        """Count agents by their class, the port they came to, and their route."""
        routes = self._factory.routes
        agents: Counter[str] = Counter()
        byPort: Counter[object] = Counter()
        byRoute: Counter[Route | None] = Counter()
        async for wire in self._wires():
            agent: Any = wire.agent
            agents[type(agent).__name__] += 1
            byPort[_portOf(wire.transport.getHost())] += 1
            byRoute[routes.routeOf(agent.request, agent.subprotocol)] += 1
        return {
            "agents": dict(agents),
            "ports": {
                describePeer(address): byPort[_portOf(address)]
                for address in self._addresses
            },
            "routes": {str(route): byRoute[route] for route in routes},
        }

    async def netstat(self) -> dict[str, Any]:
        """List connections, as sockets."""
        found: dict[str, Any] = {}
        async for report in self._reports():
            found[report.address] = {
                "peer": report.peer,
                "read": report.octetsReceived,
                "wbuffer": report.buffered,
                "write": report.octetsSent,
            }
        opening = sum(not wire.isOpen for wire in self._factory.wires)
        return {**found, "notOpen": opening, "ports": self._ports}

    def settings(self, text: str) -> dict[str, Any]:
        """List settings."""
        settings = self._factory.settings
        return {
            each.name: plain(getattr(settings, each.name))
            for each in fields(settings)
            if text.lower() in each.name.lower()
        }

    async def top(self, order: str, count: str, text: str) -> dict[str, Any]:
        """Find those that are first in some order."""
        view = ORDERS[chosen(order or "sent", *ORDERS)]
        rows = amount(count, 20, ROWS_LIMIT)
        totals, found = await self._survey(view._replace(text=text))
        (seen,) = found.values()
        return {
            "agents": [rounded(report._asdict()) for report in seen.rows[:rows]],
            "matching": seen.matching,
            "now": self._factory.wheel.now(),
            "stat": self._counted(totals),
        }

    def broadcast(self, text: str) -> dict[str, int]:
        """Send a message to all."""
        wires = self._inspection.wires()
        self._factory.broadcast(text)
        return {"agents": len(wires)}

    def drain(self) -> dict[str, int]:
        """Close all connections."""
        found = len(self._factory.wires)
        self._factory.drain()
        return {"connections": found}

    def _counted(self, totals: Totals) -> dict[str, Any]:
        """Put what was counted side by side."""
        statistics = self._factory.statistics
        counted = {**totals._asdict(), **totals.passed._asdict()}
        del counted["passed"]
        return {
            **counted,
            "closes": self._inspection.closes(),
            "handshakes": dict(sorted(statistics.handshakes.items())),
            "slowEver": statistics.slow,
        }

    def _survey(self, *views: View) -> Deferred[tuple[Totals, dict[View, Rows]]]:
        """Look at all connections."""
        finished: Deferred[tuple[Totals, dict[View, Rows]]] = Deferred()
        Survey(
            self._inspection,
            views,
            lambda totals, found: finished.callback((totals, found)),
        ).goOn()
        return finished

    async def _wires(self) -> AsyncIterator[Wire]:
        """Give the connections of open agents, the oldest first, in turns."""
        async for wires in inTurns(self._factory.reactor, self._inspection.wires()):
            for wire in wires:
                if wire.isOpen:
                    yield wire

    async def _reports(self) -> AsyncIterator[AgentReport]:
        """Look at open agents, the oldest first, in turns."""
        async for wire in self._wires():
            yield self._inspection.report(wire)


def _portOf(address: object) -> object:
    """Tell ports apart, whatever the address that somebody came to."""
    return getattr(address, "port", None) or getattr(address, "name", None)


ORDERS: Final = {
    "sent": View(order="octetsSent", isDescending=True),
    "received": View(order="octetsReceived", isDescending=True),
    "messages": View(order="messagesReceived", isDescending=True),
    "buffered": View(order="buffered", isDescending=True),
    "roundtrip": View(order="roundTripTime", isDescending=True),
    "oldest": View(),
    "newest": View(isDescending=True),
}
"""What C{top} can go by."""

SERVER_COMMANDS: Final = (
    Command(
        "list",
        "[TEXT...]",
        "List open agents, or those of which something matches",
        ServerCommands.list,
    ),
    Command(
        "stat",
        "",
        "Count connections, messages, octets, handshakes and closes",
        ServerCommands.stat,
    ),
    Command(
        "netstat",
        "",
        "List connections: octets read, written, and waiting",
        ServerCommands.netstat,
    ),
    Command(
        "service",
        "",
        "Count agents by their class, by port and by route",
        ServerCommands.service,
    ),
    Command(
        "settings",
        "[TEXT]",
        "List what peers may do, or the settings that match",
        ServerCommands.settings,
    ),
    Command(
        "top",
        "[ORDER [COUNT [TEXT...]]]",
        "List some, those first that sent most, or by another order",
        ServerCommands.top,
    ),
    Command(
        "broadcast",
        "TEXT...",
        "Send a text message to all peers",
        ServerCommands.broadcast,
        isActing=True,
    ),
    Command(
        "drain",
        "",
        "Close all connections with 1001; say so at /ready",
        ServerCommands.drain,
        isActing=True,
    ),
)
