"""permessage-deflate: negotiated, and on open connections."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import Opcode
from websockets.protocol import CLIENT, SERVER
from websockets.protocol import Protocol as ForeignProtocol
from wsproto import connection as wsproto
from wsproto import events
from wsproto.extensions import PerMessageDeflate as ForeignExtension

from wsagent.core import codes
from wsagent.core.codes import Role
from wsagent.core.connection import Connection
from wsagent.core.deflate import Compression
from wsagent.core.errors import (
    HandshakeError,
    InvalidPayload,
    MessageTooBig,
    ProtocolError,
)
from wsagent.core.extensions import begin, negotiate, offer
from wsagent.core.heads import parameterLists
from wsagent.core.messages import Limits
from wsagent.core.permessage import DeflateCodec, PermessageDeflate
from wsagent.testing import Recorder

from .compressing import (
    HELLO,
    HELLO_AGAIN,
    HELLO_LAST,
    HELLO_STORED,
    HELLO_TWICE,
    TAIL,
    deflated,
    inflated,
    noise,
    peak,
)
from .notation import KEY, Written, allCuts, cutAt, frame, pieces, row
from .strategies import CONTROL_PAYLOADS, CUTS, PAYLOADS, TEXTS

CONT, TEXT, BINARY, PING = codes.CONTINUATION, codes.TEXT, codes.BINARY, codes.PING
LIMIT = 1 << 20
LIMITS = Limits(LIMIT, 10_000)
ALL = Compression(windowBits=15, peerWindowBits=15, threshold=0)

COMPRESSIONS = st.builds(
    Compression,
    level=st.sampled_from((1, 6, 9)),
    memoryLevel=st.sampled_from((1, 5, 9)),
    windowBits=st.integers(9, 15),
    peerWindowBits=st.integers(9, 15),
    hasContextTakeover=st.booleans(),
    peerHasContextTakeover=st.booleans(),
    threshold=st.sampled_from((0, 4, 1024)),
    isMovable=st.booleans(),
)

VALUES = st.one_of(
    TEXTS,
    PAYLOADS,
    st.integers(0, 3000).map(lambda size: noise(size % 700) * 4),
)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("message"), VALUES, st.sampled_from((None, True, False))),
        st.tuples(st.just("fragments"), VALUES, st.integers(0, 9)),
        st.tuples(st.just("ping"), CONTROL_PAYLOADS, st.none()),
        st.tuples(st.just("rest"), st.none(), st.none()),
    ),
    max_size=6,
)


class Side:
    """A connection with a codec, the calls it made and what it wrote."""

    def __init__(
        self,
        codec: DeflateCodec | None = None,
        role: Role = Role.SERVER,
        limits: Limits = LIMITS,
        isStreaming: bool = False,
    ) -> None:
        """Nothing happened yet; by default a server that all was agreed with."""
        self.codec = codec or newCodec()
        self.arguments = (role, limits, isStreaming)
        self.receiver = Recorder()
        self.calls = self.receiver.calls
        self.written = Written()
        self.connection = Connection(
            self.receiver,
            self.written.write,
            *self.arguments,
            self.codec,
        )

    def feed(self, segments: Iterable[bytes]) -> ProtocolError | None:
        """Feed segments until an error, which is returned."""
        for segment in segments:
            error = self.feedOne(segment)
            if error is not None:
                return error
        return None

    def feedOne(self, segment: bytes) -> ProtocolError | None:
        """Feed a segment."""
        try:
            self.connection.feed(segment)
        except ProtocolError as error:
            return error
        return None

    def handOver(self, codec: DeflateCodec) -> None:
        """Replace the connection by one of its state."""
        state = pickle.loads(pickle.dumps(self.connection.state()))
        self.connection = Connection.restored(
            state,
            self.receiver,
            self.written.write,
            *self.arguments,
            codec,
        )
        assert self.connection.state() == state


def newCodec(
    compression: Compression = ALL,
    bits: int = 15,
    takeover: bool = True,
    peerBits: int = 15,
    peerTakeover: bool = True,
) -> DeflateCodec:
    """Make a codec."""
    return DeflateCodec(compression, bits, takeover, peerBits, peerTakeover)


def sent(*messages: bytes, opcode: int = TEXT, sizes: int = 1 << 30) -> bytes:
    """Write compressed messages as a client sends them, in fragments of a size."""
    octets = b""
    for message in messages:
        fragments = pieces(message, sizes)
        for index, fragment in enumerate(fragments):
            octets += frame(
                CONT if index else opcode,
                fragment,
                fin=int(index == len(fragments) - 1),
                rsv=0 if index else 4,
                key=KEY,
            )
    return octets


def agree(
    client: Compression,
    server: Compression,
) -> tuple[DeflateCodec, DeflateCodec] | None:
    """Negotiate; C{None} if the server declines."""
    extensions = [PermessageDeflate(client)]
    answer, serverCodec = negotiate(
        offer(extensions).encode(),
        [PermessageDeflate(server)],
    )
    if answer is None:
        return None
    clientCodec = begin(answer.encode(), extensions)
    assert isinstance(clientCodec, DeflateCodec)
    assert isinstance(serverCodec, DeflateCodec)
    return clientCodec, serverCodec


def answered(offered: str, wish: Compression = ALL) -> str | None:
    """Tell a server's answer, without the name."""
    text = f"permessage-deflate; {offered}" if offered else "permessage-deflate"
    answer, codec = negotiate(text.encode(), [PermessageDeflate(wish)])
    assert (answer is None) == (codec is None)
    if answer is None:
        return None
    return answer.removeprefix("permessage-deflate").removeprefix("; ")


