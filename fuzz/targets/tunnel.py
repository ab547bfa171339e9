"""
What a proxy says before it is a way to a server: of HTTP, and of SOCKS5.

Whole or cut, it is answered alike, and only C{ProxyRefused} escapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fuzz.choices import Choices, cut
from tests.core.builds import Build

KINDS = ("CONNECT", "SOCKS5")
CREDENTIALS = (None, ("user", "password"))


def check(octets: bytes, builds: Sequence[Build]) -> None:
    """Talk to a proxy."""
    build = builds[0]
    choices = Choices(octets)
    kind, credentials = choices.one(KINDS), choices.one(CREDENTIALS)
    sizes = choices.sizes()
    stream = choices.rest()

    def talked(segments: Sequence[bytes]) -> Any:
        tunnel = getattr(build.tunnels, kind)("example.com", 80, credentials)
        said = tunnel.begin()
        for index, segment in enumerate(segments):
            try:
                more, rest = tunnel.feed(segment)
            except build.errors.ProxyRefused as refused:
                return str(refused), refused.status
            said += more
            if rest is not None:
                return said, rest + b"".join(segments[index + 1 :])
        return said, None

    found = talked([stream])
    assert talked(cut(stream, sizes)) == found
    if isinstance(found[0], bytes) and found[1] is not None:
        assert stream.endswith(found[1])
