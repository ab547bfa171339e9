"""Peers that are slow, silent or gone, and applications that fail."""

from functools import partial

from twisted.internet.defer import Deferred, fail

from tests.core.notation import KEY, frame
from wsagent import ClosedCleanly, ClosedUncleanly, WebSocketProtocol
from wsagent.core.codes import Role
from wsagent.core.connection import Connection
from wsagent.core.messages import Limits
from wsagent.demo import Echo, Mirror

from .aftermath import HostileCase, deciding
from .octets import framesIn, request

PONG = frame(10, key=KEY)
CLOSE = frame(8, b"\x03\xe8", key=KEY)


class Lost(Echo):
    """Note how it ends."""

    ends: list

    def connectionLost(self, reason):
        """Note it."""
        error = reason.value
        self.ends.append((type(error), error.code, error.initiator))


def lost():
    """Make a class of its own that has not ended."""
    return type("_", (Lost,), {"ends": []})


ABORTED = (ClosedUncleanly, 1006, "us")
VANISHED = (ClosedUncleanly, 1006, "peer")


class HandshakeTests(HostileCase):
    """T1: the opening handshake has a deadline, from accept."""

    def assertTimesOut(self, row, sent, status=0, application=Echo, **settings):
        """
        Demand the end at the handshake timeout.

        @param sent: makes what the peer sends in each quarter of a second.
        """
        with self.aftermath(row, application, **settings) as factory:
            peer = self.connect(factory, b"")
            for quarter in range(int(4 * factory.settings.handshakeTimeout)):
                self.assertFalse(peer.isDisconnected, f"after {quarter / 4} s")
                peer.sendOctets(sent(quarter))
                peer.advance(0.25)
            self.assertTrue(peer.isDisconnected)
            self.assertEqual(peer.status, status)

    def test_silent(self):
        """T1: a client that sends nothing is gone in time."""
        self.assertTimesOut("T1 silent", lambda _: b"")
        self.assertTimesOut("T1 silent, 3 s", lambda _: b"", handshakeTimeout=3)

    def test_trickling(self):
        """T1: octets that trickle in do not extend the deadline."""
        octets = request()
        self.assertTimesOut("T1 drip", lambda quarter: octets[quarter : quarter + 1])

    def test_withoutEnd(self):
        """T1: a head that lacks its last octet is no head."""
        octets = request()[:-1]
        self.assertTimesOut("T1 LF", lambda quarter: b"" if quarter else octets)

    def test_undecided(self):
        """T1: an application that never decides is not waited for; it is told so."""
        cancelled = []
        agents = deciding(partial(Deferred, cancelled.append))
        octets = request()
        self.assertTimesOut(
            "T1 undecided", lambda quarter: b"" if quarter else octets, 503, agents
        )
        self.assertEqual(len(cancelled), 1)

    def test_openInTime(self):
        """T1: once it is open, the handshake's deadline is over."""
        with self.aftermath("T1 open") as factory:
            peer = self.connect(factory, b"")
            peer.advance(4.9)
            peer.sendOctets(request())
            self.wait(peer, 30)
            peer.sendTextMessage("a")
            self.assertEchoes(peer, "a")