def refuse(side: Side, segments: list[bytes]) -> Callable[[], None]:
    """Make a call that feeds what is too big."""

    def work() -> None:
        assert isinstance(side.feed(segments), MessageTooBig)

    return work


class ServerTests(SynchronousTestCase):
    """Tests of L{PermessageDeflate.accept}."""

    def test_accepted(self) -> None:
        """An offer is answered with no more than it asks and we wish."""
        modest = Compression()
        forgetful = Compression(
            windowBits=15,
            hasContextTakeover=False,
            peerHasContextTakeover=False,
        )
        both = "server_no_context_takeover; client_no_context_takeover"
        for offered, wish, answer in (
            ("", ALL, ""),
            ("", modest, "server_max_window_bits=12"),
            ("", forgetful, both),
            ("server_no_context_takeover", ALL, "server_no_context_takeover"),
            ("client_no_context_takeover", ALL, "client_no_context_takeover"),
            ("server_max_window_bits=15", ALL, "server_max_window_bits=15"),
            ("server_max_window_bits=9", ALL, "server_max_window_bits=9"),
            ("server_max_window_bits=10", modest, "server_max_window_bits=10"),
            ("server_max_window_bits=13", modest, "server_max_window_bits=12"),
            ('server_max_window_bits="10"', ALL, "server_max_window_bits=10"),
            ("client_max_window_bits", ALL, ""),
            ("client_max_window_bits=15", ALL, ""),
            ("client_max_window_bits=8", ALL, "client_max_window_bits=8"),
            (
                "client_max_window_bits",
                modest,
                "server_max_window_bits=12; client_max_window_bits=12",
            ),
            (
                "client_max_window_bits=13",
                modest,
                "server_max_window_bits=12; client_max_window_bits=12",
            ),
            (
                "client_max_window_bits=10",
                modest,
                "server_max_window_bits=12; client_max_window_bits=10",
            ),
            (
                "client_max_window_bits; server_max_window_bits=9; " + both,
                ALL,
                both + "; server_max_window_bits=9",
            ),
        ):
            with row((offered, wish)):
                self.assertEqual(answered(offered, wish), answer)

    def test_declined(self) -> None:
        """A bad offer is declined, and is no error."""
        for bad in (
            *(
                f"{window}={value}"
                for window in ("server_max_window_bits", "client_max_window_bits")
                for value in ("7", "16", "08", "+9", "1e3", "0", "-9", "1_0", "9.0")
            ),
            f"server_max_window_bits=1{'0' * 30}",
            "server_max_window_bits",
            "server_max_window_bits=8",
            "server_no_context_takeover=1",
            "client_no_context_takeover=1",
            "client_no_context_takeover; client_no_context_takeover",
            "server_max_window_bits=10; server_max_window_bits=10",
            "client_max_window_bits; client_max_window_bits=10",
            "unknown",
            "Client_Max_Window_Bits",
        ):
            with row(bad):
                self.assertIsNone(answered(bad))
                again = f"{bad}, permessage-deflate; server_max_window_bits=9"
                self.assertEqual(answered(again), "server_max_window_bits=9")
                many = ", permessage-deflate; ".join([bad] * 500)
                self.assertIsNone(answered(many))
        webkit = b"x-webkit-deflate-frame"
        self.assertEqual(
            negotiate(webkit, [PermessageDeflate(ALL)]),
            (None, None),
        )

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(
                    (
                        "server_no_context_takeover",
                        "client_no_context_takeover",
                        "server_max_window_bits",
                        "client_max_window_bits",
                    ),
                ),
                st.sampled_from((None, *map(str, range(7, 17)))),
            ),
            max_size=4,
        ),
        COMPRESSIONS,
    )
    def test_neverMore(
        self,
        offered: list[tuple[str, str | None]],
        wish: Compression,
    ) -> None:
        """Whatever is offered, the answer does not exceed it, nor what we wish."""
        accepted = PermessageDeflate(wish).accept(offered)
        if accepted is None:
            return
        answer, asked = dict(accepted[0]), dict(offered)
        self.assertEqual(len(asked), len(offered))
        self.assertEqual(len(answer), len(accepted[0]))
        for flag, hasOurs in (
            ("server_no_context_takeover", wish.hasContextTakeover),
            ("client_no_context_takeover", wish.peerHasContextTakeover),
        ):
            self.assertEqual(flag in answer, flag in asked or not hasOurs)
        most = int(asked.get("server_max_window_bits") or 15)
        own = int(answer.get("server_max_window_bits") or 15)
        self.assertEqual(own, min(most, wish.windowBits))
        if "client_max_window_bits" in asked:
            most = int(asked["client_max_window_bits"] or 15)
            peer = int(answer.get("client_max_window_bits") or 15)
            self.assertEqual(peer, min(most, wish.peerWindowBits))
        else:
            self.assertNotIn("client_max_window_bits", answer)


