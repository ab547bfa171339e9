"""
Members only: each has places where they may go, and is told who else is there.

Here: C{python members.py}; then C{wsagent connect
ws://alice:wonderland@localhost:8001/garden}, and the same as C{bob:builder}.
"""

from collections import Counter

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import react
from zope.interface import implementer

from wsagent import (
    Guard,
    RequestRejected,
    WebSocketProtocol,
    WebSocketServerFactory,
    WebSocketService,
    broadcast,
)
from wsagent.credentials import IWebSocketAvatar

PASSWORDS = {"alice": b"wonderland", "bob": b"builder"}
"""In a file for C{FilePasswordDB}, were it not an example."""


class Member:
    """
    Somebody, on however many connections.

    @ivar agents: those that are open.
    """

    def __init__(self, name, *places):
        self.name = name
        self.places = places
        self.agents = set()


@implementer(IRealm)
class Club:
    """Knows the members, and who of them is here."""

    def __init__(self):
        self.members = {
            b"alice": Member("Alice", "/garden", "/cellar"),
            b"bob": Member("Bob", "/garden"),
        }
        self.present = Counter()

    def requestAvatar(self, avatarId, request, *interfaces):
        """Let a member in where they may go."""
        member = self.members[avatarId]
        if request.path not in member.places:
            raise RequestRejected(403, body="not for you\n")
        self.present[member.name] += 1
        return IWebSocketAvatar, member, lambda: self.present.subtract([member.name])


class Place(WebSocketProtocol):
    """Tells who is here; what a member says is heard on all of theirs."""

    def negotiationFinished(self):
        self.avatar.agents.add(self)
        present = self.factory.guard.portal.realm.present
        self.sendTextMessage(f"here: {', '.join(sorted(+present))}")

    def textMessageReceived(self, message):
        broadcast(self.avatar.agents, f"{self.avatar.name}: {message}")

    def connectionLost(self, reason):
        self.avatar.agents.discard(self)


def makeFactory(reactor=None):
    """Make the factory, with a club of its own."""
    users = InMemoryUsernamePasswordDatabaseDontUse(**PASSWORDS)
    guard = Guard(Portal(Club(), [users]))
    return WebSocketServerFactory(Place, reactor=reactor, guard=guard)


def main(reactor, port="tcp:8001"):
    """Serve until interrupted."""
    service = WebSocketService(makeFactory(), [serverFromString(reactor, port)])
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    return Deferred()


if __name__ == "__main__":
    react(main)
