"""However it is installed, C{twistd} finds it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.packaging


def run(*command, folder) -> str:
    """Run a program to its end, and give what it says."""
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def sources(tmp_path):
    """Copy what git knows, or would add; it is built with what is here."""
    pytest.importorskip("setuptools", minversion="77")
    copy = tmp_path / "sources"
    listed = run(
        *("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"),
        folder=ROOT,
    )
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    return copy


@pytest.fixture
def fresh(tmp_path):
    """Make an environment with all that is in this one, but for ourselves."""
    folder = tmp_path / "fresh"
    run(sys.executable, "-m", "venv", "--without-pip", folder, folder=tmp_path)
    (packages,) = (folder / "lib").glob("*/site-packages")
    # A .pth file in there, as of an editable install, is not heeded.
    others = [path for path in sys.path if path.endswith("-packages")]
    (packages / "others.pth").write_text("\n".join(others) + "\n")
    return folder / "bin" / "python"


def pip(*arguments, folder) -> None:
    """Run pip, without a look at PyPI."""
    options = ("--no-deps", "--no-build-isolation", "--no-index")
    run(sys.executable, "-m", "pip", *arguments, *options, folder=folder)


def twistd(python, *arguments) -> str:
    """Run C{twistd} in an environment, from a folder that has nothing of ours."""
    code = "from twisted.scripts.twistd import run; run()"
    return run(python, "-I", "-c", code, *arguments, folder=python.parent)


def test_absent(fresh):
    """Without an installation there is none: what follows means something."""
    assert "wsagent" not in twistd(fresh, "--help")


@pytest.mark.parametrize("how", [["."], ["--editable", "."]], ids=["copy", "editable"])
def test_install(sources, fresh, how):
    """C{pip install .}, and with C{--editable}, make it known."""
    pip("--python", fresh, "install", *how, folder=sources)
    assert "A WebSocket server (RFC 6455)" in twistd(fresh, "--help")
    assert "--drain" in twistd(fresh, "wsagent", "--help")


def test_wheel(sources, fresh, tmp_path):
    """A wheel makes it known, and has what is ours and nothing else."""
    pip("wheel", "--wheel-dir", tmp_path, ".", folder=sources)
    (wheel,) = tmp_path.glob("*.whl")
    pip("--python", fresh, "install", wheel, folder=tmp_path)
    assert "A WebSocket server (RFC 6455)" in twistd(fresh, "--help")
    (packages,) = fresh.parents[1].glob("lib/*/site-packages")
    assert (packages / "wsagent" / "py.typed").exists()
    assert sorted(each.name for each in (packages / "twisted").iterdir()) == ["plugins"]
    assert not (packages / "tests").exists()
