"""
A chat that speaks two subprotocols: C{chat.text} lines, and C{chat.json} objects.

Here: C{python chat.py}, then connect to C{ws://localhost:8001/?name=ann}.
"""

import json
from urllib.parse import parse_qs

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import react

from wsagent import (
    RequestRejected,
    Settings,
    WebSocketProtocol,
    WebSocketServerFactory,
    WebSocketService,
)


class Room:
    """Who is here."""

    def __init__(self):
        self.members = set()

    def say(self, name, text):
        """Tell everyone.  What goes to a member who has left is dropped."""
        for member in tuple(self.members):
            member.tell(name, text)


class Member(WebSocketProtocol):
    """One who is here; the two subclasses differ in how they write a line."""

    def __init__(self, room):
        self.room = room

    def requestReceived(self, request):
        """Nobody comes in without a name."""
        names = parse_qs(request.query).get("name")
        if not names:
            raise RequestRejected(400, body="name: needed\n")
        self.name = names[0]

    def negotiationFinished(self):
        self.room.members.add(self)
        self.room.say(self.name, "is here")

    def connectionLost(self, reason):
        self.room.members.discard(self)
        self.room.say(self.name, "has left")


class TextMember(Member):
    """Speaks C{chat.text}: a line is C{name: text}."""

    def textMessageReceived(self, message):
        self.room.say(self.name, message)

    def tell(self, name, text):
        self.sendTextMessage(f"{name}: {text}")


class JSONMember(Member):
    """Speaks C{chat.json}: a line is C{{"name": ..., "text": ...}}."""

    def textMessageReceived(self, message):
        try:
            text = json.loads(message)["text"]
        except (ValueError, LookupError, TypeError):
            self.loseConnection(1003, "needed: an object with a text")
        else:
            self.room.say(self.name, str(text))

    def tell(self, name, text):
        self.sendTextMessage(json.dumps({"name": name, "text": text}))


def makeFactory(reactor=None):
    """Make the factory: no class of its own, so a client has to offer one of two."""
    room = Room()
    subprotocols = {
        "chat.json": lambda: JSONMember(room),
        "chat.text": lambda: TextMember(room),
    }
    settings = Settings(messageLimit=4096, origins=("*",))
    return WebSocketServerFactory(None, subprotocols, settings, reactor)


def main(reactor, port="tcp:8001"):
    """Serve until interrupted; then close everyone with 1001."""
    service = WebSocketService(makeFactory(), [serverFromString(reactor, port)])
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    return Deferred()


if __name__ == "__main__":
    react(main)
