"""
The opening handshake: the Upgrade request and its response, both sides.

@see: RFC 6455 section 4.
"""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from ipaddress import IPv6Address
from typing import Any, Final, NamedTuple

from . import codes, heads
from .errors import HandshakeError, MethodNotAllowed, UpgradeRequired
from .extensions import Codec, Extension, begin, offer
from .heads import Headers, Pairs, RequestLine, StatusLine
from .paths import PathPattern

_key = re.compile(rb"[A-Za-z0-9+/]{22}==")
_target = re.compile(
    r"(?:(?:http|https|ws|wss)://(?P<authority>[^/?#]*))?"
    r"(?P<path>(?:/[^?#]*)?)(?:\?(?P<query>[^#]*))?",
    re.IGNORECASE,
)
_authority = re.compile(
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|[A-Za-z0-9\-._~%!$&'()*+,;=]+)"
    r"(?::(?P<port>[0-9]{0,5}))?",
)
_ASCII_FIELDS: Final = frozenset(("upgrade", "connection", "host", "origin"))
_FRAMING_FIELDS: Final = frozenset(
    ("connection", "content-length", "transfer-encoding")
)
_ACCEPTANCE: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: "
)
_OWN_FIELDS: Final = _FRAMING_FIELDS | {"host", "upgrade"}


class Arrival(NamedTuple):
    """What is known of how a request came, beside its head."""

    isSecure: bool = False
    """It left the client over TLS, as far as we or a trusted proxy can tell."""
    host: str | None = None
    """The host that a trusted proxy was asked for, or C{None}."""
    clientCertificate: Any = None
    """What the client has shown in TLS to us, or C{None}."""
    proxy: object = None
    """The address of who has forwarded it to us, or C{None}: it came directly."""


PLAIN: Final = Arrival()
SECURE: Final = Arrival(isSecure=True)


@dataclass(frozen=True, slots=True)
class Request:
    """
    A client's request for a WebSocket.

    Who serves many clients keeps one for each: what can be read again is.
    """

    target: str
    """As it came: a path with its query, or a whole URL."""
    headers: Headers
    """All fields."""
    peer: object
    """
    The address of who asks, an C{IAddress} under Twisted; behind proxies that
    are trusted, as they say.
    """
    arrival: Arrival
    """How it came; most share one."""
    pattern: PathPattern | None = None
    """What the path was found by, if that has named parts."""

    @property
    def path(self) -> str:
        """The target's path, percent-encoded as it came; at least C{"/"}."""
        return _splitTarget(self.target)[1] or "/"

    @property
    def parts(self) -> dict[str, str]:
        """The parts of the path that the route names, decoded: C{parts["room"]}."""
        return {} if self.pattern is None else self.pattern.read(self.path)

    @property
    def query(self) -> str:
        """What follows the C{?} in the target, as it came; else empty."""
        return _splitTarget(self.target)[2] or ""

    @property
    def host(self) -> str:
        """The host, with its port if one was named."""
        if self.arrival.host is not None:
            return self.arrival.host
        return _splitTarget(self.target)[0] or _readHost(self.headers)

    @property
    def isSecure(self) -> bool:
        """Whether it left the client over TLS, as far as we can tell."""
        return self.arrival.isSecure

    @property
    def clientCertificate(self) -> Any:
        """
        What the client has shown in TLS, or C{None}.

        A C{cryptography.x509.Certificate}, that an authority has signed which
        the endpoint names in C{clientCA}.
        """
        return self.arrival.clientCertificate

    @property
    def origin(self) -> str | None:
        """The page that a browser opened the connection from, or C{None}."""
        return _readOrigin(self.headers)

    @property
    def offeredSubprotocols(self) -> tuple[str, ...]:
        """In order of the client's preference."""
        return _readSubprotocols(self.headers)

    @property
    def key(self) -> bytes:
        """The nonce that the response has to answer."""
        return _readKey(self.headers)


@dataclass(frozen=True)
class Response:
    """A server's acceptance."""

    headers: Headers
    """All fields."""
    subprotocol: str | None
    """The server's choice from those offered."""
    codec: Codec | None = None
    """What the extension does that the server has accepted."""


def acceptKey(key: bytes) -> bytes:
    """
    Compute the C{Sec-WebSocket-Accept} that answers a key.

    @see: RFC 6455 section 4.2.2.
    """
    return b64encode(sha1(key + codes.GUID, usedforsecurity=False).digest())


def newKey() -> bytes:
    """
    Make a C{Sec-WebSocket-Key}.

    @see: RFC 6455 section 4.1, item 7.
    """
    return b64encode(os.urandom(16))


