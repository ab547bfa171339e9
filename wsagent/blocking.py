"""
A client for scripts and threads, without a reactor.

Example::

    with wsagent.blocking.connect("wss://example.com/", timeout=10) as peer:
        peer.send("hello")
        print(peer.receive(timeout=5))
        for message in peer:
            print(message)

No thread runs behind it: octets are read, and pings answered, only while a
call of L{BlockingConnection} is waiting.  Who does other things for long should
call C{receive(timeout=0)} now and then.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from os import urandom
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING

from .core import codes
from .core.errors import HandshakeError
from .core.handshake import Response
from .core.heads import Pairs
from .core.responses import Acceptance, Refusal, ResponseReader
from .errors import ClosedCleanly, ClosedUncleanly, ConnectionRejected
from .lines import Line, Socket, dial, left
from .opening import ask
from .settings import Settings, withCompression
from .traffic import Message, Traffic
from .urls import parseURL

if TYPE_CHECKING:
    from typing_extensions import Self


def connect(
    url: str,
    *,
    timeout: float | None = None,
    subprotocols: Sequence[str] = (),
    headers: Mapping[str, str | bytes] | Pairs = (),
    origin: str | None = None,
    settings: Settings | None = None,
    tls: ssl.SSLContext | None = None,
    socket: Socket | None = None,
) -> BlockingConnection:
    """
    Connect, and open.

    Redirects are not followed: see C{Location} in the error's headers.

    @param url: C{ws://} or C{wss://}; a user and password in it are sent as
        Basic credentials.
    @param timeout: seconds until it has to be open, by default the
        settings' C{openTimeout}; the system's search for the host's addresses
        alone may take longer.
    @param subprotocols: what is offered, in order of preference.
    @param headers: more fields of the request.
    @param origin: the page that asks, if that is to be said.
    @param settings: what the server may do: C{messageLimit}, C{fragmentLimit},
        C{headLimit}, C{inboxLimit}, C{sendTimeout}, C{closeTimeout} and
        C{compression} count.
    @param tls: whom to trust, for C{wss}; the system's authorities by default.
    @param socket: a connected one, in place of the URL's host and port, as a
        unix socket; closed in the end, whatever that is.
    @raise ConnectionRejected: the server answered something else.
    @raise HandshakeError: it answered wrongly, or hung up.
    @raise TimeoutError: it was not open in time.
    @raise OSError: there is no connection, or no trust.
    @raise ValueError: an argument is not allowed, or cannot be sent.
    """
    settings = settings or Settings()
    deadline = monotonic() + (settings.openTimeout if timeout is None else timeout)
    if isinstance(subprotocols, str):
        raise TypeError(f"subprotocols: {subprotocols!r}, needed a list of names")
    fields = list(headers.items() if isinstance(headers, Mapping) else headers)
    if origin is not None:
        fields.append(("Origin", origin))
    location = parseURL(url)
    asked = ask(location, subprotocols, withCompression((), settings), fields)
    reader = ResponseReader(
        asked.request.key,
        asked.request.offeredSubprotocols,
        settings.headLimit,
        asked.extensions,
    )
    line = dial(location, socket, tls, deadline)
    try:
        answer = _exchange(line, asked.octets, reader, deadline)
    except BaseException:
        line.close()
        raise
    return BlockingConnection(line, answer.response, settings, answer.rest)


def _exchange(
    line: Line,
    octets: bytes,
    reader: ResponseReader,
    deadline: float,
) -> Acceptance:
    """Send the request, and read the answer."""
    try:
        while octets:
            octets = octets[line.write(octets) :]
            if octets:
                line.wait(False, True, left(deadline))
        answer = None
        while answer is None:
            remaining = left(deadline)
            data = line.read()
            if data is None:
                line.wait(True, False, remaining)
            elif data:
                answer = reader.feed(data)
            else:
                answer = reader.refusal
                if answer is None:
                    raise HandshakeError("no answer: the server hung up")
    except OSError:
        # However it ended, this was the server's word.
        answer = reader.refusal
        if answer is None:
            raise
    if isinstance(answer, Refusal):
        raise ConnectionRejected(*answer)
    return answer


class BlockingConnection:
    """
    An open connection: made by L{connect}, closed at the end of C{with}.

    One thread may send while another receives.

    @ivar response: the server's acceptance, with its C{headers}.
    """

    def __init__(
        self,
        line: Line,
        response: Response,
        settings: Settings,
        rest: bytes,
    ) -> None:
        """@param rest: octets that came after the server's head."""
        self.response = response
        self._traffic = Traffic(line, response, settings, rest)

    @property
    def subprotocol(self) -> str | None:
        """The server's choice from those offered."""
        return self.response.subprotocol

    @property
    def closed(self) -> ClosedCleanly | ClosedUncleanly | None:
        """How it ended: C{code}, C{reason}, C{initiator}; C{None} before that."""
        with self._traffic.changed:
            return self._traffic.end() if self._traffic.isOver else None

    def send(
        self, message: Message | bytearray | memoryview, timeout: float | None = None
    ) -> None:
        """
        Send a message, and wait until the system has taken it.

        Meanwhile messages are read, up to the settings' C{inboxLimit}.

        @raise TimeoutError: it was not taken in time.  What is sent in part
            cannot be taken back: the connection has ended, uncleanly.
        @raise ClosedCleanly: it cannot be sent any more.
        @raise ClosedUncleanly: likewise, or the server took nothing for
            C{sendTimeout}.
        @raise TypeError: C{message} is neither C{str} nor octets.
        """
        traffic = self._traffic
        with traffic.changed:
            target = traffic.send(message)
            try:
                traffic.until(lambda: traffic.sent >= target, _deadline(timeout))
            except TimeoutError:
                traffic.abort("not sent in time")
                raise
            if traffic.sent < target:
                raise traffic.end()

    def receive(self, timeout: float | None = None) -> Message:
        """
        Wait for a message.

        @param timeout: seconds; 0 takes what is there.
        @raise TimeoutError: there is none yet.  Nothing is lost by that.
        @raise ClosedCleanly: there are no more, both sides have said goodbye.
        @raise ClosedUncleanly: there are no more.
        """
        traffic = self._traffic
        with traffic.changed:
            traffic.until(lambda: bool(traffic.inbox), _deadline(timeout))
            if traffic.inbox:
                return traffic.take()
            raise traffic.end()

    def __iter__(self) -> Iterator[Message]:
        """
        Iterate over the messages, until the connection ends cleanly.

        @raise ClosedUncleanly: it ended otherwise.
        """
        while True:
            try:
                message = self.receive()
            except ClosedCleanly:
                return
            yield message

    def ping(self, payload: bytes | None = None, timeout: float | None = None) -> float:
        """
        Send a ping, and wait for its pong.

        The pong is not found while C{inboxLimit} messages wait before it.

        @param payload: at most 125 octets; some of its own by default.
        @return: seconds that it took.
        @raise TimeoutError: no pong came yet; that changes nothing.
        @raise ClosedCleanly: none can come any more.
        @raise ClosedUncleanly: likewise.
        """
        traffic = self._traffic
        begun = monotonic()
        with traffic.changed:
            ping = traffic.ping(urandom(4) if payload is None else payload)
            try:
                traffic.until(lambda: ping.hasPong, _deadline(timeout))
            finally:
                traffic.forget(ping)
            if not ping.hasPong:
                raise traffic.end()
        return monotonic() - begun

    def close(self, code: int = codes.NORMAL, reason: str = "") -> None:
        """
        Say goodbye, and wait for the server's for C{closeTimeout} at most.

        Afterwards L{closed} tells how that went.  Messages that came before
        can still be received.

        @param code: one that may be sent.
        @param reason: at most 123 octets of UTF-8.
        @raise ValueError: C{code} may not be sent, or C{reason} is longer.
        """
        with self._traffic.changed:
            self._traffic.close(code, reason)
            self._traffic.until(lambda: False, inf)

    def __enter__(self) -> Self:
        """Be closed at the end of C{with}."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close: 1000, 1011 after an error, 1001 if the program is stopped."""
        code = codes.NORMAL
        if error is not None:
            isError = isinstance(error, Exception)
            code = codes.INTERNAL_ERROR if isError else codes.GOING_AWAY
        try:
            self.close(code)
        finally:
            with self._traffic.changed:
                self._traffic.abort("aborted")


def _deadline(timeout: float | None) -> float:
    """Find when a timeout, which begins now, ends."""
    return inf if timeout is None else monotonic() + timeout
