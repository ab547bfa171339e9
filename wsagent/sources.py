"""What sends more when there is room: a producer, iterables, callers that wait."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure

Piece = str | bytes


class FragmentSender:
    """A message whose fragments are taken from an iterable."""

    def __init__(
        self,
        pieces: Iterable[Piece],
        send: Callable[[Piece, bool], object],
    ) -> None:
        """
        @param pieces: all C{str} or all octets.
        @param send: sends a fragment, the last one or not.
        @raise ValueError: there is no piece, and so no type.
        """
        self.finished: Deferred[None] = Deferred()
        self._pieces = iter(pieces)
        self._send = send
        try:
            self._next: Piece = next(self._pieces)
        except StopIteration:
            raise ValueError("no pieces, needed at least 1") from None

    def sendNext(self) -> bool:
        """
        Send one fragment, and fetch the next.

        @return: whether there are more.
        @raise Exception: as the iterable; the message cannot be ended.
        """
        piece = self._next
        try:
            self._next = next(self._pieces)
        except StopIteration:
            self._send(piece, True)
            return False
        self._send(piece, False)
        return True


class Sources:
    """All that sends more on one connection, as soon as there is room."""

    __slots__ = ("_call", "_failed", "_hasRoom", "_producer", "_senders", "_waiting")

    def __init__(
        self,
        hasRoom: Callable[[], bool],
        call: Callable[[Callable[[], object]], object],
        failed: Callable[[Exception], object],
    ) -> None:
        """
        @param hasRoom: asks whether more may be sent just now.
        @param call: calls the application.
        @param failed: called with what an iterable has raised.
        """
        self._hasRoom = hasRoom
        self._call = call
        self._failed = failed
        self._producer: IPushProducer | None = None
        # Lists: they are short, and an empty deque has half a KiB.
        self._senders: list[FragmentSender] = []
        self._waiting: list[Deferred[None]] = []

    def attach(self, producer: IPushProducer) -> None:
        """
        Pause a producer while there is no room.

        @raise ValueError: there is one.
        """
        if self._producer is not None:
            raise ValueError(f"producer {producer!r}, attached: {self._producer!r}")
        self._producer = producer
        if not self._hasRoom():
            producer.pauseProducing()

    def detach(self) -> None:
        """Forget the producer."""
        self._producer = None

    def add(self, sender: FragmentSender) -> None:
        """Send a message in fragments, after those that are under way."""
        self._senders.append(sender)
        if len(self._senders) == 1:
            self._sendPieces()

    def waitForRoom(self) -> Deferred[None]:
        """Make what fires when there is room, perhaps at once."""
        if self._hasRoom():
            return succeed(None)
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def filled(self) -> None:
        """Have the producer pause."""
        if self._producer is not None:
            self._call(self._producer.pauseProducing)

    def drained(self) -> None:
        """Go on, each as long as there is room."""
        if self._producer is not None and self._hasRoom():
            self._call(self._producer.resumeProducing)
        self._sendPieces()
        while self._waiting and self._hasRoom():
            self._waiting.pop(0).callback(None)

    def stop(self, reason: Callable[[], Failure]) -> None:
        """
        Stop them all: nothing more can be sent.

        @param reason: makes what those who wait are told.
        """
        producer, self._producer = self._producer, None
        if producer is not None:
            self._call(producer.stopProducing)
        finished = [sender.finished for sender in self._senders]
        finished += self._waiting
        self._senders.clear()
        self._waiting.clear()
        for each in finished:
            each.errback(reason())

    def _sendPieces(self) -> None:
        """Send fragments while there is room."""
        while self._senders and self._hasRoom():
            sender = self._senders[0]
            try:
                hasMore = sender.sendNext()
            except Exception as error:  # noqa: BLE001 - the application's iterable
                self._senders.pop(0)
                sender.finished.errback()
                self._failed(error)
                return
            # To send may end the connection, and stop all senders.
            if not hasMore and self._senders:
                self._senders.pop(0)
                sender.finished.callback(None)
