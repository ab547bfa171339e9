"""Open connections."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from wsproto import connection as wsproto
from wsproto import events

from wsagent.core import codes, masking
from wsagent.core.codes import Role
from wsagent.core.connection import Connection, Limits, Phase, renderClose
from wsagent.core.errors import InvalidPayload, MessageTooBig, ProtocolError
from wsagent.core.outgoing import PreparedMessage
from wsagent.testing import Recorder

from .notation import (
    KEY,
    PEERS,
    Written,
    allCuts,
    cutAt,
    effort,
    frame,
    masked,
    pieces,
    row,
)
from .strategies import (
    CLOSE_CODES,
    CONTROL_PAYLOADS,
    CUTS,
    PAYLOADS,
    TEXTS,
    Conversation,
    conversations,
)

UNLIMITED = Limits(None, None)
ERRORS = {ProtocolError: 1002, InvalidPayload: 1007, MessageTooBig: 1009}
CONT, TEXT, BINARY = codes.CONTINUATION, codes.TEXT, codes.BINARY
CLOSE, PING, PONG = codes.CLOSE, codes.PING, codes.PONG

SMALL = st.binary(max_size=40)
BOTH = st.sampled_from(PEERS).flatmap(
    lambda peer: st.tuples(st.just(peer[0]), conversations(bool(peer[1]), SMALL)),
)

# What RFC 3629 forbids, and where: the octet that makes it no UTF-8.
BAD_UTF8 = (
    ("alone", b"a\x80b", 2),
    ("cut at the end", b"a\xe2\x82", None),
    ("cut in the middle", b"\xe2\x82a", 3),
    ("surrogate", b"\xed\xa0\x80", 2),
    ("overlong slash", b"\xc0\xaf", 1),
    ("overlong in three", b"\xe0\x80\xaf", 2),
    ("over U+10FFFF", b"\xf4\x90\x80\x80", 2),
    ("no start octet", b"\xf5", 1),
    ("0xff", b"ab\xff", 3),
)


class Side:
    """A connection, the calls it made and what it wrote."""

    def __init__(
        self,
        role: Role = Role.SERVER,
        limits: Limits = UNLIMITED,
        isStreaming: bool = False,
        receiver: Recorder | None = None,
    ) -> None:
        """Nothing happened yet."""
        self.arguments = (role, limits, isStreaming)
        self.receiver = receiver or Recorder()
        self.calls = self.receiver.calls
        self.written = Written()
        self.connection = Connection(self.receiver, self.written.write, *self.arguments)

    def feed(self, segments: Iterable[bytes]) -> ProtocolError | None:
        """Feed segments, and the rest of them after an error too."""
        found = None
        for segment in segments:
            try:
                self.connection.feed(segment)
            except ProtocolError as error:  # noqa: PERF203 - once.
                assert found is None, "one error ends a connection"
                found = error
        return found

    def handOver(self) -> None:
        """Replace the connection by one of its state."""
        state = self.connection.state()
        copy = pickle.loads(pickle.dumps(state))
        assert copy == state
        self.connection = Connection.restored(
            copy,
            self.receiver,
            self.written.write,
            *self.arguments,
        )
        assert self.connection.state() == state


class Acting(Recorder):
    """A receiver that notes each call, and then acts on some."""

    def __init__(self, **actions: Callable[[], object]) -> None:
        """@param actions: what to do when which call comes, once."""
        super().__init__()
        self.actions = actions

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Make a method that notes its call, and acts."""
        note = super().__getattr__(name)

        def call(*arguments: object) -> None:
            note(*arguments)
            self.actions.pop(name, lambda: None)()

        return call


def outcome(
    segments: Iterable[bytes],
    role: Role,
    limits: Limits = UNLIMITED,
) -> tuple[Any, ...]:
    """Give all that comes of segments: calls, octets written, error and phase."""
    side = Side(role, limits)
    error = side.feed(segments)
    return side.calls, side.written, type(error), str(error), side.connection.phase