class ClientTests(SynchronousTestCase):
    """Tests of L{PermessageDeflate.offers} and L{PermessageDeflate.begin}."""

    def test_offers(self) -> None:
        """What is wished is what is offered; it is always willing to be limited."""
        for wish, offered in (
            (ALL, "client_max_window_bits"),
            (Compression(), "server_max_window_bits=12; client_max_window_bits=12"),
            (
                Compression(
                    windowBits=15,
                    peerWindowBits=9,
                    hasContextTakeover=False,
                    peerHasContextTakeover=False,
                ),
                (
                    "server_no_context_takeover; client_no_context_takeover; "
                    "server_max_window_bits=9; client_max_window_bits"
                ),
            ),
        ):
            found = offer([PermessageDeflate(wish)])
            self.assertEqual(found, f"permessage-deflate; {offered}")

    def test_refused(self) -> None:
        """An answer that is malformed, or more than was offered, is refused."""
        limited = Compression()
        forgetful = Compression(peerWindowBits=15, peerHasContextTakeover=False)
        for answer, wish in (
            ("server_max_window_bits=7", ALL),
            ("server_max_window_bits=16", ALL),
            ("server_max_window_bits=08", ALL),
            ("server_max_window_bits", ALL),
            ("client_max_window_bits", ALL),
            ("client_max_window_bits=7", ALL),
            ("client_max_window_bits=16", ALL),
            ("unknown", ALL),
            ("server_no_context_takeover=1", ALL),
            ("server_no_context_takeover; server_no_context_takeover", ALL),
            ("server_max_window_bits=9; server_max_window_bits=9", ALL),
            ("", limited),
            ("server_max_window_bits=13", limited),
            ("client_no_context_takeover", forgetful),
        ):
            with row((answer, wish)), self.assertRaises(HandshakeError):
                PermessageDeflate(wish).begin(
                    parameterLists(f"a; {answer}".rstrip("; ").encode())[0][1],
                )

    def test_accepted(self) -> None:
        """A server may limit itself, and us, as it likes."""
        for answer, bits in (
            ("server_max_window_bits=8", 15),
            ("server_max_window_bits=12; client_max_window_bits=9", 9),
            ("server_no_context_takeover; client_no_context_takeover", 15),
        ):
            codec = PermessageDeflate(ALL).begin(
                parameterLists(f"a; {answer}".encode())[0][1],
            )
            payloads = [noise(1000) * 2, noise(1000)]
            messages = [codec.encode(payload, True) or b"" for payload in payloads]
            takeover = "client_no" not in answer
            self.assertEqual(inflated(messages, bits, takeover), payloads)
            self.assertEqual(codec.decode(HELLO, True, 5), b"Hello")
            if "server_no" in answer:
                with self.assertRaises(InvalidPayload):
                    codec.decode(HELLO_AGAIN, True, 5)

    def test_hintIgnored(self) -> None:
        """A server may allow more than was offered; ours stays as it was offered."""
        answer = [("server_max_window_bits", "12"), ("client_max_window_bits", "15")]
        codec = PermessageDeflate(Compression()).begin(answer)
        payloads = [noise(10_000) * 2, noise(10_000)]
        messages = [codec.encode(payload, True) or b"" for payload in payloads]
        self.assertEqual(inflated(messages, 12, True), payloads)

    def test_smallestWindow(self) -> None:
        """A server may ask for a window of 8 bits: then we compress nothing."""
        codec = PermessageDeflate(ALL).begin([("client_max_window_bits", "8")])
        self.assertIsNone(codec.encode(bytes(5000), True))

    def test_smallestPeerWindow(self) -> None:
        """A client that names a window of 8 bits is kept to it; none is asked to."""
        accepted = PermessageDeflate(ALL).accept([("client_max_window_bits", "8")])
        assert accepted is not None
        answer, codec = accepted
        self.assertIn(("client_max_window_bits", "8"), answer)
        payload = noise(200) * 3
        for message in deflated(payload, payload, bits=9):
            self.assertEqual(codec.decode(message, True, 600), payload)
        self.assertRaises(ValueError, Compression, peerWindowBits=8)


