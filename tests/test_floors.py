"""What stands on what: a module imports only from the floors below its own."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from twisted.trial.unittest import SynchronousTestCase

import wsagent

# One line a floor, the ground first.
FLOORS = """
core.__init__ core.codes core.masking core.paths
core.errors
core.deflate core.framing core.heads
core.extensions core.tunnels
core.handshake core.messages core.outgoing core.permessage
core.connection core.forwarded core.responses
core.preface
addresses build conversation descriptors errors interfaces sockets.__init__ web.__init__
console.__init__ sockets.system sources web.pages web.requests
console.commanding logs notifying turns
access credentials
certificates schemes settings tokens webtokens sockets.transport timing tls urls
accepting lines sending sockets.lane
delivery ending keepalive limits progress proxies sockets.adoption
outlet pacing parting tracing
traffic wire
checkers draining forwarding guard memory speaking statistics
protocol
loading routing web.sites
answering authoptions broadcasting settingoptions siteoptions web.passage
demo opening prefacing server
attempt blocking endpoints inspection service terminal testing web.resource
console.agentcommands console.asking console.columns console.processcommands
client survey talk
console.servercommands
console.commands console.consoling console.top web.metrics
console.protocol web.gate
web.orders
web.board
web.admin
operatingoptions
tap
cli reconnecting
__init__ __main__
"""

# What only names a type of a floor above, for the type checker.
NAMED_ONLY = {
    ("answering", "server"),
    ("attempt", "client"),
    ("interfaces", "wire"),
    ("sockets.transport", "sockets.lane"),
}

FOLDER = Path(wsagent.__file__).parent
FLOOR_OF = {
    name: floor
    for floor, names in enumerate(FLOORS.strip().splitlines())
    for name in names.split()
}


class Import(NamedTuple):
    """One name that a module imports."""

    module: str
    name: str
    isInFunction: bool
    isForTypes: bool
    line: int


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Parse each module."""
    for path in sorted(FOLDER.rglob("*.py")):
        name = ".".join(path.relative_to(FOLDER).with_suffix("").parts)
        yield name, ast.parse(path.read_text("utf-8"), str(path))


def imports(
    name: str,
    node: ast.AST,
    isInFunction: bool = False,
    isForTypes: bool = False,
) -> Iterator[Import]:
    """Find the imports of a module, with their whole names."""
    for child in ast.iter_child_nodes(node):
        inFunction = isInFunction or isinstance(
            child,
            (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda),
        )
        forTypes = isForTypes or (
            isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        )
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, "", inFunction, forTypes, child.lineno)
        elif isinstance(child, ast.ImportFrom):
            module = child.module or ""
            if child.level:
                package = ["wsagent", *name.split(".")][: -child.level]
                module = ".".join([*package, module] if module else package)
            for alias in child.names:
                yield Import(module, alias.name, inFunction, forTypes, child.lineno)
        else:
            yield from imports(name, child, inFunction, forTypes)


def ownModule(found: Import) -> str | None:
    """Name the module of ours that is imported, if it is one."""
    if found.module.split(".")[0] != "wsagent":
        return None
    inner = found.module.split(".")[1:]
    for parts in ([*inner, found.name], inner, [*inner, "__init__"]):
        if ".".join(parts) in FLOOR_OF:
            return ".".join(parts)
    return ".".join(inner) or "__init__"


class FloorsTests(SynchronousTestCase):
    """Tests for the floors of the package."""

    def test_everyModuleHasAFloor(self) -> None:
        """The table has each module, once, and nothing else."""
        self.assertEqual(sorted(FLOORS.split()), sorted(name for name, _ in sources()))

    def test_onlyDownwards(self) -> None:
        """A module imports only from the floors below its own."""
        wrong = []
        named = set()
        for name, tree in sources():
            for found in imports(name, tree):
                target = ownModule(found)
                if target is None:
                    continue
                if found.isForTypes and (name, target) in NAMED_ONLY:
                    named.add((name, target))
                elif FLOOR_OF.get(target, 99) >= FLOOR_OF.get(name, 0):
                    wrong.append(f"{name}:{found.line} imports {target}")
        self.assertEqual(wrong, [])
        self.assertEqual(named, NAMED_ONLY)

    def test_coreNeedsNothing(self) -> None:
        """The core imports the standard library and itself only."""
        wrong = []
        for name, tree in sources():
            for found in imports(name, tree) if name.startswith("core.") else ():
                target = ownModule(found)
                top = found.module.split(".")[0]
                if not (target or top).startswith("core.") and (
                    target or top not in sys.stdlib_module_names
                ):
                    wrong.append(f"{name}:{found.line} imports {found.module}")
        self.assertEqual(wrong, [])

    def test_noReactor(self) -> None:
        """The reactor is imported inside functions only: nobody's choice is made."""
        wrong = [
            f"{name}:{found.line}"
            for name, tree in sources()
            for found in imports(name, tree)
            if not found.isInFunction
            and "reactor" in (found.name, found.module.split(".")[-1])
        ]
        self.assertEqual(wrong, [])

    def test_noWeb(self) -> None:
        """Twisted's own HTTP is nowhere outside C{wsagent.web}."""
        wrong = [
            f"{name}:{found.line}"
            for name, tree in sources()
            for found in imports(name, tree)
            if name.split(".")[0] != "web"
            and f"{found.module}.{found.name}.".startswith("twisted.web.")
        ]
        self.assertEqual(wrong, [])

    def test_webIsLate(self) -> None:
        """Nor is it imported for who has no use for it."""
        program = (
            "import sys, wsagent, wsagent.tap\n"
            "isThere = 'twisted.web' in sys.modules\n"
            "assert wsagent.WebSocketResource.__name__ == 'WebSocketResource'\n"
            "print(isThere, 'twisted.web' in sys.modules)"
        )
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, capture_output=True, check=False, text=True)
        self.assertEqual((done.stderr, done.stdout), ("", "False True\n"))