def joined(calls: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Put a streaming connection's pieces together."""
    found: list[tuple[Any, ...]] = []
    message: str | bytes | None = None
    for call in calls:
        if call[0] != "pieceReceived":
            found.append(call)
            continue
        _, piece, isLast = call
        message = piece if message is None else message + piece
        if isLast:
            name = "textReceived" if isinstance(message, str) else "bytesReceived"
            found.append((name, message))
            message = None
    return found


class ConnectionTestCase(SynchronousTestCase):
    """A case whose masking keys are all the RFC's."""

    def setUp(self) -> None:
        """Make what clients write predictable."""
        self.patch(masking, "_pool", [KEY] * 10_000)

    def ours(
        self, role: Role, opcode: int, payload: bytes = b"", fin: int = 1
    ) -> bytes:
        """Write a frame as our side has to."""
        key = KEY if role is Role.CLIENT else b""
        return frame(opcode, payload, fin=fin, key=key)

    def assertFails(
        self,
        name: object,
        octets: bytes,
        role: Role,
        error: type[ProtocolError],
        limits: Limits = UNLIMITED,
        calls: Sequence[tuple[Any, ...]] = (),
    ) -> None:
        """Octets fail the connection, with one Close frame, however they are cut."""
        with row((role.value, name)):
            whole = outcome([octets], role, limits)
            self.assertEqual(whole[0], list(calls))
            self.assertIs(whole[2], error)
            reason = ERRORS[error].to_bytes(2, "big") + whole[3].encode()
            self.assertEqual(whole[1][-1], self.ours(role, CLOSE, reason))
            self.assertEqual(
                len(whole[1]), 1 + sum(c[0] == "pingReceived" for c in calls)
            )
            self.assertIs(whole[4], Phase.CLOSED)
            self.assertEqual(outcome(pieces(octets, 1), role, limits), whole)
            more = frame(TEXT, b"more", key=KEY) * 2
            self.assertEqual(outcome([octets + more], role, limits), whole)
            self.assertEqual(outcome([octets, more], role, limits), whole)


class ReceivingTests(ConnectionTestCase):
    """Tests for what comes."""

    def test_examples(self) -> None:
        """The conversation of RFC 6455 section 5.7 is understood."""
        server = Side()
        server.feed([bytes.fromhex("818537fa213d7f9f4d5158")])
        server.feed([bytes.fromhex("8a8537fa213d7f9f4d5158")])
        self.assertEqual(
            server.calls,
            [("textReceived", "Hello"), ("pongReceived", b"Hello")],
        )
        self.assertEqual(server.written, [])
        client = Side(Role.CLIENT)
        client.feed([bytes.fromhex("010348656c80026c6f890548656c6c6f")])
        self.assertEqual(
            client.calls,
            [("textReceived", "Hello"), ("pingReceived", b"Hello")],
        )
        self.assertEqual(client.written, [bytes.fromhex("8a8537fa213d7f9f4d5158")])

    def test_cuts(self) -> None:
        """A conversation is the same however it is cut, in both roles."""
        for role, key in PEERS:
            octets = b"".join(
                frame(opcode, payload, fin=fin, key=key)
                for opcode, fin, payload in (
                    (TEXT, 1, "gr\u00fc\u00df \U0001f600".encode()),
                    (TEXT, 0, b"\xf0\x9f"),
                    (PING, 1, b"ping"),
                    (CONT, 0, b""),
                    (PONG, 1, b""),
                    (CONT, 1, b"\x98\x80"),
                    (BINARY, 1, b"\x80\xff"),
                    (BINARY, 0, b"a"),
                    (CONT, 1, b"b"),
                    (TEXT, 1, b""),
                    (CLOSE, 1, b"\x03\xe8bye"),
                    (TEXT, 1, b"late"),
                )
            )
            expected = (
                [
                    ("textReceived", "gr\u00fc\u00df \U0001f600"),
                    ("pingReceived", b"ping"),
                    ("pongReceived", b""),
                    ("textReceived", "\U0001f600"),
                    ("bytesReceived", b"\x80\xff"),
                    ("bytesReceived", b"ab"),
                    ("textReceived", ""),
                    ("closeReceived", 1000, "bye"),
                ],
                [self.ours(role, PONG, b"ping"), self.ours(role, CLOSE, b"\x03\xe8")],
                type(None),
                "None",
                Phase.CLOSED,
            )
            for name, segments in allCuts(octets):
                with row((role, name)):
                    self.assertEqual(outcome(segments, role), expected)

    def test_badFrames(self) -> None:
        """F01-F09: a bad frame fails the connection with 1002."""
        for role, key in PEERS:
            other = b"" if key else KEY
            rows = [
                *(
                    (f"F01 RSV {rsv}", frame(TEXT, rsv=rsv, key=key))
                    for rsv in range(1, 8)
                ),
                ("F02 RSV1 on ping", frame(PING, rsv=4, key=key)),
                *(
                    (f"F03 opcode {op}, FIN {fin}", frame(op, fin=fin, key=key))
                    for op in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
                    for fin in (0, 1)
                ),
                ("F04 text", frame(TEXT, b"a", key=other)),
                ("F04 close", frame(CLOSE, b"\x03\xe8", key=other)),
                ("F06 2**63 + 1", frame(BINARY, declared=(1 << 63) + 1, key=key)),
                ("F06 2**64 - 1", frame(BINARY, declared=(1 << 64) - 1, key=key)),
                *(
                    (
                        f"F07 {op}, {size} in {form}",
                        frame(op, b"a" * size, form=form, key=key),
                    )
                    for op, size, form in (
                        (TEXT, 5, 16),
                        (TEXT, 5, 64),
                        (TEXT, 125, 16),
                        (TEXT, 300, 64),
                        (TEXT, 65_535, 64),
                        (PING, 5, 16),
                        (PING, 5, 64),
                        (CLOSE, 2, 16),
                        (CLOSE, 2, 64),
                    )
                ),
                *(
                    (f"F08 {op}", frame(op, fin=0, key=key))
                    for op in (CLOSE, PING, PONG)
                ),
                *(
                    (f"F09 126 octets, {op}", frame(op, bytes(126), key=key))
                    for op in (CLOSE, PING, PONG)
                ),
            ]
            for name, octets in rows:
                self.assertFails(name, octets, role, ProtocolError)

    def test_badSequences(self) -> None:
        """F11, F12: fragments come in order, one message after the other."""
        for role, key in PEERS:
            cont = frame(CONT, b"a", key=key)
            for name, octets, calls in (
                ("F11 first", cont, []),
                ("F11 not last", frame(CONT, fin=0, key=key), []),
                (
                    "F11 after a message",
                    frame(TEXT, b"a", key=key) + cont,
                    [("textReceived", "a")],
                ),
                (
                    "F11 after fragments",
                    frame(TEXT, b"a", fin=0, key=key) + cont + cont,
                    [("textReceived", "aa")],
                ),
                (
                    "F12 text in text",
                    frame(TEXT, fin=0, key=key) + frame(TEXT, b"a", key=key),
                    [],
                ),
                (
                    "F12 bytes in text, not last",
                    frame(TEXT, b"a", fin=0, key=key) + frame(BINARY, fin=0, key=key),
                    [],
                ),
                (
                    "F12 after ping",
                    frame(BINARY, b"a", fin=0, key=key)
                    + frame(PING, b"p", key=key)
                    + frame(BINARY, b"a", key=key),
                    [("pingReceived", b"p")],
                ),
            ):
                self.assertFails(name, octets, role, ProtocolError, calls=calls)

    def test_zeroKey(self) -> None:
        """F05: a masking key of zeros is a key."""
        found = outcome([frame(TEXT, b"abc", key=bytes(4))], Role.SERVER)
        self.assertEqual(found[0], [("textReceived", "abc")])

    def test_emptyMessages(self) -> None:
        """F13: an empty message is a message, in however many fragments."""
        for role, key in PEERS:
            for opcode, name, value in (
                (TEXT, "textReceived", ""),
                (BINARY, "bytesReceived", b""),
            ):
                for count in (1, 2, 3):
                    octets = b"".join(
                        frame(CONT if i else opcode, fin=int(i == count - 1), key=key)
                        for i in range(count)
                    )
                    with row((role, name, count)):
                        found = outcome([octets * 2], role)
                        self.assertEqual(found[0], [(name, value)] * 2)

    def test_controlFramesBetweenFragments(self) -> None:
        """F10: a ping within a message is answered before the message is there."""
        for role, key in PEERS:
            side = Side(role)
            side.feed(
                [frame(TEXT, b"a", fin=0, key=key), frame(PING, bytes(125), key=key)]
            )
            self.assertEqual(side.calls, [("pingReceived", bytes(125))])
            self.assertEqual(side.written, [self.ours(role, PONG, bytes(125))])
            side.feed([frame(PONG, b"o", key=key), frame(CONT, b"b", key=key)])
            self.assertEqual(
                side.calls[1:], [("pongReceived", b"o"), ("textReceived", "ab")]
            )

    def test_closeWithinAMessage(self) -> None:
        """F10: a Close frame within a message is answered, and the message dropped."""
        for role, key in PEERS:
            octets = (
                frame(TEXT, b"a", fin=0, key=key)
                + frame(CLOSE, b"\x03\xe8", key=key)
                + frame(CONT, b"b", key=key)
            )
            for name, segments in allCuts(octets):
                with row((role, name)):
                    calls, written, error, _, phase = outcome(segments, role)
                    self.assertEqual(calls, [("closeReceived", 1000, "")])
                    self.assertEqual(written, [self.ours(role, CLOSE, b"\x03\xe8")])
                    self.assertIs(error, type(None))
                    self.assertIs(phase, Phase.CLOSED)

    def test_afterClose(self) -> None:
        """F14: what follows a Close frame is dropped, right or wrong."""
        for role, key in PEERS:
            for name, more in (
                ("text", frame(TEXT, b"a", key=key)),
                ("ping", frame(PING, b"a", key=key)),
                ("close", frame(CLOSE, b"\x03\xe9", key=key)),
                ("garbage", b"\xff" * 50),
            ):
                first = frame(CLOSE, b"\x03\xe8", key=key)
                for segments in (
                    [first + more],
                    [first, more],
                    pieces(first + more, 1),
                ):
                    with row((role, name, len(segments))):
                        found = outcome(segments, role)
                        self.assertEqual(found[0], [("closeReceived", 1000, "")])
                        self.assertEqual(
                            found[1], [self.ours(role, CLOSE, b"\x03\xe8")]
                        )
                        self.assertIs(found[2], type(None))

    def test_closeFrames(self) -> None:
        """F15-F18: a Close frame is read, and its code sent back."""
        for role, key in PEERS:
            for payload, code, reason in (
                (b"", 1005, ""),
                *(
                    (number.to_bytes(2, "big"), number, "")
                    for number in (
                        *(1000, 1001, 1002, 1003, *range(1007, 1015)),
                        *(3000, 3999, 4000, 4999),
                    )
                ),
                (b"\x03\xe8" + "gr\u00fc\u00df".encode(), 1000, "gr\u00fc\u00df"),
                (b"\x03\xe8" + b"r" * 123, 1000, "r" * 123),
            ):
                with row((role, payload)):
                    for size in (1, 200):
                        octets = frame(CLOSE, payload, key=key)
                        found = outcome(pieces(octets, size), role)
                        self.assertEqual(found[0], [("closeReceived", code, reason)])
                        self.assertEqual(
                            found[1], [self.ours(role, CLOSE, payload[:2])]
                        )
                        self.assertIs(found[4], Phase.CLOSED)

    def test_badCloseFrames(self) -> None:
        """F15-F18: codes that may not be sent fail with 1002, bad reasons with 1007."""
        for role, key in PEERS:
            rows: list[tuple[bytes, type[ProtocolError]]] = [
                (b"\x03", ProtocolError),
                *(
                    (code.to_bytes(2, "big"), ProtocolError)
                    for code in (
                        *(0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999),
                        *(5000, 65_535),
                    )
                ),
                *((b"\x03\xe8" + bad, InvalidPayload) for _, bad, _ in BAD_UTF8),
                (b"\x03\xed\xff", ProtocolError),
            ]
            for payload, error in rows:
                octets = frame(CLOSE, payload, key=key)
                self.assertFails(payload, octets, role, error)

    def test_badText(self) -> None:
        """F19: text that is no UTF-8 fails with 1007, fragmented or not."""
        for role, key in PEERS:
            for name, bad, _ in BAD_UTF8:
                self.assertFails(name, frame(TEXT, bad, key=key), role, InvalidPayload)
                for position in range(len(bad) + 1):
                    octets = frame(TEXT, bad[:position], fin=0, key=key) + frame(
                        CONT,
                        bad[position:],
                        key=key,
                    )
                    self.assertFails((name, position), octets, role, InvalidPayload)

    def test_badTextAtOnce(self) -> None:
        """F19: a bad octet is refused when it comes, not when its frame ends."""
        for role, key in PEERS:
            for name, bad, needed in BAD_UTF8:
                if needed is None:
                    continue
                for fin in (0, 1):
                    whole = frame(TEXT, bad + b"abc", fin=fin, key=key)
                    start = len(whole) - len(bad) - 3 + needed
                    with row((role, name, fin)):
                        for size in (1, 1000):
                            side = Side(role)
                            self.assertIsNone(
                                side.feed(pieces(whole[: start - 1], size))
                            )
                            error = side.feed([whole[start - 1 : start]])
                            self.assertIsInstance(error, InvalidPayload)

    def test_bytesAreNoText(self) -> None:
        """A bytes message has any octets."""
        for role, key in PEERS:
            for name, bad, _ in BAD_UTF8:
                with row((role, name)):
                    octets = frame(BINARY, bad, fin=0, key=key) + frame(
                        CONT, bad, key=key
                    )
                    for size in (1, 100):
                        found = outcome(pieces(octets, size), role)
                        self.assertEqual(found[0], [("bytesReceived", bad * 2)])

    def test_octetLimit(self) -> None:
        """F06, L3: a message over the limit fails with 1009 at its header."""
        limits = Limits(10, None)
        for role, key in PEERS:
            first = frame(BINARY, b"abcdef", fin=0, key=key)
            for name, before, last in (
                ("limit + 1", b"", frame(BINARY, bytes(11), key=key)),
                ("limit + 1, not last", b"", frame(TEXT, bytes(11), fin=0, key=key)),
                ("2**32 + 5", b"", frame(BINARY, declared=(1 << 32) + 5, key=key)),
                ("2**63 - 1", b"", frame(BINARY, declared=(1 << 63) - 1, key=key)),
                ("sum", first, frame(CONT, bytes(5), key=key)),
                ("sum, 16 bits", first, frame(CONT, declared=300, key=key)),
                ("sum, limit", first, frame(CONT, bytes(10), key=key)),
                ("sum, 2**63 - 1", first, frame(CONT, declared=(1 << 63) - 1, key=key)),
                (
                    "sum, 2**63 - limit",
                    first,
                    frame(CONT, declared=(1 << 63) - 10, key=key),
                ),
            ):
                header = last[: {126: 4, 127: 10}.get(last[1] & 127, 2) + len(key)]
                octets = before + header
                self.assertFails(name, octets, role, MessageTooBig, limits)
                with row((role, name, "one octet less")):
                    self.assertIs(outcome([octets[:-1]], role, limits)[2], type(None))

    def test_withinTheOctetLimit(self) -> None:
        """A message of just the limit comes, and the next may be as long."""
        for role, key in PEERS:
            octets = (
                frame(BINARY, bytes(10), key=key)
                + frame(TEXT, b"abcde", fin=0, key=key)
                + frame(PING, bytes(125), key=key)
                + frame(CONT, b"fghij", key=key)
                + frame(BINARY, bytes(10), key=key)
            )
            for size in (1, 1000):
                found = outcome(pieces(octets, size), role, Limits(10, 2))
                self.assertEqual(
                    found[0],
                    [
                        ("bytesReceived", bytes(10)),
                        ("pingReceived", bytes(125)),
                        ("textReceived", "abcdefghij"),
                        ("bytesReceived", bytes(10)),
                    ],
                )

    def test_zeroLimit(self) -> None:
        """A limit of nothing allows empty messages."""
        for role, key in PEERS:
            found = outcome([frame(TEXT, key=key)], role, Limits(0, 1))
            self.assertEqual(found[0], [("textReceived", "")])
            octets = frame(TEXT, b"a", key=key)[: 2 + len(key)]
            self.assertFails("1 octet", octets, role, MessageTooBig, Limits(0, 1))

    def test_fragmentLimit(self) -> None:
        """L1, L2: a message of too many fragments, full or empty, fails with 1009."""
        for role, key in PEERS:
            for payload in (b"", b"a"):
                fits = frame(BINARY, payload, fin=0, key=key) + frame(
                    CONT,
                    payload,
                    fin=0,
                    key=key,
                )
                limits = Limits(None, 3)
                with row((role, payload)):
                    found = outcome([(fits + frame(CONT, key=key)) * 2], role, limits)
                    self.assertEqual(found[0], [("bytesReceived", payload * 2)] * 2)
                for fin in (0, 1):
                    octets = fits + frame(CONT, payload, fin=0, key=key)
                    octets += frame(CONT, fin=fin, key=key)
                    self.assertFails(payload, octets, role, MessageTooBig, limits)

    def test_messagesReceived(self) -> None:
        """Messages are counted when they are whole, control frames never."""
        side = Side()
        counts = []
        for octets in (
            frame(TEXT, b"a", key=KEY),
            frame(PING, b"a", key=KEY),
            frame(TEXT, fin=0, key=KEY),
            frame(CONT, key=KEY),
            frame(BINARY, b"ab", key=KEY)[:-1],
            frame(BINARY, b"ab", key=KEY)[-1:],
        ):
            side.feed([octets])
            counts.append(side.connection.messagesReceived)
        self.assertEqual(counts, [1, 1, 1, 2, 2, 3])

    def test_messagesSent(self) -> None:
        """Messages are counted once they are sent whole, or wait to be."""
        side = Side()
        connection = side.connection
        counts = []
        for send in (
            lambda: connection.sendText("a"),
            lambda: connection.sendBytes(b"a"),
            lambda: connection.sendPrepared(PreparedMessage("a")),
            connection.ping,
            lambda: connection.sendFragment("a"),
            lambda: connection.sendText("b"),
            lambda: connection.sendFragment("c", isLast=True),
            connection.close,
            lambda: connection.sendText("d"),
            lambda: connection.sendPrepared(PreparedMessage("d")),
            lambda: connection.sendFragment("d", isLast=True),
        ):
            send()
            counts.append(connection.messagesSent)
        self.assertEqual(counts, [1, 2, 3, 3, 3, 4, 5, 5, 5, 5, 5])

    def test_badMessagesAreNotCounted(self) -> None:
        """A message that is no UTF-8 is not counted, however it is cut."""
        octets = frame(TEXT, b"\xff", key=KEY)
        for name, segments in allCuts(octets):
            with row(name):
                side = Side()
                side.feed(segments)
                self.assertEqual(side.connection.messagesReceived, 0)

    def test_isInMessage(self) -> None:
        """From a message's first octet to its last, one has begun and not ended."""
        octets = (
            frame(TEXT, b"ab", fin=0, key=KEY)
            + frame(PING, b"p", key=KEY)
            + frame(CONT, b"cd", key=KEY)
        )
        side = Side()
        self.assertFalse(side.connection.isInMessage)
        for piece in pieces(octets[:-1], 1):
            side.feed([piece])
            self.assertTrue(side.connection.isInMessage)
        side.feed([octets[-1:]])
        self.assertFalse(side.connection.isInMessage)
        side.feed([frame(PING, b"p", key=KEY)[:1]])
        self.assertTrue(side.connection.isInMessage)

    def test_linear(self) -> None:
        """A message in one-octet segments takes the same few calls for each."""
        for role, key in PEERS:
            for opcode in (TEXT, BINARY):
                with row((role, opcode)):
                    once, twice = (
                        effort(partial(self._dribble, role, opcode, key, size))
                        for size in (2000, 4000)
                    )
                    self.assertLess(twice, 2.1 * once)

    def test_mebibyte(self) -> None:
        """L5: a mebibyte in one-octet segments comes, with no more kept than came."""
        size = 1 << 20
        octets = frame(BINARY, bytes(size))
        side = Side(Role.CLIENT)
        side.feed([octets[:10]])
        kept = 0
        for start in range(10, len(octets) - 1):
            side.connection.feed(octets[start : start + 1])
            if start % 100_003 == 0:
                kept += 1
                self.assertLess(
                    len(pickle.dumps(side.connection.state())), start + 1000
                )
        self.assertEqual((kept, side.calls), (10, []))
        side.feed([octets[-1:]])
        self.assertEqual(side.calls, [("bytesReceived", bytes(size))])

    def _dribble(self, role: Role, opcode: int, key: bytes, size: int) -> None:
        """Feed a message octet by octet."""
        side = Side(role)
        side.feed(pieces(frame(opcode, b"a" * size, key=key), 1))
        self.assertEqual(len(side.calls), 1)


class FeedTests(ConnectionTestCase):
    """Tests for the contract of L{Connection.feed}."""

    def test_nothing(self) -> None:
        """To feed nothing makes no calls, and changes nothing."""
        octets = frame(TEXT, b"abc", fin=0, key=KEY) + frame(PING, b"p", key=KEY)
        for position in range(len(octets) + 1):
            side = Side()
            side.feed([octets[:position]])
            before = side.connection.state(), list(side.calls)
            side.feed([b"", b""])
            self.assertEqual((side.connection.state(), side.calls), before)

    def test_fedFromACall(self) -> None:
        """Octets that a call feeds come after the rest of the segment."""
        frames = [frame(TEXT, b"%d" % i, key=KEY) for i in range(4)]
        feed = lambda: connection.feed(frames[3])  # noqa: E731 - of what is made below.
        receiver = Acting(textReceived=feed)
        connection = Connection(receiver, [].append, Role.SERVER, UNLIMITED)
        connection.feed(b"".join(frames[:3]))
        self.assertEqual(receiver.calls, [("textReceived", str(i)) for i in range(4)])

    def test_errorFedFromACall(self) -> None:
        """An error in octets that a call feeds is the outer feed's."""
        receiver = Acting(textReceived=lambda: connection.feed(b"\xff\xff"))
        connection = Connection(receiver, [].append, Role.SERVER, UNLIMITED)
        octets = frame(TEXT, b"a", key=KEY) * 2
        self.assertRaises(ProtocolError, connection.feed, octets)
        self.assertEqual(receiver.calls, [("textReceived", "a")] * 2)

    def test_pause(self) -> None:
        """A call may pause; the rest comes after L{resume} with the next feed."""
        octets = b"".join(frame(TEXT, b"%d" % i, key=KEY) for i in range(3))
        receiver = Acting(textReceived=lambda: Connection.pause(connection))
        connection = Connection(receiver, [].append, Role.SERVER, UNLIMITED)
        connection.feed(octets[:-1])
        connection.feed(octets[-1:])
        self.assertEqual(receiver.calls, [("textReceived", "0")])
        self.assertTrue(connection.isInMessage)
        connection.resume()
        self.assertEqual(receiver.calls, [("textReceived", "0")])
        connection.feed(b"")
        self.assertEqual(receiver.calls, [("textReceived", str(i)) for i in range(3)])
        self.assertFalse(connection.isInMessage)

    def test_endedFromACall(self) -> None:
        """After a call that ends the connection, nothing more of a segment is read."""
        octets = frame(TEXT, b"a", key=KEY) * 3
        for name, act, written in (
            ("fail", lambda c: c.fail(1011, "why"), [frame(CLOSE, b"\x03\xf3why")]),
            ("abandon", lambda c: c.abandon(), []),
        ):
            for size in (1, 1000):
                receiver = Acting()
                side = Side(receiver=receiver)
                receiver.actions["textReceived"] = partial(act, side.connection)
                with row((name, size)):
                    self.assertIsNone(side.feed(pieces(octets, size)))
                    side.connection.resume()
                    side.feed([b""])
                    self.assertEqual(side.calls, [("textReceived", "a")])
                    self.assertEqual(side.written, written)

    def test_closedFromACall(self) -> None:
        """After a call that begins to close, messages are dropped, but checked."""
        receiver = Acting(textReceived=lambda: side.connection.close(1000))
        side = Side(receiver=receiver)
        side.feed([frame(TEXT, b"a", key=KEY) * 3 + frame(BINARY, b"b", key=KEY)])
        side.feed([frame(PING, b"p", key=KEY) + frame(PONG, b"p", key=KEY)])
        self.assertEqual(side.calls, [("textReceived", "a")])
        self.assertEqual(side.written, [frame(CLOSE, b"\x03\xe8")])
        self.assertIs(side.connection.phase, Phase.CLOSING)
        side.feed([frame(CLOSE, b"\x03\xe8", key=KEY)])
        self.assertEqual(side.calls[1:], [("closeReceived", 1000, "")])
        self.assertEqual(side.written, [frame(CLOSE, b"\x03\xe8")])
        self.assertIs(side.connection.phase, Phase.CLOSED)

    def test_errorWhileClosing(self) -> None:
        """A peer that errs when we have sent Close is not told a second time."""
        for role, key in PEERS:
            for octets in (
                frame(TEXT, b"\xff", key=key),
                frame(3, key=key),
                frame(CLOSE, b"\0", key=key),
            ):
                side = Side(role)
                side.connection.close(1001)
                with row((role, octets)):
                    self.assertIsInstance(side.feed([octets]), ProtocolError)
                    self.assertEqual(side.calls, [])
                    self.assertEqual(
                        side.written, [self.ours(role, CLOSE, b"\x03\xe9")]
                    )
                    self.assertIs(side.connection.phase, Phase.CLOSED)

    @given(BOTH, CUTS)
    def test_anyCuts(self, drawn: tuple[Role, Conversation], cuts: list[int]) -> None:
        """Any conversation makes its calls however it is cut, in both roles."""
        role, (octets, calls) = drawn
        whole = outcome([octets], role)
        self.assertEqual(whole[0], calls)
        self.assertIs(whole[2], type(None))
        self.assertEqual(outcome(cutAt(octets, cuts), role), whole)
        self.assertEqual(outcome(pieces(octets, 1), role), whole)

    @given(
        BOTH,
        st.lists(
            st.tuples(st.integers(0, 400), st.binary(max_size=3), st.integers(0, 3)),
            max_size=2,
        ),
        CUTS,
        st.sampled_from((UNLIMITED, Limits(20, 2))),
    )
    def test_mutated(
        self,
        drawn: tuple[Role, Conversation],
        mutations: list[tuple[int, bytes, int]],
        cuts: list[int],
        limits: Limits,
    ) -> None:
        """A spoilt conversation makes calls, or one known error, at any cuts."""
        role, (octets, _) = drawn
        for at, added, taken in mutations:
            octets = octets[:at] + added + octets[at + taken :]
        whole = outcome([octets], role, limits)
        self.assertIn(whole[2], {*ERRORS, type(None)})
        self.assertEqual(outcome(cutAt(octets, cuts), role, limits), whole)
        self.assertEqual(outcome(pieces(octets, 1), role, limits), whole)

    @given(st.binary(max_size=80), st.sampled_from(Role), CUTS)
    def test_anyOctets(self, octets: bytes, role: Role, cuts: list[int]) -> None:
        """Any octets make calls, or one known error, at any cuts."""
        whole = outcome([octets], role)
        self.assertIn(whole[2], {*ERRORS, type(None)})
        self.assertEqual(outcome(cutAt(octets, cuts), role), whole)


class StreamingTests(ConnectionTestCase):
    """Tests for messages that are handed over in pieces."""

    def test_pieces(self) -> None:
        """What came of a message is handed over at once, and its end once."""
        side = Side(isStreaming=True)
        first = frame(BINARY, b"abcd", fin=0, key=KEY)
        side.feed([first[:8], first[8:], frame(CONT, b"ef", key=KEY)])
        self.assertEqual(
            side.calls,
            [
                ("pieceReceived", b"ab", False),
                ("pieceReceived", b"cd", False),
                ("pieceReceived", b"ef", True),
            ],
        )

    def test_noEmptyPieces(self) -> None:
        """A piece is empty only at the end of its message."""
        side = Side(isStreaming=True)
        side.feed(
            [
                frame(TEXT, fin=0, key=KEY),
                frame(CONT, b"\xc3", fin=0, key=KEY),
                frame(CONT, b"\xbc", fin=0, key=KEY),
                frame(CONT, key=KEY),
                frame(BINARY, key=KEY),
                frame(TEXT, key=KEY),
            ],
        )
        self.assertEqual(
            side.calls,
            [
                ("pieceReceived", "\u00fc", False),
                ("pieceReceived", "", True),
                ("pieceReceived", b"", True),
                ("pieceReceived", "", True),
            ],
        )
        self.assertEqual(side.connection.messagesReceived, 3)

    def test_errors(self) -> None:
        """Text that is no UTF-8 has pieces until it is none, and no end."""
        side = Side(isStreaming=True)
        error = side.feed(
            [frame(TEXT, b"ab", fin=0, key=KEY), frame(CONT, b"\xff", key=KEY)]
        )
        self.assertIsInstance(error, InvalidPayload)
        self.assertEqual(side.calls, [("pieceReceived", "ab", False)])
        cut = Side(isStreaming=True)
        self.assertIsInstance(cut.feed([frame(TEXT, b"\xc3", key=KEY)]), InvalidPayload)
        self.assertEqual(cut.calls, [])

    def test_limits(self) -> None:
        """A message that is streamed has the same limits."""
        side = Side(limits=Limits(3, None), isStreaming=True)
        octets = frame(TEXT, b"ab", fin=0, key=KEY) + frame(CONT, b"cd", key=KEY)
        self.assertIsInstance(side.feed([octets]), MessageTooBig)
        self.assertEqual(side.calls, [("pieceReceived", "ab", False)])

    def test_whileClosing(self) -> None:
        """No pieces come once we have sent Close."""
        side = Side(isStreaming=True)
        side.feed([frame(TEXT, b"ab", fin=0, key=KEY)])
        side.connection.close()
        side.feed([frame(CONT, b"cd", key=KEY), frame(BINARY, b"e", key=KEY)])
        self.assertEqual(side.calls, [("pieceReceived", "ab", False)])

    def test_nothingKept(self) -> None:
        """What was handed over is not kept."""
        side = Side(isStreaming=True)
        side.feed([frame(BINARY, bytes(100_000), fin=0, key=KEY)])
        self.assertLess(len(pickle.dumps(side.connection.state())), 1000)

    @given(BOTH, CUTS)
    def test_anyCuts(self, drawn: tuple[Role, Conversation], cuts: list[int]) -> None:
        """The pieces of any conversation, put together, are its messages."""
        role, (octets, calls) = drawn
        side = Side(role, isStreaming=True)
        self.assertIsNone(side.feed(cutAt(octets, cuts)))
        self.assertEqual(joined(side.calls), calls)


class SendingTests(ConnectionTestCase):
    """Tests for what is sent."""

    def test_messages(self) -> None:
        """Messages and pings are one frame each, masked by a client only."""
        for role in Role:
            side = Side(role)
            connection = side.connection
            connection.sendText("gr\u00fc\u00df")
            connection.sendText("")
            connection.sendBytes(b"\xff")
            connection.sendBytes(bytearray(b"ab"))
            connection.sendBytes(memoryview(b"abcd")[::2])
            connection.ping()
            connection.ping(bytearray(125))
            expected = [
                self.ours(role, TEXT, "gr\u00fc\u00df".encode()),
                self.ours(role, TEXT),
                self.ours(role, BINARY, b"\xff"),
                self.ours(role, BINARY, b"ab"),
                self.ours(role, BINARY, b"ac"),
                self.ours(role, PING),
                self.ours(role, PING, bytes(125)),
            ]
            with row(role):
                self.assertEqual(side.written, expected)

    def test_example(self) -> None:
        """The "Hello" of RFC 6455 section 5.7 is sent as printed there."""
        for role, octets in (
            (Role.SERVER, "810548656c6c6f"),
            (Role.CLIENT, "818537fa213d7f9f4d5158"),
        ):
            side = Side(role)
            side.connection.sendText("Hello")
            self.assertEqual(side.written, [bytes.fromhex(octets)])

    def test_freshKeys(self) -> None:
        """C27: each frame that a client sends has a key of its own."""
        keys = [b"key4", b"key3", b"key2", b"key1"]
        self.patch(masking, "_pool", keys)
        side = Side(Role.CLIENT)
        side.connection.sendText("a")
        side.connection.sendFragment("a")
        side.connection.ping()
        side.connection.close()
        found = [octets[2:6] for octets in side.written]
        self.assertEqual(found, [b"key1", b"key2", b"key3", b"key4"])

    def test_large(self) -> None:
        """A server hands a large payload over as it is, behind its header."""
        for length in (16_383, 16_384, 70_000):
            with row(length):
                written: list[tuple[bytes, ...]] = []
                connection = Connection(
                    Recorder(),
                    lambda *octets, to=written: to.append(octets),
                    Role.SERVER,
                    UNLIMITED,
                )
                payload = bytes(length)
                connection.sendBytes(payload)
                (octets,) = written
                self.assertEqual(b"".join(octets), frame(BINARY, payload))
                self.assertEqual(len(octets), 1 if length < 16_384 else 2)
                self.assertEqual(octets[-1] is payload, length >= 16_384)

    def test_mutableOctets(self) -> None:
        """What the application changes later is sent as it was."""
        side = Side()
        octets = bytearray(b"before")
        side.connection.sendFragment(b"a")
        side.connection.sendBytes(octets)
        octets[:] = b"after!"
        side.connection.sendFragment(b"b", isLast=True)
        self.assertEqual(side.written[-1], frame(BINARY, b"before"))

    def test_types(self) -> None:
        """A3: what is neither text nor octets is refused, and nothing is sent."""
        side = Side()
        connection = side.connection
        for name, send, values in (
            ("sendText", connection.sendText, (b"a", bytearray(b"a"), 5, None, ["a"])),
            ("sendBytes", connection.sendBytes, ("a", 5, None, [1], object())),
            ("sendFragment", connection.sendFragment, (5, None, [1])),
            ("ping", connection.ping, ("a", 50, None, [1])),
            (
                "close",
                lambda reason: connection.close(1000, reason),
                (b"a", memoryview(b"a"), [1], 5, None),
            ),
        ):
            for value in values:
                with row((name, value)):
                    self.assertRaises(TypeError, send, value)
        self.assertEqual(side.written, [])
        self.assertIs(connection.phase, Phase.OPEN)

    def test_values(self) -> None:
        """A1: what cannot be sent is refused before any of it is."""
        side = Side()
        connection = side.connection
        for name, send, values in (
            ("sendText", connection.sendText, ("\ud800", "a\udfff")),
            ("sendFragment", connection.sendFragment, ("\ud800",)),
            ("ping", connection.ping, (bytes(126), memoryview(bytes(126)))),
            (
                "close",
                connection.close,
                (-1, 0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 70_000),
            ),
            (
                "reason",
                lambda reason: connection.close(1000, reason),
                ("r" * 124, "\u00fc" * 62, "\ud800"),
            ),
            ("fail", connection.fail, (1005, 1006)),
        ):
            for value in values:
                with row((name, value)):
                    self.assertRaises(ValueError, send, value)
        self.assertEqual(side.written, [])
        self.assertIs(connection.phase, Phase.OPEN)
        self.assertFalse(connection.isSendingFragments)

    def test_fragments(self) -> None:
        """A message in fragments has its type in the first, FIN in the last."""
        for role in Role:
            for opcode, values in (
                (TEXT, ("\u00fc", "", "b")),
                (BINARY, (b"a", bytearray(), memoryview(b"b"))),
            ):
                side = Side(role)
                states = []
                for index, value in enumerate(values):
                    side.connection.sendFragment(value, isLast=index == 2)
                    states.append(side.connection.isSendingFragments)
                first = "\u00fc".encode() if opcode == TEXT else b"a"
                with row((role, opcode)):
                    self.assertEqual(states, [True, True, False])
                    self.assertEqual(
                        side.written,
                        [
                            self.ours(role, opcode, first, fin=0),
                            self.ours(role, CONT, fin=0),
                            self.ours(role, CONT, b"b"),
                        ],
                    )

    def test_oneFragment(self) -> None:
        """A first fragment may be the last."""
        side = Side()
        side.connection.sendFragment("a", isLast=True)
        side.connection.sendFragment(b"b", isLast=True)
        self.assertEqual(side.written, [frame(TEXT, b"a"), frame(BINARY, b"b")])

    def test_mixedFragments(self) -> None:
        """A message is all text or all octets."""
        for first, second in (("a", b"b"), (b"a", "b")):
            side = Side()
            side.connection.sendFragment(first)
            with row(first):
                self.assertRaises(TypeError, side.connection.sendFragment, second)
                self.assertEqual(len(side.written), 1)
                side.connection.sendFragment(first, isLast=True)
                self.assertEqual(len(side.written), 2)

    def test_held(self) -> None:
        """Whole messages wait for a fragmented one's end; control frames do not."""
        for role in Role:
            side = Side(role)
            connection = side.connection
            connection.sendFragment("a")
            connection.sendText("b")
            connection.sendBytes(b"c")
            connection.ping(b"p")
            connection.sendFragment("d")
            connection.sendFragment("e", isLast=True)
            connection.sendText("f")
            with row(role):
                self.assertEqual(
                    side.written,
                    [
                        self.ours(role, TEXT, b"a", fin=0),
                        self.ours(role, PING, b"p"),
                        self.ours(role, CONT, b"d", fin=0),
                        self.ours(role, CONT, b"e"),
                        self.ours(role, TEXT, b"b"),
                        self.ours(role, BINARY, b"c"),
                        self.ours(role, TEXT, b"f"),
                    ],
                )

    def test_heldUntilClosed(self) -> None:
        """Messages that wait for a fragmented one's end are dropped by its close."""
        for name, end in (
            ("close", lambda side: side.connection.close()),
            ("fail", lambda side: side.connection.fail(1011)),
            ("abandon", lambda side: side.connection.abandon()),
            ("peer", lambda side: side.feed([frame(CLOSE, key=KEY)])),
            ("error", lambda side: side.feed([b"\xff\xff"])),
        ):
            side = Side()
            side.connection.sendFragment("a")
            side.connection.sendText("b")
            end(side)
            count = len(side.written)
            side.connection.sendFragment("c", isLast=True)
            with row(name):
                self.assertEqual(side.connection.state().held, ())
                self.assertEqual(len(side.written), count)
                self.assertNotIn(frame(TEXT, b"b"), side.written)

    def test_dropped(self) -> None:
        """What is sent after Close is dropped, whoever sent that."""
        for name, end in (
            ("close", lambda side: side.connection.close()),
            ("fail", lambda side: side.connection.fail(1011)),
            ("abandon", lambda side: side.connection.abandon()),
            ("peer", lambda side: side.feed([frame(CLOSE, key=KEY)])),
            ("error", lambda side: side.feed([b"\xff\xff"])),
        ):
            side = Side()
            end(side)
            written = list(side.written)
            connection = side.connection
            connection.sendText("a")
            connection.sendBytes(b"a")
            connection.sendFragment("a")
            connection.ping()
            connection.close(1001)
            with row(name):
                self.assertEqual(side.written, written)
                self.assertFalse(connection.isSendingFragments)

    def test_sentFromAWrite(self) -> None:
        """Whoever is called by a write may send; held messages stay in order."""
        written: list[bytes] = []

        def write(octets: bytes) -> None:
            written.append(octets)
            if octets == frame(TEXT, b"1"):
                connection.sendText("3")
                connection.sendFragment(b"x")
                connection.sendText("4")

        connection = Connection(Recorder(), write, Role.SERVER, UNLIMITED)
        connection.sendFragment("a")
        for text in "12":
            connection.sendText(text)
        connection.sendFragment("b", isLast=True)
        connection.sendFragment(b"y", isLast=True)
        self.assertEqual(
            written,
            [
                frame(TEXT, b"a", fin=0),
                frame(CONT, b"b"),
                frame(TEXT, b"1"),
                frame(BINARY, b"x", fin=0),
                frame(CONT, b"y"),
                frame(TEXT, b"2"),
                frame(TEXT, b"3"),
                frame(TEXT, b"4"),
            ],
        )

    def test_endedFromAWrite(self) -> None:
        """Whoever is called by a write may end it all: one Close frame, the last."""
        for name, begin in (
            ("text", lambda c: c.sendText("a")),
            ("held", lambda c: (c.sendFragment("a"), c.sendText("b"), c.sendText("c"))),
            ("last", lambda c: c.sendFragment("a", isLast=True)),
            ("close", lambda c: c.close(1000)),
            ("fail", lambda c: c.fail(1002)),
            ("peer", lambda c: c.feed(frame(CLOSE, key=KEY))),
            ("ping", lambda c: c.feed(frame(PING, key=KEY))),
        ):
            for ending, end in (
                ("close", lambda c: c.close(4000)),
                ("fail", lambda c: c.fail(4000)),
            ):
                with row((name, ending)):
                    written, phase = self._endFromAWrite(begin, end)
                    closes = [octets for octets in written if octets[0] == 0x88]
                    self.assertEqual(len(closes), 1)
                    self.assertEqual(written[-1:], closes)
                    self.assertIsNot(phase, Phase.OPEN)

    def _endFromAWrite(
        self,
        begin: Callable[[Connection], object],
        end: Callable[[Connection], object],
    ) -> tuple[list[bytes], Phase]:
        """End a connection when the last frame of a message is written."""
        written: list[bytes] = []

        def write(octets: bytes) -> None:
            written.append(octets)
            if octets[0] & 0x80:
                end(connection)

        connection = Connection(Recorder(), write, Role.SERVER, UNLIMITED)
        begin(connection)
        connection.sendFragment("z", isLast=True)
        return written, connection.phase


class ClosingTests(ConnectionTestCase):
    """Tests for the closing handshake."""

    def test_close(self) -> None:
        """Our Close frame is sent once; the peer's ends the connection."""
        for role, key in PEERS:
            side = Side(role)
            side.connection.close(4000, "gr\u00fc\u00df")
            self.assertIs(side.connection.phase, Phase.CLOSING)
            side.connection.close(1001)
            side.feed([frame(CLOSE, b"\x0f\xa0", key=key)])
            with row(role):
                payload = b"\x0f\xa0" + "gr\u00fc\u00df".encode()
                self.assertEqual(side.written, [self.ours(role, CLOSE, payload)])
                self.assertEqual(side.calls, [("closeReceived", 4000, "")])
                self.assertIs(side.connection.phase, Phase.CLOSED)

    def test_defaults(self) -> None:
        """We close with 1000, and give no reason."""
        side = Side()
        side.connection.close()
        self.assertEqual(side.written, [frame(CLOSE, b"\x03\xe8")])

    def test_fail(self) -> None:
        """To fail is to send Close, and to wait for nothing."""
        side = Side()
        side.connection.fail(1011, "why")
        self.assertEqual(side.written, [frame(CLOSE, b"\x03\xf3why")])
        self.assertIs(side.connection.phase, Phase.CLOSED)
        side.connection.fail(1011, "again")
        self.assertEqual(len(side.written), 1)
        self.assertEqual(side.calls, [])

    def test_failWhileClosing(self) -> None:
        """To fail a closing connection sends no second Close frame."""
        side = Side()
        side.connection.close()
        side.connection.fail(1011, "why")
        self.assertEqual(len(side.written), 1)
        self.assertIs(side.connection.phase, Phase.CLOSED)

    def test_longReason(self) -> None:
        """F18: a failure's reason is cut to what fits, between characters."""
        for reason, expected in (
            ("r" * 123, "r" * 123),
            ("r" * 124, "r" * 123),
            ("\u00fc" * 62, "\u00fc" * 61),
            ("r" * 122 + "\U0001f600", "r" * 122),
        ):
            side = Side()
            side.connection.fail(1011, reason)
            with row(reason):
                payload = b"\x03\xf3" + expected.encode()
                self.assertEqual(side.written, [frame(CLOSE, payload)])

    def test_abandon(self) -> None:
        """To abandon a peer tells it nothing, and reads nothing."""
        side = Side()
        side.connection.abandon()
        side.feed([frame(TEXT, b"a", key=KEY)])
        side.connection.resume()
        side.feed([b""])
        self.assertEqual((side.calls, side.written), ([], []))
        self.assertIs(side.connection.phase, Phase.CLOSED)

    def test_renderClose(self) -> None:
        """A Close frame's payload is a code and a reason of at most 123 octets."""
        self.assertEqual(renderClose(1000, ""), b"\x03\xe8")
        self.assertEqual(renderClose(4999, "r" * 123), b"\x13\x87" + b"r" * 123)
        self.assertRaises(ValueError, renderClose, 1000, "r" * 124)
        self.assertRaises(ValueError, renderClose, 1005, "")


class Reversing:
    """A codec: whole messages back to front."""

    rsv = 0x20

    def __init__(self) -> None:
        """Nothing was encoded or decoded."""
        self.encoded = 0
        self.undecoded = b""
        self.rests = 0

    def encode(self, payload: bytes, choice: bool | None) -> bytes | None:
        """Encode unless chosen not to; count it."""
        if choice is False:
            return None
        self.encoded += 1
        return payload[::-1]

    def encodesBy(self) -> None:
        """Count each message."""

    def decode(self, data: bytes, isLast: bool, limit: int) -> bytes:
        """Give nothing before the end."""
        self.undecoded += data
        if len(self.undecoded) > limit:
            raise MessageTooBig("reversed")
        if not isLast:
            return b""
        found, self.undecoded = self.undecoded[::-1], b""
        return found

    def rest(self) -> None:
        """Count the rests."""
        self.rests += 1

    def state(self) -> object:
        """Give a plain value."""
        return self.encoded, self.undecoded

    def restore(self, state: Any) -> None:
        """Go on from there."""
        self.encoded, self.undecoded = state


class CodecTests(ConnectionTestCase):
    """Tests for a connection whose extension changes messages."""

    def setUp(self) -> None:
        """Make a server's connection."""
        super().setUp()
        self.codec = Reversing()
        self.receiver = Recorder()
        self.written = Written()
        self.arguments = (self.receiver, self.written.write, Role.SERVER)
        self.limits = Limits(10, None)
        self.connection = Connection(*self.arguments, self.limits, codec=self.codec)

    def test_sending(self) -> None:
        """Whole messages are encoded and marked, unless that is not wanted."""
        self.connection.sendText("abc")
        self.connection.sendBytes(b"abc", choice=False)
        self.connection.sendBytes(b"abc", choice=True)
        self.connection.sendText("abc", choice=False)
        self.connection.ping(b"abc")
        self.assertEqual(
            self.written,
            [
                frame(TEXT, b"cba", rsv=2),
                frame(BINARY, b"abc"),
                frame(BINARY, b"cba", rsv=2),
                frame(TEXT, b"abc"),
                frame(PING, b"abc"),
            ],
        )

    def test_held(self) -> None:
        """Fragments are sent as they are; what they hold is counted as it is sent."""
        self.connection.sendFragment("a")
        self.connection.sendText("abc")
        self.connection.sendText("de", choice=False)
        self.assertEqual(self.connection.heldAmount, 5 + 4)
        self.connection.sendFragment("b", isLast=True)
        self.assertEqual(self.connection.heldAmount, 0)
        self.assertEqual(
            self.written,
            [
                frame(TEXT, b"a", fin=0),
                frame(CONT, b"b"),
                frame(TEXT, b"cba", rsv=2),
                frame(TEXT, b"de"),
            ],
        )

    def test_nothingEncodedWhenClosed(self) -> None:
        """What is dropped is not encoded: the codec is where the peer's is."""
        self.connection.close()
        self.connection.sendText("abc")
        self.assertEqual(self.codec.encoded, 0)

    def test_receiving(self) -> None:
        """Marked messages are decoded, others are not, fragmented or not."""
        octets = (
            frame(TEXT, b"cba", rsv=2, key=KEY)
            + frame(TEXT, b"abc", key=KEY)
            + frame(BINARY, b"fed", rsv=2, fin=0, key=KEY)
            + frame(PING, b"p", key=KEY)
            + frame(CONT, b"cba", key=KEY)
        )
        for name, segments in allCuts(octets):
            receiver = Recorder()
            connection = Connection(
                receiver,
                [].append,
                Role.SERVER,
                self.limits,
                codec=Reversing(),
            )
            for segment in segments:
                connection.feed(segment)
            with row(name):
                self.assertEqual(
                    receiver.calls,
                    [
                        ("textReceived", "abc"),
                        ("textReceived", "abc"),
                        ("pingReceived", b"p"),
                        ("bytesReceived", b"abcdef"),
                    ],
                )

    def test_marks(self) -> None:
        """Only the extension's bit may be set, and on first frames of messages only."""
        for octets in (
            frame(TEXT, rsv=4, key=KEY),
            frame(TEXT, rsv=3, key=KEY),
            frame(PING, rsv=2, key=KEY),
            frame(CLOSE, rsv=2, key=KEY),
            frame(TEXT, fin=0, rsv=2, key=KEY) + frame(CONT, rsv=2, key=KEY),
        ):
            connection = Connection(*self.arguments, self.limits, codec=Reversing())
            with row(octets):
                self.assertRaises(ProtocolError, connection.feed, octets)

    def test_limit(self) -> None:
        """The limit is of what is decoded."""
        self.connection.feed(frame(TEXT, bytes(10), rsv=2, key=KEY))
        self.assertEqual(self.receiver.calls, [("textReceived", "\0" * 10)])
        octets = frame(TEXT, bytes(11), rsv=2, key=KEY)
        self.assertRaises(MessageTooBig, self.connection.feed, octets)

    def test_rest(self) -> None:
        """The codec, if there is one, rests between messages and not within one."""
        self.connection.rest()
        self.connection.feed(frame(TEXT, b"a", fin=0, key=KEY))
        self.connection.rest()
        self.assertEqual(self.codec.rests, 1)
        Side().connection.rest()

    def test_state(self) -> None:
        """What the codec knows, its successor knows."""
        octets = frame(TEXT, b"fedcba", rsv=2, key=KEY) * 2
        connection = self.connection
        for piece in pieces(octets, 1):
            connection.feed(piece)
            connection.sendFragment(b"x")
            connection.sendText("abc")
            state = pickle.loads(pickle.dumps(connection.state()))
            held = connection.heldAmount
            connection = Connection.restored(
                state,
                *self.arguments,
                self.limits,
                codec=Reversing(),
            )
            self.assertEqual(connection.state(), state)
            self.assertEqual(connection.heldAmount, held)
        self.assertEqual(self.receiver.calls, [("textReceived", "abcdef")] * 2)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("sendFragment"), st.binary(max_size=3), st.booleans()),
        st.tuples(st.just("sendText"), TEXTS),
        st.tuples(st.just("ping"), CONTROL_PAYLOADS),
        st.tuples(st.just("pause")),
        st.tuples(st.just("resume")),
        st.tuples(st.just("close"), CLOSE_CODES),
    ),
    max_size=8,
)


