"""A client that stays: L{ReconnectingService}, on Twisted's C{ClientService}."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Coroutine
from random import SystemRandom
from typing import Any, Generic, cast

from twisted.application.internet import ClientService
from twisted.internet import protocol
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    ITransport,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from .attempt import AgentT, attempt
from .client import WebSocketClientEndpoint, WebSocketClientFactory
from .core import codes
from .errors import ClosedUncleanly, ConnectionRejected
from .protocol import WebSocketProtocol
from .wire import Wire

_log = Logger()
_random = SystemRandom().random


def retryPolicy(
    initialDelay: float = 1,
    maxDelay: float = 60,
    factor: float = 1.5,
    jitter: float = 0.5,
    random: Callable[[], float] = _random,
) -> Callable[[int], float]:
    """
    Make a policy whose delays grow, and are spread in proportion.

    Thousands of clients that have lost the same server come back spread over
    half a minute, not over one second.

    @param initialDelay: seconds after the first failure, at most.
    @param maxDelay: seconds after any failure, at most.
    @param jitter: the share of a delay that is random, 0 to 1.
    @param random: gives 0 to 1.
    @return: gives seconds for a number of failures in a row, from 1.
    """

    def policy(failures: int) -> float:
        # A hundred steps are enough for any float.
        delay = min(maxDelay, initialDelay * factor ** min(failures - 1, 100))
        return delay * (1 - jitter * random())

    return policy


def isFinal(failure: Failure) -> bool:
    """Ask whether to try again is useless: the server said 401, 403 or 404."""
    error = failure.value
    return isinstance(error, ConnectionRejected) and error.status in (401, 403, 404)


@implementer(IStreamClientEndpoint)
class _Adapter:
    """The endpoint that C{ClientService} wants."""

    def __init__(
        self,
        connect: Callable[[IProtocolFactory], Coroutine[Any, Any, IProtocol]],
        url: str,
    ) -> None:
        """@param url: for the log."""
        self._connect = connect
        self._url = url

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Make one attempt."""
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    def __repr__(self) -> str:
        """Show where it leads."""
        return self._url


class _Line:
    """The transport that C{ClientService} closes."""

    def __init__(self, agent: WebSocketProtocol) -> None:
        """@param agent: is open."""
        self.agent = agent

    def loseConnection(self) -> None:
        """Close."""
        self.agent.loseConnection(codes.GOING_AWAY)


class _Link(protocol.Protocol):
    """The protocol that C{ClientService} sees: it only knows its agent."""

    @property
    def agent(self) -> Any:
        """The agent."""
        return cast(_Line, self.transport).agent


