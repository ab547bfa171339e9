"""
The commands of the console, for whoever asks: L{Commands}.

The console's lines, and HTTP on the admin endpoint, both come here::

    commands = Commands(Inspection(factory), service)
    commands.run(["kill", ":0000001a", "4000", "enough"])    # a Deferred
    commands.runLine("kill :0000001a 4000 enough")           # the same

The C{Deferred} fires with C{None} or a value for JSON, or fails with a
L{CommandError} whose C{str} is one line; C{UnknownCommand} is one.
C{commands.table} lists each L{Command<wsagent.console.commanding.Command>}: its
C{name}, C{usage} and C{help}.

A command that shows lines later, as C{trace} does, gets a function C{show} that
takes them: C{run(words, show)}.  When who has it is gone, C{left(show)} says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsagent.inspection import Inspection, NoSuchAgent
from wsagent.service import ListeningService

from .agentcommands import AGENT_COMMANDS, AgentCommands
from .commanding import Command, CommandError, Show, UnknownCommand
from .processcommands import PROCESS_COMMANDS, ProcessCommands
from .servercommands import SERVER_COMMANDS, ServerCommands

_log = Logger()


class Commands:
    """
    The commands of one server.

    @ivar table: all of them, by name.
    @ivar clock: the server's.
    """

    def __init__(
        self,
        inspection: Inspection,
        service: ListeningService | None = None,
    ) -> None:
        """
        @param inspection: of the server.
        @param service: where it listens.
        """
        self.clock = inspection.factory.reactor
        self._server = ServerCommands(inspection, service)
        self._agents = AgentCommands(inspection)
        self._process = ProcessCommands(self.clock)
        self.table = {command.name: command for command in TABLE}
        self._owners = {
            command.name: owner
            for owner, commands in (
                (self, OWN_COMMANDS),
                (self._server, SERVER_COMMANDS),
                (self._agents, AGENT_COMMANDS),
                (self._process, PROCESS_COMMANDS),
            )
            for command in commands
        }

    def run(self, words: Sequence[str], show: Show | None = None) -> Deferred[Any]:
        """
        Run a command.

        @param words: its name and its arguments.
        @param show: takes the lines that come later.
        @return: fires with C{None}, or what there is to tell, which is for JSON;
            fails with L{CommandError}.
        """
        name, *given = words or ("",)
        running: Deferred[Any] = maybeDeferred(self._perform, name, given, show)
        return running.addErrback(_explain, name)

    def runLine(self, line: str, show: Show | None = None) -> Deferred[Any]:
        """
        Run a command that was typed: the last of its arguments may have spaces.

        @return: as that of L{run}.
        """
        name, *rest = line.split(None, 1) or ("",)
        command = self.table.get(name)
        given = command.split(*rest) if command is not None and rest else rest
        return self.run([name, *given], show)

    def left(self, show: Show) -> None:
        """Show nothing any more to who is gone."""
        self._agents.left(show)

    def help(self, name: str) -> dict[str, str]:
        """Say what there is."""
        shown = [self._find(name)] if name else self.table.values()
        return {
            command.name: f"{command.usage} : {command.help}".removeprefix(" : ")
            for command in shown
        }

    def info(self, address: str) -> dict[str, Any]:
        """Tell about an agent, or about the server."""
        return self._agents.info(address) if address else self._server.about()

    def task(self, address: str) -> dict[str, Any]:
        """Say what is to be done later, by an agent or by all."""
        return self._agents.task(address) if address else self._process.tasks()

    def json(self, line: str, show: Show | None) -> Deferred[Any]:
        """Run a command; whoever writes lines then writes JSON."""
        if line.split(None, 1)[:1] == ["json"]:
            # Thousands fit into a line, one inside the other.
            raise CommandError("json: allowed: once")
        return self.runLine(line, show)

    def _find(self, name: str) -> Command:
        """
        Find a command.

        @raise UnknownCommand: there is none of that name.
        """
        if name not in self.table:
            raise UnknownCommand("Invalid command, type help for command list")
        return self.table[name]

    def _perform(self, name: str, given: Sequence[str], show: Show | None) -> object:
        """Run a command."""
        command = self._find(name)
        arguments: list[Any] = [*command.arguments(given)]
        if command.isShowing:
            arguments.append(show)
        return command.perform(self._owners[name], *arguments)


def _explain(failure: Failure, name: str) -> Any:
    """Say in one line why a command was not done."""
    error = failure.value
    if isinstance(error, UnknownCommand) or name == "json":
        return failure
    if isinstance(error, (CommandError, NoSuchAgent, ValueError)):
        why = str(error).removeprefix(f"{name}: ")
        raise CommandError(f"{name}: {why}") from None
    _log.failure("console command {name} failed", failure, name=name)
    raise CommandError(f"{name}: failed, see the log")


OWN_COMMANDS = (
    Command(
        "help",
        "[COMMAND]",
        "Show all commands, or one",
        Commands.help,
    ),
    Command(
        "info",
        "[ADDRESS]",
        "Tell about an agent, or about the server",
        Commands.info,
    ),
    Command(
        "task",
        "[ADDRESS]",
        "Say where an agent's coroutines wait, or what the reactor is to do",
        Commands.task,
    ),
    Command(
        "json",
        "COMMAND...",
        "Run a command, and answer with one line of JSON",
        Commands.json,
        isShowing=True,
    ),
)
TABLE = (
    *OWN_COMMANDS,
    *SERVER_COMMANDS,
    *AGENT_COMMANDS,
    *PROCESS_COMMANDS,
)
"""All commands."""
