"""The admin endpoint of a process: asked by HTTP, and looked at in a browser."""

import http.client
import json
import signal
import stat
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from wsagent.tokens import addToken

from .browser import needsBrowser
from .client import PATIENCE, Client, dial, dialUnix, readAll, request
from .process import LOCAL, run, waitUntil


@pytest.fixture
def serve(start):
    """Give what starts a server with an admin endpoint."""

    def serveThem(*options, admin=LOCAL):
        return start("--port", LOCAL, "--admin", admin, *options, ports=2)

    return serveThem


class Admin:
    """One who asks an admin endpoint by HTTP."""

    def __init__(self, port: int, **fields: str) -> None:
        """@param fields: sent each time."""
        self._port = port
        self._fields = fields

    def ask(self, method: str, path: str, told=None) -> tuple[int, str]:
        """Ask; give status and body."""
        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        fields = dict(self._fields)
        body = None
        if told is not None:
            fields["Content-Type"] = "application/json"
            body = json.dumps(told)
        line.request(method, path, body, fields)
        answer = line.getresponse()
        text = answer.read().decode()
        line.close()
        return answer.status, text

    def command(self, name: str, *arguments) -> dict:
        """Have a command done, and give what is answered."""
        told = {"arguments": arguments}
        return json.loads(self.ask("POST", f"/commands/{name}", told)[1])

    def metrics(self) -> dict[tuple[str, ...], float]:
        """Give what is counted, by name and labels."""
        status, text = self.ask("GET", "/metrics")
        assert status == 200
        return {
            (sample.name.removeprefix("wsagent_"), *sample.labels.values()): (
                sample.value
            )
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


def test_metrics(serve):
    """What is counted is what was sent, on connections that are gone too."""
    server = serve()
    port, adminPort = server.ports
    admin = Admin(adminPort)
    texts = ["x" * length for length in (1, 125, 126, 65_536)]
    octets = 0
    for _ in range(3):
        with Client(dial(port)) as client:
            for text in texts:
                client.sendText(text)
                assert client.receiveText() == text
            client.close(4001)
            assert client.receiveClose() == 4001
    with dial(port) as plain:
        plain.sendall(request().replace(b"Version: 13", b"Version: 12"))
        assert plain.recv(12) == b"HTTP/1.1 426"
    with Client(dial(port)) as client:
        client.sendBytes(b"12345")
        assert client.receiveBytes() == b"12345"
        waitUntil(
            lambda: admin.metrics()["closes_total", "4001"] == 3,
            "connections that are gone",
        )
        counted = admin.metrics()
    sizes = [2 + len(texts[0]), 2 + 125, 4 + 126, 10 + 65_536]
    octets = 3 * (sum(sizes) + 2 + 2) + 2 + 5
    frames = 3 * (len(sizes) + 1) + 1
    assert counted["messages_total", "received"] == 13
    assert counted["messages_total", "sent"] == 13
    assert counted["frame_bytes_total", "sent"] == octets
    assert counted["frame_bytes_total", "received"] == octets + 4 * frames
    assert counted["handshakes_total", "101"] == 4
    assert counted["handshakes_total", "426"] == 1
    assert (counted["connections",], counted["agents",]) == (1, 1)
    assert counted["process_open_fds",] > 0


def test_sameSocket(serve):
    """Page, metrics and then the page's WebSocket come over one connection."""
    _, port = serve().ports
    plain = dial(port)
    for path in (b"/", b"/metrics"):
        plain.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = http.client.HTTPResponse(plain)
        answer.begin()
        assert answer.status == 200
        assert answer.read()
    with Client(plain) as client:
        assert client.status == 101
        assert json.loads(client.receiveText())["counted"]["agents"] == 0


def test_drain(serve):
    """Who drains is not ready, until all are gone; then the admin endpoint is, too."""
    server = serve("--drain", "10")
    port, adminPort = server.ports
    admin = Admin(adminPort)
    assert admin.ask("GET", "/ready") == (200, "ready\n")
    with Client(dial(port)) as client, Client(dial(adminPort)) as page:
        server.signal(signal.SIGTERM)
        waitUntil(lambda: admin.ask("GET", "/ready")[0] == 503, "a server that drains")
        assert admin.ask("GET", "/ready") == (503, "draining\n")
        assert admin.ask("GET", "/health") == (200, "healthy\n")
        assert admin.metrics()["draining",] == 1
        counted = json.loads(page.receiveText())["counted"]
        while not counted["isDraining"]:
            counted = json.loads(page.receiveText())["counted"]
        assert client.receiveClose() == 1001
        name, *rest = page.receive()
        while name == "textReceived":
            name, *rest = page.receive()
        assert (name, rest[0]) == ("closeReceived", 1001)
    server.wait()


def test_unix(serve, tmp_path):
    """A UNIX socket is its owner's alone."""
    path = str(tmp_path / "admin.sock")
    serve(admin=f"unix:{path}")
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    with dialUnix(path) as plain:
        plain.sendall(
            b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        assert readAll(plain).endswith(b"\r\n\r\nhealthy\n")


def test_tokens(serve, tmp_path):
    """With tokens, others may connect, and nobody gets in without."""
    path = str(tmp_path / "tokens")
    token = addToken(path, "ann")
    server = serve("--admin-tokens", path, admin="tcp:0:interface=0.0.0.0")
    _, port = server.ports
    assert Admin(port).ask("GET", "/metrics")[0] == 401
    assert Admin(port).ask("GET", "/health")[0] == 200
    admin = Admin(port, Authorization=f"Bearer {token}", Host="admin.example")
    assert admin.command("stat")["ok"]
    assert "admin: 'ann' from 127.0.0.1" in server.log


def test_refusesToStart(tmp_path):
    """Without tokens, where others could connect, the server does not start."""
    options = ("--port", LOCAL, "--admin", "tcp:0:interface=0.0.0.0")
    ended = run("twistd", "-n", "wsagent", *options, folder=tmp_path)
    assert ended.returncode == 1
    said = ended.stdout + ended.stderr
    (line,) = [each for each in said.splitlines() if "wsagent: admin on" in each]
    assert "allowed: a UNIX socket, or an address of this machine only" in line


def figures(tab, name: str) -> list[str]:
    """Give what stands in a card, in large."""
    return tab.run(
        f"[...document.querySelectorAll('#{name}-chart [data-figure]')]"
        ".map(each => each.textContent)"
    )


def rows(tab, name: str) -> list[str]:
    """Give a column of the table."""
    return tab.run(
        f"[...document.querySelectorAll('#rows .{name}')].map(each => each.textContent)"
    )


def visit(tab, port: int, of: str = "localhost") -> None:
    """Open the page, and wait until it is connected."""
    tab.open(f"http://{of}:{port}/", 1280, 900)
    tab.waitUntil("document.getElementById('board-state').textContent === 'open'")


def choose(tab, address: str) -> None:
    """Open the sheet of an agent."""
    tab.run(
        "[...document.querySelectorAll('#rows button')]"
        f".find(each => each.textContent === '{address}').click()"
    )


def fill(tab, name: str, text: str) -> None:
    """Write into a field."""
    tab.run(f"document.getElementById('{name}').select()")
    tab.write(text)


def outcome(tab) -> str:
    """Wait for what became of a command, and forget it."""
    tab.waitUntil("document.getElementById('outcome').textContent !== ''")
    return tab.run(
        "(each => [each.textContent, each.textContent = ''][0])"
        "(document.getElementById('outcome'))"
    )


@needsBrowser
def test_page(serve, tab):
    """Numbers move, messages and closes from the page arrive."""
    port, adminPort = serve().ports
    visit(tab, adminPort)
    tab.waitUntil("document.querySelector('#agents-chart p').textContent === '0'")
    tab.waitUntil("document.body.innerText.includes('listening on 127.0.0.1')")
    with Client(dial(port), target="/chat/a?b") as one, Client(dial(port)) as other:
        waitUntil(lambda: figures(tab, "agents") == ["2"], "two agents")
        waitUntil(lambda: len(rows(tab, "address")) == 2, "two rows")
        assert rows(tab, "path") == ["/chat/a", "/"]
        assert rows(tab, "agent") == ["Echo", "Echo"]
        for _ in range(100):
            other.sendText("hello")
            assert other.receiveText() == "hello"
        waitUntil(
            lambda: rows(tab, "octetsReceived")[1] == "100 · 1.1 KiB",
            "a row that moves",
        )
        tab.waitUntil(
            "[...document.querySelectorAll('#messages-chart path')]"
            ".every(each => new Set(each.getAttribute('d').match(/ [.0-9]+/g)).size"
            " > 1)"
        )
        first, second = rows(tab, "address")
        choose(tab, first)
        fill(tab, "text", "héllo <b>there</b>")
        tab.press("Enter")
        assert outcome(tab) == "sent"
        assert one.receiveText() == "héllo <b>there</b>"
        fill(tab, "code", "1005")
        tab.press("Enter")
        assert outcome(tab).startswith("kill: ")
        fill(tab, "code", "4001")
        fill(tab, "reason", "enough for today")
        tab.press("Enter")
        assert outcome(tab) == "closing"
        assert one.receive() == ("closeReceived", 4001, "enough for today")
        tab.waitUntil("document.getElementById('agent').classList.contains('gone')")
        tab.press("Enter")
        assert f"{first!r}, allowed: the address of an open agent" in outcome(tab)
        tab.press("Escape")
        tab.waitUntil("!document.getElementById('agent').open")
        tab.run("document.activeElement.blur()")
        waitUntil(lambda: rows(tab, "address") == [second], "one row")
        waitUntil(lambda: figures(tab, "agents") == ["1"], "one agent")
        tab.waitUntil("document.getElementById('closes').textContent === '40011'")
        assert other.echoes()


@needsBrowser
def test_table(serve, tab):
    """The table is filtered and put in order in the server, by keyboard too."""
    port, adminPort = serve().ports
    with (
        Client(dial(port), target="/b"),
        Client(dial(port), ["lws-mirror-protocol"], target="/a"),
        Client(dial(port), target="/c") as last,
    ):
        visit(tab, adminPort)
        waitUntil(lambda: len(rows(tab, "path")) == 3, "three rows")
        tab.press("/")
        tab.write("MIRROR")
        waitUntil(lambda: len(rows(tab, "path")) == 1, "a filtered table")
        assert rows(tab, "path") == ["/a (lws-mirror-protocol)"]
        assert tab.run("document.getElementById('matching').textContent") == (
            "1 that match"
        )
        fill(tab, "filter", "nobody of that name")
        tab.waitUntil("!document.getElementById('nobody').hidden")
        fill(tab, "filter", "/")
        waitUntil(lambda: len(rows(tab, "path")) == 3, "the whole table")
        tab.press("Tab", "Tab", "Tab", "Tab", "Enter")
        waitUntil(
            lambda: rows(tab, "path")[0].startswith("/a"), "a table in another order"
        )
        sort = "document.querySelector('[data-order=path]').ariaSort"
        assert tab.run(sort) == "ascending"
        tab.press("Enter")
        waitUntil(lambda: rows(tab, "path")[0] == "/c", "a table turned round")
        assert tab.run(sort) == "descending"
        tab.press(*["Tab"] * 6, "Enter")
        tab.waitUntil("document.getElementById('agent').open")
        assert tab.run("document.activeElement.id") == "text"
        tab.write("from the keyboard")
        tab.press("Enter")
        assert last.receiveText() == "from the keyboard"
        tab.press("Escape")
        assert tab.run("document.activeElement.closest('tr') !== null")


@needsBrowser
def test_held(serve, tab):
    """What somebody is about to press stays where it is."""
    port, adminPort = serve().ports
    with Client(dial(port), target="/a") as one, Client(dial(port), target="/b"):
        visit(tab, adminPort)
        waitUntil(lambda: len(rows(tab, "path")) == 2, "two rows")
        tab.run("document.querySelector('[data-order=octetsSent] button').click()")
        one.sendText("hello")
        waitUntil(lambda: rows(tab, "path") == ["/a", "/b"], "the busier first")
        tab.run("document.querySelectorAll('#rows button')[1].focus()")
        with Client(dial(port), target="/c") as busy:
            busy.sendText("more than that")
            tab.waitUntil(
                "document.getElementById('matching').textContent"
                " === '3, in place while pointed at'"
            )
            assert rows(tab, "path") == ["/a", "/b"]
            tab.run("document.activeElement.blur()")
            waitUntil(lambda: rows(tab, "path") == ["/c", "/a", "/b"], "its place")


@needsBrowser
def test_heldAndGone(serve, tab):
    """Who has left, and is still in place as somebody points at it, is shown so."""
    port, adminPort = serve().ports
    with Client(dial(port), target="/a"):
        visit(tab, adminPort)
        waitUntil(lambda: rows(tab, "path") == ["/a"], "a row")
        (address,) = rows(tab, "address")
        tab.run("document.querySelector('#rows button').focus()")
    tab.waitUntil("document.querySelector('#rows tr.gone') !== null")
    choose(tab, address)
    tab.waitUntil("document.getElementById('agent').open")
    assert tab.run("document.getElementById('agent').classList.contains('gone')")
    assert tab.run("document.getElementById('agent-facts').innerText.includes('/a')")


@needsBrowser
def test_pause(serve, tab):
    """A page that is paused asks for nothing; one that is lost comes back."""
    server = serve()
    _, adminPort = server.ports
    visit(tab, adminPort)
    tab.run("document.getElementById('board-pause').click()")
    assert tab.run("document.getElementById('board-state').textContent") == "paused"
    waitUntil(lambda: server.log.count(" closed 1005") == 1, "a page that is gone")
    tab.run("document.getElementById('board-pause').click()")
    tab.waitUntil("document.getElementById('board-state').textContent === 'open'")


@needsBrowser
def test_namesAreText(serve, tab):
    """What peers call things is text, and turns nothing round."""
    port, adminPort = serve().ports
    name = "/%3Cimg src=x onerror=alert(1)%3E"
    plain = dial(port)
    plain.sendall(request(target=name.replace(" ", "%20")))
    assert plain.recv(12) == b"HTTP/1.1 101"
    visit(tab, adminPort)
    waitUntil(lambda: len(rows(tab, "path")) == 1, "a row")
    assert rows(tab, "path") == [name.replace(" ", "%20")]
    assert tab.run("document.querySelectorAll('#rows img').length") == 0
    plain.close()


@needsBrowser
def test_pageWithToken(serve, tab, tmp_path):
    """A browser that knows the token as a password has the page, and its numbers."""
    path = str(tmp_path / "tokens")
    token = addToken(path, "ann")
    server = serve("--admin-tokens", path)
    port, adminPort = server.ports
    with Client(dial(port)):
        visit(tab, adminPort, f"ann:{token}@localhost")
        waitUntil(lambda: figures(tab, "agents") == ["1"], "an agent")
    assert "admin: 'ann' from 127.0.0.1" in server.log
    assert token not in server.log


@needsBrowser
def test_narrowAndDark(serve, tab):
    """On a phone, and in the dark, all is there, and nothing beside the window."""
    port, adminPort = serve().ports
    with Client(dial(port), target="/" + 60 * "x"):
        tab.prefer(color_scheme="dark")
        visit(tab, adminPort)
        tab.resize(390, 844, isMobile=True)
        waitUntil(lambda: len(rows(tab, "path")) == 1, "a row")
        assert tab.run("document.documentElement.scrollWidth") <= 390
        dark = tab.run("getComputedStyle(document.body).backgroundColor")
        assert dark == "rgb(18, 21, 26)"
        tab.run("document.querySelector('#rows button').click()")
        width = "document.getElementById('agent').getBoundingClientRect().width"
        assert tab.run(width) <= 390
        tab.run(
            "(list => { list.value = 'path'; list.dispatchEvent(new Event('change')) })"
            "(document.getElementById('order'))"
        )
        assert tab.run("document.querySelector('[data-order=path]').ariaSort") == (
            "ascending"
        )