class ReconnectingService(ClientService, Generic[AgentT]):
    """
    A connection that is opened again when it is lost.

    @ivar agent: the agent while the connection is open, else C{None}.
    """

    def __init__(
        self,
        endpoint: WebSocketClientEndpoint,
        factory: WebSocketClientFactory[AgentT],
        retryPolicy: Callable[[int], float] = retryPolicy(),  # noqa: B008 - immutable
        clock: Any = None,
        *,
        attempting: Callable[[], object] = lambda: None,
        failed: Callable[[Failure], object] = lambda _: None,
        isFinal: Callable[[Failure], bool] = isFinal,
        queueLimit: int = 0,
        dropped: Callable[[str | bytes], object] | None = None,
    ) -> None:
        """
        @param endpoint: where to connect; its C{headers}, if they can be called,
            are asked anew each time.
        @param retryPolicy: gives seconds to wait for a number of failures.
        @param clock: tells the time; the endpoint's reactor by default.
        @param attempting: called before each attempt, which waits for a
            C{Deferred} or a coroutine that it gives.
        @param failed: called with what an attempt failed with.
        @param isFinal: called after that: whether to give up.
        @param queueLimit: messages that wait while there is no connection.
        @param dropped: called with each message that is not going to be sent:
            the oldest when there are too many, all when the service stops.
            They are logged by default.
        """
        self._endpoint = endpoint
        self._factory = factory
        self._attempting = attempting
        self._failed = failed
        self._isFinal = isFinal
        self._clock = clock or endpoint.approach.reactor
        self._queueLimit = queueLimit
        self._queue: deque[str | bytes] = deque()
        self._dropped = dropped or self._logDropped
        self._final: Failure | None = None
        self.agent: AgentT | None = None
        super().__init__(
            _Adapter(self._connect, endpoint.url),
            protocol.Factory.forProtocol(_Link),
            retryPolicy,
            self._clock,
            self._opened,
        )

    def whenConnected(  # type: ignore[override]
        self,
        failAfterFailures: int | None = None,
    ) -> Deferred[AgentT]:
        """
        Get the agent, or the next one.

        @return: fails with C{CancelledError} when the service stops, with a
            final failure, or after so many failures with the last one.
        """
        connected = cast("Deferred[Any]", super().whenConnected(failAfterFailures))
        return connected.addCallbacks(lambda link: link.agent, self._explain)

    def startService(self) -> None:
        """Connect, and stay connected."""
        self._final = None
        super().startService()

    def stopService(self) -> Deferred[None]:
        """Close the connection, or stop trying; nothing is sent any more."""
        while self._queue:
            self._dropped(self._queue.popleft())
        return super().stopService()

    def send(self, message: str | bytes) -> None:
        """
        Send a message now, or when there is a connection.

        @param message: text as C{str}, else octets.
        """
        if self.agent is not None and self.agent.isOpen:
            self._sendNow(self.agent, message)
            return
        if self.running:
            self._queue.append(message)
        else:
            self._dropped(message)
        while len(self._queue) > self._queueLimit:
            self._dropped(self._queue.popleft())

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        """Make one attempt."""
        try:
            return await self._open(factory)
        except CancelledError:
            raise
        except Exception:
            self._attemptFailed(Failure())
            raise

    async def _open(self, factory: IProtocolFactory) -> IProtocol:
        """Open a connection; give what C{ClientService} takes for the protocol."""
        await maybeDeferred(self._attempting)
        lost: dict[Wire, Deferred[None]] = defaultdict(Deferred)
        agent = await attempt(
            self._endpoint.approach,
            self._factory,
            lambda wire: lost[wire].callback(None),
        )
        if not agent.isOpen:
            raise ClosedUncleanly(reason="closed as soon as it was open")
        link = cast(IProtocol, factory.buildProtocol(cast(IAddress, None)))
        link.makeConnection(cast(ITransport, _Line(agent)))
        lost[agent._wire].addCallback(lambda _: self._lost(link))  # noqa: SLF001
        return link

    def _lost(self, link: IProtocol) -> None:
        """Be without a connection."""
        self.agent = None
        link.connectionLost(Failure(ConnectionDone()))

    def _attemptFailed(self, failure: Failure) -> None:
        """Tell, and give up if that is final."""
        try:
            self._failed(failure)
            isFinal = self._isFinal(failure)
        except Exception:  # noqa: BLE001 - whatever the application raises
            _log.failure("hook for {url} failed", url=self._endpoint.url)
            return
        if isFinal:
            self._final = failure
            # Not from within the attempt.
            self._clock.callLater(0, self._giveUp)

    def _giveUp(self) -> None:
        """Stop: to try again would be useless."""
        if self.running and self._final is not None:
            self.stopService()

    def _explain(self, failure: Failure) -> Failure:
        """Say why there is no agent."""
        if failure.check(CancelledError) and self._final is not None:
            return self._final
        return failure

    def _opened(self, link: IProtocol) -> None:
        """Send what has waited."""
        agent = self.agent = cast("_Link", link).agent
        while self._queue and agent.isOpen:
            self._sendNow(agent, self._queue.popleft())

    def _sendNow(self, agent: AgentT, message: str | bytes) -> None:
        """Send a message."""
        if isinstance(message, str):
            agent.sendTextMessage(message)
        else:
            agent.sendBytesMessage(message)

    def _logDropped(self, message: str | bytes) -> None:
        """Say that a message is not going to be sent."""
        _log.warn(
            "{size} characters or octets for {url} are not sent",
            size=len(message),
            url=self._endpoint.url,
        )
