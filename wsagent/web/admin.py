"""The admin endpoint, where operators look inside: L{AdminService}."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.web.http import Request as HTTPRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site

from wsagent.console.commands import Commands
from wsagent.inspection import Inspection
from wsagent.server import WebSocketServerFactory
from wsagent.service import ListeningService, WebSocketService
from wsagent.settings import Settings
from wsagent.tokens import TokenFile

from .board import Board
from .gate import HOSTS, Asking, Gate, guardOf, inPlain
from .orders import CommandList, Orders
from .pages import Page

_PAGES_LIMIT = 100
"""Connections at once: scrapes, health checks, and pages that are open."""


class AdminService(ListeningService):
    """
    Has operators see how a server does, and do something about it.

    C{/} is a page for people, C{/metrics} is for Prometheus, C{/health} and
    C{/ready} are for whoever starts and stops servers, and C{/commands} takes
    the commands of the console.

    @ivar commands: these.
    """

    factory: WebSocketServerFactory

    def __init__(
        self,
        service: WebSocketService,
        endpoints: Sequence[IStreamServerEndpoint],
        tokens: TokenFile | None = None,
        commands: Commands | None = None,
    ) -> None:
        """
        @param service: the server's, which we run beside:
            C{service.addCompanion(AdminService(service, endpoints))}.
        @param endpoints: where to listen; without tokens, where only this
            machine connects.
        @param tokens: of those who are let in; without, everybody is.
        @param commands: those of the console, if there is one.
        """
        inspection = Inspection(service.factory)
        self.commands = commands or Commands(inspection, service)
        factory = adminFactory(service, self.commands, tokens)
        super().__init__(factory, endpoints, "admin", isPrivate=tokens is None)

    @inlineCallbacks
    def stopService(self) -> Generator[Deferred[Any], Any, None]:
        """Listen no longer, and close all connections."""
        yield super().stopService()
        yield self.factory.drain()


def adminFactory(
    service: WebSocketService,
    commands: Commands,
    tokens: TokenFile | None = None,
) -> WebSocketServerFactory:
    """
    Make the factory of an admin endpoint: a server of its own.

    @param service: what is looked at.
    @param commands: what can be asked for.
    @param tokens: of those who are let in; without, everybody is, under a name
        of this machine.
    """
    inspection = Inspection(service.factory)
    orders = Orders(commands)
    guard = None if tokens is None else guardOf(tokens)
    behind = Resource()
    behind.putChild(b"", Page("admin"))
    behind.putChild(b"metrics", _metrics(inspection))
    behind.putChild(b"commands", CommandList(orders))
    gate = Gate(behind, guard, {b"health": _Health(), b"ready": _Readiness(service)})
    return WebSocketServerFactory(
        Board(inspection, orders).makeOnlooker,
        settings=Settings(
            hosts=None if guard else HOSTS,
            connectionLimit=_PAGES_LIMIT,
            messageLimit=65_536,
            drainTimeout=2,
        ),
        reactor=service.factory.reactor,
        guard=guard,
        site=AdminSite(gate),
    )


class AdminSite(Site):
    """A site that keeps scrapes and health checks out of the log."""

    def __init__(self, root: IResource) -> None:
        """@param root: what there is."""
        super().__init__(root, requestFactory=Asking)
        self.noisy = False

    def log(self, request: HTTPRequest) -> None:
        """Say nothing: who is refused, and who runs a command, is said elsewhere."""


class _Health(Resource):
    """That the process runs, and its reactor."""

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        """Say so."""
        return inPlain(request, "healthy\n")


class _Readiness(Resource):
    """Whether a server is to get more connections."""

    isLeaf = True

    def __init__(self, service: WebSocketService) -> None:
        """@param service: the server's."""
        super().__init__()
        self._service = service

    def render_GET(self, request: Request) -> bytes:
        """Say so, or why not."""
        if self._service.factory.isDraining:
            request.setResponseCode(503)
            return inPlain(request, "draining\n")
        if not self._service.addresses:
            request.setResponseCode(503)
            return inPlain(request, "not listening\n")
        return inPlain(request, "ready\n")


class _NoMetrics(Resource):
    """What there is in the place of metrics, without the package."""

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        """Say how to have them."""
        request.setResponseCode(501)
        needed = "prometheus-client: pip install 'wsagent[metrics]'"
        return inPlain(request, f"metrics need {needed}\n")


def _metrics(inspection: Inspection) -> IResource:
    """Give what Prometheus reads, if its package is there."""
    try:
        from .metrics import Metrics
    except ImportError:
        return _NoMetrics()
    return Metrics(inspection)
