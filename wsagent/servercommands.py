"""The commands of the console about the server: L{ServerCommands}."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from heapq import nlargest
from importlib.metadata import version
from typing import Any, Final

from twisted.internet.interfaces import IAddress

from .addresses import describePeer
from .build import describeBuild
from .commanding import Command, amount, chosen, plain, rounded
from .inspection import AgentReport, Inspection
from .routing import Route
from .service import ListeningService
from .wire import Wire

ROWS_LIMIT: Final = 200
"""Agents that C{top} shows, at most."""


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

    def list(self, text: str) -> dict[str, Any]:
        """List open agents."""
        return {
            report.address: {
                "agent": report.agent,
                "path": report.path,
                "peer": report.peer,
                "seconds": round(report.seconds, 3),
                "subprotocol": report.subprotocol,
            }
            for report in self._matching(text)
        }

    def stat(self) -> dict[str, Any]:
        """Count."""
        totals, statistics = self._inspection.totals(), self._factory.statistics
        return {
            **{
                name: value
                for name, value in totals._asdict().items()
                if not isinstance(value, tuple)
            },
            **totals.passed._asdict(),
            "closes": {str(code): n for code, n in sorted(statistics.closes.items())},
            "handshakes": dict(sorted(statistics.handshakes.items())),
            "slowEver": statistics.slow,
        }

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

    def service(self) -> dict[str, Any]:
        """Count agents by their class, the port they came to, and their route."""
        routes = self._factory.routes
        agents: Counter[str] = Counter()
        byPort: Counter[object] = Counter()
        byRoute: Counter[Route | None] = Counter()
        for wire in self._inspection.wires():
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

    def netstat(self) -> dict[str, Any]:
        """List connections, as sockets."""
        found: dict[str, Any] = {
            report.address: {
                "peer": report.peer,
                "read": report.octetsReceived,
                "wbuffer": report.buffered,
                "write": report.octetsSent,
            }
            for report in self._inspection.agents()
        }
        opening = len(self._factory.wires) - len(found)
        return {**found, "notOpen": opening, "ports": self._ports}

    def settings(self, text: str) -> dict[str, Any]:
        """List settings."""
        settings = self._factory.settings
        return {
            each.name: plain(getattr(settings, each.name))
            for each in fields(settings)
            if text.lower() in each.name.lower()
        }

    def top(self, order: str, count: str, text: str) -> dict[str, Any]:
        """Find those that are first in some order."""
        key = ORDERS[chosen(order or "sent", *ORDERS)]
        rows = amount(count, 20, ROWS_LIMIT)
        wires = self._inspection.wires()
        if text:
            found = {report.address for report in self._matching(text)}
            wires = [wire for wire in wires if f":{wire.address:08x}" in found]
        return {
            "agents": [
                rounded(self._inspection.report(wire)._asdict())
                for wire in nlargest(rows, wires, key)
            ],
            "matching": len(wires),
            "now": self._factory.wheel.now(),
            "stat": self.stat(),
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

    def _matching(self, text: str) -> Iterator[AgentReport]:
        """Find open agents of which something begins or goes on with a text."""
        wanted = text.lower()
        for report in self._inspection.agents():
            shown = (*report[:4], report.subprotocol or "")
            if not wanted or any(wanted in each.lower() for each in shown):
                yield report


def _portOf(address: object) -> object:
    """Tell ports apart, whatever the address that somebody came to."""
    return getattr(address, "port", None) or getattr(address, "name", None)


ORDERS: Final[dict[str, Callable[[Wire], Any]]] = {
    "sent": lambda wire: wire.amounts.octetsSent,
    "received": lambda wire: wire.amounts.octetsReceived,
    "messages": lambda wire: wire.amounts.messagesReceived + wire.amounts.messagesSent,
    "buffered": lambda wire: wire.bufferedAmount,
    "roundtrip": lambda wire: wire.roundTripTime or 0,
    "oldest": lambda wire: -wire.address,
    "newest": lambda wire: wire.address,
}
"""What C{top} can go by, and what is first then is largest."""

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
    ),
    Command(
        "drain",
        "",
        "Close all connections with 1001; say so at /ready",
        ServerCommands.drain,
    ),
)
