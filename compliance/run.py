"""
Hold both sides against the conformance suite, as kosoku has it.

The server: C{twistd -n wsagent --compress}, which kosoku drives through every
case.  The client: C{client.py}, which asks kosoku for every case.  What comes out
is compared with C{expected/server.json} and C{expected/client.json}.  A case has a
verdict on its messages and one on its closing handshake, written C{OK/OK}.

Exits with 1 if a case is missing or worse than expected, or if a process of ours
logged a traceback.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
PROGRAMS = Path(sys.executable).parent
KOSOKU = f"{PROGRAMS}/kosoku"

MESSAGE_LIMIT = 16 * 1024 * 1024
"""Octets: the longest message of the suite."""

START_LIMIT = 30
"""Seconds that a server may take until it listens."""

END_LIMIT = 60
"""Seconds that kosoku may take to write its report."""

VERDICTS = ["OK", "INFORMATIONAL", "NON-STRICT", "UNIMPLEMENTED"]
"""From good to bad; any other is worse."""

PLAIN = [f"{section}.*" for section in (1, 2, 3, 4, 5, 6, 7, 9, 10)]
"""What has nothing to do with compression."""

QUICK_SIZES = ["2", "5", "11"]
"""
Of 18 in each group: 64 octets, 4096, and 8192 in fragments of 256.  Not C{1}: what
has an asterisk is a beginning to kosoku, here of 10 to 18 too.
"""


class Case(NamedTuple):
    """What came of a case."""

    verdict: str
    seconds: float


class Round(NamedTuple):
    """
    Some cases that one process of ours goes through.

    @ivar side: C{server} or C{client}.
    @ivar plain: patterns of cases without compression.
    @ivar groups: of cases with it.
    @ivar options: of the client.
    """

    side: str
    plain: list[str]
    groups: list[str]
    options: tuple[str, ...] = ()

    def choice(self, sizes: list[str]) -> list[str]:
        """Give patterns of the names of all cases, of the groups so many sizes."""
        return self.plain + [
            f"{group}.{size}" for group in self.groups for size in sizes
        ]


ROUNDS = [
    Round("server", PLAIN, ["12.*", "13.*"]),
    Round("client", PLAIN, ["12.*", "13.1", "13.3", "13.4", "13.7"]),
    # Here kosoku agrees only with who offers client_no_context_takeover.
    Round("client", [], ["13.2", "13.5", "13.6"], ("--no-context-takeover",)),
]


@contextmanager
def running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server, at most as long as it is needed."""
    with log.open("w") as output:
        server = subprocess.Popen(command, cwd=HERE, stdout=output, stderr=output)
    try:
        yield server
    finally:
        server.terminate()
        server.wait()


def address(server: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until a server's log says on which port it listens."""
    deadline = time.monotonic() + START_LIMIT
    while server.poll() is None and time.monotonic() < deadline:
        if found := re.search(r" listening on \S+:(\d+)\n", log.read_text()):
            return f"127.0.0.1:{found[1]}"
        time.sleep(0.05)
    sys.exit(f"the server does not listen: see {log}")


def run(command: list[str], log: Path) -> None:
    """Run a program until it ends."""
    with log.open("w") as output:
        subprocess.run(command, stdout=output, stderr=output, check=False)


def driveServer(reports: Path, options: list[str], more: Sequence[str]) -> None:
    """Have kosoku call our server."""
    server = [
        *(f"{PROGRAMS}/twistd", "--nodaemon", "--pidfile=", "wsagent"),
        "--port=tcp:0:interface=127.0.0.1",
        f"--message-limit={MESSAGE_LIMIT}",
        # A ping is one event more than a case expects.
        "--ping-interval=none",
        "--compress",
        "--app=echo:Echo",
        *more,
    ]
    log = reports / "wsagent.log"
    with running(server, log) as process:
        client = [KOSOKU, "--mode=fuzzingclient", "--parallelism=2", *options]
        run([*client, address(process, log)], reports / "kosoku.log")


def driveClient(reports: Path, options: list[str], more: Sequence[str]) -> None:
    """Have our client call kosoku."""
    server = [KOSOKU, "--mode=fuzzingserver", "127.0.0.1:0", *options]
    log = reports / "kosoku.log"
    with running(server, log) as process:
        client = [sys.executable, f"{HERE}/client.py"]
        url = f"ws://{address(process, log)}"
        run([*client, url, *more], reports / "wsagent.log")
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_LIMIT)


