"""Who is let in: L{Guard}, between requests and a portal of C{twisted.cred}."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from time import time
from typing import NoReturn

from twisted.cred.credentials import (
    Anonymous,
    IAnonymous,
    ICredentials,
    IUsernameHashedPassword,
    IUsernamePassword,
)
from twisted.cred.error import LoginFailed, Unauthorized
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Interface

from .core.handshake import Request
from .credentials import IToken, IWebSocketAvatar
from .errors import Refusal
from .schemes import Basic, Bearer, Digest, Scheme, Subprotocol
from .settings import Settings
from .timing import Deadline, Wheel
from .wire import Wire

_log = Logger()

_NEEDED = "credentials are needed here\n"
_WRONG = "these credentials are not accepted here\n"
_LOOK = 3600.0
"""Seconds after which the clock on the wall is looked at again."""


class Login:
    """
    One login, until the connection is lost or what was shown has expired.

    @ivar avatar: what the realm has given.
    @ivar request: what may be known of the request.
    """

    __slots__ = ("_deadline", "_expires", "_logout", "_now", "avatar", "request")

    def __init__(
        self,
        avatar: object,
        logout: Callable[[], object],
        request: Request,
        expires: float | None,
        now: Callable[[], float],
    ) -> None:
        """
        @param logout: called once.
        @param expires: in seconds since the epoch, or C{None}.
        @param now: tells the time since the epoch.
        """
        self.avatar = avatar
        self.request = request
        self._logout: Callable[[], object] | None = logout
        self._expires = expires
        self._now = now
        self._deadline: Deadline | None = None

    @property
    def hasExpired(self) -> bool:
        """Whether what was shown is good no more."""
        return self._expires is not None and self._expires <= self._now()

    def watch(self, wire: Wire, wheel: Wheel) -> None:
        """Close the connection when what was shown expires."""
        if self.hasExpired:
            wire.close(wire.settings.expiryCode, "credentials have expired")
        elif self._expires is not None:
            # Two clocks may drift apart, and the one on the wall may be set.
            seconds = min(self._expires - self._now(), _LOOK)
            self._deadline = Deadline(wheel, partial(self.watch, wire, wheel), seconds)

    def end(self) -> None:
        """Log out, once."""
        deadline, self._deadline = self._deadline, None
        if deadline is not None:
            deadline.stop()
        logout, self._logout = self._logout, None
        if logout is not None:
            try:
                logout()
            except Exception:  # noqa: BLE001 - whatever the realm raises
                _log.failure("logout failed")


class Guard:
    """
    Lets in who has credentials that a portal accepts.

    Give me to L{WebSocketServerFactory}.  I come after the Origin and before
    the agent, which has what the portal gives as its C{avatar}.

    @ivar portal: checks credentials, and has avatars.
    """

    def __init__(
        self,
        portal: Portal,
        schemes: Sequence[Scheme] | None = None,
        now: Callable[[], float] = time,
    ) -> None:
        """
        @param portal: checks credentials, and has avatars.  Its realm is asked
            for L{IWebSocketAvatar}, with the request for a mind, and may raise
            L{RequestRejected}.
        @param schemes: how credentials come, in the order in which they are
            looked for.  By default what the portal can check: L{Digest} and
            L{Basic} of passwords, L{Bearer} and L{Subprotocol} of tokens.
        @param now: tells the time in seconds since the epoch.
        @raise ValueError: the portal cannot check what comes, or anything.
        """
        checked = portal.listCredentialsInterfaces()
        self.portal = portal
        self._schemes = schemesOf(portal) if schemes is None else tuple(schemes)
        self._now = now
        self._isForAll = IAnonymous in checked
        self._logins: dict[Wire, Login] = {}
        for scheme in self._schemes:
            if scheme.interface not in checked:
                kind = type(scheme).__name__
                raise ValueError(f"{kind}, allowed: what the portal can check")
        if not self._schemes and not self._isForAll:
            raise ValueError("a portal that can check nothing of what is known here")

    def checkSettings(self, settings: Settings) -> None:
        """
        Refuse settings that make it easy to get in.

        @raise ValueError: any page could act for any visitor.
        """
        # Whoever has a page can have a sandboxed one in it, which says null.
        anybodys = [each for each in settings.origins or () if each in ("*", "null")]
        if anybodys and any(scheme.isSentByBrowsers for scheme in self._schemes):
            raise ValueError(
                f"origins: {anybodys[0]!r}, "
                "allowed with what browsers send by themselves: those you trust"
            )

    def login(self, request: Request) -> Deferred[Login]:
        """
        Check the credentials of a request.

        @return: to cancel it is to ask no longer; fails with L{Refusal}.
        @raise Refusal: 401, or 403 if HTTP cannot ask for what is needed.
        """
        try:
            scheme, credentials = self._read(request)
        except LoginFailed as error:
            raise self._refusal(request, str(error)) from None
        if credentials is None:
            raise self._refusal(request, "none", body=_NEEDED)
        seen = request
        for each in self._schemes:
            seen = each.without(seen)
        waiting = self.portal.login(credentials, seen, IWebSocketAvatar)
        return waiting.addCallbacks(
            self._accepted,
            self._denied,
            callbackArgs=(scheme, credentials, seen),
            errbackArgs=(scheme, credentials, seen),
        )

    def watch(self, login: Login, wire: Wire, wheel: Wheel) -> None:
        """Have a login last no longer than its connection, or its credentials."""
        self._logins[wire] = login
        login.watch(wire, wheel)

    def wireLost(self, wire: Wire) -> None:
        """Log out who has left."""
        login = self._logins.pop(wire, None)
        if login is not None:
            login.end()

    def _read(self, request: Request) -> tuple[str, ICredentials | None]:
        """Find credentials; name the scheme."""
        for scheme in self._schemes:
            credentials = scheme.read(request)
            if credentials is not None:
                return type(scheme).__name__, credentials
        if self._isForAll and "authorization" not in request.headers:
            return "anonymous", Anonymous()
        return "", None

    def _accepted(
        self,
        result: tuple[type[Interface], object, Callable[[], object]],
        scheme: str,
        credentials: ICredentials,
        request: Request,
    ) -> Login:
        """Take what the realm has given."""
        _, avatar, logout = result
        expires = getattr(credentials, "expires", None)
        login = Login(avatar, logout, request, expires, self._now)
        if login.hasExpired:
            login.end()
            raise self._refusal(request, f"{scheme}, expired")
        return login

    def _denied(
        self,
        failure: Failure,
        scheme: str,
        credentials: ICredentials,
        request: Request,
    ) -> NoReturn:
        """Say no, and not why."""
        failure.trap(LoginFailed, Unauthorized)
        spendTime = getattr(credentials, "spendTime", None)
        if spendTime is not None:
            spendTime()
        raise self._refusal(request, f"{scheme}, not accepted")

    def _refusal(self, request: Request, found: str, body: str = _WRONG) -> Refusal:
        """
        Ask for credentials.

        @param found: what there was, for the log, which is not told more.
        """
        challenges = [scheme.challenge(request) for scheme in self._schemes]
        fields = [("WWW-Authenticate", text) for text in challenges if text]
        names = ", ".join(type(scheme).__name__ for scheme in self._schemes)
        why = f"credentials: {found}, needed by the guard, --auth: {names}"
        return Refusal(401 if fields else 403, fields, body, why=why)


def schemesOf(portal: Portal) -> tuple[Scheme, ...]:
    """List the schemes of what a portal can check, the better first."""
    checked = portal.listCredentialsInterfaces()
    schemes: list[Scheme] = []
    if IUsernameHashedPassword in checked:
        schemes.append(Digest())
    if IUsernamePassword in checked:
        schemes.append(Basic())
    if IToken in checked:
        schemes += [Bearer(), Subprotocol()]
    return tuple(schemes)
