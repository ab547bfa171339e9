"""The URL of a WebSocket, as a client needs it."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import NamedTuple
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit

import idna

_PORTS = {"ws": 80, "wss": 443}
_KEPT = "/%:@!$&'()*+,;=~"
"""What stands unquoted in a target, beside letters and digits (RFC 3986)."""
_http = re.compile(r"\Ahttp(?=s?:)", re.IGNORECASE)
_name = re.compile(r"[A-Za-z0-9\-._~]+")


class Location(NamedTuple):
    """Where a URL leads."""

    isSecure: bool
    """Over TLS: C{wss}."""
    host: str
    """A name, or an address without brackets; in ASCII."""
    port: int
    target: str
    """Path and query, percent-encoded; at least C{"/"}."""
    credentials: tuple[str, str] | None
    """User and password, decoded, if the URL names them."""

    @property
    def authority(self) -> str:
        """What goes into C{Host}: no port if it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        isUsual = self.port == _PORTS["wss" if self.isSecure else "ws"]
        return host if isUsual else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole URL, but for user and password."""
        return f"{'wss' if self.isSecure else 'ws'}://{self.authority}{self.target}"

    @property
    def origin(self) -> tuple[bool, str, int]:
        """What credentials must not cross."""
        return self.isSecure, self.host, self.port

    def joined(self, reference: str) -> Location:
        """
        Follow a reference, as a redirect's, from here.

        @param reference: C{http} stands for C{ws}, and a fragment for nothing.
        @return: with credentials only if they are the same origin's.
        @raise ValueError: it leads to no WebSocket.
        """
        absolute, _ = urldefrag(urljoin(self.url, reference))
        there = parseURL(_http.sub("ws", absolute))
        isNear = there.origin == self.origin
        return there._replace(credentials=self.credentials if isNear else None)


def parseURL(text: str) -> Location:
    """
    Read the URL of a WebSocket.

    @param text: C{ws://} or C{wss://}; characters outside ASCII are encoded.
    @raise ValueError: it is not one.
    @see: RFC 6455 section 3.
    """
    if any(character <= " " or character == "\x7f" for character in text):
        raise ValueError(f"URL {text!r}: white space, allowed: none")
    try:
        parts = urlsplit(text)
        port = parts.port
        host = _encodedHost(parts.hostname or "", isAddress="[" in parts.netloc)
    except ValueError as error:
        raise ValueError(f"URL {text!r}: {error}") from None
    if parts.scheme not in _PORTS:
        raise ValueError(f"URL {text!r}: scheme {parts.scheme!r}, allowed: ws or wss")
    if port is None:
        port = _PORTS[parts.scheme]
    elif port == 0:
        raise ValueError(f"URL {text!r}: port 0, allowed: 1 to 65535")
    if "#" in text:
        raise ValueError(f"URL {text!r}: a fragment, allowed: none")
    credentials = None
    if parts.username is not None:
        credentials = (unquote(parts.username), unquote(parts.password or ""))
    target = quote(parts.path or "/", _KEPT)
    if "?" in text:
        target += "?" + quote(parts.query, _KEPT + "?")
    return Location(parts.scheme == "wss", host, port, target, credentials)


def _encodedHost(host: str, isAddress: bool) -> str:
    """
    Check a host, and put it into ASCII.

    @param isAddress: it stood in brackets.
    """
    if isAddress:
        if "%" in host:
            raise ValueError("a zone in an address, allowed: none")
        return str(IPv6Address(host))
    if not host.isascii():
        host = idna.encode(host, uts46=True).decode("ascii")
    if not _name.fullmatch(host):
        raise ValueError(f"host {host!r}, needed: a name or an address")
    return host
