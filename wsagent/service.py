"""L{WebSocketService}: ports that listen, and connections that are drained."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, inlineCallbacks
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from .addresses import describePeer
from .server import WebSocketServerFactory


class CannotStart(SystemExit, Exception):
    """
    A port could not be listened on.

    A C{SystemExit}, so that who runs the service sees one line and status 1;
    an C{Exception}, so that C{twistd} removes its pidfile, and tells the
    process that waits for the daemon.
    """


class WebSocketService(Service):
    """Listens on endpoints; on stop, closes everyone with 1001 and waits."""

    _log = Logger()

    def __init__(
        self,
        factory: WebSocketServerFactory,
        endpoints: Sequence[IStreamServerEndpoint],
    ) -> None:
        """@param endpoints: where to listen."""
        self.factory = factory
        self._endpoints = endpoints
        self._listening: list[Deferred[IListeningPort]] = []

    def privilegedStartService(self) -> None:
        """
        Listen, while still privileged.

        @raise CannotStart: a port is not to be had.
        """
        super().privilegedStartService()
        for endpoint in self._endpoints:
            failures: list[Failure] = []
            listening = endpoint.listen(self.factory)
            self._listening.append(listening)
            listening.addCallback(self._listens)
            listening.addErrback(failures.append)
            if failures:
                raise CannotStart(f"wsagent: {failures[0].getErrorMessage()}")

    def startService(self) -> None:
        """Listen, unless that is done."""
        super().startService()
        if not self._listening:
            self.privilegedStartService()

    @inlineCallbacks
    def stopService(self) -> Generator[Deferred[Any], Any, None]:
        """
        Listen no longer, then close all connections.

        @return: a C{Deferred} that fires after C{drainTimeout} at the latest.
        """
        super().stopService()
        for listening in self._listening:
            listening.cancel()
        ports = yield gatherResults(self._listening)
        self._listening.clear()
        for port in ports:
            if port is not None:
                yield port.stopListening()
        yield self.factory.drain()

    def _listens(self, port: IListeningPort) -> IListeningPort:
        """Say where."""
        self._log.info("listening on {host}", host=describePeer(port.getHost()))
        return port