class CloseTests(HostileCase):
    """T2, T3: the closing handshake has a deadline."""

    def assertAborted(self, row, prepare, end):
        """Demand an abort at the close timeout, and one word of it."""
        agents = lost()
        with self.aftermath(row, agents) as factory:
            peer = self.connect(factory, answersFin=False)
            prepare(peer)
            self.wait(peer, 4.75, 0.25)
            self.assertFalse(peer.isDisconnected)
            self.assertEqual(agents.ends, [])
            self.wait(peer, 0.25, 0.25)
            self.assertTrue(peer.transport.wasAborted)
            self.assertTrue(peer.isDisconnected)
            self.assertEqual(agents.ends, [end])

    def test_unanswered(self):
        """T2: a peer that does not answer our Close frame is aborted."""

        def prepare(peer):
            peer.pauseReading()
            peer.agent.loseConnection(4000)

        self.assertAborted("T2", prepare, ABORTED)

    def test_unansweredButAlive(self):
        """T2: nor does it help to send something else."""

        def prepare(peer):
            peer.pauseReading()
            peer.agent.loseConnection(4000)
            advance = peer.advance

            def talk(seconds):
                peer.sendOctets(frame(1, b"a", key=KEY) + PONG)
                advance(seconds)

            peer.advance = talk

        self.assertAborted("T2 alive", prepare, ABORTED)

    def test_answeredWithoutFin(self):
        """T3: a peer that answers our Close frame but does not hang up is aborted."""
        self.assertAborted(
            "T3 ours",
            lambda peer: peer.agent.loseConnection(4000),
            (ClosedCleanly, 4000, "us"),
        )

    def test_closesWithoutFin(self):
        """T3: a peer that closes but does not hang up is aborted."""
        self.assertAborted(
            "T3 theirs",
            lambda peer: peer.loseConnection(4001),
            (ClosedCleanly, 4001, "peer"),
        )

    def test_failsWithoutFin(self):
        """T3: a peer that was told of its mistake but does not hang up is aborted."""
        self.assertAborted(
            "T3 failed",
            lambda peer: peer.sendOctets(b"\xff" * 10),
            (ClosedUncleanly, 1002, "us"),
        )

    def test_bothAtOnce(self):
        """T3: two Close frames that cross are one closing handshake."""
        agents = lost()
        with self.aftermath("T3 crossing", agents) as factory:
            peer = self.connect(factory)
            peer.pauseReading()
            peer.agent.loseConnection(4000)
            peer.sendOctets(frame(8, b"\x0f\xa1", key=KEY))
            peer.resumeReading()
            self.assertEqual(framesIn(peer.octets), [(0x88, b"\x0f\xa0")])
            self.assertTrue(peer.isDisconnected)
            self.assertFalse(peer.transport.wasAborted)
            self.assertEqual(agents.ends, [(ClosedCleanly, 4000, "us")])


