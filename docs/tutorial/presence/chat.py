"""Step 4: names, and who is here."""

import json
from urllib.parse import parse_qs

from wsagent import RequestRejected, WebSocketProtocol, broadcast

rooms = {}


class Member(WebSocketProtocol):
    """One who is in a room, under a name that nobody else there has."""

    def requestReceived(self, request):
        """Nobody comes in without a name."""
        self.name = parse_qs(request.query).get("name", [""])[0].strip()
        if not 0 < len(self.name) <= 20:
            raise RequestRejected(400, body="name: needed, at most 20 characters\n")

    def negotiationFinished(self):
        """Enter."""
        self.room = rooms.setdefault(self.request.path, {})
        if self.name in self.room:
            self.loseConnection(4409, "somebody here has this name")
            return
        self.room[self.name] = self
        self.tell(present=sorted(self.room))

    def textMessageReceived(self, message):
        """Tell everyone in the room who says what."""
        self.tell(name=self.name, text=message)

    def connectionLost(self, reason):
        """Leave; the last one turns off the light."""
        if self.room.get(self.name) is self:
            del self.room[self.name]
            self.tell(present=sorted(self.room))
        if not self.room:
            rooms.pop(self.request.path, None)

    def tell(self, **event):
        """Send an event to everyone in the room, as JSON."""
        broadcast(self.room.values(), json.dumps(event))
