"""
A connected socket, plain or TLS, whose every call returns at once.

Waiting is a call of its own, which another thread can cut short.
"""

from __future__ import annotations

import selectors
import socket
import ssl
from contextlib import suppress
from selectors import EVENT_READ, EVENT_WRITE
from time import monotonic
from typing import Final

from .urls import Location

Socket = socket.socket

READ_SIZE: Final = 65_536
"""Octets that are read, or written, at once."""

_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)


def left(deadline: float) -> float:
    """
    Count the seconds until a deadline.

    @param deadline: on the monotonic clock.
    @raise TimeoutError: there are none.
    """
    seconds = deadline - monotonic()
    if seconds <= 0:
        raise TimeoutError("no time left")
    return seconds


def dial(
    location: Location,
    connected: Socket | None,
    tls: ssl.SSLContext | None,
    deadline: float,
) -> Line:
    """
    Connect, and agree on TLS if the location asks for it.

    @param connected: in place of the location's host and port; ours from now on.
    @param tls: whom to trust; the system's authorities by default.
    @raise TimeoutError: the deadline has passed.  The system's search for the
        host's addresses alone is not cut short.
    @raise OSError: there is no connection, or no trust.
    """
    plain = connected or _dialed(location.host, location.port, deadline)
    try:
        if plain.family in (socket.AF_INET, socket.AF_INET6):
            # A message is sent when it is sent.
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if location.isSecure:
            context = tls or ssl.create_default_context()
            plain.settimeout(left(deadline))
            plain = context.wrap_socket(plain, server_hostname=location.host)
        return Line(plain)
    except BaseException:
        plain.close()
        raise


def _dialed(host: str, port: int, deadline: float) -> Socket:
    """Connect to the first address that answers in its share of the time."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failure: OSError | None = None
    for index, (*_, address) in enumerate(found):
        share = left(deadline) / (len(found) - index)
        try:
            return socket.create_connection((str(address[0]), port), share)
        except OSError as error:
            failure = error
    assert failure is not None
    raise failure


class Line:
    """A connected socket, and how to wait for it."""

    def __init__(self, connected: Socket) -> None:
        """@param connected: ours from now on."""
        self._socket = connected
        # TLS may have to write in order to read, or read in order to write.
        self._forReading = EVENT_READ
        self._forWriting = EVENT_WRITE
        connected.settimeout(0)
        self._woken, self._waker = socket.socketpair()
        self._woken.settimeout(0)
        self._waker.settimeout(0)

    def read(self) -> bytes | None:
        """
        Take what came.

        @return: C{None} if nothing did, nothing at all after FIN.
        @raise OSError: the connection is lost.
        """
        try:
            return self._socket.recv(READ_SIZE)
        except (BlockingIOError, ssl.SSLWantReadError):
            self._forReading = EVENT_READ
        except ssl.SSLWantWriteError:
            self._forReading = EVENT_WRITE
        return None

    def write(self, octets: bytes | bytearray) -> int:
        """
        Send what there is room for.

        @return: how many octets are sent.
        @raise OSError: the connection is lost.
        """
        try:
            return self._socket.send(octets[:READ_SIZE])
        except (BlockingIOError, ssl.SSLWantWriteError):
            self._forWriting = EVENT_WRITE
        except ssl.SSLWantReadError:
            self._forWriting = EVENT_READ
        return 0

    def wait(self, isReading: bool, isWriting: bool, seconds: float | None) -> None:
        """
        Wait until octets can be read, or written, or time is up, or L{wake}.

        @param seconds: C{None} is for ever.
        """
        events = self._forReading if isReading else 0
        events |= self._forWriting if isWriting else 0
        with _Selector() as selector:
            selector.register(self._woken, EVENT_READ)
            if events:
                selector.register(self._socket, events)
            selector.select(seconds)
        with suppress(BlockingIOError):
            self._woken.recv(READ_SIZE)

    def wake(self) -> None:
        """End the L{wait} of another thread, or the next one."""
        with suppress(BlockingIOError):
            self._waker.send(b"\0")

    def shutDown(self) -> None:
        """Send FIN, or what TLS has for it; what comes can still be read."""
        with suppress(OSError, ValueError):
            if isinstance(self._socket, ssl.SSLSocket):
                # It does not wait for the answer: that would be a WantReadError.
                self._socket.unwrap()
            else:
                self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Be rid of the socket."""
        for each in (self._socket, self._woken, self._waker):
            each.close()
