"""Frames that a client should not have sent, and some that it may."""

from tests.core.notation import KEY, allCuts, frame, masked
from wsagent.demo import Echo

from .aftermath import CLOSE, MEBIBYTE, HostileCase, tracedMemory
from .octets import framesIn, request

TEXT = 0x81
BYTES = 0x82
PONG = 0x8A
LIMIT = 70_000
LARGEST = (1 << 63) - 1


def sent(opcode: int, payload: bytes = b"", **how: object) -> bytes:
    """Write a frame of a client."""
    return frame(opcode, payload, key=KEY, **how)


def begun(opcode: int, declared: int) -> bytes:
    """Write the header of a frame whose payload does not come."""
    return frame(opcode, declared=declared, key=KEY)


def closing(code: int, reason: bytes = b"") -> bytes:
    """Write a Close frame of a client."""
    return sent(8, code.to_bytes(2, "big") + reason)


class Noting(Echo):
    """Note what is called."""

    calls: list

    def textMessageReceived(self, message):
        """Note it."""
        self.calls.append(message)
        super().textMessageReceived(message)

    def bytesMessageReceived(self, data):
        """Note it."""
        self.calls.append(data)
        super().bytesMessageReceived(data)

    def pingReceived(self, payload):
        """Note it."""
        self.calls.append(("ping", payload))

    def pongReceived(self, payload):
        """Note it."""
        self.calls.append(("pong", payload))

    def connectionLost(self, reason):
        """Note it."""
        error = reason.value
        self.calls.append((type(error).__name__, error.code, error.reason))


class Case(HostileCase):
    """A test of one frame, or a few."""

    def fails(self, row, octets, code, before=(), **settings):
        """Demand that they fail the connection."""
        with self.aftermath(row, **settings) as factory:
            self.assertFailed(factory, octets, code, before)

    def answers(self, row, octets, *frames, **settings):
        """Demand exactly these frames, cut as they come, and a living connection."""
        with self.aftermath(row, **settings) as factory:
            peer = self.connect(factory)
            peer.sendOctets(octets)
            self.assertEqual(framesIn(peer.octets), list(frames))
            peer.sendTextMessage("more")
            self.assertEqual(peer.received[-1:], ["more"])
            self.assertFalse(peer.isDisconnected)