class SilenceTests(HostileCase):
    """T4 to T6: peers that are there, or not."""

    def assertGone(self, row, prepare, latest, end):
        """Demand that a peer that is silent from now on is gone, once."""
        agents = lost()
        with self.aftermath(row, agents) as factory:
            peer = self.connect(factory, b"")
            prepare(peer)
            peer.pauseReading()
            self.wait(peer, latest - 1)
            self.assertFalse(peer.transport.isLost, "gone too early")
            peer.advance(1)
            self.assertTrue(peer.transport.isLost, "not gone in time")
            self.assertEqual(agents.ends, end)

    def test_vanished(self):
        """T4: a peer that is silent is gone in time, in whatever state."""

        def midHead(peer):
            peer.sendOctets(request()[:50])

        def idle(peer):
            peer.sendOctets(request())

        def midFrame(peer):
            peer.sendOctets(request() + frame(1, b"aaa", key=KEY)[:-1])

        def midMessage(peer):
            peer.sendOctets(request() + frame(1, b"aaa", fin=0, key=KEY))

        def closing(peer):
            peer.sendOctets(request())
            peer.pauseReading()
            peer.agent.loseConnection()

        def whileSending(peer):
            peer.sendOctets(request())
            peer.pauseReading()
            peer.agent.sendBytesMessage(b"a" * 300_000)

        def closingWhileSending(peer):
            whileSending(peer)
            peer.agent.loseConnection()

        # The handshake timeout; ping interval and timeout; close; send timeout.
        for state, latest, end in (
            (midHead, 5, []),
            (idle, 40, [ABORTED]),
            (midFrame, 40, [ABORTED]),
            (midMessage, 40, [ABORTED]),
            (closing, 5, [ABORTED]),
            (whileSending, 20, [ABORTED]),
            (closingWhileSending, 20, [ABORTED]),
        ):
            self.assertGone(f"T4 {state.__name__}", state, latest, end)

    def test_closedAndVanished(self):
        """T4: a peer that closes, and is then silent, is gone in time."""

        def closed(peer):
            peer.sendOctets(request())
            peer.answersFin = False
            peer.loseConnection()

        self.assertGone("T4 closed", closed, 5, [(ClosedCleanly, 1000, "peer")])

    def test_latePong(self):
        """T5: a peer that sends anything is alive, pong or no pong."""
        for row, octets in (
            ("T5 messages", frame(1, b"a", key=KEY)),
            ("T5 pongs of its own", PONG),
        ):
            with self.aftermath(row) as factory:
                peer = self.connect(factory)
                peer.pauseReading()
                for _ in range(20):
                    self.wait(peer, 30)
                    self.assertFalse(peer.isDisconnected)
                    peer.sendOctets(octets)
                peer.resumeReading()
                self.assertGreaterEqual(len(peer.pings), 25)
                self.assertTrue(peer.agent.isOpen)

    def test_partOfFrame(self):
        """T5: an octet of a frame is a sign of life, too."""
        octets = frame(1, b"a" * 30, key=KEY)
        with self.aftermath("T5 octets") as factory:
            peer = self.connect(factory)
            peer.pauseReading()
            for octet in octets[:-1]:
                peer.sendOctets(bytes((octet,)))
                self.wait(peer, 39)
                self.assertFalse(peer.isDisconnected)
            peer.sendOctets(octets[-1:])
            peer.resumeReading()
            self.assertEqual(peer.received, ["a" * 30])

    def test_stalledFrame(self):
        """T6: a message that does not end is closed on."""
        more = {
            "T6 frame": lambda _: b"a",
            "T6 header": lambda second: b"\xff" if second == 30 else b"",
            "T6 fragments": lambda _: frame(0, fin=0, key=KEY),
        }
        for row, begun in (
            ("T6 frame", frame(2, declared=1000, key=KEY)),
            ("T6 header", b"\x82"),
            ("T6 fragments", frame(2, b"a", fin=0, key=KEY)),
        ):
            agents = lost()
            with self.aftermath(row, agents, messageTimeout=60) as factory:
                peer = self.connect(factory)
                peer.pauseReading()
                peer.sendOctets(begun)
                for second in range(59):
                    peer.advance(1)
                    peer.sendOctets(more[row](second))
                self.assertEqual(agents.ends, [])
                self.assertTrue(peer.agent.isOpen)
                peer.advance(1)
                self.assertFalse(peer.agent.isOpen)
                self.wait(peer, factory.settings.closeTimeout)
                self.assertEqual(agents.ends, [ABORTED])

    def test_stalledFrameHears(self):
        """T6: the Close frame then says 1008, and pings came before."""
        with self.aftermath("T6 heard", messageTimeout=60) as factory:
            peer = self.connect(factory)
            # What answers pings is kept from the transport.
            limits = Limits(None, None)
            peer._connection = Connection(peer, len, Role.CLIENT, limits)
            peer.sendOctets(frame(2, declared=1000, key=KEY))
            for _ in range(61):
                peer.sendOctets(b"\0")
                peer.advance(1)
            self.assertGreaterEqual(len(peer.pings), 2)
            self.assertEqual(peer.closed[0], 1008)

    def test_slowMessages(self):
        """T6: each message has its own time."""
        with self.aftermath("T6 each", messageTimeout=60) as factory:
            peer = self.connect(factory)
            for _ in range(10):
                peer.sendFragment("a")
                self.wait(peer, 30)
                peer.sendFragment("b", isLast=True)
                peer.sendFragment("c")
                self.wait(peer, 50)
                peer.sendFragment("d", isLast=True)
            self.assertEchoes(peer, *["ab", "cd"] * 10)


def begin(peer):
    """Open."""
    peer.sendOctets(request())


def fill(peer):
    """Have the server write what is not read."""
    begin(peer)
    peer.pauseReading()
    peer.agent.sendBytesMessage(b"a" * 300_000)


def fillAndClose(peer):
    """Have it close, too."""
    fill(peer)
    peer.agent.loseConnection()


def closeUnread(peer):
    """Have the server close, unheard."""
    begin(peer)
    peer.pauseReading()
    peer.agent.loseConnection()


def closeAnswered(peer):
    """Have the server close, and the peer answer."""
    begin(peer)
    peer.answersFin = False
    peer.agent.loseConnection()
    peer.pump()


def closeFromPeer(peer):
    """Have the peer close."""
    begin(peer)
    peer.answersFin = False
    peer.loseConnection(4001)


def failPeer(peer):
    """Have the peer make a mistake."""
    begin(peer)
    peer.answersFin = False
    peer.sendOctets(b"\xff" * 10)


def streamFragments(peer):
    """Have the server send from an iterable."""
    begin(peer)
    peer.pauseReading()
    sending = peer.agent.sendFragments(iter([b"a" * 50_000] * 20))
    sending.addErrback(lambda failure: failure.trap(ClosedUncleanly) and None)


