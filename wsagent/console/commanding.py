"""What a command of the console is: its name, its arguments, what it does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any, Final, NamedTuple

GREETING: Final = "Welcome to wsagent console"
"""The first line that a console writes."""
OK: Final = "<CMD OK>"
ERROR: Final = "<CMD Error>"
"""The line that ends an answer, if it is bad."""

Show = Callable[[str], object]
"""Takes the lines that come after a command is done, as of a trace."""


class CommandError(Exception):
    """A command that cannot be done; says why in one line."""


class UnknownCommand(CommandError):
    """There is no such command."""


class Command(NamedTuple):
    """A command, as it stands in the table."""

    name: str
    usage: str
    """Its arguments: C{[]} around what may be left out, C{...} behind the rest."""
    help: str
    """What it does, in one line."""
    perform: Callable[..., object]
    """Called with what it is a method of, and the arguments."""
    isShowing: bool = False
    """It shows lines later, and is also told where to."""
    isActing: bool = False
    """It changes something: who runs it is logged."""

    @property
    def written(self) -> str:
        """How to write it."""
        return f"{self.name} {self.usage}".rstrip()

    def split(self, text: str) -> list[str]:
        """Cut a line, without the name, into arguments; the rest stays whole."""
        words = self.usage.split()
        return text.split(None, len(words) - 1) if self._hasRest else text.split()

    def arguments(self, given: Sequence[str]) -> list[str]:
        """
        Take arguments; those that are left out are empty.

        @raise CommandError: they are too few, or too many.
        """
        words = self.usage.split()
        least = sum(not word.startswith("[") for word in words)
        found = list(given)
        if self._hasRest and len(found) > len(words):
            found[len(words) - 1 :] = [" ".join(found[len(words) - 1 :])]
        if not least <= len(found) <= len(words):
            raise CommandError(f"{self.name}: allowed: {self.written}")
        return found + [""] * (len(words) - len(found))

    @property
    def _hasRest(self) -> bool:
        """Whether the last argument is all the rest."""
        return "..." in self.usage


def amount(text: str, default: int, most: int = 1000) -> int:
    """
    Read how many are wanted.

    @raise CommandError: it is no such number.
    """
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text)):
        raise CommandError(f"{text!r:.40}, allowed: a whole number from 1 to {most}")
    return min(int(text), most)


def chosen(text: str, *allowed: str) -> str:
    """
    Take one of several words.

    @raise CommandError: it is none of them.
    """
    if text not in allowed:
        raise CommandError(f"{text!r:.40}, allowed: {', '.join(allowed)}")
    return text


def plain(value: Any) -> Any:
    """Make of a value one that JSON has; what it has not is a text."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else repr(value)
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(each) for each in value]
    return repr(value)


def inWords(error: BaseException | None) -> str:
    """Put what an application raised into one line."""
    lines = str(error).splitlines()
    return type(error).__name__ + (f": {lines[0]:.200}" if lines else "")


def rounded(report: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is finer than a microsecond."""
    return {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in report.items()
    }
