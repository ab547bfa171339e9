"""C{docs/systemd.rst}: sockets that it has opened, what it is told, and the units."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time

import pytest

from tests.documents import ROOT, Command, File, session
from tests.systemd import Systemd

from .client import Client, dial, request
from .process import LOCAL, PROGRAMS, Server, end, run, waitUntil
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


# Blocks the reactor, until somebody writes into a pipe with a name.
BLOCKING = """
from wsagent import WebSocketProtocol

class Blocking(WebSocketProtocol):
    def textMessageReceived(self, message):
        with open(message) as pipe:
            self.sendTextMessage(pipe.read())
"""

# As systemd does: who is to be told, and who is meant to be alive.
NOTIFY = """
export NOTIFY_SOCKET="$1" WATCHDOG_USEC="$2" WATCHDOG_PID=$$
exec "${@:3}"
"""


@pytest.fixture
def systemd():
    """Hear what a service says, at an abstract address."""
    listening = Systemd("")
    yield listening
    listening.close()


def notifying(systemd, *command, watchdogTimeout=60.0):
    """Give the command that has a service say how it goes."""
    microseconds = str(round(watchdogTimeout * 1e6))
    return (
        *("/bin/bash", "-c", NOTIFY, "bash", systemd.address, microseconds),
        *(str(PROGRAMS / "twistd"), *command),
    )


def hear(systemd, name):
    """Wait until something is said; give its lines, and what was said before."""
    datagrams = []

    def isThere():
        datagrams.extend(systemd.heard())
        return any(name in lines for lines in datagrams)

    waitUntil(isThere, name)
    place = next(n for n, lines in enumerate(datagrams) if name in lines)
    return datagrams[place], datagrams[:place]


def test_notify(tmp_path, systemd):
    """A server says that it is ready when it is, that it reloads, and that it stops."""
    command = notifying(systemd, "-n", "wsagent", "--port", LOCAL)
    server = Server(tmp_path, *command)
    try:
        lines, before = hear(systemd, "READY=1")
        assert before == []
        where = f"STATUS=listening on 127.0.0.1:{server.port}"
        assert lines == ["READY=1", where]
        with Client(dial(server.port)) as client:
            assert client.echoes()
            server.signal(signal.SIGHUP)
            hear(systemd, "READY=1")
            server.signal()
            lines, before = hear(systemd, "STOPPING=1")
            assert before == []
            assert lines[1:] == [
                "EXTEND_TIMEOUT_USEC=40000000",
                "STATUS=draining, connections left: 1",
            ]
            assert client.receiveClose() == 1001
        server.wait()
        assert systemd.heard() == [["STATUS="]]
    finally:
        server.stop()


def test_port(tmp_path, systemd):
    """A server that cannot listen is never ready."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        where = f"tcp:{port}:interface=127.0.0.1"
        done = run(
            *notifying(systemd, "-n", "wsagent", "--port", LOCAL, "--port", where),
            folder=tmp_path,
        )
    assert done.returncode == 1
    assert systemd.heard() == []


def test_child(tmp_path, systemd):
    """What an application starts cannot speak for it: it does not know to whom."""
    (tmp_path / "telling.py").write_text(
        "import os\n"
        "from wsagent import WebSocketProtocol\n"
        "class Telling(WebSocketProtocol):\n"
        "    def textMessageReceived(self, message):\n"
        "        self.sendTextMessage(' '.join(sorted(os.environ)))\n",
    )
    command = ("-n", "wsagent", "--port", LOCAL, "--app", "telling:Telling")
    server = Server(tmp_path, *notifying(systemd, *command))
    try:
        with Client(dial(server.port)) as client:
            client.sendText("")
            names = client.receiveText().split()
        assert "PATH" in names
        assert not {name for name in names if "NOTIFY" in name or "WATCHDOG" in name}
    finally:
        server.stop()


def test_daemon(tmp_path, systemd):
    """A daemon speaks for the process that was started, which is gone."""
    pidfile, logfile = tmp_path / "pid", tmp_path / "log"
    files = (f"--pidfile={pidfile}", f"--logfile={logfile}")
    command = (*files, "wsagent", "--port", LOCAL)
    done = run(*notifying(systemd, *command, watchdogTimeout=0.2), folder=tmp_path)
    pid = int(pidfile.read_text())
    try:
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        hear(systemd, "READY=1")
        hear(systemd, "WATCHDOG=1")
        os.kill(pid, signal.SIGTERM)
        hear(systemd, "STOPPING=1")
        waitUntil(lambda: not pidfile.exists(), "its end")
        assert "Traceback" not in logfile.read_text()
    finally:
        end(pid)


def blocked(tmp_path, systemd):
    """Start a server, and block its reactor; give both and the pipe."""
    (tmp_path / "blocking.py").write_text(BLOCKING)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = ("-n", "wsagent", "--port", LOCAL, "--app", "blocking:Blocking")
    server = Server(
        tmp_path,
        *("/usr/bin/env", "PYTHONFAULTHANDLER=1"),
        *notifying(systemd, *command, watchdogTimeout=0.2),
    )
    hear(systemd, "WATCHDOG=1")
    client = Client(dial(server.port))
    client.sendText(str(pipe))
    # Once it is quiet, it is blocked: five pings would have come.
    waitUntil(lambda: time.sleep(0.5) or not systemd.heard(), "a blocked reactor")
    return server, client, pipe


def test_watchdog(tmp_path, systemd):
    """A watchdog hears of a server as long as its reactor goes round."""
    server, client, pipe = blocked(tmp_path, systemd)
    try:
        with client:
            time.sleep(1)
            assert systemd.heard() == []
            pipe.write_text("enough")
            assert client.receiveText() == "enough"
            hear(systemd, "WATCHDOG=1")
            hear(systemd, "WATCHDOG=1")
    finally:
        server.stop()


def test_blocked(tmp_path, systemd):
    """Ended by the watchdog's signal, it says where it was blocked."""
    server, client, _ = blocked(tmp_path, systemd)
    with client:
        server.signal(signal.SIGABRT)
        assert server.wait() == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in server.log
    where = r'File ".*/blocking.py", line 6 in textMessageReceived\n'
    assert re.search(where, server.log), server.log


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
