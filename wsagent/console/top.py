"""C{wsagent top}: a server's agents in a terminal, always the latest."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from time import monotonic
from typing import Any, Final

from wsagent.talk import fail
from wsagent.terminal import isAtTerminal

from .asking import Asker, NoConsole, Refused
from .columns import fitted, rate, size, table

INTERVAL: Final = 1.0
"""Seconds between two looks."""
ORDERS: Final = (
    "sent",
    "received",
    "messages",
    "buffered",
    "roundtrip",
    "oldest",
    "newest",
)
"""What it can go by, as the server's C{top} has it."""
_ROWS_LIMIT: Final = 200
_TEXT_LIMIT: Final = 60
_ESCAPE: Final = "\x1b"


def showTop(place: str) -> int:
    """
    Show a server's agents, until the user has seen enough.

    @return: the exit status.
    """
    try:
        import curses
    except ImportError:
        return fail(
            "top: this Python has no curses; on Windows: pip install windows-curses"
        )
    if not isAtTerminal():
        return fail("top: allowed: in a terminal; elsewhere wsagent console, json top")
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        asker = Asker(place)
        with closing(asker):
            top = Top(asker)
            # Before the screen is taken: what is wrong at once stays to be read.
            top.look()
            curses.wrapper(lambda window: _Screen(curses, window, top).run())
    except NoConsole as error:
        return fail(str(error))
    except Refused as error:
        return fail(f"{place}: {error}")
    except curses.error as error:
        return fail(f"top: {error}")
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


class Top:
    """
    What is shown, without a screen.

    @ivar order: a place in L{ORDERS}.
    @ivar text: what has to be in something of an agent.
    @ivar typed: a text that is being typed, or C{None}.
    """

    def __init__(self, asker: Asker) -> None:
        """@param asker: connected to the console."""
        self._asker = asker
        self.order = 0
        self.text = ""
        self.typed: str | None = None
        self._found: dict[str, Any] = {"stat": {}, "agents": [], "now": 0.0}
        # What has changed since when, in a second.
        self._before = self._found
        self._rates: dict[str, dict[str, float]] = {}
        self._total: dict[str, float] = {}

    def look(self, count: int = 20) -> None:
        """
        Ask the server.

        @param count: for how many agents there is room.
        @raise NoConsole: it has gone.
        """
        count = max(1, min(count, _ROWS_LIMIT))
        found = self._asker.ask(f"top {ORDERS[self.order]} {count} {self.text}")
        before, self._found = self._before, found
        seconds = found["now"] - before["now"]
        # A key may have us look again at once: much too soon to tell.
        if before["stat"] and seconds < INTERVAL / 2:
            return
        self._before = found
        if before["stat"]:
            known = {agent["address"]: agent for agent in before["agents"]}
            self._total = _perSecond(before["stat"], found["stat"], seconds)
            self._rates = {
                agent["address"]: _perSecond(known[agent["address"]], agent, seconds)
                for agent in found["agents"]
                if agent["address"] in known
            }

    def press(self, key: str) -> bool:
        """
        Do what a key is for.

        @param key: a character, or C{LEFT}, C{RIGHT}, C{BACKSPACE}.
        @return: whether to ask the server now.
        @raise EOFError: that was all.
        """
        if self.typed is not None:
            return self._type(key)
        if key in ("q", "Q"):
            raise EOFError
        if key == "/":
            self.typed = self.text
        elif key == _ESCAPE and self.text:
            self.text = ""
        elif key in ("RIGHT", ">", "."):
            self.order = (self.order + 1) % len(ORDERS)
        elif key in ("LEFT", "<", ","):
            self.order = (self.order - 1) % len(ORDERS)
        else:
            return key == " "
        return self.typed is None

    def _type(self, key: str) -> bool:
        """Type a text."""
        assert self.typed is not None
        if key == _ESCAPE:
            self.typed = None
        elif key in ("\n", "\r"):
            self.text, self.typed = self.typed.strip(), None
            return True
        elif key in ("BACKSPACE", "\x7f", "\b"):
            self.typed = self.typed[:-1]
        elif key == "\x15":
            self.typed = ""
        elif len(key) == 1 and key.isprintable() and len(self.typed) < _TEXT_LIMIT:
            self.typed += key
        return False

    def head(self) -> list[str]:
        """Write what is above the table."""
        stat, total = self._found["stat"], self._total
        first = (
            self._asker.place,
            f"{stat['agents']} agents, {stat['connections']} connections",
            f"{stat['slow']} slow, {size(stat['buffered'])} waiting",
        )
        second = (
            f"in {rate(total, 'messagesReceived')}/s",
            f"{rate(total, 'octetsReceived', size)}/s",
            f"of {size(stat['octetsReceived'])};",
            f"out {rate(total, 'messagesSent')}/s",
            f"{rate(total, 'octetsSent', size)}/s",
            f"of {size(stat['octetsSent'])}",
        )
        return ["   ".join(first), " ".join(second), self._last()]

    def _last(self) -> str:
        """Write how it is ordered, and what keys there are."""
        if self.typed is not None:
            return f"/{self.typed}_   Enter searches, Esc does not"
        matching = f"{self._found['matching']} with {self.text!r}, Esc for all   "
        return (
            matching if self.text else ""
        ) + f"by {ORDERS[self.order]}   < > other order   / search   q leaves"

    def table(self, width: int) -> Iterator[str]:
        """
        Write the table, its titles first.

        @param width: columns of the screen.
        """
        return table(self._found["agents"], self._rates, width)

    def slow(self) -> set[int]:
        """Tell which rows of the table are of slow peers, the titles being 0."""
        agents = self._found["agents"]
        return {at for at, agent in enumerate(agents, 1) if agent["isSlow"]}


