"""A server in this process, and how to wait for it."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from wsagent import Settings, WebSocketProtocol, WebSocketServerFactory
from wsagent.endpoints import serverFromString
from wsagent.wire import Wire

from .client import PATIENCE, dial, dialTLS, request
from .process import LOCAL


class Agent(WebSocketProtocol):
    """An agent that its factory knows."""

    def negotiationFinished(self):
        """Be known."""
        self.factory.agents.append(self)

    def connectionLost(self, reason):
        """Have the end known."""
        self.factory.losses.append(reason.value)


class Echo(Agent):
    """Send every message back as it came."""

    def textMessageReceived(self, message):
        """Send it back."""
        self.sendTextMessage(message)

    def bytesMessageReceived(self, data):
        """Send it back."""
        self.sendBytesMessage(data)


class Listening(WebSocketServerFactory):
    """
    A server in this process.

    @ivar agents: those that were open.
    @ivar losses: how they ended.
    @ivar port: its number.
    """

    def __init__(self, application=Echo, endpoint=LOCAL, **settings) -> None:
        """Nobody was here yet."""
        self._endpoint = endpoint
        super().__init__(application, settings=Settings(**settings))
        self.agents = []
        self.losses = []

    @property
    def wires(self) -> set[Wire]:
        """The connections."""
        return self._wires

    async def listen(self) -> None:
        """Listen."""
        from twisted.internet import reactor

        self._listening = await serverFromString(reactor, self._endpoint).listen(self)
        self.port = self._listening.getHost().port

    async def stop(self) -> None:
        """See that nobody is left who was here, and that a fresh client is served."""
        await until(lambda: not self.wires, "no connections")
        assert len(self.losses) == len(self.agents)
        await inThread(self._serve)
        await until(lambda: not self.wires, "no connections")
        await self._listening.stopListening()

    def _serve(self) -> None:
        """Be a fresh client."""
        isTLS = self._endpoint.startswith("ssl:")
        with dialTLS(self.port) if isTLS else dial(self.port) as plain:
            plain.sendall(request())
            assert plain.recv(5) == b"HTTP/"


def inThread(call, *arguments) -> Deferred:
    """Run a peer's script while the reactor runs."""
    from twisted.internet.threads import deferToThread

    return deferToThread(call, *arguments)


async def pause(seconds: float) -> None:
    """Let time pass."""
    from twisted.internet import reactor

    await deferLater(reactor, seconds)


async def until(isSo, what: str) -> None:
    """Wait until something is so."""
    for _ in range(PATIENCE * 100):
        if isSo():
            return
        await pause(0.01)
    raise AssertionError(what)
