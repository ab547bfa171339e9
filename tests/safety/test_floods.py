"""Much of what is allowed, and what it may cost."""

from tests.core.notation import KEY, effort, frame, pieces
from wsagent import Settings, WebSocketProtocol
from wsagent.demo import Echo

from .aftermath import MEBIBYTE, HostileCase, tracedMemory
from .octets import framesIn

SEGMENT = 65_536
"""What one read brings, at most."""

FRAGMENT_LIMIT = Settings().fragmentLimit
HIGH_WATER = Settings().sendHighWater


class Deaf(WebSocketProtocol):
    """Take messages, and answer none but those of a fresh client."""

    heard: list

    def textMessageReceived(self, message):
        """Note its length."""
        self.heard.append(len(message))
        if message == "fresh":
            self.sendTextMessage(message)

    def bytesMessageReceived(self, data):
        """Note its length."""
        self.heard.append(len(data))


def deaf():
    """Make a class of its own, that has heard nothing."""
    return type("_", (Deaf,), {"heard": []})


class FragmentTests(HostileCase):
    """A message in many fragments."""

    def assertLimited(self, row, fragment, first):
        """Demand that fragments are counted, up to the limit and no further."""
        size = FRAGMENT_LIMIT * (len(fragment) - 6)
        allowed = pieces(fragment * (FRAGMENT_LIMIT - 1), SEGMENT)
        with self.aftermath(row) as factory:
            peer = self.connect(factory)
            peer.sendOctets(first)
            for segment in allowed:
                peer.sendOctets(segment)
            self.assertEqual(peer.octets, b"")
            peer.sendOctets(fragment)
            self.assertEnded(peer, 1009)
        with self.aftermath(row, fragmentLimit=20_000) as factory:
            peer = self.connect(factory, answersFin=False)
            peer.sendOctets(first)
            with tracedMemory() as memory:
                for segment in allowed[:4]:
                    peer.sendOctets(segment)
                self.assertEnded(peer, 1009)
                self.assertLess(memory.peak(), size + MEBIBYTE)

    def test_ofOneOctet(self):
        """L1: fragments of one octet are too many at the fragment limit."""
        first = frame(2, b"a", fin=0, key=KEY)
        self.assertLimited("L1", frame(0, b"a", fin=0, key=KEY), first)

    def test_empty(self):
        """L2: empty fragments are counted."""
        first = frame(1, b"", fin=0, key=KEY)
        self.assertLimited("L2", frame(0, b"", fin=0, key=KEY), first)

    def test_manyAllowed(self):
        """L1: 4 MiB in fragments of 64 octets need little more than the payload."""
        size = 4 * MEBIBYTE
        first = frame(2, b"a" * 64, fin=0, key=KEY)
        more = frame(0, b"a" * 64, fin=0, key=KEY)
        fragments = pieces(first + more * (size // 64 - 2), SEGMENT)
        last = frame(0, b"a" * 64, key=KEY)
        agents = deaf()
        with self.aftermath("L1", agents, messageLimit=size) as factory:
            peer = self.connect(factory)
            with tracedMemory() as memory:
                for segment in fragments:
                    peer.sendOctets(segment)
                self.assertLess(memory.peak(), size + MEBIBYTE)
                peer.sendOctets(last)
                self.assertLess(memory.peak(), 2 * size + MEBIBYTE)
            self.assertEqual(agents.heard, [size])

    def test_linear(self):
        """L1: twice the fragments are twice the work."""

        def send(factory, count):
            peer = self.connect(factory)
            octets = frame(2, b"a", fin=0, key=KEY)
            octets += frame(0, b"a", fin=0, key=KEY) * count
            for segment in pieces(octets, 1000):
                peer.sendOctets(segment)

        with self.aftermath("L1") as factory:
            once = effort(lambda: send(factory, 4000))
            twice = effort(lambda: send(factory, 8000))
            self.assertLess(twice, once * 2.5)

    def test_sum(self):
        """L3: fragments that sum to more are refused at the header that does it."""
        limit = 1000
        for size in (1, 99, 333, 1000):
            count = limit // size
            octets = frame(2, b"a" * size, fin=0, key=KEY)
            octets += frame(0, b"a" * size, fin=0, key=KEY) * (count - 1)
            left = limit - count * size
            header = frame(0, declared=left + 1, key=KEY)
            with self.aftermath(f"L3 {size}", messageLimit=limit) as factory:
                peer = self.connect(factory)
                peer.sendOctets(octets)
                peer.sendOctets(header[:-1])
                self.assertEqual(peer.octets, b"")
                self.assertFailed(factory, octets + header, 1009)
                self.assertFailed(factory, octets + header + b"a" * 100, 1009)
                exact = self.connect(factory)
                exact.sendOctets(octets + frame(0, b"a" * left, key=KEY))
                self.assertEchoes(exact, b"a" * limit)


class PayloadTests(HostileCase):
    """A frame that is long, or says so."""

    def test_neverComes(self):
        """L4: a payload that is only announced takes no memory, and times out."""
        size = 64 * MEBIBYTE
        header = frame(2, declared=size, key=KEY)
        settings = {"messageLimit": size, "idleTimeout": 30, "pingInterval": None}
        with self.aftermath("L4 idle", **settings) as factory:
            peer = self.connect(factory)
            with tracedMemory() as memory:
                peer.sendOctets(header)
                peer.sendOctets(b"a" * 1000)
                self.assertLess(memory.peak(), SEGMENT)
            self.wait(peer, 29)
            self.assertIsNone(peer.closed)
            self.wait(peer, 1)
            self.assertEqual(peer.closed[0], 1001)
            # The peer's Close frame is lost in the payload.
            self.wait(peer, factory.settings.closeTimeout)
            self.assertTrue(peer.isDisconnected)
        with self.aftermath("L4 silent", messageLimit=size) as factory:
            peer = self.connect(factory)
            peer.sendOctets(header)
            peer.pauseReading()
            self.wait(peer, 39)
            self.assertFalse(peer.isDisconnected)
            self.wait(peer, 1)
            self.assertTrue(peer.isDisconnected)

    def test_grows(self):
        """L4: the memory for a payload grows as it comes."""
        size = 8 * MEBIBYTE
        segment = b"a" * SEGMENT
        with self.aftermath("L4", messageLimit=size) as factory:
            peer = self.connect(factory)
            with tracedMemory() as memory:
                peer.sendOctets(frame(2, declared=size, key=KEY))
                for count in range(1, 40):
                    peer.sendOctets(segment)
                    bound = count * SEGMENT * 9 // 8 + 6 * SEGMENT
                    self.assertLess(memory.peak(), bound)

    def test_octetByOctet(self):
        """L5: a payload in segments of one octet is one buffer, and linear work."""
        agents = deaf()

        def send(factory, size):
            peer = self.connect(factory)
            for octet in frame(2, bytes(size), key=KEY):
                peer.sendOctets(bytes((octet,)))

        with self.aftermath("L5", agents) as factory:
            once = effort(lambda: send(factory, 4096))
            twice = effort(lambda: send(factory, 8192))
            self.assertLess(twice, once * 2.5)
            size = 30_000
            octets = frame(2, bytes(size), key=KEY)
            peer = self.connect(factory)
            with tracedMemory() as memory:
                for octet in octets:
                    peer.sendOctets(bytes((octet,)))
                self.assertLess(memory.peak(), 2 * size + 16 * 1024)
            self.assertEqual(agents.heard, [4096, 8192, size])

    def test_textOctetByOctet(self):
        """L5: it is no different for text."""
        agents = deaf()
        octets = frame(1, "\u20ac".encode() * 1000, key=KEY)
        with self.aftermath("L5 text", agents) as factory:
            peer = self.connect(factory)
            for octet in octets:
                peer.sendOctets(bytes((octet,)))
            self.assertEqual(agents.heard, [1000])

    def test_afterRefusal(self):
        """L6: a payload whose header was refused is dropped, and soon not read."""
        with self.aftermath("L6") as factory:
            peer = self.connect(factory, answersFin=False)
            segment = b"a" * SEGMENT
            with tracedMemory() as memory:
                peer.sendOctets(frame(2, declared=1 << 40, key=KEY))
                self.assertEnded(peer, 1009)
                taken = 0
                while not peer.transport.unread:
                    peer.sendOctets(segment)
                    taken += SEGMENT
                    self.assertLessEqual(taken, 4 * SEGMENT, "still read")
                self.assertLess(memory.peak(), 6 * SEGMENT)
            peer.advance(factory.settings.closeTimeout)
            self.assertTrue(peer.transport.wasAborted)
            self.assertTrue(peer.isDisconnected)


class AnswerTests(HostileCase):
    """Answers that the peer asks for, and does not read."""

    def test_pingsRead(self):
        """L7: a flood of pings is answered, and nothing is kept."""
        ping = frame(9, b"p" * 125, key=KEY)
        segment = ping * (SEGMENT // len(ping))
        with self.aftermath("L7 read") as factory:
            peer = self.connect(factory)
            count = 0
            with tracedMemory() as memory:
                for _ in range(16):
                    peer.sendOctets(segment)
                    answer, peer._octets = peer.octets, b""
                    count += len(answer) // 127
                    del answer, peer._pongs[:]
                    self.assertEqual(peer.agent.bufferedAmount, 0)
                self.assertLess(memory.peak(), MEBIBYTE)
            self.assertEqual(count, 16 * (SEGMENT // len(ping)))

    def assertPauses(self, row, octets, most, answer):
        """Demand that no more is read while answers wait, and then all of it."""
        with self.aftermath(row) as factory:
            peer = self.connect(factory)
            peer.pauseReading()
            sent = 0
            with tracedMemory() as memory:
                while not peer.transport.unread:
                    peer.sendOctets(octets)
                    sent += 1
                    self.assertLess(sent * len(octets), 20 * MEBIBYTE, "still read")
                unread = peer.transport.unread
                self.assertLess(memory.peak() - unread, most)
            waits = peer.agent.bufferedAmount
            self.assertGreaterEqual(waits, HIGH_WATER)
            self.assertLess(waits, most)
            peer.resumeReading()
            self.assertEqual(peer.transport.unread, 0)
            self.assertEqual(peer.octets, answer * sent)
            self.assertEqual(peer.agent.bufferedAmount, 0)
            self.assertFalse(peer.isDisconnected)

    def test_pingsNotRead(self):
        """L7: while the pongs are not read, no pings are."""
        ping = frame(9, b"p" * 125, key=KEY)
        count = SEGMENT // len(ping)
        pongs = frame(10, b"p" * 125) * count
        self.assertPauses("L7 not read", ping * count, MEBIBYTE, pongs)

    def test_smallPingsNotRead(self):
        """L7: it is no different for pings that are empty."""
        count = SEGMENT // 6
        pongs = frame(10) * count
        self.assertPauses("L7 empty", frame(9, key=KEY) * count, MEBIBYTE, pongs)

    def test_echoNotRead(self):
        """W1: while the echo is not read, no messages are."""
        data = b"a" * SEGMENT
        octets = frame(2, data, key=KEY)
        echo = frame(2, data)
        bound = 2 * (HIGH_WATER + len(octets)) + 4 * SEGMENT
        self.assertPauses("W1", octets, bound, echo)

    def test_echoWaits(self):
        """W1: what waits is at most the high-water mark and one message."""
        octets = frame(2, b"a" * SEGMENT, key=KEY)
        with self.aftermath("W1") as factory:
            peer = self.connect(factory)
            peer.pauseReading()
            for _ in range(16):
                peer.sendOctets(octets)
                waits = peer.agent.bufferedAmount
                self.assertLessEqual(waits, 2 * (HIGH_WATER + SEGMENT))
            # The rest is the peer's to keep.
            self.assertGreaterEqual(peer.transport.unread, 12 * SEGMENT)

    def test_oneSegmentManyMessages(self):
        """W1: reading pauses within a segment, too."""
        octets = frame(1, b"a", key=KEY) * 40_000
        with self.aftermath("W1 small messages") as factory:
            peer = self.connect(factory)
            peer.pauseReading()
            peer.sendOctets(octets)
            waits = peer.agent.bufferedAmount
            self.assertLessEqual(waits, HIGH_WATER + SEGMENT)
            peer.resumeReading()
            self.assertEqual(len(peer.received), 40_000)

    def test_slowReader(self):
        """W3: a peer that reads nothing is aborted at the send timeout."""
        lost = []

        class Sending(Echo):
            def connectionLost(self, reason):
                lost.append((reason.value.code, reason.value.initiator))

        with self.aftermath("W3", Sending) as factory:
            peer = self.connect(factory)
            peer.pauseReading()
            peer.agent.sendBytesMessage(b"a" * 4 * SEGMENT)
            # It is there, but takes nothing.
            for _ in range(19):
                peer.sendOctets(frame(10, key=KEY))
                peer.advance(1)
            self.assertFalse(peer.isDisconnected)
            peer.sendOctets(frame(10, key=KEY))
            peer.advance(1)
            self.assertTrue(peer.transport.wasAborted)
            self.assertTrue(peer.isDisconnected)
            self.assertEqual(lost, [(1006, "us")])

    def test_slowButReading(self):
        """W3: a peer that reads a little, in time, is kept."""
        data = b"a" * 8 * SEGMENT
        with self.aftermath("W3 slow") as factory:
            peer = self.connect(factory)
            peer.pauseReading()
            peer.agent.sendBytesMessage(data)
            while peer.agent.bufferedAmount:
                peer.sendOctets(frame(10, key=KEY))
                self.wait(peer, 15)
                peer.transport.peerReads = True
                taken = peer.transport.move()
                peer.transport.peerReads = False
                peer._take(taken)
            peer.resumeReading()
            self.assertEqual(framesIn(peer.octets)[0], (0x82, data))
            self.assertFalse(peer.isDisconnected)

    def test_overrun(self):
        """W2: a peer that is sent more than the send limit is closed with 1013."""
        with self.aftermath("W2") as factory:
            peer = self.connect(factory)
            peer.pauseReading()
            for _ in range(20):
                peer.agent.sendBytesMessage(b"a" * SEGMENT)
            self.assertFalse(peer.agent.isOpen)
            self.assertLessEqual(peer.agent.bufferedAmount, 3 * SEGMENT)
            peer.resumeReading()
            self.assertEqual(peer.closed[0], 1013)
            self.assertTrue(peer.isDisconnected)

    def test_overrunUnread(self):
        """W2: one that does not even read that is aborted at the close timeout."""
        with self.aftermath("W2 unread") as factory:
            peer = self.connect(factory)
            peer.pauseReading()
            for _ in range(20):
                peer.agent.sendBytesMessage(b"a" * SEGMENT)
            self.wait(peer, 4)
            self.assertFalse(peer.isDisconnected)
            self.wait(peer, 1)
            self.assertTrue(peer.transport.wasAborted)
            self.assertTrue(peer.isDisconnected)
