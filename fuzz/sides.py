"""One side of a connection, as the target C{frames} sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tests.core.builds import Build, plain
from tests.core.notation import KEY

from .choices import Choices

Step = tuple[Any, ...]
"""What is done to a connection: the name of a method, and arguments."""

REACTIONS: tuple[Step, ...] = (
    ("pause",),
    ("sendText", "½"),
    ("sendBytes", bytes(16_384)),
    ("sendBytes", b"a" * 2000, True),
    ("sendFragment", b"a"),
    ("sendFragment", "a", True),
    ("sendPrepared", b"a" * 2000),
    ("ping", b"?"),
    ("close", 4000, "½"),
    ("fail", 1011, "½" * 100),
    ("abandon",),
    ("dropAll",),
    ("rest",),
    ("feed", b""),
    # What comes of these depends on what is in the same segment.
    ("feed", b"\x82\x81" + bytes(4) + b"a"),
    ("feed", b"\x82\x01a"),
)
_DEPENDING = REACTIONS[-2:]
_OCTET_LIMITS = (None, 0, 5, 125, 126, 1000, 65_536, 2**62)
_MOVES = 20
"""How often a connection is handed over, at most: it takes longer than all else."""
_FRAGMENT_LIMITS = (None, 1, 2, 4)


class Agreement(NamedTuple):
    """
    What both ends of a connection know, and what the application does.

    @ivar isMoved: it is handed over to another build between segments.
    @ivar reaction: what is done within a call.
    @ivar turn: the number of that call.
    """

    isClient: bool
    isStreaming: bool
    hasCodec: bool
    isMoved: bool
    limits: tuple[int | None, int | None]
    windows: tuple[int, int]
    takeovers: tuple[bool, bool]
    reaction: Step
    turn: int

    @classmethod
    def chosen(cls, choices: Choices) -> Agreement:
        """Choose, with four octets."""
        isClient, isStreaming, hasCodec, *takeovers, isMoved = choices.bits(6)
        number = choices.number()
        limits = _OCTET_LIMITS[number % 8], _FRAGMENT_LIMITS[number // 8 % 4]
        # The peer has the largest: who refers beyond another is not always seen.
        windows = 9 + number // 32 % 7, 15
        reaction, turn = choices.one(REACTIONS), choices.number() % 8
        return cls(
            isClient,
            isStreaming,
            hasCodec,
            isMoved,
            limits,
            windows,
            (takeovers[0], takeovers[1]),
            reaction,
            turn,
        )

    @property
    def isReacting(self) -> bool:
        """Ask whether the application does something."""
        return self.turn > 0

    @property
    def isAnyCut(self) -> bool:
        """Ask whether the same comes of any cut."""
        return not self.isReacting or self.reaction not in _DEPENDING

    def mirrored(self) -> Agreement:
        """Give what the peer knows, who accepts all and does nothing."""
        return self._replace(
            isClient=not self.isClient,
            limits=(None, None),
            windows=self.windows[::-1],
            takeovers=self.takeovers[::-1],
            turn=0,
            isStreaming=False,
        )

    def arguments(self, build: Build) -> tuple[Any, ...]:
        """Give a connection of a build what it needs."""
        codec = None
        if self.hasCodec:
            codec = build.permessage.DeflateCodec(
                build.deflate.Compression(threshold=8, isMovable=True),
                self.windows[0],
                self.takeovers[0],
                self.windows[1],
                self.takeovers[1],
            )
        role = build.codes.Role.CLIENT if self.isClient else build.codes.Role.SERVER
        return role, build.messages.Limits(*self.limits), self.isStreaming, codec


class Recorder:
    """A receiver that notes its calls, and does something in one of them."""

    def __init__(self, agreement: Agreement, react: Callable[[], None]) -> None:
        """@param react: to do it."""
        self.calls: list[Step] = []
        self._left = agreement.turn
        self._react = react

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Make a method."""

        def called(*arguments: object) -> None:
            self.note(name, *arguments)
            if name != "pieceReceived" or arguments[1] is True:
                self._left -= 1
                if self._left == 0:
                    self._react()

        return called

    def note(self, name: str, *arguments: Any) -> None:
        """Note a call; pieces without one between are one."""
        # A C integer is no bool, and the other way round.
        call = (name, *((type(each).__name__, each) for each in arguments))
        if name == "pieceReceived" and self.calls:
            before, *noted = self.calls[-1]
            if before == name and not noted[1][1]:
                kind, octets = noted[0]
                call = (name, (kind, octets + arguments[0]), call[2])
                self.calls.pop()
        self.calls.append(call)


