"""
A ticker: everyone gets the same number each second, however many they are.

Here: C{python ticker.py}, then connect to C{ws://localhost:8001/}.
"""

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import LoopingCall, react

from wsagent import (
    Compression,
    Settings,
    WebSocketProtocol,
    WebSocketServerFactory,
    WebSocketService,
)


class Listener(WebSocketProtocol):
    """One who has nothing to say."""

    def textMessageReceived(self, message):
        self.loseConnection(1008, "nobody listens")


class Ticker(WebSocketServerFactory):
    """Counts, and tells all its listeners."""

    def __init__(self, reactor=None):
        # Without context takeover, what is compressed is so once for all.
        compression = Compression(hasContextTakeover=False)
        settings = Settings(compression=compression, origins=("*",))
        super().__init__(Listener, settings=settings, reactor=reactor)
        self.number = 0
        self.ticking = LoopingCall(self.tick)
        self.ticking.clock = self.reactor

    def doStart(self):
        """Begin, when there is a port."""
        super().doStart()
        self.ticking.start(1)

    def doStop(self):
        self.ticking.stop()
        super().doStop()

    def tick(self):
        """Tell the next number; the one after it waits until all are told."""
        self.number += 1
        return self.broadcast(str(self.number))


def main(reactor, port="tcp:8001"):
    """Serve until interrupted."""
    service = WebSocketService(Ticker(), [serverFromString(reactor, port)])
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    return Deferred()


if __name__ == "__main__":
    react(main)
