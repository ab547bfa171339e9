"""The core of both builds in one process: as it is compiled, and of its sources."""

from __future__ import annotations

import importlib
import io
import pickle
import sys
from enum import Enum
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import wsagent

FOLDER = Path(wsagent.__file__).parent
PURE = "wsagentSources"
"""The package that has the core once more, of its sources."""


class SourcesFinder(MetaPathFinder):
    """Finds the modules of L{PURE}: Python, also where there is something compiled."""

    def find_spec(
        self, fullname: str, path: object, target: object = None
    ) -> ModuleSpec | None:
        """Find a source."""
        package, *inner = fullname.split(".")
        if package != PURE or not inner:
            return None
        folder = FOLDER.joinpath(*inner)
        if folder.is_dir():
            places = [str(folder)]
            source = folder / "__init__.py"
            return spec_from_file_location(
                fullname, source, submodule_search_locations=places
            )
        return spec_from_file_location(fullname, folder.with_suffix(".py"))


class Build:
    """The core of one build."""

    def __init__(self, package: str) -> None:
        """@param package: that it is in."""
        self.package = package

    def __getattr__(self, name: str) -> ModuleType:
        """Import one of its modules."""
        if name.startswith("_"):
            raise AttributeError(name)
        return self.part(f"core.{name}")

    def part(self, name: str) -> ModuleType:
        """Import a module that is not of the core."""
        whole = f"{self.package}.{name}"
        return sys.modules.get(whole) or importlib.import_module(whole)

    def moved(self, state: object) -> Any:
        """Take a state of any build as another process would, from its octets."""
        build = self

        class Unpickler(pickle.Unpickler):
            def find_class(self, module: str, name: str) -> Any:
                package, dot, inner = module.partition(".")
                if package in (PURE, "wsagent"):
                    module = build.package + dot + inner
                return super().find_class(module, name)

        return Unpickler(io.BytesIO(pickle.dumps(state))).load()


COMPILED, SOURCES = Build("wsagent"), Build(PURE)


def plain(value: object) -> Any:
    """Take the classes of a build off a value."""
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    return value.value if isinstance(value, Enum) else value


def load() -> MetaPathFinder:
    """Let the sources be imported, until L{unload} gets what this returns."""
    root = ModuleType(PURE)
    root.__path__ = []
    finder = SourcesFinder()
    sys.modules[PURE] = root
    sys.meta_path.insert(0, finder)
    return finder


def unload(finder: MetaPathFinder) -> None:
    """Forget the sources."""
    sys.meta_path.remove(finder)
    for name in [name for name in sys.modules if name.split(".")[0] == PURE]:
        del sys.modules[name]
