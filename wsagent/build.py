"""Which build runs: the compiled one, or the same in Python."""

from __future__ import annotations

from .core import framing

# All modules are compiled that can be, or none is.
isCompiled = not framing.__file__.endswith((".py", ".pyc"))


def describeBuild() -> str:
    """Name the build, for people."""
    return "compiled" if isCompiled else "pure Python"
