"""WebSocket for Twisted: the public names."""

from typing import TYPE_CHECKING

from .broadcasting import broadcast
from .build import isCompiled as __compiled__  # noqa: N813 - like __version__
from .client import WebSocketClientEndpoint, WebSocketClientFactory, connect
from .core.deflate import Compression
from .core.errors import HandshakeError, ProxyRefused
from .core.handshake import Request
from .core.outgoing import PreparedMessage
from .errors import (
    ClosedCleanly,
    ClosedUncleanly,
    ConnectionRejected,
    RedirectRefused,
    RequestRejected,
)
from .guard import Guard
from .protocol import Accept, WebSocketProtocol
from .reconnecting import ReconnectingService
from .routing import Route
from .server import WebSocketServerFactory
from .service import WebSocketService
from .settings import Settings

if TYPE_CHECKING:
    from .web.resource import WebSocketResource

__all__ = [
    "Accept",
    "ClosedCleanly",
    "ClosedUncleanly",
    "Compression",
    "ConnectionRejected",
    "Guard",
    "HandshakeError",
    "PreparedMessage",
    "ProxyRefused",
    "ReconnectingService",
    "RedirectRefused",
    "Request",
    "RequestRejected",
    "Route",
    "Settings",
    "WebSocketClientEndpoint",
    "WebSocketClientFactory",
    "WebSocketProtocol",
    "WebSocketResource",
    "WebSocketServerFactory",
    "WebSocketService",
    "__compiled__",
    "broadcast",
    "connect",
]


def __getattr__(name: str) -> object:
    """Import C{twisted.web} only for who needs it."""
    if name != "WebSocketResource":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .web.resource import WebSocketResource

    return WebSocketResource
