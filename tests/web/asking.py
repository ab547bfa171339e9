"""Requests for a site in memory, and what it answers."""

from __future__ import annotations

import json
from typing import NamedTuple

from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.web.server import Site


class Answered(NamedTuple):
    """What a site has answered."""

    status: int
    headers: dict[str, list[str]]
    """Values by the lower-case name."""
    body: bytes

    @property
    def text(self) -> str:
        """The body, of text."""
        return self.body.decode()

    @property
    def told(self) -> dict:
        """The body, of JSON."""
        assert self.headers["content-type"] == ["application/json"]
        return json.loads(self.body)


class Asker:
    """One who asks a site, in a connection of its own each time."""

    def __init__(self, root, requestFactory=None) -> None:
        """@param root: the site's."""
        self._site = Site(root, requestFactory, reactor=MemoryReactorClock())

    def begin(self, method: str, path: str, *fields: str, body: bytes = b""):
        """Ask; give the transport, on which the answer will be."""
        channel = self._site.buildProtocol(None)
        transport = StringTransport()
        channel.makeConnection(transport)
        lines = [f"{method} {path} HTTP/1.1", "Connection: close", *fields]
        if not any(each.startswith("Host:") for each in fields):
            lines.append("Host: localhost")
        if body:
            lines.append(f"Content-Length: {len(body)}")
        head = "".join(f"{each}\r\n" for each in (*lines, ""))
        channel.dataReceived(head.encode(errors="surrogateescape"))
        if body:
            channel.dataReceived(body)
        self.channel = channel
        return transport

    def ask(self, method: str, path: str, *fields: str, body: bytes = b"") -> Answered:
        """Ask, and give what was answered."""
        return answered(self.begin(method, path, *fields, body=body))

    def get(self, path: str, *fields: str) -> Answered:
        """Ask for something."""
        return self.ask("GET", path, *fields)

    def post(self, path: str, told: object, *fields: str) -> Answered:
        """Send JSON."""
        kind = "Content-Type: application/json; charset=utf-8"
        return self.ask("POST", path, kind, *fields, body=json.dumps(told).encode())


def answered(transport: StringTransport) -> Answered:
    """Read what was answered."""
    head, _, body = transport.value().partition(b"\r\n\r\n")
    start, *lines = head.decode().split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, value = line.split(": ", 1)
        headers.setdefault(name.lower(), []).append(value)
    return Answered(int(start.split()[1]), headers, body)
