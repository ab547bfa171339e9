"""
The console: commands that are typed, one in a line, and their answers.

As skynet's debug console has it: who connects is greeted; each line is answered
by lines of a key, a tabulator and a value, sorted by their keys, and by
C{<CMD OK>} or C{<CMD Error>} in the end.  Behind C{json}, a command is answered
by one line of JSON and the same end.

Whoever connects may do anything.  It listens on UNIX sockets and on loopback
only; and what browsers send at the behest of some page is no command.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator, Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.internet.interfaces import (
    IAddress,
    IHalfCloseableProtocol,
    IPushProducer,
    IReactorTime,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from wsagent.addresses import describePeer
from wsagent.service import ListeningService
from wsagent.terminal import escaped
from wsagent.turns import inTurns

from .commanding import ERROR, GREETING, OK
from .commands import Commands

LINE_LIMIT: Final = 65_536
"""Octets in a line that is typed."""
CONSOLES_LIMIT: Final = 32
"""Who can be connected at once."""
_PARTING: Final = 1.0
"""Seconds for answers to be read when the console is to end."""

_request = re.compile(r"\S+ \S.* HTTP/[0-9.]+|[A-Z]+ .*")
"""What HTTP begins with, and what no command begins with."""

_control = re.compile(r"[\x00-\x08\n-\x1f\x7f-\x9f]")
"""What TLS is full of, and no line that anybody has typed."""

_log = Logger()


def rendered(result: Any) -> Iterator[str]:
    """Write what a command gives, as lines; no text in it can make another line."""
    if isinstance(result, dict):
        for key in sorted(result):
            if result[key] is not None:
                yield f"{escaped(key)}\t{_fields(result[key])}"
    elif isinstance(result, list):
        for index, value in enumerate(result, 1):
            yield f"{index}\t{_fields(value)}"
    elif result is not None:
        # With quotes, it cannot pass for the end of the answer.
        yield json.dumps(result)


def _fields(value: Any) -> str:
    """Write a value in one line, of a table all fields."""
    if isinstance(value, list):
        value = {str(index): each for index, each in enumerate(value, 1)}
    if isinstance(value, dict):
        return "\t".join(
            f"{escaped(key)}:{_text(each)}"
            for key, each in value.items()
            if each is not None
        )
    return _text(value)


def _text(value: Any) -> str:
    """Write a single value."""
    return escaped(value) if isinstance(value, str) else json.dumps(value)


@implementer(IHalfCloseableProtocol)
class Console(LineReceiver):
    """
    One who types, and reads.

    A command begins when the one before has its answer, and that has been read,
    or nearly: whoever does not read keeps nobody else from anything, and has us
    keep one answer.
    """

    delimiter = b"\n"
    MAX_LENGTH = LINE_LIMIT
    factory: Any
    transport: Any

    def __init__(self) -> None:
        """Nothing is typed yet."""
        self._hasBegun = False
        self._isRunning = False
        self._isFilled = False
        self._isOver = False
        self._isLost = False
        # Lines of traces for which there was no room, and an answer that waits.
        self._leftOut = 0
        self._room: Deferred[None] | None = None

    def connectionMade(self) -> None:
        """Greet."""
        self.factory.consoles.add(self)
        self._name = f"console {describePeer(self.transport.getPeer())}"
        _log.info("{name} connected", name=self._name)
        self.transport.registerProducer(_Room(self), True)
        self._write(GREETING)

    def lineReceived(self, line: bytes) -> None:
        """Run a command, unless it is none that anybody has typed."""
        if self._isOver:
            return
        try:
            text = line.removesuffix(b"\r").decode()
        except UnicodeDecodeError:
            text = "\0"
        isFirst, self._hasBegun = not self._hasBegun, True
        isStrange = _control.search(text) is not None
        if isStrange or (isFirst and _request.fullmatch(text)):
            _log.warn("{name} is none: aborted", name=self._name)
            self._isOver = True
            self.transport.abortConnection()
        elif text.strip():
            self._run(text.strip())

    def lineLengthExceeded(self, line: bytes) -> None:
        """Say so, and hang up."""
        self._write(f"line too long, allowed: {LINE_LIMIT} octets", ERROR)
        self.hangUp()

    def readConnectionLost(self) -> None:
        """Answer what was typed to the end, and hang up."""
        self.hangUp()

    def writeConnectionLost(self) -> None:
        """Our FIN was sent."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Show no more."""
        self._isOver = self._isLost = True
        self.factory.left(self)
        self._wake()
        _log.info("{name} left", name=self._name)

    def show(self, line: str) -> None:
        """Show a line of a trace, if there is room."""
        if self._isFilled:
            self._leftOut += 1
        else:
            self._write(line)

    def hangUp(self) -> None:
        """Take nothing more, and be gone once what was asked is answered."""
        self._isOver = True
        if not self._isRunning:
            self._hangUp()

    def roomChanged(self, isFilled: bool) -> None:
        """Read no more while nobody reads what we write, or go on."""
        self._isFilled = isFilled
        if self._leftOut and not isFilled:
            number, self._leftOut = self._leftOut, 0
            self._write(f"* {number} lines left out")
        self._wake()
        self._settle()

    def _wake(self) -> None:
        """Go on with an answer."""
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)

    def _run(self, text: str) -> None:
        """Run a command, and the next when it is done."""
        self._isRunning = True
        isJSON = text.split(None, 1)[0] == "json"
        self._note(text.split()[isJSON:])
        running = self.factory.commands.runLine(text, self.show)
        running.addCallbacks(
            lambda result: Deferred.fromCoroutine(self._tell(result, isJSON)),
            self._refuse,
        )
        running.addErrback(self._failed).addBoth(self._ran)
        self._settle()

    def _note(self, words: list[str]) -> None:
        """Log who changes something; what comes behind an address may be private."""
        command = self.factory.commands.table.get(words[0]) if words else None
        if command is not None and command.isActing:
            what = " ".join(map(ascii, words[:2]))
            _log.info("{name} runs {what:.99}", name=self._name, what=what)

    async def _tell(self, result: Any, isJSON: bool) -> None:
        """Write what a command gives, as long as there is room, and in turns."""
        lines = iter([json.dumps(result)]) if isJSON else rendered(result)
        async for some in inTurns(self.factory.commands.clock, lines):
            if self._isFilled:
                self._room = Deferred()
                await self._room
            if self._isLost:
                return
            self._write(*some)
        self._write(OK)

    def _refuse(self, failure: Failure) -> None:
        """Write why a command was not done."""
        self._write(escaped(str(failure.value)), ERROR)

    def _failed(self, failure: Failure) -> None:
        """Log what should not have happened."""
        _log.failure("{name} failed", failure, name=self._name)
        self._write("failed, see the log", ERROR)

    def _ran(self, _: object) -> None:
        """Go on."""
        self._isRunning = False
        if self._isOver:
            self._hangUp()
        else:
            self._settle()

    def _settle(self) -> None:
        """Take the next line, or wait."""
        isWaiting = self._isRunning or self._isFilled
        if self._isOver or isWaiting == self.paused:
            return
        if isWaiting:
            self.pauseProducing()
        else:
            self.resumeProducing()

    def _write(self, *lines: str) -> None:
        """Write lines."""
        text = "".join(f"{line}\n" for line in lines)
        self.transport.write(text.encode(errors="backslashreplace"))

    def _hangUp(self) -> None:
        """Send what waits, and FIN."""
        self.transport.unregisterProducer()
        self.transport.loseConnection()


