"""The options that let operators look inside: L{OperatingOptions}."""

from __future__ import annotations

from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.python import usage

from .console.commands import Commands
from .console.protocol import ConsoleService
from .endpoints import toldEndpoint
from .inspection import Inspection
from .loading import inOneLine
from .service import WebSocketService
from .tokens import TokenFile

_PLACE = "0 to 65535, or an endpoint such as unix:/run/wsagent/NAME.sock"


class OperatingOptions(usage.Options):
    """The options that say where operators look inside."""

    _console: IStreamServerEndpoint | None = None
    _admin: IStreamServerEndpoint | None = None
    _tokens: TokenFile | None = None
    _tokensFile = ""

    @inOneLine
    def opt_admin(self, place: str) -> None:
        """
        Where to look inside with a browser, Prometheus and the like: a port of this
        machine, or an endpoint such as unix:admin.sock; with --admin-tokens also one
        for others, such as ssl:8443:privateKey=key.pem [default: nowhere].
        """
        self._admin = privateEndpoint("admin", place)

    @inOneLine
    def opt_admin_tokens(self, path: str) -> None:
        """
        File with the tokens of those who may use --admin, of "wsagent token FILE NAME"
        [default: who is on this machine].
        """
        self._tokensFile = path
        try:
            self._tokens = TokenFile(path)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise usage.UsageError(f"--admin-tokens {path}: {why}") from None

    @inOneLine
    def opt_console(self, place: str) -> None:
        """
        Where to type commands, with wsagent console: an endpoint such as
        unix:console.sock, which is its owner's alone, or a port of this machine, which
        is anybody's who is on it [default: nowhere].
        """
        self._console = privateEndpoint("console", place)

    def postOptions(self) -> None:
        """
        Check what belongs together.

        @raise UsageError: there are tokens for nothing.
        """
        super().postOptions()
        if self._tokens is not None and self._admin is None:
            said = f"--admin-tokens {self._tokensFile}: allowed: with --admin"
            raise usage.UsageError(said)

    def addCompanions(self, service: WebSocketService) -> None:
        """Have run beside a service what looks into it."""
        commands = Commands(Inspection(service.factory), service)
        if self._console is not None:
            clock = service.factory.reactor
            service.addCompanion(ConsoleService(commands, [self._console], clock))
        if self._admin is not None:
            from .web.admin import AdminService

            endpoints = [self._admin]
            admin = AdminService(service, endpoints, self._tokens, commands)
            service.addCompanion(admin)


def privateEndpoint(option: str, place: str) -> IStreamServerEndpoint:
    """
    Make the endpoint of what only operators may get to.

    A port is one of 127.0.0.1; a UNIX socket is its owner's alone, unless it
    says whose else.  What other endpoints are, is seen when they listen.

    @param option: whose value it is.
    @raise UsageError: it is none.
    """
    if place.startswith("unix:") and ":mode=" not in place:
        place = f"{place}:mode=600"
    return toldEndpoint(option, place, _PLACE, ":interface=127.0.0.1")
