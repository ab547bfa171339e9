"""
One target under atheris: C{python -m fuzz.engine TARGET BUILDS [OPTION...]}.

BUILDS are C{all}, or C{compiled}: what is compiled alone.  The options are
libFuzzer's.  Of Python, the engine sees which branches are taken, and what is
compared; of what is compiled, nothing, unless it was compiled for that.
"""

from __future__ import annotations

import sys

import atheris

from tests.core.builds import COMPILED, PURE

from . import targets
from .builds import builds, replay, seeds


def main() -> None:
    """Fuzz until the engine has enough; then the process is over."""
    name, which = sys.argv.pop(1), sys.argv.pop(1)
    chosen = [COMPILED] if which == "compiled" else builds()
    # Left for good: modules are imported when they are needed.
    atheris.instrument_imports(include=[PURE, "wsagent", "jwt"]).__enter__()
    check = targets.load(name).check
    # All that is going to be imported is known to the engine when it starts.
    for path in seeds(name):
        replay(name, chosen, path)
    atheris.Setup(sys.argv, lambda octets: check(octets, chosen))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
