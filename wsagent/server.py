"""The server's side: L{WebSocketServerFactory}, and how it opens a connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import ClassVar, cast

from twisted.internet import protocol
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from .access import isAllowedOrigin
from .broadcasting import Broadcastable, spread
from .core import codes, handshake
from .core.codes import Role
from .core.errors import HandshakeError
from .core.extensions import Extension, negotiate
from .core.handshake import Request
from .core.heads import HeadReader, RequestLine, isToken, requestLine
from .draining import Drain
from .errors import RequestRejected
from .protocol import Accept, Choice, WebSocketProtocol
from .settings import Settings, withCompression
from .timing import Wheel, wheelOf
from .wire import Wire

ProtocolFactory = Callable[[], WebSocketProtocol]
"""Makes an agent; a subclass of L{WebSocketProtocol} is one."""

# A class's own would put the instance, for good, into every event that is kept.
_log = Logger()


class ServerOpening:
    """A server's opening handshake: read, decide, answer."""

    _wire: Wire

    def __init__(self, factory: WebSocketServerFactory) -> None:
        """@param factory: whose settings, classes and addresses are used."""
        self._factory = factory
        self._reader: HeadReader[RequestLine] | None = HeadReader(
            requestLine,
            factory.settings.headLimit,
        )
        self._rest = b""
        self._deciding: Deferred[None] | None = None
        self._isAnswered = False

    def connectionMade(self, wire: Wire) -> None:
        """Wait for the request."""
        self._wire = wire

    def dataReceived(self, data: bytes) -> None:
        """Read the head; keep what comes before it is answered."""
        if self._reader is None:
            # Legal, though no client of RFC 6455 sends before the answer.
            self._rest += data
            if len(self._rest) > self._factory.settings.headLimit:
                self._wire.transport.pauseProducing()
            return
        try:
            whole = self._reader.feed(data)
            if whole is None:
                return
            self._reader = None
            start, headers, self._rest = whole
            peer = self._wire.transport.getPeer()
            request = handshake.readRequest(start, headers, peer)
        except HandshakeError as error:
            self._refuse(error.status, error.fields, f"{error}\n".encode(), str(error))
        else:
            self._decide(request)

    def giveUp(self) -> None:
        """Refuse a request that waits; hang up on what is none yet."""
        if self._reader is None:
            self._refuse(503, (), b"", "not decided in time")
            self._cancel()
        else:
            _log.info("{peer} sent no request in time", peer=str(self._wire))
            self._wire.abort()

    def connectionLost(self, reason: Failure) -> None:
        """Tell who decides that nobody waits."""
        self._isAnswered = True
        self._cancel()

    def _cancel(self) -> None:
        """Take the question back."""
        if self._deciding is not None:
            self._deciding.cancel()

    def _decide(self, request: Request) -> None:
        """Have the settings, then the agent, decide."""
        settings = self._factory.settings
        if not isAllowedOrigin(
            request.origin,
            request.host,
            settings.origins,
            settings.requireOrigin,
        ):
            origin = f"origin {request.origin!r}, allowed by settings.origins: "
            allowed = settings.origins
            names = request.host if allowed is None else ", ".join(allowed)
            self._refuse(403, (), b"", origin + names)
            return
        try:
            agent = self._factory.buildAgent(request, self._wire)
            verdict = agent.requestReceived(request)
            if verdict is None or isinstance(verdict, Accept):
                self._accept(verdict, agent, request)
                return
        except Exception:  # noqa: BLE001 - whatever the application raises
            self._failed(Failure())
            return
        waiting = cast("Deferred[Accept | None]", maybeDeferred(lambda: verdict))
        self._deciding = waiting.addCallback(self._accept, agent, request)
        self._deciding.addErrback(self._failed)

    def _accept(
        self,
        verdict: Accept | None,
        agent: WebSocketProtocol,
        request: Request,
    ) -> None:
        """Answer 101, unless nobody waits any more."""
        if self._isAnswered:
            return
        if verdict is None:
            verdict = Accept()
        elif not isinstance(verdict, Accept):
            raise TypeError(f"requestReceived gave {verdict!r}, needed an Accept")
        if not isinstance(verdict.subprotocol, Choice):
            agent.subprotocol = verdict.subprotocol
        extension, codec = negotiate(
            request.headers.get("sec-websocket-extensions"),
            self._factory.extensions,
        )
        answer = handshake.renderAcceptance(
            request,
            agent.subprotocol,
            verdict.headers,
            extension,
        )
        self._isAnswered = True
        if len(self._rest) > self._factory.settings.headLimit:
            self._wire.transport.resumeProducing()
        address = self._factory.nextAddress()
        self._wire.open(
            agent,
            answer,
            self._rest,
            f"agent :{address:08x}",
            codec,
            isSequential=agent.conversation is not None,
        )

    def _failed(self, failure: Failure) -> None:
        """Answer what was raised, unless nobody waits any more."""
        if self._isAnswered and failure.check(CancelledError, RequestRejected):
            return
        error = failure.value
        if isinstance(error, RequestRejected):
            try:
                self._refuse(error.status, error.headers, error.body, "by the agent")
            except Exception:  # noqa: BLE001 - whatever the agent gave
                failure = Failure()
            else:
                return
        _log.failure("no answer for {peer}", failure, peer=str(self._wire))
        if not self._isAnswered:
            self._refuse(500, (), b"", "no answer")

    def _refuse(
        self,
        status: int,
        fields: Sequence[tuple[str, str]],
        body: bytes,
        why: str,
    ) -> None:
        """Answer with a status; nothing else follows."""
        names = {name.lower() for name, _ in fields}
        if body and "content-type" not in names:
            fields = (*fields, ("Content-Type", "text/plain; charset=utf-8"))
        answer = handshake.renderRefusal(status, fields, body)
        self._isAnswered = True
        _log.info(
            "{peer} refused, {status}: {why}",
            peer=str(self._wire),
            status=status,
            why=why,
        )
        self._wire.hangUp(answer)


