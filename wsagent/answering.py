"""How a server answers a request: L{ServerOpening}."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from .access import demandHost, demandOrigin
from .addresses import describeAddress, describePeer
from .core import handshake
from .core.errors import HandshakeError
from .core.extensions import negotiate
from .core.handshake import PLAIN, Arrival, Request
from .core.heads import HeadReader, RequestLine, requestLine
from .errors import Refusal, RequestRejected
from .forwarding import arrivalOf, isWrapped
from .guard import Login
from .limits import LimitReached
from .protocol import Accept, Choice, WebSocketProtocol
from .routing import Found
from .statistics import NO_ANSWER
from .wire import Wire

if TYPE_CHECKING:
    from .server import WebSocketServerFactory

# A class's own would put the instance, for good, into every event that is kept.
_log = Logger()


class ServerOpening:
    """A server's opening handshake: read, decide, answer."""

    _wire: Wire

    def __init__(
        self,
        factory: WebSocketServerFactory,
        isDirect: bool = True,
        avatar: Any = None,
    ) -> None:
        """
        @param factory: whose settings, classes and addresses are used.
        @param isDirect: nobody will yet say that the client is another.
        @param avatar: who it is, if somebody else than the guard knows.
        """
        self._factory = factory
        self._isDirect = isDirect
        self._avatar = avatar
        self._reader = self._newReader()
        # All that came, for the site; until it is known whose it is.
        self._came: bytearray | None = None if factory.site is None else bytearray()
        # What kept us from reading what the site then had.
        self._wrong: HandshakeError | None = None
        self._rest = b""
        self._deciding: Deferred[None] | None = None
        self._isAnswered = False
        self._arrival = PLAIN
        self._isPeerCounted = True
        self._path: str | None = None

    def connectionMade(self, wire: Wire) -> None:
        """Wait for the request, or refuse it beforehand."""
        self._wire = wire
        self._peer: object = wire.transport.getPeer()
        admission = self._factory.admission
        try:
            admission.enter(wire)
            if admission.isByAddress:
                self._isPeerCounted = self._isPeerKnown()
                if self._isPeerCounted:
                    admission.enterFrom(wire, self._peer)
        except LimitReached as refusal:
            self._refuse(refusal)

    def forwards(self, peer: object, isSecure: bool) -> None:
        """
        Know for whom this connection is, before the request.

        @param isSecure: the client's is TLS.
        """
        self._arrival = Arrival(isSecure, proxy=self._peer)
        self._peer = peer

    def dataReceived(self, data: bytes) -> None:
        """Read the head; keep what comes before it is answered."""
        if self._reader is None:
            # Legal, though no client of RFC 6455 sends before the answer.
            self._rest += data
            if len(self._rest) > self._factory.settings.headLimit:
                self._wire.transport.pauseProducing()
            return
        if self._came is not None:
            self._came += data
        try:
            whole = self._reader.feed(data)
            if whole is None:
                return
            start, headers, self._rest = whole
            if self._came is not None and not handshake.isUpgrade(headers):
                self._pass()
                return
            self._reader = None
            if isWrapped(self._wire.transport):
                # Now it knows.
                self._peer = self._wire.transport.getPeer()
            arrival = arrivalOf(self._wire.transport, self._arrival)
            request = handshake.readRequest(start, headers, self._peer, arrival)
        except HandshakeError as error:
            if self._came is not None and self._reader is not None:
                # No head, as we read them: the site may know better.
                self._wrong = error
                self._pass()
                return
            self._refuseWrong(error)
        else:
            self._decide(request)

    def resume(
        self,
        octets: bytes,
        wrong: HandshakeError | None,
        isFirst: bool,
        isLeaving: bool,
    ) -> None:
        """
        Read a request that came while the site had the connection.

        @param octets: it as the site has read it, and what follows.
        @param wrong: it cannot be a head.
        @param isFirst: it is the one that we gave to the site.
        @param isLeaving: the connection was to end behind it.
        """
        self._reader = self._newReader()
        self._wire.handOver(self, self._factory.settings.handshakeTimeout)
        if isFirst:
            # The site repairs more than we do: for it that was a request.
            wrong = self._wrong or wrong
        if isLeaving:
            self._refuse(Refusal(503, why="the server is leaving"))
        elif wrong is not None:
            self._refuseWrong(wrong)
        else:
            self._wire.dataReceived(octets)

    def readConnectionLost(self) -> None:
        """Be gone: there will be no request, or nobody to answer."""
        self._wire.transport.loseConnection()

    def giveUp(self) -> None:
        """Refuse a request that waits; hang up on what is none yet."""
        if self._reader is None:
            self._refuse(Refusal(503, why="not decided in time"))
            self._cancel()
        else:
            _log.info("{peer} sent no request in time", peer=describePeer(self._peer))
            self._wire.abort()

    def connectionLost(self, reason: Failure) -> None:
        """Tell who decides that nobody waits."""
        if not self._isAnswered:
            self._factory.statistics.handshakes[NO_ANSWER] += 1
        self._isAnswered = True
        self._cancel()

    def _newReader(self) -> HeadReader[RequestLine] | None:
        """Make what reads a request's head."""
        return HeadReader(requestLine, self._factory.settings.headLimit)

    def _pass(self) -> None:
        """Have the site go on, from the first octet; keep nothing of it here."""
        assert self._came is not None
        came, self._came, self._reader, self._rest = bytes(self._came), None, None, b""
        # All else the site sees of the transport, as we do.
        peer = None if self._arrival.proxy is None else self._peer
        passage = self._factory.passage(self, peer, self._arrival.isSecure)
        assert passage is not None
        self._wire.handOver(passage)
        passage.connectionMade(self._wire)
        passage.dataReceived(came)

    def _isPeerKnown(self) -> bool:
        """Ask whether this is the client, and no proxy."""
        trust = self._factory.trust
        return self._isDirect and not (
            isWrapped(self._wire.transport)
            or (trust is not None and self._peer in trust)
        )

    def _cancel(self) -> None:
        """Take the question back."""
        if self._deciding is not None:
            self._deciding.cancel()

    def _decide(self, request: Request) -> None:
        """Ask each rule of the door, which raises to refuse; then the agent."""
        settings = self._factory.settings
        self._path = request.path
        try:
            if self._factory.trust is not None:
                request = self._factory.trust.seen(request)
                self._peer = request.peer
            if not self._isPeerCounted:
                self._factory.admission.enterFrom(self._wire, self._peer)
            demandHost(request, settings.hosts)
            found = self._factory.routes.find(request)
            demandOrigin(request, settings.origins, settings.requireOrigin)
            guard = self._factory.guard
            if guard is None:
                agent = self._factory.buildAgent(found, self._wire)
                agent.avatar = self._avatar
                deciding = self._ask(agent)
            else:
                deciding = guard.login(found.request).addCallback(self._admit, found)
        except Exception:  # noqa: BLE001 - whatever the application raises
            self._failed(Failure())
            return
        if deciding is not None:
            self._deciding = deciding.addErrback(self._failed)
            if self._isAnswered:
                # Who decides has seen to it that nobody waits.
                self._cancel()

    def _admit(self, login: Login, found: Found) -> Deferred[None] | None:
        """Have an agent for who has logged in, unless nobody waits any more."""
        if self._isAnswered:
            login.end()
            return None
        self._factory.watch(login, self._wire)
        found = found._replace(request=login.request)
        agent = self._factory.buildAgent(found, self._wire)
        agent.avatar = login.avatar
        return self._ask(agent)

    def _ask(self, agent: WebSocketProtocol) -> Deferred[None] | None:
        """Have an agent decide, at once or later."""
        verdict = agent.requestReceived(agent.request)
        if verdict is None or isinstance(verdict, Accept):
            self._accept(verdict, agent)
            return None
        waiting = cast("Deferred[Accept | None]", maybeDeferred(lambda: verdict))
        return waiting.addCallback(self._accept, agent)

    def _accept(
        self,
        verdict: Accept | None,
        agent: WebSocketProtocol,
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
            agent.request.headers.get("sec-websocket-extensions"),
            self._factory.extensions,
        )
        answer = handshake.renderAcceptance(
            agent.request,
            agent.subprotocol,
            verdict.headers,
            extension,
        )
        self._isAnswered = True
        if len(self._rest) > self._factory.settings.headLimit:
            self._wire.transport.resumeProducing()
        self._factory.statistics.handshakes["101"] += 1
        self._wire.address = self._factory.nextAddress()
        self._wire.open(
            agent,
            answer,
            self._rest,
            f"agent {describeAddress(self._wire.address)}",
            codec,
            isSequential=agent.conversation is not None,
        )

    def _failed(self, failure: Failure) -> None:
        """Answer what was raised, unless nobody waits any more."""
        if self._isAnswered and failure.check(CancelledError, RequestRejected):
            return
        if isinstance(failure.value, RequestRejected):
            try:
                self._refuse(failure.value)
            except Exception:  # noqa: BLE001 - whatever the agent gave
                failure = Failure()
            else:
                return
        _log.failure("no answer for {peer}", failure, peer=describePeer(self._peer))
        if not self._isAnswered:
            self._refuse(Refusal(500, why="no answer"))

    def _refuseWrong(self, error: HandshakeError) -> None:
        """Answer what is no request for a WebSocket, or a wrong one."""
        why = str(error)
        self._refuse(Refusal(error.status, error.fields, f"{why}\n", why=why))

    def _refuse(self, refusal: RequestRejected) -> None:
        """Answer with a status; nothing else follows."""
        fields, body = refusal.headers, refusal.body
        names = {name.lower() for name, _ in fields}
        if body and "content-type" not in names:
            fields = (*fields, ("Content-Type", "text/plain; charset=utf-8"))
        answer = handshake.renderRefusal(refusal.status, fields, body)
        self._isAnswered = True
        self._factory.statistics.handshakes[str(refusal.status)] += 1
        if not isinstance(refusal, LimitReached):
            _log.info(
                "{peer} refused, {status}{place}: {why}",
                peer=describePeer(self._peer),
                status=refusal.status,
                path=self._path,
                place=f", {self._path:.99}" if self._path else "",
                why=refusal.why,
            )
        elif not self._factory.admission.turnAway(self._wire, refusal, self._peer):
            self._wire.abort()
            return
        self._wire.hangUp(answer)
