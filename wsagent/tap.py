"""C{twistd wsagent}: the options, and the service that they describe."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from typing import NamedTuple

from twisted.application.service import IService
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.python import usage

from . import demo
from .authoptions import AuthOptions
from .core.deflate import Compression
from .core.heads import isToken
from .endpoints import serverFromString
from .loading import inLine, inOneLine, loaded
from .protocol import ProtocolFactory, WebSocketProtocol
from .routing import Route, Routes
from .server import WebSocketServerFactory
from .service import WebSocketService
from .settings import Settings

DEFAULT_PORT = "8001"
_ENDPOINT = "0 to 65535, or an endpoint such as tcp:8001:interface=127.0.0.1"


class _Setting(NamedTuple):
    """A field of L{Settings} that has an option."""

    option: str
    field: str
    read: Callable[[str], float]
    help: str


_SETTINGS = (
    _Setting("message-limit", "messageLimit", int, "octets in one message"),
    _Setting("fragment-limit", "fragmentLimit", int, "fragments in one message"),
    _Setting("head-limit", "headLimit", int, "octets in the head of a request"),
    _Setting(
        "handshake-timeout",
        "handshakeTimeout",
        float,
        "seconds for the opening handshake",
    ),
    _Setting("ping-interval", "pingInterval", float, "seconds between pings"),
    _Setting("ping-timeout", "pingTimeout", float, "seconds of silence after a ping"),
    _Setting("close-timeout", "closeTimeout", float, "seconds to answer our Close"),
    _Setting("idle-timeout", "idleTimeout", float, "seconds without a message"),
    _Setting("send-limit", "sendLimit", int, "octets that may wait to be sent"),
    _Setting("connection-limit", "connectionLimit", int, "connections at once"),
    _Setting("address-limit", "addressLimit", int, "connections from one address"),
    _Setting(
        "handshake-rate",
        "handshakeRate",
        float,
        "connections that one address may open a second",
    ),
    _Setting("ipv4-prefix", "ipv4Prefix", int, "bits of an IPv4 address that count"),
    _Setting("ipv6-prefix", "ipv6Prefix", int, "bits of an IPv6 address that count"),
    _Setting("message-rate", "messageRate", float, "messages a second from one peer"),
    _Setting("octet-rate", "octetRate", float, "octets a second from one peer"),
    _Setting("rate-burst", "rateBurst", float, "seconds whose worth may come at once"),
    _Setting("drain", "drainTimeout", float, "seconds for all to close on a stop"),
    _Setting("expiry-code", "expiryCode", int, "close code when credentials expire"),
)


def _row(setting: _Setting) -> list[str | None]:
    """Make the row of C{optParameters} for a setting."""
    defaults = {each.name: each.default for each in fields(Settings)}
    default = defaults[setting.field]
    shown = "none" if default is None else default
    if default is MISSING:
        # It is not the same on every machine.
        shown = "what the system allows"
    return [setting.option, None, None, f"{setting.help} [default: {shown}]"]


class Options(AuthOptions, usage.Options):
    """What C{twistd wsagent} is told."""

    synopsis = "[options]"
    longdesc = (
        "Serve WebSocket (RFC 6455).  Without --app and --route, an echo that also "
        "speaks the subprotocols lws-mirror-protocol and dumb-increment-protocol."
    )
    optFlags = [  # noqa: RUF012
        ["compress", None, "Compress messages, with peers that can."],
        ["require-origin", None, "Refuse requests that name no Origin: no browser's."],
        ["strict-rates", None, "Close who exceeds a rate, in place of slowing down."],
        ["no-fast-lane", None, "Leave every socket to Twisted's own transport."],
    ]
    optParameters = [_row(setting) for setting in _SETTINGS]  # noqa: RUF012

    def __init__(self) -> None:
        """Nothing is told yet."""
        super().__init__()
        self._ports: list[str] = []
        self._application: type[WebSocketProtocol] | None = None
        self._subprotocols: dict[str, type[WebSocketProtocol] | None] = {}
        self._routes: list[Route] = []
        self._origins: list[str] = []
        self._hosts: list[str] = []
        self._proxies: list[str] = []
        self._forwarded: list[str] = []
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

    @inOneLine
    def opt_origin(self, origin: str) -> None:
        """
        Origin whose pages may connect, such as https://example.com,
        https://*.example.com, null or *; may be repeated [default: the host itself].
        """
        try:
            Settings(origins=(origin,))
        except ValueError:
            raise usage.UsageError(
                f"--origin {origin}: allowed: such as https://example.com, "
                "https://*.example.com, null or *",
            ) from None
        self._origins.append(origin)

    @inOneLine
    def opt_host(self, host: str) -> None:
        """
        Host that requests may be for, on any port, such as example.com,
        *.example.com or [::1]; may be repeated [default: all].
        """
        try:
            Settings(hosts=(host,))
        except ValueError:
            raise usage.UsageError(
                f"--host {host}: allowed: such as example.com, *.example.com or [::1]",
            ) from None
        self._hosts.append(host)

    @inOneLine
    def opt_trust_proxy(self, network: str) -> None:
        """
        Network of proxies that are believed when they say whom they forward for,
        such as 10.0.0.0/8, ::1 or unix; may be repeated [default: none].
        """
        try:
            Settings(trustedProxies=(network,))
        except ValueError:
            raise usage.UsageError(
                f"--trust-proxy {network}: allowed: such as 10.0.0.0/8, ::1 or unix",
            ) from None
        self._proxies.append(network)

    @inOneLine
    def opt_forwarded_field(self, name: str) -> None:
        """
        Field in which all of these proxies say so: X-Forwarded-For,
        X-Forwarded-Proto, X-Forwarded-Host or, alone, Forwarded; may be repeated
        [default: X-Forwarded-For and X-Forwarded-Proto].
        """
        names = (*self._forwarded, name.lower())
        try:
            Settings(forwardedFields=names)
        except ValueError:
            raise usage.UsageError(
                f"--forwarded-field {name}: allowed: Forwarded alone, or "
                "X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host",
            ) from None
        self._forwarded.append(name.lower())

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
        self.settings = self._readSettings()
        self.endpoints = [_endpoint(port) for port in self._ports or [DEFAULT_PORT]]
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

    def _readSettings(self) -> Settings:
        """Make the settings."""
        values: dict[str, object] = {}
        if self["compress"]:
            values["compression"] = Compression()
        if self["strict-rates"]:
            values["isRateStrict"] = True
        if self["no-fast-lane"]:
            values["hasFastLane"] = False
        if self._origins:
            values["origins"] = tuple(self._origins)
        if self._hosts:
            values["hosts"] = tuple(self._hosts)
        if self["require-origin"]:
            values["requireOrigin"] = True
        if self._proxies:
            values["trustedProxies"] = tuple(self._proxies)
        if self._forwarded:
            values["forwardedFields"] = tuple(self._forwarded)
        rules = {each.name: each.metadata["rule"] for each in fields(Settings)}
        for option, field, read, _ in _SETTINGS:
            text = self[option]
            if text is None:
                continue
            allowed, isAllowed = rules[field]
            value = _read(text, read)
            if not isAllowed(value):
                names = allowed.replace("None", "none")
                raise usage.UsageError(f"--{option} {text}: allowed: {names}")
            values[field] = value
        return Settings(**values)  # type: ignore[arg-type]

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
        )


def makeService(options: Options) -> IService:
    """Make the service that was described."""
    # A terminal that is closed sends the same signal, and means it otherwise.
    isReloading = hasattr(signal, "SIGHUP") and not os.isatty(0)
    reloadSignal = signal.SIGHUP if isReloading else None
    return WebSocketService(options.makeFactory(), options.endpoints, reloadSignal)


def _read(text: str, read: Callable[[str], float]) -> object:
    """Read a number strictly, or C{none}; what is neither stays text."""
    if text == "none":
        return None
    if not text.isascii() or not text.replace(".", "", 1).isdigit():
        return text
    try:
        return read(text)
    except ValueError:
        return text


def _endpoint(port: str) -> IStreamServerEndpoint:
    """Make an endpoint."""
    from twisted.internet import reactor

    description = port
    if port.isascii() and port.isdigit():
        if len(port) > 5 or int(port) > 65535:
            raise usage.UsageError(f"--port {port}: allowed: {_ENDPOINT}")
        description = f"tcp:{port}"
    try:
        endpoint = serverFromString(reactor, description)
    except Exception as error:  # noqa: BLE001 - each kind of endpoint has its own
        raise usage.UsageError(
            f"--port {port}: {inLine(error)}; allowed: {_ENDPOINT}",
        ) from None
    else:
        return endpoint
