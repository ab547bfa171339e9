"""C{--auth}, and what goes with it: L{AuthOptions}."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from twisted.cred.checkers import (
    FilePasswordDB,
    InMemoryUsernamePasswordDatabaseDontUse,
)
from twisted.cred.credentials import (
    IAnonymous,
    IUsernameHashedPassword,
    IUsernamePassword,
)
from twisted.cred.portal import Portal
from twisted.cred.strcred import (
    AuthOptionMixin,
    InvalidAuthType,
    UnsupportedInterfaces,
    findCheckerFactories,
    makeChecker,
)
from twisted.python import usage
from zope.interface import Interface

from .checkers import FirstOf
from .credentials import IToken, Names
from .guard import Guard, schemesOf
from .loading import inOneLine
from .schemes import Cookie
from .settings import Settings


class AuthOptions(AuthOptionMixin):
    """
    The options that say who is let in, to be mixed into L{usage.Options}.

    C{--help-auth} and C{--help-auth-type} are Twisted's.
    """

    supportedInterfaces = (
        IUsernamePassword,
        IUsernameHashedPassword,
        IToken,
        IAnonymous,
    )
    _cookies: tuple[Cookie, ...] = ()

    @inOneLine
    def opt_auth(self, description: str) -> None:
        """
        Who may connect: file:PATH, memory:NAME:PASSWORD, unix, token:PATH, jwt:..., or
        anonymous for all others too; see --help-auth; may be repeated [default: all].
        """
        kind, _, argument = description.partition(":")
        # What follows this one is passwords.
        told = "memory" if kind == "memory" else description
        try:
            _demandUsable(kind, argument)
            self.addChecker(makeChecker(description))
        except (InvalidAuthType, UnsupportedInterfaces):
            # Were it a slip of the pen, passwords might follow as well.
            found = filter(self.supportsCheckerFactory, findCheckerFactories())
            names = ", ".join(sorted(each.authType for each in found))
            raise usage.UsageError(f"--auth {kind}: allowed: {names}") from None
        except Exception as error:  # noqa: BLE001 - each kind has its own
            why = (str(error) or type(error).__name__).splitlines()[0]
            raise usage.UsageError(f"--auth {told}: {why}") from None

    @inOneLine
    def opt_auth_cookie(self, name: str) -> None:
        """
        Cookie in which a token may come as well, with --auth token: or jwt:; may be
        repeated [default: none].
        """
        try:
            self._cookies = (*self._cookies, Cookie(name))
        except ValueError:
            raise usage.UsageError(
                f"--auth-cookie {name}: allowed: an HTTP token",
            ) from None

    def addChecker(self, checker: Any) -> None:
        """Take a checker, and have it know what HTTP says."""
        if isinstance(checker, InMemoryUsernamePasswordDatabaseDontUse):
            # What the command line says is text, what requests say octets.
            users: dict[Any, Any] = checker.users
            checker.users = {_octets(name): _octets(users[name]) for name in users}
        elif isinstance(checker, FilePasswordDB):
            # To look a name up takes as long as to find that nobody has it.
            checker.cache = True
        super().addChecker(checker)

    def makeGuard(self, settings: Settings) -> Guard | None:
        """
        Make the guard that was described, if one was.

        @raise UsageError: cookies, and no tokens; or everybody's pages.
        """
        # Which are those of a dict, in usage.Options.
        told: dict[type[Interface], list[Any]] = self.get("credInterfaces", {})  # type: ignore[attr-defined]
        if self._cookies and IToken not in told:
            raise usage.UsageError("--auth-cookie: allowed: with --auth token: or jwt:")
        if not told:
            return None
        portal = Portal(Names())
        proofs, passwords = IUsernameHashedPassword, IUsernamePassword
        for interface, checkers in told.items():
            # A browser takes Digest if it can: then it has to do for everybody.
            if interface is proofs and len(checkers) < len(told[passwords]):
                continue
            portal.registerChecker(FirstOf(interface, checkers))
        guard = Guard(portal, (*schemesOf(portal), *self._cookies))
        try:
            guard.checkSettings(settings)
        except ValueError as error:
            raise usage.UsageError(f"--origin: {error}") from None
        return guard


def _demandUsable(kind: str, argument: str) -> None:
    """Refuse what Twisted's own checkers would only find out later."""
    if kind == "file" and argument and not Path(argument).is_file():
        raise ValueError("no such file")
    if kind == "unix" and find_spec("crypt") is None:
        raise ValueError("this Python has no module crypt")


def _octets(text: str | bytes) -> bytes:
    """Put text into UTF-8."""
    return text.encode() if isinstance(text, str) else text
