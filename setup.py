"""
The packages, and those of their modules that are compiled.

All else is in pyproject.toml.  C{twisted.plugins} is named by hand: neither
C{twisted/} nor C{twisted/plugins/} may have an C{__init__.py}, which would
shadow Twisted.
"""

import os
import platform
import sys
import sysconfig
from pathlib import Path
from textwrap import shorten

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

try:
    from Cython.Build import cythonize
except ImportError:
    cythonize = None

# What a message passes on its way.  Beside each .py, or in its place, is what
# Cython needs.
COMPILED = [
    "wsagent/core/masking.pyx",
    "wsagent/core/framing.py",
    "wsagent/core/messages.py",
    "wsagent/core/outgoing.py",
    "wsagent/core/connection.py",
    "wsagent/core/deflate.py",
    "wsagent/core/permessage.py",
    "wsagent/delivery.py",
    "wsagent/timing.py",
    "wsagent/keepalive.py",
    "wsagent/outlet.py",
    "wsagent/pacing.py",
    "wsagent/sending.py",
    "wsagent/sockets/lane.py",
    "wsagent/sockets/system.pyx",
    "wsagent/sockets/transport.py",
    "wsagent/wire.py",
    "wsagent/broadcasting.py",
    "wsagent/speaking.py",
]


def extension(source: str) -> Extension:
    """Say how a module is compiled."""
    return Extension(
        str(Path(source).with_suffix("")).replace("/", "."),
        [source],
        depends=["setup.py", *sorted(map(str, Path("wsagent").rglob("*.h")))],
        include_dirs=["wsagent/core", "wsagent/sockets"],
        extra_compile_args=["-O3", "-g0"] if os.name == "posix" else [],
    )


def hindrance() -> str | None:
    """Say why nothing is to be compiled, if that is known beforehand."""
    if os.environ.get("WSAGENT_PURE", "0") not in ("", "0"):
        return "as WSAGENT_PURE asks"
    if platform.python_implementation() != "CPython":
        return f"on {platform.python_implementation()}"
    if cythonize is None:
        return "without Cython"
    folders = {sysconfig.get_path(name) for name in ("include", "platinclude")}
    if not any((Path(folder) / "Python.h").exists() for folder in folders):
        return "without Python.h (on Debian, it is in python3-dev)"
    return None


class BuildOrLeaveOut(build_ext):
    """Compile all, or nothing."""

    def finalize_options(self) -> None:
        """Let each processor compile."""
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def run(self) -> None:
        """Leave all out where that cannot be compiled, and say why in one line."""
        isInPlace = bool(self.inplace)
        if isInPlace:
            # Else these were in a folder that is gone: all would be made anew.
            name = f"{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
            self.build_lib = f"build/lib.{name}"
            self.build_temp = f"build/temp.{name}"
        why = hindrance()
        if why is None:
            try:
                self._translate()
                super().run()
            except Exception as error:  # noqa: BLE001 - Python runs without it
                why = shorten(f"{type(error).__name__}: {error}", 120)
        if why is not None:
            sys.stderr.write(f"wsagent: not compiled, {why}; it works, but is slower\n")
            self._leaveOut("" if isInPlace else self.build_lib)

    def _translate(self) -> None:
        """Have Cython write C."""
        written = cythonize(
            self.extensions,
            build_dir="build/cython",
            # Annotations are the type checker's.
            compiler_directives={
                "annotation_typing": False,
                "binding": False,
                # As inspect.signature reads it.
                "embedsignature": True,
                "embedsignature.format": "clinic",
                "language_level": 3,
            },
        )
        sources = {each.name: each.sources for each in written}
        for each in self.extensions:
            each.sources = sources[each.name]

    def _leaveOut(self, folder: str) -> None:
        """Have nothing compiled in a folder, of this build or an earlier one."""
        for each in self.extensions:
            Path(folder, self.get_ext_filename(each.name)).unlink(missing_ok=True)
        self.extensions = self.distribution.ext_modules = []
        # It was asked before we knew.
        self.get_finalized_command("bdist_wheel").root_is_pure = True


setup(
    packages=[*find_packages(include=["wsagent", "wsagent.*"]), "twisted.plugins"],
    # Said even so: then an editable install is a line in a .pth file, the only
    # kind in which Twisted finds plugins.
    package_dir={"": "."},
    # What Cython needs is in the sources only.
    include_package_data=False,
    package_data={"wsagent": ["py.typed"], "wsagent.web": ["assets/*"]},
    ext_modules=[extension(source) for source in COMPILED],
    cmdclass={"build_ext": BuildOrLeaveOut},
)