class HeaderTests(Case):
    """The header of a frame."""

    def test_reservedBits(self):
        """F01, F02: without an extension, no reserved bit may be set."""
        for rsv in range(1, 8):
            for name, opcode in (("text", 1), ("bytes", 2), ("ping", 9), ("close", 8)):
                self.fails(f"F01 RSV {rsv} on {name}", sent(opcode, rsv=rsv), 1002)
            octets = sent(1, b"a", fin=0) + sent(0, b"b", rsv=rsv)
            self.fails(f"F02 RSV {rsv} on continuation", octets, 1002)

    def test_reservedOpcodes(self):
        """F03: opcodes without a meaning have none here."""
        for opcode in (3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF):
            for fin in (0, 1):
                for payload in (b"", b"a"):
                    row = f"F03 opcode {opcode}, FIN {fin}, {payload!r}"
                    self.fails(row, sent(opcode, payload, fin=fin), 1002)

    def test_unmasked(self):
        """F04: a client masks."""
        for opcode in (1, 2, 8, 9, 10):
            for payload in (b"", b"aa"):
                row = f"F04 opcode {opcode}, {payload!r}"
                self.fails(row, frame(opcode, payload), 1002)
        octets = sent(1, b"a", fin=0) + frame(0, b"b")
        self.fails("F04 continuation", octets, 1002)

    def test_zeroKey(self):
        """F05: a masking key of zeros is a key."""
        octets = frame(1, b"hello", key=b"\0" * 4)
        self.answers("F05", octets, (TEXT, b"hello"))

    def test_signBit(self):
        """F06: a length of 2**63 and more is refused at its last octet."""
        for length in (1 << 63, (1 << 63) + 1, (1 << 64) - 1):
            header = begun(2, length)
            with self.aftermath(f"F06 {length:#x}") as factory:
                peer = self.connect(factory, answersFin=False)
                for octet in header[:9]:
                    peer.sendOctets(bytes((octet,)))
                self.assertEqual(peer.octets, b"")
                with tracedMemory() as memory:
                    peer.sendOctets(header[9:10])
                    self.assertLess(memory.peak(), 64 * 1024)
                self.assertEnded(peer, 1002)
            self.fails(f"F06 {length:#x}", header, 1002)
            self.fails(f"F06 {length:#x} ", header, 1002, messageLimit=None)

    def test_tooBig(self):
        """F06c, F06e: a message over the limit is refused at its header."""
        for length in (LIMIT + 1, (1 << 32) + 5, LARGEST):
            row = f"F06c, F06e {length:#x}"
            header = begun(2, length)
            with self.aftermath(row, messageLimit=LIMIT) as factory:
                peer = self.connect(factory, answersFin=False)
                peer.sendOctets(header[:-1])
                self.assertEqual(peer.octets, b"")
                with tracedMemory() as memory:
                    peer.sendOctets(header[-1:])
                    self.assertLess(memory.peak(), 64 * 1024)
                self.assertEnded(peer, 1009)
            self.fails(row, header + b"a" * 1000, 1009, messageLimit=LIMIT)
        self.fails("F06c default", begun(1, MEBIBYTE + 1), 1009)

    def test_limit(self):
        """F06c: a message of just the limit is accepted."""
        data = b"a" * LIMIT
        self.answers("F06c limit", sent(2, data), (BYTES, data), messageLimit=LIMIT)
        self.answers(
            "F06c none",
            begun(2, 1000) + masked(data[:1000], KEY),
            (BYTES, data[:1000]),
            messageLimit=None,
        )

    def test_sumTooBig(self):
        """F06d: what a continuation declares is compared with what is left."""
        first = sent(2, b"a", fin=0)
        for length in (LIMIT, LIMIT + 1, LARGEST - LIMIT + 1, LARGEST):
            row = f"F06d {length:#x}"
            self.fails(row, first + begun(0, length), 1009, messageLimit=LIMIT)
        data = b"b" * (LIMIT - 1)
        octets = first + sent(0, data)
        self.answers("F06d limit", octets, (BYTES, b"a" + data), messageLimit=LIMIT)

    def test_shortestForm(self):
        """F07: a length is written in the shortest form."""
        for length, form in (
            (5, 16),
            (5, 64),
            (0, 16),
            (0, 64),
            (125, 16),
            (125, 64),
            (126, 64),
            (300, 64),
            (65_535, 64),
        ):
            octets = sent(1, b"a" * length, form=form)
            self.fails(f"F07 {length} in {form} bits", octets, 1002)
        for opcode in (8, 9, 10):
            for form in (16, 64):
                octets = sent(opcode, b"\x03\xe8aaa", form=form)
                self.fails(f"F07 opcode {opcode} in {form} bits", octets, 1002)
        for length in (125, 126, 65_535, 65_536):
            data = b"a" * length
            self.answers(f"F07 {length}", sent(2, data), (BYTES, data))


