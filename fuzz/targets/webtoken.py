"""
A JSON Web Token, and what stands in it when it is signed with the right key.

It lets somebody in until a time that a clock can tell, or C{UnauthorizedLogin} is
raised, and nothing else.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from contextlib import suppress

from twisted.cred.error import UnauthorizedLogin

from fuzz.choices import Choices
from tests.core.builds import Build

KEY = b"a key that is long enough for SHA-256"
HEADER = b'{"alg":"HS256","typ":"JWT"}'


def check(octets: bytes, builds: Sequence[Build]) -> None:
    """Show a token: as it stands, or what is to be signed, perhaps its header too."""
    build = builds[0]
    choices = Choices(octets)
    isSigned, hasHeader = choices.bits(2)
    text = choices.rest()
    shown = text
    if isSigned:
        header, _, claims = text.partition(b"\n") if hasHeader else (HEADER, b"", text)
        shown = _encoded(header) + b"." + _encoded(claims)
        shown += b"." + _encoded(hmac.digest(KEY, shown, "sha256"))
    checker = build.part("webtokens").WebTokens(KEY, "HS256", claim="sub")
    token = build.part("credentials").Token(shown)
    with suppress(UnauthorizedLogin):
        name = checker.requestAvatarId(token)
        assert isSigned
        assert name.decode() == json.loads(claims)["sub"]
        assert token.expires > 0


def _encoded(octets: bytes) -> bytes:
    """Encode a part."""
    return urlsafe_b64encode(octets).rstrip(b"=")
