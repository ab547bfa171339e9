"""
A server's whole answer to a request for a WebSocket.

That is the 101, or a refusal with its body; C{100} and C{103} may come before.

@see: RFC 6455 section 4.1, RFC 9112 section 6.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from . import handshake
from .extensions import Extension
from .handshake import Response
from .heads import Headers, HeadReader, StatusLine, statusLine

BODY_LIMIT: Final = 65_536
"""Octets of a refusal's body that are kept; what follows is not read."""

_CODED_LIMIT = 2 * BODY_LIMIT
_SIZE_LINE_LIMIT = 256
_sizeLine = re.compile(rb"(?:\r\n)?([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")
_length = re.compile(rb"[0-9]{1,18}")


class Acceptance(NamedTuple):
    """The server said 101."""

    response: Response
    rest: bytes
    """Octets that came after the head."""


class Refusal(NamedTuple):
    """The server said something else."""

    status: int
    headers: Headers
    body: bytes


class BodyReader:
    """
    A response's body that is still coming.

    No other response is read from the connection, so that it may end where it
    is broken.
    """

    def __init__(self, start: StatusLine, headers: Headers) -> None:
        """@param start: a response without a body says so by its status."""
        self._body = bytearray()
        self._coded: bytearray | None = None
        self._codedAmount = 0
        self._chunkLeft = 0
        self._needed = BODY_LIMIT
        lengths = headers.all("content-length")
        if start.status in (204, 304):
            self._needed = 0
        elif "transfer-encoding" in headers:
            if headers.tokens("transfer-encoding") == [b"chunked"]:
                self._coded = bytearray()
        elif len(lengths) == 1 and _length.fullmatch(lengths[0]):
            self._needed = min(int(lengths[0]), BODY_LIMIT)

    @property
    def body(self) -> bytes:
        """What came of it."""
        return bytes(self._body)

    def feed(self, data: bytes) -> bool:
        """
        Take what came.

        @return: whether nothing more is needed.
        """
        isLast = False
        if self._coded is not None:
            # As much of it as if it came octet by octet.
            data = data[: _CODED_LIMIT - self._codedAmount]
            self._coded += data
            self._codedAmount += len(data)
            data, isLast = self._decoded(self._coded)
            isLast = isLast or self._codedAmount >= _CODED_LIMIT
        self._body += data[: self._needed - len(self._body)]
        return isLast or len(self._body) == self._needed

    def _decoded(self, coded: bytearray) -> tuple[bytes, bool]:
        """Take chunks off, the last one perhaps in part; was it the last of all."""
        data = bytearray()
        while True:
            piece = coded[: self._chunkLeft]
            data += piece
            del coded[: len(piece)]
            self._chunkLeft -= len(piece)
            if self._chunkLeft:
                return bytes(data), False
            line = _sizeLine.match(coded, 0, _SIZE_LINE_LIMIT + 1)
            if line is None:
                return bytes(data), len(coded) > _SIZE_LINE_LIMIT
            self._chunkLeft = int(line[1], 16)
            del coded[: line.end()]
            if not self._chunkLeft:
                return bytes(data), True


class ResponseReader:
    """The answer to one request, still coming."""

    def __init__(
        self,
        key: bytes,
        offeredSubprotocols: Sequence[str],
        headLimit: int,
        offeredExtensions: Sequence[Extension] = (),
    ) -> None:
        """
        @param key: the one of the request.
        @param headLimit: octets of all heads, those of C{100} and C{103} too.
        """
        self._key = key
        self._offeredSubprotocols = offeredSubprotocols
        self._offeredExtensions = offeredExtensions
        self._left = headLimit
        self._head = HeadReader(statusLine, headLimit)
        self._refusal: Refusal | None = None
        self._body: BodyReader | None = None

    def feed(self, data: bytes) -> Acceptance | Refusal | None:
        """
        Take what came.

        @return: C{None} until it is known.
        @raise HandshakeError: it is no answer to the request.
        """
        while self._body is None:
            self._left -= len(data)
            whole = self._head.feed(data)
            if whole is None:
                return None
            start, headers, data = whole
            self._left += len(data)
            if start.status == 101:
                return self._accepted(start, headers, data)
            if start.status < 200:
                # RFC 9110 15.2: what is said before the answer is skipped.
                self._head = HeadReader(statusLine, self._left)
            else:
                self._refusal = Refusal(start.status, headers, b"")
                self._body = BodyReader(start, headers)
        return self.refusal if self._body.feed(data) else None

    @property
    def refusal(self) -> Refusal | None:
        """The refusal, with what came of its body, once its head is read."""
        if self._refusal is None or self._body is None:
            return None
        return self._refusal._replace(body=self._body.body)

    def _accepted(
        self,
        start: StatusLine,
        headers: Headers,
        rest: bytes,
    ) -> Acceptance:
        """Check the 101."""
        response = handshake.readResponse(
            start,
            headers,
            self._key,
            self._offeredSubprotocols,
            self._offeredExtensions,
        )
        return Acceptance(response, rest)
