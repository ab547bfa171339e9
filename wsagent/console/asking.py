"""L{Asker}: a client of a server's console, which waits for answers."""

from __future__ import annotations

import json
import re
import socket
from contextlib import suppress
from typing import Any, Final

from wsagent.lines import READ_SIZE

from .commanding import ERROR, GREETING

DEFAULT_PLACE: Final = "console.sock"
"""In the current folder."""
PATIENCE: Final = 10
"""Seconds until somebody is connected, and greeted."""

_GREETING_LIMIT: Final = 1000
_ALLOWED: Final = "a path, a port of this machine, unix:PATH or tcp:PORT"

_unix = re.compile(r"unix:((?:[^:\\]|\\.)+)(?::.*)?", re.DOTALL)
_tcp = re.compile(r"(?:tcp:)?([0-9]{1,5})(?::interface=([^:]+))?")
_escape = re.compile(r"\\(.)", re.DOTALL)


class Refused(Exception):
    """A command was not done; says why."""


class NoConsole(Exception):
    """There is no console at a place, or not any more; says why in one line."""


class Asker:
    """
    One who is connected to a console.

    @ivar place: where it is.
    """

    def __init__(self, place: str) -> None:
        """
        Connect.

        @param place: a path, a port, or what C{--console} was told.
        @raise NoConsole: there is none.
        """
        self.place = place
        self._rest = b""
        self._socket = _dialed(place)
        try:
            greeting = self._greeting()
        except OSError as error:
            self._socket.close()
            raise NoConsole(f"{place}: {error.strerror or error}") from None
        if greeting != GREETING.encode():
            self._socket.close()
            raise NoConsole(f"{place}: somebody is there, but no console")
        self._socket.settimeout(None)

    def _greeting(self) -> bytes:
        """Wait for the first line, as far as it could be the greeting."""
        while b"\n" not in self._rest and len(self._rest) < _GREETING_LIMIT:
            data = self._socket.recv(READ_SIZE)
            if not data:
                break
            self._rest += data
        greeting, _, self._rest = self._rest.partition(b"\n")
        return greeting

    def send(self, line: str) -> None:
        """
        Type a line.

        @raise NoConsole: it has gone.
        """
        try:
            self._socket.sendall(line.encode("utf-8", "surrogateescape") + b"\n")
        except OSError:
            raise self._gone() from None

    def receive(self) -> str:
        """
        Wait for a line.

        @raise NoConsole: it has gone.
        """
        pieces = [self._rest]
        while b"\n" not in pieces[-1]:
            try:
                data = self._socket.recv(READ_SIZE)
            except TimeoutError:
                raise NoConsole(f"{self.place}: no answer in {PATIENCE} s") from None
            except OSError:
                data = b""
            if not data:
                raise self._gone()
            pieces.append(data)
        line, _, self._rest = b"".join(pieces).partition(b"\n")
        return line.decode("utf-8", "replace")

    def ask(self, command: str) -> Any:
        """
        Ask for what JSON there is.

        @raise Refused: the command was not done.
        @raise NoConsole: the console has gone.
        """
        self._socket.settimeout(PATIENCE)
        self.send(f"json {command}")
        answer, end = self.receive(), self.receive()
        self._socket.settimeout(None)
        if end == ERROR:
            raise Refused(answer)
        return json.loads(answer)

    def close(self) -> None:
        """Be gone; whoever waits for a line is told."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _gone(self) -> NoConsole:
        """Say that the server has hung up."""
        return NoConsole(f"{self.place}: the server has gone")


def _dialed(place: str) -> socket.socket:
    """Connect."""
    tcp, unix = _tcp.fullmatch(place), _unix.fullmatch(place)
    try:
        if tcp is not None:
            address = tcp[2] or "127.0.0.1", int(tcp[1])
            return socket.create_connection(address, PATIENCE)
        if unix is None and ":" in place:
            raise NoConsole(f"{place}: allowed: {_ALLOWED}")
        if not hasattr(socket, "AF_UNIX"):
            raise NoConsole(f"{place}: this system's Python has no UNIX sockets")
        path = place if unix is None else _escape.sub(r"\1", unix[1])
        return _dialedUnix(path)
    except (OSError, OverflowError) as error:
        raise NoConsole(f"{place}: {getattr(error, 'strerror', 0) or error}") from None


def _dialedUnix(path: str) -> socket.socket:
    """Connect to a socket in the file system."""
    plain = socket.socket(socket.AF_UNIX)
    try:
        plain.settimeout(PATIENCE)
        plain.connect(path)
    except BaseException:
        plain.close()
        raise
    return plain
