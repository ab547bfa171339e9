"""
What a browser says of the page that asks, and who may be listed.

What is read is the same when it is written again, in any script.  A page gets in
only if another reader of URLs finds the host in it that is asked for or listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from urllib.parse import urlsplit

from fuzz.choices import Choices
from tests.core.builds import Build

HOSTS = ("example.com", "example.com:8080", "[2001:db8::1]:80")
LISTED = ("https://example.com", "http://*.example.com", "http://[2001:db8::1]")


def check(octets: bytes, builds: Sequence[Build]) -> None:
    """Read an origin, or what is listed."""
    access = builds[0].part("access")
    choices = Choices(octets)
    host, listed = choices.one(HOSTS), choices.one(LISTED)
    isSecure, isListed = choices.bits(2)
    if isListed:
        _checkListed(access, choices.rest().decode(errors="replace"))
        return
    text = choices.rest().decode("latin-1")
    origin = access.parseOrigin(text)
    isOwn = access.isAllowedOrigin(text, host, None, True, isSecure)
    isFound = access.isAllowedOrigin(text, host, [listed], True, isSecure)
    if origin is None:
        assert not isOwn
        assert not isFound
        return
    assert access.parseOrigin(_written(origin)) == origin
    parts = urlsplit(text)
    assert (parts.hostname, parts.username, parts.path) == (
        text.partition("://")[2].partition("]")[0].lstrip("[").lower()
        if "[" in text
        else origin.host,
        None,
        "",
    )
    if isOwn:
        assert origin.host.strip("[]") == urlsplit(f"//{host}").hostname
        assert not isSecure or parts.scheme == "https"
    if isFound:
        assert parts.scheme == listed.partition(":")[0]
        wanted = listed.partition("//")[2]
        assert origin.host == wanted or (
            wanted[0] == "*" and origin.host.endswith(".example.com")
        )


def _checkListed(access: ModuleType, text: str) -> None:
    """Read what an operator lists."""
    listed = access.parseListed(text)
    if listed is None and text != "*":
        assert not access.isAllowedOrigin("http://example.com", "a", [text], True)
    elif listed is not None:
        assert access.parseListed(_written(listed)) == listed
    host = access.parseHost(text)
    if host is not None:
        assert access.parseHost(host) == host
        for below in (host.replace("*", "a"), host.replace("*", "a.b")):
            assert access.isAllowedHost(below, [text])
            assert access.isAllowedHost(f"{below}:1", [text])
        assert not access.isAllowedHost("a" + host.removeprefix("*."), [text])


def _written(origin) -> str:
    """Write an origin."""
    port = f":{origin.port}" if origin.port else ""
    return f"{origin.scheme}://{origin.host}{port}"
