"""Measure wsagent beside its peers: see README.rst."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
from contextlib import closing
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from cases import CASES, Case
from installing import prepare, versions
from measuring import Bench, Results, takeTurns
from roster import PEERS, Peer, Tools
from tables import Tables


def chosen(cases: list[Any], patterns: str | None, what: str) -> list[Any]:
    """
    Choose by name, in the order of the patterns.

    @param patterns: separated by commas; C{None} for all.
    @raise SystemExit: a pattern fits nothing.
    """
    if patterns is None:
        return cases
    found: list[Any] = []
    for pattern in patterns.split(","):
        fitting = [case for case in cases if fnmatchcase(case.name, pattern)]
        if not fitting:
            names = " ".join(case.name for case in cases)
            raise SystemExit(f"{what} {pattern}: there are {names}")
        found += [case for case in fitting if case not in found]
    return found


def readOptions() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure wsagent beside its peers.")
    add = parser.add_argument
    add("--quick", action="store_true", help="fewer cases and peers, 2 rounds, shorter")
    add("--only", metavar="CASES", help="by name, as in echo-*,memory")
    add("--peers", metavar="PEERS", help="by name; the first one is 1")
    add("--rounds", type=int, help="of all peers in turn [default: 3; quick: 2]")
    add("--seconds", type=float, help="for each turn [default: 1.5; quick: 0.5]")
    add("--python", type=Path, help="a Python that has wsagent and the peers already")
    add("--pure", type=Path, help="the same, with the pure build")
    add("--rst", type=Path, metavar="FILE", help="write the tables there")
    add("--json", type=Path, metavar="FILE", help="write all figures there")
    add("--list", action="store_true", help="say what cases and peers there are")
    return parser.parse_args()


def about(options: argparse.Namespace, tools: Tools) -> dict[str, str]:
    """Say when and where this is, and what is measured."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    cores = len(os.sched_getaffinity(0))
    return {
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "machine": f"{cores} cores, {model}, {platform.system()} {platform.release()}",
        "versions": versions(tools),
        "rounds": f"{options.rounds} rounds of {options.seconds:g} s",
    }


def report(
    options: argparse.Namespace,
    facts: dict[str, str],
    tables: Tables,
    results: Results,
) -> None:
    """Print and write what came out."""
    notes = [*facts.values(), tables.unrest(), *results.failures()]
    notes = [note for note in notes if note]
    sections = list(tables.sections())
    for title, table in sections:
        print(f"{title}\n\n{table}\n")
    print("\n".join(notes))
    if options.rst:
        text = [
            f"{title}\n{'-' * len(title)}\n\n{table}\n" for title, table in sections
        ]
        text += [f"* {note}" for note in notes]
        options.rst.write_text("\n".join([*text, ""]))
    if options.json:
        everything = {"about": facts, **results._asdict()}
        options.json.write_text(json.dumps(everything, indent=1) + "\n")


def main() -> None:
    """Do as the command line says."""
    options = readOptions()
    if options.list:
        for each in [*CASES, *PEERS]:
            print(f"{each.name:<20} {each.title}")
        return
    options.rounds = options.rounds or (2 if options.quick else 3)
    options.seconds = options.seconds or (0.5 if options.quick else 1.5)
    peers: list[Peer] = chosen(PEERS, options.peers, "--peers")
    cases: list[Case] = chosen(CASES, options.only, "--only")
    if options.quick and not options.only:
        cases = [case for case in cases if case.isQuick]
    if options.quick and not options.peers:
        peers = [peer for peer in peers if peer.isQuick]
    for number in (signal.SIGINT, signal.SIGTERM):
        # By an exception, so that all servers end; in the background, too.
        signal.signal(number, lambda *_: sys.exit(1))

    tools = prepare(peers, options.python, options.pure)
    facts = about(options, tools)
    warmup = 0.2 if options.quick else 0.5
    idle = 2000 if options.quick else 10_000
    results = Results.empty()
    try:
        with closing(Bench(tools, options.seconds, warmup, idle)) as bench:
            takeTurns(bench, cases, peers, options.rounds, results)
    finally:
        # Who interrupts a long run gets what there is.
        report(options, facts, Tables(results.figures, cases, peers), results)


if __name__ == "__main__":
    main()
