"""Step 1: an echo."""

from wsagent import WebSocketProtocol


class Echo(WebSocketProtocol):
    """Send every message back as it came."""

    def textMessageReceived(self, message):
        self.sendTextMessage(message)
