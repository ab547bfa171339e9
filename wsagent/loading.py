"""What options name: classes of applications, and errors in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from twisted.python import usage

from .protocol import WebSocketProtocol

_Method = TypeVar("_Method", bound=Callable[..., object])


def loaded(told: str, name: str) -> type[WebSocketProtocol]:
    """
    Find an application by the name of its module and its own.

    @param told: the option with its value, for who reads the error.
    @param name: C{module:Class} or C{module.Class}; the current folder is
        searched too.
    @raise UsageError: there is no such class, or it is no application.
    """
    separator = ":" if ":" in name else "."
    moduleName, _, className = name.rpartition(separator)
    if not moduleName or not className:
        raise usage.UsageError(f"{told}: allowed: module:Class")
    folder = str(Path.cwd())
    if folder not in sys.path:
        # At the end: a file here must not stand in for a library.
        sys.path.append(folder)
    try:
        found = getattr(import_module(moduleName), className)
    except Exception as error:  # noqa: BLE001 - whatever the module raises
        raise usage.UsageError(f"{told}: {inLine(error)}") from None
    if not (isinstance(found, type) and issubclass(found, WebSocketProtocol)):
        raise usage.UsageError(
            f"{told}: allowed: a subclass of wsagent.WebSocketProtocol",
        )
    return found


def inOneLine(method: _Method) -> _Method:
    """Put a docstring into one line, as C{usage} shows it."""
    method.__doc__ = " ".join((method.__doc__ or "").split())
    return method


def inLine(error: Exception) -> str:
    """Put an error into one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]
