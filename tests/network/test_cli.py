"""The command itself, in pipes and in a terminal."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
import pytest_twisted

from tests.scripts import Authority, Server
from wsagent import RequestRejected

from .client import PATIENCE, Client, dial
from .inside import Agent, Echo, inThread, until
from .typist import COMMAND, PAUSE, Typist

# Between two lines, it waits until something is typed.
BETWEEN = """
import select, sys
from wsagent.terminal import Terminal
terminal = Terminal(sys.stdout)
terminal.open()
terminal.read()
terminal.tell("between")
select.select([0], [], [])
terminal.tell("typed")
try:
    terminal.tell(f"a line: {terminal.read()}")
except EOFError:
    terminal.tell("the end")
terminal.close()
"""


def run(*arguments, text="", **keywords):
    """Run the command in pipes, to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        input=text.encode(),
        capture_output=True,
        check=False,
        timeout=PATIENCE,
        **keywords,
    )


def said(done) -> str:
    """Give the one line that was said in place of messages."""
    assert done.stdout == b"", done
    (line,) = done.stderr.decode().splitlines()
    return line


def url(server) -> str:
    """Say where a server is."""
    return f"ws://127.0.0.1:{server.port}/"


def test_pipe(demo):
    """Lines go in, lines come out, and all ends well."""
    done = run(url(demo), text="hi\nthere", env={**os.environ, "LC_ALL": "C"})
    assert (done.returncode, done.stdout, done.stderr) == (0, b"hi\nthere\n", b"")


def test_options(demo):
    """What was asked for is agreed on: a subprotocol, compression, octets."""
    done = run("--compress", "--binary", "raw", url(demo), text="a\0b\n")
    assert (done.returncode, done.stdout) == (0, b"a\0b\n")


