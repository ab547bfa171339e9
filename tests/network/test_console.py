"""The console of a server, and those who type to it: in pipes, in a terminal."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from .browser import Browser, needsBrowser
from .client import PATIENCE, Client, dial, dialUnix, readAll
from .process import LOCAL, PROGRAMS, waitUntil
from .typist import PAUSE, Typist

CONSOLE = (sys.executable, "-m", "wsagent", "console")
TOP = (sys.executable, "-m", "wsagent", "top")


@pytest.fixture
def server(start):
    """Start a server with a console."""
    return start("--port", LOCAL, "--console", "unix:console.sock")


@pytest.fixture
def agent(server):
    """Connect a client, which stays."""
    with Client(dial(server.port), target="/a/path") as client:
        yield client


def run(folder, text, *place, program=CONSOLE):
    """Run the command in pipes, to its end."""
    return subprocess.run(
        [*program, *place],
        cwd=folder,
        input=text.encode(),
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )


def listed(folder):
    """Give the addresses of the open agents."""
    return list(json.loads(run(folder, "json list").stdout))


def test_pipe(tmp_path, agent):
    """Commands in a pipe are done, and their answers come out."""
    (address,) = listed(tmp_path)
    done = run(tmp_path, f"message {address} hello\nhelp gc\n")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"gc\tCollect garbage\n"
    assert agent.receiveText() == "hello"
    done = run(tmp_path, f"kill {address} 4000 enough\nkill {address}\nx\n")
    assert (done.returncode, done.stdout) == (1, b"")
    gone, unknown = done.stderr.decode().splitlines()
    assert gone.startswith(f"wsagent: kill: '{address}', allowed: the address of ")
    assert unknown == "wsagent: Invalid command, type help for command list"
    assert agent.receiveClose() == 4000


def test_file(tmp_path, server):
    """The socket is its owner's alone, and is gone with the server."""
    path = tmp_path / "console.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    server.stop()
    assert not path.exists()
    done = run(tmp_path, "")
    assert (done.returncode, done.stderr.decode()) == (
        1,
        "wsagent: console.sock: No such file or directory\n",
    )


def test_port(start, tmp_path):
    """On a port alone, it is on this machine only."""
    server = start("--port", LOCAL, "--console", "0")
    _, port = server.ports
    assert "console listening on 127.0.0.1:" in server.log
    done = run(tmp_path, "help gc", str(port))
    assert (done.returncode, done.stdout) == (0, b"gc\tCollect garbage\n")
    # What a browser sends at the behest of a page is done by nobody.
    for octets in (
        b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nsetenv A b\r\n",
        b"GET /setenv/A/b HTTP/1.1\r\n\r\nsetenv A b\r\n",
    ):
        with dial(port) as plain:
            plain.sendall(octets)
            with suppress(ConnectionResetError):
                assert readAll(plain) == b"Welcome to wsagent console\n"
    done = run(tmp_path, "getenv A", str(port))
    assert done.stderr == b"wsagent: getenv: 'A': not set\n"


@needsBrowser
def test_browser(start, tmp_path):
    """A page can send requests to the port, and types nothing by them."""
    server = start("--port", LOCAL, "--console", "0")
    _, console = server.ports
    with Browser(tmp_path) as browser:
        browser.open("data:text/html,<title>a page</title>")
        browser.run(
            f"""
            const form = document.createElement("form");
            form.method = "POST";
            form.enctype = "text/plain";
            form.action = "http://127.0.0.1:{console}/";
            const lines = document.createElement("textarea");
            lines.name = "a";
            lines.value = "\\nsetenv A b\\nsetenv A b\\n";
            form.append(lines);
            document.body.append(form);
            form.submit();
            """
        )
        waitUntil(lambda: " is none: aborted" in server.log, "a browser")
    done = run(tmp_path, "getenv A", str(console))
    assert done.stderr == b"wsagent: getenv: 'A': not set\n"


