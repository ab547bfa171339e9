"""However it is installed, C{twistd} finds it, compiled or not."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
MODULES = len(
    re.findall('^    "wsagent/.*",$', (ROOT / "setup.py").read_text(), re.MULTILINE)
)
"""So many are compiled."""
ASSETS = {".html", ".css", ".js"}
"""What pages are made of."""

pytestmark = pytest.mark.once
needsCompiler = pytest.mark.skipif(
    not (
        shutil.which("cc") and Path(sysconfig.get_path("include"), "Python.h").exists()
    ),
    reason="needs a C compiler and Python.h",
)


def run(*command, folder, **variables) -> str:
    """Run a program to its end, and give what it says."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        check=False,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def sources(tmp_path):
    """
    Copy what git knows, or would add; it is built with what is here.

    Also what was compiled for the tests: it is not compiled again unless it is
    older than its source.
    """
    pytest.importorskip("setuptools", minversion="77")
    copy = tmp_path / "sources"
    listed = run(
        *("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"),
        folder=ROOT,
    )
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    for folder in ("cython", f"lib.{sysconfig.get_platform()}-{cacheTag()}"):
        if (ROOT / "build" / folder).exists():
            shutil.copytree(ROOT / "build" / folder, copy / "build" / folder)
    return copy


def cacheTag() -> str:
    """Name this Python, as in C{cpython-311}."""
    return sys.implementation.cache_tag


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


def pip(*arguments, folder, **variables) -> str:
    """Run pip, without a look at PyPI; give what it was told of the build."""
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--verbose")
    said = run(
        *(sys.executable, "-m", "pip", *arguments, *options),
        folder=folder,
        **variables,
    )
    lines = [line.strip() for line in said.splitlines()]
    return "\n".join(line for line in lines if line.startswith("wsagent: "))


def twistd(python, *arguments) -> str:
    """Run C{twistd} in an environment, from a folder that has nothing of ours."""
    code = "from twisted.scripts.twistd import run; run()"
    return run(python, "-I", "-c", code, *arguments, folder=python.parent)


def isCompiled(python) -> bool:
    """Ask an environment which build it has; it serves in any case."""
    assert "A WebSocket server (RFC 6455)" in twistd(python, "--help")
    assert "--drain" in twistd(python, "wsagent", "--help")
    code = "import wsagent; print(wsagent.__compiled__)"
    said = run(python, "-I", "-c", code, folder=python.parent).strip()
    assert said in ("True", "False")
    return said == "True"


def compiledIn(folder: Path) -> list[Path]:
    """List the compiled modules in a folder."""
    return sorted((folder / "wsagent").rglob(f"*{SUFFIX}"))


def installed(python) -> Path:
    """Give the folder that packages are in."""
    (packages,) = python.parents[1].glob("lib/*/site-packages")
    return packages


def notCompiled(why: str) -> str:
    """Write the line that says so."""
    return f"wsagent: not compiled, {why}; it works, but is slower"


PURE = {"WSAGENT_PURE": "1"}


def test_absent(fresh):
    """Without an installation there is none: what follows means something."""
    assert "wsagent" not in twistd(fresh, "--help")


@needsCompiler
@pytest.mark.parametrize("how", [["."], ["--editable", "."]], ids=["copy", "editable"])
def test_install(sources, fresh, how):
    """C{pip install .}, and with C{--editable}, make it known, and compile it."""
    assert pip("--python", fresh, "install", *how, folder=sources) == ""
    assert isCompiled(fresh)


@pytest.mark.parametrize("how", [["."], ["--editable", "."]], ids=["copy", "editable"])
def test_installPure(sources, fresh, how):
    """So they do with C{WSAGENT_PURE=1}, and compile nothing."""
    said = pip("--python", fresh, "install", *how, folder=sources, **PURE)
    assert said == notCompiled("as WSAGENT_PURE asks")
    assert not isCompiled(fresh)


