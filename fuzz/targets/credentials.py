"""
What a request shows of who sends it.

Only refusals escape, and each can be sent.  Who gets in has shown what another
reader finds too.  Of tokens among the subprotocols the application sees nothing.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from twisted.cred._digest import calcHA1, calcHA2, calcResponse
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.error import LoginFailed, UnauthorizedLogin
from twisted.cred.portal import Portal

from fuzz.choices import Choices
from fuzz.heads import readHead
from tests.core.builds import Build

HEAD = (
    b"GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
FIELDS = (b"Authorization: ", b"Cookie: ", b"Sec-WebSocket-Protocol: ")
USER, PASSWORD, TOKEN = b"user", b"opensesame", b"secret-token"
_challenge = re.compile(r'nonce="(\w+)", opaque="([^"]+)"')


def check(octets: bytes, builds: Sequence[Build]) -> None:
    """Show what stands in the lines, each in a field of the same name."""
    build = builds[0]
    schemes = build.part("schemes")
    choices = Choices(octets)
    field = choices.one(FIELDS)
    digest = schemes.Digest()
    text, right = _filled(choices.rest(), digest)
    values = text.split(b"\n")
    head = HEAD + b"".join(b"%b%b\r\n" % (field, value) for value in values) + b"\r\n"
    found = readHead(build, build.heads.requestLine, 2 * len(head), [head])
    if found is None or isinstance(found[0], str):
        return
    try:
        request = build.handshake.readRequest(*found[:2])
    except build.errors.HandshakeError:
        return
    used = [digest, schemes.Basic(), schemes.Bearer(), schemes.Cookie("s")]
    used.append(schemes.Subprotocol())
    for scheme in used:
        with suppress(LoginFailed):
            scheme.read(request)
    left = used[-1].without(request)
    assert not any(each.startswith("bearer.") for each in left.offeredSubprotocols)
    others, kept = (
        [pair for pair in each.headers if pair[0] != "sec-websocket-protocol"]
        for each in (request, left)
    )
    assert kept == others
    _checkGuard(build, used, request, text, right)


def _filled(text: bytes, digest: Any) -> tuple[bytes, bytes]:
    """Answer the server's challenge, where the text has words for it; say how."""
    found = _challenge.search(digest.challenge(_Anybody))
    assert found is not None
    nonce, opaque = (each.encode() for each in found.groups())
    first = calcHA1(b"md5", USER, b"wsagent", PASSWORD, nonce, b"c")
    second = calcHA2(b"md5", b"GET", b"/a", b"auth", None)
    right = calcResponse(first, second, b"md5", nonce, b"00000001", b"c", b"auth")
    for word, meant in ((b"NONCE", nonce), (b"OPAQUE", opaque), (b"RIGHT", right)):
        text = text.replace(word, meant)
    return text, right


class _Anybody:
    """Whom a challenge is for."""

    peer = None


def _checkGuard(
    build: Build, used: Any, request: Any, text: bytes, right: bytes
) -> None:
    """Ask a guard for somebody."""
    credentials = build.part("credentials")

    class Tokens:
        """Knows one token."""

        credentialInterfaces = (credentials.IToken,)

        def requestAvatarId(self, shown: Any) -> bytes:
            """Compare."""
            if shown.token != TOKEN:
                raise UnauthorizedLogin
            return b"token"

    users = InMemoryUsernamePasswordDatabaseDontUse(**{USER.decode(): PASSWORD})
    portal = Portal(credentials.Names(), [users, Tokens()])
    outcome: list[Any] = []
    refusal = build.part("errors").Refusal
    try:
        build.part("guard").Guard(portal, used).login(request).addBoth(outcome.append)
    except refusal as refused:
        outcome.append(refused)
    [found] = outcome
    found = getattr(found, "value", found)
    if isinstance(found, refusal):
        assert found.status == 401
        assert b"WWW-Authenticate" in build.handshake.renderRefusal(
            found.status, found.headers, found.body
        )
        assert PASSWORD.decode() not in found.why
        return
    if found.avatar == "token":
        assert TOKEN in text
    else:
        assert found.avatar == "user"
        assert any(each in text for each in (b64encode(b"user:opensesame"), right))
