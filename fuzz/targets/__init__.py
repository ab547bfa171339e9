"""
What is fuzzed.  Each module here is a target.

Its C{check(octets, builds)} raises C{AssertionError} if something that has to
hold does not, and lets out any error that is not documented.  The first octets
of an input choose how the others are read.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

NAMES = sorted(
    path.stem for path in Path(__file__).parent.glob("*.py") if path.stem[0] != "_"
)
COMPILED = ("frames", "inflater", "receiving", "server")
"""The targets that reach what is compiled."""


def load(name: str) -> ModuleType:
    """Import a target."""
    return import_module(f"{__name__}.{name}")