class ReceivingTests(SynchronousTestCase):
    """Tests of what may come on a connection."""

    def test_examples(self) -> None:
        """The frames of RFC 7692 section 7.2.3, cut anywhere, say Hello."""
        for name, octets in (
            ("one block", "c107f248cdc9c90700"),
            ("fragments", "4103f248cd8004c9c90700"),
            ("stored", "c10b000500faff48656c6c6f00"),
            ("last block", "c108f348cdc9c9070000"),
            ("two blocks", "c10df248050000 00ffffcac9c90700"),
        ):
            for cut, segments in allCuts(bytes.fromhex(octets)):
                with row((name, cut)):
                    side = Side(role=Role.CLIENT)
                    self.assertIsNone(side.feed(segments))
                    self.assertIsNone(side.feed([bytes.fromhex("c105f200110000")]))
                    self.assertEqual(side.calls, [("textReceived", "Hello")] * 2)

    def test_echo(self) -> None:
        """Compressed and plain messages, pings and empty fragments, mix."""
        side = Side()
        octets = (
            sent(HELLO)
            + frame(TEXT, b"plain", key=KEY)
            + frame(BINARY, b"", fin=0, rsv=4, key=KEY)
            + frame(PING, b"p", key=KEY)
            + frame(CONT, HELLO_AGAIN[:2], fin=0, key=KEY)
            + frame(CONT, b"", fin=0, key=KEY)
            + frame(CONT, HELLO_AGAIN[2:], fin=0, key=KEY)
            + frame(CONT, b"", key=KEY)
            + frame(TEXT, b"\x00", rsv=4, key=KEY)
            + frame(TEXT, b"", rsv=4, key=KEY)
            + sent(HELLO_AGAIN, HELLO_LAST, HELLO_STORED + TAIL, HELLO_TWICE)
        )
        calls = [
            ("textReceived", "Hello"),
            ("textReceived", "plain"),
            ("pingReceived", b"p"),
            ("bytesReceived", b"Hello"),
            ("textReceived", ""),
            ("textReceived", ""),
            *[("textReceived", "Hello")] * 4,
        ]
        for name, segments in allCuts(octets):
            with row(name):
                side = Side()
                self.assertIsNone(side.feed(segments))
                self.assertEqual(side.calls, calls)

    def test_refused(self) -> None:
        """What breaks the protocol gets its close code, and is no message."""
        fragment = frame(TEXT, HELLO[:3], fin=0, rsv=4, key=KEY)
        text = deflated(b"caf\xe9" + noise(90))[0]
        for name, octets, code in (
            ("RSV1 on a continuation", fragment + frame(CONT, rsv=4, key=KEY), 1002),
            ("RSV1 on a ping", frame(PING, rsv=4, key=KEY), 1002),
            ("RSV1 on a close", frame(codes.CLOSE, rsv=4, key=KEY), 1002),
            ("RSV2", frame(TEXT, HELLO, rsv=2, key=KEY), 1002),
            ("RSV1 and RSV2", frame(TEXT, HELLO, rsv=6, key=KEY), 1002),
            ("garbage", sent(b"\x07"), 1007),
            ("truncated", sent(HELLO[:4]), 1007),
            ("distance", sent(HELLO_AGAIN), 1007),
            ("no UTF-8", sent(text), 1007),
            ("no UTF-8, at once", frame(TEXT, text, fin=0, rsv=4, key=KEY), 1007),
            ("end in a character", sent(deflated("€".encode()[:2])[0]), 1007),
            ("too big", sent(deflated(bytes(LIMIT + 1))[0], opcode=BINARY), 1009),
        ):
            for isStreaming in (False, True):
                for size in (1, 1 << 30):
                    with row((name, isStreaming, size)):
                        side = Side(isStreaming=isStreaming)
                        error = side.feed(pieces(octets, size))
                        assert error is not None
                        self.assertEqual(error.code, code)
                        self.assertEqual(
                            side.written[-1][2:4],
                            code.to_bytes(2, "big"),
                        )
                        whole = [call for call in side.calls if call[-1] is not False]
                        self.assertEqual(whole, [])

    def test_takeover(self) -> None:
        """Where takeover was refused, a peer that refers back is refused."""
        for takeover in (True, False):
            for last in (HELLO, HELLO_LAST):
                side = Side(newCodec(peerTakeover=takeover))
                self.assertIsNone(side.feed([sent(last, last)]))
                error = side.feed([sent(HELLO_AGAIN)])
                self.assertEqual(error is None, takeover)
                self.assertEqual(len(side.calls), 3 if takeover else 2)

    def test_limit(self) -> None:
        """Exactly the limit is delivered, in 1 frame or 1,000 fragments."""
        for payload in (bytes(LIMIT), noise(LIMIT)):
            message = deflated(payload)[0]
            size = len(message) // 1000 + 1
            for octets in (
                sent(message, opcode=BINARY),
                sent(message, opcode=BINARY, sizes=size),
            ):
                side = Side()
                self.assertIsNone(side.feed(pieces(octets, 1 << 16)))
                self.assertEqual(side.calls, [("bytesReceived", payload)])

    def test_bomb(self) -> None:
        """64 MiB in 64 KiB cost less than twice the limit, and nothing before."""
        message = deflated(bytes(1 << 26))[0]
        for sizes in (1 << 30, 100):
            octets = sent(message, opcode=BINARY, sizes=sizes)
            for size in (1 << 30, 1000):
                side = Side()
                segments = pieces(octets, size)
                # What is unmasked, and zlib's copy of it, come on top.
                self.assertLess(peak(refuse(side, segments)), 2 * LIMIT + (1 << 15))

    def test_largeText(self) -> None:
        """A text of the limit, in one frame, is not kept several times."""
        octets = sent(deflated(b"a" * LIMIT)[0])
        side = Side()
        self.assertLess(peak(lambda: side.feed([octets])), 3 * LIMIT)
        self.assertEqual(side.calls, [("textReceived", "a" * LIMIT)])

    def test_dropped(self) -> None:
        """After our close, messages are inflated still, and handed over no more."""
        side = Side()
        side.connection.close()
        self.assertIsNone(side.feed([sent(HELLO, HELLO_AGAIN)]))
        self.assertIsInstance(side.feed([sent(b"\x07")]), InvalidPayload)
        self.assertEqual(side.calls, [])


