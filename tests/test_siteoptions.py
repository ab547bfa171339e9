"""L{wsagent.siteoptions}: who answers what is no WebSocket."""

import os
import sys
from pathlib import Path

from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from wsagent.siteoptions import SiteOptions
from wsagent.tap import Options

from .core.notation import row

SHOP = """\
from twisted.web.resource import Resource
from twisted.web.server import Site

class Front(Resource):
    isLeaf = True
    def render_GET(self, request):
        return b"hello"

def broken():
    raise RuntimeError("no database\\nhere")

front = Front()
site = Site(front)
number = 1
"""


def parsed(*arguments, options=SiteOptions):
    """Read a command line."""
    told = options()
    told.parseOptions(arguments)
    return told


class SiteOptionsTests(SynchronousTestCase):
    """C{--static} and C{--web}."""

    def setUp(self):
        """Be in a folder with a module."""
        folder = Path(self.mktemp())
        (folder / "public").mkdir(parents=True)
        (folder / "shop.py").write_text(SHOP)
        self.addCleanup(sys.modules.pop, "shop", None)
        self.addCleanup(sys.path.__setitem__, slice(None), list(sys.path))
        self.addCleanup(os.chdir, Path.cwd())
        os.chdir(folder)

    def test_none(self):
        """Told nothing, the demo has its page, and others have nothing."""
        self.assertIsNone(parsed().makeSite(isDemo=False))
        page = parsed().makeSite(isDemo=True).resource.children[b""]
        self.assertIn(b"<title>wsagent</title>", page.body)

    def test_static(self):
        """C{--static} has the files of a folder, for the demo too."""
        for isDemo in (False, True):
            site = parsed("--static", "public").makeSite(isDemo)
            self.assertEqual(site.resource.path, str(Path("public").absolute()))

    def test_web(self):
        """C{--web} has a resource, a class of one, or a whole site."""
        for name in ("shop:front", "shop:Front", "shop:site", "shop.front"):
            with row(name):
                site = parsed("--web", name).makeSite(isDemo=True)
                self.assertIsInstance(site.resource, sys.modules["shop"].Front)

    def test_factory(self):
        """The server has it, whichever applications it has."""
        for more in (
            (),
            ("--app=wsagent.demo:Echo",),
            ("--route=/a=wsagent.demo:Echo",),
        ):
            options = parsed("--web=shop:front", *more, options=Options)
            with row(more):
                site = options.makeFactory().site
                self.assertIs(site.resource, sys.modules["shop"].front)

    def test_wrong(self):
        """What is none of these is refused in one line."""
        what = "a twisted.web resource or site, or what makes one when it is called"
        for arguments, said in (
            (["--static", "nowhere"], "--static nowhere: allowed: a folder"),
            (["--static", "shop.py"], "--static shop.py: allowed: a folder"),
            (["--web", "front"], "--web front: allowed: module:resource"),
            (["--web", "shop:"], "--web shop:: allowed: module:resource"),
            (["--web", "nosuch:a"], "--web nosuch:a: ModuleNotFoundError: No module"),
            (["--web", "shop:nosuch"], "--web shop:nosuch: AttributeError: module"),
            (["--web", "shop:number"], f"--web shop:number: int, allowed: {what}"),
            (["--web", "shop:broken"], "--web shop:broken: RuntimeError: no database"),
            (
                ["--web", "shop:front", "--static", "public"],
                "--static public: allowed: one of them, told: --web shop:front",
            ),
            (
                ["--static", "public", "--static", "public"],
                "--static public: allowed: one of them, told: --static public",
            ),
        ):
            with row(arguments):
                error = self.assertRaises(usage.UsageError, parsed, *arguments)
                self.assertTrue(str(error).startswith(said), str(error))
                self.assertNotIn("\n", str(error))