class Side:
    """
    A connection of one build, or of more in turn.

    @ivar error: what was raised in the end.
    @ivar written: all that was written.
    """

    def __init__(self, builds: Sequence[Build], agreement: Agreement) -> None:
        """@param builds: with more than one, it is handed over to the next."""
        self.error: Exception | None = None
        self.written = bytearray()
        self._builds = list(builds)
        self._agreement = agreement
        self._isPaused = False
        self._recorder = Recorder(agreement, self._react)
        for build in builds:
            build.masking._pool[:] = [KEY] * 2000
        self.connection = builds[0].connection.Connection(
            self._recorder, self._write, *agreement.arguments(builds[0])
        )

    @property
    def calls(self) -> list[Step]:
        """All calls, what was written in their order too."""
        return self._recorder.calls

    def _write(self, *octets: bytes) -> None:
        """Note what is sent, in one or two parts."""
        frame = b"".join(octets)
        self.written += frame
        self._recorder.note("written", frame)

    def _react(self) -> None:
        """Do what the application does."""
        name, *arguments = self._agreement.reaction
        if name == "pause":
            self._isPaused = True
        elif name == "sendPrepared":
            arguments = [self._builds[0].outgoing.PreparedMessage(*arguments)]
        getattr(self.connection, name)(*arguments)

    def feed(self, segments: Sequence[bytes]) -> None:
        """Feed segments, until an error is raised; go on after each pause."""
        try:
            for index, segment in enumerate(segments):
                if len(self._builds) > 1 and index < _MOVES:
                    self._handOver()
                self.connection.feed(segment)
                while self._isPaused:
                    self._isPaused = False
                    self.connection.resume()
                    self.connection.feed(b"")
        except self._builds[0].errors.ProtocolError as error:
            self.error = error

    def _handOver(self) -> None:
        """Have a connection of the next build go on with the state of this one."""
        if self.connection.isClosed:
            return
        state = self.connection.state()
        self._builds.append(self._builds.pop(0))
        build = self._builds[0]
        self.connection = build.connection.Connection.restored(
            build.moved(state),
            self._recorder,
            self._write,
            *self._agreement.arguments(build),
        )

    def outcome(self) -> tuple[list[Step], Any, Any]:
        """
        Give what any cut makes the same.

        @return: the calls, what was raised, and the state in the end.
        """
        calls = list(self.calls)
        error = self.error
        if error is None:
            state = None
            if not self.connection.isClosed:
                state = plain(_relevant(self.connection.state()))
            return calls, None, state
        said: Any = (type(error).__name__, str(error))
        if self._agreement.isStreaming:
            calls = _withoutUnfinished(calls)
        if self._agreement.hasCodec:
            # How much is inflated before what is wrong with it is seen depends.
            said = None
            calls = [call for call in calls if call[0] != "written"]
        return calls, said, None


def _relevant(state: Any) -> Any:
    """Leave out of a state what is left of frames and messages that have ended."""
    reader = state.reader
    frames = reader.frames
    if not frames.remaining:
        frames = frames._replace(key=b"")
        reader = reader._replace(isLastFrame=False)
    if not reader.opcode:
        reader = reader._replace(isEncoded=False)
    return state._replace(reader=reader._replace(frames=frames))


def _withoutUnfinished(calls: list[Step]) -> list[Step]:
    """Leave out the pieces of a message that has not ended."""
    for index in range(len(calls) - 1, -1, -1):
        name, *arguments = calls[index]
        if name == "pieceReceived":
            if arguments[1][1]:
                break
            del calls[index]
    return calls
