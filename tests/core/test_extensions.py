"""Extensions, and one of our own."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from wsagent.core import codes
from wsagent.core.codes import Role
from wsagent.core.connection import Connection
from wsagent.core.deflate import Compression
from wsagent.core.errors import HandshakeError, MessageTooBig, ProtocolError
from wsagent.core.extensions import (
    Codec,
    Extension,
    Parameters,
    begin,
    negotiate,
    offer,
    render,
)
from wsagent.core.messages import Limits
from wsagent.core.permessage import DeflateCodec, PermessageDeflate
from wsagent.testing import Recorder

from .notation import KEY, Written, cutAt, frame, row
from .strategies import CUTS, PAYLOADS, TEXTS

DEFLATE = PermessageDeflate(Compression())


class ReversingCodec:
    """Messages go out backwards, unless they are too short to be worth it."""

    rsv = 0x20

    def __init__(self, least: int) -> None:
        """@param least: octets worth it."""
        self.least = least
        self.received = b""
        self.rests = 0

    def encode(self, payload: bytes, choice: bool | None) -> bytes | None:
        """Reverse."""
        isChosen = len(payload) >= self.least if choice is None else choice
        return payload[::-1] if isChosen else None

    def encodesBy(self) -> int:
        """Name what decides."""
        return self.least

    def decode(self, data: bytes, isLast: bool, limit: int) -> bytes:
        """Reverse, as soon as all is there."""
        self.received += data
        if len(self.received) > limit:
            raise MessageTooBig(f"over {limit} octets")
        if not isLast:
            return b""
        message, self.received = self.received[::-1], b""
        return message

    def rest(self) -> None:
        """Count."""
        self.rests += 1

    def state(self) -> bytes:
        """Give what came."""
        return self.received

    def restore(self, state: object) -> None:
        """Go on with what came."""
        assert isinstance(state, bytes)
        self.received = state


class Reversing:
    """An extension with a parameter, whose second offer is the modest one."""

    name = "x-reverse"

    def offers(self) -> Sequence[Parameters]:
        """Offer two ways."""
        return [[("least", "2"), ("eager", None)], [("least", "5")]]

    def accept(self, offer: Parameters) -> tuple[Parameters, Codec] | None:
        """Accept what is not eager."""
        known = dict(offer)
        if "eager" in known:
            return None
        return offer, ReversingCodec(int(known["least"] or 0))

    def begin(self, answer: Parameters) -> Codec:
        """Begin what was offered."""
        if answer not in self.offers():
            raise HandshakeError("another way")
        return ReversingCodec(int(dict(answer)["least"] or 0))


class Ends:
    """A client and a server that have agreed on an extension."""

    def __init__(
        self,
        isStreaming: bool = False,
        extensions: Sequence[Extension] = (Reversing(),),
    ) -> None:
        """Negotiate."""
        answer, serverCodec = negotiate(offer(extensions).encode(), extensions)
        assert answer is not None
        clientCodec = begin(answer.encode(), extensions)
        self.codecs = (clientCodec, serverCodec)
        self.receivers = (Recorder(), Recorder())
        self.written = (Written(), Written())
        self.client, self.server = (
            Connection(
                receiver,
                written.write,
                role,
                Limits(100_000, 100),
                isStreaming,
                codec,
            )
            for receiver, written, role, codec in zip(
                self.receivers,
                self.written,
                (Role.CLIENT, Role.SERVER),
                self.codecs,
                strict=True,
            )
        )

    def move(self, cuts: Sequence[int] = ()) -> None:
        """Carry what was written to the other end, cut."""
        for written, connection in zip(
            self.written,
            (self.server, self.client),
            strict=True,
        ):
            octets = b"".join(written)
            written.clear()
            for segment in cutAt(octets, cuts):
                connection.feed(segment)


class NegotiationTests(SynchronousTestCase):
    """Tests of L{negotiate}, L{offer} and L{begin}."""

    def test_nothing(self) -> None:
        """Without an offer, or without an extension, nothing is agreed on."""
        for offered, extensions in (
            (None, [DEFLATE]),
            (b"", [DEFLATE]),
            (b"permessage-deflate", []),
            (b"x-webkit-deflate-frame, PERMESSAGE-DEFLATE", [DEFLATE]),
            (b"malformed;;", []),
        ):
            with row(offered):
                self.assertEqual(negotiate(offered, extensions), (None, None))
        self.assertEqual(offer([]), "")
        self.assertIsNone(begin(None, [DEFLATE]))

    def test_first(self) -> None:
        """The first offer that can be accepted is, the client's order counts."""
        both = [DEFLATE, Reversing()]
        for offered, name, kind in (
            (b"x-reverse; least=1, permessage-deflate", "x-reverse", ReversingCodec),
            (b"permessage-deflate, x-reverse; least=1", DEFLATE.name, DeflateCodec),
            (b"x, x-reverse; eager, permessage-deflate", DEFLATE.name, DeflateCodec),
            (b"permessage-deflate; a, x-reverse; least=1", "x-reverse", ReversingCodec),
        ):
            with row(offered):
                answer, codec = negotiate(offered, both)
                assert answer is not None
                self.assertEqual(answer.split(";")[0], name)
                self.assertIsInstance(codec, kind)

    def test_malformed(self) -> None:
        """A malformed list is a bad request, wherever it is malformed."""
        for offered in (
            b",",
            b";",
            b"permessage-deflate;",
            b"permessage-deflate,",
            b"permessage-deflate; =1",
            b"permessage-deflate; a=",
            b"permessage-deflate; a b",
            b'permessage-deflate; a="b',
            b'permessage-deflate; a=""',
            b"permessage-deflate; a=\x00",
            b"permessage-deflate; a=\xff",
            b"permessage-deflate=1",
            b"permessage-deflate, /",
        ):
            with row(offered):
                with self.assertRaises(HandshakeError) as caught:
                    negotiate(offered, [DEFLATE])
                self.assertEqual(caught.exception.status, 400)
                with self.assertRaises(HandshakeError):
                    begin(offered, [DEFLATE])

    def test_offer(self) -> None:
        """All ways of all extensions are offered, in order."""
        self.assertEqual(
            offer([Reversing(), PermessageDeflate(Compression(windowBits=15))]),
            "x-reverse; least=2; eager, x-reverse; least=5, "
            "permessage-deflate; server_max_window_bits=12; client_max_window_bits",
        )

    def test_begin(self) -> None:
        """A client begins what a server has answered."""
        codec = begin(b"x-reverse; least=5", [DEFLATE, Reversing()])
        assert isinstance(codec, ReversingCodec)
        self.assertEqual(codec.least, 5)

    def test_notOffered(self) -> None:
        """A client refuses what it has not offered, and more than one."""
        for answer in (
            b"",
            b"x-webkit-deflate-frame",
            b"Permessage-Deflate; server_max_window_bits=12",
            b"x-reverse; least=5, x-reverse; least=5",
            b"x-reverse; least=5, permessage-deflate; server_max_window_bits=12",
            b"x-reverse; least=6",
        ):
            with row(answer), self.assertRaises(HandshakeError):
                begin(answer, [Reversing(), DEFLATE])
        with self.assertRaises(HandshakeError):
            begin(b"permessage-deflate", [])


