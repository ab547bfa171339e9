"""
The log as JSON, an object a line, for programs that read it.

C{twistd -n --logger wsagent.logs.jsonLines wsagent} writes it to its output.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from typing import TextIO

from twisted.logger import FileLogObserver, LogEvent, formatEvent
from twisted.python.failure import Failure

_OURS = ("time", "level", "namespace", "message", "traceback")
_LEGACY = (
    *("failure", "format", "isError", "logLevel"),
    *("message", "printed", "system", "time", "why"),
)
"""What C{twisted.python.log} puts into each event of its own."""


def jsonLines(outFile: TextIO | None = None) -> FileLogObserver:
    """
    Make an observer of Twisted's log that writes an object a line.

    @param outFile: where to; C{sys.stdout} by default.
    @see: L{jsonLine}.
    """
    return FileLogObserver(outFile or sys.stdout, jsonLine)


def jsonLine(event: LogEvent) -> str:
    """
    Write an event of Twisted's log as one line of JSON.

    It has C{time}, in UTC, C{level}, C{namespace} and C{message}; of a failure
    also C{traceback}; and the event's own fields, as far as JSON has their
    like.  One that is called as one of these has a C{_} behind its name.

    @return: ASCII only: nothing in it means anything to a terminal.
    """
    isLegacy = event.get("log_namespace") == "log_legacy"
    failure = event.get("log_failure")
    message = formatEvent(event)
    if isLegacy and failure is None and isinstance(event.get("failure"), Failure):
        # Of these, the message is the traceback.
        failure = event["failure"]
        message = str(event.get("why") or "Unhandled Error")
    level = event.get("log_level")
    told = {
        "time": _time(event.get("log_time")),
        "level": None if level is None else level.name,
        "namespace": event.get("log_namespace"),
        "message": message,
    }
    if isinstance(failure, Failure):
        told["traceback"] = failure.getTraceback()
    parts = [f"{json.dumps(name)}:{_value(value)}" for name, value in told.items()]
    for name, value in event.items():
        if name.startswith("log_") or (isLegacy and name in _LEGACY):
            continue
        written = _value(value)
        if written is not None:
            shown = f"{name}_" if name in _OURS else name
            parts.append(f"{json.dumps(shown)}:{written}")
    return "{" + ",".join(parts) + "}\n"


def _value(value: object) -> str | None:
    """Write a value, unless JSON has none such."""
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None


def _time(seconds: float | None) -> str | None:
    """Write a time as ISO 8601 has it, to the millisecond."""
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds") + "Z"
