from wsagent import WebSocketProtocol

class Mine(WebSocketProtocol):
    pass
