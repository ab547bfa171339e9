"""A client's opening handshake, over one transport."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import TimeoutError as TwistedTimeoutError
from twisted.python.failure import Failure

from .core import handshake, heads
from .core.errors import HandshakeError
from .core.extensions import Extension
from .core.handshake import Request, Response
from .core.heads import HeadReader, requestLine
from .core.responses import Acceptance, Refusal, ResponseReader
from .errors import ClosedUncleanly, ConnectionRejected
from .protocol import WebSocketProtocol
from .urls import Location
from .wire import Wire

Field = tuple[str, "str | bytes"]
AgentT = TypeVar("AgentT", bound=WebSocketProtocol)


class Asked(NamedTuple):
    """A request for a WebSocket, as octets and as what they say."""

    octets: bytes
    request: Request
    extensions: Sequence[Extension]


def ask(
    location: Location,
    subprotocols: Sequence[str],
    extensions: Sequence[Extension],
    fields: Iterable[Field],
) -> Asked:
    """
    Write a request for a WebSocket.

    @param fields: more fields; an C{Authorization} among them is sent in place
        of the location's credentials.
    @raise ValueError: an argument cannot be sent, or no server of RFC 6455
        would accept it.
    """
    pairs = list(fields)
    names = {name.lower() for name, _ in pairs}
    if location.credentials is not None and "authorization" not in names:
        pairs.append(("Authorization", heads.basicCredentials(*location.credentials)))
    octets = handshake.renderRequest(
        location.authority,
        location.target,
        handshake.newKey(),
        subprotocols,
        pairs,
        extensions,
    )
    try:
        whole = HeadReader(requestLine, len(octets)).feed(octets)
        assert whole is not None
        request = handshake.readRequest(whole[0], whole[1])
    except HandshakeError as error:
        raise ValueError(f"request: {error}") from None
    return Asked(octets, request, extensions)


class ClientOpening(Generic[AgentT]):
    """
    A client's opening handshake: ask, read the answer, open or be gone.

    @ivar finished: fires with the agent, before it receives anything; or fails
        when the transport is lost, or about to be.
    """

    _wire: Wire

    def __init__(
        self,
        asked: Asked,
        headLimit: int,
        makeAgent: Callable[[Wire, Request, Response], AgentT],
    ) -> None:
        """@param makeAgent: called once the request is accepted."""
        self._asked = asked
        self._reader = ResponseReader(
            asked.request.key,
            asked.request.offeredSubprotocols,
            headLimit,
            asked.extensions,
        )
        self._makeAgent = makeAgent
        self._failure: Failure | None = None
        self._unfinished: Deferred[AgentT] | None = Deferred(self._cancelled)
        self.finished = self._unfinished

    def connectionMade(self, wire: Wire) -> None:
        """Ask."""
        self._wire = wire
        wire.transport.write(self._asked.octets)

    def dataReceived(self, data: bytes) -> None:
        """Read the answer."""
        if self._failure is not None:
            return
        try:
            answer = self._reader.feed(data)
            if isinstance(answer, Acceptance):
                agent = self._makeAgent(
                    self._wire,
                    self._asked.request,
                    answer.response,
                )
        except Exception:  # noqa: BLE001 - the server's mistake, or the application's
            self._abort(Failure())
            return
        if isinstance(answer, Acceptance):
            self._open(agent, answer)
        elif isinstance(answer, Refusal):
            self._failure = Failure(ConnectionRejected(*answer))
            self._wire.transport.loseConnection()

    def readConnectionLost(self) -> None:
        """Be gone: there will be no answer."""
        self._wire.transport.loseConnection()

    def giveUp(self) -> None:
        """Wait no longer."""
        self._abort(Failure(TwistedTimeoutError(string="no answer in time")))

    def connectionLost(self, reason: Failure) -> None:
        """Tell why, unless that is told."""
        refusal = self._reader.refusal
        if refusal is not None:
            # However it ended, this was the server's word.
            self._failure = Failure(ConnectionRejected(*refusal))
        elif self._failure is None:
            error = ClosedUncleanly(reason=f"no answer: {reason.getErrorMessage()}")
            error.__cause__ = reason.value
            self._failure = Failure(error)
        self._finish(self._failure)

    def _open(self, agent: AgentT, answer: Acceptance) -> None:
        """Begin to be a WebSocket."""
        self._wire.open(
            agent,
            b"",
            b"",
            f"client of {self._asked.request.host}",
            answer.response.codec,
            # The bare class has no hooks: who asked for it is going to receive.
            agent.conversation is not None or type(agent) is WebSocketProtocol,
        )
        self._finish(agent)
        if answer.rest:
            self._wire.dataReceived(answer.rest)

    def _abort(self, failure: Failure) -> None:
        """Be gone, and tell why."""
        self._failure = failure
        self._wire.abort()

    def _cancelled(self, _: Deferred[AgentT]) -> None:
        """Be gone: nobody waits any more."""
        self._unfinished = None
        self._wire.abort()

    def _finish(self, result: AgentT | Failure) -> None:
        """Tell what came of it, once."""
        unfinished, self._unfinished = self._unfinished, None
        if unfinished is not None:
            unfinished.callback(result)
