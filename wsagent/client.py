"""The client's side: L{connect}, or a factory and an endpoint, as Twisted has it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint

from .attempt import AgentT, Approach, Headers, attempt
from .core.extensions import Extension
from .core.heads import isToken
from .opening import Field
from .protocol import WebSocketProtocol
from .proxies import Way, wayThrough
from .settings import Settings, withCompression
from .urls import parseURL

if TYPE_CHECKING:
    from .tls import TLS

# RFC 6265 4.1.1: no white space, quotation mark, comma, semicolon, backslash.
_cookieValue = re.compile(r"[!#-+\--:<-\[\]-~]*")


class WebSocketClientFactory(Generic[AgentT]):
    """
    Makes an agent for each connection that a client opens.

    @ivar subprotocols: what is offered, in order of preference.
    @ivar settings: what servers may do.
    @ivar extensions: what is offered.
    """

    def __init__(
        self,
        protocol: Callable[[], AgentT],
        subprotocols: Sequence[str] = (),
        settings: Settings | None = None,
        extensions: Sequence[Extension] = (),
    ) -> None:
        """
        @param protocol: makes the agents; a class is one.
        @param extensions: what is offered beside C{settings.compression}.
        """
        if isinstance(subprotocols, str):
            raise TypeError(f"subprotocols: {subprotocols!r}, needed a list of names")
        self._maker = protocol
        self.subprotocols = tuple(subprotocols)
        self.settings = settings or Settings()
        self.extensions = withCompression(extensions, self.settings)

    def buildProtocol(self, url: str) -> AgentT:
        """
        Make the agent for a connection that was accepted.

        @param url: where redirects have led, without credentials.
        """
        return self._maker()


@dataclass(frozen=True)
class WebSocketClientEndpoint:
    """A URL, and how to connect to it; L{new} makes one."""

    approach: Approach

    @classmethod
    def new(
        cls,
        reactor: Any,
        url: str,
        *,
        headers: Headers = (),
        origin: str | None = None,
        cookies: Mapping[str, str] | None = None,
        tls: TLS | None = None,
        endpoint: IStreamClientEndpoint | None = None,
        proxy: str | Way | None = None,
    ) -> WebSocketClientEndpoint:
        """
        Describe how to connect.

        @param reactor: connects, and tells the time.
        @param url: C{ws://} or C{wss://}; a user and password in it are sent as
            Basic credentials.
        @param headers: more fields of the request; what can be called is asked
            anew for each L{connect}, and may be a coroutine or give a
            C{Deferred}.
        @param origin: the page that asks, if that is to be said.
        @param cookies: names and values.
        @param tls: whom to trust, as in L{wsagent.tls}; the system's
            authorities by default.
        @param endpoint: where to connect in place of the URL's host and port,
            as a socket in the file system.
        @param proxy: C{http://} or C{socks5://}, perhaps with user and
            password; or what gives an endpoint for a host and a port.
        @raise ValueError: an argument is not allowed.
        """
        if endpoint is not None and proxy is not None:
            raise ValueError("an endpoint and a proxy, allowed: one of them")
        fields: list[Field] = []
        if origin is not None:
            fields.append(("Origin", origin))
        if cookies:
            fields.append(("Cookie", _cookie(cookies)))
        way = wayThrough(reactor, proxy) if isinstance(proxy, str) else proxy
        return cls(
            Approach(
                reactor=reactor,
                location=parseURL(url),
                headers=headers,
                fields=tuple(fields),
                tls=tls,
                endpoint=endpoint,
                way=way,
            ),
        )

    @property
    def url(self) -> str:
        """Where it leads, without credentials."""
        return self.approach.location.url

    def __repr__(self) -> str:
        """Show where it leads."""
        return f"<{type(self).__name__} {self.url}>"

    def connect(self, factory: WebSocketClientFactory[AgentT]) -> Deferred[AgentT]:
        """
        Connect, and open.

        Redirects are followed, five at most, never from C{wss} to C{ws};
        credentials are not sent to another origin.

        @return: fires with the agent once it is open, before it receives
            anything.  Cancelled, the attempt ends.  Fails with
            L{wsagent.ConnectionRejected} if the server answers something else,
            with L{wsagent.HandshakeError} if it answers wrongly, with
            C{TimeoutError} after C{openTimeout}, with C{ValueError} if the
            request cannot be sent; else as the transport does.
        """
        return attempt(self.approach, factory)


def connect(
    reactor: Any,
    url: str,
    protocol: Callable[[], AgentT] = WebSocketProtocol,  # type: ignore[assignment]
    *,
    subprotocols: Sequence[str] = (),
    settings: Settings | None = None,
    headers: Headers = (),
    origin: str | None = None,
    cookies: Mapping[str, str] | None = None,
    tls: TLS | None = None,
    endpoint: IStreamClientEndpoint | None = None,
    proxy: str | Way | None = None,
) -> Deferred[AgentT]:
    """
    Connect to a WebSocket.

    @param protocol: makes the agent; a class is one.  Messages to the default
        wait for C{receive}.
    @param subprotocols: what is offered, in order of preference.
    @param settings: what the server may do.
    @return: as L{WebSocketClientEndpoint.connect}; and see
        L{WebSocketClientEndpoint.new} for the other arguments.
    """
    there = WebSocketClientEndpoint.new(
        reactor,
        url,
        headers=headers,
        origin=origin,
        cookies=cookies,
        tls=tls,
        endpoint=endpoint,
        proxy=proxy,
    )
    return there.connect(WebSocketClientFactory(protocol, subprotocols, settings))


def _cookie(cookies: Mapping[str, str]) -> str:
    """Write the value of C{Cookie}."""
    for name, value in cookies.items():
        if not isToken(name):
            raise ValueError(f"cookie {name!r}, allowed: an HTTP token")
        if not _cookieValue.fullmatch(value):
            raise ValueError(f"value of cookie {name}, allowed: see RFC 6265")
    return "; ".join(f"{name}={value}" for name, value in cookies.items())
