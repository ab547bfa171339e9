"""WebSocket for Twisted: the public names."""

from .core.handshake import Request
from .errors import ClosedCleanly, ClosedUncleanly, RequestRejected
from .protocol import Accept, WebSocketProtocol
from .server import WebSocketServerFactory
from .service import WebSocketService
from .settings import Settings

__all__ = [
    "Accept",
    "ClosedCleanly",
    "ClosedUncleanly",
    "Request",
    "RequestRejected",
    "Settings",
    "WebSocketProtocol",
    "WebSocketServerFactory",
    "WebSocketService",
]
