"""C{twistd wsagent --auth} lets in who shows what is needed; with real clients."""

import json
import shutil
import subprocess
from base64 import b64encode
from datetime import datetime, timedelta, timezone

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.documents import ROOT, session
from wsagent.tokens import addToken

from .browser import Browser, needsBrowser
from .client import FIN, PATIENCE, Client, dial
from .process import LOCAL, PROGRAMS, run
from .session import Session

APPLICATION = """
from wsagent import WebSocketProtocol

class Who(WebSocketProtocol):
    subprotocols = ["chat", None]

    def negotiationFinished(self):
        self.sendTextMessage(f"{self.avatar} {self.subprotocol}")
"""
CURL = shutil.which("curl")


@pytest.fixture
def who(start, tmp_path):
    """Give what starts servers that tell who one is."""
    (tmp_path / "who.py").write_text(APPLICATION)
    return lambda *options: start("--port", LOCAL, "--app", "who:Who", *options)


def basic(text: str) -> tuple[str, str]:
    """Write a field with a name and a password."""
    return "Authorization", f"Basic {b64encode(text.encode()).decode()}"


def greeting(server, *headers, subprotocols=()):
    """Say how one is answered: the status, or what the server says then."""
    with Client(dial(server.port), subprotocols, headers) as client:
        if client.status != 101:
            assert client.receive() == FIN
            return client.status
        return client.receiveText()


@pytest.fixture
def passwords(tmp_path):
    """Give a file of passwords."""
    path = tmp_path / "passwords"
    path.write_text("alice:wonderland\nzoë:½\n", "utf-8")
    return path


def test_basic(who, passwords):
    """Basic, against a file."""
    server = who("--auth", f"file:{passwords}")
    assert greeting(server, basic("alice:wonderland")) == "alice None"
    assert greeting(server, basic("zoë:½"), subprotocols=["chat"]) == "zoë chat"
    for text in ("alice:Wonderland", "eve:wonderland", "alice:", ":"):
        assert greeting(server, basic(text)) == 401
    assert greeting(server) == 401
    needed = "credentials: none, needed by the guard, --auth"
    assert f"refused, 401, /: {needed}" in server.log
    assert "Basic, not accepted" in server.log
    for secret in ("wonderland", basic("alice:wonderland")[1].split()[1]):
        assert secret not in server.log.lower()


def test_command(who, passwords):
    """The command C{wsagent connect} sends what its URL names."""
    server = who("--auth", f"file:{passwords}")
    at = f"127.0.0.1:{server.port}/"
    for userinfo, status, said in (
        ("alice:wonderland@", 0, "alice None\n"),
        ("alice:wrong@", 1, ""),
        ("", 1, ""),
    ):
        url = f"ws://{userinfo}{at}"
        done = subprocess.run(
            [PROGRAMS / "wsagent", "connect", url],
            input="",
            capture_output=True,
            check=False,
            text=True,
            timeout=PATIENCE,
        )
        assert (done.returncode, done.stdout) == (status, said)
        assert ("refused with status 401: " in done.stderr) == (status == 1)


