"""
Where a server redirects to.

Only C{ValueError} escapes.  Where it leads can be asked for as it is, is the
same when its URL is read again, and has credentials only where they belong.
"""

from __future__ import annotations

from collections.abc import Sequence

from fuzz.choices import Choices
from tests.core.builds import Build

BASES = (
    "ws://u:p@example.com/a/b?c",
    "wss://example.com:9000/",
    "ws://[2001:db8::1]/a",
)


def check(octets: bytes, builds: Sequence[Build]) -> None:
    """Follow a reference."""
    build = builds[0]
    urls = build.part("urls")
    choices = Choices(octets)
    here = urls.parseURL(choices.one(BASES))
    try:
        # As it is done to what came in a field.
        there = here.joined(choices.rest().decode())
    except ValueError:
        return
    assert there.url.isascii()
    assert there.credentials in (None, here.credentials)
    assert there.credentials is None or there.origin == here.origin
    again = urls.parseURL(there.url)
    assert again == there._replace(credentials=None)
    asked = build.handshake.renderRequest(there.authority, there.target, b"key")
    assert asked.count(b"\r\n") == asked.count(b"\n") == 7
