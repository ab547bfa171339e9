"""Step 3: rooms."""

from wsagent import WebSocketProtocol, broadcast

rooms = {}


class Member(WebSocketProtocol):
    """One who is in a room: the path says in which."""

    def negotiationFinished(self):
        """Enter."""
        self.room = rooms.setdefault(self.request.path, set())
        self.room.add(self)

    def textMessageReceived(self, message):
        """Tell everyone in the room, the one who says it too."""
        broadcast(self.room, message)

    def connectionLost(self, reason):
        """Leave; the last one turns off the light."""
        self.room.discard(self)
        if not self.room:
            rooms.pop(self.request.path, None)