class SendingTests(SynchronousTestCase):
    """Tests of what goes out."""

    def test_sizes(self) -> None:
        """A peer understands messages of any size, in order, large ones too."""
        payloads = [
            *(noise(size) for size in (0, 1, 125, 126, 127, 65_535, 65_536)),
            *(bytes(size) for size in (0, 1, 125, 126, 127, 65_535, 65_536)),
        ]
        for bits, takeover in ((15, True), (15, False), (9, True)):
            side = Side(newCodec(bits=bits, takeover=takeover))
            for payload in payloads:
                side.connection.sendBytes(payload)
            client = Side(
                newCodec(peerBits=bits, peerTakeover=takeover),
                Role.CLIENT,
                Limits(1 << 24, None),
            )
            self.assertTrue(all(octets[0] == 0xC2 for octets in side.written))
            self.assertIsNone(client.feed(side.written))
            self.assertEqual([value for _, value in client.calls], payloads)

    def test_large(self) -> None:
        """What cannot be compressed grows, and comes out equal: 16 MiB."""
        side, payload = Side(), noise(1 << 24)
        side.connection.sendBytes(payload)
        self.assertGreater(len(side.written[0]), 1 << 24)
        client = Side(role=Role.CLIENT, limits=Limits(1 << 24, None))
        self.assertIsNone(client.feed(side.written))
        self.assertTrue(client.calls == [("bytesReceived", payload)])

    def test_threshold(self) -> None:
        """Below the threshold messages go out plain, unless that is chosen."""
        for threshold, size, choice, isCompressed in (
            (1024, 1023, None, False),
            (1024, 1024, None, True),
            (1024, 1023, True, True),
            (1024, 0, True, True),
            (1024, 5000, False, False),
            (0, 0, None, True),
        ):
            for text in (True, False):
                side = Side(newCodec(Compression(threshold=threshold)))
                if text:
                    side.connection.sendText("a" * size, choice)
                else:
                    side.connection.sendBytes(b"a" * size, choice)
                self.assertEqual(side.written[0][0] & 0x40 > 0, isCompressed)

    def test_held(self) -> None:
        """Messages that wait for a fragmented one keep their order, and window."""
        side = Side()
        side.connection.sendFragment(noise(100))
        for _ in range(3):
            side.connection.sendBytes(noise(500))
        side.connection.ping()
        side.connection.sendFragment(b"", isLast=True)
        side.connection.sendBytes(noise(500))
        client = Side(role=Role.CLIENT)
        self.assertIsNone(client.feed(side.written))
        self.assertEqual(
            client.calls,
            [
                ("pingReceived", b""),
                ("bytesReceived", noise(100)),
                *[("bytesReceived", noise(500))] * 4,
            ],
        )

    def test_rest(self) -> None:
        """After a rest both ways go on, as if there had been none."""
        ends = [Side(role=Role.CLIENT), Side()]
        for _ in range(3):
            for side, other in (ends, ends[::-1]):
                side.connection.sendBytes(noise(500))
                side.connection.sendText("a" * 500)
                self.assertIsNone(other.feed(side.written))
                side.written.clear()
            ends[0].connection.rest()
            ends[1].connection.rest()
        expected = [("bytesReceived", noise(500)), ("textReceived", "a" * 500)] * 3
        self.assertEqual([side.calls for side in ends], [expected] * 2)

    def test_restInside(self) -> None:
        """Inside of a message that comes, there is no rest."""
        octets = sent(HELLO, HELLO_AGAIN, sizes=2)
        side = Side()
        for octet in pieces(octets, 1):
            side.connection.rest()
            self.assertIsNone(side.feed([octet]))
        self.assertEqual(side.calls, [("textReceived", "Hello")] * 2)

    def test_encodesBy(self) -> None:
        """What decides is named, and is equal only where the octets are."""
        payload = noise(300) * 4
        found: dict[object, bytes | None] = {}
        for bits, threshold in ((9, 0), (12, 0), (12, 9999)):
            compression = replace(ALL, threshold=threshold)
            for peerBits in (9, 12):
                codec = newCodec(compression, bits, False, peerBits)
                octets = codec.encode(payload, None)
                self.assertEqual(found.setdefault(codec.encodesBy(), octets), octets)
        self.assertEqual(len(found), 3)
        self.assertIsNone(newCodec(takeover=True).encodesBy())


