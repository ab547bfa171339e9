"""The sequential style: messages wait until they are asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

Message = str | bytes


class Inbox:
    """
    Messages that came, and calls that wait for one.

    @ivar isFull: so many wait that no more should be read.
    """

    def __init__(self, limit: int, changed: Callable[[], object]) -> None:
        """
        @param limit: messages that may wait before it is full.
        @param changed: called when C{isFull} changes.
        """
        self._limit = limit
        self._changed = changed
        self._messages: deque[Message] = deque()
        self._waiting: deque[Deferred[Message]] = deque()
        self._end: Failure | None = None
        self.isFull = False

    def put(self, message: Message) -> None:
        """Give a message to the call that waits longest, or keep it."""
        if self._waiting:
            self._waiting.popleft().callback(message)
            return
        self._messages.append(message)
        if len(self._messages) == self._limit:
            self.isFull = True
            self._changed()

    def get(self) -> Deferred[Message]:
        """
        Take a message.

        @return: fires with it; cancelled, it has taken none.  Fails with the
            connection's end, once all messages are taken.
        """
        if self._messages:
            taken = succeed(self._messages.popleft())
            if self.isFull:
                self.isFull = False
                self._changed()
            return taken
        if self._end is not None:
            return fail(self._end)
        waiting: Deferred[Message] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def end(self, reason: Failure) -> None:
        """Let those that wait, and will, know that there are no more."""
        self._end = reason
        while self._waiting:
            self._waiting.popleft().errback(reason)
