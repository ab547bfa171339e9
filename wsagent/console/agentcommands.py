"""The commands of the console about one agent: L{AgentCommands}."""

from __future__ import annotations

import gc
import json
from collections.abc import Coroutine
from json import JSONDecodeError
from pathlib import Path
from types import CoroutineType, FrameType, GeneratorType
from typing import Any, Final

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.defer import TimeoutError as TookTooLong
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsagent.core import codes
from wsagent.inspection import Inspection
from wsagent.tracing import Trace

from .commanding import Command, CommandError, Show, chosen, inWords, plain, rounded

PATIENCE: Final = 10
"""Seconds that a command waits for what it has asked for."""

_log = Logger()


class AgentCommands:
    """What can be done to one agent, whose address comes first."""

    def __init__(self, inspection: Inspection) -> None:
        """@param inspection: of the server."""
        self._inspection = inspection
        # By the agent's number, with who sees it.
        self._traces: dict[int, tuple[Trace, Show | None]] = {}

    def info(self, address: str) -> dict[str, Any]:
        """Tell about an agent."""
        wire = self._inspection.find(address)
        agent: Any = wire.agent
        request = agent.request
        avatar = agent.avatar
        isNamed = avatar is None or isinstance(avatar, str)
        return {
            **rounded(self._inspection.report(wire)._asdict()),
            "avatar": avatar if isNamed else type(avatar).__name__,
            "host": request.host,
            "origin": request.origin,
            "isTraced": wire.address in self._traces,
        }

    def kill(self, address: str, code: str, reason: str) -> None:
        """Close a connection."""
        wire = self._inspection.find(address)
        if code and not (code.isascii() and code.isdigit() and len(code) < 9):
            raise CommandError(f"code {code!r:.40}, allowed: such as 1000 or 4000")
        wire.close(int(code or codes.NORMAL), reason)

    def exit(self, address: str) -> None:
        """Have an agent go."""
        agent: Any = self._inspection.find(address).agent
        agent.loseConnection()

    def abort(self, address: str) -> None:
        """Be rid of a connection."""
        self._inspection.find(address).abort()

    def message(self, address: str, text: str) -> None:
        """Send a text message to a peer."""
        agent: Any = self._inspection.find(address).agent
        agent.sendTextMessage(text)

    def ping(self, address: str) -> Deferred[dict[str, float]]:
        """Measure a round trip."""
        factory = self._inspection.factory
        measured = factory.measure(self._inspection.find(address))

        def told(failure: Failure) -> Any:
            """Say what became of it."""
            if failure.check(TookTooLong):
                raise CommandError(f"no pong in {PATIENCE} s")
            raise CommandError(f"lost before the pong: {failure.value}")

        return measured.addTimeout(PATIENCE, factory.reactor).addCallbacks(
            lambda seconds: {"seconds": round(seconds, 6)},
            told,
        )

    def call(self, address: str, method: str, values: str) -> Deferred[Any]:
        """Call a method of an agent, and give what it gives."""
        agent = self._inspection.find(address).agent
        called = None if method.startswith("_") else getattr(agent, method, None)
        if not callable(called):
            allowed = f"a public method of {type(agent).__name__}"
            raise CommandError(f"{method!r:.40}, allowed: {allowed}")
        arguments = _values(values)

        def told(failure: Failure) -> Any:
            """Say what it has raised."""
            if failure.check(TookTooLong):
                raise CommandError(f"no result in {PATIENCE} s")
            raise CommandError(inWords(failure.value))

        def given() -> Any:
            """Call it."""
            result = called(*arguments)
            if isinstance(result, Coroutine):
                return Deferred.fromCoroutine(result)
            return result

        return (
            maybeDeferred(given)
            .addTimeout(PATIENCE, self._inspection.factory.reactor)
            .addCallbacks(plain, told)
        )

    def trace(self, address: str, choice: str, show: Show | None = None) -> None:
        """Show frames to who asks, or stop that."""
        chosen(choice, "on", "off", "payloads")
        if choice == "off":
            self._stop(address, isLogged=False)
        elif show is None:
            raise CommandError("allowed: on a console; elsewhere logon")
        else:
            self._begin(address, show, show, choice == "payloads")

    def logon(self, address: str, choice: str) -> None:
        """Have frames logged."""
        hasPayloads = bool(choice) and chosen(choice, "payloads") == "payloads"

        def show(line: str) -> None:
            """Log a frame."""
            _log.info("{line}", line=line)

        self._begin(address, show, None, hasPayloads)

    def logoff(self, address: str) -> None:
        """Have frames logged no more."""
        self._stop(address, isLogged=True)

    def task(self, address: str) -> dict[str, str]:
        """Say where the coroutines of an agent wait."""
        agent = self._inspection.find(address).agent
        found: dict[str, str] = {}
        for each in gc.get_objects():
            # By its type itself: others can be asked anything.
            if type(each) in (CoroutineType, GeneratorType):
                frame: FrameType | None = _frameOf(each)
                if frame is not None and frame.f_locals.get("self") is agent:
                    place = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
                    found[f"{each.__qualname__} {len(found) + 1}"] = place
        return found

    def left(self, show: Show) -> None:
        """Stop all traces of who is gone."""
        for number, (trace, seer) in list(self._traces.items()):
            if seer == show:
                trace.stop()
                del self._traces[number]

    def _begin(
        self,
        address: str,
        show: Show,
        seer: Show | None,
        hasPayloads: bool,
    ) -> None:
        """Begin a trace, in place of one that goes on."""
        wire = self._inspection.find(address)
        number = wire.address
        name = f":{number:08x}"

        def showFrame(line: str) -> None:
            """Show a line, and of whom it is; keep nothing of who is gone."""
            if line.startswith("*"):
                self._traces.pop(number, None)
            show(f"{name} {line}")

        _, before = self._traces.get(number, (None, None))
        if before is not None and before != seer:
            before(f"{name} * shown elsewhere from now on")
        trace = self._inspection.trace(wire, showFrame, hasPayloads)
        self._traces[number] = trace, seer

    def _stop(self, address: str, isLogged: bool) -> None:
        """Stop a trace, if there is one of that kind."""
        number = self._inspection.find(address).address
        trace, seer = self._traces.get(number, (None, None))
        if trace is None or isLogged != (seer is None):
            raise CommandError(f"{address}: not on")
        trace.stop()
        del self._traces[number]


