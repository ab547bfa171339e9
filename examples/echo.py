"""An echo, in ten lines.  Here: C{twistd -n wsagent --app echo:Echo}."""

from wsagent import WebSocketProtocol


class Echo(WebSocketProtocol):
    """Send every message back as it came."""

    def textMessageReceived(self, message):
        self.sendTextMessage(message)

    def bytesMessageReceived(self, data):
        self.sendBytesMessage(data)
