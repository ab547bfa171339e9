"""From C{connect} to an open agent: the transport, the request, redirects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from twisted.internet import protocol
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import TimeoutError as TwistedTimeoutError
from twisted.internet.interfaces import ISSLTransport, IStreamClientEndpoint
from twisted.python.failure import Failure

from .core.codes import Role
from .core.handshake import PLAIN, SECURE, Request, Response
from .errors import ConnectionRejected, RedirectRefused
from .opening import ClientOpening, Field, ask
from .protocol import WebSocketProtocol
from .proxies import Way
from .timing import wheelOf
from .urls import Location
from .wire import Wire

if TYPE_CHECKING:
    from .client import WebSocketClientFactory
    from .tls import TLS

AgentT = TypeVar("AgentT", bound=WebSocketProtocol)
Fields = Mapping[str, str] | Iterable[Field]
Headers = Fields | Callable[[], Fields | Awaitable[Fields]]
"""Fields of a request, or what gives them, perhaps later."""

REDIRECT_LIMIT: Final = 5
"""Redirects that are followed, at most, in one attempt."""

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_CREDENTIALS = frozenset(("authorization", "cookie", "proxy-authorization"))


@dataclass(frozen=True)
class Approach:
    """Where a client connects to, and how."""

    reactor: Any
    location: Location
    headers: Headers
    """Asked anew for each attempt, if they can be called."""
    fields: tuple[Field, ...]
    """More fields, always the same."""
    tls: TLS | None
    """Whom to trust; C{None}: the system's authorities."""
    endpoint: IStreamClientEndpoint | None
    """Leads to the location's own origin, in place of its host and port."""
    way: Way | None
    """Leads to any host and port; C{None}: there is no proxy."""

    def transportFor(self, location: Location) -> IStreamClientEndpoint:
        """Find what leads to a location."""
        host, port = location.host, location.port
        if self.endpoint is not None:
            endpoint = self.endpoint
        elif self.way is not None:
            endpoint = self.way(host, port)
        else:
            endpoint = HostnameEndpoint(self.reactor, host, port)
        if not location.isSecure:
            return endpoint
        # Without pyOpenSSL there still is ws.
        from .tls import verified

        return wrapClientTLS((self.tls or verified)(host), endpoint)

    async def allFields(self) -> list[Field]:
        """Gather the fields of a request."""
        headers = self.headers
        if callable(headers):
            headers = cast(Fields, await maybeDeferred(headers))
        if isinstance(headers, Mapping):
            headers = headers.items()
        return [*headers, *self.fields]


def attempt(
    approach: Approach,
    factory: WebSocketClientFactory[AgentT],
    lost: Callable[[Wire], object] = lambda _: None,
) -> Deferred[AgentT]:
    """
    Try once to have an open agent.

    @param lost: called with each wire whose transport is gone.
    @return: fails with C{TimeoutError} after C{openTimeout}.
    """
    attempting = Deferred.fromCoroutine(_Attempt(approach, factory, lost).open())

    def cancelled(opened: Deferred[AgentT]) -> None:
        # Said first: what endpoints make of it differs.
        opened.errback(CancelledError())
        attempting.cancel()

    def finished(result: AgentT | Failure) -> None:
        if not opened.called:
            opened.callback(result)

    opened: Deferred[AgentT] = Deferred(cancelled)
    attempting.addBoth(finished)
    timeout = factory.settings.openTimeout
    return opened.addTimeout(timeout, approach.reactor, _timedOut)


class _Attempt(Generic[AgentT]):
    """One attempt to have an open agent."""

    def __init__(
        self,
        approach: Approach,
        factory: WebSocketClientFactory[AgentT],
        lost: Callable[[Wire], object],
    ) -> None:
        """@param factory: makes the agent."""
        self._approach = approach
        self._factory = factory
        self._lost = lost

    # What its wires call

    def roundTripMeasured(self, wire: Wire) -> None:
        """Count nothing: the agent knows."""

    def peerWasSlow(self) -> None:
        """Count nothing: the agent is told."""

    def wireLost(self, wire: Wire, failure: Failure | None) -> None:
        """Say that a transport is gone."""
        self._lost(wire)

    # What opens one

    async def open(self) -> AgentT:
        """Ask, and follow redirects."""
        approach = self._approach
        location = approach.location
        fields = await approach.allFields()
        followed = 0
        while True:
            try:
                return await self._ask(location, fields)
            except ConnectionRejected as rejected:
                if (
                    rejected.status not in _REDIRECTS
                    or "location" not in rejected.headers
                ):
                    raise
                followed += 1
                there = self._followed(location, rejected, followed)
            if there.origin != location.origin:
                # For good: nobody else decides where they are sent.
                fields = [
                    field for field in fields if field[0].lower() not in _CREDENTIALS
                ]
            location = there

    def _ask(self, location: Location, fields: list[Field]) -> Deferred[AgentT]:
        """Connect to a location, and ask there."""
        asked = ask(
            location,
            self._factory.subprotocols,
            self._factory.extensions,
            fields,
        )
        settings = self._factory.settings
        opening = ClientOpening(
            asked,
            settings.headLimit,
            partial(self._makeAgent, location.url),
        )
        wheel = wheelOf(self._approach.reactor)
        wire = Wire(settings, wheel, Role.CLIENT, opening, self)
        wires = protocol.Factory.forProtocol(lambda: wire)
        wires.noisy = False
        connecting = self._approach.transportFor(location).connect(wires)
        return connecting.addCallback(lambda _: opening.finished)

    def _followed(
        self,
        location: Location,
        rejected: ConnectionRejected,
        followed: int,
    ) -> Location:
        """Find where a redirect leads, if one may go there."""
        why = None
        try:
            reference = cast(bytes, rejected.headers.get("location")).decode()
            there = location.joined(reference)
        except ValueError as error:
            raise RedirectRefused(rejected, str(error)) from None
        if followed > REDIRECT_LIMIT:
            why = f"{followed} redirects, limit {REDIRECT_LIMIT}"
        elif location.isSecure and not there.isSecure:
            why = f"from wss to {there.url}"
        elif self._approach.endpoint is not None and there.origin != location.origin:
            why = f"to {there.url}, where the endpoint does not lead"
        if why is not None:
            raise RedirectRefused(rejected, why)
        return there

    def _makeAgent(
        self,
        url: str,
        wire: Wire,
        request: Request,
        response: Response,
    ) -> AgentT:
        """Make the agent for a connection that was accepted."""
        agent = self._factory.buildProtocol(url)
        if not isinstance(agent, WebSocketProtocol):
            raise TypeError(f"buildProtocol gave {agent!r}, needed a WebSocketProtocol")
        agent._wire = wire  # noqa: SLF001 - all of ours on the user's object
        agent.factory = self._factory
        agent.url = url
        arrival = SECURE if ISSLTransport.providedBy(wire.transport) else PLAIN
        peer = wire.transport.getPeer()
        agent.request = replace(request, peer=peer, arrival=arrival)
        agent.response = response
        agent.subprotocol = response.subprotocol
        return agent


def _timedOut(result: AgentT | Failure, seconds: float) -> AgentT | Failure:
    """Say that it took too long, whatever that has led to."""
    if isinstance(result, Failure):
        return Failure(TwistedTimeoutError(string=f"not open in {seconds:g} s"))
    return result