class StateTests(ConnectionTestCase):
    """Tests for L{Connection.state} and L{Connection.restored}."""

    def test_plainValue(self) -> None:
        """A state is made of plain values only, and says all that was begun."""
        side = Side()
        first, second = (
            frame(TEXT, b"ab\xc3", fin=0, key=KEY),
            frame(CONT, bytes(9), key=KEY),
        )
        side.feed([first, second[:5]])
        side.connection.sendFragment(b"x")
        side.connection.sendText("held")
        state = side.connection.state()

        def assertPlain(value: object) -> None:
            if isinstance(value, tuple):
                for element in value:
                    assertPlain(element)
            else:
                plain = (bytes, str, int, bool, type(None), Phase)
                self.assertIsInstance(value, plain)

        assertPlain(state)
        self.assertEqual(state, pickle.loads(pickle.dumps(state)))
        hash(state)
        self.assertEqual(state.held, (frame(TEXT, b"held"),))

    def test_everyCut(self) -> None:
        """A connection may be replaced by one of its state, between any two octets."""
        for role, key in PEERS:
            octets = b"".join(
                frame(opcode, payload, fin=fin, key=key)
                for opcode, fin, payload in (
                    (TEXT, 0, b"\xf0\x9f"),
                    (PING, 1, b"ping"),
                    (CONT, 1, b"\x98\x80"),
                    (BINARY, 1, bytes(130)),
                    (CLOSE, 1, b"\x03\xe8bye"),
                    (TEXT, 1, b"late"),
                )
            )
            whole = outcome([octets], role)
            for position in range(len(octets) + 1):
                side = Side(role)
                side.feed([octets[:position]])
                side.handOver()
                side.feed([octets[position:]])
                with row((role, position)):
                    self.assertEqual((side.calls, side.written), whole[:2])

    def test_limits(self) -> None:
        """What was counted before counts after."""
        for limits, payload in ((Limits(3, None), b"ab"), (Limits(None, 2), b"")):
            side = Side(limits=limits)
            for octets in (
                frame(BINARY, payload, fin=0, key=KEY),
                frame(CONT, fin=0, key=KEY),
            ):
                side.feed([octets])
                side.handOver()
            with row(limits):
                error = side.feed([frame(CONT, payload, key=KEY)])
                self.assertIsInstance(error, MessageTooBig)

    def test_paused(self) -> None:
        """A paused connection's successor is paused, and has what that kept."""
        side = Side()
        side.connection.pause()
        side.feed([frame(TEXT, b"a", key=KEY)])
        side.handOver()
        side.feed([b""])
        self.assertEqual(side.calls, [])
        side.connection.resume()
        side.feed([b""])
        self.assertEqual(side.calls, [("textReceived", "a")])

    def test_closed(self) -> None:
        """A closed connection's successor is closed."""
        side = Side()
        side.connection.fail(1011)
        side.handOver()
        side.feed([frame(TEXT, b"a", key=KEY)])
        side.connection.sendText("a")
        self.assertEqual((side.calls, len(side.written)), ([], 1))

    @given(BOTH, STEPS, st.data(), st.booleans())
    def test_anywhere(
        self,
        drawn: tuple[Role, Conversation],
        steps: list[tuple[Any, ...]],
        data: st.DataObject,
        isStreaming: bool,
    ) -> None:
        """A connection replaced at every octet, and every call, is the same."""
        role, (octets, _) = drawn
        script: list[tuple[Any, ...]] = [("feed", piece) for piece in pieces(octets, 1)]
        for step in steps:
            script.insert(data.draw(st.integers(0, len(script))), step)
        stays = Side(role, isStreaming=isStreaming)
        changes = Side(role, isStreaming=isStreaming)
        for name, *arguments in [*script, ("resume",), ("feed", b"")]:
            getattr(stays.connection, name)(*arguments)
            getattr(changes.connection, name)(*arguments)
            changes.handOver()
        self.assertEqual(changes.calls, stays.calls)
        self.assertEqual(changes.written, stays.written)
        self.assertEqual(changes.connection.state(), stays.connection.state())