class RenderTests(SynchronousTestCase):
    """Tests of L{render}."""

    def test_written(self) -> None:
        """A name goes first, then parameters in order, with a value or alone."""
        self.assertEqual(render("a", []), "a")
        self.assertEqual(render("a", [("b", None), ("c", "1")]), "a; b; c=1")

    def test_tokens(self) -> None:
        """What is no token, and would be read as something else, is not written."""
        for name, parameters in (
            ("", []),
            ("a b", []),
            ("a=b", []),
            ("a,b", []),
            ("a;b", []),
            ("a\r\nX: y", []),
            ("é", []),
            ("\ud800", []),
            ("a", [("", None)]),
            ("a", [("b=c", None)]),
            ("a", [("b", "")]),
            ("a", [("b", "c=d")]),
            ("a", [("b", "c\r\nX: y")]),
            ("a", [("b", '"c"')]),
            ("a", [("b", None), ("c;d", None)]),
        ):
            with row((name, parameters)), self.assertRaises(ValueError):
                render(name, parameters)


class OwnExtensionTests(SynchronousTestCase):
    """Tests of an application's extension, end to end."""

    def test_frames(self) -> None:
        """Its bit marks what it changed, as it chose, or was told to."""
        ends = Ends()
        ends.server.sendText("abcde")
        ends.server.sendText("abcd")
        ends.server.sendBytes(b"ab", choice=True)
        ends.server.sendBytes(b"abcde", choice=False)
        ends.server.sendFragment("abc")
        ends.server.sendText("fghij")
        ends.server.sendFragment("def", isLast=True)
        ends.server.ping(b"abcde")
        self.assertEqual(
            ends.written[1],
            [
                frame(codes.TEXT, b"edcba", rsv=2),
                frame(codes.TEXT, b"abcd"),
                frame(codes.BINARY, b"ba", rsv=2),
                frame(codes.BINARY, b"abcde"),
                frame(codes.TEXT, b"abc", fin=0),
                frame(codes.CONTINUATION, b"def"),
                frame(codes.TEXT, b"jihgf", rsv=2),
                frame(codes.PING, b"abcde"),
            ],
        )
        ends.move()
        self.assertEqual(
            ends.receivers[0].calls,
            [
                ("textReceived", "abcde"),
                ("textReceived", "abcd"),
                ("bytesReceived", b"ab"),
                ("bytesReceived", b"abcde"),
                ("textReceived", "abcdef"),
                ("textReceived", "fghij"),
                ("pingReceived", b"abcde"),
            ],
        )

    @given(
        st.lists(st.one_of(TEXTS, PAYLOADS), max_size=4),
        CUTS,
        st.booleans(),
        st.sampled_from((None, True, False)),
    )
    def test_anything(
        self,
        values: list[str | bytes],
        cuts: list[int],
        isStreaming: bool,
        choice: bool | None,
    ) -> None:
        """Any messages come out equal at both ends, whatever the cuts."""
        ends = Ends(isStreaming)
        for connection in (ends.client, ends.server):
            for value in values:
                if isinstance(value, str):
                    connection.sendText(value, choice)
                else:
                    connection.sendBytes(value, choice)
        ends.move(cuts)
        for receiver in ends.receivers:
            found: list[str | bytes] = []
            pieces: list[str | bytes] = []
            for name, value, *isLast in receiver.calls:
                self.assertEqual(name == "pieceReceived", isStreaming)
                pieces.append(value)
                if isLast != [False]:
                    found.append(type(value)().join(pieces))
                    pieces = []
            self.assertEqual(found, values)

    def test_fragments(self) -> None:
        """A peer may send an encoded message in fragments, with pings between."""
        for isStreaming in (False, True):
            ends = Ends(isStreaming)
            octets = "a€c".encode()[::-1]
            for index, octet in enumerate(octets):
                ends.server.feed(
                    frame(
                        codes.CONTINUATION if index else codes.TEXT,
                        bytes((octet,)),
                        fin=int(index == len(octets) - 1),
                        rsv=0 if index else 2,
                        key=KEY,
                    ),
                )
                ends.server.feed(frame(codes.PING, key=KEY))
            expected = (
                ("pieceReceived", "a€c", True)
                if isStreaming
                else ("textReceived", "a€c")
            )
            self.assertEqual(
                [call for call in ends.receivers[1].calls if call[1]],
                [expected],
            )

    def test_refused(self) -> None:
        """Other bits, and its own where it may not stand, break the protocol."""
        for name, octets in (
            ("RSV1", frame(codes.TEXT, b"a", rsv=4, key=KEY)),
            ("RSV3", frame(codes.TEXT, b"a", rsv=1, key=KEY)),
            ("RSV1 and RSV2", frame(codes.TEXT, b"a", rsv=6, key=KEY)),
            ("ping", frame(codes.PING, b"a", rsv=2, key=KEY)),
            (
                "continuation",
                frame(codes.TEXT, b"a", fin=0, rsv=2, key=KEY)
                + frame(codes.CONTINUATION, b"a", rsv=2, key=KEY),
            ),
        ):
            with row(name):
                with self.assertRaises(ProtocolError) as caught:
                    Ends().server.feed(octets)
                self.assertEqual(caught.exception.code, 1002)

    def test_limit(self) -> None:
        """An extension is told how much may come, and its error is the peer's."""
        ends = Ends()
        with self.assertRaises(MessageTooBig):
            ends.server.feed(frame(codes.BINARY, bytes(100_001), rsv=2, key=KEY))
        self.assertEqual(ends.written[1][-1][2:4], (1009).to_bytes(2, "big"))

    def test_state(self) -> None:
        """A connection is handed over in the midst of an encoded message."""
        octets = frame(codes.TEXT, b"edcba", rsv=2, key=KEY)
        for cut in range(len(octets)):
            ends = Ends()
            ends.server.feed(octets[:cut])
            receiver = Recorder()
            server = Connection.restored(
                ends.server.state(),
                receiver,
                ends.written[1].write,
                Role.SERVER,
                Limits(10, 10),
                codec=ReversingCodec(5),
            )
            server.feed(octets[cut:])
            self.assertEqual(receiver.calls, [("textReceived", "abcde")])

    def test_rest(self) -> None:
        """An extension may rest between messages, not inside of one."""
        ends = Ends()
        codec = ends.codecs[1]
        assert isinstance(codec, ReversingCodec)
        ends.server.rest()
        ends.server.feed(frame(codes.TEXT, b"b", fin=0, rsv=2, key=KEY))
        ends.server.rest()
        self.assertEqual(codec.rests, 1)
        ends.server.feed(frame(codes.CONTINUATION, b"a", key=KEY))
        ends.server.rest()
        self.assertEqual(codec.rests, 2)
        self.assertEqual(ends.receivers[1].calls, [("textReceived", "ab")])