@implementer(IPushProducer)
class _Room:
    """Tells a console whether there is room for what it writes."""

    def __init__(self, console: Console) -> None:
        """@param console: is told."""
        self._console = console

    def pauseProducing(self) -> None:
        """There is none."""
        self._console.roomChanged(isFilled=True)

    def resumeProducing(self) -> None:
        """There is some."""
        self._console.roomChanged(isFilled=False)

    def stopProducing(self) -> None:
        """There is nobody any more."""


class ConsoleFactory(ServerFactory):
    """
    Makes consoles.

    @ivar commands: what can be typed.
    @ivar consoles: those that are connected.
    """

    noisy = False

    def __init__(self, commands: Commands) -> None:
        """@param commands: what can be typed."""
        self.commands = commands
        self.consoles: set[Console] = set()
        self._emptied: Deferred[None] | None = None

    def buildProtocol(self, addr: IAddress | None) -> Console | None:
        """Make one, unless there are too many."""
        if len(self.consoles) >= CONSOLES_LIMIT:
            _log.warn("console refused: {limit} are connected", limit=CONSOLES_LIMIT)
            return None
        console = Console()
        console.factory = self
        return console

    def left(self, console: Console) -> None:
        """Hear that one is gone."""
        self.consoles.discard(console)
        self.commands.left(console.show)
        if self._emptied is not None and not self.consoles:
            emptied, self._emptied = self._emptied, None
            emptied.callback(None)

    def hangUp(self, clock: IReactorTime) -> Deferred[None]:
        """
        Have all of them go, once they have their answers.

        @return: fires when none is left, or after some seconds.
        """
        for console in list(self.consoles):
            console.hangUp()
        if not self.consoles:
            return succeed(None)
        self._emptied = Deferred()
        return self._emptied.addTimeout(_PARTING, clock, lambda _, __: None)


class ConsoleService(ListeningService):
    """Has commands typed; on stop, lets who has typed them read the answers."""

    def __init__(
        self,
        commands: Commands,
        endpoints: Sequence[IStreamServerEndpoint],
        clock: IReactorTime,
    ) -> None:
        """
        @param commands: what can be typed.
        @param endpoints: where to listen, and nobody from elsewhere connects.
        """
        super().__init__(ConsoleFactory(commands), endpoints, "console", isPrivate=True)
        self._clock = clock

    @inlineCallbacks
    def stopService(self) -> Generator[Deferred[Any], Any, None]:
        """Listen no longer, and hang up."""
        yield super().stopService()
        yield self.factory.hangUp(self._clock)