class OracleTests(SynchronousTestCase):
    """Tests against wsproto, with keys as they come."""

    MESSAGES = st.lists(
        st.one_of(
            st.tuples(st.just("text"), st.lists(TEXTS, min_size=1, max_size=3)),
            st.tuples(st.just("bytes"), st.lists(PAYLOADS, min_size=1, max_size=3)),
            st.tuples(st.just("ping"), CONTROL_PAYLOADS),
            st.tuples(st.just("pong"), CONTROL_PAYLOADS),
        ),
        max_size=5,
    )

    CODES = CLOSE_CODES.filter(lambda code: code != 1014)
    """wsproto does not know 1014, which is registered with IANA."""

    @given(MESSAGES, CODES, TEXTS, st.sampled_from(Role), CUTS)
    def test_received(
        self,
        messages: list[tuple[str, Any]],
        code: int,
        reason: str,
        role: Role,
        cuts: list[int],
    ) -> None:
        """What wsproto sends, in either role, we read as it was meant."""
        peer = wsproto.Connection(
            wsproto.ConnectionType.CLIENT
            if role is Role.SERVER
            else wsproto.ConnectionType.SERVER,
        )
        octets = b""
        calls: list[tuple[Any, ...]] = []
        for kind, value in messages:
            if kind in ("text", "bytes"):
                event = events.TextMessage if kind == "text" else events.BytesMessage
                for index, fragment in enumerate(value):
                    isLast = index == len(value) - 1
                    octets += peer.send(event(data=fragment, message_finished=isLast))
                calls.append((f"{kind}Received", value[0][:0].join(value)))
            else:
                event = events.Ping if kind == "ping" else events.Pong
                octets += peer.send(event(payload=value))
                calls.append((f"{kind}Received", value))
        octets += peer.send(events.CloseConnection(code=code, reason=reason))
        calls.append(("closeReceived", code, reason))
        side = Side(role)
        self.assertIsNone(side.feed(cutAt(octets, cuts)))
        self.assertEqual(side.calls, calls)
        # And our answers, it reads: a pong for each ping, and its code.
        peer.receive_data(b"".join(side.written))
        pings = [value for kind, value in messages if kind == "ping"]
        *pongs, close = peer.events()
        self.assertEqual([bytes(event.payload) for event in pongs], pings)
        self.assertEqual(close.code, code)

    @given(MESSAGES, CODES, TEXTS, st.sampled_from(Role))
    def test_sent(
        self,
        messages: list[tuple[str, Any]],
        code: int,
        reason: str,
        role: Role,
    ) -> None:
        """What we send, in either role, wsproto reads as it was meant."""
        side = Side(role)
        expected: list[Any] = []
        for kind, value in messages:
            if kind in ("text", "bytes"):
                for index, fragment in enumerate(value):
                    side.connection.sendFragment(
                        fragment, isLast=index == len(value) - 1
                    )
                expected.append(value[0][:0].join(value))
                side.connection.sendText("whole")
                expected.append("whole")
            else:
                side.connection.ping(value)
                expected.append(value)
        side.connection.close(code, reason)
        peer = wsproto.Connection(
            wsproto.ConnectionType.CLIENT
            if role is Role.SERVER
            else wsproto.ConnectionType.SERVER,
        )
        peer.receive_data(b"".join(side.written))
        found: list[Any] = []
        message: Any = None
        for event in peer.events():
            if isinstance(event, events.Message):
                data = event.data if isinstance(event.data, str) else bytes(event.data)
                message = data if message is None else message + data
                if event.message_finished:
                    found.append(message)
                    message = None
            elif isinstance(event, events.Ping):
                found.append(bytes(event.payload))
            else:
                found.append((event.code, event.reason))
        self.assertEqual(found, [*expected, (code, reason)])

    def test_masks(self) -> None:
        """C27: a thousand frames of a client have a thousand keys."""
        side = Side(Role.CLIENT)
        for _ in range(1000):
            side.connection.sendText("Hello")
        keys = {octets[2:6] for octets in side.written}
        self.assertGreater(len(keys), 995)
        for octets in side.written:
            self.assertEqual(masked(octets[6:], octets[2:6]), b"Hello")