def test_head(demo):
    """When nobody reads its output any more, it says goodbye."""
    with subprocess.Popen(
        [*COMMAND, "--subprotocol", "dumb-increment-protocol", url(demo)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline() == b"0\n"
        process.stdout.close()
        assert process.wait(PATIENCE) == 0
        assert process.stderr.read() == b""


def test_closedInput(demo):
    """Without input it only listens, and without output it only talks."""
    for closing in ("<&-", ">&-", "2>&-"):
        command = " ".join([*COMMAND, "--wait", "0", url(demo), closing])
        done = subprocess.run(
            ["sh", "-c", command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=PATIENCE,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_interruptedPipe(demo):
    """SIGINT closes with 1000, and is status 130."""
    with subprocess.Popen(
        [*COMMAND, url(demo)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdin.write(b"hi\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"hi\n"
        time.sleep(PAUSE)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert process.stderr.read() == b""


def test_nobodyThere():
    """A port where nobody listens is told in one line, with status 1."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    done = run(f"ws://user:secret@127.0.0.1:{port}/")
    assert done.returncode == 1
    assert said(done) == f"wsagent: ws://127.0.0.1:{port}/: Connection refused"


def test_noAnswer():
    """A server that does not answer is given up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        there = f"ws://127.0.0.1:{listening.getsockname()[1]}/"
        done = run("--timeout", "0.2", there)
    assert done.returncode == 1
    assert said(done) == f"wsagent: {there}: not open in 0.2 s, see --timeout"


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "no WebSocket: "),
        (
            b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n",
            "refused with status 302, see /there",
        ),
        (
            b"HTTP/1.1 401 No\r\nContent-Length: 16\r\n\r\n\n you \x1b[2J\nnot you",
            r"refused with status 401: you \x1b[2J",
        ),
    ],
)
def test_otherAnswer(answer, line):
    """An answer that is no WebSocket's is told in one line, escaped."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def script(_):
            served, _ = listening.accept()

            def answering(server):
                server.readRequest()
                server.send(answer)
                server.socket.shutdown(socket.SHUT_WR)
                server.readAll()

            Server(served, answering).join()

        server = Server(socket.socket(), script)
        there = f"ws://127.0.0.1:{listening.getsockname()[1]}/"
        done = run(there)
        server.join()
    assert done.returncode == 1
    assert said(done).startswith(f"wsagent: {there}: {line}")
    assert said(done).isprintable()


@pytest_twisted.ensureDeferred
async def test_refused(listen):
    """A refusal is told with its status and the first line of its body."""

    class Refusing(Agent):
        def requestReceived(self, request):
            asked.append((request.headers.get("x-key"), request.origin))
            raise RequestRejected(403, body="not today\nnor ever")

    asked = []
    server = await listen(Refusing)
    here = f"http://127.0.0.1:{server.port}"
    done = await inThread(run, "--header", "X-Key: 7", "--origin", here, url(server))
    assert done.returncode == 1
    assert said(done).endswith("refused with status 403: not today")
    assert asked == [(b"7", here)]


def test_insecure(start, certificate):
    """Who is not known is trusted only when that is asked for."""
    server = start("--port", f"ssl:0:{certificate}:interface=127.0.0.1")
    there = f"wss://127.0.0.1:{server.port}/"
    done = run(there)
    assert done.returncode == 1
    why = "self-signed certificate, see --cacert and --insecure"
    assert said(done) == f"wsagent: {there}: {why}"
    done = run("--insecure", there, text="hi")
    assert (done.returncode, done.stdout) == (0, b"hi\n")


def test_authority(tmp_path):
    """A certificate of an authority that is named is trusted, for its own host."""
    authority = Authority(tmp_path)
    tls = authority.server("localhost")
    trusted = ("--cacert", str(tmp_path / "authority.pem"))
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def script(_):
            served, _ = listening.accept()

            def echoing(server):
                server.open()
                server.echo()

            Server(served, echoing, tls).join()

        server = Server(socket.socket(), script)
        there = f"wss://localhost:{listening.getsockname()[1]}/"
        done = run(*trusted, "--wait", "0", there, text="hi")
        server.join()
    assert (done.returncode, done.stdout) == (0, b"hi\n"), done


def test_typing(demo, tmp_path):
    """What comes while a line is typed appears above it, and disturbs nothing."""
    mirror = "lws-mirror-protocol"
    with (
        Client(dial(demo.port), [mirror]) as other,
        Typist(tmp_path, "--subprotocol", mirror, url(demo)) as typist,
    ):
        typist.read(mirror)
        typist.read("> ")
        typist.type("half")
        typist.read("half")
        # A row is inserted, and the cursor goes back to where it was.
        other.sendText("evil \x1b[2J" + 60 * "x")
        typist.read("\x1b7\r\x1b[L\x1b[?7l< evil \\x1b[2J" + 46 * "x" + "\x1b[?7h\x1b8")
        typist.read("  " + 14 * "x" + "\x1b[?7h")
        assert other.receiveText().startswith("evil")
        typist.type(" a line\x01One ")
        typist.type("\r")
        assert other.receiveText() == "One half a line"
        typist.read("< One half a line")
        typist.type("\x04")
        typist.read("* closed by us with 1000")
        assert typist.end() == 0


@pytest_twisted.ensureDeferred
async def test_commands(listen, tmp_path):
    """A person pings, sends octets, and closes as wished."""
    server = await listen(Echo)

    def script():
        with Typist(tmp_path, "--json", url(server)) as typist:
            typist.read("> ")
            typist.type("/pi\t\r")
            typist.read("* pong after ")
            assert re.match(r"[0-9]+\.[0-9] ms", typist.screen)
            typist.type("/hex 00 ff\r")
            typist.read("# 00 ff")
            typist.type('{"a":1}\r')
            typist.read('    "a": 1')
            typist.type("/help\r")
            typist.read("* /ping")
            typist.type("/close 4000 why\r")
            typist.read("* closed by us with 4000: why")
            return typist.end()

    assert await inThread(script) == 0
    await until(lambda: server.losses, "an end")
    assert (server.losses[0].code, server.losses[0].reason) == (4000, "why")


@pytest_twisted.ensureDeferred
async def test_interrupted(listen, tmp_path):
    """Ctrl-C closes with 1000, whatever was being typed."""
    server = await listen()

    def script():
        with Typist(tmp_path, url(server)) as typist:
            typist.read("> ")
            typist.type("half")
            typist.read("half")
            time.sleep(PAUSE)
            typist.type("\x03")
            typist.read("* closed by us with 1000")
            return typist.end()

    assert await inThread(script) == 130
    await until(lambda: server.losses, "an end")
    assert (server.losses[0].code, server.losses[0].initiator) == (1000, "peer")


@pytest_twisted.ensureDeferred
async def test_serverCloses(listen, tmp_path):
    """When the server closes, nobody has to press a key."""

    class Closer(Agent):
        def textMessageReceived(self, message):
            self.loseConnection(4001, "enough")

    server = await listen(Closer)

    def script():
        with Typist(tmp_path, url(server)) as typist:
            typist.read("> ")
            typist.type("go\rhalf")
            typist.read("wsagent: closed by the server with 4001: enough")
            return typist.end()

    assert await inThread(script) == 1


@pytest.mark.parametrize(
    ("keys", "more", "answer"),
    [
        ("\x04", "", "the end"),
        ("xy", "z\x7fz\r", "a line: b'xyz'"),
        ("x\x01y\r", "", "a line: b'yx'"),
    ],
)
def test_typedBetween(tmp_path, keys, more, answer):
    """What is typed between two lines is not lost, nor shown before its time."""
    with Typist(tmp_path, program=(sys.executable, "-c", BETWEEN)) as typist:
        typist.read("> ")
        typist.type("one\r")
        typist.read("* between")
        typist.type(keys)
        assert not {"x", "y", "^"} & {*typist.read("* typed")}
        assert not {"x", "y", "^"} & {*typist.read("> ")}
        typist.type(more)
        typist.read(f"* {answer}")
        assert typist.end() == 0


def test_history(demo, tmp_path):
    """What was typed once can be fetched another time, by its owner only."""
    for keys in ("remember me\r", "\x1b[A\r"):
        with Typist(tmp_path, url(demo)) as typist:
            typist.read("> ")
            typist.type(keys)
            typist.read("< remember me")
            typist.type("\x04")
            assert typist.end() == 0
    path = tmp_path / "wsagent" / "history"
    assert path.read_text().count("remember me") == 1
    assert path.stat().st_mode & 0o777 == 0o600
