"""
Tokens in a file: L{TokenFile} checks them, L{addToken} makes them.

A line is C{name:digest} or C{name:digest:expiry}, where the digest is the
token's SHA-256 in hex, and the expiry a date, or a date and a time, of ISO
8601, in UTC unless it says otherwise; C{#} begins a comment.  Who reads the
file cannot get in with it: a token is 256 random bits, which nobody guesses,
so that a digest needs neither salt nor to be slow.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from datetime import datetime, timezone
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from time import time
from typing import Any, NamedTuple

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.logger import Logger
from zope.interface import implementer

from .credentials import IToken

_log = Logger()

_NEEDED = "needed: name:sha256, or name:sha256:expiry"
_digest = re.compile(r"[0-9a-fA-F]{64}")


class _Entry(NamedTuple):
    """One line of the file."""

    name: bytes
    digest: bytes
    expires: float | None


_NOBODY = _Entry(b"", bytes(32), None)


@implementer(ICredentialsChecker)
class TokenFile:
    """
    Knows the tokens of a file, which is read again when it has changed.

    A file that has become wrong, or unreadable, is logged, and what was read
    before holds.  A token that is taken out lets nobody in any more; who is in
    stays.
    """

    credentialInterfaces = (IToken,)

    def __init__(self, path: str | Path, now: Callable[[], float] = time) -> None:
        """
        @param now: tells the time in seconds since the epoch.
        @raise OSError: the file cannot be read.
        @raise ValueError: a line is none.
        """
        self._path = Path(path)
        self._now = now
        self._stamp: tuple[int, ...] | None = self._readStamp()
        self._entries = self._read()

    def requestAvatarId(self, credentials: Any) -> Any:
        """
        Find whose token it is, and until when.

        @raise UnauthorizedLogin: nobody's, or it has expired.
        """
        self._readAgain()
        digest = sha256(credentials.token).digest()
        # How long it takes to find tells of the digest at most, and of that
        # nothing leads to a token; who is not there is compared all the same.
        entry = self._entries.get(digest, _NOBODY)
        if not compare_digest(entry.digest, digest):
            raise UnauthorizedLogin
        if entry.expires is not None and entry.expires <= self._now():
            raise UnauthorizedLogin
        credentials.expires = entry.expires
        return entry.name

    def _readAgain(self) -> None:
        """Read the file if it is another than it was."""
        try:
            stamp = self._readStamp()
            if stamp != self._stamp:
                self._stamp = stamp
                self._entries = self._read()
        except (OSError, ValueError) as error:
            if self._stamp is not None:
                _log.error("tokens are as before: {error}", error=str(error))
            if isinstance(error, OSError):
                self._stamp = None

    def _readStamp(self) -> tuple[int, ...]:
        """Read what changes when the file does."""
        found = self._path.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _read(self) -> dict[bytes, _Entry]:
        """Read the file."""
        entries: dict[bytes, _Entry] = {}
        lines = self._path.read_text("utf-8").split("\n")
        for number, line in enumerate(map(str.strip, lines), 1):
            if not line or line[0] == "#":
                continue
            try:
                entry = _readLine(line)
            except ValueError as error:
                raise ValueError(f"{self._path}:{number}: {error}") from None
            # Of two lines for one token, the first.
            entries.setdefault(entry.digest, entry)
        return entries


def addToken(path: str | Path, name: str, expires: datetime | None = None) -> str:
    """
    Make a token, and add its line to a file, which is made if there is none.

    @param name: whose it is; no colon, and no white space around it.
    @param expires: with a time zone.
    @return: the token, which stands nowhere else.
    @raise OSError: the file cannot be written.
    @raise ValueError: the name cannot stand in a line.
    """
    token = secrets.token_urlsafe(32)
    line = f"{name}:{sha256(token.encode()).hexdigest()}"
    if expires is not None:
        line += f":{expires.isoformat(timespec='seconds')}"
    try:
        isRight = _readLine(line).name == name.encode() and name.isprintable()
    except ValueError:
        isRight = False
    if not isRight or name.startswith("#"):
        raise ValueError(f"name {name!r}, allowed: printable, without a colon")
    # Nobody else's to read; who adds one at the same time does so behind ours.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with open(descriptor, "r+b") as file:  # noqa: PTH123 - it is open
        before = file.read()
        start = b"" if not before or before.endswith(b"\n") else b"\n"
        file.write(start + line.encode() + b"\n")
    return token


def _readLine(line: str) -> _Entry:
    """
    Read a line.

    @raise ValueError: it is none; what it says is not repeated.
    """
    name, _, rest = line.partition(":")
    digest, hasExpiry, expiry = rest.partition(":")
    if not name or name != name.strip() or not _digest.fullmatch(digest):
        raise ValueError(_NEEDED)
    expires = _readTime(expiry) if hasExpiry else None
    return _Entry(name.encode(), bytes.fromhex(digest), expires)


def _readTime(text: str) -> float:
    """Read a date, or a date and a time."""
    if text[-1:] in ("Z", "z"):
        # Python 3.10 does not know it.
        text = text[:-1] + "+00:00"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("expiry, needed: such as 2030-12-31T23:59:00Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.timestamp()
