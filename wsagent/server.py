"""The server's side: L{WebSocketServerFactory}."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, ClassVar

import twisted
from twisted.internet import protocol
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IAddress,
    IProtocolFactory,
    IProtocolNegotiationFactory,
    IReactorTime,
)
from twisted.python.failure import Failure
from zope.interface import classImplements

from .answering import ServerOpening
from .broadcasting import Broadcastable, spread
from .core import codes
from .core.codes import Role
from .core.extensions import Extension
from .draining import Drain
from .forwarding import Trust
from .guard import Guard, Login
from .interfaces import Opening, WireOwner
from .limits import Admission, Tally
from .protocol import ProtocolFactory, WebSocketProtocol
from .routing import Found, Route, Routes
from .settings import Settings, withCompression
from .statistics import Statistics
from .timing import Wheel, wheelOf
from .wire import Wire

if TYPE_CHECKING:
    from .web.passage import Passage


class WebSocketServerFactory(protocol.ServerFactory):
    """
    Accepts WebSocket connections, and makes an agent for each.

    @ivar settings: what peers may do.
    @ivar routes: where requests go; to iterate lists them.
    @ivar extensions: what may be agreed on, the client's order deciding.
    @ivar trust: the proxies that are believed, or C{None}.
    @ivar guard: who is let in, or C{None}: everybody.
    @ivar site: who answers all other requests, or C{None}: they are refused.
    @ivar statistics: what has happened so far.
    @ivar isDraining: all connections are to end, as the service does.
    """

    noisy = False
    _addresses: ClassVar[count[int]] = count(1)

    def __init__(
        self,
        protocol: ProtocolFactory | None = None,
        subprotocols: Sequence[str] | Mapping[str, ProtocolFactory] = (),
        settings: Settings | None = None,
        reactor: IReactorTime | None = None,
        extensions: Sequence[Extension] = (),
        routes: Iterable[Route] = (),
        guard: Guard | None = None,
        site: IProtocolFactory | None = None,
    ) -> None:
        """
        @param protocol: makes the agents, but where C{routes} say otherwise;
            without one, a request that offers none of C{subprotocols} is
            refused with 400.
        @param subprotocols: what is spoken, in order of preference; as a
            mapping, what makes the agents for each.  By default what the
            protocol says itself.
        @param settings: what peers may do.
        @param reactor: what tells the time; Twisted's reactor by default.
        @param extensions: what may be agreed on beside C{settings.compression}.
        @param routes: who answers where; what is nowhere is refused with 404,
            unless there is a C{protocol}.
        @param guard: who is let in; without, everybody.
        @param site: a C{twisted.web.server.Site}, which answers all that is no
            request for a WebSocket; without, that is refused.
        @raise ValueError: a subprotocol is no HTTP token, there is nothing to
            make agents, two routes are for the same requests, or the settings
            undo what the guard does.
        """
        self.routes = Routes([*routes, *_otherwise(protocol, subprotocols)])
        if not any(self.routes):
            raise ValueError("no protocol, and no subprotocol with one")
        self.settings = settings or Settings()
        self.extensions = withCompression(extensions, self.settings)
        proxies, fields = self.settings.trustedProxies, self.settings.forwardedFields
        self.trust = Trust(proxies, fields) if proxies else None
        self.guard = guard
        self.site = site
        if guard is not None:
            guard.checkSettings(self.settings)
        self._reactor = reactor
        self._wheel: Wheel | None = None
        self.statistics = Statistics()
        self.isDraining = False
        # As a set, in a third of its memory; with what the limits count by.
        self._wires: dict[Wire, Tally | None] = {}
        self._admission: Admission[Wire] | None = None
        self._drains: list[Drain] = []
        # Who waits for the round trip of whom.
        self._measuring: dict[Wire, list[Deferred[float]]] = {}

    @classmethod
    def forProtocol(  # type: ignore[override]
        cls,
        protocol: ProtocolFactory,
        subprotocols: Sequence[str] | Mapping[str, ProtocolFactory] = (),
        settings: Settings | None = None,
        reactor: IReactorTime | None = None,
        extensions: Sequence[Extension] = (),
        routes: Iterable[Route] = (),
        guard: Guard | None = None,
        site: IProtocolFactory | None = None,
    ) -> WebSocketServerFactory:
        """Make a factory; the same as to call the class."""
        return cls(
            protocol,
            subprotocols,
            settings,
            reactor,
            extensions,
            routes,
            guard,
            site,
        )

    @property
    def subprotocols(self) -> tuple[str, ...]:
        """All that is spoken by some route, the preferred first."""
        return self.routes.subprotocols

    @property
    def reactor(self) -> IReactorTime:
        """What tells the time; Twisted's reactor is found as late as possible."""
        if self._reactor is None:
            from twisted.internet import reactor

            self._reactor = IReactorTime(reactor)
        return self._reactor

    @property
    def wheel(self) -> Wheel:
        """What all timers of ours run on."""
        if self._wheel is None:
            self._wheel = wheelOf(self.reactor)
        return self._wheel

    @property
    def admission(self) -> Admission[Wire]:
        """What counts the connections."""
        if self._admission is None:
            self._admission = Admission(self.settings, self.wheel, self._wires)
        return self._admission

    def buildProtocol(self, addr: IAddress | None) -> Wire | None:
        """Make what Twisted calls the protocol, for one connection."""
        return self.buildWire(ServerOpening(self), addr)

    def buildWire(
        self,
        opening: Opening,
        addr: IAddress | None = None,
        owner: WireOwner | None = None,
    ) -> Wire | None:
        """
        Make what Twisted calls the protocol, for one connection.

        @param opening: what is to read the request, and whatever is before it.
        @param owner: is told how it goes, in our place, and tells us.
        @return: C{None} to be rid of it, when so many are refused already that
            this one cannot be told why.
        """
        admission = self.admission
        if not admission.hasRoom():
            admission.noteFull(addr)
            return None
        return Wire(
            self.settings,
            self.wheel,
            Role.SERVER,
            opening,
            owner or self,
        )

    def buildAgent(self, found: Found, wire: Wire) -> WebSocketProtocol:
        """Make the agent for a request."""
        agent = found.maker()
        agent._wire = wire  # noqa: SLF001 - all of ours on the user's object
        agent.factory = self
        agent.request = found.request
        agent.subprotocol = found.subprotocol
        return agent

    def watch(self, login: Login, wire: Wire) -> None:
        """Have a login last no longer than a connection, or its credentials."""
        assert self.guard is not None
        self.guard.watch(login, wire, self.wheel)

    def nextAddress(self) -> int:
        """Number the agents of this process."""
        return next(self._addresses)

    def broadcast(
        self,
        message: Broadcastable,
        compress: bool | None = None,
    ) -> Deferred[None]:
        """Send a message to all agents that are open: L{wsagent.broadcast}."""
        return spread(list(self._wires), message, compress)

    @property
    def wires(self) -> Collection[Wire]:
        """All connections, those that are not open counted."""
        return self._wires.keys()

    def measure(self, wire: Wire) -> Deferred[float]:
        """
        Ping a peer now.

        @return: fires with the seconds of the round trip; fails when the
            connection is lost before.
        """
        measured: Deferred[float] = Deferred()
        self._measuring.setdefault(wire, []).append(measured)
        wire.measure()
        return measured

    def drain(self, code: int = codes.GOING_AWAY) -> Deferred[None]:
        """
        Close all connections; abort those that are left at C{drainTimeout}.

        @param code: the close code.
        @return: fires when none is left.
        """
        self.isDraining = True
        if not self._wires:
            return succeed(None)
        wires = self._wires.keys()
        drain = Drain(self.reactor, wires, code, self.settings.drainTimeout)
        self._drains.append(drain)
        return drain.finished

    def acceptableProtocols(self) -> list[bytes]:
        """
        Say what is spoken in TLS, to a client that asks, as browsers do.

        @see: RFC 7301.
        """
        return [b"http/1.1"]

    def startFactory(self) -> None:
        """Begin, perhaps again."""
        self.isDraining = False
        if self.site is not None:
            self.site.doStart()

    def stopFactory(self) -> None:
        """Listen nowhere any more."""
        if self.site is not None:
            self.site.doStop()

    def passage(
        self,
        opening: ServerOpening,
        peer: object | None,
        isSecure: bool,
    ) -> Passage | None:
        """
        Make what has the site answer, if there is one.

        @param opening: goes on when a WebSocket is asked for.
        @param peer: the client, if a proxy has said so before all else.
        @param isSecure: the proxy has said that it came over TLS.
        """
        if self.site is None:
            return None
        from .web.passage import Passage

        return Passage(self.site, opening.resume, peer, isSecure)

    # What wires call

    def roundTripMeasured(self, wire: Wire) -> None:
        """Count what a ping took."""
        seconds = wire.roundTripTime
        assert seconds is not None
        self.statistics.roundTrips.add(seconds)
        for measured in self._measuring.pop(wire, ()):
            measured.callback(seconds)

    def peerWasSlow(self) -> None:
        """Count a peer that is given up."""
        self.statistics.slow += 1

    def wireLost(self, wire: Wire, failure: Failure | None) -> None:
        """Forget a connection."""
        if failure is not None:
            self.statistics.lost(wire, failure)
            for measured in self._measuring.pop(wire, ()):
                measured.errback(failure)
        self.admission.left(wire)
        if self.guard is not None:
            self.guard.wireLost(wire)
        for drain in self._drains:
            drain.wireLost()
        if not self._wires:
            self._drains.clear()


if tuple(map(int, twisted.__version__.split(".")[:2])) >= (26, 4):
    # From there on, clients that ask are cut off where nothing is said.  Those
    # before change a context that is in use, at which a new pyOpenSSL raises.
    classImplements(WebSocketServerFactory, IProtocolNegotiationFactory)


def _otherwise(
    protocol: ProtocolFactory | None,
    subprotocols: Sequence[str] | Mapping[str, ProtocolFactory],
) -> list[Route]:
    """Make the route of those for whom there is no other, if there is to be one."""
    if not subprotocols:
        return [] if protocol is None else [Route("*", protocol)]
    if isinstance(subprotocols, (str, Mapping)):
        return [Route("*", protocol, subprotocols)]
    return [Route("*", protocol, (*subprotocols, None))]
