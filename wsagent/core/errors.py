"""
What a peer can do wrong.

Each error knows the answer that the peer gets: a close code once the
connection is open, an HTTP status and its fields before.
"""

from __future__ import annotations

from typing import ClassVar

from . import codes


class ProtocolError(Exception):
    """The peer broke RFC 6455; the connection fails with C{code}."""

    code: ClassVar[int] = codes.PROTOCOL_ERROR


class InvalidPayload(ProtocolError):
    """The payload is not what its opcode promises, as text that is no UTF-8."""

    code = codes.INVALID_PAYLOAD


class MessageTooBig(ProtocolError):
    """The message has more octets, or more fragments, than are accepted."""

    code = codes.MESSAGE_TOO_BIG


class HandshakeError(Exception):
    """The peer's opening handshake is refused with C{status} and C{fields}."""

    status: ClassVar[int] = 400
    fields: ClassVar[tuple[tuple[str, str], ...]] = ()


class MethodNotAllowed(HandshakeError):
    """The request's method is not GET."""

    status = 405
    fields = (("Allow", "GET"),)


class TargetTooLong(HandshakeError):
    """The request line alone is longer than a whole head may be."""

    status = 414


class UpgradeRequired(HandshakeError):
    """The request asks for no WebSocket, or for another version of it."""

    status = 426
    fields = (("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"))


class HeadTooBig(HandshakeError):
    """The head has more octets, or more fields, than are accepted."""

    status = 431


class VersionNotSupported(HandshakeError):
    """The head is not HTTP/1.1."""

    status = 505


class ProxyRefused(Exception):
    """
    A proxy made no way to the server.

    @ivar status: an HTTP proxy's status; C{None} of other proxies, and of an
        answer that could not be read.
    """

    def __init__(self, why: str, status: int | None = None) -> None:
        """@param why: what the proxy said, or what is wrong with that."""
        super().__init__(why)
        self.status = status