class _Screen:
    """The terminal."""

    def __init__(self, curses: Any, window: Any, top: Top) -> None:
        """@param curses: the module, which not every system has."""
        self._curses = curses
        self._window = window
        self._top = top
        self._keys = {
            curses.KEY_LEFT: "LEFT",
            curses.KEY_RIGHT: "RIGHT",
            curses.KEY_BACKSPACE: "BACKSPACE",
            curses.KEY_ENTER: "\n",
        }
        with suppress(curses.error):
            curses.curs_set(0)
        with suppress(curses.error):
            curses.use_default_colors()
        # Else an Escape waits for what may follow it.
        if hasattr(curses, "set_escdelay"):
            curses.set_escdelay(25)

    def run(self) -> None:
        """Show it, until there is a key to leave, or the server has gone."""
        due = monotonic() + INTERVAL
        with suppress(EOFError):
            while True:
                self._draw()
                key = self._key(due - monotonic())
                isAsking = bool(key) and self._top.press(key)
                if isAsking or monotonic() >= due:
                    height, _ = self._window.getmaxyx()
                    self._top.look(height - 4)
                    due = monotonic() + INTERVAL

    def _key(self, seconds: float) -> str:
        """Wait for a key; none is empty."""
        self._window.timeout(max(1, int(1000 * seconds)))
        try:
            key = self._window.get_wch()
        except self._curses.error:
            return ""
        if isinstance(key, str):
            return key
        return self._keys.get(key, "")

    def _draw(self) -> None:
        """Draw all of it."""
        height, width = self._window.getmaxyx()
        window, curses = self._window, self._curses
        window.erase()
        head, slow = self._top.head(), self._top.slow()
        for at, line in enumerate(head):
            self._write(at, fitted(line, width), 0)
        for at, line in enumerate(self._top.table(width)):
            if len(head) + at >= height:
                break
            look = curses.A_REVERSE if not at else 0
            self._write(len(head) + at, line, curses.A_BOLD if at in slow else look)
        window.refresh()

    def _write(self, at: int, text: str, look: int) -> None:
        """Write a row; the last cell of the screen cannot be left behind."""
        octets = text.encode(self._window.encoding, "replace")
        with suppress(self._curses.error):
            self._window.addstr(at, 0, octets, look)


def _perSecond(
    before: dict[str, Any],
    after: dict[str, Any],
    seconds: float,
) -> dict[str, float]:
    """Tell how fast something grows."""
    names = ("messagesReceived", "octetsReceived", "messagesSent", "octetsSent")
    return {name: (after[name] - before[name]) / seconds for name in names}
