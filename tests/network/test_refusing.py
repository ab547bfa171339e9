"""What cannot be started is said in one line, with status 1."""

import errno
import os
import socket

import pytest

from .process import LOCAL, run, waitUntil


def refusal(folder, *arguments, program=("twistd", "-n")) -> str:
    """Give the one line that a server says instead of serving."""
    done = run(*program, "wsagent", *arguments, folder=folder)
    assert done.returncode == 1, done
    (line,) = [
        each
        for each in (done.stderr + done.stdout).splitlines()
        # What twistd says of itself, with the time.
        if not each.startswith("20")
    ]
    assert "Traceback" not in done.stdout
    return line


PORTS = "0 to 65535, or an endpoint such as tcp:8001:interface=127.0.0.1"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--port", "99999"], f"--port 99999: allowed: {PORTS}"),
        (["--port", "eighty"], "--port eighty: "),
        (["--port", "ssl:0:privateKey=none.pem"], "--port ssl:0:privateKey=none.pem: "),
        (["--bogus"], "option --bogus not recognized"),
        (["8001"], "8001: allowed: options only"),
        (["--drain", "soon"], "--drain soon: allowed: seconds over 0"),
        (["--origin", "example.com"], "--origin example.com: allowed: such as"),
        (["--subprotocol", "a=b:C"], "--subprotocol a=b:C: ModuleNotFoundError: "),
        (["--app", "nosuch:App"], "--app nosuch:App: ModuleNotFoundError: "),
        (["--app", "wsagent:Settings"], "--app wsagent:Settings: allowed: a subclass"),
        (["--app", "wrong:App"], "--app wrong:App: SyntaxError: "),
        (["--static", "wrong.py"], "--static wrong.py: allowed: a folder"),
        (["--web", "wrong"], "--web wrong: allowed: module:resource"),
        (["--web", "wrong:App"], "--web wrong:App: SyntaxError: "),
        (["--web", "os:sep"], "--web os:sep: str, allowed: a twisted.web resource"),
        (["--static=.", "--web=twisted.web.static:File"], "--web twisted.web.static:"),
        (
            ["--static=.", "--web=twisted.web.resource:Resource"],
            "--web twisted.web.resource:Resource: allowed: one of them, told: --static",
        ),
    ],
)
def test_refusal(tmp_path, arguments, line):
    """One line says what was told, what is wrong with it, and what is allowed."""
    (tmp_path / "wrong.py").write_text("class App(:\n")
    assert refusal(tmp_path, *arguments).startswith(f"wsagent: {line}")


@pytest.fixture
def taken():
    """Give a port that somebody else listens on."""
    with socket.socket() as plain:
        plain.bind(("127.0.0.1", 0))
        plain.listen()
        yield f"tcp:{plain.getsockname()[1]}:interface=127.0.0.1"


@pytest.mark.parametrize("program", [("twistd", "-n"), ("twistd",), ("twist",)])
def test_taken(tmp_path, taken, program):
    """A port in use is one line, and leaves no pidfile; as a daemon, too."""
    done = run(*program, "wsagent", "--port", taken, folder=tmp_path)
    log = tmp_path / "twistd.log"

    def said() -> str:
        return done.stdout + done.stderr + (log.read_text() if log.exists() else "")

    assert done.returncode == 1
    # A daemon tells who has started it first, and cleans up afterwards.
    waitUntil(lambda: os.strerror(errno.EADDRINUSE) in said(), "why")
    waitUntil(lambda: not (tmp_path / "twistd.pid").exists(), "no pidfile")
    assert "Traceback" not in said()


def test_takenSecond(tmp_path, taken):
    """A second port in use ends it, though the first was free."""
    command = ("twistd", "-n", "wsagent", "--port", LOCAL, "--port", taken)
    done = run(*command, folder=tmp_path)
    assert done.returncode == 1
    assert "wsagent: Couldn't listen on 127.0.0.1:" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_twist(tmp_path):
    """Under C{twist} it is one line, too."""
    line = refusal(tmp_path, "--port", "99999", program=("twist",))
    assert line == f"wsagent: --port 99999: allowed: {PORTS}"


def test_help(tmp_path):
    """The help names each option, with its unit and default, and no traceback."""
    done = run("twistd", "wsagent", "--help", folder=tmp_path)
    assert done.returncode == 0
    words = " ".join(done.stdout.split())
    assert "--drain= seconds for all to close on a stop [default: 30]" in words
    assert "--port= Port to listen on, or an endpoint" in words


def test_listed(tmp_path):
    """C{twistd --help} names it."""
    done = run("twistd", "--help", folder=tmp_path)
    assert done.returncode == 0
    assert "A WebSocket server (RFC 6455)" in done.stdout
