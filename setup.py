"""
The packages, and those of their modules that are compiled.

All else is in pyproject.toml.  C{twisted.plugins} is named by hand: neither
C{twisted/} nor C{twisted/plugins/} may have an C{__init__.py}, which would
shadow Twisted.
"""

import os
import platform
import sys
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CCompilerError, ExecError, PlatformError

# What a message passes on its way.  Beside each .py, or in its place, is what
# Cython needs.
COMPILED = [
    "wsagent/core/masking.pyx",
    "wsagent/core/framing.py",
    "wsagent/core/messages.py",
    "wsagent/core/outgoing.py",
    "wsagent/core/connection.py",
    "wsagent/delivery.py",
    "wsagent/keepalive.py",
    "wsagent/sending.py",
    "wsagent/sockets/lane.py",
    "wsagent/sockets/system.pyx",
    "wsagent/sockets/transport.py",
    "wsagent/wire.py",
    "wsagent/broadcasting.py",
]


def say(why: str) -> None:
    """Say in one line that nothing is compiled."""
    sys.stderr.write(f"wsagent: not compiled, {why}; it works, but is slower\n")


def extensions() -> list[Extension]:
    """List what is to be compiled; nothing, where that cannot be done."""
    if os.environ.get("WSAGENT_PURE", "0") not in ("", "0"):
        say("as WSAGENT_PURE asks")
    elif platform.python_implementation() != "CPython":
        say(f"on {platform.python_implementation()}")
    else:
        try:
            from Cython.Build import cythonize
        except ImportError:
            say("without Cython")
        else:
            return cythonize(
                [
                    Extension(
                        str(Path(each).with_suffix("")).replace("/", "."),
                        [each],
                        include_dirs=["wsagent/core", "wsagent/sockets"],
                        extra_compile_args=["-O3"] if os.name == "posix" else [],
                    )
                    for each in COMPILED
                ],
                build_dir="build/cython",
                # Annotations are the type checker's.
                compiler_directives={
                    "annotation_typing": False,
                    "binding": False,
                    "language_level": 3,
                },
            )
    return []


class BuildOrLeaveOut(build_ext):
    """Compile all, or nothing."""

    def run(self) -> None:
        """Leave all out if there is no compiler, or it fails."""
        try:
            super().run()
        except (CCompilerError, ExecError, PlatformError, OSError) as error:
            (first, *_) = str(error).splitlines() or [type(error).__name__]
            say(first)
            for output in self.get_outputs():
                Path(output).unlink(missing_ok=True)
            self.extensions.clear()


setup(
    packages=[*find_packages(include=["wsagent", "wsagent.*"]), "twisted.plugins"],
    # Said even so: then an editable install is a line in a .pth file, the only
    # kind in which Twisted finds plugins.
    package_dir={"": "."},
    package_data={"wsagent": ["py.typed"]},
    ext_modules=extensions(),
    cmdclass={"build_ext": BuildOrLeaveOut},
)
