"""The last of a connection: its reason, our FIN, the peer's, and a deadline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import ISSLTransport
from twisted.logger import Logger
from twisted.python.failure import Failure

from .delivery import Amounts
from .ending import Ending
from .interfaces import Agent, IWireTransport
from .timing import Deadline, Wheel

_log = Logger()

_MOST = 65_536
"""Octets that are read and dropped while we wait for the peer's FIN."""


class Parting(Ending):
    """
    How one connection ends, and how its transport is left.

    To close with octets unread would send RST, and our last word be lost: so
    we send FIN, and wait for the peer's.

    @ivar isReadLost: the peer's FIN came.
    @ivar hasBegun: our FIN is sent, or will be.
    """

    __slots__ = ("_deadline", "_dropped", "hasBegun", "isReadLost")

    def __init__(self) -> None:
        """The end is not near, but known to come."""
        super().__init__()
        self._deadline: Deadline | None = None
        self._dropped = 0
        self.isReadLost = False
        self.hasBegun = False

    def awaitPeer(
        self,
        wheel: Wheel,
        timeout: float,
        abort: Callable[[], object],
    ) -> None:
        """
        Give the peer some time, from the first call on.

        @param timeout: seconds that it has.
        @param abort: called after that.
        """
        if self._deadline is None:
            self._deadline = Deadline(wheel, abort, timeout)

    def stop(self) -> None:
        """Wait for the peer no longer."""
        if self._deadline is not None:
            self._deadline.stop()

    def begin(self, transport: IWireTransport, isPeerFirst: bool) -> None:
        """
        Send FIN, once all is sent.

        @param isPeerFirst: leave that to the peer, unless it has done so.
        """
        self.hasBegun = True
        if isPeerFirst and not self.isReadLost:
            return
        if (
            self.isReadLost
            # TLS says its own goodbye, and waits for the peer's.
            or ISSLTransport.providedBy(transport)
            or not hasattr(transport, "loseWriteConnection")
        ):
            transport.loseConnection()
        else:
            transport.loseWriteConnection()

    def drop(self, transport: IWireTransport, data: bytes) -> None:
        """Read on for the peer's FIN, but not for long."""
        self._dropped += len(data)
        if self._dropped > _MOST:
            transport.pauseProducing()


def noteEnd(
    peer: str,
    agent: Agent,
    failure: Failure,
    seconds: float,
    amounts: Amounts,
) -> None:
    """
    Log the end of a connection that was open, and what it was for.

    @param failure: the agent's reason.
    @param seconds: for which it was open.
    """
    subprotocol = agent.subprotocol
    error: Any = failure.value
    _log.info(
        "{peer} closed {ending}, {path:.99}{spoken}, {seconds:.3f} s, received "
        "{messagesReceived} messages in {octetsReceived} octets, sent "
        "{messagesSent} in {octetsSent}",
        peer=peer,
        ending=str(error),
        code=error.code,
        path=agent.request.path,
        subprotocol=subprotocol,
        spoken=f" {subprotocol}" if subprotocol else "",
        seconds=seconds,
        **amounts._asdict(),
    )