class ControlTests(Case):
    """Ping, pong and Close."""

    def test_fragmented(self):
        """F08: a control frame is not fragmented."""
        for opcode in (8, 9, 10):
            octets = sent(opcode, b"\x03\xe8", fin=0)
            self.fails(f"F08 opcode {opcode}", octets, 1002)
            self.fails(f"F08 opcode {opcode}, header", octets[:2], 1002)

    def test_tooLong(self):
        """F09: a control frame has at most 125 octets."""
        for opcode in (8, 9, 10):
            for length in (126, 127, 65_535, 65_536):
                octets = begun(opcode, length)
                self.fails(f"F09 opcode {opcode}, {length}", octets, 1002)
                self.fails(f"F09 opcode {opcode}, {length}", octets[:2], 1002)

    def test_ping(self):
        """F09: a ping's pong has the same octets."""
        for payload in (b"", b"a", bytes(range(125)), b"\xff" * 125):
            self.answers(f"F09 {payload!r}", sent(9, payload), (PONG, payload))

    def test_betweenFragments(self):
        """F10: ping and pong may come between fragments."""
        octets = sent(1, b"a", fin=0) + sent(9, b"p") + sent(10) + sent(0, b"b")
        self.answers("F10", octets, (PONG, b"p"), (TEXT, b"ab"))

    def test_closeBetweenFragments(self):
        """F10: a Close frame drops the message that it comes into."""
        octets = sent(1, b"a", fin=0) + closing(1000) + sent(0, b"b")
        self.fails("F10 close", octets, 1000)

    def test_pong(self):
        """F20: a pong that nobody asked for is ignored."""
        self.answers("F20", sent(10, b"a") + sent(10), *())

    def test_afterClose(self):
        """F14: nothing that follows a Close frame is answered, or read."""
        for name, after in (
            ("text", sent(1, b"a")),
            ("ping", sent(9, b"a")),
            ("close", closing(1001)),
            ("garbage", b"\xff" * 1000),
            ("unmasked", frame(1, b"a")),
            ("request", request()),
        ):
            self.fails(f"F14 {name} in the segment", closing(1000) + after, 1000)
            with self.aftermath(f"F14 {name} later") as factory:
                peer = self.connect(factory, answersFin=False)
                peer.sendOctets(closing(1000))
                peer.advance(0.01)
                peer.sendOctets(after)
                self.assertEnded(peer, 1000)

    def test_afterOurClose(self):
        """F14: after our own Close frame, only the peer's is waited for."""
        for name, after in (
            ("text", sent(1, b"a")),
            ("ping", sent(9, b"a")),
            ("fragments", sent(2, b"a", fin=0) + sent(0, b"a")),
        ):
            calls = []
            application = type("_", (Noting,), {"calls": calls})
            with self.aftermath(f"F14 {name}, ours", application) as factory:
                peer = self.connect(factory)
                peer.pauseReading()
                peer.agent.loseConnection(1001)
                peer.sendOctets(after * 3)
                self.assertEqual(calls, [])
                peer.resumeReading()
                self.assertEnded(peer, 1001)
                self.assertTrue(peer.isDisconnected)
                self.assertEqual(calls, [("ClosedCleanly", 1001, "")])

    def test_garbageAfterOurClose(self):
        """F14: garbage after our own Close frame ends the wait, and has no answer."""
        with self.aftermath("F14 garbage, ours") as factory:
            peer = self.connect(factory)
            peer.pauseReading()
            peer.agent.loseConnection(1001)
            peer.sendOctets(b"\xff" * 100)
            peer.resumeReading()
            self.assertEnded(peer, 1001)
            self.assertTrue(peer.isDisconnected)


