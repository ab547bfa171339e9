"""C{twistd wsagent}: the options, and the service that they describe."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence

from twisted.application.service import IService
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.python import usage

from . import demo
from .authoptions import AuthOptions
from .core.heads import isToken
from .endpoints import toldEndpoint
from .loading import inOneLine, loaded
from .notifying import Notifier
from .operatingoptions import OperatingOptions
from .protocol import ProtocolFactory, WebSocketProtocol
from .routing import Route, Routes
from .server import WebSocketServerFactory
from .service import WebSocketService
from .settingoptions import SettingOptions
from .siteoptions import SiteOptions

DEFAULT_PORT = "8001"
_ENDPOINT = "0 to 65535, or an endpoint such as tcp:8001:interface=127.0.0.1"


class Options(AuthOptions, OperatingOptions, SettingOptions, SiteOptions):
    """What C{twistd wsagent} is told."""

    synopsis = "[options]"
    longdesc = (
        "Serve WebSocket (RFC 6455).  Without --app and --route, an echo that also "
        "speaks the subprotocols lws-mirror-protocol and dumb-increment-protocol, "
        "and has a page to try it."
    )

    def __init__(self) -> None:
        """Nothing is told yet."""
        super().__init__()
        self._ports: list[str] = []
        self._application: type[WebSocketProtocol] | None = None
        self._subprotocols: dict[str, type[WebSocketProtocol] | None] = {}
        self._routes: list[Route] = []
        self.endpoints: list[IStreamServerEndpoint] = []

    @inOneLine
    def opt_port(self, port: str) -> None:
        """
        Port to listen on, or an endpoint: tcp, tcp6, unix, ssl, systemd, haproxy;
        may be repeated [default: 8001].
        """
        self._ports.append(port)

    @inOneLine
    def opt_app(self, name: str) -> None:
        """
        Application, a subclass of WebSocketProtocol, as module:Class or
        module.Class; the current folder is searched too [default: a demo, or with
        --route nothing].
        """
        self._application = loaded(f"--app {name}", name)

    @inOneLine
    def opt_route(self, value: str) -> None:
        """
        Application for some requests, as PLACE=module:Class.  PLACE is a path such
        as /chat/{room} or /files/{name...}, a host such as example.com or
        *.example.com, or both: example.com/chat/{room}.  Others are for --app, or
        refused with 404; may be repeated.
        """
        place, equals, name = value.rpartition("=")
        if not equals:
            raise usage.UsageError(f"--route {value}: allowed: PLACE=module:Class")
        try:
            route = Route(place, loaded(f"--route {value}", name))
            Routes([*self._routes, route])
        except ValueError as error:
            raise usage.UsageError(f"--route {value}: {error}") from None
        self._routes.append(route)

    @inOneLine
    def opt_subprotocol(self, value: str) -> None:
        """
        Subprotocol to accept, as NAME for the application, or as NAME=module:Class
        for one of its own; may be repeated, the preferred one first.
        """
        name, equals, application = value.partition("=")
        if not isToken(name):
            raise usage.UsageError(f"--subprotocol {value}: allowed: an HTTP token")
        self._subprotocols[name] = (
            loaded(f"--subprotocol {value}", application) if equals else None
        )

    def parseArgs(self, *arguments: str) -> None:
        """Refuse what is no option."""
        if arguments:
            raise usage.UsageError(f"{arguments[0]}: allowed: options only")

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Read the command line.

        @raise SystemExit: one line and status 1, where C{twistd} would print
            all of its help.
        """
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            raise SystemExit(f"wsagent: {error}") from None

    def postOptions(self) -> None:
        """Check what can be checked before anything is started."""
        super().postOptions()
        self.settings = self.readSettings()
        self.endpoints = [
            toldEndpoint("port", port, _ENDPOINT)
            for port in self._ports or [DEFAULT_PORT]
        ]
        if self._isRoutedOnly and self._subprotocols:
            name = next(iter(self._subprotocols))
            raise usage.UsageError(
                f"--subprotocol {name}: allowed: with --app; "
                "a route's class says its own",
            )
        self.guard = self.makeGuard(self.settings)
        try:
            self.makeFactory()
        except ValueError as error:
            # Only a route for all can be in the application's way.
            raise usage.UsageError(f"--route *: {error}") from None

    @property
    def _isRoutedOnly(self) -> bool:
        """Whether requests without a route go nowhere."""
        return bool(self._routes) and self._application is None

    def makeFactory(self) -> WebSocketServerFactory:
        """Make the factory that was described."""
        if self._isRoutedOnly:
            return WebSocketServerFactory(
                settings=self.settings,
                routes=self._routes,
                guard=self.guard,
                site=self.makeSite(isDemo=False),
            )
        application = self._application or demo.Echo
        subprotocols: dict[str, ProtocolFactory] = {
            name: maker or application for name, maker in self._subprotocols.items()
        }
        if self._application is None:
            subprotocols = {**demo.subprotocols(), **subprotocols}
        return WebSocketServerFactory(
            application,
            subprotocols,
            self.settings,
            routes=self._routes,
            guard=self.guard,
            site=self.makeSite(isDemo=self._application is None),
        )


def makeService(options: Options) -> IService:
    """Make the service that was described."""
    # A terminal that is closed sends the same signal, and means it otherwise.
    # A daemon still has the terminal of who starts it, and leaves that.
    told: Mapping[str, object] = options.parent or {}
    isStaying = told.get("nodaemon", True) and os.isatty(0)
    isReloading = hasattr(signal, "SIGHUP") and not isStaying
    reloadSignal = signal.SIGHUP if isReloading else None
    factory = options.makeFactory()
    # Now: a daemon is not yet in the background.
    notifier = Notifier.fromEnvironment(factory.reactor)
    service = WebSocketService(
        factory,
        options.endpoints,
        reloadSignal,
        notifier=notifier,
    )
    options.addCompanions(service)
    return service
