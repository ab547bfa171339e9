"""
What C{--auth} can say beside Twisted's own: C{token:} and C{jwt:}.

Twisted finds these through C{twisted/plugins/wsagent_auth.py}, for every
program that has C{--auth}.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from inspect import cleandoc
from pathlib import Path
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import Unauthorized
from twisted.cred.strcred import ICheckerFactory, InvalidAuthArgumentString
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.plugin import IPlugin
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from .credentials import IToken
from .tokens import TokenFile
from .webtokens import WebTokens

_WEB_TOKEN_FORMAT = "KEYFILE:algorithm=RS256[:audience=A][:issuer=I][:claim=sub]"  # noqa: S105 - a format
_colon = re.compile(r"(?<!\\):")


@implementer(ICheckerFactory, IPlugin)
class TokenFileFactory:
    """Makes L{TokenFile}s."""

    authType = "token"
    authHelp = cleandoc("""
    Tokens, which come as a bearer token, in a cookie, or as a subprotocol.

    A line of the file is name:digest or name:digest:expiry, where the digest
    is the SHA-256 of a token in hex.  "wsagent token FILE NAME" adds a line and
    prints the token.  The file is read again when it has changed.
    """)
    argStringFormat = "FILE"
    credentialInterfaces = (IToken,)

    def generateChecker(self, argstring: str) -> TokenFile:
        """
        Read the file.

        @raise InvalidAuthArgumentString: it cannot be read, or a line is none.
        """
        try:
            return TokenFile(argstring)
        except (OSError, ValueError) as error:
            raise InvalidAuthArgumentString(_line(error)) from None


@implementer(ICheckerFactory, IPlugin)
class WebTokensFactory:
    r"""Makes L{WebTokens}; a colon in a value is written as C{\:}."""

    authType = "jwt"
    authHelp = cleandoc(r"""
    JSON Web Tokens, which come as a bearer token, in a cookie, or as a
    subprotocol, and have to expire.  Needs wsagent[jwt].

    The key is a public one in PEM, or of HS256 and the like a secret, whose
    last line end does not count.  Only the one algorithm is accepted.  The
    audience and the issuer have to be those; the name is in the claim "sub"
    unless told otherwise.  A colon is written as \:.  Keys are exchanged by
    several --auth jwt:, of which one is enough.
    """)
    argStringFormat = _WEB_TOKEN_FORMAT
    credentialInterfaces = (IToken,)

    def generateChecker(self, argstring: str) -> WebTokens:
        """
        Read the key.

        @raise InvalidAuthArgumentString: it is none, or PyJWT is missing.
        """
        path, *pairs = (each.replace("\\:", ":") for each in _colon.split(argstring))
        told = dict(pair.partition("=")[::2] for pair in pairs)
        known = {"algorithm", "audience", "issuer", "claim"}
        if len(told) < len(pairs) or not {"algorithm"} <= set(told) <= known:
            raise InvalidAuthArgumentString(f"allowed: {_WEB_TOKEN_FORMAT}")
        try:
            key = Path(path).read_bytes()
            if told["algorithm"].startswith("HS"):
                key = key.removesuffix(b"\n").removesuffix(b"\r")
            return WebTokens(key, **told)
        except (OSError, ValueError, ImportError) as error:
            raise InvalidAuthArgumentString(_line(error)) from None


@implementer(ICredentialsChecker)
class FirstOf:
    """Asks one checker after the other, until one knows the credentials."""

    def __init__(self, interface: type[Interface], checkers: Sequence[Any]) -> None:
        """
        @param interface: of the credentials.
        @param checkers: at least one.
        """
        self.credentialInterfaces = (interface,)
        self._checkers = checkers

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        """
        Ask.

        @return: fails as the last one does, if none knows them.
        """
        return self._ask(credentials, 0)

    def _ask(self, credentials: Any, index: int) -> Deferred[Any]:
        """Ask one, and then those that follow."""
        checker = self._checkers[index]
        asked = maybeDeferred(checker.requestAvatarId, credentials)
        if checker is not self._checkers[-1]:
            asked.addErrback(self._askNext, credentials, index + 1)
        return asked

    def _askNext(self, failure: Failure, credentials: Any, index: int) -> Deferred[Any]:
        """Ask the next one, if this one does not know them."""
        failure.trap(Unauthorized)
        return self._ask(credentials, index)


def _line(error: Exception) -> str:
    """Put an error into one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error).splitlines()[0]


tokenFile = TokenFileFactory()
webTokens = WebTokensFactory()