class StateTests(SynchronousTestCase):
    """Tests of handing a connection over."""

    movable = Compression(
        windowBits=15,
        peerWindowBits=15,
        threshold=0,
        isMovable=True,
    )

    def test_eachOctet(self) -> None:
        """A connection may be handed over after each octet, in both directions."""
        payloads = [noise(60) * 2, noise(60), b"", b"a" * 60]
        for takeover in (True, False):
            for sizes in (5, 1 << 30):

                def codec(takeover: bool = takeover) -> DeflateCodec:
                    return newCodec(self.movable, 15, takeover, 15, takeover)

                messages = (
                    deflated(*payloads)
                    if takeover
                    else [deflated(payload)[0] for payload in payloads]
                )
                octets = sent(*messages, HELLO_LAST, HELLO, opcode=BINARY, sizes=sizes)
                side = Side(codec())
                for octet in pieces(octets, 1):
                    side.handOver(codec())
                    self.assertIsNone(side.feed([octet]))
                    if side.connection.isInMessage:
                        continue
                    side.connection.sendBytes(payloads[0])
                    side.connection.rest()
                    side.handOver(codec())
                    side.connection.sendBytes(payloads[0])
                    side.handOver(codec())
                    side.connection.sendBytes(payloads[0])
                self.assertEqual(
                    side.calls,
                    [("bytesReceived", each) for each in (*payloads, *[b"Hello"] * 2)],
                )
                client = Side(
                    newCodec(peerTakeover=takeover),
                    Role.CLIENT,
                )
                self.assertIsNone(client.feed(side.written))
                self.assertEqual(
                    client.calls,
                    [("bytesReceived", payloads[0])] * (3 * 6),
                )

    def test_limit(self) -> None:
        """What was inflated before still counts."""
        octets = sent(deflated(bytes(101))[0], opcode=BINARY, sizes=2)
        side = Side(newCodec(self.movable), limits=Limits(100, 100))
        error = None
        for octet in pieces(octets, 1):
            error = error or side.feed([octet])
            if error is None:
                side.handOver(newCodec(self.movable))
        self.assertIsInstance(error, MessageTooBig)

    def test_failed(self) -> None:
        """One that has failed on what came, at any octet, is handed over as closed."""
        for message in (b"\x07", HELLO[:4], HELLO_AGAIN, deflated(bytes(101))[0]):
            side = Side(newCodec(self.movable), limits=Limits(100, 100))
            self.assertIsNotNone(side.feed([sent(message, sizes=2)]))
            side.handOver(newCodec(self.movable))
            self.assertTrue(side.connection.isClosed)
            side.feed([sent(HELLO)])
            side.connection.sendText("a")
            with row(message):
                self.assertEqual((side.calls, len(side.written)), ([], 1))

    def test_notMovable(self) -> None:
        """Without being asked to, a connection with a codec has no state."""
        side = Side()
        with self.assertRaises(ValueError) as caught:
            side.connection.state()
        self.assertIn("isMovable", str(caught.exception))