def drive(
    each: Round,
    reports: Path,
    sizes: list[str],
    more: Sequence[str],
) -> dict[str, Case]:
    """
    Run some cases, and give what came of each.

    @param more: options of both sides.
    """
    reports.mkdir(parents=True)
    chosen = [f"--include={pattern}" for pattern in each.choice(sizes)]
    options = [*chosen, f"--outdir={reports}"]
    if each.side == "server":
        driveServer(reports, options, more)
    else:
        driveClient(reports, options, [*each.options, *more])
    index = reports / "index.json"
    if not index.exists():
        sys.exit(f"kosoku made no report: see {reports}")
    return {
        name: Case(
            f"{case['behavior']}/{case['behaviorClose']}",
            case["duration"] / 1000,
        )
        for cases in json.loads(index.read_text()).values()
        for name, case in cases.items()
    }


def badness(verdict: str) -> list[int]:
    """Give the places of both parts in L{VERDICTS}."""
    return [
        VERDICTS.index(part) if part in VERDICTS else len(VERDICTS)
        for part in verdict.split("/")
    ]


def isWorse(verdict: str, expected: str) -> bool:
    """Ask whether either part is worse than expected."""
    return any(map(int.__gt__, badness(verdict), badness(expected)))


def inOrder(name: str) -> list[int]:
    """Sort 1.10 after 1.9."""
    return [int(part) for part in name.split(".")]


def judge(verdicts: dict[str, str], expected: dict[str, str]) -> int:
    """Say what differs, and give how many are worse."""
    failures = 0
    for name in sorted({*verdicts, *expected}, key=inOrder):
        got = verdicts.get(name, "MISSING/MISSING")
        hoped = expected.get(name, "OK/OK")
        if isWorse(got, hoped):
            failures += 1
            print(f"{name}: {got}, worse than {hoped}")
        elif got != hoped:
            print(f"{name}: {got}, better than {hoped}: run with --update")
    return failures


def summarize(side: str, cases: dict[str, Case], seconds: float) -> None:
    """Say for each section how many cases had which verdict, and took how long."""
    print(f"{side}: {len(cases)} cases in {seconds:.0f} s")
    for section in sorted({name.partition(".")[0] for name in cases}, key=int):
        found = [case for name, case in cases.items() if name.startswith(f"{section}.")]
        counts = Counter(case.verdict for case in found).most_common()
        words = ", ".join(f"{count} {verdict}" for verdict, count in counts)
        print(f"{section:>4}: {words}; {sum(case.seconds for case in found):.1f} s")


def hold(side: str, sizes: list[str], isUpdate: bool, more: Sequence[str]) -> int:
    """Run one side's cases, judge, and give the number of failures."""
    began = time.monotonic()
    reports = HERE / "reports" / side
    shutil.rmtree(reports, ignore_errors=True)
    rounds = [each for each in ROUNDS if each.side == side]
    cases: dict[str, Case] = {}
    failures = 0
    for number, each in enumerate(rounds, 1):
        place = reports / str(number)
        cases |= drive(each, place, sizes, more)
        if "Traceback" in (place / "wsagent.log").read_text():
            failures += 1
            print(f"a traceback in {place}/wsagent.log")
    verdicts = {name: cases[name].verdict for name in sorted(cases, key=inOrder)}

    file = HERE / "expected" / f"{side}.json"
    expected = json.loads(file.read_text()) if file.exists() else {}
    choice = [pattern for each in rounds for pattern in each.choice(sizes)]
    chosen = {
        name: verdict
        for name, verdict in expected.items()
        if any(fnmatchcase(name, pattern) for pattern in choice)
    }
    if isUpdate:
        file.write_text(json.dumps(verdicts, indent=1) + "\n")
        chosen = verdicts
    failures += judge(verdicts, chosen)
    summarize(side, cases, time.monotonic() - began)
    return failures


def main() -> None:
    """Do as the command line says."""
    parser = argparse.ArgumentParser(description="Run the conformance suite.")
    parser.add_argument(
        "side",
        nargs="*",
        help="server or client; without any, both",
    )
    much = parser.add_mutually_exclusive_group()
    much.add_argument(
        "--quick",
        action="store_true",
        help="only 3 of 18 sizes of the cases with compression",
    )
    much.add_argument(
        "--update",
        action="store_true",
        help="rewrite what is expected",
    )
    parser.add_argument(
        "--no-fast-lane",
        action="append_const",
        const="--no-fast-lane",
        dest="more",
        default=[],
        help="leave every socket of ours to Twisted's own transport",
    )
    options = parser.parse_args()
    sides = options.side or ["server", "client"]
    if not {"server", "client"}.issuperset(sides):
        parser.error(f"{' '.join(sides)}, allowed: server, client")
    sizes = QUICK_SIZES if options.quick else ["*"]
    failures = [hold(side, sizes, options.update, options.more) for side in sides]
    sys.exit(any(failures))


if __name__ == "__main__":
    main()
