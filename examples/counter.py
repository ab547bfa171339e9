"""
A counter: each client gets a number a second, from the one that it asks for.

Here: C{twistd -n wsagent --app counter:Counter}, then open C{/?from=10}.
"""

from urllib.parse import parse_qs

from twisted.internet.task import LoopingCall

from wsagent import RequestRejected, WebSocketProtocol


class Counter(WebSocketProtocol):
    """Count for one client, until it leaves."""

    def requestReceived(self, request):
        """Refuse, before the connection opens, to count from what is no number."""
        start = parse_qs(request.query).get("from", ["0"])[0]
        if not (start.isascii() and start.isdigit()):
            raise RequestRejected(400, body="from: needed a whole number\n")
        self.number = int(start)

    def negotiationFinished(self):
        """Begin to count, on the clock that the tests can advance."""
        self.counting = LoopingCall(self.count)
        self.counting.clock = self.factory.reactor
        self.counting.start(1)

    def count(self):
        """Send the next number."""
        self.sendTextMessage(str(self.number))
        self.number += 1

    def connectionLost(self, reason):
        """Stop."""
        self.counting.stop()
