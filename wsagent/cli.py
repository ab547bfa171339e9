"""The C{wsagent} command."""

from __future__ import annotations

import argparse
import os
import ssl
import sys
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn

from . import blocking
from .console.asking import DEFAULT_PLACE
from .console.consoling import typeToConsole
from .console.top import showTop
from .core.deflate import Compression
from .core.errors import HandshakeError
from .core.heads import isToken
from .errors import ConnectionRejected
from .settings import Settings
from .talk import COMMANDS, Talk, fail, milliseconds
from .terminal import Pipe, Terminal, escaped, isAtTerminal
from .tokens import addToken
from .urls import parseURL

_HELP = """\
Talk to a WebSocket.

In a terminal: a line that is typed is sent as a text message; what comes
appears above it, bytes messages in hex behind a #.  /help shows commands.

In pipes: each line of input is one text message, each message one line of
output, bytes messages in hex.  At the end of input it waits for the pong of
a last ping, then --wait SECONDS for answers, and closes.
"""

_STATUS = """\
exit status:
  0    closed with 1000, 1001 or no code, or by you with any code
  1    refused or not reached, connection lost, or closed by the server
       with another code
  2    an option, the URL or a line of input is wrong
  130  Ctrl-C; the connection was closed with 1000

example: echo hi | wsagent connect ws://localhost:8001/
"""

_CONSOLE = {
    "console": """\
Type commands to a server that was started with twistd wsagent --console.

In a terminal: lines can be edited and are remembered, and the tabulator key
completes commands and addresses.  In pipes: each line is a command; why one
was refused goes to standard error, and the exit status then is 1.
""",
    "top": """\
Watch the agents of a server that was started with twistd wsagent --console.

Left and right choose the order, / looks for a text, q leaves.
""",
}

_PLACE = """\
example: twistd -n wsagent --console unix:console.sock
         wsagent console console.sock
"""

_ADDING = """\
Make a token for twistd wsagent --auth token:FILE: its digest is added to the
file, which is made if there is none, and it is printed, once.
"""

_IS = " [default: %(default)s]"
_WHERE = "a path, or a port of this machine" + _IS
_WAIT = "for answers after the end of input; none: until the server closes"
_LIMIT = "in one message that comes; none: without limit"
_BINARY = """each line is a bytes message, in hex or as it is; raw also writes
bytes messages as they come, unless to a terminal"""
_CACERT = "trust these certificates (PEM), not the system's"
_INSECURE = """do not verify the server's certificate: who stands between can
read and change everything"""


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        """Say it, and where to read what is right."""
        where = "" if "allowed: " in message else ", see --help"
        self.exit(2, f"wsagent: {escaped(message.removeprefix('argument '))}{where}\n")


def _allowed(value: str, what: str) -> argparse.ArgumentTypeError:
    """Make the error for a value that is not allowed."""
    return argparse.ArgumentTypeError(f"{value!r}, allowed: {what}")


def _url(text: str) -> str:
    """Check a URL."""
    try:
        parseURL(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix("URL ")) from None
    return text


def _header(text: str) -> tuple[str, str]:
    """Read one field of the request."""
    name, colon, value = text.partition(":")
    if not colon or not isToken(name):
        raise _allowed(text, "'Name: value'")
    return name, value.strip()


def _seconds(text: str) -> float:
    """Read a time over 0."""
    with suppress(ValueError):
        if 0 < (value := float(text)) < float("inf"):
            return value
    raise _allowed(text, "seconds over 0")


def _wait(text: str) -> float | None:
    """Read a time from 0, or C{none}."""
    if text in ("0", "none"):
        return 0 if text == "0" else None
    with suppress(argparse.ArgumentTypeError):
        return _seconds(text)
    raise _allowed(text, "seconds from 0, or none")


def _octets(text: str) -> int | None:
    """Read a size, or C{none}."""
    if text == "none":
        return None
    with suppress(ValueError):
        if text.isascii() and text.isdigit() and 0 < (value := int(text)) < 1 << 63:
            return value
    raise _allowed(text, "a whole number from 1, below 2**63, or none")


def _expiry(text: str) -> datetime:
    """Read in how many days something is to expire."""
    now = datetime.now(timezone.utc)
    with suppress(ValueError, OverflowError):
        if text.isascii() and text.isdigit() and int(text):
            return now + timedelta(days=int(text))
    raise _allowed(text, "a whole number of days from 1")


def _authorities(path: str) -> ssl.SSLContext:
    """Read whom to trust."""
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        why = "no certificates" if isinstance(error, ssl.SSLError) else error.strerror
        raise _allowed(path, f"a PEM file of certificates ({why})") from None