class CloseTests(Case):
    """Codes and reasons."""

    def test_short(self):
        """F15: a Close frame has no octets, or at least two."""
        with self.aftermath("F15 empty") as factory:
            peer = self.connect(factory, answersFin=False)
            peer.sendOctets(sent(8))
            self.assertEqual(framesIn(peer.octets), [(CLOSE, b"")])
            self.assertTrue(peer.transport.hasFinished)
        self.fails("F15 one octet", sent(8, b"\x03"), 1002)

    def test_badCodes(self):
        """F16: codes that may not be sent are not accepted."""
        for code in (
            0,
            1,
            999,
            1004,
            1005,
            1006,
            1015,
            1016,
            1100,
            1999,
            2000,
            2999,
            5000,
            9999,
            65_535,
        ):
            self.fails(f"F16 {code}", closing(code), 1002)
            self.fails(f"F16 {code}, reason", closing(code, b"why"), 1002)

    def test_goodCodes(self):
        """F17: codes that may be sent come back."""
        valid = (1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999)
        for code in valid:
            self.fails(f"F17 {code}", closing(code, b"why"), code)

    def test_reason(self):
        """F18: a reason is UTF-8, of at most 123 octets."""
        for reason in (b"\xff", b"\xe2\x82", b"ok\xed\xa0\x80", b"\xc0\x80", b"\x80"):
            self.fails(f"F18 {reason!r}", closing(1000, reason), 1007)
        for reason in (b"x" * 123, "\u20ac".encode() * 41, b"", b"\0"):
            calls = []
            application = type("_", (Noting,), {"calls": calls})
            with self.aftermath(f"F18 {reason!r}", application) as factory:
                peer = self.connect(factory)
                peer.sendOctets(closing(4000, reason))
                self.assertEnded(peer, 4000)
                self.assertTrue(peer.isDisconnected)
                self.assertEqual(calls, [("ClosedCleanly", 4000, reason.decode())])
        self.fails("F18 124 octets", closing(1000, b"x" * 124), 1002)

    def test_ourReason(self):
        """F18: a reason of ours that is too long is an error before it is sent."""
        with self.aftermath("F18 ours") as factory:
            peer = self.connect(factory)
            for reason in ("x" * 124, "\u20ac" * 42):
                with self.assertRaises(ValueError):
                    peer.agent.loseConnection(1000, reason)
            peer.sendTextMessage("a")
            self.assertEchoes(peer, "a")
            peer.agent.loseConnection(1000, "\u20ac" * 41)
            self.assertEqual(peer.closed, (1000, "\u20ac" * 41))


class MessageTests(Case):
    """Fragments, and text."""

    def test_continuationOfNothing(self):
        """F11: a continuation continues a message."""
        for fin in (0, 1):
            self.fails(f"F11 FIN {fin}", sent(0, b"a", fin=fin), 1002)
            octets = sent(1, b"a") + sent(0, b"b", fin=fin)
            self.fails(f"F11 after one, FIN {fin}", octets, 1002, ((TEXT, b"a"),))
            octets = sent(1, b"a", fin=0) + sent(0) + sent(0, b"b", fin=fin)
            self.fails(f"F11 after two, FIN {fin}", octets, 1002, ((TEXT, b"a"),))

    def test_messageInsideMessage(self):
        """F12: a message does not begin inside another."""
        for opcode in (1, 2):
            for fin in (0, 1):
                octets = sent(1, b"a", fin=0) + sent(opcode, b"b", fin=fin)
                self.fails(f"F12 opcode {opcode}, FIN {fin}", octets, 1002)

    def test_empty(self):
        """F13: a message may be empty, in one fragment or in many."""
        self.answers("F13", sent(1), (TEXT, b""))
        self.answers("F13 bytes", sent(2), (BYTES, b""))
        octets = sent(1, fin=0) + sent(0, fin=0) + sent(0)
        self.answers("F13 fragments", octets, (TEXT, b""))
        octets = sent(1, fin=0) + sent(0, b"a", fin=0) + sent(0)
        self.answers("F13 around", octets, (TEXT, b"a"))

    def test_notText(self):
        """F19: a text message is UTF-8."""
        for text in (
            b"\xff",
            b"ok\x80",
            b"\xc3",
            b"\xe2\x82",
            b"\xf0\x9f\x98",
            b"\xed\xa0\x80",
            b"\xed\xbf\xbf",
            b"\xc0\x80",
            b"\xc1\xbf",
            b"\xe0\x80\xaf",
            b"\xf0\x80\x80\xaf",
            b"\xf4\x90\x80\x80",
            b"\xf5\x80\x80\x80",
            b"\xf8\x88\x80\x80\x80",
        ):
            self.fails(f"F19 {text!r}", sent(1, text), 1007)
            octets = sent(1, text[:1], fin=0) + sent(0, text[1:])
            self.fails(f"F19 {text!r} in fragments", octets, 1007)
            self.answers(f"F19 {text!r} as bytes", sent(2, text), (BYTES, text))

    def test_splitText(self):
        """F19: a character may be split between fragments."""
        text = "\u00e9\u20ac\U0001f600\0\ufffd\uffff".encode()
        for cut in range(len(text) + 1):
            octets = sent(1, text[:cut], fin=0) + sent(9) + sent(0, text[cut:])
            self.answers(f"F19 split at {cut}", octets, (PONG, b""), (TEXT, text))

    def test_failFast(self):
        """F19b, F19c: a bad octet is refused before its frame, or message, ends."""
        bad = masked(b"ok\xed\xa0", KEY)
        self.fails("F19b unfinished frame", begun(1, 1000) + bad, 1007)
        self.fails("F19c first fragment", sent(1, b"ok\xed\xa0", fin=0), 1007)
        self.fails("F19b one octet", begun(1, 1000) + masked(b"\xff", KEY), 1007)
        with self.aftermath("F19b octet by octet") as factory:
            peer = self.connect(factory, answersFin=False)
            for octet in begun(1, 1000) + bad[:-1]:
                peer.sendOctets(bytes((octet,)))
            self.assertEqual(peer.octets, b"")
            peer.sendOctets(bad[-1:])
            self.assertEnded(peer, 1007)


