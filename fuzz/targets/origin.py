"""
What a browser says of the page that asks, and whether such pages may connect.

An origin that is read is the same when it is written again; no page of another
host gets in.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from fuzz.choices import Choices
from tests.core.builds import Build

HOSTS = ("example.com", "example.com:8080", "[2001:db8::1]:80")


def check(octets: bytes, builds: Sequence[Build]) -> None:
    """Read an origin."""
    access = builds[0].part("access")
    choices = Choices(octets)
    host = choices.one(HOSTS)
    text = choices.rest().decode("latin-1")
    origin = access.parseOrigin(text)
    isAllowed = access.isAllowedOrigin(text, host, None, False)
    if origin is None:
        assert not isAllowed
        return
    port = f":{origin.port}" if origin.port else ""
    assert access.parseOrigin(f"{origin.scheme}://{origin.host}{port}") == origin
    parts = urlsplit(text)
    asked = urlsplit(f"//{host}")
    assert isAllowed == access.isAllowedOrigin(text, "other", [f"{text}"], False) or (
        not isAllowed
    )
    if isAllowed:
        assert parts.hostname == asked.hostname
        assert "@" not in parts.netloc
