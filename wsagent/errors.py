"""
What an application meets.

The reasons that C{connectionLost} carries are Twisted's own, so that
C{reason.check(ConnectionDone)} means what it always did.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from twisted.internet.error import ConnectionDone, ConnectionLost

from .core import codes
from .core.heads import Headers

Initiator = Literal["us", "peer"]
"""Which side began to close."""


class _Closed(Exception):
    """What is known of a connection's end."""

    code: int
    reason: str
    initiator: Initiator

    def __init__(self, code: int, reason: str, initiator: Initiator) -> None:
        """
        @param code: the close code; 1005 if the Close frame named none, 1006
            if there was no Close frame.
        @param reason: the text beside the code, or what went wrong.
        """
        super().__init__(code, reason, initiator)
        self.code = code
        self.reason = reason
        self.initiator = initiator

    def __str__(self) -> str:
        """Say code, reason and who began."""
        reason = f" {self.reason!r}" if self.reason else ""
        return f"{self.code}{reason} by {self.initiator}"


class ClosedCleanly(_Closed, ConnectionDone):
    """Both Close frames have passed."""


class ClosedUncleanly(_Closed, ConnectionLost):
    """
    The connection ended without a whole closing handshake.

    C{__cause__} is the L{ProtocolError<wsagent.core.errors.ProtocolError>} if
    the peer broke the protocol, or the transport's own reason.
    """

    def __init__(
        self,
        code: int = codes.ABNORMAL,
        reason: str = "",
        initiator: Initiator = "peer",
    ) -> None:
        """Without arguments: the peer was gone."""
        super().__init__(code, reason, initiator)


class RequestRejected(Exception):
    """
    Raise me in C{requestReceived} to refuse a request.

    @ivar status: an HTTP status, 200 to 599.
    @ivar headers: more fields of the response.
    @ivar body: its body, as C{text/plain} unless the headers say otherwise.
    """

    why = "by the agent"
    """What the log says of it."""

    def __init__(
        self,
        status: int = 403,
        headers: Iterable[tuple[str, str]] = (),
        body: str | bytes = b"",
    ) -> None:
        """Without arguments: 403 Forbidden."""
        super().__init__(status)
        self.status = status
        self.headers = tuple(headers)
        self.body = body.encode() if isinstance(body, str) else body


class Refusal(RequestRejected):
    """
    A request that a rule of the server refuses, before any agent is asked.

    @ivar why: for the log alone: the rule, the field, and what would change it.
    """

    def __init__(
        self,
        status: int,
        headers: Iterable[tuple[str, str]] = (),
        body: str | bytes = b"",
        *,
        why: str,
    ) -> None:
        """Say the one to the client, and the other to the log."""
        super().__init__(status, headers, body)
        self.why = why


class ConnectionRejected(Exception):
    """
    The server answered the request for a WebSocket with something else.

    @ivar status: its HTTP status.
    @ivar headers: its fields.
    @ivar body: what came of its body, at most 64 KiB.
    """

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        """Keep what the server said."""
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.body = body

    def __str__(self) -> str:
        """Say the status."""
        return f"status {self.status}, needed 101"


class RedirectRefused(ConnectionRejected):
    """The server named another place, where this client does not go."""

    def __init__(self, rejected: ConnectionRejected, why: str) -> None:
        """
        @param rejected: the redirect.
        @param why: what is wrong with it.
        """
        super().__init__(rejected.status, rejected.headers, rejected.body)
        self._why = why

    def __str__(self) -> str:
        """Say the status, and why that was all."""
        return f"status {self.status}, not followed: {self._why}"