def test_public(tmp_path):
    """Where another machine could connect, the server does not start."""
    done = subprocess.run(
        [
            *(PROGRAMS / "twistd", "-n", "--pidfile=", "wsagent"),
            *("--port", LOCAL, "--console", "tcp:0"),
        ],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 1
    said = done.stdout + done.stderr
    allowed = "a UNIX socket, or an address of this machine only\n"
    assert re.search(rf"wsagent: console on 0\.0\.0\.0:\d+, allowed: {allowed}", said)
    assert "Traceback" not in said


def test_netcat(tmp_path, server):  # noqa: ARG001 - it runs
    """Who sends FIN behind the last command, as nc does, has all the answers."""
    with dialUnix(str(tmp_path / "console.sock")) as plain:
        plain.sendall(b"help gc\nhelp mem\n")
        plain.shutdown(socket.SHUT_WR)
        lines = readAll(plain).decode().splitlines()
    assert lines[0] == "Welcome to wsagent console"
    assert lines[2::2] == ["<CMD OK>", "<CMD OK>"]


def test_signal(tmp_path, server):
    """C{signal TERM} stops the server, as the signal does."""
    assert run(tmp_path, "signal HUP\nsignal TERM\n").returncode == 0
    server.wait()
    assert "certificates" not in server.log


def test_unread(tmp_path, server):
    """Who types much and reads nothing holds up nobody, and not the end either."""
    with dialUnix(str(tmp_path / "console.sock")) as plain:
        plain.settimeout(1)
        with suppress(TimeoutError):
            while True:
                plain.sendall(b"json settings\n" * 1000)
        assert run(tmp_path, "help gc").returncode == 0
        server.stop()


def test_stops(tmp_path, start):
    """The console is there as long as there are connections to look at."""
    patient = ("--close-timeout", "60", "--drain", "60")
    server = start("--port", LOCAL, "--console", "unix:console.sock", *patient)
    with Client(dial(server.port)) as agent:
        server.signal(signal.SIGTERM)
        waitUntil(lambda: "(TCP Port" in server.log, "a stop")
        done = run(tmp_path, "json info")
        assert json.loads(done.stdout)["isDraining"]
        assert agent.receiveClose() == 1001
    server.wait()
    assert run(tmp_path, "").returncode == 1


def test_terminal(tmp_path, agent):
    """In a terminal words are completed, lines remembered, frames shown meanwhile."""
    folder = str(tmp_path)
    os.chdir(folder)
    (address,) = listed(tmp_path)
    with Typist(folder, program=CONSOLE) as typist:
        typist.read("* connected to console.sock")
        typist.read("> ")
        typist.type("he\tgc\n".replace("\t", "lp "))
        typist.read("gc      Collect garbage")
        typist.read("* OK")
        typist.type("list\n")
        typist.read(address)
        typist.read("* OK")
        typist.type(f"trac\t {address[:4]}\t payloads\n")
        typist.read("* OK")
        typist.type("mes")
        agent.sendText("one\x1b")
        typist.read(f"< {address} < text, 4 octets: 'one\\x1b'")
        typist.type(f"\t {address} two\n")
        typist.read("* OK")
        typist.type("kill :0\n")
        typist.read("* kill: ':0', allowed: ")
        typist.type("\x04")
        assert typist.end() == 0
    assert agent.receiveText() == "one\x1b"
    assert agent.receiveText() == "two"
    history = tmp_path / "wsagent" / "console-history"
    assert history.read_text().splitlines()[0] == "help gc"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


def test_terminalEnds(tmp_path, server):
    """Ctrl-C leaves; when the server goes, that is one line."""
    with Typist(str(tmp_path), program=CONSOLE) as typist:
        typist.read("> ")
        time.sleep(PAUSE)
        typist.type("\x03")
        assert typist.end() == 130
    with Typist(str(tmp_path), program=CONSOLE) as typist:
        typist.read("> ")
        server.stop()
        typist.read("wsagent: console.sock: the server has gone\r\n")
        assert typist.end() == 1


def test_top(tmp_path, agent):
    """C{top} shows agents, whatever the size, and leaves the terminal as it was."""
    (address,) = listed(tmp_path)
    agent.sendText("hello")
    with Typist(str(tmp_path), program=TOP) as typist:
        typist.resize(12, 100)
        typist.read("1 agents, 1 connections")
        typist.read(address)
        typist.read("/a/path")
        typist.type("/nobody\n")
        typist.read("0 with 'nobody', Esc for all")
        typist.type("\x1b>")
        typist.read("received")
        for rows, columns in ((3, 9), (1, 1), (24, 80)):
            typist.resize(rows, columns)
        # What stands there already may be left as it is.
        typist.type("/anybody\n")
        typist.read("0 with 'anybody'")
        typist.type("q")
        assert typist.end() == 0


@pytest.mark.parametrize(
    ("keys", "number", "status"),
    [("\x03", 0, 130), ("", signal.SIGTERM, 143)],
    ids=["Ctrl-C", "TERM"],
)
def test_topEnds(tmp_path, server, keys, number, status):  # noqa: ARG001 - it runs
    """Ctrl-C ends C{top}, and so does a signal; the terminal is as it was."""
    with Typist(str(tmp_path), program=TOP) as typist:
        typist.read("q leaves")
        if keys:
            typist.type(keys)
        else:
            typist.signal(number)
        assert typist.end() == status


def test_topAlone(tmp_path, server):
    """When the server goes, C{top} says so in one line, and ends."""
    with Typist(str(tmp_path), program=TOP) as typist:
        typist.read("q leaves")
        server.stop()
        typist.read("wsagent: console.sock: the server has gone\r\n")
        assert typist.end() == 1
    done = run(tmp_path, "", program=TOP)
    assert done.returncode == 1
    assert b"allowed: in a terminal" in done.stderr