CONVERSATION = (
    request()
    + sent(1, "h\u00e9llo".encode())
    + sent(9, b"ping")
    + sent(2, b"\xff\xfe", fin=0)
    + sent(0, b"", fin=0)
    + sent(10, b"pong")
    + sent(0, b"\xfd" * 130)
    + sent(1)
    + closing(4001, b"enough")
)
CALLS = [
    "h\u00e9llo",
    ("ping", b"ping"),
    ("pong", b"pong"),
    b"\xff\xfe" + b"\xfd" * 130,
    "",
    ("ClosedCleanly", 4001, "enough"),
]


class CutTests(Case):
    """One conversation, cut everywhere."""

    def assertCutShort(self, row, end):
        """Demand that the conversation may stop after each of its octets."""
        calls = []
        application = type("_", (Noting,), {"calls": calls})
        with self.aftermath(row, application) as factory:
            for length in range(len(CONVERSATION) + 1):
                calls.clear()
                peer = self.connect(factory, CONVERSATION[:length])
                isOpen = peer.status == 101
                end(peer)
                where = f"after {length} octets"
                self.assertTrue(peer.isDisconnected, where)
                self.assertEqual(list(factory._wires), [], where)
                self.assertEqual(factory.reactor.getDelayedCalls(), [], where)
                *heard, last = calls or [()]
                self.assertEqual(heard, CALLS[: len(heard)], where)
                if isOpen and length < len(CONVERSATION):
                    self.assertEqual(last[:2], ("ClosedUncleanly", 1006), where)
                elif isOpen:
                    self.assertEqual(last, CALLS[-1], where)
                else:
                    self.assertEqual(calls, [], where)

    def test_fin(self):
        """T-cut: FIN after each octet of a conversation ends it, once."""
        self.assertCutShort("T-cut FIN", lambda peer: peer.finish())

    def test_rst(self):
        """T-cut: RST after each octet of a conversation ends it, once."""
        self.assertCutShort("T-cut RST", lambda peer: peer.vanish())

    def test_segments(self):
        """T-cut: a conversation is the same in whatever segments it comes."""
        calls = []
        application = type("_", (Noting,), {"calls": calls})
        with self.aftermath("T-cut segments", application) as factory:
            heard = self.connect(factory, CONVERSATION).octets
            self.assertEqual(calls, CALLS)
            for cut, segments in allCuts(CONVERSATION):
                calls.clear()
                peer = self.connect(factory, b"")
                for segment in segments:
                    peer.sendOctets(segment)
                self.assertEqual(calls, CALLS, cut)
                self.assertEqual(peer.octets, heard, cut)
                self.assertTrue(peer.isDisconnected, cut)