class ConversationTests(SynchronousTestCase):
    """Tests of two ends of ours."""

    @given(COMPRESSIONS, COMPRESSIONS, ACTIONS, ACTIONS, CUTS, st.booleans())
    def test_anything(
        self,
        clientWish: Compression,
        serverWish: Compression,
        fromClient: list[Any],
        fromServer: list[Any],
        cuts: list[int],
        isMoved: bool,
    ) -> None:
        """Any conversation comes out equal, whatever is wished and where it is cut."""
        agreed = agree(clientWish, serverWish)
        assert agreed is not None
        client = Side(agreed[0], Role.CLIENT)
        server = Side(agreed[1], Role.SERVER)
        again = agree(clientWish, serverWish)
        assert again is not None
        for side, other, actions, codec, wish in (
            (client, server, fromClient, again[1], serverWish),
            (server, client, fromServer, again[0], clientWish),
        ):
            expected = self.act(side.connection, actions)
            segments = cutAt(b"".join(side.written), cuts)
            side.written.clear()
            known = len(other.calls)
            half = len(segments) // 2
            self.assertIsNone(other.feed(segments[:half]))
            if isMoved and wish.isMovable:
                other.handOver(codec)
            self.assertIsNone(other.feed(segments[half:]))
            other.written.clear()
            self.assertEqual(other.calls[known:], expected)

    def act(
        self,
        connection: Connection,
        actions: Sequence[tuple[str, Any, Any]],
    ) -> list[tuple[Any, ...]]:
        """Do it all, and tell the calls it has to make."""
        calls: list[tuple[Any, ...]] = []
        for kind, value, how in actions:
            name = "textReceived" if isinstance(value, str) else "bytesReceived"
            if kind == "message" and isinstance(value, str):
                connection.sendText(value, how)
            elif kind == "message":
                connection.sendBytes(value, how)
            elif kind == "fragments":
                connection.sendFragment(value[:how])
                connection.ping(b"p")
                calls.append(("pingReceived", b"p"))
                connection.sendFragment(value[how:], isLast=True)
            elif kind == "ping":
                connection.ping(value)
                name = "pingReceived"
            else:
                connection.rest()
                continue
            calls.append((name, value))
        return calls


