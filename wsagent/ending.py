"""How a connection ends, and the reason that its agent is given."""

from __future__ import annotations

from twisted.python.failure import Failure

from .core import codes
from .errors import ClosedCleanly, ClosedUncleanly, Initiator


class Ending:
    """
    What is known so far of one connection's end.

    The first who ends it decides the code; what follows can only make it clean.

    @ivar isClean: both Close frames have passed.
    """

    __slots__ = ("_cause", "_hasFailed", "_told", "isClean")

    def __init__(self) -> None:
        """Nothing is known: the peer may just vanish."""
        self._told: tuple[int, str, Initiator] | None = None
        self.isClean = False
        self._hasFailed = False
        self._cause: BaseException | None = None

    def closed(self, code: int, reason: str) -> None:
        """We have sent a Close frame."""
        self._tell(code, reason, "us")

    def closeReceived(self, code: int, reason: str) -> None:
        """The peer's Close frame came: both have passed."""
        self._tell(code, reason, "peer")
        self.isClean = True

    def failed(self, code: int, reason: str, cause: BaseException | None) -> None:
        """We have failed the connection, and told the peer so."""
        if self._told is None:
            self._tell(code, reason, "us")
            self._hasFailed = True
        self._cause = cause

    def aborted(self, reason: str) -> None:
        """We were rid of the transport."""
        self._tell(codes.ABNORMAL, reason, "us")

    def failure(self, lost: Failure | None = None) -> Failure:
        """
        Make the reason.

        @param lost: the transport's, if it is gone.
        """
        code, text, initiator = self._told or (codes.ABNORMAL, "", "peer")
        if self.isClean:
            return Failure(ClosedCleanly(code, text, initiator))
        if not self._hasFailed:
            # A Close frame of ours, if there was one, had no answer.
            code = codes.ABNORMAL
        error = ClosedUncleanly(code, text, initiator)
        error.__cause__ = self._cause or (lost and lost.value)
        return Failure(error)

    def _tell(self, code: int, reason: str, initiator: Initiator) -> None:
        """Keep the first word."""
        if self._told is None:
            self._told = (code, reason, initiator)
