"""The commands of README.rst and docs/ are run, each page from its top to its end."""

import re
import shlex
import shutil

import pytest

from tests.documents import PAGES, ROOT, Command, rows, session

from .certificates import selfSigned
from .client import Client, dial, dialTLS
from .session import Session

TYPED = sorted(
    page
    for page in (ROOT / "README.rst", *(ROOT / "docs").glob("*.rst"))
    if any(isinstance(step, Command) for step in session(page))
)
ELSEWHERE = {
    "make run": "it is what follows, in a venv",
    "make test": "we are it",
    "python3 -m venv venv": "we have one",
    ". venv/bin/activate": "we are in it",
    "pip install .": "test_packaging.py",
    "wsagent connect --wait none ws://localhost:8001/events < /dev/null | jq .name": (
        "until somebody stops it"
    ),
}
"""What is not typed here, and why."""
OWN = {
    "behind-a-proxy.rst": "test_fronts.py",
    "systemd.rst": "test_systemd.py",
    "tls.rst": "test_certificates.py",
    "tutorial.rst": "test_tutorial.py",
}
"""Pages that have tests of their own."""

OTHERS = ("curl", "jq")
"""Programs that need not be here."""

COMMANDS = sorted(
    {command for page in PAGES for r in rows(page) for command in r.commands}
)


def typed(step) -> str:
    """Give a command without its remark; of a file, nothing."""
    return step.line.partition(" # ")[0].rstrip() if isinstance(step, Command) else ""


@pytest.mark.parametrize("command", COMMANDS)
def test_command(start, tmp_path, command):
    """A command serves, in a folder with C{echo.py} and a certificate."""
    selfSigned(tmp_path)
    shutil.copy(ROOT / "examples" / "echo.py", tmp_path)
    # A port that is free, and the shell's line of two lines.
    words = re.sub(r"\b8(001|443)\b", "0", re.sub(r"\\\n +>", "", command))
    server = start(*shlex.split(words))
    isSecure = "ssl:" in command
    with Client((dialTLS if isSecure else dial)(server.port)) as client:
        client.sendText("hello")
        assert client.receiveText() == "hello"


def test_nothingIsForgotten():
    """Each page with commands is typed, and none is left out that is on no page."""
    assert set(OWN) <= {page.name for page in TYPED}
    lines = {typed(step) for page in TYPED for step in session(page)}
    assert set(ELSEWHERE) <= lines


@pytest.mark.parametrize(
    "page",
    [page for page in TYPED if page.name not in OWN],
    ids=lambda page: page.name,
)
def test_session(tmp_path, page):
    """All that is typed does what the page says, in a folder with C{echo.py}."""
    for name in ("echo.py", "test_echo.py"):
        shutil.copy(ROOT / "examples" / name, tmp_path)
    with Session(tmp_path) as at:
        at.do(Command("twistd -n wsagent --port 8001", ""))
        for step in session(page):
            line = typed(step)
            program = line.partition(" ")[0]
            isMissing = program in OTHERS and not shutil.which(program)
            if line not in ELSEWHERE and not isMissing:
                at.do(step)
