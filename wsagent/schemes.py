"""
How credentials come with a request, and how they are asked for.

A scheme finds its kind of credentials in a request.  Of a page in a browser
come a cookie of this host and a password that the browser was told for it,
whatever page it is, and what the page's script offers as a subprotocol:
scripts can set nothing else.
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import replace
from typing import Protocol

from twisted.cred.credentials import (
    DigestCredentialFactory,
    ICredentials,
    IUsernameHashedPassword,
    IUsernamePassword,
)
from twisted.cred.error import LoginFailed
from zope.interface import Interface

from .core.handshake import Request
from .core.heads import Headers, isToken
from .credentials import Digested, IToken, Password, Token

REALM = "wsagent"
_PROTOCOLS = "sec-websocket-protocol"
_realm = re.compile(r"[ !#-\[\]-~]*")
_token68 = re.compile(rb"[A-Za-z0-9\-._~+/]+=*")
_count = re.compile(rb"[0-9a-fA-F]{8}")
_control = re.compile(r"[\x00-\x1f\x7f]")


class Scheme(Protocol):
    """One way in which credentials come."""

    @property
    def interface(self) -> type[Interface]:
        """Of the credentials that it finds."""

    @property
    def isSentByBrowsers(self) -> bool:
        """Whether a browser adds them by itself, whatever page it is that connects."""

    def read(self, request: Request) -> ICredentials | None:
        """
        Find the credentials in a request.

        @raise LoginFailed: there are some, and they cannot be read.
        """

    def challenge(self, request: Request) -> str | None:
        """Write a C{WWW-Authenticate} for a request, if that asks for them."""

    def without(self, request: Request) -> Request:
        """Give the request as the application may see it."""


class _Field:
    """Credentials that come in C{Authorization}."""

    # A password that was asked for is known, and goes with each request.
    isSentByBrowsers = True
    _NAME: bytes

    def __init__(self, realm: str = REALM) -> None:
        """
        @param realm: what the credentials are for, in words.
        @raise ValueError: it cannot be sent.
        """
        if not _realm.fullmatch(realm):
            raise ValueError(f"realm {realm!r}, allowed: printable ASCII, no quotes")
        self._realm = realm

    def _shown(self, request: Request) -> bytes | None:
        """
        Find what the request says under our name.

        @raise LoginFailed: it says more than one thing.
        """
        lines = request.headers.all("authorization")
        if len(lines) > 1:
            raise LoginFailed(f"{len(lines)} fields Authorization, limit 1")
        name, _, shown = (lines or [b""])[0].partition(b" ")
        return shown.strip(b" ") if name.lower() == self._NAME else None

    def without(self, request: Request) -> Request:
        """Leave it: the application may have a use for it."""
        return request


class Basic(_Field):
    """
    A name and a password.

    @see: RFC 7617.
    """

    interface = IUsernamePassword
    _NAME = b"basic"

    def read(self, request: Request) -> Password | None:
        """Find name and password."""
        shown = self._shown(request)
        if shown is None:
            return None
        try:
            name, colon, password = b64decode(shown, validate=True).partition(b":")
        except ValueError:
            raise LoginFailed("Basic is not base64") from None
        isWhole = colon and len(shown) % 4 == 0
        if not isWhole or not _isText(name) or not _isText(password):
            raise LoginFailed("Basic is not a name and a password in UTF-8")
        return Password(name, password)

    def challenge(self, request: Request) -> str:
        """Ask for them."""
        return f'Basic realm="{self._realm}", charset="UTF-8"'


class Digest(_Field):
    """
    A name, and a proof that the password is known.

    Twisted's: MD5, of which a proof is good for a quarter of an hour, from the
    same address and for the same target.  It keeps a password from those who
    listen, and nothing else that TLS does.

    @see: RFC 7616.
    """

    interface = IUsernameHashedPassword
    _NAME = b"digest"

    def __init__(self, realm: str = REALM) -> None:
        """
        @param realm: what the credentials are for; part of what is proven.
        @raise ValueError: it cannot be sent.
        """
        super().__init__(realm)
        self._factory = DigestCredentialFactory(b"md5", realm.encode("ascii"))

    def read(self, request: Request) -> Digested | None:
        """Find name and proof, for this very target."""
        shown = self._shown(request)
        if shown is None:
            return None
        try:
            found = self._factory.decode(shown, b"GET", _host(request))
        except ValueError:
            # What it cannot decode: a number, base64, a name.
            raise LoginFailed("Digest cannot be read") from None
        fields = found.fields
        if fields.get("uri") != request.target.encode("ascii"):
            raise LoginFailed("Digest is for another target")
        if (
            fields.get("algorithm", b"md5").lower() != b"md5"
            or fields.get("qop") != b"auth"
            or not _count.fullmatch(fields.get("nc", b""))
            or not fields.get("cnonce")
            or not fields.get("response")
            or not _isText(found.username)
        ):
            raise LoginFailed("Digest is not as it was asked for")
        return Digested(found.username, found.method, found.realm, fields)

    def challenge(self, request: Request) -> str:
        """Ask for them, with a nonce that is good for a while."""
        fields = self._factory.getChallenge(_host(request))
        texts = {name: value.decode("ascii") for name, value in fields.items()}
        return (
            'Digest realm="{realm}", nonce="{nonce}", opaque="{opaque}", '
            'qop="{qop}", algorithm={algorithm}'
        ).format_map({**texts, "algorithm": texts["algorithm"].upper()})


class Bearer(_Field):
    """
    A token.

    @see: RFC 6750 section 2.1.
    """

    interface = IToken
    isSentByBrowsers = False
    _NAME = b"bearer"

    def read(self, request: Request) -> Token | None:
        """Find the token."""
        shown = self._shown(request)
        if shown is None:
            return None
        if not _token68.fullmatch(shown):
            raise LoginFailed("Bearer is no token")
        return Token(shown)

    def challenge(self, request: Request) -> str:
        """Ask for one, or for another."""
        lines = request.headers.all("authorization")
        hasShown = any(line.lower().startswith(b"bearer ") for line in lines)
        error = ', error="invalid_token"' if hasShown else ""
        return f'Bearer realm="{self._realm}"{error}'


class Cookie:
    """
    A token in a cookie of this host.

    A browser sends it whatever page it is that connects: it tells who the
    visitor is, and the Origin, which has been looked at, whose page it is.

    @see: RFC 6265.
    """

    interface = IToken
    isSentByBrowsers = True

    def __init__(self, name: str) -> None:
        """
        @param name: the cookie's, compared as it is.
        @raise ValueError: no cookie can be called that.
        """
        if not isToken(name):
            raise ValueError(f"cookie {name!r}, allowed: an HTTP token")
        self._name = name.encode("ascii")

    def read(self, request: Request) -> Token | None:
        """
        Find the token.

        @raise LoginFailed: there are several, perhaps set by a host beside us.
        """
        found = set()
        for line in request.headers.all("cookie"):
            for pair in line.split(b";"):
                name, _, value = pair.strip(b" \t").partition(b"=")
                if name == self._name:
                    found.add(value.removeprefix(b'"').removesuffix(b'"'))
        if len(found) > 1:
            raise LoginFailed(f"{len(found)} cookies of that name, limit 1")
        return Token(found.pop()) if found else None

    def challenge(self, request: Request) -> None:
        """HTTP has no way to ask for a cookie."""

    def without(self, request: Request) -> Request:
        """Leave it: the application may have a use for it."""
        return request


class Subprotocol:
    """
    A token that is offered beside the subprotocols, as C{bearer.TOKEN}.

    C{new WebSocket(url, ["chat", "bearer." + token])} is all that a script can
    say of its own.  It is never chosen, and the application does not see it;
    another one has to be chosen, or the browser is not content.
    """

    interface = IToken
    isSentByBrowsers = False

    def __init__(self, prefix: str = "bearer.") -> None:
        """
        @param prefix: what the token stands behind.
        @raise ValueError: no subprotocol can begin so.
        """
        if not isToken(prefix):
            raise ValueError(f"prefix {prefix!r}, allowed: an HTTP token")
        self._prefix = prefix

    def read(self, request: Request) -> Token | None:
        """Find the token."""
        found = [name for name in request.offeredSubprotocols if self._isOurs(name)]
        if len(found) > 1:
            raise LoginFailed(f"{len(found)} tokens as subprotocols, limit 1")
        if not found:
            return None
        return Token(found[0].removeprefix(self._prefix).encode("ascii"))

    def challenge(self, request: Request) -> None:
        """HTTP has no way to ask for a subprotocol."""

    def without(self, request: Request) -> Request:
        """Take the token away, lest it is echoed or logged."""
        offered = request.offeredSubprotocols
        left = [name for name in offered if not self._isOurs(name)]
        if len(left) == len(offered):
            return request
        pairs = [pair for pair in request.headers if pair[0] != _PROTOCOLS]
        if left:
            pairs.append((_PROTOCOLS, ", ".join(left).encode("ascii")))
        return replace(request, headers=Headers(pairs))

    def _isOurs(self, name: str) -> bool:
        """Ask whether it is a token, and no subprotocol."""
        return name.startswith(self._prefix)


def _isText(octets: bytes) -> bool:
    """Ask whether it is UTF-8 without control characters (RFC 7617 section 2)."""
    try:
        return not _control.search(octets.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def _host(request: Request) -> str | None:
    """Say from where a request comes, if that has a name."""
    host = getattr(request.peer, "host", None)
    return host if isinstance(host, str) else None
