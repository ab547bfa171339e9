"""Each way of measuring, and the turns that the peers take."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple

from cases import Case
from installing import say
from processes import Failed, Process, Server, cores, residentSize
from roster import LACKING, PEERS, Peer, Tools, clientCommand, serverCommand, whyNot

FIRST = 100
"""Idle connections that come before: what the first ones take is the server's."""

BARE = next(peer for peer in PEERS if not peer.module)


@dataclass
class Bench:
    """
    Measures; its servers live until it is closed.

    @ivar tools: what the peers are run with.
    @ivar seconds: each measurement takes.
    @ivar warmup: seconds before it.
    @ivar idle: connections, for their memory.
    """

    tools: Tools
    seconds: float
    warmup: float
    idle: int
    _servers: dict[tuple[str, str], Server] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Nothing runs yet."""
        self._core, self._otherCore = cores()

    def close(self) -> None:
        """End all servers."""
        for server in self._servers.values():
            server.close()

    def measure(self, case: Case, peer: Peer) -> dict[str, float]:
        """
        Measure a peer once.

        @raise Failed: it could not be.
        """
        figures: dict[str, float] = getattr(self, f"_{case.way}")(case, peer)
        return figures

    def _server(self, peer: Peer, role: str) -> Server:
        """Have a server; it stays for the next turn."""
        server = self._servers.get((peer.name, role))
        if server and not server.isRunning:
            server.close()
            server = None
        if not server:
            core = self._otherCore if role == "call" else self._core
            command = serverCommand(peer, role, self.tools)
            server = self._servers[peer.name, role] = Server(command, core)
        return server

    def _load(self, mode: str, case: Case, server: Server) -> list[str]:
        """Say how to put load on a server."""
        return [
            *(f"{self.tools.load}", mode, *case.arguments.split()),
            *(f"--port={server.port}", f"--pid={server.pid}"),
            *(f"--seconds={self.seconds}", f"--warmup={self.warmup}"),
            *([f"--{case.role}"] if case.role != "echo" else []),
        ]

    def _echo(self, case: Case, peer: Peer) -> dict[str, float]:
        """Measure a server's messages."""
        return self._loaded("echo", case, self._server(peer, case.role))

    def _handshakes(self, case: Case, peer: Peer) -> dict[str, float]:
        """Measure a server's handshakes."""
        return self._loaded("handshakes", case, self._server(peer, case.role))

    def _loaded(self, mode: str, case: Case, server: Server) -> dict[str, float]:
        """Put load on a server."""
        server.settle()
        command = self._load(mode, case, server)
        with closing(Process(command, self._otherCore)) as load:
            figures: dict[str, float] = json.loads(load.waitForLine(1))
            load.popen.wait(30)
        if case.role == "deflate" and figures["compressed"] < figures["messages"]:
            raise Failed("it does not compress")
        return figures

    def _memory(self, case: Case, peer: Peer) -> dict[str, float]:
        """Measure what idle connections take of a new server."""
        command = serverCommand(peer, case.role, self.tools)
        with closing(Server(command, self._core)) as server:
            command = self._load("idle", case, server)
            command.append(f"--connections={FIRST + self.idle}")
            with closing(Process(command, self._otherCore)) as load:
                sizes = []
                for number, more in enumerate([FIRST, self.idle], 1):
                    load.tell(f"{more}")
                    load.waitForLine(number)
                    server.settle()
                    sizes.append(residentSize(server.pid))
        return {"memory": (sizes[1] - sizes[0]) / self.idle}

    def _client(self, case: Case, peer: Peer) -> dict[str, float]:
        """Measure a client."""
        server = self._server(BARE, "call")
        command = [
            *clientCommand(peer, self.tools),
            *case.arguments.split(),
            f"--port={server.port}",
            *(f"--seconds={self.seconds}", f"--warmup={self.warmup}"),
        ]
        with closing(Process(command, self._core)) as client:
            figures: dict[str, float] = json.loads(client.waitForLine(1))
        return figures


Figures = dict[str, dict[str, list[dict[str, float]]]]
"""By case and peer, one for each turn."""

Reasons = dict[str, dict[str, str]]
"""By case and peer, why there are no figures."""


class Results(NamedTuple):
    """What came out, as far as it has come."""

    figures: Figures
    reasons: Reasons

    @classmethod
    def empty(cls) -> Results:
        """Make one of nothing."""
        return cls(defaultdict(lambda: defaultdict(list)), defaultdict(dict))

    def failures(self) -> list[str]:
        """Say what was not measured, and why, but for what a peer simply has not."""
        cases: dict[str, list[str]] = {}
        for case, whys in self.reasons.items():
            for peer, why in whys.items():
                if why != LACKING:
                    line = f"{peer} was not measured: {why}"
                    cases.setdefault(line, []).append(case)
        return [f"{line} ({', '.join(names)})" for line, names in cases.items()]


def takeTurns(
    bench: Bench,
    cases: Sequence[Case],
    peers: Sequence[Peer],
    rounds: int,
    results: Results,
) -> None:
    """Measure each case in rounds, in each of which every peer has its turn."""
    for place, case in enumerate(cases, 1):
        figures, reasons = results.figures[case.name], results.reasons[case.name]
        for peer in peers:
            if reason := _reason(case, peer, bench.tools):
                reasons[peer.name] = reason
        # What else runs on the machine does not change what a process keeps.
        turns = 1 if case.way == "memory" else rounds
        for number in range(turns):
            # No peer always comes behind the same other one.
            for peer in [*peers[number:], *peers[:number]]:
                if peer.name in reasons:
                    continue
                try:
                    figure = bench.measure(case, peer)
                except Failed as failure:
                    reasons[peer.name] = f"{failure}"
                    figures.pop(peer.name, None)
                    said = f"not measured: {failure}"
                else:
                    figures[peer.name].append(figure)
                    said = f"{figure[case.figure]:.2f} {case.unit}"
                say(
                    f"{place}/{len(cases)} {case.name}, "
                    f"round {number + 1}/{turns}, {peer.name}: {said}",
                )


def _reason(case: Case, peer: Peer, tools: Tools) -> str | None:
    """Say why a peer is left out."""
    if not peer.module and not case.hasLimit:
        return "it does not do the same work"
    if case.way == "client":
        return whyNot(peer, "call", tools)
    return whyNot(peer, case.role, tools)
