"""L{wsagent.build}, and that what runs is one build and not a mixture."""

import re
from importlib import import_module
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import wsagent
from wsagent import build

ROOT = Path(wsagent.__file__).parents[1]


def compiled() -> list[Path]:
    """List the sources that are compiled where they can be."""
    text = (ROOT / "setup.py").read_text("utf-8")
    return [
        Path(name) for name in re.findall('^    "(wsagent/.*)",$', text, re.MULTILINE)
    ]


class BuildTests(SynchronousTestCase):
    """The build that runs."""

    def test_whole(self):
        """All modules that can be compiled are, or none is, and it says which."""
        self.assertIs(wsagent.__compiled__, build.isCompiled)
        for source in compiled():
            name = ".".join(source.with_suffix("").parts)
            isPython = import_module(name).__file__.endswith(".py")
            self.assertEqual(isPython, not build.isCompiled, name)

    def test_fresh(self):
        """What is compiled is compiled of these sources: else C{make} again."""
        if not build.isCompiled:
            self.skipTest("the build that runs is not compiled")
        for source in compiled():
            name = ".".join(source.with_suffix("").parts)
            built = Path(import_module(name).__file__).stat().st_mtime
            for found in (ROOT / source, (ROOT / source).with_suffix(".pxd")):
                isNewer = found.exists() and found.stat().st_mtime > built
                self.assertFalse(isNewer, f"{found} is newer than what runs")

    def test_namespaces(self):
        """What a module logs bears its name, compiled or not."""
        loggers = {}
        for path in (ROOT / "wsagent").rglob("*.py"):
            if path.stem != "__main__":
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                logger = getattr(import_module(name), "_log", None)
                if logger is not None:
                    loggers[name] = logger.namespace
        self.assertIn("wsagent.wire", loggers)
        self.assertEqual(loggers, {name: name for name in loggers})

    def test_described(self):
        """People are told in words."""
        for isCompiled, words in ((True, "compiled"), (False, "pure Python")):
            self.patch(build, "isCompiled", isCompiled)
            self.assertEqual(build.describeBuild(), words)