def _values(text: str) -> list[Any]:
    """
    Read JSON values, one after the other.

    @raise CommandError: they are none.
    """
    found = []
    decoder = json.JSONDecoder()
    rest = text.strip()
    try:
        while rest:
            value, end = decoder.raw_decode(rest)
            found.append(value)
            rest = rest[end:].lstrip()
    except (JSONDecodeError, RecursionError):
        raise CommandError(f"{rest!r:.40}, allowed: values in JSON") from None
    return found


def _frameOf(
    waiting: CoroutineType[Any, Any, Any] | GeneratorType[Any, Any, Any],
) -> Any:
    """Find where a coroutine or a generator waits."""
    if isinstance(waiting, CoroutineType):
        return waiting.cr_frame
    return waiting.gi_frame


AGENT_COMMANDS: Final = (
    Command(
        "kill",
        "ADDRESS [CODE [REASON...]]",
        "Close a connection, with the closing handshake",
        AgentCommands.kill,
        isActing=True,
    ),
    Command(
        "exit",
        "ADDRESS",
        "Have an agent go by its own loseConnection()",
        AgentCommands.exit,
        isActing=True,
    ),
    Command(
        "abort",
        "ADDRESS",
        "Be rid of a connection at once",
        AgentCommands.abort,
        isActing=True,
    ),
    Command(
        "message",
        "ADDRESS TEXT...",
        "Send a text message to a peer",
        AgentCommands.message,
        isActing=True,
    ),
    Command(
        "ping",
        "ADDRESS",
        "Measure the round trip to a peer",
        AgentCommands.ping,
    ),
    Command(
        "call",
        "ADDRESS METHOD [JSON...]",
        "Call a public method of an agent, with values in JSON",
        AgentCommands.call,
        isActing=True,
    ),
    Command(
        "trace",
        "ADDRESS on|off|payloads",
        "Show an agent's frames here, what is in them only if asked for",
        AgentCommands.trace,
        isShowing=True,
        isActing=True,
    ),
    Command(
        "logon",
        "ADDRESS [payloads]",
        "Log an agent's frames",
        AgentCommands.logon,
        isActing=True,
    ),
    Command(
        "logoff",
        "ADDRESS",
        "Log them no more",
        AgentCommands.logoff,
        isActing=True,
    ),
)
