"""What there is to run in README.rst and docs/: examples, blocks, commands."""

from __future__ import annotations

import re
from doctest import DocTestParser, Example
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("coming-from-*.rst"))
"""Those whose tables are run."""

_BLOCK = re.compile(r"^\.\. code-block:: python\n\n((?:(?: +.*)?\n)+)", re.MULTILINE)
_ROW = re.compile(r"^   \* - ", re.MULTILINE)
_LEFT = re.compile(r"^   \* - .*", re.MULTILINE)
_TABLE_END = re.compile(r"^\S", re.MULTILINE)
_COMMAND = re.compile(r"^ +\$ (twistd .*(?:\n +> .*)*)$", re.MULTILINE)


class Row(NamedTuple):
    """A row of a table: what somebody wrote, and what to write."""

    name: str
    lines: range
    """The page's, from 0."""
    commands: tuple[str, ...]
    """What is to be typed in a shell."""


def examples(path: Path) -> list[Example]:
    """Give the examples behind C{>>>}, in order."""
    # In a table's cell, the first one stands behind a dash; a row ends the last.
    text = _LEFT.sub("", path.read_text()).replace(" - >>> ", "   >>> ")
    return DocTestParser().get_examples(text, path.name)


def blocks(path: Path) -> list[str]:
    """Give the whole Python blocks, in order."""
    return [dedent(found) for found in _BLOCK.findall(path.read_text())]


def rows(path: Path) -> list[Row]:
    """Give the rows of all tables of a page, but for their headings."""
    text = path.read_text()
    found = []
    for table in text.split(".. list-table::\n")[1:]:
        start = text.index(table)
        end = _TABLE_END.search(text, start)
        body = text[start : end.start() if end else len(text)]
        starts = [match.start() for match in _ROW.finditer(body)]
        for begun, ended in zip(starts[1:], [*starts[2:], len(body)], strict=True):
            row = body[begun:ended]
            first = text.count("\n", 0, start + begun)
            lines = range(first, first + row.count("\n"))
            name = f"{path.name}:{first + 1}"
            found.append(Row(name, lines, tuple(_COMMAND.findall(row))))
    return found