def isUpgrade(headers: Headers) -> bool:
    """
    Ask whether a request is meant for a WebSocket, right or wrong.

    What a proxy has taken the C{Upgrade} from is: it is told so.
    """
    return (
        b"websocket" in headers.tokens("upgrade")
        or "sec-websocket-key" in headers
        or "sec-websocket-version" in headers
    )


def readRequest(
    start: RequestLine,
    headers: Headers,
    peer: object = None,
    arrival: Arrival = PLAIN,
) -> Request:
    """
    Check a request's head, each demand of RFC 6455 and more.

    @param peer: kept as it is.
    @param arrival: kept as it is.
    @raise HandshakeError: it is refused, with the status of the error's class.
    @see: RFC 6455 section 4.2.1.
    """
    _refuseBody(headers)
    _demandAscii(headers)
    target = start.target.decode("ascii")
    authority, path, _ = _splitTarget(target)
    if authority is not None:
        _demandAuthority(authority)
    elif not path:
        raise HandshakeError("the target is neither a path nor a URL")
    _demandAuthority(_readHost(headers))
    if start.method != b"GET":
        raise MethodNotAllowed("method is not GET")
    _demandUpgrade(headers)
    if headers.all("sec-websocket-version") != [codes.VERSION]:
        raise UpgradeRequired("Sec-WebSocket-Version is not 13")
    if not _key.fullmatch(_readKey(headers)):
        raise HandshakeError("Sec-WebSocket-Key is not 16 octets in base64")
    if "sec-websocket-extensions" in headers:
        heads.parameterLists(headers.get("sec-websocket-extensions") or b"")
    # What is read again when it is asked for has to be right.
    _readOrigin(headers)
    _readSubprotocols(headers)
    return Request(target, headers, peer, arrival)


def renderAcceptance(
    request: Request,
    subprotocol: str | None,
    fields: Pairs,
    extension: str | None = None,
) -> bytes:
    """
    Write the 101 that accepts a request.

    @param fields: more fields to send.
    @param extension: from L{extensions.negotiate}.
    @raise ValueError: the subprotocol was not offered, a field is the
        handshake's own, or cannot be sent.
    """
    own: list[tuple[str, str | bytes]] = []
    if subprotocol is not None:
        if subprotocol not in request.offeredSubprotocols:
            offered = ", ".join(request.offeredSubprotocols) or "none"
            raise ValueError(f"subprotocol {subprotocol!r}, offered: {offered}")
        own.append(("Sec-WebSocket-Protocol", subprotocol))
    if extension is not None:
        own.append(("Sec-WebSocket-Extensions", extension))
    more = heads.renderFields(own + _checked(fields))
    return b"%b%b\r\n%b\r\n" % (_ACCEPTANCE, acceptKey(request.key), more)


def renderRefusal(status: int, fields: Pairs = (), body: bytes = b"") -> bytes:
    """
    Write a response that refuses a request; no other may follow it.

    @param status: 200 to 599.
    @raise ValueError: the status, or a field, cannot be sent, or a field is
        the refusal's own.
    """
    if status < 200:
        raise ValueError(f"status {status}, allowed: 200 to 599")
    pairs = list(fields)
    for name, _ in pairs:
        if name.lower() in _FRAMING_FIELDS:
            raise ValueError(f"field {name}, which a refusal writes itself")
    own: list[tuple[str, str | bytes]] = [
        *pairs,
        ("Connection", "close"),
        ("Content-Length", str(len(body))),
    ]
    return heads.renderHead(heads.renderStatus(status), own) + body


def renderRequest(
    host: str,
    target: str,
    key: bytes,
    subprotocols: Sequence[str] = (),
    fields: Pairs = (),
    extensions: Sequence[Extension] = (),
) -> bytes:
    """
    Write a client's request.

    @param host: with its port, unless that is the scheme's own.
    @param target: a path with its query.
    @param key: from L{newKey}.
    @param subprotocols: in order of preference.
    @param fields: more fields to send, as C{Origin}.
    @param extensions: to offer.
    @raise ValueError: an argument cannot be sent.
    @see: RFC 6455 section 4.1.
    """
    if not re.fullmatch(r"/[!-~]*", target) or "#" in target:
        raise ValueError(f"target {target!r}, allowed: a path of printable ASCII")
    if not isAuthority(host):
        raise ValueError(f"host {host!r}, allowed: a name or an address, with a port")
    own: list[tuple[str, str | bytes]] = [
        ("Host", host),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Version", codes.VERSION),
    ]
    for subprotocol in subprotocols:
        if not heads.isToken(subprotocol):
            raise ValueError(f"subprotocol {subprotocol!r}, allowed: an HTTP token")
    if subprotocols:
        own.append(("Sec-WebSocket-Protocol", ", ".join(subprotocols)))
    if extensions:
        own.append(("Sec-WebSocket-Extensions", offer(extensions)))
    return heads.renderHead(f"GET {target} HTTP/1.1", own + _checked(fields))


