"""C{docs/systemd.rst}: sockets that somebody else has opened, and the unit files."""

import shlex
import shutil
import socket
import subprocess

import pytest

from tests.documents import ROOT, Command, File, session

from .client import Client, dial, request
from .process import PROGRAMS, Server, waitUntil
from .session import Session

PAGE = ROOT / "docs" / "systemd.rst"
CHAT = ROOT / "docs" / "tutorial" / "presence" / "chat.py"

# As systemd does: the socket as descriptor 3, and who is meant by that.
ACTIVATE = """
exec 3<&"$1"
export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=chat
exec "${@:2}"
"""


def activated(folder, listening: socket.socket, port: str) -> Server:
    """Start a server that is given a socket."""
    number = listening.fileno()
    return Server(
        folder,
        *("/bin/bash", "-c", ACTIVATE, "bash", str(number)),
        *(str(PROGRAMS / "twistd"), "-n", "wsagent", "--port", port),
        passed=(number,),
    )


@pytest.mark.parametrize("which", ["index=0", "name=chat"])
def test_activation(tmp_path, which):
    """A socket is served that systemd has opened, by its name or its place."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = activated(tmp_path, listening, f"systemd:domain=INET:{which}")
        try:
            with Client(dial(listening.getsockname()[1])) as client:
                assert client.echoes()
        finally:
            server.stop()


def test_restart(tmp_path):
    """Who comes between two servers waits, and is served by the second."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        activated(tmp_path, listening, "systemd:domain=INET:index=0").stop()
        with dial(port) as waiting:
            waiting.sendall(request())
            server = activated(tmp_path, listening, "systemd:domain=INET:index=0")
            try:
                assert waiting.recv(12) == b"HTTP/1.1 101"
            finally:
                server.stop()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
def test_units(tmp_path):
    """There is nothing wrong, says systemd, with the unit files."""
    units = [step for step in session(PAGE) if isinstance(step, File)]
    assert [unit.name for unit in units] == ["chat.socket", "chat.service"]
    for name, text in units:
        assert "/srv/chat/venv/bin/twistd" in text or name != "chat.service"
        here = text.replace("/srv/chat/venv/bin", str(PROGRAMS))
        (tmp_path / name).write_text(here)
    done = subprocess.run(
        ["systemd-analyze", "verify", *(tmp_path / name for name, _ in units)],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="needs systemd")
def test_command(tmp_path):
    """The command that tries it serves the first one who comes."""
    shutil.copy(CHAT, tmp_path)
    (command,) = (step.line for step in session(PAGE) if isinstance(step, Command))
    port = int(Session(tmp_path).port("8001"))
    line = command.replace("8001", str(port)).replace("twistd", f"{PROGRAMS}/twistd")
    log = tmp_path / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(shlex.split(line), cwd=tmp_path, stderr=output) as process,
    ):
        try:
            waitUntil(lambda: b"Listening on" in log.read_bytes(), "a socket")
            with Client(dial(port), target="/tea?name=ann") as client:
                assert client.receiveText() == '{"present": ["ann"]}'
        finally:
            process.terminate()