class WebsocketsTests(SynchronousTestCase):
    """Tests against the websockets library's protocol without I/O."""

    @given(
        COMPRESSIONS,
        st.booleans(),
        st.booleans(),
        st.integers(9, 15),
        st.integers(9, 15),
        st.lists(VALUES, max_size=4),
        CUTS,
    )
    def test_server(
        self,
        wish: Compression,
        ownFlag: bool,
        peerFlag: bool,
        ownBits: int,
        peerBits: int,
        values: list[str | bytes],
        cuts: list[int],
    ) -> None:
        """Its client and our server agree, and understand each other."""
        factory = ClientPerMessageDeflateFactory(
            ownFlag,
            peerFlag,
            ownBits,
            peerBits,
        )
        accepted = PermessageDeflate(wish).accept(factory.get_request_params())
        assert accepted is not None
        answer, codec = accepted
        foreign = ForeignProtocol(CLIENT, max_size=LIMIT)
        foreign.extensions = [factory.process_response_params(answer, [])]
        self.converse(foreign, Side(codec), values, cuts)

    @given(
        COMPRESSIONS,
        st.booleans(),
        st.booleans(),
        st.integers(9, 15),
        st.integers(8, 15),
        st.lists(VALUES, max_size=4),
        CUTS,
    )
    def test_client(
        self,
        wish: Compression,
        ownFlag: bool,
        peerFlag: bool,
        ownBits: int,
        peerBits: int,
        values: list[str | bytes],
        cuts: list[int],
    ) -> None:
        """Our client and its server agree, and understand each other."""
        # It cannot compress with 8 bits.
        wish = replace(wish, peerWindowBits=max(9, wish.peerWindowBits))
        factory = ServerPerMessageDeflateFactory(
            ownFlag,
            peerFlag,
            ownBits,
            peerBits,
        )
        extension = PermessageDeflate(wish)
        answer, foreignExtension = factory.process_request_params(
            list(extension.offers()[0]),
            [],
        )
        foreign = ForeignProtocol(SERVER, max_size=LIMIT)
        foreign.extensions = [foreignExtension]
        side = Side(extension.begin(answer), Role.CLIENT)
        self.converse(foreign, side, values, cuts)

    def converse(
        self,
        foreign: ForeignProtocol,
        side: Side,
        values: list[str | bytes],
        cuts: list[int],
    ) -> None:
        """Send all values both ways, its in one frame and in two."""
        for value in values:
            octets = value.encode() if isinstance(value, str) else value
            send = foreign.send_text if isinstance(value, str) else foreign.send_binary
            send(octets)
            send(octets[:5], fin=False)
            foreign.send_continuation(octets[5:], fin=True)
            if isinstance(value, str):
                side.connection.sendText(value)
            else:
                side.connection.sendBytes(value)
        self.assertIsNone(side.feed(cutAt(b"".join(foreign.data_to_send()), cuts)))
        self.assertEqual(
            [call[1] for call in side.calls],
            [value for value in values for _ in "ab"],
        )
        for segment in cutAt(b"".join(side.written), cuts):
            foreign.receive_data(segment)
        self.assertIsNone(foreign.parser_exc)
        self.assertEqual(
            [
                bytes(each.data).decode() if each.opcode is Opcode.TEXT else each.data
                for each in foreign.events_received()
            ],
            values,
        )


class WsprotoTests(SynchronousTestCase):
    """Tests against wsproto."""

    @given(
        COMPRESSIONS,
        st.booleans(),
        st.booleans(),
        st.integers(9, 15),
        st.integers(9, 15),
        st.lists(VALUES, max_size=4),
        CUTS,
        st.booleans(),
    )
    def test_anything(
        self,
        wish: Compression,
        clientFlag: bool,
        serverFlag: bool,
        clientBits: int,
        serverBits: int,
        values: list[str | bytes],
        cuts: list[int],
        isServer: bool,
    ) -> None:
        """Its end and ours, either way round, agree and understand each other."""
        # It cannot compress with 8 bits.
        wish = replace(wish, peerWindowBits=max(9, wish.peerWindowBits))
        theirs = ForeignExtension(clientFlag, clientBits, serverFlag, serverBits)
        ours = PermessageDeflate(wish)
        if isServer:
            text = f"permessage-deflate; {theirs.offer()}"
            answer, codec = negotiate(text.encode(), [ours])
            assert answer is not None
            theirs.finalize(answer)
        else:
            text = offer([ours])
            accepted = theirs.accept(text)
            text = f"permessage-deflate; {accepted}".removesuffix("; ")
            codec = begin(text.encode(), [ours])
        assert isinstance(codec, DeflateCodec)
        foreign = wsproto.Connection(
            wsproto.CLIENT if isServer else wsproto.SERVER,
            [theirs],
        )
        side = Side(codec, Role.SERVER if isServer else Role.CLIENT)
        octets = b""
        for value in values:
            if isinstance(value, str):
                side.connection.sendText(value)
                octets += foreign.send(events.TextMessage(value))
            else:
                side.connection.sendBytes(value)
                octets += foreign.send(events.BytesMessage(value))
        self.assertIsNone(side.feed(cutAt(octets, cuts)))
        self.assertEqual([call[1] for call in side.calls], values)
        found: list[Any] = []
        parts: list[Any] = []
        for segment in cutAt(b"".join(side.written), cuts):
            foreign.receive_data(segment)
            for event in foreign.events():
                assert isinstance(event, events.Message)
                parts.append(event.data)
                if event.message_finished:
                    found.append(type(event.data)().join(parts))
                    parts = []
        self.assertEqual(found, values)
