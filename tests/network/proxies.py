"""Small proxies: one speaks C{CONNECT}, one SOCKS5."""

from __future__ import annotations

from twisted.internet import protocol
from twisted.internet.endpoints import TCP4ClientEndpoint


class Relay(protocol.Protocol):
    """Passes on to another transport."""

    def connectionLost(self, reason):
        """Have the other end too."""
        self.other.loseConnection()

    def dataReceived(self, data):
        """Pass on."""
        self.other.write(data)


class Proxy(Relay):
    """A small proxy; C{negotiated} is a coroutine that reads what it needs."""

    def __init__(self, kind):
        """Nothing came."""
        self._negotiation = kind()
        self._octets = b""
        self._needed = next(self._negotiation)
        self.other = None

    def connectionLost(self, reason):
        """Have the other end, if there is one."""
        if self.other is not None:
            super().connectionLost(reason)

    def dataReceived(self, data):
        """Read, or pass on."""
        if self._negotiation is None:
            super().dataReceived(data)
            return
        self._octets += data
        while self._negotiation is not None and self._isEnough():
            octets, self._octets = self._cut()
            step = self._negotiation.send(octets)
            if isinstance(step, tuple):
                self._negotiation = None
                answer, host, port = step
                self._dial(answer, host, port)
            else:
                answer, self._needed = step if isinstance(step, list) else (b"", step)
                self.transport.write(answer)

    def _isEnough(self):
        """Ask whether what is needed came: a number of octets, or an end."""
        if isinstance(self._needed, bytes):
            return self._needed in self._octets
        return len(self._octets) >= self._needed

    def _cut(self):
        """Take off what is needed."""
        size = self._needed
        if isinstance(size, bytes):
            size = self._octets.index(size) + len(size)
        return self._octets[:size], self._octets[size:]

    def _dial(self, answer, host, port):
        """Connect to the server; any name is this machine's."""
        from twisted.internet import reactor

        relay = Relay()
        relay.other = self.transport
        self.factory.asked.append((host, port))

        def connected(_):
            self.other = relay.transport
            self.transport.write(answer)

        server = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        server.connect(protocol.Factory.forProtocol(lambda: relay)).addCallback(
            connected
        )


def connectProxy():
    """Speak C{CONNECT}, for ann with her password only."""
    head = yield b"\r\n\r\n"
    if b"Proxy-Authorization: Basic YW5uOmI=\r\n" not in head:
        yield [b"HTTP/1.1 407 Who?\r\nContent-Length: 0\r\n\r\n", b"never"]
    host, port = head.split()[1].rsplit(b":", 1)
    yield b"HTTP/1.0 200 Connection established\r\n\r\n", host, int(port)


def socksProxy():
    """Speak SOCKS5, for ann with her password only."""
    _, count = yield 2
    methods = yield count
    assert 2 in methods
    _, size = yield [b"\5\2", 2]
    user = yield size
    (size,) = yield 1
    password = yield size
    if (user, password) != (b"ann", b"b"):
        yield [b"\1\1", b"never"]
    *_, size = yield [b"\1\0", 5]
    host = yield size
    port = yield 2
    yield b"\5\0\0\1" + bytes(6), host, int.from_bytes(port, "big")