class WebSocketServerFactory(protocol.ServerFactory):
    """
    Accepts WebSocket connections, and makes an agent for each.

    @ivar settings: what peers may do.
    @ivar subprotocols: names in order of preference.
    @ivar extensions: what may be agreed on, the client's order deciding.
    """

    noisy = False
    _addresses: ClassVar[count[int]] = count(1)

    def __init__(
        self,
        protocol: ProtocolFactory | None = None,
        subprotocols: Sequence[str] | Mapping[str, ProtocolFactory] = (),
        settings: Settings | None = None,
        reactor: IReactorTime | None = None,
        extensions: Sequence[Extension] = (),
    ) -> None:
        """
        @param protocol: makes the agents; without one, a request that offers
            none of C{subprotocols} is refused with 400.
        @param subprotocols: what is spoken, in order of preference; as a
            mapping, what makes the agents for each.
        @param settings: what peers may do.
        @param reactor: what tells the time; Twisted's reactor by default.
        @param extensions: what may be agreed on beside C{settings.compression}.
        @raise ValueError: a subprotocol is no HTTP token, or there is
            nothing to make agents.
        """
        if isinstance(subprotocols, str):
            raise TypeError(f"subprotocols: {subprotocols!r}, needed a list of names")
        self.subprotocols = tuple(subprotocols)
        for name in self.subprotocols:
            if not isToken(name):
                raise ValueError(f"subprotocol {name!r}, allowed: an HTTP token")
        self._makers = subprotocols if isinstance(subprotocols, Mapping) else {}
        if protocol is None and not self._makers:
            raise ValueError("no protocol, and no subprotocol with one")
        self._maker = protocol
        self.settings = settings or Settings()
        self.extensions = withCompression(extensions, self.settings)
        self._reactor = reactor
        self._wheel: Wheel | None = None
        # One for all wires.
        self._lost = self._wireLost
        # As a set, in a third of its memory.
        self._wires: dict[Wire, None] = {}
        self._drains: list[Drain] = []

    @classmethod
    def forProtocol(  # type: ignore[override]
        cls,
        protocol: ProtocolFactory,
        subprotocols: Sequence[str] | Mapping[str, ProtocolFactory] = (),
        settings: Settings | None = None,
        reactor: IReactorTime | None = None,
        extensions: Sequence[Extension] = (),
    ) -> WebSocketServerFactory:
        """Make a factory; the same as to call the class."""
        return cls(protocol, subprotocols, settings, reactor, extensions)

    @property
    def reactor(self) -> IReactorTime:
        """What tells the time; Twisted's reactor is found as late as possible."""
        if self._reactor is None:
            from twisted.internet import reactor

            self._reactor = IReactorTime(reactor)
        return self._reactor

    def buildProtocol(self, addr: IAddress | None) -> Wire:
        """Make what Twisted calls the protocol, for one connection."""
        wire = Wire(
            self.settings,
            self._wheel or self._makeWheel(),
            Role.SERVER,
            ServerOpening(self),
            self._lost,
        )
        self._wires[wire] = None
        return wire

    def buildAgent(self, request: Request, wire: Wire) -> WebSocketProtocol:
        """
        Make the agent for a request.

        @raise RequestRejected: 400, no subprotocol is common and needed.
        """
        offered = request.offeredSubprotocols
        subprotocol = next((s for s in self.subprotocols if s in offered), None)
        maker = self._makers.get(subprotocol or "", self._maker)
        if maker is None:
            allowed = ", ".join(self.subprotocols)
            raise RequestRejected(400, body=f"no common subprotocol: {allowed}\n")
        agent = maker()
        agent._wire = wire  # noqa: SLF001 - all of ours on the user's object
        agent.factory = self
        agent.request = request
        agent.subprotocol = subprotocol
        return agent

    def nextAddress(self) -> int:
        """Number the agents of this process."""
        return next(self._addresses)

    def broadcast(
        self,
        message: Broadcastable,
        compress: bool | None = None,
    ) -> Deferred[None]:
        """Send a message to all agents that are open: L{wsagent.broadcast}."""
        return spread(list(self._wires), message, compress)

    def drain(self, code: int = codes.GOING_AWAY) -> Deferred[None]:
        """
        Close all connections; abort those that are left at C{drainTimeout}.

        @param code: the close code.
        @return: fires when none is left.
        """
        if not self._wires:
            return succeed(None)
        wires = self._wires.keys()
        drain = Drain(self.reactor, wires, code, self.settings.drainTimeout)
        self._drains.append(drain)
        return drain.finished

    def _makeWheel(self) -> Wheel:
        """Have all timers of ours on one wheel."""
        self._wheel = wheelOf(self.reactor)
        return self._wheel

    def _wireLost(self, wire: Wire) -> None:
        """Forget a connection."""
        self._wires.pop(wire, None)
        for drain in self._drains:
            drain.wireLost()
        if not self._wires:
            self._drains.clear()
