"""C{wsagent console}: what a person, or a program in a pipe, has a server do."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from threading import Condition, Thread
from typing import Final

from wsagent.talk import fail
from wsagent.terminal import Lines, Pipe, Terminal, ignoreOutput, isAtTerminal

from .asking import Asker, NoConsole
from .commanding import ERROR, OK

_HISTORY: Final = "console-history"
_ADDRESSES_LIMIT: Final = 1000
"""Addresses that can be completed."""

# How no answer begins: it may come at any time, and alone.
_shown = re.compile(r":[0-9a-f]{8,} [<>*] |\* [0-9]+ lines ")
_address = re.compile(r":[0-9a-f]{8}(?=\t| )")


def typeToConsole(place: str) -> int:
    """
    Have done what is typed or piped, until there is no more.

    @return: the exit status.
    """
    words = Words()
    screen: Terminal | Pipe
    if isAtTerminal():
        screen = Terminal(sys.stdout, words, history=_HISTORY)
    else:
        screen = Pipe(sys.stdin.buffer, sys.stdout.buffer, sys.stdout.isatty())
    try:
        asker = Asker(place)
        with closing(asker), closing(screen):
            words.learnCommands(asker.ask("help"))
            screen.open()
            screen.tell(f"connected to {place}")
            screen.tell("help lists the commands, Ctrl-D leaves")
            return Typing(asker, screen, words).run()
    except NoConsole as error:
        return fail(str(error))


class Words:
    """What can be completed: commands, and the addresses that were seen."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._commands: list[str] = []
        self._addressed: list[str] = []
        # In order, as a set has none.
        self._addresses: dict[str, None] = {}

    def __iter__(self) -> Iterator[str]:
        """List them, as they are typed."""
        yield from self._commands
        for command in self._addressed:
            for address in list(self._addresses):
                yield f"{command} {address}"

    def learnCommands(self, told: dict[str, str]) -> None:
        """Take what C{help} gives."""
        self._commands = list(told)
        self._addressed = [
            name
            for name, usage in told.items()
            if usage.startswith(("ADDRESS", "[ADDRESS"))
        ]

    def learnAddresses(self, line: str) -> None:
        """Take what is in a line that is shown."""
        for address in _address.findall(line):
            self._addresses[address] = None
            if len(self._addresses) > _ADDRESSES_LIMIT:
                del self._addresses[next(iter(self._addresses))]


class Typing:
    """What is typed to one console, and what comes back."""

    def __init__(self, asker: Asker, screen: Terminal | Pipe, words: Words) -> None:
        """@param words: learns what is shown."""
        self._asker = asker
        self._screen = screen
        self._words = words
        self._lines = Lines(screen.read)
        # How many answers have no end yet; and of the first, the last line.
        self._changed = Condition()
        self._awaited = 0
        self._held: str | None = None
        self._isRefused = False
        self._isLeaving = False
        # That the server has gone, and that this is why we end.
        self._gone: NoConsole | None = None
        self._end: NoConsole | None = None

    def run(self) -> int:
        """
        Type until one side has enough.

        @return: the exit status.
        """
        status = 0
        receiver = Thread(target=self._receive, daemon=True)
        receiver.start()
        try:
            self._type()
        except KeyboardInterrupt:
            status = 130
        except OSError as error:
            status = fail(f"input: {error.strerror or error}")
        with self._changed:
            self._isLeaving = True
        self._screen.close()
        self._asker.close()
        receiver.join()
        if self._end is not None:
            return fail(str(self._end))
        # A person has seen what was refused, and gone on.
        isRefused = self._isRefused and not self._screen.isInteractive
        return status or int(isRefused)

    def _type(self) -> None:
        """Type until there is no more; have a pipe wait for its answers."""
        # If it is the server that has gone, the other thread says so.
        with suppress(EOFError, NoConsole):
            while True:
                line = self._lines.read().decode("utf-8", "surrogateescape")
                if line.strip():
                    with self._changed:
                        if self._gone is not None:
                            self._end = self._gone
                            return
                        self._awaited += 1
                    self._asker.send(line)
        if not self._screen.isInteractive:
            with self._changed:
                self._changed.wait_for(lambda: not self._awaited)

    def _receive(self) -> None:
        """Show what comes, until the end."""
        isDone = False
        try:
            while True:
                self._take(self._asker.receive())
        except NoConsole as error:
            with self._changed:
                # All may be done and said, and only the end of the input not read.
                self._gone = error
                isDone = not self._awaited and self._screen.hasInput()
                if not (self._isLeaving or isDone):
                    self._end = error
        except OSError:
            # Nobody reads any more, as after "| head".
            ignoreOutput()
        finally:
            with self._changed:
                self._awaited = 0
                self._changed.notify()
            if not isDone:
                self._lines.stop()

    def _take(self, line: str) -> None:
        """Show a line, as soon as it is known what it is."""
        self._words.learnAddresses(line)
        if _shown.match(line):
            self._screen.showText(line)
            return
        held, self._held = self._held, line
        if line not in (OK, ERROR):
            self._show(held)
            return
        self._held = None
        if line == OK:
            self._show(held)
            self._screen.tell("OK")
        else:
            self._isRefused = True
            self._refuse(held or "refused")
        with self._changed:
            self._awaited -= 1
            self._changed.notify()

    def _show(self, line: str | None) -> None:
        """Show a line of an answer, if there is one."""
        if line is not None:
            self._screen.showText(line)

    def _refuse(self, why: str) -> None:
        """Say why a command was not done."""
        if self._screen.isInteractive:
            self._screen.tell(why)
        else:
            fail(why)
