"""L{WebSocketResource}: a WebSocket at a place of a C{twisted.web} site."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from twisted.web.http import SERVICE_UNAVAILABLE, HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from wsagent.answering import ServerOpening
from wsagent.core.errors import HandshakeError, UpgradeRequired
from wsagent.server import WebSocketServerFactory
from wsagent.wire import Wire

from .requests import isUpgrade, octetsOf, takeOver


class WebSocketResource(Resource):
    """
    A place of a site where WebSockets are opened.

    Who asks for one here gets what it would at a port of its own: the same
    routes, settings, hooks, compression, limits and fast lane, those of the
    factory.  Its routes see the whole path.

    @ivar factory: what makes the agents.
    @ivar avatar: what the agents have as theirs, unless the factory has a guard.
    """

    isLeaf = True

    def __init__(self, factory: WebSocketServerFactory, avatar: Any = None) -> None:
        """
        @param factory: what makes the agents; to end their connections, call
            its C{drain}.
        @param avatar: who it is, as a realm may know that has made us.
        """
        super().__init__()
        self.factory = factory
        self.avatar = avatar

    def render(self, request: Request) -> bytes | int:
        """Open a WebSocket, or say that this is a place for that only."""
        channel: Any = request.channel
        if channel is None:
            # Who asked has left while a tree took its time to get here.
            return NOT_DONE_YET
        if not isUpgrade(request) or not isinstance(channel, HTTPChannel):
            for name, value in UpgradeRequired.fields:
                request.setHeader(name, value)
            return _refused(request, UpgradeRequired.status, "not a WebSocket request")
        if self.factory.isDraining:
            return _refused(request, SERVICE_UNAVAILABLE, "the server is leaving")
        try:
            octets = octetsOf(request)
        except HandshakeError as error:
            return _refused(request, error.status, str(error))
        transport: Any = channel.transport
        opening = ServerOpening(self.factory, avatar=self.avatar)
        owner = _Owner(self.factory, channel)
        wire = self.factory.buildWire(opening, transport.getPeer(), owner)
        if wire is None:
            return _refused(request, SERVICE_UNAVAILABLE, "too many connections")
        rest = takeOver(channel, wire.dataReceived)
        channel.connectionLost = wire.connectionLost  # type: ignore[method-assign]
        # From now on without a detour, if that can be: the fast lane is for
        # those only whose protocol it is that receives.
        if isinstance(transport, ProtocolWrapper):
            transport.wrappedProtocol = wire
        else:
            transport.protocol = wire
        wire.makeConnection(transport)
        wire.dataReceived(octets + rest)
        return NOT_DONE_YET


class _Owner:
    """Whom a wire tells how it goes: the factory, and the request that was first."""

    def __init__(self, factory: WebSocketServerFactory, channel: HTTPChannel) -> None:
        """@param channel: the request's."""
        self._channel: Any = channel
        self._factory = factory
        self.roundTripMeasured = factory.roundTripMeasured
        self.peerWasSlow = factory.peerWasSlow

    def wireLost(self, wire: Wire, failure: Failure | None) -> None:
        """Tell both, the request last: who is logged in may log out then."""
        self._factory.wireLost(wire, failure)
        channel, self._channel = self._channel, None
        # These are the wire's, which knows us.
        del channel.connectionLost, channel.rawDataReceived
        channel.connectionLost(failure or Failure(connectionDone.value))


def _refused(request: Request, status: int, why: str) -> bytes:
    """Answer as a resource does: the connection may stay."""
    request.setResponseCode(status, HTTPStatus(status).phrase.encode())
    request.setHeader("Content-Type", "text/plain; charset=utf-8")
    body = f"{why}\n".encode()
    if request.method == b"HEAD":
        # Twisted does the same, and logs that it had to.
        request.setHeader("Content-Length", str(len(body)))
        return b""
    return body
