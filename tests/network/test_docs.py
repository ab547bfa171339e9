"""The commands in the tables of docs/ are run."""

import re
import shlex
import shutil

import pytest

from tests.documents import PAGES, ROOT, rows

from .certificates import selfSigned
from .client import Client, dial, dialTLS

COMMANDS = sorted(
    {command for page in PAGES for r in rows(page) for command in r.commands}
)


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
