"""
The octets of a blocking connection, moved by whichever threads wait for it.

All waiting is in L{Traffic.until}.  One thread at a time watches the socket;
the others that wait are told when something has moved.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from threading import Condition
from time import monotonic

from twisted.python.failure import Failure

from .core.codes import Role
from .core.connection import Connection, Phase
from .core.errors import ProtocolError
from .core.handshake import Response
from .core.messages import Limits
from .ending import Ending
from .errors import ClosedCleanly, ClosedUncleanly
from .lines import READ_SIZE, Line
from .settings import Settings

Message = str | bytes


class Ping:
    """A ping that somebody waits for."""

    hasPong = False

    def __init__(self, payload: bytes) -> None:
        """@param payload: what its pong has too."""
        self.payload = payload


class Traffic:
    """
    One open connection, between a core and a socket.

    Whoever calls me holds C{changed}.

    @ivar changed: the lock, and how to learn that something has moved.
    @ivar inbox: messages that came.
    @ivar sent: octets that the system has taken.
    @ivar isOver: the socket is gone; nothing changes any more.
    """

    def __init__(
        self,
        line: Line,
        response: Response,
        settings: Settings,
        rest: bytes,
    ) -> None:
        """@param rest: octets that came after the server's head."""
        self.changed = Condition()
        self.inbox: deque[Message] = deque()
        self.sent = 0
        self.isOver = False
        self._line = line
        self._settings = settings
        self._connection = Connection(
            self,
            self._write,
            Role.CLIENT,
            Limits(settings.messageLimit, settings.fragmentLimit),
            codec=response.codec,
        )
        self._outgoing = bytearray()
        self._answers = 0
        self._isFeeding = False
        self._pings: list[Ping] = []
        # What the watching thread waits for, if there is one: to read, to write.
        self._watched: tuple[bool, bool] | None = None
        self._ending = Ending()
        self._lost: OSError | None = None
        self._isShutDown = False
        self._dropped = 0
        # When to give up: on a server that takes nothing, on its goodbye.
        self._sendBy = inf
        self._closeBy = inf
        self._feed(rest)

    # What a thread asks for

    def send(self, message: Message | bytearray | memoryview) -> float:
        """
        Have a message sent.

        @return: C{sent} when it is; never if it cannot be sent any more.
        """
        # What came may be the server's goodbye.
        self._move()
        before = len(self._outgoing)
        if isinstance(message, str):
            self._connection.sendText(message)
        else:
            self._connection.sendBytes(message)
        after = len(self._outgoing)
        return self.sent + after if after > before else inf

    def take(self) -> Message:
        """Take a message that waits."""
        message = self.inbox.popleft()
        if len(self.inbox) == self._settings.inboxLimit - 1:
            self._connection.resume()
            self._feed(b"")
            self._tell()
        if not self.isOver:
            self._flush()
        return message

    def ping(self, payload: bytes) -> Ping:
        """Have a ping sent."""
        self._connection.ping(payload)
        self._pings.append(Ping(payload))
        return self._pings[-1]

    def forget(self, ping: Ping) -> None:
        """Wait for a ping no more."""
        if ping in self._pings:
            self._pings.remove(ping)

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake, unless it is begun."""
        wasOpen = self._connection.phase is Phase.OPEN
        self._connection.close(code, reason)
        if wasOpen:
            self._ending.closed(code, reason)
            self._hurry()
            # What still comes is dropped, however many messages wait.
            self._connection.resume()
            self._feed(b"")

    def abort(self, reason: str) -> None:
        """Be rid of the socket, at once."""
        if not self.isOver:
            self._ending.aborted(reason)
            self._finish()

    def end(self) -> ClosedCleanly | ClosedUncleanly:
        """Say how it ended."""
        lost = None if self._lost is None else Failure(self._lost)
        error = self._ending.failure(lost).value
        assert isinstance(error, (ClosedCleanly, ClosedUncleanly))
        return error

    def until(self, isSo: Callable[[], bool], deadline: float) -> None:
        """
        Move octets until something is so, or the connection is over.

        @param deadline: on the monotonic clock; there is one try after it.
        @raise TimeoutError: it has passed.
        """
        try:
            while not (self.isOver or isSo()):
                hasMoved = self._move()
                if self.isOver or isSo():
                    break
                self._lookAtClock(deadline)
                if not (hasMoved or self.isOver):
                    self._wait(deadline)
        finally:
            # Somebody else has to watch now.
            self.changed.notify_all()

    # What the core calls

    def textReceived(self, text: str) -> None:
        """Keep a message."""
        self._keep(text)

    def bytesReceived(self, data: bytes) -> None:
        """Keep a message."""
        self._keep(data)

    def pieceReceived(self, piece: Message, isLast: bool) -> None:
        """Never called: nothing is streamed."""

    def pingReceived(self, payload: bytes) -> None:
        """Nothing is left to do: it has its pong."""

    def pongReceived(self, payload: bytes) -> None:
        """Find the ping; those before it are answered too (section 5.5.3)."""
        payloads = [ping.payload for ping in self._pings]
        if payload in payloads:
            for _ in range(payloads.index(payload) + 1):
                self._pings.pop(0).hasPong = True

    def closeReceived(self, code: int, reason: str) -> None:
        """Both Close frames have passed, when ours is sent."""
        self._ending.closeReceived(code, reason)
        self._hurry()

    # Within

    def _keep(self, message: Message) -> None:
        """Keep a message; read no more if many wait."""
        self.inbox.append(message)
        if len(self.inbox) >= self._settings.inboxLimit:
            self._connection.pause()

    def _write(self, octets: bytes) -> None:
        """Take octets from the core."""
        wasEmpty = not self._outgoing
        self._outgoing += octets
        if wasEmpty:
            self._haveProgress()
        if self._isFeeding:
            self._answers += len(octets)

    def _feed(self, data: bytes) -> None:
        """Have the core read."""
        self._isFeeding = True
        try:
            self._connection.feed(data)
        except ProtocolError as error:
            # The core has told the server.
            self._ending.failed(error.code, str(error), error)
            self._hurry()
        finally:
            self._isFeeding = False

    def _needs(self) -> tuple[bool, bool]:
        """Say whether to read, and whether to write."""
        isFull = self._connection.phase is Phase.OPEN and (
            len(self.inbox) >= self._settings.inboxLimit
            # A flood of pings whose pongs are not read.
            or self._answers > self._settings.sendHighWater
        )
        return not isFull, bool(self._outgoing)

    def _move(self) -> bool:
        """Read and write once, without waiting; was there anything."""
        hasRead = not self.isOver and self._needs()[0] and self._read()
        hasWritten = not self.isOver and self._flush()
        if hasRead or hasWritten:
            self._tell()
        return hasRead or hasWritten

    def _tell(self) -> None:
        """Have the other threads look again."""
        self.changed.notify_all()
        if self._watched is not None:
            self._line.wake()

    def _read(self) -> bool:
        """Read once."""
        try:
            data = self._line.read()
        except OSError as error:
            self._lost = error.with_traceback(None)
            data = b""
        if data is None:
            return False
        if self._connection.phase is Phase.CLOSED:
            self._dropped += len(data)
        if not data or self._dropped > READ_SIZE:
            # TLS likes its own goodbye answered.
            self._line.shutDown()
            self._finish()
        else:
            self._feed(data)
        return True

    def _flush(self) -> bool:
        """Write once; after the last word, say that it was that."""
        if not self._outgoing:
            if self._connection.phase is Phase.CLOSED and not self._isShutDown:
                self._isShutDown = True
                self._line.shutDown()
            return False
        try:
            amount = self._line.write(self._outgoing)
        except OSError as error:
            # What the server said before it went can still be read.
            while not self.isOver and self._needs()[0] and self._read():
                pass
            if not self.isOver:
                self._lost = error.with_traceback(None)
                self._finish()
            return True
        if not amount:
            return False
        del self._outgoing[:amount]
        self.sent += amount
        if not self._outgoing:
            self._answers = 0
        self._haveProgress()
        return True

    def _wait(self, deadline: float) -> None:
        """Wait for the socket, or for the thread that waits for it."""
        until = min(deadline, self._sendBy, self._closeBy)
        seconds = None if until == inf else max(0, until - monotonic())
        needs = self._needs()
        if self._watched is not None:
            if self._watched != needs:
                self._line.wake()
            self.changed.wait(seconds)
            return
        self._watched = needs
        self.changed.release()
        try:
            self._line.wait(*needs, seconds)
        finally:
            self.changed.acquire()
            self._watched = None
            if self.isOver:
                self._line.close()

    def _lookAtClock(self, deadline: float) -> None:
        """Give up what has taken too long."""
        now = monotonic()
        if now >= self._closeBy:
            self.abort("no goodbye in time")
        elif now >= self._sendBy:
            self.abort(f"nothing sent for {self._settings.sendTimeout:g} s")
        elif now >= deadline:
            raise TimeoutError("nothing came in time")

    def _haveProgress(self) -> None:
        """Have patience again with a server that does not read."""
        self._sendBy = inf
        if self._outgoing and self._settings.sendTimeout is not None:
            self._sendBy = monotonic() + self._settings.sendTimeout

    def _hurry(self) -> None:
        """Give the server some time to be gone."""
        self._closeBy = min(self._closeBy, monotonic() + self._settings.closeTimeout)

    def _finish(self) -> None:
        """Be over."""
        self._connection.abandon()
        self.isOver = True
        self._tell()
        if self._watched is None:
            # Else, who watches the socket closes it.
            self._line.close()
