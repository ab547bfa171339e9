"""A connection that a C{twisted.web} site has: L{Passage}."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.iweb import INonQueuedRequestFactory

from wsagent.core.errors import HandshakeError
from wsagent.wire import Wire

from .requests import isUpgrade, octetsOf, takeOver


class Passage:
    """
    A connection on a port of ours that a site has, until it is asked for a
    WebSocket.

    The site sees it as one of its own, from its first octet on: connections
    that stay, requests in a row, bodies and errors are as they are there.  We
    count the connection, and end it when all are to end.
    """

    _wire: Wire
    _channel: Any

    def __init__(
        self,
        site: IProtocolFactory,
        resume: Callable[[bytes, HandshakeError | None, bool, bool], object],
        peer: object | None = None,
        isSecure: bool = False,
    ) -> None:
        """
        @param site: a C{Site}.
        @param resume: called with the head of a request for a WebSocket and
            what follows; what is wrong if it is none; whether there was no
            request before it; and whether the connection was to end.
        @param peer: who it is, if a proxy has said so before all else.
        @param isSecure: the proxy has said that it came over TLS.
        """
        self._site = site
        self._resume = resume
        self._peer = peer
        self._isSecure = isSecure
        # What has the requests; a proxy for it is what the site makes.
        self._inner: Any = None
        self._isFirst = True
        self._isLeaving = False
        self._isEnded = False

    def connectionMade(self, wire: Wire) -> None:
        """Have the site make its part."""
        self._wire = wire
        transport: Any = wire.transport
        self._channel = self._site.buildProtocol(transport.getPeer())
        if self._channel is None:
            wire.abort("no room at the site")
            return
        self._makeRequest = self._channel.requestFactory
        self._channel.requestFactory = self._newRequest
        self._channel.makeConnection(transport)

    def dataReceived(self, data: bytes) -> None:
        """Hand octets on, until the site has hung up."""
        transport: Any = self._wire.transport
        # TLS brings more until both have agreed, on which Twisted stumbles.
        if self._channel is not None and not transport.disconnecting:
            self._channel.dataReceived(data)

    def readConnectionLost(self) -> None:
        """Send what is answered, and be gone; tell who still answers at once."""
        if self._request is not None:
            self._wire.abort("gone before it was answered")
        else:
            self._lose()

    def giveUp(self) -> None:
        """Be gone once the request is answered that is there, if one is."""
        if self._isEnded:
            self._wire.abort("did not close in time")
            return
        self._isLeaving = True
        request = self._request
        if request is not None:
            _makeLast(request)
        else:
            self._lose()
            # In TLS, the peer has to agree; a browser that does not look at a
            # connection does not hear of it.
            self._isEnded = True
            self._wire.handOver(self, self._wire.settings.closeTimeout)

    def connectionLost(self, reason: Failure) -> None:
        """Tell the site, which is through with it."""
        request = self._request
        channel, self._channel, self._inner = self._channel, None, None
        if channel is not None:
            # It may stay for a while, in an event that Twisted has logged.
            channel.requestFactory = self._makeRequest
            if request is not None:
                vars(request).pop("process", None)
            channel.connectionLost(reason)

    @property
    def _request(self) -> Any:
        """The request that has no answer yet, or not all of it."""
        inner = self._inner
        # Of another kind of HTTP there are several, and no connection of ours.
        hasOne = isinstance(inner, HTTPChannel) and inner.requests
        return inner.requests[0] if hasOne else None

    def _lose(self) -> None:
        """Be gone once all is sent; where there is a producer, Twisted waits for it."""
        self._wire.transport.unregisterProducer()
        self._wire.transport.loseConnection()

    def _newRequest(self, channel: Any, *queued: Any) -> Any:
        """Make a request as the site does, at which we have a look first."""
        if self._inner is None:
            self._inner = channel
            self._introduce(channel)
        if INonQueuedRequestFactory.providedBy(self._makeRequest):
            queued = ()
        request = self._makeRequest(channel, *queued)
        process = request.process

        def processed() -> None:
            del request.process
            self._process(request, process)

        request.process = processed
        return request

    def _introduce(self, channel: Any) -> None:
        """Have the site see who it is, and not the proxy that has said so."""
        peer = self._peer
        if peer is not None:
            channel.getPeer = lambda: peer
        if self._isSecure:
            channel.isSecure = lambda: True

    def _process(self, request: Any, process: Callable[[], object]) -> None:
        """Leave a request to the site, unless it is ours."""
        isFirst, self._isFirst = self._isFirst, False
        if not isUpgrade(request):
            if self._isLeaving:
                # What its head has said of that came later.
                _makeLast(request)
            process()
            return
        octets, wrong = b"", None
        try:
            octets = octetsOf(request)
        except HandshakeError as error:
            wrong = error
        rest = takeOver(request.channel, self._wire.dataReceived)
        # For what the site keeps of it, this is the end.
        self.connectionLost(Failure(connectionDone.value))
        self._resume(octets + rest, wrong, isFirst, self._isLeaving)


def _makeLast(request: Any) -> None:
    """Have a connection end with the response to a request."""
    request.channel.persistent = 0
    request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
