"""
Sphinx reads our docstrings: epytext becomes reStructuredText.

What the two share (paragraphs, lists, literal blocks) stays as it is.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_FIELD = re.compile(r"@(\w+)( [^:]*)?:")
_TAG = re.compile(r"([A-Z])\{")
_LINK = re.compile(r"(.*?)\s*<(.*)>", re.DOTALL)
_INTERFACE = re.compile(r"<InterfaceClass [\w.]*\.(\w+)>")
_SPECIAL = re.compile(r"[*`|\\]|(?<=\w)_(?!\w)")


def translate(text: str) -> str:
    """Translate a paragraph, or a part of one."""
    found = _TAG.search(text)
    if not found:
        return _SPECIAL.sub(r"\\\g<0>", text)
    inside, rest = _untilBrace(text[found.end() :])
    before = translate(text[: found.start()])
    # What follows at once, as in C{Deferred}s, needs a boundary.
    boundary = "\\ " if rest[:1].isalnum() else ""
    return before + _marked(found[1], inside) + boundary + translate(rest)


def _untilBrace(text: str) -> tuple[str, str]:
    """Cut at the brace that closes one which was opened before."""
    depth = 1
    for place, character in enumerate(text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if not depth:
            return text[:place], text[place + 1 :]
    raise ValueError(f"no closing brace in {text!r}")


def _marked(tag: str, text: str) -> str:
    """Translate what is marked."""
    text = " ".join(text.split())
    if tag == "L":
        link = _LINK.fullmatch(text)
        shown, name = link.groups() if link else (text.removeprefix("wsagent."), text)
        # A dot looks in all classes and modules, the near ones first.
        return f":py:obj:`{shown} <.{name.removesuffix('()')}>`"
    return {"C": f"``{text}``", "I": f"*{text}*", "B": f"**{text}**", "U": text}[tag]


def paragraphs(lines: list[str]) -> Iterator[str]:
    """Translate a docstring, piece by piece, a blank line between them."""
    piece: list[str] = []
    literal: int | None = None
    for line in [*lines, ""]:
        indent = len(line) - len(line.lstrip())
        if literal is not None and (not line.strip() or indent > literal):
            yield line
            continue
        literal = None
        field = _FIELD.match(line)
        if piece and (field or not line.strip()):
            yield from _finished(piece)
            piece = []
        if line.strip():
            piece.append(line)
            literal = indent if line.endswith("::") else None
        if literal is not None:
            yield from _finished(piece)
            piece = []


def _finished(piece: list[str]) -> Iterator[str]:
    """Translate a paragraph or a field."""
    field = _FIELD.match(piece[0])
    start = ""
    if field:
        start = f":{field[1]}{field[2] or ''}:"
        piece[0] = piece[0][field.end() :]
    yield from (start + translate("\n".join(piece))).split("\n")
    yield ""


def withoutInterface(signature: str | None) -> str | None:
    """Write interfaces, which are no classes, as classes are written."""
    return signature and _INTERFACE.sub(r"\1", signature)


def _docstringFound(*event: Any) -> None:
    """Translate a docstring, line by line in its place."""
    lines = event[-1]
    lines[:] = paragraphs(lines)


def _signatureFound(*event: Any) -> tuple[str | None, ...]:
    """Give arguments and result anew."""
    return tuple(map(withoutInterface, event[-2:]))


def _described(*event: Any) -> None:
    """Write the interfaces in what a property's annotation was taken for."""
    from docutils import nodes

    for text in list(event[-1].parent.findall(nodes.Text)):
        if "<InterfaceClass" in text:
            text.parent.replace(text, nodes.Text(withoutInterface(text)))


def setup(app: "Sphinx") -> dict[str, bool]:
    """Be an extension."""
    app.connect("autodoc-process-docstring", _docstringFound)
    app.connect("autodoc-process-signature", _signatureFound)
    app.connect("object-description-transform", _described)
    return {"parallel_read_safe": True}
