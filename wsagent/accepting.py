"""
A port that waits while there are no file descriptors.

Twisted's own closes whoever comes then, or asks the system for them again and
again, and says so each time.  They can as well wait where they are, in the
queue of the system.
"""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet import tcp
from twisted.logger import Logger

from .timing import Deadline, Wheel

_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PAUSE = 0.5
"""Seconds after which it is tried again."""

_log = Logger()


class PatientSocket:
    """
    The socket of a port, which has nobody to accept when it cannot be done.

    All else is the socket's that it stands for.
    """

    def __init__(self, port: tcp.Port, wheel: Wheel) -> None:
        """@param port: listens."""
        self._port = port
        self._socket: socket.socket = port.socket
        self._wheel = wheel
        self._isShort = False
        self._pause: Deadline | None = None

    def __getattr__(self, name: str) -> Any:
        """Be the socket."""
        return getattr(self._socket, name)

    def accept(self) -> tuple[socket.socket, Any]:
        """
        Accept a connection.

        @raise BlockingIOError: nobody waits, or they have to.
        """
        try:
            return self._socket.accept()
        except BlockingIOError:
            if self._isShort:
                self._isShort = False
                _log.info("accepting again: nobody waits any more")
            raise
        except OSError as error:
            if error.errno not in _SHORTAGES:
                raise
            self._wait(errno.errorcode[error.errno])
            raise BlockingIOError(errno.EAGAIN, "later") from None

    def close(self) -> None:
        """Be closed, and wait for nothing."""
        if self._pause is not None:
            self._pause.stop()
        self._socket.close()

    def _wait(self, why: str) -> None:
        """Try again in a while."""
        if not self._isShort:
            self._isShort = True
            _log.info("accepting pauses, who comes has to wait: {why}", why=why)
        self._port.stopReading()
        self._pause = Deadline(self._wheel, self._port.startReading, _PAUSE)


def makePatient(port: object, wheel: Wheel) -> None:
    """Have a port wait while there are no descriptors, if it is one of Twisted's."""
    if isinstance(port, tcp.Port):
        port.socket = PatientSocket(port, wheel)
