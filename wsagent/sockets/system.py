"""
The calls of the system, on file descriptors that do not block.

Compiled, system.pyx takes the place of this file.
"""

from __future__ import annotations

import os
import select
from errno import ENOBUFS

from wsagent.core.masking import Payload, octetsOf

IN = getattr(select, "EPOLLIN", 1)
OUT = getattr(select, "EPOLLOUT", 4)
GONE = getattr(select, "EPOLLERR", 8) | getattr(select, "EPOLLHUP", 16)
"""Not to be asked for: the system tells it in any case."""

AREA = 65_536
"""Octets that are received at once."""

BATCH = 512
"""Events that are taken at once."""


class Batch:
    """Some descriptors that are ready, and for what."""

    def __init__(self) -> None:
        """There are none yet."""
        self._events: list[tuple[int, int]] = []

    def take(self, epoll: select.epoll, most: int) -> int:
        """
        Ask for what is ready, and do not wait for it.

        What is told goes to the end of the line, if it still is ready.

        @param most: from 1 to L{BATCH}.
        @return: how many there are.
        """
        self._events = epoll.poll(0, most)
        return len(self._events)

    def descriptor(self, index: int) -> int:
        """Give a descriptor that is ready."""
        return self._events[index][0]

    def events(self, index: int) -> int:
        """Give what it is ready for: a sum of L{IN}, L{OUT} and L{GONE}."""
        return self._events[index][1]


def receive(descriptor: int) -> bytes | None:
    """
    Receive what is there.

    @return: up to L{AREA} octets, none after the peer's FIN; C{None} if there
        is nothing yet.
    @raise OSError: the connection is lost.
    """
    try:
        return os.read(descriptor, AREA)
    except (BlockingIOError, InterruptedError):
        return None


def send(descriptor: int, data: bytes | bytearray | memoryview) -> int:
    """
    Send as much as there is room for.

    @return: the number of octets.
    @raise OSError: the connection is lost.
    """
    try:
        return os.write(descriptor, data)
    except OSError as error:
        return _noneSent(error)


def sendBoth(descriptor: int, header: bytes, payload: Payload) -> int:
    """
    Send a header and what follows, as much as there is room for.

    @return: the number of octets.
    @raise OSError: the connection is lost.
    """
    try:
        return os.writev(descriptor, (header, octetsOf(payload)))
    except OSError as error:
        return _noneSent(error)


def _noneSent(error: OSError) -> int:
    """Tell a full socket, or a full system, from a connection that is lost."""
    if isinstance(error, (BlockingIOError, InterruptedError)) or error.errno == ENOBUFS:
        return 0
    raise error
