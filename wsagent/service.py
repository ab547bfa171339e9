"""L{WebSocketService}: ports that listen, and connections that are drained."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from signal import signal
from typing import Any

from twisted.application.service import IService, MultiService, Service
from twisted.internet.defer import (
    CancelledError,
    Deferred,
    gatherResults,
    inlineCallbacks,
)
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.logger import Logger
from twisted.python.failure import Failure

from .accepting import makePatient
from .addresses import describePeer, isLocal
from .build import describeBuild
from .notifying import Notifier
from .server import WebSocketServerFactory

_log = Logger()


class CannotStart(SystemExit, Exception):
    """
    A port could not be listened on.

    A C{SystemExit}, so that who runs the service sees one line and status 1;
    an C{Exception}, so that C{twistd} removes its pidfile, and tells the
    process that waits for the daemon.
    """


class ListeningService(Service):
    """
    Listens on endpoints.

    @ivar endpoints: those.
    @ivar addresses: where it listens.
    """

    def __init__(
        self,
        factory: IProtocolFactory,
        endpoints: Sequence[IStreamServerEndpoint],
        purpose: str = "",
        isPrivate: bool = False,
    ) -> None:
        """
        @param endpoints: where to listen.
        @param purpose: what for, for the log.
        @param isPrivate: not where another machine could connect.
        """
        self.factory: Any = factory
        self.addresses: list[IAddress] = []
        self.endpoints = endpoints
        self._purpose = purpose
        self._isPrivate = isPrivate
        self._listening: list[Deferred[IListeningPort | None]] = []
        self._isStarting = False
        self._failure: Failure | None = None

    def privilegedStartService(self) -> None:
        """
        Listen, while still privileged.

        @raise CannotStart: a port is not to be had.
        """
        super().privilegedStartService()
        self._isStarting = True
        for endpoint in self.endpoints:
            listening = endpoint.listen(self.factory)
            self._listening.append(
                listening.addCallback(self._listens).addErrback(self._cannotListen),
            )
            if self._failure is not None:
                raise CannotStart(f"wsagent: {self._failure.getErrorMessage()}")
        self._isStarting = False

    def startService(self) -> None:
        """Listen, unless that is done."""
        super().startService()
        if not self._listening:
            self.privilegedStartService()

    @inlineCallbacks
    def stopService(self) -> Generator[Deferred[Any], Any, None]:
        """Listen no longer."""
        super().stopService()
        for listening in self._listening:
            listening.cancel()
        ports = yield gatherResults(self._listening)
        self._listening.clear()
        self.addresses.clear()
        for port in ports:
            if port is not None:
                yield port.stopListening()

    def whenListening(self) -> Deferred[bool]:
        """Ask whether all ports listen, as soon as that is known of each."""
        ports = gatherResults(self._listening)
        return ports.addCallback(lambda found: None not in found)

    def _listens(self, port: IListeningPort) -> IListeningPort:
        """Say where, unless it may not be there."""
        address = port.getHost()
        host = describePeer(address)
        if self._isPrivate and not isLocal(address):
            port.stopListening()
            allowed = "a UNIX socket, or an address of this machine only"
            raise ValueError(f"{self._purpose} on {host}, allowed: {allowed}")
        self.addresses.append(address)
        _log.info(
            "{purpose}listening on {host}",
            purpose=f"{self._purpose} " if self._purpose else "",
            host=host,
        )
        return port

    def _cannotListen(self, failure: Failure) -> None:
        """Say why not; whoever starts us is told by an error."""
        if self._isStarting:
            self._failure = failure
        elif not failure.check(CancelledError):
            _log.critical("cannot listen: {why}", why=failure.getErrorMessage())


class WebSocketService(ListeningService):
    """Listens on endpoints; on stop, closes everyone with 1001 and waits."""

    factory: WebSocketServerFactory

    def __init__(
        self,
        factory: WebSocketServerFactory,
        endpoints: Sequence[IStreamServerEndpoint],
        reloadSignal: int | None = None,
        companions: Iterable[IService] = (),
        notifier: Notifier | None = None,
    ) -> None:
        """
        @param endpoints: where to listen.
        @param reloadSignal: has us L{reload}, as C{signal.SIGHUP}; the process
            then has to be ours.
        @param companions: what runs as long as there are connections.
        @param notifier: tells systemd how it goes; without, nobody is told.
        """
        super().__init__(factory, endpoints)
        self._notifier = notifier or Notifier(factory.reactor)
        self._reloadSignal = reloadSignal
        self._signalledBefore: Any = None
        self._companions = MultiService()
        for each in companions:
            self.addCompanion(each)

    def addCompanion(self, companion: IService) -> None:
        """Have something run as long as there are connections; be not started yet."""
        companion.setServiceParent(self._companions)

    def privilegedStartService(self) -> None:
        """
        Listen, while still privileged.

        @raise CannotStart: a port is not to be had.
        """
        _log.info("build: {build}", build=describeBuild())
        for route in self.factory.routes:
            _log.info("route: {route}", route=str(route))
        super().privilegedStartService()
        self._companions.privilegedStartService()

    def startService(self) -> None:
        """Listen, unless that is done."""
        super().startService()
        self._companions.startService()
        listening = [
            each.whenListening()
            for each in (self, *self._companions)
            if isinstance(each, ListeningService)
        ]
        gatherResults(listening).addCallback(self._serves)
        if self._reloadSignal is not None:
            self._signalledBefore = signal(self._reloadSignal, self._signalled)

    def reload(self) -> None:
        """Have each endpoint read its certificates again; say so, or why not."""
        with self._notifier.reloading():
            for service in (self, *self._companions):
                for endpoint in getattr(service, "endpoints", ()):
                    if hasattr(endpoint, "reload"):
                        _reload(endpoint)

    @inlineCallbacks
    def stopService(self) -> Generator[Deferred[Any], Any, None]:
        """
        Listen no longer, then close all connections.

        @return: a C{Deferred} that fires after C{drainTimeout} at the latest.
        """
        if self._reloadSignal is not None and self._signalledBefore is not None:
            signal(self._reloadSignal, self._signalledBefore)
            self._signalledBefore = None
        self._notifier.stopping(self._waitsFor, self.factory.settings.drainTimeout)
        yield super().stopService()
        yield self.factory.drain()
        yield self._companions.stopService()
        self._notifier.stopped()

    def _serves(self, isListening: list[bool]) -> None:
        """Say that we are ready, if all ports listen."""
        if all(isListening):
            where = ", ".join(map(describePeer, self.addresses))
            self._notifier.ready(f"listening on {where}")

    def _waitsFor(self) -> str:
        """Say what a stop waits for."""
        return f"draining, connections left: {len(self.factory.wires)}"

    def _signalled(self, _number: int, _frame: object) -> None:
        """Reload, as soon as the reactor runs on."""
        self.factory.reactor.callFromThread(self.reload)  # type: ignore[attr-defined]

    def _listens(self, port: IListeningPort) -> IListeningPort:
        """Say where, and be patient there."""
        makePatient(port, self.factory.wheel)
        return super()._listens(port)


def _reload(endpoint: Any) -> None:
    """Have an endpoint read its certificates again; say so, or why not."""
    try:
        endpoint.reload()
    except Exception as error:  # noqa: BLE001 - whatever is in its files
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        _log.error("certificates not read, the old ones stay: {why}", why=why)
    else:
        _log.info("certificates read, for connections from now on")
