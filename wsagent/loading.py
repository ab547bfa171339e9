"""What options name: classes of applications, and errors in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from twisted.python import usage

from .protocol import WebSocketProtocol

_Method = TypeVar("_Method", bound=Callable[..., object])


def loaded(told: str, name: str) -> type[WebSocketProtocol]:
    """
    Find an application by the name of its module and its own.

    @param told: the option with its value, for who reads the error.
    @param name: C{module:Class} or C{module.Class}.
    @raise UsageError: there is no such class, or it is no application.
    """
    found = named(told, name)
    if not (isinstance(found, type) and issubclass(found, WebSocketProtocol)):
        raise usage.UsageError(
            f"{told}: allowed: a subclass of wsagent.WebSocketProtocol",
        )
    return found


def named(told: str, name: str, what: str = "Class") -> Any:
    """
    Find an object by the name of its module and its own.

    @param name: C{module:object} or C{module.object}; the current folder is
        searched too.
    @param what: the object is, in the error.
    @raise UsageError: there is none.
    """
    separator = ":" if ":" in name else "."
    moduleName, _, ownName = name.rpartition(separator)
    if not moduleName or not ownName:
        raise usage.UsageError(f"{told}: allowed: module:{what}")
    folder = str(Path.cwd())
    if folder not in sys.path:
        # At the end: a file here must not stand in for a library.
        sys.path.append(folder)
    try:
        return getattr(import_module(moduleName), ownName)
    except Exception as error:  # noqa: BLE001 - whatever the module raises
        raise usage.UsageError(f"{told}: {inLine(error)}") from None


def inOneLine(method: _Method) -> _Method:
    """Put a docstring into one line, as C{usage} shows it."""
    method.__doc__ = " ".join((method.__doc__ or "").split())
    return method


def inLine(error: Exception) -> str:
    """Put an error into one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]
