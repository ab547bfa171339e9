"""Which builds are fuzzed, and how a target meets an input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import wsagent
from tests.core.builds import COMPILED, PURE, SOURCES, Build, load

from . import targets

CORPUS = Path(__file__).parent / "corpus"


def builds() -> list[Build]:
    """List the sources, and what is compiled if anything is."""
    if PURE not in sys.modules:
        load()
    return [SOURCES, COMPILED] if wsagent.__compiled__ else [SOURCES]


def seeds(name: str) -> list[Path]:
    """List a target's inputs that are kept."""
    return sorted(path for path in (CORPUS / name).iterdir() if path.is_file())


def replay(name: str, chosen: Sequence[Build], path: Path) -> None:
    """
    Give a target an input.

    @raise AssertionError: what has to hold does not.
    """
    try:
        targets.load(name).check(path.read_bytes(), chosen)
    except Exception as error:
        raise AssertionError(f"{name} with {path}: {error!r}") from error
