"""Tells C{twistd} of C{wsagent}."""

from twisted.application.service import ServiceMaker

wsagent = ServiceMaker(
    "wsagent",
    "wsagent.tap",
    "A WebSocket server (RFC 6455)",
    "wsagent",
)
