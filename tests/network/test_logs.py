"""C{docs/logs.rst}: the log of a real process, as JSON and in files."""

import json
import os
import re
import signal
from io import StringIO
from textwrap import dedent

from twisted.logger import eventsFromJSONLogFile, formatEvent

from tests.documents import ROOT

from .client import Client, dial, dialUnix
from .process import LOCAL, Server, end, run, waitUntil

FAILING = """
from wsagent import WebSocketProtocol

class Failing(WebSocketProtocol):
    def textMessageReceived(self, message):
        print("now")
        raise ValueError(message)
"""
PAGE = (ROOT / "docs" / "logs.rst").read_text()
_TEXT = re.compile(r"^\.\. code-block:: text\n\n((?: +.*\n)+)", re.MULTILINE)
JSON = ("twistd", "-n", "--logger", "wsagent.logs.jsonLines", "wsagent")


def test_jsonLines(tmp_path):
    """Each line of a server's log is an object; also of one that fails."""
    (tmp_path / "failing.py").write_text(FAILING)
    server = Server(tmp_path, *JSON, "--port", LOCAL, "--app", "failing:Failing")
    try:
        with Client(dial(server.port)) as client:
            client.sendText("no\n\x1b[2Jluck")
            assert client.receiveClose() == 1011
    finally:
        server.signal()
        server.wait()
    lines = list(map(json.loads, server.log.splitlines()))
    assert all({"time", "level", "namespace", "message"} <= set(each) for each in lines)
    (failed,) = [each for each in lines if "traceback" in each]
    assert failed["level"] == "critical"
    assert re.fullmatch(r"agent for 127\.0\.0\.1:\d+ failed", failed["message"])
    assert "ValueError: no\n\x1b[2Jluck" in failed["traceback"]
    (access,) = [each for each in lines if "seconds" in each]
    assert (access["peer"], access["code"]) == (failed["peer"], 1011)
    assert any(each["message"] == "now" for each in lines)


def test_traced(tmp_path):
    """The frames of an agent that an operator names are logged as the page shows."""
    where = f"unix:{tmp_path}/console.sock"
    options = ("--port", LOCAL, "--console", where)
    server = Server(tmp_path, *JSON, *options, ports=2)
    asked, shown, shownWhole = _TEXT.findall(PAGE.partition("One agent, frame")[2])
    try:
        with Client(dial(server.port)) as client:
            assert client.echoes()
            console = dialUnix(f"{tmp_path}/console.sock")
            with console, console.makefile("rw") as lines:
                for command in (f"{asked.strip()} payloads", asked.strip()):
                    lines.write(f"{command}\n")
                    lines.flush()
                    while (line := lines.readline()) != "<CMD OK>\n":
                        assert "Error" not in line
                    client.sendText("hello")
                    assert client.receiveText() == "hello"
            client.connection.close(1000, "bye")
            assert client.receiveClose() == 1000
    finally:
        server.stop()
    events = map(json.loads, server.log.splitlines())
    logged = [event["line"] for event in events if "line" in event]
    assert logged == dedent(shownWhole + shown).split("\n")[:-1]


def test_truncated(tmp_path):
    """A log that is copied and truncated goes on from its beginning."""
    server = Server(tmp_path, *JSON, "--port", LOCAL, log="log")
    port = server.port
    try:
        os.truncate(tmp_path / "log", 0)
        with Client(dial(port)) as client:
            assert client.echoes()
    finally:
        server.stop()
    lines = list(map(json.loads, server.log.splitlines()))
    assert lines[0]["message"].endswith("connected, agent :00000001")


def test_twist(start):
    """C{twist}'s own JSON is read back as the same events."""
    server = start("twist", "--log-format=json", "wsagent", "--port", LOCAL)
    with Client(dial(server.port)) as client:
        assert client.echoes()
        server.signal()
        assert client.receiveClose() == 1001
    server.wait()
    events = list(eventsFromJSONLogFile(StringIO(server.log)))
    (access,) = [event for event in events if "seconds" in event]
    assert (access["code"], access["messagesReceived"]) == (1001, 1)
    where = r"127\.0\.0\.1:\d+ closed 1001 by us, /, .*"
    assert re.fullmatch(where, formatEvent(access))


def test_rotation(tmp_path):
    """At SIGUSR1 C{twistd} begins a new file, and keeps the old one."""
    pidfile, logfile = tmp_path / "pid", tmp_path / "log"
    before = tmp_path / "log.1"
    done = run(
        *("twistd", f"--pidfile={pidfile}", f"--logfile={logfile}"),
        *("wsagent", "--port", LOCAL),
        folder=tmp_path,
    )
    assert done.returncode == 0
    pid = int(pidfile.read_text())
    try:
        waitUntil(lambda: "listening on" in logfile.read_text(), "a server")
        port = re.search(r"listening on 127.0.0.1:(\d+)", logfile.read_text())[1]
        os.kill(pid, signal.SIGUSR1)
        waitUntil(before.exists, "a second file")
        with Client(dial(int(port))) as client:
            assert client.echoes()
        waitUntil(logfile.exists, "a new file")
        os.kill(pid, signal.SIGTERM)
        waitUntil(lambda: not pidfile.exists(), "its end")
    finally:
        end(pid)
    assert "listening on" in before.read_text()
    assert " connected, agent :00000001\n" in logfile.read_text()