def pauseAgent(peer):
    """Have the application not receive."""
    begin(peer)
    peer.agent.pauseProducing()
    peer.sendOctets(frame(1, b"a", key=KEY))


STATES = (
    ("T7 after SYN", lambda _: None, []),
    ("T7 mid head", lambda peer: peer.sendOctets(request()[:40]), []),
    ("T7 refused", lambda peer: peer.sendOctets(b"\x16"), []),
    ("T7 after 101", begin, [VANISHED]),
    (
        "T7 mid header",
        lambda peer: peer.sendOctets(request() + b"\x81"),
        [VANISHED],
    ),
    (
        "T7 mid frame",
        lambda peer: peer.sendOctets(request() + frame(1, b"aa", key=KEY)[:-1]),
        [VANISHED],
    ),
    (
        "T7 mid message",
        lambda peer: peer.sendOctets(request() + frame(1, b"aa", fin=0, key=KEY)),
        [VANISHED],
    ),
    ("T7 during our write", fill, [VANISHED]),
    ("T7 during our fragments", streamFragments, [VANISHED]),
    ("T7 while the agent is paused", pauseAgent, [VANISHED]),
    ("T7 after our close", closeUnread, [ABORTED]),
    ("T7 after our close, with more to send", fillAndClose, [ABORTED]),
    ("T7 after our close, answered", closeAnswered, [(ClosedCleanly, 1000, "us")]),
    ("T7 after the peer's close", closeFromPeer, [(ClosedCleanly, 4001, "peer")]),
    ("T7 after a mistake", failPeer, [(ClosedUncleanly, 1002, "us")]),
)


class ResetTests(HostileCase):
    """T7: the transport is lost in every state."""

    def test_reset(self):
        """T7: connectionLost comes exactly once, wherever RST comes."""
        for row, prepare, ends in STATES:
            agents = lost()
            with self.aftermath(row, agents) as factory:
                peer = self.connect(factory, b"")
                peer.answersFin = False
                prepare(peer)
                peer.vanish()
                self.assertEqual(agents.ends, ends)
                self.assertEqual(list(factory._wires), [])
                self.assertEqual(factory.reactor.getDelayedCalls(), [])
                self.wait(peer, 100, 10)
                self.assertEqual(agents.ends, ends)

    def test_finished(self):
        """T7: and so it does wherever FIN comes."""
        for row, prepare, ends in STATES:
            agents = lost()
            with self.aftermath(row.replace("T7", "T7 FIN"), agents) as factory:
                peer = self.connect(factory, b"")
                prepare(peer)
                peer.finish()
                peer.resumeReading()
                if peer.agent is not None:
                    # While nothing is read, FIN is not.
                    peer.agent.resumeProducing()
                self.wait(peer, 100, 10)
                self.assertEqual(len(agents.ends), len(ends))
                self.assertTrue(peer.transport.isLost)

    def test_abortedByUs(self):
        """T7: connectionLost comes exactly once when the application aborts."""
        for row, prepare, ends in STATES:
            agents = lost()
            with self.aftermath(row.replace("T7", "T7 ours"), agents) as factory:
                peer = self.connect(factory, b"")
                peer.answersFin = False
                prepare(peer)
                agent = peer.agent
                if agent is None:
                    continue
                agent.abortConnection()
                agent.abortConnection()
                agent.sendTextMessage("late")
                agent.ping()
                agent.loseConnection()
                peer.pump()
                self.assertEqual(len(agents.ends), len(ends))
                self.assertEqual(list(factory._wires), [])
                self.assertEqual(factory.reactor.getDelayedCalls(), [])
                agent.abortConnection()
                agent.sendTextMessage("later")
                agent.loseConnection()
                del agent

    def test_whileDeciding(self):
        """T7: a client that leaves before the decision is decided on no more."""
        for row, leave in (
            ("T7 RST", lambda peer: peer.vanish()),
            ("T7 FIN", lambda peer: peer.finish()),
        ):
            cancelled = []
            agents = deciding(partial(Deferred, cancelled.append))
            with self.aftermath(f"{row} while deciding", agents) as factory:
                peer = self.connect(factory)
                leave(peer)
                self.assertEqual(len(cancelled), 1)
                self.assertTrue(peer.transport.isLost)
                cancelled.clear()

    def test_decidedTooLate(self):
        """T7: a decision that comes after the client left is of no use, and no harm."""
        for row, decide in (
            ("T7 accepted", lambda decision: decision.callback(None)),
            ("T7 failed", lambda decision: decision.errback(Oops())),
        ):
            # Without a canceller it can be fired later.
            decision = Deferred()
            agents = deciding([decision].pop)
            with self.aftermath(f"{row} too late", agents) as factory:
                peer = self.connect(factory)
                peer.vanish()
                decide(decision)
                self.assertIsNone(peer.agent)


