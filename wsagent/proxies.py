"""
Ways through a proxy, as endpoints.

L{HTTPProxyEndpoint} asks a proxy with C{CONNECT}, L{SOCKSProxyEndpoint} speaks
SOCKS5.  The proxy resolves the server's name.  Neither has a timeout: whoever
waits may cancel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from twisted.internet import protocol
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from .core.errors import ProxyRefused
from .core.tunnels import CONNECT, SOCKS5, Credentials, Negotiation

Way = Callable[[str, int], IStreamClientEndpoint]
"""Gives an endpoint for a host and a port."""

_PORTS = {"http": 80, "socks5": 1080, "socks5h": 1080}


def wayThrough(reactor: Any, url: str) -> Way:
    """
    Read the URL of a proxy.

    @param url: C{http://} or C{socks5://}, perhaps with user and password.
    @return: what gives endpoints through it.
    @raise ValueError: it is not one.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("proxy, allowed: http://host:port or socks5://host:port")
    toProxy = HostnameEndpoint(
        reactor,
        parts.hostname,
        parts.port or _PORTS[parts.scheme],
    )
    credentials = None
    if parts.username is not None:
        credentials = (unquote(parts.username), unquote(parts.password or ""))
    kind = HTTPProxyEndpoint if parts.scheme == "http" else SOCKSProxyEndpoint
    return lambda host, port: kind(toProxy, host, port, credentials)


@implementer(IHalfCloseableProtocol)
class _Tunnel(protocol.Protocol):
    """A connection to a proxy, and then through it."""

    transport: ITCPTransport

    def __init__(self, negotiation: Negotiation, factory: IProtocolFactory) -> None:
        """@param factory: builds what is connected once there is a way."""
        self._negotiation = negotiation
        self._factory = factory
        self._inner: IProtocol | None = None
        self._failure: Failure | None = None
        self._unfinished: Deferred[IProtocol] | None = Deferred(self._cancelled)
        self.finished = self._unfinished

    def connectionMade(self) -> None:
        """Say the first word."""
        self.transport.write(self._negotiation.begin())

    def dataReceived(self, data: bytes) -> None:
        """Pass on, or read the proxy's answer."""
        if self._inner is not None:
            self._inner.dataReceived(data)
        elif self._failure is None:
            try:
                toSay, rest = self._negotiation.feed(data)
                if rest is not None:
                    self._inner = self._build()
            except Exception:  # noqa: BLE001 - the proxy's mistake, or the factory's
                self._failure = Failure()
                self.transport.abortConnection()
                return
            self.transport.write(toSay)
            if self._inner is not None:
                self._connect(self._inner, rest)

    def readConnectionLost(self) -> None:
        """Pass on, or close altogether."""
        inner = IHalfCloseableProtocol(self._inner, None)
        if inner is None:
            self.transport.loseConnection()
        else:
            inner.readConnectionLost()

    def writeConnectionLost(self) -> None:
        """Pass on, if that means something."""
        inner = IHalfCloseableProtocol(self._inner, None)
        if inner is not None:
            inner.writeConnectionLost()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        """Pass on, or tell that there is no way."""
        if self._inner is not None:
            self._inner.connectionLost(reason)
        elif self._failure is None:
            why = f"the proxy hung up: {reason.getErrorMessage()}"
            self._failure = Failure(ProxyRefused(why))
        if self._failure is not None:
            self._finish(self._failure)

    def _build(self) -> IProtocol:
        """Build what is connected."""
        inner = self._factory.buildProtocol(self.transport.getPeer())
        if inner is None:
            raise ProxyRefused("the factory built no protocol")
        return inner

    def _connect(self, inner: IProtocol, rest: bytes | None) -> None:
        """Be a way."""
        inner.makeConnection(self.transport)
        self._finish(inner)
        if rest:
            inner.dataReceived(rest)

    def _cancelled(self, _: Deferred[IProtocol]) -> None:
        """Be gone: nobody waits any more."""
        self._unfinished = None
        self.transport.abortConnection()

    def _finish(self, result: IProtocol | Failure) -> None:
        """Tell what came of it, once."""
        unfinished, self._unfinished = self._unfinished, None
        if unfinished is not None:
            unfinished.callback(result)


@implementer(IStreamClientEndpoint)
class HTTPProxyEndpoint:
    """A TCP endpoint behind an HTTP proxy."""

    negotiation: Callable[[str, int, Credentials | None], Negotiation] = CONNECT

    def __init__(
        self,
        toProxy: IStreamClientEndpoint,
        host: str,
        port: int,
        credentials: Credentials | None = None,
    ) -> None:
        """
        @param toProxy: leads to the proxy.
        @param host: the server's name or address, as the proxy is to find it.
        @param credentials: user and password.
        """
        self._toProxy = toProxy
        self._destination = (host, port, credentials)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Connect through the proxy.

        @return: fails with L{ProxyRefused} if there is no way.
        """
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        """Connect to the proxy, then through it."""
        tunnel = _Tunnel(type(self).negotiation(*self._destination), factory)
        ours = protocol.Factory.forProtocol(lambda: tunnel)
        ours.noisy = False
        await self._toProxy.connect(ours)
        return await tunnel.finished


@implementer(IStreamClientEndpoint)
class SOCKSProxyEndpoint(HTTPProxyEndpoint):
    """A TCP endpoint behind a SOCKS5 proxy."""

    negotiation = SOCKS5
