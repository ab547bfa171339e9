"""
Hold the server against the conformance suite.

Starts C{twistd -n wsagent} on a free port, has kosoku drive it through every
case, and compares what comes out with C{expected.json}.  A case has a verdict on
its messages and one on its closing handshake, written C{OK/OK}.

Exits with 1 if a case is missing or worse than expected, or if the server
logged a traceback.  C{--update} rewrites the expectation.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
EXPECTED = HERE / "expected.json"
REPORTS = HERE / "reports"
LOG = REPORTS / "server.log"
PROGRAMS = Path(sys.executable).parent

MESSAGE_LIMIT = 16 * 1024 * 1024
"""Octets: the longest message of the suite."""

START_LIMIT = 30
"""Seconds that the server may take until it listens."""

VERDICTS = ["OK", "INFORMATIONAL", "NON-STRICT", "UNIMPLEMENTED"]
"""From good to bad; any other is worse."""


@contextmanager
def runningServer() -> Iterator[int]:
    """Run the server, and give the port that the system chose for it."""
    twistd = [f"{PROGRAMS}/twistd", "--nodaemon", "--pidfile=", f"--logfile={LOG}"]
    options = ["--port=tcp:0:interface=127.0.0.1", f"--message-limit={MESSAGE_LIMIT}"]
    server = subprocess.Popen([*twistd, "wsagent", *options])
    try:
        yield listeningPort(server)
    finally:
        server.terminate()
        server.wait()


def listeningPort(server: subprocess.Popen[bytes]) -> int:
    """Wait until the server's log says where it listens."""
    deadline = time.monotonic() + START_LIMIT
    while server.poll() is None and time.monotonic() < deadline:
        log = LOG.read_text() if LOG.exists() else ""
        if found := re.search(r" (?:starting|listening) on (?:\S+:)?(\d+)\n", log):
            return int(found[1])
        time.sleep(0.05)
    sys.exit(f"the server does not listen: see {LOG}")


def drive(port: int) -> dict[str, str]:
    """Run every case, and give the verdict on each."""
    kosoku = [f"{PROGRAMS}/kosoku", "--mode=fuzzingclient", f"127.0.0.1:{port}"]
    # It fails for what is not implemented, too: the report knows more.
    run = subprocess.run(
        [*kosoku, "--parallelism=2", f"--outdir={REPORTS}"],
        capture_output=True,
        text=True,
        check=False,
    )
    index = REPORTS / "index.json"
    if not index.exists():
        sys.exit(f"kosoku made no report:\n{run.stderr}")
    return {
        name: f"{case['behavior']}/{case['behaviorClose']}"
        for cases in json.loads(index.read_text()).values()
        for name, case in cases.items()
    }


def badness(case: str) -> list[int]:
    """Give the places of both verdicts in L{VERDICTS}."""
    return [
        VERDICTS.index(verdict) if verdict in VERDICTS else len(VERDICTS)
        for verdict in case.split("/")
    ]


def isWorse(case: str, expected: str) -> bool:
    """Ask whether either verdict is worse than expected."""
    return any(map(int.__gt__, badness(case), badness(expected)))


def inOrder(name: str) -> list[int]:
    """Sort 1.10 after 1.9."""
    return [int(part) for part in name.split(".")]


def main() -> None:
    """Run the suite and judge."""
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir()
    with runningServer() as port:
        cases = drive(port)
    if "--update" in sys.argv:
        inTurn = {name: cases[name] for name in sorted(cases, key=inOrder)}
        EXPECTED.write_text(json.dumps(inTurn, indent=1) + "\n")

    expected = json.loads(EXPECTED.read_text())
    failures = 0
    for name in sorted({*cases, *expected}, key=inOrder):
        got, hoped = cases.get(name, "MISSING/MISSING"), expected.get(name, "OK/OK")
        if isWorse(got, hoped):
            failures += 1
            print(f"{name}: {got}, worse than {hoped}")
        elif got != hoped:
            print(f"{name}: {got}, better than {hoped}: run with --update")
    if "Traceback" in LOG.read_text():
        failures += 1
        print(f"a traceback in {LOG}")
    for verdict, count in Counter(cases.values()).most_common():
        print(f"{count:4} {verdict}")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
