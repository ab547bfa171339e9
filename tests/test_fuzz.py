"""The targets of fuzzing hold, with all inputs that are kept."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from unittest import skipUnless

from twisted.trial.unittest import SynchronousTestCase

from fuzz import targets
from fuzz.builds import CORPUS, builds, replay, seeds
from fuzz.choices import Choices, cut
from fuzz.seeds import SEEDS

from .core.builds import load, unload
from .core.notation import row

ROOT = CORPUS.parents[1]
LARGEST = 65_536
"""Octets of one target's inputs, all together."""


class ReplayTests(SynchronousTestCase):
    """Inputs that once mattered."""

    def test_targets(self) -> None:
        """Each target has inputs, few and small, and holds with all of them."""
        self.addCleanup(unload, load())
        for name in targets.NAMES:
            paths = seeds(name)
            self.assertLess(sum(path.stat().st_size for path in paths), LARGEST, name)
            self.assertNotEqual(paths, [], name)
            for path in paths:
                replay(name, builds(), path)

    def test_seeds(self) -> None:
        """The inputs to start with are those that C{fuzz.seeds} writes."""
        self.assertEqual(sorted(SEEDS), targets.NAMES)
        for name, written in SEEDS.items():
            found = [
                path.read_bytes() for path in sorted((CORPUS / name).glob("seed-*"))
            ]
            with row(name):
                self.assertEqual(found, list(written()))

    def test_dictionaries(self) -> None:
        """Each dictionary is a target's."""
        for path in CORPUS.with_name("dictionaries").iterdir():
            self.assertIn(path.stem, targets.NAMES)

    def test_failing(self) -> None:
        """A target that does not hold says with which input."""
        path = Path(self.mktemp())
        path.write_bytes(b"")
        self.patch(targets.load("tunnel"), "check", lambda *_: 1 / 0)
        error = self.assertRaises(AssertionError, replay, "tunnel", [], path)
        self.assertIn(f"tunnel with {path}: ZeroDivisionError", str(error))


class ChoicesTests(SynchronousTestCase):
    """How an input is read."""

    def test_choices(self) -> None:
        """Each choice takes one octet; behind the end, it is the first."""
        choices = Choices(b"\x05\x06\x03\x01rest")
        self.assertEqual(choices.number(), 5)
        self.assertEqual(choices.one("abcd"), "c")
        self.assertEqual(choices.bits(3), [True, True, False])
        self.assertTrue(choices.number())
        self.assertEqual(choices.rest(), b"rest")
        self.assertEqual(Choices(b"").one("abcd"), "a")
        self.assertEqual(Choices(b"").sizes(), [0, 0])

    def test_cut(self) -> None:
        """Pieces have the sizes by turns, and lose nothing."""
        self.assertEqual(cut(b"abcdefg", [2, 3]), [b"ab", b"cde", b"fg"])
        self.assertEqual(cut(b"abc", [0, 0]), [b"a", b"b", b"c"])
        self.assertEqual(cut(b"abc", [0, 2]), [b"", b"ab", b"", b"c"])
        self.assertEqual(cut(b"", [1, 1]), [b""])


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the program."""
    return subprocess.run(
        [sys.executable, "-m", "fuzz", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class ProgramTests(SynchronousTestCase):
    """C{python -m fuzz}."""

    def test_list(self) -> None:
        """It says what there is."""
        listed = run("--list").stdout
        for name in targets.NAMES:
            self.assertIn(f"{name} ", listed)

    def test_unknown(self) -> None:
        """An unknown target is refused, and those that are known are named."""
        done = run("nonsense")
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"nonsense, allowed: {targets.NAMES[0]}, ", done.stderr)

    def test_replay(self) -> None:
        """An input that was found is given to its target again."""
        done = run("tunnel", "--replay", seeds("tunnel")[0])
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    @skipUnless(find_spec("atheris"), "atheris is not installed: it is wsagent[fuzz]")
    def test_engine(self) -> None:
        """The engine runs, and says what it did."""
        done = run("tunnel", "--engine=-runs=50")
        self.assertEqual(done.returncode, 0, done.stderr)
        name, _, executions, coverage, *_ = done.stdout.splitlines()[1].split()
        self.assertEqual(name, "tunnel")
        self.assertGreaterEqual(int(executions), 50)
        self.assertGreater(int(coverage), 0)
