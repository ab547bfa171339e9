"""
Rooms by path: who is at C{/rooms/red} hears what is said there; C{/rooms} lists all.

Here: C{python rooms.py}, or C{twistd -n wsagent --port 8001
--route '/rooms/{name}=rooms:Member' --route /rooms=rooms:Porter}; then connect to
C{ws://localhost:8001/rooms/red}.  All other paths are refused with 404.
"""

from collections import defaultdict

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import react

from wsagent import (
    Route,
    WebSocketProtocol,
    WebSocketServerFactory,
    WebSocketService,
    broadcast,
)

ROOMS = defaultdict(set)
"""Who is where."""


class Member(WebSocketProtocol):
    """One who is in a room."""

    def negotiationFinished(self):
        self.name = self.request.parts["name"]
        ROOMS[self.name].add(self)

    def textMessageReceived(self, message):
        broadcast(ROOMS[self.name], message)

    def connectionLost(self, reason):
        ROOMS[self.name].discard(self)
        if not ROOMS[self.name]:
            del ROOMS[self.name]


class Porter(WebSocketProtocol):
    """Tells who asks how many are where, and has no more to say."""

    def negotiationFinished(self):
        for name, members in sorted(ROOMS.items()):
            self.sendTextMessage(f"{name}: {len(members)}")
        self.loseConnection()


ROUTES = [Route("/rooms/{name}", Member), Route("/rooms", Porter)]


def main(reactor, port="tcp:8001"):
    """Serve until interrupted."""
    factory = WebSocketServerFactory(routes=ROUTES)
    service = WebSocketService(factory, [serverFromString(reactor, port)])
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    return Deferred()


if __name__ == "__main__":
    react(main)
