"""Who may see what is for operators only: L{Gate}."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request
from twisted.web.util import DeferredResource

from wsagent.access import demandHost, demandOrigin
from wsagent.addresses import describePeer
from wsagent.core.errors import HandshakeError
from wsagent.core.handshake import PLAIN, SECURE
from wsagent.core.handshake import Request as Asked
from wsagent.core.heads import Headers
from wsagent.credentials import IToken, Names, Token
from wsagent.errors import Refusal
from wsagent.guard import Guard, Login
from wsagent.schemes import Basic, Bearer
from wsagent.tokens import TokenFile

HOSTS = ("localhost", "127.0.0.1", "[::1]")
"""What this machine calls itself, and no page of others can."""
BODY_LIMIT = 65_536
"""Octets that a request may bring."""
_REALM = "wsagent admin"

_PHRASES = {421: b"Misdirected Request"}
"""What C{twisted.web} does not know."""

_log = Logger()


class TokenAsPassword:
    """A token in the place of a password: browsers ask for that, and know it then."""

    interface = IToken
    isSentByBrowsers = True

    def __init__(self, realm: str) -> None:
        """@param realm: what the token is for, in words."""
        self._basic = Basic(realm)

    def read(self, request: Asked) -> Token | None:
        """Find the token; whatever the name is."""
        found = self._basic.read(request)
        return None if found is None else Token(found.password)

    def challenge(self, request: Asked) -> str:
        """Ask for it."""
        return self._basic.challenge(request)

    def without(self, request: Asked) -> Asked:
        """Leave it."""
        return request


def guardOf(tokens: TokenFile) -> Guard:
    """Make a guard that lets in who has a token, people with browsers too."""
    schemes = (Bearer(_REALM), TokenAsPassword(_REALM))
    return Guard(Portal(Names(), [tokens]), schemes)


class Asking(Request):
    """
    A request for what is for operators only.

    @ivar who: the name that goes with the token, if one is needed.
    """

    who: Any = None

    def gotLength(self, length: int | None) -> None:
        """Keep what comes in memory: it will not be much."""
        super().gotLength(0 if length is None else min(length, BODY_LIMIT))

    def handleContentChunk(self, data: bytes) -> None:
        """Keep no more than shows that it is too much: nobody is let in yet."""
        assert self.content is not None
        super().handleContentChunk(data[: BODY_LIMIT + 1 - self.content.tell()])


class Gate(Resource):
    """
    Lets a request through to what is behind, or refuses it.

    No page of others gets through, even in the browser of who may.  Without a
    guard, requests have to be for this machine by its own name: behind any
    other name there could be a page that has it point here.
    """

    def __init__(
        self,
        behind: IResource,
        guard: Guard | None,
        openToAll: Mapping[bytes, IResource],
    ) -> None:
        """
        @param guard: who is let in; without, everybody on this machine.
        @param openToAll: what says nothing worth keeping, by its name.
        """
        super().__init__()
        self._behind = behind
        self._guard = guard
        for name, resource in openToAll.items():
            self.putChild(name, resource)

    def getChildWithDefault(self, path: bytes, request: Request) -> IResource:
        """Have nothing kept on the way, and nothing taken for what it is not."""
        request.setHeader("Cache-Control", "no-store")
        request.setHeader("X-Content-Type-Options", "nosniff")
        found: IResource = super().getChildWithDefault(path, request)
        return found

    def getChild(self, path: bytes, request: Request) -> IResource:
        """Find out whether the request may go on."""
        assert isinstance(request, Asking)
        assert request.prepath is not None
        assert request.postpath is not None
        request.postpath.insert(0, request.prepath.pop())
        admitted = maybeDeferred(self._admit, request)
        return DeferredResource(admitted.addErrback(_refused, request))

    def _admit(self, request: Asking) -> IResource | Deferred[IResource]:
        """
        Let a request in.

        @raise Refusal: or the C{Deferred} fails with it: it may not.
        """
        asked = _asked(request)
        demandHost(asked, None if self._guard else HOSTS)
        demandOrigin(asked, None, isRequired=False)
        if self._guard is None:
            return self._behind
        return self._guard.login(asked).addCallback(self._admitted, request)

    def _admitted(self, login: Login, request: Asking) -> IResource:
        """Note who it is; nothing else lasts."""
        request.who = login.avatar
        login.end()
        return self._behind


class _Refused(Resource):
    """What there is to see for those who are not let in."""

    isLeaf = True

    def __init__(self, refusal: Refusal) -> None:
        """@param refusal: says why."""
        super().__init__()
        self._refusal = refusal

    def render(self, request: Request) -> bytes:
        """Say so."""
        refusal = self._refusal
        request.setResponseCode(refusal.status, _PHRASES.get(refusal.status))
        for name, value in refusal.headers:
            request.responseHeaders.addRawHeader(name, value)
        return inPlain(request, refusal.body.decode())


def inPlain(request: Request, text: str) -> bytes:
    """Answer with a line of text."""
    request.setHeader("Content-Type", "text/plain; charset=utf-8")
    return text.encode()


def _asked(request: Request) -> Asked:
    """
    Give what a request shows, as the rules of the door know it.

    @raise Refusal: it shows something that nobody would.
    """
    pairs = []
    for name in ("host", "origin", "authorization"):
        values = request.requestHeaders.getRawHeaders(name.encode(), [])
        if not all(value.isascii() for value in values) or len(values) > 1:
            why = f"{len(values)} fields {name}, allowed: one, in ASCII"
            raise Refusal(400, body=f"{why}\n", why=why)
        pairs += [(name, value) for value in values]
    arrival = SECURE if request.isSecure() else PLAIN
    target = request.uri.decode("latin-1")
    return Asked(target, Headers(pairs), request.getClientAddress(), arrival)


def _refused(failure: Failure, request: Request) -> IResource:
    """Refuse, and have the log know why."""
    failure.trap(Refusal, HandshakeError)
    refusal: Any = failure.value
    if isinstance(refusal, HandshakeError):
        # Its target is looked at by the rules only.
        why = str(refusal)
        refusal = Refusal(refusal.status, refusal.fields, f"{why}\n", why=why)
    _log.info(
        "admin: {peer} refused, {status}: {why}",
        peer=describePeer(request.getClientAddress()),
        status=refusal.status,
        why=refusal.why,
    )
    return _Refused(refusal)
