"""L{WebSocketService}: ports that listen, and connections that are drained."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from signal import signal
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import (
    CancelledError,
    Deferred,
    gatherResults,
    inlineCallbacks,
)
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from .accepting import makePatient
from .addresses import describePeer
from .build import describeBuild
from .server import WebSocketServerFactory

_log = Logger()


class CannotStart(SystemExit, Exception):
    """
    A port could not be listened on.

    A C{SystemExit}, so that who runs the service sees one line and status 1;
    an C{Exception}, so that C{twistd} removes its pidfile, and tells the
    process that waits for the daemon.
    """


class WebSocketService(Service):
    """Listens on endpoints; on stop, closes everyone with 1001 and waits."""

    def __init__(
        self,
        factory: WebSocketServerFactory,
        endpoints: Sequence[IStreamServerEndpoint],
        reloadSignal: int | None = None,
    ) -> None:
        """
        @param endpoints: where to listen.
        @param reloadSignal: has us L{reload}, as C{signal.SIGHUP}; the process
            then has to be ours.
        """
        self.factory = factory
        self._endpoints = endpoints
        self._listening: list[Deferred[IListeningPort | None]] = []
        self._isStarting = False
        self._failure: Failure | None = None
        self._reloadSignal = reloadSignal
        self._signalledBefore: Any = None

    def privilegedStartService(self) -> None:
        """
        Listen, while still privileged.

        @raise CannotStart: a port is not to be had.
        """
        super().privilegedStartService()
        _log.info("build: {build}", build=describeBuild())
        for route in self.factory.routes:
            _log.info("route: {route}", route=str(route))
        self._isStarting = True
        for endpoint in self._endpoints:
            listening = endpoint.listen(self.factory)
            self._listening.append(
                listening.addCallbacks(self._listens, self._cannotListen),
            )
            if self._failure is not None:
                raise CannotStart(f"wsagent: {self._failure.getErrorMessage()}")
        self._isStarting = False

    def startService(self) -> None:
        """Listen, unless that is done."""
        super().startService()
        if not self._listening:
            self.privilegedStartService()
        if self._reloadSignal is not None:
            self._signalledBefore = signal(self._reloadSignal, self._signalled)

    def reload(self) -> None:
        """Have each endpoint read its certificates again; say so, or why not."""
        for endpoint in self._endpoints:
            if not hasattr(endpoint, "reload"):
                continue
            try:
                endpoint.reload()
            except Exception as error:  # noqa: BLE001 - whatever is in its files
                why = f"{type(error).__name__}: {error}".splitlines()[0]
                _log.error("certificates not read, the old ones stay: {why}", why=why)
            else:
                _log.info("certificates read, for connections from now on")

    @inlineCallbacks
    def stopService(self) -> Generator[Deferred[Any], Any, None]:
        """
        Listen no longer, then close all connections.

        @return: a C{Deferred} that fires after C{drainTimeout} at the latest.
        """
        super().stopService()
        if self._reloadSignal is not None and self._signalledBefore is not None:
            signal(self._reloadSignal, self._signalledBefore)
            self._signalledBefore = None
        for listening in self._listening:
            listening.cancel()
        ports = yield gatherResults(self._listening)
        self._listening.clear()
        for port in ports:
            if port is not None:
                yield port.stopListening()
        yield self.factory.drain()

    def _signalled(self, _number: int, _frame: object) -> None:
        """Reload, as soon as the reactor runs on."""
        self.factory.reactor.callFromThread(self.reload)  # type: ignore[attr-defined]

    def _listens(self, port: IListeningPort) -> IListeningPort:
        """Say where; be patient there."""
        makePatient(port, self.factory.wheel)
        _log.info("listening on {host}", host=describePeer(port.getHost()))
        return port

    def _cannotListen(self, failure: Failure) -> None:
        """Say why not; whoever starts us is told by an error."""
        if self._isStarting:
            self._failure = failure
        elif not failure.check(CancelledError):
            _log.critical("cannot listen: {why}", why=failure.getErrorMessage())
