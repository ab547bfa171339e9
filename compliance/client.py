"""
An echo client that asks a fuzzing server for case after case.

C{client.py ws://127.0.0.1:9001} speaks with it as Autobahn's clients do; with
C{--no-context-takeover} after that, no message refers to an earlier one, and with
C{--no-fast-lane} every socket is left to Twisted's own transport.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from echo import Echo
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react
from twisted.logger import Logger, globalLogBeginner, textFileLogObserver
from twisted.python.failure import Failure

from wsagent import Compression, Settings, connect

AGENT = "wsagent"

PARALLELISM = 2
"""Cases at a time."""

FORGETFUL = "--no-context-takeover"

SETTINGS = Settings(
    messageLimit=16 * 1024 * 1024,
    # A ping is one event more than a case expects.
    pingInterval=None,
    compression=Compression(hasContextTakeover=FORGETFUL not in sys.argv),
    hasFastLane="--no-fast-lane" not in sys.argv,
)

log = Logger()


class CaseEcho(Echo):
    """Send every message back, and say when the case has ended."""

    def __init__(self) -> None:
        """It has not begun."""
        self.ended: Deferred[None] = Deferred()

    def connectionLost(self, reason: Failure) -> None:
        """End."""
        self.ended.callback(None)


class Question(CaseEcho):
    """Take the one message that a server sends."""

    answer = ""

    def textMessageReceived(self, message: str) -> None:
        """Keep it."""
        self.answer = message


async def runCases(reactor: Any, url: str, numbers: Iterator[int]) -> None:
    """Run one case after the other, of those that nobody else has taken."""
    for number in numbers:
        case = f"{url}/runCase?case={number}&agent={AGENT}"
        try:
            echo = await connect(reactor, case, CaseEcho, settings=SETTINGS)
        except Exception:  # noqa: BLE001 - the report has it as a failed case
            log.failure("case {number}", number=number)
        else:
            await echo.ended


async def runSuite(reactor: Any, url: str) -> None:
    """Ask how many cases there are, run them, and have the report made."""
    question = await connect(reactor, f"{url}/getCaseCount", Question)
    await question.ended
    numbers = iter(range(1, int(question.answer) + 1))
    await gatherResults(
        Deferred.fromCoroutine(runCases(reactor, url, numbers))
        for _ in range(PARALLELISM)
    )
    end = await connect(reactor, f"{url}/updateReports?agent={AGENT}", CaseEcho)
    await end.ended


def main(reactor: Any, url: str) -> Deferred[None]:
    """Begin to log, and run."""
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)])
    return Deferred.fromCoroutine(runSuite(reactor, url))


if __name__ == "__main__":
    react(main, sys.argv[1:2])
