"""Who is measured, and how each is started."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent


class Tools(NamedTuple):
    """
    What the peers are run with.

    @ivar python: has wsagent, compiled, and all peers in Python.
    @ivar pure: has wsagent, not compiled; C{None} if there is none.
    @ivar load: the program in C.
    @ivar node: has C{ws}; C{None} if there is none.
    @ivar certificate: a PEM file with its key; C{None} if none could be made.
    @ivar lacks: what C{load} was compiled without: C{zlib}, C{OpenSSL}.
    """

    python: Path
    pure: Path | None
    load: Path
    node: Path | None
    certificate: Path | None
    lacks: tuple[str, ...]


LACKING = "it has no such thing"
"""The one reason that nobody can help."""


class Peer(NamedTuple):
    """
    A server, and mostly a client, to be measured.

    @ivar name: on the command line and over a column.
    @ivar module: in C{peers/}; empty for the server in C.
    @ivar roles: what it can be.
    @ivar options: for its module.
    @ivar isQuick: whether C{--quick} has it.
    """

    name: str
    title: str
    module: str
    roles: str
    options: tuple[str, ...] = ()
    isQuick: bool = True

    def canBe(self, role: str) -> bool:
        """Ask whether it has a role."""
        return role in self.roles.split()


_ALL = "echo deflate broadcast tls call"
_ON_UVLOOP = ("--loop=uvloop",)

PEERS = [
    Peer("wsagent", "wsagent", "wsagent", _ALL),
    Peer("wsagent-pure", "wsagent, not compiled", "wsagent", _ALL),
    Peer("wsagent-off", "wsagent, fast lane off", "wsagentoff", "echo"),
    Peer(
        "wsagent-watched",
        "wsagent, with admin, metrics and console",
        "wsagentwatched",
        "echo",
        isQuick=False,
    ),
    Peer("bare", "bare C, the limit", "", "echo broadcast"),
    Peer("picows", "picows on uvloop", "picows", _ALL, _ON_UVLOOP),
    Peer("picows-asyncio", "picows on asyncio", "picows", _ALL, isQuick=False),
    Peer("aiohttp", "aiohttp on uvloop", "aiohttp", _ALL, _ON_UVLOOP),
    Peer("aiohttp-asyncio", "aiohttp on asyncio", "aiohttp", _ALL, isQuick=False),
    Peer("websockets", "websockets on uvloop", "websockets", _ALL, _ON_UVLOOP),
    Peer(
        "websockets-asyncio", "the same on asyncio", "websockets", _ALL, isQuick=False
    ),
    Peer("autobahn", "autobahn on Twisted", "autobahn", _ALL),
    Peer(
        "twisted.web", "twisted.web.websocket", "twistedweb", "echo broadcast tls call"
    ),
    Peer("ws", "ws on node", "ws", "echo deflate broadcast tls"),
]


def _twistd(role: str, tools: Tools, python: Path) -> list[str]:
    """Start wsagent as its users do."""
    here = "interface=127.0.0.1"
    port = f"tcp:0:{here}"
    if role == "tls":
        pem = tools.certificate
        port = f"ssl:0:{here}:privateKey={pem}:certKey={pem}"
    command = [f"{python.parent}/twistd", "--nodaemon", "--pidfile=", "wsagent"]
    command.append(f"--port={port}")
    if role == "deflate":
        command.append("--compress")
    if role == "broadcast":
        command.append("--app=peers.wsagent:Broadcast")
    return command


def whyNot(peer: Peer, role: str, tools: Tools) -> str | None:
    """Say why a peer cannot be measured in a role; C{None}: it can."""
    if not peer.canBe(role):
        return LACKING
    if peer.module == "ws" and tools.node is None:
        return "no node"
    if peer.name == "wsagent-pure" and tools.pure is None:
        return "no pure build"
    if role == "tls" and ("OpenSSL" in tools.lacks or tools.certificate is None):
        return "no OpenSSL"
    if role == "deflate" and "zlib" in tools.lacks:
        return "no zlib"
    return None


def interpreter(peer: Peer, tools: Tools) -> Path:
    """Give the Python that has a peer."""
    if peer.name == "wsagent-pure":
        assert tools.pure
        return tools.pure
    return tools.python


def serverCommand(peer: Peer, role: str, tools: Tools) -> list[str]:
    """Say how a server is started, in this folder."""
    if not peer.module:
        return [
            *(f"{tools.load}", "bare"),
            *(["--broadcast"] if role == "broadcast" else []),
        ]
    if peer.module == "ws":
        script = f"{HERE}/peers/ws.js"
        return ["node", script, f"{tools.node}", role, f"{tools.certificate}"]
    python = interpreter(peer, tools)
    if peer.module == "wsagent":
        return _twistd(role, tools, python)
    return [
        *(f"{python}", "-m", "peers", peer.module, role, *peer.options),
        *([f"--certificate={tools.certificate}"] if role == "tls" else []),
    ]


def clientCommand(peer: Peer, tools: Tools) -> list[str]:
    """Say how a client is started, in this folder."""
    options = () if peer.module == "wsagent" else peer.options
    return [f"{interpreter(peer, tools)}", "-m", "peers", peer.module, "call", *options]
