"""How the targets read heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.core.builds import Build


def readHead(
    build: Build,
    startLine: Callable[[bytes], Any],
    limit: int,
    segments: Sequence[bytes],
) -> Any:
    """
    Read a head from segments.

    @return: its first line, its fields, and all that follows; or the name of
        an error, its text and its status; or C{None} if it is not whole.
    """
    reader = build.heads.HeadReader(startLine, limit)
    for index, segment in enumerate(segments):
        try:
            whole = reader.feed(segment)
        except build.errors.HandshakeError as error:
            return type(error).__name__, str(error), error.status
        if whole is not None:
            return (*whole[:2], whole[2] + b"".join(segments[index + 1 :]))
    return None
