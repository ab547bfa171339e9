"""
The paths of requests, and patterns of them with named parts.

C{/chat/{room}} is a path for each room; C{/files/{name...}} are all the paths
below C{/files/}.  A part is a whole segment, and never has a slash in it.

@see: RFC 3986 section 3.3.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final
from urllib.parse import unquote_to_bytes

_encoded = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*", re.DOTALL)
_control = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_part = re.compile(r"\{([^{}.]*)(\.\.\.)?\}")
_notLiteral = re.compile(r"[{}*%?#\\]")
_DOTS: Final = (".", "..")
_ALLOWED: Final = "text as it is decoded, {part}, or {rest...} at the end"


class Wild(Enum):
    """What stands in a pattern for segments of any name."""

    PART = "{}"
    """One segment, which is not empty."""
    REST = "{...}"
    """One segment or more: all that are left, the last of them perhaps empty."""


def splitPath(path: str) -> tuple[str, ...] | None:
    """
    Split a path into its segments, and decode them.

    What two readers could understand differently has no segments: C{//}, C{/./}
    and C{/../}, a slash or a control character inside a segment, however they
    are encoded, and what is no UTF-8.

    @param path: percent-encoded, from its first slash on.
    @return: at least one, of which only the last may be empty.
    """
    segments = path[1:].split("/")
    if "%" in path:
        if not _encoded.fullmatch(path):
            return None
        try:
            segments = [unquote_to_bytes(each).decode("utf-8") for each in segments]
        except UnicodeDecodeError:
            return None
    isClear = all(segments[:-1]) and not any(map(_isUnclear, segments))
    return tuple(segments) if isClear else None


class PathPattern:
    """
    Paths that are alike but for their named parts.

    @ivar text: the pattern, as it was written.
    @ivar keys: for each segment, its name, or what stands for any.
    @ivar names: of the parts.
    """

    __slots__ = ("keys", "names", "text")

    def __init__(self, text: str) -> None:
        """
        @param text: not percent-encoded, as C{/chat/{room}}.
        @raise ValueError: it is no pattern.
        """
        self.text = text
        keys: list[str | Wild] = []
        names: list[str] = []
        slash, *segments = text.split("/")
        if slash or not segments:
            raise ValueError(f"path {text!r}, needed: a slash, then segments")
        for segment in segments:
            if Wild.REST in keys or "" in keys:
                raise ValueError(
                    f"path {text!r}: only the last may be empty, or a rest"
                )
            part = _part.fullmatch(segment)
            if part is None:
                if _notLiteral.search(segment) or _isUnclear(segment):
                    raise ValueError(f"path {text!r}: {segment!r}, allowed: {_ALLOWED}")
                keys.append(segment)
                continue
            name, rest = part.groups()
            if not name.isidentifier() or name in names:
                raise ValueError(f"path {text!r}: {segment!r}, needed: a name, once")
            names.append(name)
            keys.append(Wild.REST if rest else Wild.PART)
        self.keys = tuple(keys)
        self.names = tuple(names)

    def read(self, path: str) -> dict[str, str]:
        """
        Read the parts of a path.

        @param path: percent-encoded, one of the pattern's.
        @return: by their names, decoded.
        """
        segments = splitPath(path) or ()
        values = [
            "/".join(segments[place:]) if key is Wild.REST else segments[place]
            for place, key in enumerate(self.keys)
            if isinstance(key, Wild)
        ]
        return dict(zip(self.names, values, strict=True))


def _isUnclear(segment: str) -> bool:
    """Ask whether a segment, decoded, could be understood differently."""
    return "/" in segment or segment in _DOTS or bool(_control.search(segment))
