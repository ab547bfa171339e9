"""Messages from frames."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from wsagent.core import codes
from wsagent.core.errors import InvalidPayload, MessageTooBig, ProtocolError
from wsagent.core.messages import Limits, MessageReader
from wsagent.testing import Recorder

from .notation import row
from .strategies import CUTS, messages

CONT, TEXT, BINARY, PING = codes.CONTINUATION, codes.TEXT, codes.BINARY, codes.PING
UNLIMITED = Limits(None, None)
ENCODED = 0x40

# What RFC 3629 forbids, and the octets that make it so.
BAD_UTF8 = (
    ("alone", b"a", b"\x80"),
    ("cut in the middle", b"\xe2\x82", b"a"),
    ("surrogate", b"\xed", b"\xa0"),
    ("overlong slash", b"", b"\xc0"),
    ("overlong in three", b"\xe0", b"\x80"),
    ("over U+10FFFF", b"\xf4", b"\x90"),
    ("no start octet", b"", b"\xf5"),
)


class Doubling:
    """A codec whose messages are half as long, and which notes its calls."""

    rsv = ENCODED

    def __init__(self) -> None:
        """Nothing was decoded yet."""
        self.calls: list[tuple[bytes, bool, int]] = []

    def encode(self, payload: bytes, choice: bool | None) -> bytes | None:
        """Send it plain."""
        return None

    def encodesBy(self) -> str:
        """Name what decides."""
        return "nothing"

    def decode(self, data: bytes, isLast: bool, limit: int) -> bytes:
        """Double each octet."""
        self.calls.append((data, isLast, limit))
        if 2 * len(data) > limit:
            raise MessageTooBig("doubled")
        return bytes(octet for octet in data for _ in "ab")

    def rest(self) -> None:
        """Rest."""

    def state(self) -> object:
        """Give nothing."""
        return None

    def restore(self, state: object) -> None:
        """Take nothing."""


class Reading:
    """A reader, and the calls it made."""

    def __init__(
        self,
        limits: Limits = UNLIMITED,
        isStreaming: bool = False,
        codec: Doubling | None = None,
        receiver: Recorder | None = None,
    ) -> None:
        """Nothing happened yet."""
        self.receiver = receiver or Recorder()
        self.calls = self.receiver.calls
        self.arguments = (limits, True, isStreaming, codec)
        self.reader = self.newReader()

    def newReader(self) -> MessageReader:
        """Make a reader of the same settings."""
        return MessageReader(
            self.receiver,
            *self.arguments,
        )

    def frame(self, opcode: int, *pieces: bytes, fin: bool = True) -> None:
        """Take a frame, in pieces."""
        first, *others = pieces or (b"",)
        length = sum(map(len, pieces))
        octet = opcode | 0x80 if fin else opcode
        key = bytes(4)
        self.reader.take(octet, length, key + first, 4, 4 + len(first))
        for piece in filter(None, others):
            self.reader.sliceReceived(piece + b"behind", len(piece), b"")

    def handOver(self) -> None:
        """Replace the reader by one of its state."""
        state = self.reader.messagesState()
        copy = pickle.loads(pickle.dumps(state))
        self.reader = self.newReader()
        self.reader.restoreMessages(copy)
        assert self.reader.messagesState() == copy == state


class Acting(Recorder):
    """A receiver that notes the reader's state when it is called, and acts."""

    def __init__(self, act: Callable[[Reading], object] | None = None) -> None:
        """@param act: what to do once, at the first call."""
        super().__init__()
        self.act = act
        self.reading: Reading
        self.states: list[tuple[bool, int]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Make a method that notes, and acts."""
        note = super().__getattr__(name)

        def noteAndAct(*arguments: object) -> None:
            note(*arguments)
            reader = self.reading.reader
            self.states.append((reader.isInMessage, reader.messagesReceived))
            act, self.act = self.act, None
            if act is not None:
                act(self.reading)

        return noteAndAct


class OrderTests(SynchronousTestCase):
    """Tests of which frames may follow which."""

    def test_whole(self) -> None:
        """A frame with FIN is a message, and each is counted."""
        reading = Reading()
        reading.frame(TEXT, "é".encode())
        reading.frame(BINARY, b"\xff")
        reading.frame(TEXT)
        reading.frame(BINARY)
        self.assertEqual(
            reading.calls,
            [
                ("textReceived", "é"),
                ("bytesReceived", b"\xff"),
                ("textReceived", ""),
                ("bytesReceived", b""),
            ],
        )
        self.assertEqual(reading.reader.messagesReceived, 4)
        self.assertFalse(reading.reader.isInMessage)

    def test_fragments(self) -> None:
        """Fragments, empty ones too, make one message; control frames pass between."""
        for opcode, call in (
            (TEXT, ("textReceived", "abc")),
            (BINARY, ("bytesReceived", b"abc")),
        ):
            reading = Reading()
            for index, fragment in enumerate((b"", b"a", b"", b"bc")):
                reading.frame(CONT if index else opcode, fragment, fin=False)
                reading.frame(PING, b"p")
                self.assertTrue(reading.reader.isInMessage)
            reading.frame(CONT)
            self.assertEqual(
                reading.calls,
                [("controlReceived", PING, b"p")] * 4 + [call],
            )
            self.assertFalse(reading.reader.isInMessage)

    def test_emptyFirst(self) -> None:
        """After an empty first fragment, the next one may have all of the payload."""
        reading = Reading()
        reading.frame(TEXT, fin=False)
        reading.frame(CONT, b"abc")
        reading.frame(BINARY, fin=False)
        reading.frame(CONT, b"a", b"bc")
        self.assertEqual(
            reading.calls,
            [("textReceived", "abc"), ("bytesReceived", b"abc")],
        )

    def test_orphan(self) -> None:
        """A continuation needs a message that has begun and not ended."""
        reading = Reading()
        for _ in range(2):
            with self.assertRaises(ProtocolError) as caught:
                reading.frame(CONT, b"a")
            self.assertEqual(caught.exception.code, 1002)
            reading.frame(TEXT, b"a")

    def test_inside(self) -> None:
        """No message begins inside another one, even an empty one."""
        for opcode in (TEXT, BINARY, TEXT | ENCODED):
            for first in (b"", b"a"):
                reading = Reading()
                reading.frame(TEXT, first, fin=False)
                with self.assertRaises(ProtocolError) as caught:
                    reading.frame(opcode, b"a")
                self.assertEqual(caught.exception.code, 1002)
                self.assertEqual(reading.calls, [])

    @given(st.lists(messages(), max_size=4), CUTS, st.booleans())
    def test_cuts(
        self,
        sent: list[Any],
        cuts: list[int],
        isMoved: bool,
    ) -> None:
        """Any messages, in any fragments, in any pieces, come out equal."""
        reading, streaming = Reading(), Reading(isStreaming=True)
        for value, fragments in sent:
            opcode = TEXT if isinstance(value, str) else BINARY
            for index, fragment in enumerate(fragments):
                fin = index == len(fragments) - 1
                stops = sorted({cut for cut in cuts if cut < len(fragment)})
                pieces = [
                    fragment[start:stop]
                    for start, stop in zip(
                        [0, *stops],
                        [*stops, len(fragment)],
                        strict=True,
                    )
                ]
                for each in (reading, streaming):
                    each.frame(CONT if index else opcode, *pieces, fin=fin)
                    if isMoved:
                        each.handOver()
        names = {str: "textReceived", bytes: "bytesReceived"}
        values = [value for value, _ in sent]
        self.assertEqual(
            reading.calls,
            [(names[type(value)], value) for value in values],
        )
        self.assertEqual(joined(streaming.calls), values)


def joined(calls: Iterable[tuple[Any, ...]]) -> list[str | bytes]:
    """Put pieces together to messages."""
    found: list[str | bytes] = []
    pieces: list[Any] = []
    for name, piece, isLast in calls:
        assert name == "pieceReceived"
        assert piece or isLast, "an empty piece"
        pieces.append(piece)
        if isLast:
            found.append(type(piece)().join(pieces))
            pieces = []
    assert not pieces
    return found


class LimitTests(SynchronousTestCase):
    """Tests of how much a message may be."""

    def test_octets(self) -> None:
        """A message of exactly the limit is delivered, whatever its fragments."""
        for cut in range(6):
            for isStreaming in (False, True):
                reading = Reading(Limits(5, None), isStreaming)
                for _ in range(2):
                    reading.frame(BINARY, b"abcde"[:cut], fin=False)
                    reading.frame(CONT, b"abcde"[cut:])
                if not isStreaming:
                    self.assertEqual(reading.calls, [("bytesReceived", b"abcde")] * 2)

    def test_tooMany(self) -> None:
        """The header that crosses the limit is refused, with no payload there yet."""
        for have, declared in (
            (0, 6),
            (0, 2**63 - 1),
            (1, 5),
            (5, 1),
            (5, 2**63 - 1),
            (3, 2**63 - 5),
        ):
            with row((have, declared)):
                reading = Reading(Limits(5, None))
                if have:
                    reading.frame(BINARY, bytes(have), fin=False)
                with self.assertRaises(MessageTooBig) as caught:
                    reading.reader.frameReceived(
                        CONT if have else BINARY,
                        True,
                        declared,
                        b"",
                    )
                self.assertEqual(
                    str(caught.exception), f"{have + declared} octets, limit 5"
                )
                self.assertEqual(caught.exception.code, 1009)

    def test_unfinished(self) -> None:
        """What is declared counts, though it has not come."""
        reading = Reading(Limits(5, None))
        reading.reader.frameReceived(BINARY, False, 5, b"a")
        reading.reader.payloadReceived(b"bcde")
        with self.assertRaises(MessageTooBig):
            reading.frame(CONT, b"f")

    def test_nothing(self) -> None:
        """A limit of 0 lets empty messages through."""
        reading = Reading(Limits(0, None))
        reading.frame(TEXT)
        self.assertEqual(reading.calls, [("textReceived", "")])
        with self.assertRaises(MessageTooBig):
            reading.frame(TEXT, b"a")

    def test_none(self) -> None:
        """Without a limit, what no machine has is still refused."""
        reading = Reading()
        reading.frame(BINARY, b"a", fin=False)
        reading.reader.frameReceived(CONT, False, 2**61, b"")
        with self.assertRaises(MessageTooBig):
            reading.reader.frameReceived(CONT, True, 2**63 - 1, b"")

    def test_fragments(self) -> None:
        """Fragments are counted anew for each message, empty ones too."""
        for fragment in (b"", b"a"):
            for isStreaming in (False, True):
                reading = Reading(Limits(None, 3), isStreaming)
                for _ in range(3):
                    reading.frame(BINARY, fragment, fin=False)
                    reading.frame(CONT, fragment, fin=False)
                    reading.frame(CONT, fragment)
                reading.frame(BINARY, fragment)
                reading.frame(BINARY, fragment, fin=False)
                reading.frame(CONT, fragment, fin=False)
                reading.frame(CONT, fragment, fin=False)
                with self.assertRaises(MessageTooBig) as caught:
                    reading.frame(CONT, fragment)
                self.assertEqual(str(caught.exception), "4 fragments, limit 3")

    def test_controls(self) -> None:
        """Control frames are no fragments, and count for nothing."""
        reading = Reading(Limits(1, 2))
        reading.frame(BINARY, b"a", fin=False)
        for _ in range(9):
            reading.frame(PING, b"abc")
        reading.frame(CONT)
        self.assertEqual(reading.calls[-1], ("bytesReceived", b"a"))


class Utf8Tests(SynchronousTestCase):
    """Tests of text."""

    def test_failFast(self) -> None:
        """The first bad octet of an unfinished frame is one too many."""
        for name, good, bad in BAD_UTF8:
            for isStreaming in (False, True):
                with row((name, isStreaming)):
                    reading = Reading(isStreaming=isStreaming)
                    reading.reader.frameReceived(TEXT, False, 100, good)
                    with self.assertRaises(InvalidPayload) as caught:
                        reading.reader.payloadReceived(bad)
                    self.assertEqual(caught.exception.code, 1007)

    def test_fragments(self) -> None:
        """A bad octet in any fragment is found when it comes."""
        for name, good, bad in BAD_UTF8:
            with row(name):
                reading = Reading()
                reading.frame(TEXT, good, fin=False)
                reading.frame(PING)
                reading.frame(CONT, fin=False)
                with self.assertRaises(InvalidPayload):
                    reading.frame(CONT, bad, fin=False)

    def test_whole(self) -> None:
        """Bad text in one frame is refused, and no message."""
        for name, good, bad in BAD_UTF8:
            for isStreaming in (False, True):
                with row(name):
                    reading = Reading(isStreaming=isStreaming)
                    with self.assertRaises(InvalidPayload):
                        reading.frame(TEXT, good + bad)
                    self.assertEqual(reading.calls, [])

    def test_cutAtTheEnd(self) -> None:
        """A message may not end inside a character, in whatever frames."""
        for isStreaming in (False, True):
            for cut in range(4):
                reading = Reading(isStreaming=isStreaming)
                reading.frame(TEXT, b"a\xe2\x82"[:cut], fin=False)
                with self.assertRaises(InvalidPayload):
                    reading.frame(CONT, b"a\xe2\x82"[cut:])

    def test_split(self) -> None:
        """A character may be split over pieces and fragments anywhere."""
        text = "κόσμε€😀"
        octets = text.encode()
        for cut in range(len(octets) + 1):
            reading = Reading()
            reading.frame(TEXT, octets[:cut], fin=False)
            reading.frame(CONT, octets[cut:])
            reading.frame(TEXT, octets[:cut], octets[cut:])
            self.assertEqual(reading.calls, [("textReceived", text)] * 2)

    def test_bytes(self) -> None:
        """Bytes are not looked at."""
        reading = Reading()
        reading.frame(BINARY, b"\xff", fin=False)
        reading.frame(CONT, b"\xc0\xaf")
        self.assertEqual(reading.calls, [("bytesReceived", b"\xff\xc0\xaf")])


class StreamingTests(SynchronousTestCase):
    """Tests of messages in pieces."""

    def test_pieces(self) -> None:
        """Each piece is handed over at once, the last one as the last."""
        reading = Reading(isStreaming=True)
        reading.frame(BINARY, b"a", b"b", fin=False)
        reading.frame(CONT, b"", b"c")
        self.assertEqual(
            reading.calls,
            [
                ("pieceReceived", b"a", False),
                ("pieceReceived", b"b", False),
                ("pieceReceived", b"c", True),
            ],
        )

    def test_empty(self) -> None:
        """An empty piece is handed over only as the last one."""
        for opcode, nothing in ((TEXT, ""), (BINARY, b"")):
            reading = Reading(isStreaming=True)
            reading.frame(opcode)
            reading.frame(opcode, fin=False)
            reading.frame(CONT, fin=False)
            self.assertEqual(reading.calls, [("pieceReceived", nothing, True)])
            reading.frame(CONT)
            self.assertEqual(reading.calls, [("pieceReceived", nothing, True)] * 2)

    def test_characters(self) -> None:
        """A character that is split comes whole, with the later piece."""
        reading = Reading(isStreaming=True)
        reading.frame(TEXT, b"a\xe2", b"\x82", b"\xacb", fin=False)
        reading.frame(CONT)
        self.assertEqual(
            reading.calls,
            [
                ("pieceReceived", "a", False),
                ("pieceReceived", "€b", False),
                ("pieceReceived", "", True),
            ],
        )

    def test_counted(self) -> None:
        """A message counts when its last piece came."""
        reading = Reading(isStreaming=True)
        reading.frame(TEXT, b"a", fin=False)
        self.assertEqual(reading.reader.messagesReceived, 0)
        reading.frame(CONT, b"a")
        self.assertEqual(reading.reader.messagesReceived, 1)


class DroppingTests(SynchronousTestCase):
    """Tests of L{MessageReader.dropAll}."""

    def test_dropped(self) -> None:
        """Messages are handed over no more, control frames are."""
        for isStreaming in (False, True):
            reading = Reading(isStreaming=isStreaming)
            reading.frame(TEXT, b"", fin=False)
            reading.reader.dropAll()
            reading.frame(CONT, b"a")
            reading.frame(BINARY, b"a")
            reading.frame(PING)
            self.assertEqual(reading.calls, [("controlReceived", PING, b"")])

    def test_checked(self) -> None:
        """What may not come may still not come."""
        for frame in ((CONT, b"a"), (TEXT, b"\xff"), (BINARY, b"abcdef")):
            reading = Reading(Limits(5, None))
            reading.reader.dropAll()
            with self.assertRaises(ProtocolError):
                reading.frame(*frame)


class ReentrancyTests(SynchronousTestCase):
    """Tests of what a receiver finds, and may do, when it is called."""

    def test_clean(self) -> None:
        """When a message is handed over, the reader is between messages."""
        for isStreaming in (False, True):
            for opcode in (TEXT, BINARY):
                for first in (b"", b"a"):
                    receiver = Acting()
                    receiver.reading = Reading(
                        isStreaming=isStreaming,
                        receiver=receiver,
                    )
                    receiver.reading.frame(opcode, first, fin=False)
                    del receiver.states[:]
                    receiver.reading.frame(CONT, b"b")
                    receiver.reading.frame(opcode, b"c")
                    self.assertEqual(receiver.states, [(False, 1), (False, 2)])

    def test_next(self) -> None:
        """The next message may begin, and end, inside the call of the last one."""
        for isStreaming in (False, True):

            def act(reading: Reading) -> None:
                reading.frame(BINARY, b"b", fin=False)
                reading.frame(CONT, b"c")

            receiver = Acting(act)
            reading = receiver.reading = Reading(
                Limits(2, 2),
                isStreaming,
                receiver=receiver,
            )
            reading.frame(TEXT, "é".encode()[:1], fin=False)
            reading.frame(CONT, "é".encode()[1:])
            reading.frame(TEXT, b"de")
            if isStreaming:
                self.assertEqual(joined(reading.calls), ["é", b"bc", "de"])
            else:
                self.assertEqual(
                    reading.calls,
                    [
                        ("textReceived", "é"),
                        ("bytesReceived", b"bc"),
                        ("textReceived", "de"),
                    ],
                )

    def test_dropAll(self) -> None:
        """Messages may be dropped from inside of a piece."""
        receiver = Acting(lambda reading: reading.reader.dropAll())
        reading = receiver.reading = Reading(isStreaming=True, receiver=receiver)
        reading.frame(TEXT, b"a", b"b", fin=False)
        reading.frame(CONT, b"c")
        self.assertEqual(reading.calls, [("pieceReceived", "a", False)])
        self.assertEqual(reading.reader.messagesReceived, 1)


class StateTests(SynchronousTestCase):
    """Tests of L{MessageReader.state} and L{MessageReader.restore}."""

    def test_eachOctet(self) -> None:
        """A reader may be replaced after each octet, and at each frame."""
        octets = "aé€😀".encode()
        for isStreaming in (False, True):
            for opcode in (TEXT, BINARY):
                reading = Reading(Limits(10, 3), isStreaming)
                for _ in range(2):
                    reading.reader.frameReceived(opcode, False, 4, b"")
                    for octet in octets[:4]:
                        reading.handOver()
                        reading.reader.payloadReceived(bytes((octet,)))
                    reading.handOver()
                    reading.reader.frameReceived(CONT, False, 0, b"")
                    reading.handOver()
                    reading.reader.frameReceived(CONT, True, 6, b"")
                    for octet in octets[4:]:
                        reading.handOver()
                        reading.reader.payloadReceived(bytes((octet,)))
                    reading.handOver()
                value = octets.decode() if opcode == TEXT else octets
                if isStreaming:
                    self.assertEqual(joined(reading.calls), [value] * 2)
                else:
                    self.assertEqual([call[1] for call in reading.calls], [value] * 2)
                self.assertEqual(reading.reader.messagesReceived, 2)

    def test_limits(self) -> None:
        """What came before a replacement still counts."""
        reading = Reading(Limits(3, 2))
        reading.frame(BINARY, b"ab", fin=False)
        reading.handOver()
        with self.assertRaises(MessageTooBig):
            reading.frame(CONT, b"cd")
        reading = Reading(Limits(3, 2))
        reading.frame(BINARY, fin=False)
        reading.handOver()
        reading.frame(CONT, fin=False)
        reading.handOver()
        with self.assertRaises(MessageTooBig):
            reading.frame(CONT)

    def test_dropping(self) -> None:
        """A reader that drops is replaced by one that does."""
        reading = Reading()
        reading.reader.dropAll()
        reading.handOver()
        reading.frame(TEXT, b"a")
        self.assertEqual(reading.calls, [])

    def test_utf8(self) -> None:
        """A bad octet is found after a replacement inside of a character."""
        for name, good, bad in BAD_UTF8:
            with row(name):
                reading = Reading()
                reading.frame(TEXT, good, fin=False)
                reading.handOver()
                with self.assertRaises(InvalidPayload):
                    reading.frame(CONT, bad)


class CodecTests(SynchronousTestCase):
    """Tests of encoded messages."""

    def test_decoded(self) -> None:
        """A marked message is decoded in the pieces it comes in, another is not."""
        for isStreaming in (False, True):
            codec = Doubling()
            reading = Reading(Limits(10, None), isStreaming, codec)
            reading.frame(TEXT | ENCODED, b"a", b"b", fin=False)
            reading.frame(PING, b"p")
            reading.frame(CONT)
            reading.frame(BINARY | ENCODED, b"cd")
            reading.frame(TEXT, b"e")
            reading.frame(TEXT, fin=False)
            reading.frame(CONT, b"f")
            calls = [call for call in reading.calls if call[0] != "controlReceived"]
            if isStreaming:
                self.assertEqual(joined(calls), ["aabb", b"ccdd", "e", "f"])
            else:
                self.assertEqual(
                    [call[1] for call in calls],
                    ["aabb", b"ccdd", "e", "f"],
                )
            self.assertEqual(
                codec.calls,
                [
                    (b"a", False, 10),
                    (b"b", False, 8),
                    (b"", True, 6),
                    (b"cd", True, 10),
                ],
            )

    def test_empty(self) -> None:
        """A marked message without payload is empty; the codec is not asked."""
        codec = Doubling()
        reading = Reading(codec=codec)
        reading.frame(TEXT | ENCODED)
        reading.frame(BINARY | ENCODED, fin=False)
        reading.frame(CONT)
        self.assertEqual(
            reading.calls,
            [("textReceived", ""), ("bytesReceived", b"")],
        )
        self.assertEqual(codec.calls, [])

    def test_limit(self) -> None:
        """The limit is of decoded octets; encoded ones may be a few more."""
        reading = Reading(Limits(4, None), codec=Doubling())
        reading.frame(BINARY | ENCODED, b"ab")
        with self.assertRaises(MessageTooBig) as caught:
            reading.frame(BINARY | ENCODED, b"abc")
        self.assertEqual(str(caught.exception), "doubled")
        reading = Reading(Limits(4, None), codec=Doubling())
        with self.assertRaises(MessageTooBig) as caught:
            reading.reader.frameReceived(BINARY | ENCODED, True, 1000, b"")
        self.assertIn("1000 octets", str(caught.exception))
        reading = Reading(Limits(4, None), codec=Doubling())
        with self.assertRaises(MessageTooBig):
            reading.frame(BINARY, b"abcde")

    def test_utf8(self) -> None:
        """What is decoded has to be UTF-8, from its first bad octet on."""
        for first, second in ((b"\xff", b""), (b"", b"\xff"), (b"\xc3", b"a")):
            reading = Reading(codec=Doubling())
            with self.assertRaises(InvalidPayload):
                reading.frame(TEXT | ENCODED, first, second, b"a", fin=False)

    def test_state(self) -> None:
        """A reader may be replaced inside of a marked message."""
        reading = Reading(Limits(8, None), codec=Doubling())
        reading.frame(BINARY | ENCODED, b"a", fin=False)
        reading.handOver()
        reading.frame(CONT, b"bcd")
        self.assertEqual(reading.calls, [("bytesReceived", b"aabbccdd")])
        reading.frame(BINARY | ENCODED, b"ab", fin=False)
        reading.handOver()
        with self.assertRaises(MessageTooBig):
            reading.frame(CONT, b"cde")