class Oops(Exception):
    """What an application raises."""


def failing(hook, how):
    """Make an echo whose hook fails, for the one client that asks for C{/chat}."""

    def fails(self, *arguments):
        result = getattr(Echo, hook)(self, *arguments)
        return how() if self.request.path == "/chat" else result

    return type("_", (Echo,), {hook: fails})


def raises():
    """Fail at once."""
    raise Oops("secret")


def fails():
    """Fail with a Deferred."""
    return fail(Oops("secret"))


async def breaks():
    """Fail as a coroutine."""
    raise Oops("secret")


WAYS = (("raises", raises), ("Deferred", fails), ("coroutine", breaks))


class FailingTests(HostileCase):
    """T8: applications that fail, or do what is unusual."""

    def test_requestReceived(self):
        """T8: a failure to decide is a 500 that says nothing of it."""
        for way, how in WAYS:
            row = f"T8 requestReceived {way}"
            with self.aftermath(row, failing("requestReceived", how)) as factory:
                self.assertRefused(factory, request(), 500, b"")
                self.assertLogged(Oops, 3)

    def test_making(self):
        """T8: so is a class that cannot be called."""
        made = []

        def make():
            made.append(1)
            if len(made) <= 3:
                raise Oops
            return Echo()

        with self.aftermath("T8 class", make) as factory:
            self.assertRefused(factory, request(), 500, b"")
            self.assertLogged(Oops, 3)

    def test_hooks(self):
        """T8: a hook that fails closes its own connection with 1011, and no other."""
        for hook, octets, before in (
            ("negotiationFinished", b"", ()),
            ("textMessageReceived", frame(1, b"a", key=KEY), ((0x81, b"a"),)),
            ("bytesMessageReceived", frame(2, b"a", key=KEY), ((0x82, b"a"),)),
            ("pingReceived", frame(9, b"a", key=KEY), ((0x8A, b"a"),)),
            ("pongReceived", frame(10, b"a", key=KEY), ()),
        ):
            for way, how in WAYS:
                row = f"T8 {hook} {way}"
                with self.aftermath(row, failing(hook, how)) as factory:
                    other = self.connect(factory, request(start=b"GET / HTTP/1.1"))
                    self.assertFailed(factory, octets, 1011, before)
                    peer = self.connect(factory, request() + octets * 3)
                    self.assertEqual(framesIn(peer.octets)[-1], (0x88, b"\x03\xf3"))
                    self.assertLogged(Oops, 3)
                    other.sendTextMessage("a")
                    self.assertEchoes(other, "a")

    def test_pieceReceived(self):
        """T8: so does one that receives in pieces."""

        class Streaming(WebSocketProtocol):
            def pieceReceived(self, piece, isLast):
                if piece != "fresh":
                    raise Oops
                self.sendTextMessage(piece)

        with self.aftermath("T8 pieces", Streaming, isStreaming=True) as factory:
            self.assertFailed(factory, frame(1, b"a", fin=0, key=KEY), 1011)
            self.assertLogged(Oops, 2)

    def test_connectionLost(self):
        """T8: a connectionLost that fails is logged, and that is all."""
        for way, how in WAYS:
            row = f"T8 connectionLost {way}"
            with self.aftermath(row, failing("connectionLost", how)) as factory:
                for end in (CLOSE, b"\xff\xff"):
                    peer = self.connect(factory)
                    peer.sendOctets(end)
                    self.assertTrue(peer.isDisconnected)
                peer = self.connect(factory)
                peer.vanish()
                self.assertLogged(Oops, 3)

    def test_sendBuffer(self):
        """T8: the hooks of the send buffer may fail, too."""
        for hook in ("sendBufferFilled", "sendBufferDrained"):
            with self.aftermath(f"T8 {hook}", failing(hook, raises)) as factory:
                peer = self.connect(factory)
                peer.pauseReading()
                peer.agent.sendBytesMessage(b"a" * 300_000)
                peer.resumeReading()
                self.assertTrue(peer.isDisconnected)
                self.assertEqual(framesIn(peer.octets)[-1], (0x88, b"\x03\xf3"))
                self.assertLogged(Oops)

    def test_failsLater(self):
        """T8: a Deferred that fails once the connection is gone is logged."""
        result = Deferred()

        class Later(Echo):
            def textMessageReceived(self, message):
                super().textMessageReceived(message)
                return result if message == "later" else None

        with self.aftermath("T8 later", Later) as factory:
            peer = self.connect(factory)
            peer.sendTextMessage("later")
            peer.vanish()
            result.errback(Oops())
            self.assertLogged(Oops)

    def test_closesInside(self):
        """T8: a hook may close, and no more is handed over."""
        heard = []

        class Closing(Echo):
            def textMessageReceived(self, message):
                heard.append(message)
                super().textMessageReceived(message)
                if message == "a":
                    self.loseConnection(4000, "enough")
                    self.sendTextMessage("late")

        with self.aftermath("T8 closes", Closing) as factory:
            octets = frame(1, b"a", key=KEY) * 3 + frame(9, key=KEY)
            peer = self.connect(factory, request() + octets)
            self.assertEqual(heard, ["a"])
            self.assertEqual(peer.received, ["a"])
            self.assertEqual(peer.closed, (4000, "enough"))
            self.assertTrue(peer.isDisconnected)

    def test_abortsInside(self):
        """T8: a hook may abort, in every one of them."""
        for hook, octets in (
            ("negotiationFinished", b""),
            ("textMessageReceived", frame(1, b"a", key=KEY)),
            ("bytesMessageReceived", frame(2, b"a", key=KEY)),
            ("pingReceived", frame(9, b"a", key=KEY)),
            ("pongReceived", frame(10, b"a", key=KEY)),
            ("connectionLost", CLOSE),
        ):
            for call in ("abortConnection", "loseConnection"):
                calls = []

                def act(self, *arguments, hook=hook, call=call, calls=calls):
                    if self.request.path == "/chat":
                        calls.append(hook)
                        getattr(self, call)()
                        getattr(self, call)()
                    else:
                        getattr(Echo, hook)(self, *arguments)

                agents = type("_", (Echo,), {hook: act})
                with self.aftermath(f"T8 {hook}: {call}", agents) as factory:
                    peer = self.connect(factory, request() + octets * 3)
                    self.assertTrue(peer.isDisconnected)
                    self.assertEqual(calls, [hook])

    def test_sendsInside(self):
        """T8: what connectionLost sends is dropped."""

        class Sending(Echo):
            def connectionLost(self, reason):
                self.sendTextMessage("late")
                self.sendBytesMessage(b"late")
                self.sendFragment("late")
                self.ping()
                self.loseConnection()
                self.abortConnection()
                self.pauseProducing()
                self.resumeProducing()

        for row, end in (
            ("T8 sends after RST", lambda peer: peer.vanish()),
            ("T8 sends after FIN", lambda peer: peer.finish()),
            ("T8 sends after Close", lambda peer: peer.loseConnection()),
        ):
            with self.aftermath(row, Sending) as factory:
                peer = self.connect(factory)
                end(peer)
                self.assertTrue(peer.isDisconnected)
                self.assertEqual(peer.received, [])

    def test_leavesInside(self):
        """T8: an agent may leave, or fail, within a broadcast."""
        agents = set()

        class Leaving(Mirror):
            def __init__(self):
                super().__init__(agents)

            def textMessageReceived(self, message):
                for agent in list(agents):
                    agent.sendTextMessage(message)

            def sendTextMessage(self, text):
                if self.request.path == "/leaves":
                    agents.discard(self)
                    self.abortConnection()
                super().sendTextMessage(text)

        with self.aftermath("T8 broadcast", Leaving) as factory:
            peers = [self.connect(factory) for _ in range(3)]
            gone = self.connect(factory, request(start=b"GET /leaves HTTP/1.1"))
            peers += [self.connect(factory) for _ in range(3)]
            peers[0].sendTextMessage("all")
            for peer in peers:
                self.assertEchoes(peer, "all")
            self.assertTrue(gone.isDisconnected)
            self.assertEqual(len(agents), 6)
