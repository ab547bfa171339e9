"""What there is to run in README.rst and docs/: examples, blocks, commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from doctest import DocTestParser, Example
from operator import itemgetter
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("coming-from-*.rst"))
"""Those whose tables are run."""
GUIDES = sorted(
    page
    for page in (ROOT / "docs").glob("*.rst")
    if page not in PAGES and "code-block:: python\n" in page.read_text()
)
"""Those whose blocks are run, one after the other."""

_BLOCK = re.compile(
    r"^\.\. code-block:: (\w+)\n(?:   :caption: (\S+)\n)?\n((?:(?: +.*)?\n)+)",
    re.MULTILINE,
)
_PART = re.compile(
    r"^\.\. (code-block|literalinclude):: (\S+)\n"
    r"(?:   :caption: (\S+)\n)?(?:   :.*\n)*((?:(?: +.*)?\n)*)",
    re.MULTILINE,
)
_ROW = re.compile(r"^   \* - ", re.MULTILINE)
_LEFT = re.compile(r"^   \* - .*", re.MULTILINE)
_TABLE_END = re.compile(r"^\S", re.MULTILINE)
_COMMAND = re.compile(r"^ +\$ (twistd .*(?:\n +> .*)*)$", re.MULTILINE)
_CONTINUED = re.compile(r"\\\n> *")


class Row(NamedTuple):
    """A row of a table: what somebody wrote, and what to write."""

    name: str
    lines: range
    """The page's, from 0."""
    commands: tuple[str, ...]
    """What is to be typed in a shell."""


class File(NamedTuple):
    """A file that a page shows."""

    name: str
    text: str


class Command(NamedTuple):
    """What is typed in a shell."""

    line: str
    output: str
    """What the page shows of it, perhaps nothing."""


def examples(path: Path) -> list[Example]:
    """Give the examples behind C{>>>}, in order."""
    # In a table's cell, the first one stands behind a dash; a row ends the last.
    text = _LEFT.sub("", path.read_text()).replace(" - >>> ", "   >>> ")
    return DocTestParser().get_examples(text, path.name)


def blocks(path: Path) -> list[str]:
    """Give the whole Python blocks, in order."""
    return [code for language, _, code in _blocks(path) if language == "python"]


def steps(path: Path) -> list[str | Example]:
    """Give Python blocks and examples, in order."""
    text = path.read_text()
    found: list[tuple[int, str | Example]] = [
        (text.count("\n", 0, match.start()), dedent(match[3]))
        for match in _BLOCK.finditer(text)
        if match[1] == "python"
    ]
    found += [(example.lineno, example) for example in examples(path)]
    return [step for _, step in sorted(found, key=itemgetter(0))]


def files(path: Path) -> dict[str, str]:
    """Give the blocks that have a file's name for a caption."""
    return {name: text for _, name, text in _blocks(path) if name}


def session(path: Path) -> Iterator[File | Command]:
    """Give the files that are written and what is typed in a shell, in order."""
    for match in _PART.finditer(path.read_text()):
        kind, argument, name, text = match.groups()
        if kind == "literalinclude":
            yield File(name, (path.parent / argument).read_text())
        elif name:
            yield File(name, dedent(text).lstrip("\n"))
        elif argument == "console":
            typed = _CONTINUED.sub("", dedent(text).strip("\n"))
            for each in typed.removeprefix("$ ").split("\n$ "):
                line, _, output = each.partition("\n")
                yield Command(line, output + "\n" if output else "")


def _blocks(path: Path) -> list[tuple[str, str, str]]:
    """Give language, caption and text of each block."""
    found = _BLOCK.findall(path.read_text())
    return [(language, name, dedent(text)) for language, name, text in found]


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
