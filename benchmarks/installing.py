"""What is needed to measure, made under C{.venv/} when it is first needed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from roster import HERE, Peer, Tools

ROOT = HERE.parent
PLACE = ROOT / ".venv"
SOURCES = ("wsagent", "twisted", "setup.py", "pyproject.toml", "README.rst")
"""What wsagent is made of."""

NODE_PEERS = ("ws@8.23.0", "bufferutil@4.1.0")
_LIBRARIES = {
    "zlib": ("zlib.h", "-DHAVE_ZLIB", ["-lz"]),
    "OpenSSL": ("openssl/ssl.h", "-DHAVE_OPENSSL", ["-lssl", "-lcrypto"]),
}

_VERSIONS = """
import pathlib, platform, sys, wsagent
from importlib.metadata import version
isCompiled = any(pathlib.Path(wsagent.__file__).parent.rglob("*.so"))
build = "compiled" if isCompiled else "not compiled"
named = [f"{name} {version(name)}" for name in sys.argv[1:]]
ours = f"wsagent {version('wsagent')} {build}"
print(f"Python {platform.python_version()}", ours, *named, sep=", ")
"""
"""Asks an environment what it has."""


def say(line: str) -> None:
    """Tell who waits what is done; standard output is for the tables."""
    print(line, file=sys.stderr, flush=True)


def _run(command: list[str], **more: str) -> None:
    """Run a program, and end with its output if it fails."""
    done = subprocess.run(
        command,
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


def _isNewer(sources: Iterable[Path], made: Path) -> bool:
    """Ask whether something has to be made again."""
    if not made.exists():
        return True
    files = [
        file
        for source in sources
        for file in (source, *source.rglob("*"))
        if file.is_file() and file.suffix not in (".html", ".pyc", ".so")
    ]
    return max(file.stat().st_mtime for file in files) > made.stat().st_mtime


def compileLoad() -> tuple[Path, tuple[str, ...]]:
    """
    Compile the program in C.

    @return: it, and the names of the libraries that it lacks.
    """
    flags, libraries, lacks = [], [], []
    for name, (header, flag, more) in _LIBRARIES.items():
        probe = ["cc", "-fsyntax-only", "-include", header, "-x", "c", "/dev/null"]
        if subprocess.run(probe, capture_output=True, check=False).returncode:
            lacks.append(name)
        else:
            flags.append(flag)
            libraries += more
    load = PLACE / "bench-load" / "load"
    sources = sorted((HERE / "load").glob("*.[ch]"))
    if _isNewer(sources, load):
        load.parent.mkdir(parents=True, exist_ok=True)
        options = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-D_GNU_SOURCE"]
        files = [f"{file}" for file in sources if file.suffix == ".c"]
        _run(["cc", *options, *flags, *files, "-o", f"{load}", *libraries])
    return load, tuple(lacks)


def _install(name: str, **environment: str) -> Path:
    """
    Make an environment with all peers in it, and wsagent as it is now.

    @return: its Python.
    """
    place = PLACE / name
    python = place / "bin" / "python"
    pip = [f"{python}", "-m", "pip", "install", "--quiet"]
    peers = HERE / "requirements.txt"
    if _isNewer([peers], place / "peers"):
        say(f"setting up {place.relative_to(ROOT)}")
        _run([sys.executable, "-m", "venv", f"{place}"])
        _run([*pip, f"--requirement={peers}"])
        (place / "peers").touch()
    sources = [ROOT / source for source in SOURCES]
    if _isNewer(sources, place / "wsagent"):
        say(f"installing wsagent into {place.relative_to(ROOT)}")
        with tempfile.TemporaryDirectory() as copy:
            # In the tree itself, one build would find what another has left.
            left = shutil.ignore_patterns("*.so", "__pycache__")
            for source in sources:
                if source.is_dir():
                    shutil.copytree(source, Path(copy, source.name), ignore=left)
                else:
                    shutil.copy(source, copy)
            _run([*pip, "--force-reinstall", "--no-deps", copy], **environment)
        (place / "wsagent").touch()
    return python


def _installNode() -> Path | None:
    """Have C{ws}, if node is there; give the folder that has it."""
    place = PLACE / "bench-node"
    if not (shutil.which("node") and shutil.which("npm")):
        return None
    if not (place / "node_modules" / "ws").exists():
        place.mkdir(parents=True, exist_ok=True)
        _run(["npm", "install", "--silent", f"--prefix={place}", *NODE_PEERS])
    return place


def _certify() -> Path | None:
    """Make a certificate and its key, if OpenSSL is there."""
    pem = PLACE / "bench-load" / "certificate.pem"
    if not shutil.which("openssl"):
        return None
    if not pem.exists():
        key = ["-newkey", "rsa:2048", "-nodes", "-keyout", f"{pem}.key"]
        who = ["-subj", "/CN=localhost", "-days", "3650", "-out", f"{pem}.crt"]
        _run(["openssl", "req", "-x509", *key, *who])
        pem.write_text(Path(f"{pem}.key").read_text() + Path(f"{pem}.crt").read_text())
    return pem


def prepare(peers: Iterable[Peer], python: Path | None, pure: Path | None) -> Tools:
    """
    Have all that these peers need.

    @param python: has wsagent and the peers already; C{None}: make an environment.
    @param pure: the same, with the pure build.
    """
    if not shutil.which("cc"):
        raise SystemExit("the load is a program in C: please install a compiler, cc")
    modules = {peer.module for peer in peers}
    names = {peer.name for peer in peers}
    load, lacks = compileLoad()
    if python is None:
        python = _install("bench")
        if "wsagent-pure" in names:
            pure = pure or _install("bench-pure", WSAGENT_PURE="1")
    node = _installNode() if "ws" in modules else None
    return Tools(python, pure, load, node, _certify(), lacks)


def versions(tools: Tools) -> str:
    """Name what the environment has, and the commit of wsagent."""
    names = [
        re.split(r"[\[=]", line)[0]
        for line in (HERE / "requirements.txt").read_text().splitlines()
        if not line.startswith("#")
    ]
    found = [_answer(f"{tools.python}", "-c", _VERSIONS, *names)]
    if tools.node:
        found.append(f"node {_answer('node', '--version')}")
        found.append(", ".join(NODE_PEERS).replace("@", " "))
    if commit := _answer("git", "-C", f"{ROOT}", "describe", "--always", "--dirty"):
        found.append(f"commit {commit}")
    return ", ".join(each for each in found if each)


def _answer(*command: str) -> str:
    """Give what a program prints, nothing if it fails."""
    try:
        # Not where wsagent's sources are: they would be imported.
        done = subprocess.run(
            command,
            cwd=HERE,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
