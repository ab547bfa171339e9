"""wsagent on Twisted's own transport, as it is where the fast lane cannot be."""

from __future__ import annotations

from argparse import Namespace

from wsagent import Settings, WebSocketServerFactory
from wsagent.demo import Echo

from .common import BACKLOG, HOST, announce

LANE_OFF = {"hasFastLane": False}
"""The setting that does it."""


def serve(_role: str, _options: Namespace) -> None:
    """Serve, as C{twistd wsagent} does."""
    from twisted.internet import reactor

    factory = WebSocketServerFactory(Echo, settings=Settings(**LANE_OFF))
    port = reactor.listenTCP(0, factory, BACKLOG, HOST)
    announce(port.getHost().port)
    reactor.run()