def readResponse(
    start: StatusLine,
    headers: Headers,
    key: bytes,
    offeredSubprotocols: Sequence[str] = (),
    offeredExtensions: Sequence[Extension] = (),
) -> Response:
    """
    Check a server's response against what was asked.

    @param key: the one of the request.
    @raise HandshakeError: it is no acceptance of that request.
    @see: RFC 6455 section 4.1, "Once the client's opening handshake".
    """
    if start.status != 101:
        raise HandshakeError(f"status {start.status}, needed 101")
    _demandAscii(headers)
    _demandUpgrade(headers)
    if len(headers.tokens("upgrade")) > 1:
        raise HandshakeError("Upgrade is not only websocket")
    if headers.single("sec-websocket-accept") != acceptKey(key):
        raise HandshakeError("Sec-WebSocket-Accept does not answer the key")
    codec = begin(headers.get("sec-websocket-extensions"), offeredExtensions)
    chosen = headers.single("sec-websocket-protocol")
    subprotocol = None if chosen is None else chosen.decode("ascii")
    if subprotocol is not None and subprotocol not in offeredSubprotocols:
        raise HandshakeError("a subprotocol that was not offered")
    return Response(headers, subprotocol, codec)


def isAuthority(authority: str) -> bool:
    """Ask whether it is a host with perhaps a port (RFC 3986 section 3.2)."""
    match = _authority.fullmatch(authority)
    if match is None or int(match["port"] or 0) > 65535:
        return False
    if match["ipv6"] is not None:
        try:
            IPv6Address(match["ipv6"])
        except ValueError:
            return False
    return True


def _refuseBody(headers: Headers) -> None:
    """Refuse a request with a body: what follows the head are frames."""
    if "transfer-encoding" in headers:
        raise HandshakeError("a request with a body")
    if headers.single("content-length") not in (None, b"0"):
        raise HandshakeError("a request with a body")


def _demandAscii(headers: Headers) -> None:
    """Refuse octets over 0x7f in the fields that the handshake reads."""
    if headers.isAscii():
        return
    for name, value in headers:
        if not value.isascii() and (
            name in _ASCII_FIELDS or name.startswith("sec-websocket-")
        ):
            raise HandshakeError(f"{name} is not ASCII")


def _splitTarget(target: str) -> tuple[str | None, str, str | None]:
    """Read authority (of an absolute target), path and query."""
    match = _target.fullmatch(target)
    if match is None:
        raise HandshakeError("the target is neither a path nor a URL")
    authority, path, query = match.group("authority", "path", "query")
    return authority, path, query


def _readHost(headers: Headers) -> str:
    """Read the Host; empty without one."""
    return (headers.single("host") or b"").decode("ascii")


def _readKey(headers: Headers) -> bytes:
    """Read the key; empty without one."""
    return headers.single("sec-websocket-key") or b""


def _demandAuthority(authority: str) -> None:
    """Refuse what is not a host with perhaps a port."""
    if not isAuthority(authority):
        raise HandshakeError("Host is not a host with perhaps a port")


def _demandUpgrade(headers: Headers) -> None:
    """Refuse a head that does not upgrade to WebSocket."""
    if b"websocket" not in headers.tokens("upgrade"):
        raise UpgradeRequired("Upgrade is not websocket")
    if b"upgrade" not in headers.tokens("connection"):
        raise UpgradeRequired("Connection is not Upgrade")


def _readOrigin(headers: Headers) -> str | None:
    """Read the Origin; one and no list."""
    origin = headers.single("origin")
    if origin is None:
        return None
    if b" " in origin or b"," in origin:
        raise HandshakeError("a list of origins, limit 1")
    return origin.decode("ascii")


def _readSubprotocols(headers: Headers) -> tuple[str, ...]:
    """Read the offered subprotocols: tokens, none twice."""
    value = headers.get("sec-websocket-protocol")
    if value is None:
        return ()
    offered = [element.strip(b" \t") for element in value.split(b",")]
    if not all(map(heads.isToken, offered)):
        raise HandshakeError("an offered subprotocol is no token")
    if len(set(offered)) != len(offered):
        raise HandshakeError("a subprotocol is offered twice")
    return tuple(element.decode("ascii") for element in offered)


def _checked(fields: Pairs) -> list[tuple[str, str | bytes]]:
    """Refuse more fields that would contradict the handshake's own."""
    pairs = list(fields)
    for name, _ in pairs:
        lowered = name.lower()
        if lowered in _OWN_FIELDS or lowered.startswith("sec-websocket-"):
            raise ValueError(f"field {name}, which the handshake writes itself")
    return pairs