def test_wheel(sources, fresh, tmp_path):
    """A wheel makes it known, and has what is ours and nothing else."""
    pip("wheel", "--wheel-dir", tmp_path, ".", folder=sources, **PURE)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    pip("--python", fresh, "install", wheel, folder=tmp_path)
    assert not isCompiled(fresh)
    ours = [path for path in installed(fresh).glob("wsagent/**/*") if path.is_file()]
    suffixes = {path.suffix for path in ours if "__pycache__" not in path.parts}
    assert suffixes == {".py", ".typed", *ASSETS}
    code = "from wsagent.web.pages import Page; print(len(Page('page').body))"
    assert int(run(fresh, "-I", "-c", code, folder=fresh.parent)) > 1000
    plugins = installed(fresh) / "twisted"
    assert sorted(each.name for each in plugins.iterdir()) == ["plugins"]
    assert not (installed(fresh) / "tests").exists()


@needsCompiler
def test_wheelOfSdist(sources, fresh, tmp_path):
    """An sdist is all that it takes to compile a wheel, from nothing."""
    code = "from setuptools.build_meta import build_sdist; build_sdist('..')"
    run(sys.executable, "-c", code, folder=sources)
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
    assert not [name for name in names if name.endswith((SUFFIX, "/connection.c"))]
    assert pip("wheel", "--wheel-dir", tmp_path, sdist, folder=tmp_path) == ""
    (wheel,) = tmp_path.glob("*.whl")
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    assert f"-{tag}-{tag}-" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith("wsagent/")]
    assert sum(name.endswith(SUFFIX) for name in names) == MODULES
    others = {Path(name).suffix for name in names if not name.endswith(SUFFIX)}
    assert others == {".py", ".typed", *ASSETS}
    pip("--python", fresh, "install", wheel, folder=tmp_path)
    assert isCompiled(fresh)


@needsCompiler
def test_neverHalf(sources, fresh, tmp_path):
    """A compiler that fails in the end leaves nothing, of earlier builds neither."""
    install = ("--python", fresh, "install", "--editable", ".")
    pip(*install, folder=sources)
    assert len(compiledIn(sources)) == MODULES
    compiler = tmp_path / "failing"
    compiler.write_text('#!/bin/sh\ncase "$*" in *wire*) exit 3; esac\nexec cc "$@"\n')
    compiler.chmod(0o755)
    for name in ("wire.py", "core/masking.pyx"):
        (sources / "wsagent" / name).touch()
    said = pip(*install, folder=sources, CC=str(compiler))
    assert said.count("\n") == 0
    assert said.startswith("wsagent: not compiled, CompileError: ")
    assert compiledIn(sources) == []
    assert not isCompiled(fresh)


@needsCompiler
def test_editablePure(sources, fresh):
    """An editable install that is pure is so after one that was compiled, too."""
    install = ("--python", fresh, "install", "--editable", ".")
    pip(*install, folder=sources)
    assert isCompiled(fresh)
    other = sources / "wsagent" / "core" / "framing.cpython-27-other.so"
    other.touch()
    pip(*install, folder=sources, **PURE)
    assert compiledIn(sources) == []
    assert other.exists(), "another Python's"
    assert not isCompiled(fresh)
    pip(*install, folder=sources)
    assert isCompiled(fresh)


def test_noCompiler(sources, fresh, tmp_path):
    """Where no C compiler is, it is pure, and the wheel says so."""
    shutil.rmtree(sources / "build", ignore_errors=True)
    said = pip(
        *("wheel", "--wheel-dir", tmp_path, "."),
        folder=sources,
        CC="",
        PATH=str(fresh.parent),
    )
    assert said.count("\n") == 0
    assert said.startswith("wsagent: not compiled, ")
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if name.endswith(SUFFIX)]


def test_noCython(sources, fresh, tmp_path):
    """Without Cython, it is pure."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "Cython.py").write_text("raise ImportError('hidden')")
    said = pip(
        *("--python", fresh, "install", "."),
        folder=sources,
        PYTHONPATH=str(tmp_path / "hidden"),
    )
    assert said == notCompiled("without Cython")
    assert not isCompiled(fresh)
