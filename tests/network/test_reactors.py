"""The fast lane on each of Twisted's reactors, in processes of their own."""

import importlib.util
import select
import subprocess
import sys
from pathlib import Path

import pytest

import wsagent

from .client import PATIENCE

pytestmark = pytest.mark.skipif(
    not hasattr(select, "epoll"), reason="there is no fast lane without epoll"
)

ROOT = Path(wsagent.__file__).parent.parent


def have(reactor: str, deed: str) -> str:
    """Have a process do something on a reactor; give what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.network.alone", reactor, deed],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        timeout=2 * PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.endswith("done\n")
    return done.stdout


@pytest.mark.parametrize("deed", ["echoes", "stopped"])
@pytest.mark.parametrize("reactor", ["epoll", "poll", "select", "asyncio", "uvloop"])
def test_reactors(reactor, deed):
    """Any reactor with file descriptors will do, and is left clean."""
    if reactor == "uvloop" and importlib.util.find_spec("uvloop") is None:
        pytest.skip("uvloop is not installed")
    assert have(reactor, deed) == ("told\n" if deed == "stopped" else "") + "done\n"


@pytest.mark.parametrize("reactor", ["epoll", "select"])
@pytest.mark.parametrize("deed", ["nested", "replaced"])
def test_nested(reactor, deed):
    """A callback may run the reactor, and with it the lane."""
    have(reactor, deed)


def test_forked():
    """A process may fork before it has a lane."""
    have("select", "forked")


def test_flooded():
    """A flood leaves room for timers, and for others."""
    have("epoll", "flooded")
