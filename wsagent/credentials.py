"""
What a request shows of who sends it, in the words of C{twisted.cred}.

Octets that are secret are L{Secret}: they are compared in the same time
wherever they differ, and nothing that logs them shows them.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Any

from twisted.cred.checkers import ANONYMOUS
from twisted.cred.credentials import (
    DigestedCredentials,
    ICredentials,
    UsernamePassword,
)
from twisted.cred.portal import IRealm
from zope.interface import Attribute, Interface, implementer


class Secret(bytes):
    """Octets that only their equals tell apart from others."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        """Compare, in a time that does not tell where they differ."""
        return isinstance(other, bytes) and compare_digest(self, bytes(other))

    def __ne__(self, other: object) -> bool:
        """Compare."""
        return not self == other

    def __hash__(self) -> int:
        """Hash the octets."""
        return super().__hash__()

    def __repr__(self) -> str:
        """Show nothing."""
        return "<secret>"

    __str__ = __repr__


class IToken(ICredentials):
    """A token, as an application or a login page has given it to somebody."""

    token = Attribute("What was shown, C{bytes}.")
    expires = Attribute(
        """
        When it expires, in seconds since the epoch, or C{None}: never.  Who
        checks a token sets this.
        """
    )


@implementer(IToken)
class Token:
    """A token that somebody has shown."""

    def __init__(self, token: bytes) -> None:
        """@param token: as it came."""
        self.token = Secret(token)
        self.expires: float | None = None


class _Evenly:
    """Checks a password in vain if nobody does: who is unknown takes as long."""

    checkPassword: Any
    _wasChecked = False

    def spendTime(self) -> None:
        """Take the time that is taken for those who are known."""
        if not self._wasChecked:
            self.checkPassword(b"")


class Password(_Evenly, UsernamePassword):
    """
    A name and a password, of HTTP's Basic.

    @ivar expires: as in L{IToken}.
    """

    expires: float | None = None

    def __init__(self, username: bytes, password: bytes) -> None:
        """Keep the password to ourselves."""
        super().__init__(username, Secret(password))

    def checkPassword(self, password: bytes) -> bool:
        """Compare with the right one."""
        self._wasChecked = True
        return bool(super().checkPassword(password))


class Digested(_Evenly, DigestedCredentials):
    """
    A name, and the proof that a password is known, of HTTP's Digest.

    @ivar expires: as in L{IToken}.
    """

    expires: float | None = None

    def __init__(
        self,
        username: bytes,
        method: bytes,
        realm: bytes,
        fields: dict[str, bytes],
    ) -> None:
        """Keep the proof to ourselves."""
        proof = Secret(fields["response"])
        super().__init__(username, method, realm, {**fields, "response": proof})

    def checkPassword(self, password: bytes) -> bool:
        """Compare the proof with that of the right one."""
        self._wasChecked = True
        return bool(super().checkPassword(password))


class IWebSocketAvatar(Interface):
    """What a realm is asked for: whatever the agents are to have as C{avatar}."""


@implementer(IRealm)
class Names:
    """The realm in which everybody is a name: the avatar is a C{str}, or C{None}."""

    def requestAvatar(
        self,
        avatarId: bytes | str | tuple[()],
        mind: object,
        *interfaces: type[Interface],
    ) -> tuple[type[Interface], str | None, Any]:
        """
        Give the name itself, or C{None} to those who need not say it.

        What is no UTF-8 in a name is kept apart from what is.
        """
        if IWebSocketAvatar not in interfaces:
            raise NotImplementedError("only IWebSocketAvatar")
        if isinstance(avatarId, bytes):
            avatarId = avatarId.decode("utf-8", "surrogateescape")
        name = None if avatarId == ANONYMOUS else str(avatarId)
        return IWebSocketAvatar, name, _leave


def _leave() -> None:
    """Nobody has to be told that a name is not used any more."""
