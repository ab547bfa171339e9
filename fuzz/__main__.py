"""
Fuzz all targets, or some, one after the other, for a bounded time.

Exits with 1 if one of them has found something: octets are in C{build/fuzz/},
and C{--replay} gives them to the target again.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from . import targets
from .builds import CORPUS, builds, replay

HERE = Path(__file__).parent
OUTPUT = HERE.parent / "build" / "fuzz"
LONGEST = 4096
"""Octets of an input, at most."""
MEMORY = 2048
"""MiB that a target may take, with what the engine knows."""
PATIENCE = 20
"""Seconds that one input may take."""


class Found(NamedTuple):
    """What came of a run."""

    name: str
    seconds: float
    executions: int
    coverage: int
    features: int
    inputs: int
    failed: bool

    @classmethod
    def read(cls, name: str, seconds: float, log: str, failed: bool) -> Found:
        """Read what libFuzzer has said."""
        told = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", log)
        done = re.findall(r"(?:number_of_executed_units: |^#)(\d+)", log, re.MULTILINE)
        executions, *figures = map(int, (*done[-1:], *(told[-1] if told else "000")))
        return cls(name, seconds, executions, *figures, failed)


HEADINGS = ("target", "seconds", "executions", "coverage", "features", "inputs", "")


def row(cells: tuple[object, ...]) -> str:
    """Write a row of the table."""
    return "".join(
        f"{cell!s:<12}" if index == 0 else f"{cell!s:>12}"
        for index, cell in enumerate(cells)
    ).rstrip()


def fuzz(name: str, seconds: float, which: str, more: list[str]) -> Found:
    """
    Run a target in a process of its own.

    @param which: C{all} builds, or what is C{compiled} alone, for the engine.
    @param more: options of libFuzzer.
    """
    folder = OUTPUT / name
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds:.0f}",
        f"-max_len={LONGEST}",
        f"-rss_limit_mb={MEMORY}",
        f"-timeout={PATIENCE}",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
        *more,
    ]
    dictionary = HERE / "dictionaries" / f"{name}.txt"
    if dictionary.exists():
        options.append(f"-dict={dictionary}")
    log = folder / "log"
    began = time.monotonic()
    with log.open("w") as output:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "fuzz.engine", name, which),
                *(*options, corpus, CORPUS / name),
            ],
            cwd=HERE.parent,
            stdout=output,
            stderr=output,
            check=False,
        )
    text = log.read_text(errors="replace")
    failed = done.returncode != 0
    if failed:
        print(text[-3000:], file=sys.stderr)
        print(f"{name}: see {log}", file=sys.stderr)
    return Found.read(name, round(time.monotonic() - began), text, failed)


def main() -> None:
    """Do as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="target", help="by default, all")
    parser.add_argument("--seconds", type=float, default=60, help="for each target")
    parser.add_argument(
        "--list", action="store_true", help="say what targets there are"
    )
    parser.add_argument(
        "--replay",
        action="append",
        type=Path,
        metavar="FILE",
        help="give this input to the target, once, without the engine",
    )
    parser.add_argument(
        "--compiled",
        action="store_true",
        help="what is compiled alone, for the engine: see make asan-fuzz",
    )
    parser.add_argument(
        "--engine",
        action="append",
        default=[],
        metavar="OPTION",
        help="an option of libFuzzer, as --engine=-jobs=2",
    )
    options = parser.parse_args()
    which = "compiled" if options.compiled else "all"
    names = options.names or (targets.COMPILED if options.compiled else targets.NAMES)
    if unknown := set(names) - set(targets.NAMES):
        parser.error(f"{', '.join(unknown)}, allowed: {', '.join(targets.NAMES)}")
    if options.list:
        for name in names:
            print(f"{name:<12}{(targets.load(name).__doc__ or '').split(chr(10))[1]}")
        return
    if options.replay:
        for name in names:
            for path in options.replay:
                replay(name, builds(), path)
        return
    if find_spec("atheris") is None:
        parser.error("atheris is not installed: pip install wsagent[fuzz]")
    print(row(HEADINGS), flush=True)
    failures = 0
    for name in names:
        found = fuzz(name, options.seconds, which, options.engine)
        failures += found.failed
        print(row((*found[:-1], "FOUND" if found.failed else "")), flush=True)
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
