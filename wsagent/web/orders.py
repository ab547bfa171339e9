"""The console's commands, over HTTP and over the admin page's own WebSocket."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import NOT_ALLOWED
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request

from wsagent.addresses import describePeer
from wsagent.console.commanding import CommandError, UnknownCommand
from wsagent.console.commands import Commands

from .gate import BODY_LIMIT, Asking

_log = Logger()


class Answer(NamedTuple):
    """What became of a command."""

    status: int
    """Of HTTP."""
    told: dict[str, Any]
    """For JSON: C{ok}, and C{result} or C{error}, which is one line."""


class Orders:
    """
    Takes commands from operators, and has the log know from whom.

    @ivar commands: what can be asked for.
    """

    def __init__(self, commands: Commands) -> None:
        """@param commands: what can be asked for."""
        self.commands = commands

    def take(self, words: Sequence[str], who: str) -> Deferred[Answer]:
        """
        Run a command.

        @param words: its name, and its arguments.
        @param who: for the log.
        @return: does not fail.
        """
        # What comes behind the address may be private.
        what = " ".join(map(ascii, words[:2]))
        _log.info("admin: {who} runs {what:.99}", who=who, what=what)
        return self.commands.run(words).addCallbacks(_done, _notDone)


class CommandList(Resource):
    """The commands: C{GET} lists them, C{POST} to one of them runs it."""

    def __init__(self, orders: Orders) -> None:
        """@param orders: takes them."""
        super().__init__()
        self._orders = orders

    def getChild(self, path: bytes, request: Request) -> IResource:
        """Find a command, or what looks like the list from below."""
        if not path and not request.postpath:
            return self
        return _CommandResource(self._orders, path.decode("latin-1"))

    def render(self, request: Request) -> bytes:
        """List what there is."""
        if request.method not in (b"GET", b"HEAD"):
            return _notAllowed(request, "GET, HEAD")
        listed = [
            {"name": each.name, "usage": each.usage, "help": each.help}
            for each in self._orders.commands.table.values()
        ]
        return _inJSON(request, Answer(200, {"ok": True, "result": listed}))


class _CommandResource(Resource):
    """One command, if there is one of that name."""

    isLeaf = True

    def __init__(self, orders: Orders, name: str) -> None:
        """@param name: the command's."""
        super().__init__()
        self._orders = orders
        self._name = name

    def render(self, request: Request) -> bytes | int:
        """Run it, with the arguments in the body."""
        if request.postpath:
            return _inJSON(request, _refusal(404, "allowed: /commands/NAME"))
        if request.method != b"POST":
            return _notAllowed(request, "POST")
        assert isinstance(request, Asking)
        try:
            arguments = _readArguments(request)
        except CommandError as error:
            return _inJSON(request, _refusal(400, str(error)))
        who = describePeer(request.getClientAddress())
        if request.who is not None:
            who = f"{request.who!a} from {who}"
        left: list[object] = []
        request.notifyFinish().addBoth(left.append)
        running = self._orders.take([self._name, *arguments], who)
        running.addCallback(self._answer, request, left)
        return NOT_DONE_YET

    def _answer(self, answer: Answer, request: Request, left: list[object]) -> None:
        """Say what became of it, unless nobody waits any more."""
        if not left:
            request.write(_inJSON(request, answer))
            request.finish()


def readWords(told: object) -> list[str]:
    """
    Read the words of a command from JSON.

    @raise CommandError: they are no texts and numbers.
    """
    if not isinstance(told, list) or not all(
        isinstance(each, (str, int, float)) and not isinstance(each, bool)
        for each in told
    ):
        raise CommandError("allowed: a list of texts and numbers")
    return list(map(str, told))


def _readArguments(request: Asking) -> list[str]:
    """
    Read the arguments of a command.

    @raise CommandError: they are none.
    """
    assert request.content is not None
    body = request.content.read()
    if len(body) > BODY_LIMIT:
        raise CommandError(f"body too long, allowed: {BODY_LIMIT} octets")
    if not body:
        return []
    # A page of somebody's can have a browser send much, but not this.
    kind = (request.getHeader(b"Content-Type") or b"").partition(b";")[0]
    if kind.strip().lower() != b"application/json":
        raise CommandError("Content-Type, allowed: application/json")
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise CommandError("body is no JSON") from None
    if not isinstance(told, dict) or told.keys() - {"arguments"}:
        raise CommandError('body, allowed: {"arguments": [...]}')
    return readWords(told.get("arguments", []))


def _done(result: object) -> Answer:
    """Say what there is to tell."""
    return Answer(200, {"ok": True, "result": result})


def _notDone(failure: Failure) -> Answer:
    """Say why not."""
    failure.trap(CommandError)
    return _refusal(404 if failure.check(UnknownCommand) else 400, str(failure.value))


def _refusal(status: int, why: str) -> Answer:
    """Make the answer to what is not done."""
    return Answer(status, {"ok": False, "error": why})


def _notAllowed(request: Request, methods: str) -> bytes:
    """Say what could be done here."""
    request.setHeader("Allow", methods)
    return _inJSON(request, _refusal(NOT_ALLOWED, f"method, allowed: {methods}"))


def _inJSON(request: Request, answer: Answer) -> bytes:
    """Answer, in one line."""
    request.setResponseCode(answer.status)
    request.setHeader("Content-Type", "application/json")
    body = json.dumps(answer.told, separators=(",", ":")).encode() + b"\n"
    request.setHeader("Content-Length", str(len(body)))
    return b"" if request.method == b"HEAD" else body