def _anybody() -> ssl.SSLContext:
    """Trust anybody."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


_VALUES: tuple[tuple[str, str, Callable[[str], Any], Any, str], ...] = (
    ("header", "'NAME: VALUE'", _header, [], "a field of the request; may be repeated"),
    ("origin", "ORIGIN", str, None, "the page that asks, such as https://example.com"),
    ("subprotocol", "NAME", str, [], "to offer; may be repeated, the best first"),
    ("timeout", "SECONDS", _seconds, Settings().openTimeout, "until it is open" + _IS),
    ("wait", "SECONDS", _wait, 1.0, _WAIT + _IS),
    ("message-limit", "OCTETS", _octets, 16 * 1024 * 1024, _LIMIT + _IS),
)


def _parser() -> _Parser:
    """Describe the command line."""
    parser = _Parser("wsagent", description="WebSocket on the command line.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    connect = commands.add_parser(
        "connect",
        help="talk to a WebSocket, from a terminal or in pipes",
        description=_HELP,
        epilog=_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = connect.add_argument
    add("url", metavar="URL", type=_url, help="perhaps with user:password@")
    for option, metavar, read, default, text in _VALUES:
        isList = isinstance(default, list)
        action = "append" if isList else "store"
        name = f"--{option}"
        add(name, metavar=metavar, type=read, default=default, action=action, help=text)
    add("--binary", metavar="hex|raw", choices=("hex", "raw"), help=_BINARY)
    add("--json", action="store_true", help="indent messages that are JSON")
    add("--compress", action="store_true", help="offer to compress messages")
    trust = connect.add_mutually_exclusive_group()
    add = trust.add_argument
    add("--cacert", metavar="FILE", type=_authorities, help=_CACERT)
    add("--insecure", action="store_true", help=_INSECURE)
    connect.set_defaults(run=_connect)
    for name, run, text in (
        ("console", typeToConsole, "type commands to a server's console"),
        ("top", showTop, "watch a server's agents, in a terminal"),
    ):
        console = commands.add_parser(
            name,
            help=text,
            description=_CONSOLE[name],
            epilog=_PLACE,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        add = console.add_argument
        add("place", metavar="ENDPOINT", nargs="?", default=DEFAULT_PLACE, help=_WHERE)
        console.set_defaults(run=lambda options, run=run: run(options.place))
    token = commands.add_parser(
        "token",
        help="make a token that lets somebody in",
        description=_ADDING,
        allow_abbrev=False,
    )
    token.add_argument("file", metavar="FILE", help="of digests of tokens")
    token.add_argument("name", metavar="NAME", help="whose it is")
    add = token.add_argument
    add("--days", type=_expiry, help="until it expires [default: never]")
    token.set_defaults(run=_addToken)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command.

    @return: the exit status.
    @raise SystemExit: there is nothing to run.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            # Closed by who has started us, as with "<&-".
            setattr(sys, name, Path(os.devnull).open("r+"))  # noqa: SIM115
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except KeyboardInterrupt:
        return 130
    else:
        return status


def _addToken(options: argparse.Namespace) -> int:
    """Make a token, and print it."""
    try:
        token = addToken(options.file, options.name, options.days)
    except OSError as error:
        return fail(f"{options.file}: {error.strerror}", 2)
    except ValueError as error:
        return fail(str(error), 2)
    sys.stdout.write(f"{token}\n")
    return 0


def _connect(options: argparse.Namespace) -> int:
    """Open a connection, and talk."""
    url = parseURL(options.url).url
    begun = monotonic()
    try:
        peer = blocking.connect(
            options.url,
            timeout=options.timeout,
            subprotocols=options.subprotocol,
            headers=options.header,
            origin=options.origin,
            settings=Settings(
                messageLimit=options.message_limit,
                compression=Compression() if options.compress else None,
            ),
            tls=_anybody() if options.insecure else options.cacert,
        )
    except ConnectionRejected as error:
        return fail(f"{url}: {_refusal(error)}")
    except HandshakeError as error:
        return fail(f"{url}: no WebSocket: {error}")
    except TimeoutError:
        return fail(f"{url}: not open in {options.timeout:g} s, see --timeout")
    except ssl.SSLCertVerificationError as error:
        return fail(f"{url}: {error.verify_message}, see --cacert and --insecure")
    except OSError as error:
        return fail(f"{url}: {error.strerror or error}")
    except ValueError as error:
        return fail(str(error), 2)
    screen = _screen(options)
    with peer, closing(screen):
        screen.open()
        screen.tell(
            f"connected to {url} in {milliseconds(monotonic() - begun)}"
            + (f", subprotocol {peer.subprotocol}" if peer.subprotocol else "")
            + (", compressed" if peer.response.codec else "")
            + (", certificate not verified" if options.insecure else "")
        )
        screen.tell("/help helps, Ctrl-D closes")
        return Talk(peer, screen, options.binary, options.json, options.wait).run()


def _screen(options: argparse.Namespace) -> Terminal | Pipe:
    """Choose how to talk."""
    if isAtTerminal():
        return Terminal(sys.stdout, COMMANDS)
    isRaw = options.binary == "raw"
    return Pipe(sys.stdin.buffer, sys.stdout.buffer, sys.stdout.isatty(), isRaw)


def _refusal(error: ConnectionRejected) -> str:
    """Say what a server answered in place of 101."""
    place = error.headers.get("location")
    first, *_ = [*error.body.decode("utf-8", "replace").strip().splitlines(), ""]
    return (
        f"refused with status {error.status}"
        + (f", see {place.decode('utf-8', 'replace')}" if place else "")
        + (f": {first.strip()[:200]}" if first else "")
    )
