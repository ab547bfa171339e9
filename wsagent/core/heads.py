"""
HTTP/1.1 request and response heads, strictly; tokens and parameter lists.

What RFC 9112 lets a lenient recipient repair is refused here: a head that two
readers could understand differently is how requests are smuggled.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from http import HTTPStatus
from typing import Final, Generic, NamedTuple, TypeVar

from .errors import HandshakeError, HeadTooBig, TargetTooLong, VersionNotSupported

FIELD_LIMIT: Final = 100
"""Fields in one head, at most."""

_TCHAR = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_token = re.compile(_TCHAR + rb"+")
# Control octets but HTAB; LF without CR before it; CR without LF after it.
_forbidden = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?!\n|\Z)",
)
_PLAIN: Final = bytes({0x09, *range(0x20, 0x100)} - {0x7F})
_requestLine = re.compile(rb"(" + _TCHAR + rb"+) ([!-~]+) HTTP/([0-9])\.([0-9])")
_field = re.compile(rb"(" + _TCHAR + rb"+):[ \t]*(.*)", re.DOTALL)
_statusLine = re.compile(rb"HTTP/([0-9])\.([0-9]) ([1-5][0-9][0-9])(?: (.*))?")
_lexeme = re.compile(
    rb'[ \t]*(?:(?P<token>%b+)|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<mark>[;,=]))' % _TCHAR,
)
_unsendable = re.compile(r"[^\t -~\x80-\xff]")

Start = TypeVar("Start")
Pairs = Iterable[tuple[str, "str | bytes"]]
_List = tuple[str, tuple[tuple[str, "str | None"], ...]]


class Headers:
    """
    The fields of one head, in the order they came.

    They are kept as octets: who has many heads seldom looks into one again.
    """

    __slots__ = ("_octets",)

    def __init__(self, pairs: Iterable[tuple[str, bytes]] = ()) -> None:
        """@param pairs: lower-case names, and values as they came: of one line."""
        # One line a field, each after its line end.
        lines = [b"\r\n%b:%b" % (name.encode("ascii"), value) for name, value in pairs]
        self._octets = b"".join(lines)

    @classmethod
    def read(cls, head: bytes) -> Headers:
        """
        Read the lines of a head after the first, without the blank one.

        @raise HandshakeError: they are no fields, or too many.
        """
        headers = cls()
        lines = head.split(b"\r\n") if head else []
        if len(lines) > FIELD_LIMIT:
            raise HeadTooBig(f"{len(lines)} fields, limit {FIELD_LIMIT}")
        kept = []
        for line in lines:
            match = _field.fullmatch(line)
            # No token: an empty name, a folded line, a space before the colon.
            if match is None:
                raise HandshakeError("malformed field")
            name, value = match.groups()
            kept.append(b"\r\n%b:%b" % (name.lower(), value.rstrip(b" \t")))
        headers._octets = b"".join(kept)
        return headers

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        """Iterate over pairs of a lower-case name and a value."""
        for line in self._octets.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            yield name.decode("ascii"), value

    def __len__(self) -> int:
        """Count the fields."""
        return self._octets.count(b"\r\n")

    def __eq__(self, other: object) -> bool:
        """Compare names and values in order."""
        if not isinstance(other, Headers):
            return NotImplemented
        return self._octets == other._octets

    def __hash__(self) -> int:
        """Hash names and values in order."""
        return hash(self._octets)

    def __repr__(self) -> str:
        """Show the names only: a value may be a credential."""
        return f"<Headers {' '.join(name for name, _ in self)}>"

    def all(self, name: str) -> list[bytes]:
        """
        List the values of each field of that name.

        @param name: in any case.
        """
        start = _lineStart(name)
        if start not in self._octets or ":" in name:
            return []
        found = self._octets.split(start)
        return [value.partition(b"\r\n")[0] for value in found[1:]]

    def get(self, name: str) -> bytes | None:
        """
        Get a field's value; several of that name are joined by C{", "}.

        @see: RFC 9110 section 5.3.
        """
        values = self.all(name)
        return b", ".join(values) if values else None

    def __contains__(self, name: object) -> bool:
        """Ask whether there is a field of that name, in any case."""
        return isinstance(name, str) and bool(self.all(name))

    def isAscii(self) -> bool:
        """Ask whether no value has an octet over 0x7f."""
        return self._octets.isascii()

    def single(self, name: str) -> bytes | None:
        """
        Get the value of a field that may not be repeated.

        @raise HandshakeError: there are several.
        """
        values = self.all(name)
        if len(values) > 1:
            raise HandshakeError(f"{len(values)} fields {name}, limit 1")
        return values[0] if values else None

    def tokens(self, name: str) -> list[bytes]:
        """
        List the elements of a comma-separated field, in lower case.

        @see: RFC 9110 section 5.6.1; empty elements are ignored.
        """
        elements = b",".join(self.all(name)).lower().split(b",")
        return [element for element in map(_trimmed, elements) if element]


class RequestLine(NamedTuple):
    """The first line of a request."""

    method: bytes
    target: bytes


class StatusLine(NamedTuple):
    """The first line of a response."""

    status: int
    reason: bytes


def requestLine(line: bytes) -> RequestLine:
    """
    Read a request line.

    @raise HandshakeError: it is not one, or not one of HTTP/1.1.
    @see: RFC 9112 section 3.
    """
    match = _requestLine.fullmatch(line)
    if match is None:
        raise HandshakeError("not a request line")
    method, target, major, minor = match.groups()
    _demandVersion(major, minor)
    return RequestLine(method, target)


def statusLine(line: bytes) -> StatusLine:
    """
    Read a status line.

    @raise HandshakeError: it is not one, or not one of HTTP/1.1.
    @see: RFC 9112 section 4.
    """
    match = _statusLine.fullmatch(line)
    if match is None:
        raise HandshakeError("not a status line")
    major, minor, status, reason = match.groups()
    _demandVersion(major, minor)
    return StatusLine(int(status), reason or b"")


class HeadReader(Generic[Start]):
    """One head that is still coming."""

    def __init__(self, startLine: Callable[[bytes], Start], limit: int) -> None:
        """
        @param startLine: L{requestLine} or L{statusLine}.
        @param limit: octets of the head, its blank line included.
        """
        self._startLine = startLine
        self._limit = limit
        # What came, unless it is the whole head.
        self._octets = bytearray()
        self._mayBeBlank = True
        self._start: Start | None = None
        self._firstEnd = -1

    def feed(self, data: bytes) -> tuple[Start, Headers, bytes] | None:
        """
        Take what came; work is linear in all octets, whatever the cuts.

        @return: C{None} until the head is whole, then its first line, its
            fields, and the octets that follow it.
        @raise HandshakeError: it is no head, or too big a head, as soon as
            that can be known.
        """
        seen = len(self._octets)
        octets: bytes | bytearray = data
        if seen:
            self._octets += data
            octets = self._octets
        if self._mayBeBlank and octets.startswith(b"\r\n"):
            # RFC 9112 2.2: one empty line before the first is ignored.
            self._mayBeBlank = False
            self._limit -= 2
            octets = octets[2:]
            seen = 0
        end = octets.find(b"\r\n\r\n", max(0, seen - 3), self._limit)
        stop = min(len(octets), self._limit) if end < 0 else end + 4
        bad = _firstForbidden(octets, max(0, seen - 1), stop)
        if self._start is None and octets:
            # What is wrong first is said, however the octets are cut.
            self._readStart(octets, max(0, seen - 1), bad.start() if bad else stop)
        if bad:
            raise HandshakeError("control octet in the head")
        if end < 0:
            if len(octets) >= self._limit:
                raise HeadTooBig(f"head without end, limit {self._limit} octets")
            if octets is not self._octets:
                self._octets = bytearray(octets)
            return None
        assert self._start is not None
        head = bytes(octets[self._firstEnd + 2 : end])
        return self._start, Headers.read(head), bytes(octets[end + 4 :])

    def _readStart(self, octets: bytes | bytearray, seen: int, stop: int) -> None:
        """Read the first line as soon as it is whole."""
        first = octets[:1]
        if not _token.match(first) and first != b"\r":
            raise HandshakeError("not HTTP")
        self._firstEnd = octets.find(b"\r\n", seen, stop)
        if self._firstEnd >= 0:
            self._start = self._startLine(bytes(octets[: self._firstEnd]))
        elif stop >= self._limit:
            raise TargetTooLong(f"first line without end, limit {self._limit} octets")


def parameterLists(value: bytes) -> list[tuple[str, list[tuple[str, str | None]]]]:
    """
    Read C{name; parameter; parameter=value, name}.

    @return: each name with its parameters, those without C{=} as C{None}.
    @raise HandshakeError: it is malformed.
    @see: RFC 6455 section 9.1.
    """
    return [(name, list(parameters)) for name, parameters in _parameterLists(value)]


# All of a browser's requests have the same, and each is read twice.
@lru_cache(maxsize=16)
def _parameterLists(value: bytes) -> tuple[_List, ...]:
    """Read them, into what nobody can change."""
    lists: list[tuple[str, list[tuple[str, str | None]]]] = []
    before = b","
    for kind, text in _lexemes(value):
        if kind == "mark":
            # A mark follows a word; an equals sign, the name of a parameter.
            if before in (b",", b";", b"=") or (text == b"=" and before != b"; name"):
                raise HandshakeError("malformed list of extensions")
            before = text
            continue
        word = text.decode("ascii", "surrogateescape")
        if before == b"=" and (kind == "token" or _token.fullmatch(text)):
            parameters = lists[-1][1]
            parameters[-1] = (parameters[-1][0], word)
            before = b"value"
        elif before == b"," and kind == "token":
            lists.append((word, []))
            before = b"name"
        elif before == b";" and kind == "token":
            lists[-1][1].append((word, None))
            before = b"; name"
        else:
            raise HandshakeError("malformed list of extensions")
    if before in (b",", b";", b"="):
        raise HandshakeError("malformed list of extensions")
    return tuple((name, tuple(parameters)) for name, parameters in lists)


def isToken(value: bytes | str) -> bool:
    """
    Ask whether a value is one token.

    @see: RFC 9110 section 5.6.2.
    """
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    return _token.fullmatch(value) is not None


def renderHead(start: str, fields: Pairs) -> bytes:
    """
    Write a head, its blank line included.

    @param start: the request line or the status line.
    @param fields: names and values, octets or Latin-1.
    @raise ValueError: a name is no token, or a value would end its line.
    """
    return b"%b\r\n%b\r\n" % (_sendable("first line", start), renderFields(fields))


def renderFields(fields: Pairs) -> bytes:
    """
    Write fields, each with its line end.

    @param fields: as those of L{renderHead}.
    @raise ValueError: as there.
    """
    lines = []
    for name, value in fields:
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if not isToken(name):
            raise ValueError(f"field name {name!r}, allowed: an HTTP token")
        lines.append(b"%b: %b\r\n" % (name.encode("ascii"), _sendable(name, text)))
    return b"".join(lines)


def basicCredentials(user: str, password: str) -> str:
    """
    Write Basic credentials.

    @raise ValueError: there is a colon in C{user}, or a control character.
    @see: RFC 7617.
    """
    text = f"{user}:{password}"
    if ":" in user or not text.isprintable():
        raise ValueError("user, allowed: printable characters but a colon")
    return "Basic " + b64encode(text.encode()).decode("ascii")


def renderStatus(status: int) -> str:
    """
    Write a status line.

    @raise ValueError: C{status} is not 100 to 599.
    """
    if not 100 <= status <= 599:
        raise ValueError(f"status {status}, allowed: 100 to 599")
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}"


def _demandVersion(major: bytes, minor: bytes) -> None:
    """Refuse all versions of HTTP but 1.1."""
    if (major, minor) != (b"1", b"1"):
        raise VersionNotSupported("not HTTP/1.1")


def _firstForbidden(
    octets: bytes | bytearray,
    start: int,
    stop: int,
) -> re.Match[bytes] | None:
    """Find the first octet that may not be in a head."""
    part = octets[start:stop]
    # All but plain octets are in pairs of CR and LF: a tenth of the search.
    if len(part.translate(None, _PLAIN)) == 2 * part.count(b"\r\n"):
        return None
    return _forbidden.search(octets, start, stop)


@lru_cache(maxsize=64)
def _lineStart(name: str) -> bytes:
    """Write how the line of a field begins, after the one before."""
    return b"\r\n%b:" % name.lower().encode("ascii", "replace")


def _trimmed(value: bytes) -> bytes:
    """Take the optional white space off both ends."""
    return value.strip(b" \t")


def _lexemes(value: bytes) -> Iterator[tuple[str, bytes]]:
    """Cut a list into tokens, quoted strings and marks."""
    value = _trimmed(value)
    position = 0
    while position < len(value):
        match = _lexeme.match(value, position)
        if match is None:
            raise HandshakeError("malformed list of extensions")
        kind = match.lastgroup
        assert kind is not None
        yield kind, match[kind]
        position = match.end()


def _sendable(what: str, text: str) -> bytes:
    """Encode text for a head; refuse what would end its line."""
    bad = _unsendable.search(text)
    if bad is not None:
        raise ValueError(
            f"{bad[0]!r} in {what}, allowed: Latin-1 without control characters",
        )
    return text.encode("latin-1")