class PreparedTests(SynchronousTestCase):
    """Tests for sending what others get too."""

    def connect(
        self,
        role: Role = Role.SERVER,
        codec: Reversing | None = None,
    ) -> tuple[Connection, list[bytes]]:
        """Make a connection, and where it writes."""
        written: list[bytes] = []
        write = written.append
        return Connection(Recorder(), write, role, UNLIMITED, codec=codec), written

    def test_shared(self) -> None:
        """Each server writes the same object, however long."""
        for length in (5, 500, 100_000):
            prepared = PreparedMessage("x" * length)
            found = []
            for _ in range(2):
                connection, written = self.connect()
                connection.sendPrepared(prepared)
                found += written
            self.assertEqual(found, [frame(TEXT, b"x" * length)] * 2)
            self.assertIs(found[0], found[1])

    def test_client(self) -> None:
        """A client masks for itself, and encodes as ever."""
        prepared = PreparedMessage(b"abc")
        connection, written = self.connect(Role.CLIENT, Reversing())
        connection.sendPrepared(prepared)
        connection.sendPrepared(prepared)
        for octets in written:
            self.assertEqual(octets, frame(BINARY, b"cba", rsv=2, key=octets[2:6]))
        self.assertNotEqual(*written)

    def test_held(self) -> None:
        """It waits for the end of a message in fragments, in order, and not copied."""
        prepared = PreparedMessage(b"b")
        connection, written = self.connect()
        connection.sendFragment("a")
        connection.sendPrepared(prepared)
        connection.sendText("c")
        connection.sendPrepared(prepared)
        self.assertEqual(connection.heldAmount, 9)
        self.assertIs(connection.state().held[0], prepared.frame(None))
        connection.sendFragment("", isLast=True)
        expected = [
            frame(TEXT, b"a", fin=0),
            frame(CONT),
            frame(BINARY, b"b"),
            frame(TEXT, b"c"),
            frame(BINARY, b"b"),
        ]
        self.assertEqual(written, expected)

    def test_dropped(self) -> None:
        """Nothing is sent, nor encoded, once a Close frame is."""
        codec = Reversing()
        connection, written = self.connect(codec=codec)
        connection.close()
        connection.sendPrepared(PreparedMessage("a"))
        self.assertEqual(written, [frame(CLOSE, b"\x03\xe8")])
        self.assertEqual(codec.encoded, 0)