@pytest.mark.skipif(CURL is None, reason="needs curl")
@pytest.mark.parametrize("scheme", ["basic", "digest", "anyauth"])
def test_curl(who, passwords, scheme):
    """Basic and Digest, as curl does them."""
    server = who("--auth", f"file:{passwords}")
    for password, status in (("wonderland", "101"), ("wrong", "401")):
        fields = (
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        )
        done = subprocess.run(
            [
                *(CURL, "--silent", "--http1.1", f"--{scheme}", "--max-time", "2"),
                *(
                    "--user",
                    f"alice:{password}",
                    "--write-out",
                    "%{stderr}%{http_code}",
                ),
                *(option for field in fields for option in ("--header", field)),
                f"http://127.0.0.1:{server.port}/chat?a=b",
            ],
            capture_output=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.stderr == status.encode()
        assert (b"alice None" in done.stdout) == (status == "101")


def test_tokens(who, tmp_path):
    """Tokens of a file: bearer, subprotocol and cookie; taken out, they are no more."""
    path = tmp_path / "tokens"
    made = run("wsagent", "token", str(path), "alice", folder=tmp_path)
    assert (made.returncode, made.stderr) == (0, "")
    token = made.stdout.strip()
    server = who("--auth", f"token:{path}", "--auth-cookie", "session")
    ways = (
        {"headers": [("Authorization", f"Bearer {token}")]},
        {"headers": [("Cookie", f"a=b; session={token}")]},
        {"headers": [], "subprotocols": ["chat", f"bearer.{token}"]},
    )
    for way in ways:
        names = way.get("subprotocols", ())
        said = "alice chat" if names else "alice None"
        assert greeting(server, *way["headers"], subprotocols=names) == said
    assert greeting(server, ("Authorization", f"Bearer {token}x")) == 401
    addToken(path, "bob")
    other = path.read_text().splitlines(keepends=True)[1:]
    path.write_text("".join(other))
    for way in ways:
        names = way.get("subprotocols", ())
        assert greeting(server, *way["headers"], subprotocols=names) == 401
    assert token not in server.log


def test_expires(who, tmp_path):
    """When a token expires, its connection is closed with 4401, or as is told."""
    path = tmp_path / "tokens"
    addToken(path, "bob")
    server = who("--auth", f"token:{path}", "--expiry-code", "4321")
    token = addToken(path, "alice", datetime.now(timezone.utc) + timedelta(seconds=3))
    bearer = ("Authorization", f"Bearer {token}")
    with Client(dial(server.port), (), [bearer]) as client:
        assert client.receiveText() == "alice None"
        assert client.receive() == ("closeReceived", 4321, "credentials have expired")
    assert greeting(server, bearer) == 401


def test_webTokens(who, tmp_path):
    """JSON Web Tokens, with a public key."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pem").write_bytes(pem)
    server = who(
        "--auth",
        r"jwt:key.pem:algorithm=EdDSA:audience=chat:issuer=https\://id.example",
    )
    claims = {
        "sub": "alice",
        "aud": "chat",
        "iss": "https://id.example",
        "exp": datetime.now(timezone.utc) + timedelta(minutes=5),
    }
    token = jwt.encode(claims, key, "EdDSA")
    assert greeting(server, ("Authorization", f"Bearer {token}")) == "alice None"
    offered = [f"bearer.{token}", "chat"]
    assert greeting(server, subprotocols=offered) == "alice chat"
    for wrong in (
        jwt.encode({**claims, "aud": "mail"}, key, "EdDSA"),
        jwt.encode(claims, Ed25519PrivateKey.generate(), "EdDSA"),
        jwt.encode(claims, pem.hex(), "HS256"),
    ):
        assert greeting(server, ("Authorization", f"Bearer {wrong}")) == 401
    assert token not in server.log


def test_wrong(tmp_path):
    """What cannot be is one line, and status 1."""
    for options, said in (
        (["--auth", "file:nowhere"], "--auth file:nowhere: no such file"),
        (["--auth", "nonsense"], "--auth nonsense: allowed: anonymous, file, jwt, "),
        (["--auth", "token:."], "--auth token:.: .: Is a directory"),
    ):
        done = run("twistd", "-n", "wsagent", *options, folder=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"wsagent: {said}")
        assert done.stderr.count("\n") == 1
    done = run("twistd", "-n", "wsagent", "--help-auth", folder=tmp_path)
    assert done.returncode == 0
    assert "token" in done.stdout


def test_page(tmp_path):
    """What the page on authentication has one type does what it shows."""
    with Session(tmp_path) as typed:
        for step in session(ROOT / "docs" / "authentication.rst"):
            if not getattr(step, "line", "").startswith("pip install "):
                typed.do(step)
        assert typed.server is not None
        assert "Traceback" not in typed.server.log


@needsBrowser
def test_browser(who, tmp_path):
    """A browser's script offers a token, or its cookie is sent; not for other pages."""
    path = tmp_path / "tokens"
    token = addToken(path, "alice")
    server = who("--auth", f"token:{path}", "--auth-cookie", "session")
    page = f"http://localhost:{server.port}/"
    script = """
        said = null
        socket = new WebSocket(%s, %s)
        socket.onmessage = event => said = `${event.data}, ${socket.protocol}`
        socket.onerror = () => said = "refused"
    """

    def connects(browser, url, *names):
        """Say what comes of a socket of the page's."""
        browser.run(script % (json.dumps(url), json.dumps(names)))
        browser.waitUntil("said !== null")
        return browser.run("said")

    url = page.replace("http:", "ws:")
    with Browser(tmp_path) as browser:
        # The page is a refusal: the host's own all the same.
        browser.open(page)
        assert connects(browser, url) == "refused"
        assert connects(browser, url, "chat", f"bearer.{token}") == "alice chat, chat"
        assert connects(browser, url, "chat", f"bearer.{token}x") == "refused"
        browser.run(f"document.cookie = 'session={token}'")
        assert connects(browser, url) == "alice None, "
        other = url.replace("localhost", "127.0.0.1")
        assert connects(browser, other, "chat", f"bearer.{token}") == "refused"
    assert "refused, 403, /: Origin 'http://localhost:" in server.log
    assert token not in server.log
