"""The commands of the console about the process: L{ProcessCommands}."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import tracemalloc
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

from .commanding import Command, CommandError, amount, chosen

try:
    import resource
except ImportError:  # pragma: no cover - as on Windows
    resource = None  # type: ignore[assignment]

_STATM = Path("/proc/self/statm")
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


class ProcessCommands:
    """What there is to know of the process, and what can be done to it."""

    def __init__(self, reactor: IReactorTime) -> None:
        """@param reactor: the server's."""
        self._reactor: Any = reactor

    def mem(self) -> dict[str, int]:
        """Say how much memory is used."""
        found = {"objects": len(gc.get_objects())}
        if _STATM.exists():
            pages = int(_STATM.read_text("ascii").split()[1])
            found["resident"] = pages * os.sysconf("SC_PAGE_SIZE")
        if resource is not None:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            # The system does not count to the page, nor both at the same time.
            found["peak"] = max(peak * _PEAK_UNIT, found.get("resident", 0))
        return found

    def gc(self) -> dict[str, float]:
        """Collect garbage."""
        begun = perf_counter()
        found = gc.collect()
        return {"found": found, "seconds": round(perf_counter() - begun, 6)}

    def cmem(self, count: str) -> list[dict[str, Any]]:
        """Count objects by their class."""
        rows = amount(count, 20)
        numbers: Counter[type] = Counter()
        octets: Counter[type] = Counter()
        for each in gc.get_objects():
            # By its type itself: others can be asked anything.
            kind = type(each)
            numbers[kind] += 1
            octets[kind] += object.__sizeof__(each)
        return [
            {
                "class": f"{kind.__module__}.{kind.__qualname__}",
                "objects": numbers[kind],
                "octets": size,
            }
            for kind, size in octets.most_common(rows)
        ]

    def profactive(self, choice: str) -> dict[str, Any]:
        """Begin or end to note who uses memory."""
        if choice == "on":
            tracemalloc.start()
        elif choice:
            chosen(choice, "on", "off")
            tracemalloc.stop()
        current, peak = tracemalloc.get_traced_memory()
        isOn = tracemalloc.is_tracing()
        return {"isOn": isOn, "octets": current, "peak": peak}

    def dumpheap(self, count: str) -> list[dict[str, Any]]:
        """List the lines that hold most memory."""
        rows = amount(count, 20)
        if not tracemalloc.is_tracing():
            raise CommandError("allowed: after profactive on")
        snapshot = tracemalloc.take_snapshot()
        return [
            {
                "line": f"{each.traceback[0].filename}:{each.traceback[0].lineno}",
                "objects": each.count,
                "octets": each.size,
            }
            for each in snapshot.statistics("lineno")[:rows]
        ]

    def tasks(self) -> dict[str, Any]:
        """Count what the reactor is to do."""
        delayed = Counter(
            _nameOf(call.func) for call in self._reactor.getDelayedCalls()
        )
        found: dict[str, Any] = {"delayed": dict(delayed)}
        try:
            tasks = asyncio.all_tasks()
        except RuntimeError:
            # Another reactor than asyncio's.
            pass
        else:
            names = (_nameOf(each.get_coro()) for each in tasks)
            found["asyncio"] = dict(Counter(names))
        pool = getattr(self._reactor, "threadpool", None)
        if pool is not None:
            found["threads"] = {
                "idle": len(pool.waiters),
                "queued": pool.q.qsize(),
                "working": len(pool.working),
            }
        return found

    def signal(self, name: str) -> None:
        """Do as if a signal had come."""
        # What nobody listens for may end us on the spot.
        handled = [each.name for each in signal.Signals if _isHandled(each)]
        wanted = name.upper()
        wanted = wanted if wanted.startswith("SIG") else f"SIG{wanted}"
        if wanted not in handled:
            allowed = ", ".join(each.removeprefix("SIG") for each in handled)
            raise CommandError(f"{name!r:.40}, allowed: {allowed or 'none here'}")
        signal.raise_signal(signal.Signals[wanted])

    def getenv(self, name: str) -> dict[str, str]:
        """Read a variable of the environment."""
        if name not in os.environ:
            raise CommandError(f"{name!r:.40}: not set")
        return {name: os.environ[name]}

    def setenv(self, name: str, value: str) -> None:
        """Set a variable of the environment, for what is read or started later."""
        if not name.replace("_", "").isalnum() or "\0" in value:
            raise CommandError(f"{name!r:.40}, allowed: letters, digits and _")
        os.environ[name] = value


def _isHandled(number: signal.Signals) -> bool:
    """Ask whether the process does something of its own at a signal."""
    return callable(signal.getsignal(number))


def _nameOf(called: Any) -> str:
    """Name what is to be called, or goes on."""
    function = getattr(called, "func", called)
    name: str = getattr(function, "__qualname__", type(function).__qualname__)
    return name


PROCESS_COMMANDS: Final = (
    Command(
        "mem",
        "",
        "Say how much memory is used, in octets",
        ProcessCommands.mem,
    ),
    Command(
        "gc",
        "",
        "Collect garbage",
        ProcessCommands.gc,
    ),
    Command(
        "cmem",
        "[COUNT]",
        "Count objects by their class, those that use most first",
        ProcessCommands.cmem,
    ),
    Command(
        "profactive",
        "[on|off]",
        "Note who uses memory from now on, which costs time; or not",
        ProcessCommands.profactive,
        isActing=True,
    ),
    Command(
        "dumpheap",
        "[COUNT]",
        "List the lines of source that hold most, after profactive on",
        ProcessCommands.dumpheap,
    ),
    Command(
        "signal",
        "NAME",
        "Do as at a signal: HUP to reload, TERM to stop",
        ProcessCommands.signal,
        isActing=True,
    ),
    Command(
        "getenv",
        "NAME",
        "Read a variable of the environment",
        ProcessCommands.getenv,
    ),
    Command(
        "setenv",
        "NAME VALUE...",
        "Set a variable of the environment, for what is read later",
        ProcessCommands.setenv,
        isActing=True,
    ),
)
