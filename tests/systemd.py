"""A socket of systemd's kind, and what is said there."""

from __future__ import annotations

import contextlib
import socket


class Systemd:
    """What hears of a service, at a path that a test chooses."""

    def __init__(self, path: str) -> None:
        """@param path: none is an abstract one that Linux finds."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        self._socket.setblocking(False)

    @property
    def address(self) -> str:
        """What C{NOTIFY_SOCKET} is to say."""
        name = self._socket.getsockname()
        return name if isinstance(name, str) else "@" + name[1:].decode()

    def heard(self) -> list[list[str]]:
        """Give what was said since the last time, each datagram as its lines."""
        datagrams = []
        with contextlib.suppress(BlockingIOError):
            while True:
                datagrams.append(self._socket.recv(65_536).decode().split("\n"))
        return datagrams

    def fill(self) -> None:
        """Have no room, until what is there is heard."""
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other,
            contextlib.suppress(BlockingIOError),
        ):
            other.setblocking(False)
            while True:
                other.sendto(b"other", self._socket.getsockname())

    def close(self) -> None:
        """Hear nothing more."""
        self._socket.close()
