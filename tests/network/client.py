"""A blocking client on the core, without Twisted: for a script in a thread."""

from __future__ import annotations

import socket
import ssl
import struct
from typing import TYPE_CHECKING

from tests.ends import FIN, End
from wsagent.core import handshake
from wsagent.core.codes import Role
from wsagent.core.heads import statusLine
from wsagent.testing import KEY

if TYPE_CHECKING:
    from typing_extensions import Self

PATIENCE = 15
"""Seconds after which a test has failed: no speed is asserted."""


def dial(port: int, host: str = "127.0.0.1") -> socket.socket:
    """Connect to a port of this machine."""
    return socket.create_connection((host, port), PATIENCE)


def dialUnix(path: str) -> socket.socket:
    """Connect to a socket in the file system."""
    plain = socket.socket(socket.AF_UNIX)
    plain.settimeout(PATIENCE)
    plain.connect(path)
    return plain


def dialTLS(port: int) -> ssl.SSLSocket:
    """Connect with TLS, whoever it is."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(
        dial(port),
        server_hostname="localhost",
        suppress_ragged_eofs=False,
    )


def request(subprotocols=(), headers=(), target="/", host="localhost") -> bytes:
    """Write a request."""
    return handshake.renderRequest(host, target, KEY, subprotocols, headers)


def reset(plain: socket.socket) -> None:
    """Be gone with RST."""
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    plain.close()


def readAll(plain: socket.socket) -> bytes:
    """Read until FIN."""
    octets = bytearray()
    while data := plain.recv(65_536):
        octets += data
    return bytes(octets)


class Client(End):
    """
    A client's end of a connection, or of an attempt at one.

    @ivar status: the response's.
    @ivar subprotocol: what the server chose.
    """

    def __init__(
        self, plain: socket.socket, subprotocols=(), headers=(), **asked: str
    ) -> None:
        """
        Send a request, and read the response's head.

        @param asked: its target and its host.
        """
        super().__init__(plain)
        plain.sendall(request(subprotocols, headers, **asked))
        start, self.headers, rest = self.readHead(statusLine)
        self.status = start.status
        self.subprotocol = None
        if self.status == 101:
            response = handshake.readResponse(start, self.headers, KEY, subprotocols)
            self.subprotocol = response.subprotocol
            self.begin(Role.CLIENT)
            self.connection.feed(rest)

    def __enter__(self) -> Self:
        """Be used in C{with}."""
        return self

    def __exit__(self, *_) -> None:
        """Leave no socket behind."""
        self.socket.close()

    def sendText(self, text: str) -> None:
        """Send a text message."""
        self.connection.sendText(text)

    def sendBytes(self, data: bytes) -> None:
        """Send a bytes message."""
        self.connection.sendBytes(data)

    def close(self, code: int = 1000) -> None:
        """Begin the closing handshake."""
        self.connection.close(code)

    def receiveText(self) -> str:
        """Wait for a text message."""
        name, text = self.receive()
        assert name == "textReceived"
        return text

    def receiveBytes(self) -> bytes:
        """Wait for a bytes message."""
        name, data = self.receive()
        assert name == "bytesReceived"
        return data

    def receiveClose(self) -> int:
        """Wait for a Close frame, which is answered, and then the end."""
        name, code, _ = self.receive()
        assert name == "closeReceived"
        assert self.receive() == FIN
        return code

    def echoes(self) -> bool:
        """Ask whether the server echoes."""
        self.sendText("is anybody there?")
        return self.receiveText() == "is anybody there?"
