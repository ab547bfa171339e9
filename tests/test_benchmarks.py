"""The benchmarks run, as far as that takes no peers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import skipUnless
from xml.dom.minidom import parse

from twisted.trial.unittest import SynchronousTestCase

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def run(program, *arguments):
    """Run a program of the benchmarks."""
    return subprocess.run(
        [sys.executable, f"{BENCHMARKS}/{program}", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@skipUnless(sys.platform == "linux" and shutil.which("cc"), "it is for Linux, and C")
class BenchmarkTests(SynchronousTestCase):
    """C{run.py} measures, C{plot.py} draws."""

    def test_bare(self):
        """The server in C is measured, in each way that it has."""
        figures = Path(self.mktemp()).absolute()
        done = run(
            "run.py",
            *("--quick", "--peers=bare", f"--python={sys.executable}"),
            "--only=echo-32,flight-32,echo-1m-bytes,broadcast,handshakes,memory",
            *("--rounds=1", "--seconds=0.05", f"--json={figures}"),
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("not measured", done.stdout)
        found = json.loads(figures.read_text())["figures"]
        self.assertEqual(len(found), 6)
        for case in found.values():
            [turn] = case["bare"]
            self.assertGreater(turn.get("cpu") or turn["memory"], 0)

        picture = figures.with_suffix(".svg")
        done = run("plot.py", f"{figures}", f"{picture}")
        self.assertEqual(done.returncode, 0, done.stderr)
        parse(f"{picture}").unlink()

    def test_list(self):
        """The cases and the peers are listed."""
        listed = run("run.py", "--list").stdout
        self.assertIn("\necho-1k ", listed)
        self.assertIn("\npicows ", listed)
