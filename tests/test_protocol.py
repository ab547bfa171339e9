"""L{wsagent.protocol}: the class that applications subclass."""

import inspect
from importlib import import_module

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IProtocol, IPushProducer, ITCPTransport
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.core.notation import KEY, allCuts, frame
from wsagent import Accept, WebSocketProtocol
from wsagent.errors import ClosedCleanly, ClosedUncleanly
from wsagent.testing import connected

from .agents import CLOSE, HOOKS, PONG, TEXT, AgentCase, doing


class VocabularyTests(SynchronousTestCase):
    """What the class's attributes are called."""

    def names(self):
        """List the public names of the class."""
        annotated = inspect.get_annotations(WebSocketProtocol)
        names = {*vars(WebSocketProtocol), *annotated}
        return {name for name in names if not name.startswith("_")}

    def theirs(self):
        """Import Twisted's own."""
        try:
            return import_module("twisted.web.websocket")
        except ImportError as error:
            raise SkipTest(f"no twisted.web.websocket here: {error}") from None

    def test_transport(self):
        """The class structurally is a C{twisted.web.websocket.WebSocketTransport}."""
        theirs = self.theirs().WebSocketTransport
        names = [name for name in vars(theirs) if not name.startswith("_")]
        names = [name for name in names if inspect.isfunction(vars(theirs)[name])]
        self.assertIn("sendTextMessage", names)
        for name in names:
            asked = inspect.signature(getattr(theirs, name)).parameters
            ours = inspect.signature(getattr(WebSocketProtocol, name)).parameters
            self.assertEqual(list(ours)[: len(asked)], list(asked), name)
            for each, parameter in asked.items():
                self.assertEqual(ours[each].default, parameter.default, name)
            for parameter in list(ours.values())[len(asked) :]:
                self.assertIsNot(parameter.default, parameter.empty, name)

    def test_hooks(self):
        """The hooks that Twisted names too are called the same, with the same."""
        theirs = self.theirs().WebSocketProtocol
        for name in (
            "negotiationFinished",
            "textMessageReceived",
            "bytesMessageReceived",
            "pongReceived",
            "connectionLost",
        ):
            self.assertEqual(
                list(inspect.signature(getattr(WebSocketProtocol, name)).parameters),
                list(inspect.signature(getattr(theirs, name)).parameters),
            )

    def test_count(self):
        """Our own public names, those that are not Twisted's, are under 25."""
        theirs = self.theirs()
        twisteds = {
            *IProtocol.names(all=True),
            *ITCPTransport.names(all=True),
            *IPushProducer.names(all=True),
            *vars(theirs.WebSocketTransport),
            *vars(theirs.WebSocketProtocol),
        }
        self.assertLess(len(self.names() - twisteds), 25)


class HookTests(AgentCase):
    """What comes, and the hooks that are called with it."""

    def test_default(self):
        """The class itself, without any hook, takes everything."""
        peer = connected(WebSocketProtocol)
        peer.sendTextMessage("x")
        peer.sendBytesMessage(b"x")
        peer.ping(b"x")
        peer.sendOctets(frame(PONG & 15, b"x", key=KEY))
        agent = peer.agent
        peer.pauseReading()
        agent.sendBytesMessage(bytes(100_000))
        peer.resumeReading()
        peer.loseConnection()
        self.assertEqual(peer.received, [bytes(100_000)])
        self.assertEqual(peer.pongs, [b"x"])
        self.assertTrue(peer.isDisconnected)
        self.assertIsNone(agent.pieceReceived("x", True))

    def test_messages(self):
        """Text comes as C{str}, bytes as C{bytes}, pings and pongs as theirs."""
        peer, agent = self.open()
        peer.sendTextMessage("héllo")
        peer.sendTextMessage("")
        peer.sendBytesMessage(b"\xff\x00")
        peer.ping(b"a")
        peer.ping()
        peer.sendOctets(frame(PONG & 15, b"b", key=KEY))
        self.assertEqual(
            agent.calls,
            [
                "open",
                "héllo",
                "",
                b"\xff\x00",
                ("ping", b"a"),
                ("ping", b""),
                ("pong", b"b"),
            ],
        )
        self.assertEqual(self.frames(peer), [(PONG, b"a"), (PONG, b"")])

    def test_cuts(self):
        """However a stream is cut, the same hooks are called."""
        octets = b"".join(
            (
                frame(1, "hé".encode(), key=KEY, fin=0),
                frame(9, b"p", key=KEY),
                frame(0, b"llo", key=KEY),
                frame(2, bytes(200), key=KEY),
                frame(8, b"\x0b\xb8bye", key=KEY),
            )
        )
        for name, segments in allCuts(octets):
            peer, agent = self.open()
            for segment in segments:
                peer.sendOctets(segment)
            self.assertEqual(
                agent.calls, ["open", ("ping", b"p"), "héllo", bytes(200)], name
            )
            self.assertEqual(agent.ending, (ClosedCleanly, 3000, "bye", "peer"), name)

    def test_pieces(self):
        """Streaming, pieces come as they do, and no message."""
        peer, agent = self.open(isStreaming=True)
        peer.sendFragment("a")
        peer.sendFragment("")
        peer.sendFragment("b", isLast=True)
        peer.sendBytesMessage(b"whole")
        peer.sendTextMessage("")
        self.assertEqual(
            agent.calls,
            ["open", ("a", False), ("b", True), (b"whole", True), ("", True)],
        )

    def test_splitCodePoints(self):
        """Streaming, a code point that is cut comes when it is whole."""
        text = "h€llo 🎉"
        peer, agent = self.open(isStreaming=True)
        for octet in frame(1, text.encode(), key=KEY):
            peer.sendOctets(bytes((octet,)))
        pieces = agent.calls[1:]
        self.assertEqual("".join(piece for piece, _ in pieces), text)
        self.assertEqual([isLast for _, isLast in pieces], [False] * 6 + [True])
        self.assertTrue(all(piece for piece, _ in pieces))

    def test_piecesNotUtf8(self):
        """Streaming, text that is no UTF-8 fails at its first wrong octet."""
        peer, agent = self.open(isStreaming=True)
        peer.sendOctets(frame(1, b"ab\xc3", key=KEY, declared=100))
        self.assertEqual(agent.calls, ["open", ("ab", False)])
        peer.sendOctets(frame(1, b"ab\xc3\xc3", key=KEY)[-1:])
        self.assertEqual(peer.closed[0], 1007)
        self.assertEqual(agent.calls, ["open", ("ab", False)])

    def test_sendAtOnce(self):
        """What C{negotiationFinished} sends comes first."""
        peer, _ = self.open(
            doing("negotiationFinished", lambda agent: agent.sendTextMessage("hi"))
        )
        self.assertEqual(peer.received, ["hi"])

    def test_oneWrite(self):
        """What is sent while a segment is read is written as one."""
        peer, agent = self.open(
            doing("textMessageReceived", lambda agent: agent.sendTextMessage("y"))
        )
        writes = []
        self.patch(agent._wire.transport, "write", writes.append)
        peer.sendOctets(frame(1, b"x", key=KEY) * 3)
        self.assertEqual(writes, [b"\x81\x01y" * 3])


class FailingHookTests(AgentCase):
    """A hook that fails: logged once, 1011 without a reason, others undisturbed."""

    def assertFails(self, hook, deed):
        """Compare what becomes of a connection one of whose hooks does this."""
        peer, agent = self.open(doing(hook, deed))
        other, otherAgent = self.open()
        self.provoke(hook, peer, agent)
        self.assertEqual(peer.closed, (1011, ""), hook)
        self.assertTrue(peer.isDisconnected)
        self.assertFalse(peer.transport.wasAborted)
        self.frames(peer)
        self.assertEqual(agent.ending, (ClosedUncleanly, 1011, "", "us"))
        cause = agent.lost[0].value.__cause__
        self.assertIsInstance(cause, RuntimeError)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        other.sendTextMessage("x")
        self.assertEqual(otherAgent.calls, ["open", "x"])

    def provoke(self, hook, peer, agent):
        """Have a hook called."""
        if hook in ("textMessageReceived", "pieceReceived"):
            peer.sendTextMessage("x")
        elif hook == "bytesMessageReceived":
            peer.sendBytesMessage(b"x")
        elif hook == "pingReceived":
            peer.ping(b"x")
        elif hook == "pongReceived":
            peer.sendOctets(frame(PONG & 15, b"x", key=KEY))
        elif hook.startswith("sendBuffer"):
            agent.sendBytesMessage(bytes(100_000))

    def test_raises(self):
        """A hook that raises."""

        def deed(_):
            raise RuntimeError("secret")

        for hook in HOOKS:
            if hook not in ("pieceReceived", "connectionLost"):
                self.assertFails(hook, deed)

    def test_deferred(self):
        """A hook whose Deferred fails."""
        for hook in ("negotiationFinished", "textMessageReceived", "pingReceived"):
            self.assertFails(hook, lambda _: fail(RuntimeError("secret")))

    def test_coroutine(self):
        """A hook that is a coroutine, and raises."""

        async def deed(_):
            await succeed(None)
            raise RuntimeError("secret")

        for hook in ("negotiationFinished", "textMessageReceived", "pingReceived"):
            self.assertFails(hook, deed)

    def test_piece(self):
        """C{pieceReceived} that raises; no further piece comes."""

        def deed(_):
            raise RuntimeError("secret")

        peer, agent = self.open(doing("pieceReceived", deed), isStreaming=True)
        peer.sendOctets(frame(1, b"x", key=KEY, fin=0) * 2)
        self.assertEqual(peer.closed, (1011, ""))
        self.assertEqual(agent.calls, ["open", ("x", False)])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_nextMessage(self):
        """After a hook failed, none is called with what its segment brings still."""

        def deed(_):
            raise RuntimeError("secret")

        peer, agent = self.open(doing("textMessageReceived", deed))
        peer.sendOctets(frame(1, b"x", key=KEY) * 2 + frame(9, key=KEY))
        self.assertEqual(agent.calls, ["open", "x"])
        self.assertEqual([first for first, _ in self.frames(peer)], [CLOSE])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_later(self):
        """A Deferred, or a coroutine, that fails later closes then."""
        waiting = Deferred()

        async def deed(agent):
            agent.sendTextMessage("before")
            await waiting
            agent.sendTextMessage("after")
            raise RuntimeError("secret")

        peer, _ = self.open(doing("textMessageReceived", deed))
        peer.sendTextMessage("x")
        self.assertEqual((peer.received, peer.closed), (["before"], None))
        waiting.callback(None)
        self.assertEqual(peer.received, ["before", "after"])
        self.assertEqual(peer.closed, (1011, ""))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_tooLate(self):
        """What fails when the connection is gone is logged, and that is all."""
        waiting = Deferred()
        peer, agent = self.open(doing("textMessageReceived", lambda _: waiting))
        peer.sendTextMessage("x")
        peer.loseConnection()
        self.assertEqual(agent.ending, (ClosedCleanly, 1000, "", "peer"))
        waiting.errback(RuntimeError("late"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(peer.closed, (1000, ""))

    def test_connectionLost(self):
        """C{connectionLost} may raise, fail or be a coroutine: it is logged once."""

        def raising(_):
            raise RuntimeError("secret")

        async def coroutine(_):
            raise RuntimeError("secret")

        for deed in (raising, coroutine, lambda _: fail(RuntimeError("secret"))):
            peer, agent = self.open(doing("connectionLost", deed))
            peer.loseConnection()
            self.assertTrue(peer.isDisconnected)
            self.assertEqual(len(agent.lost), 1)
            self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_results(self):
        """What else a hook returns is nobody's business."""
        for result in (5, "x", succeed(RuntimeError()), object()):
            peer, _ = self.open(doing("textMessageReceived", lambda _, r=result: r))
            peer.sendTextMessage("x")
            self.assertIsNone(peer.closed)


class ReentrancyTests(AgentCase):
    """Each hook may call everything."""

    def run_(self, deed, expected, hooks=HOOKS, **settings):
        """Do something in each hook, and compare how it ends, if it does."""
        for hook in hooks:
            settings["isStreaming"] = hook == "pieceReceived"
            peer, agent = self.open(doing(hook, deed), **settings)
            FailingHookTests.provoke(self, hook, peer, agent)
            if hook == "connectionLost" or expected is None:
                peer.loseConnection()
                self.assertEqual(agent.ending, (ClosedCleanly, 1000, "", "peer"), hook)
            else:
                self.assertTrue(peer.isDisconnected, hook)
                self.assertEqual(agent.ending, expected, hook)
            self.frames(peer)
            self.assertEqual(peer.clock.getDelayedCalls(), [], hook)

    def test_close(self):
        """Closing in a hook: one Close frame, and nothing after it."""

        def deed(agent):
            agent.loseConnection(3000, "enough")
            agent.sendTextMessage("dropped")
            agent.ping(b"dropped")
            agent.loseConnection(3001)

        self.run_(deed, (ClosedCleanly, 3000, "enough", "us"))

    def test_abort(self):
        """Aborting in a hook: nothing comes, and nothing is sent, after it."""

        def deed(agent):
            agent.abortConnection()
            agent.sendTextMessage("dropped")
            agent.loseConnection()

        self.run_(deed, (ClosedUncleanly, 1006, "aborted", "us"))

    def test_closeAndAbort(self):
        """Closing and then aborting is aborting."""

        def deed(agent):
            agent.loseConnection(3000)
            agent.abortConnection()

        self.run_(deed, (ClosedUncleanly, 1006, "", "us"))

    def test_closeAndRaise(self):
        """Closing and then raising: one Close frame, and an unclean end."""

        def deed(agent):
            agent.loseConnection(3000)
            raise RuntimeError("secret")

        for hook in HOOKS:
            if hook == "connectionLost":
                continue
            peer, agent = self.open(
                doing(hook, deed), isStreaming=hook == "pieceReceived"
            )
            FailingHookTests.provoke(self, hook, peer, agent)
            self.assertEqual(peer.closed, (3000, ""), hook)
            self.assertTrue(peer.isDisconnected, hook)
            self.assertEqual(agent.ending[:2], (ClosedUncleanly, 1006), hook)
            self.frames(peer)
            self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_send(self):
        """Sending in a hook, text, bytes, fragments and pings, is sending."""

        def deed(agent):
            # The pong of a ping in pongReceived would be another's cause.
            if "sent" not in agent.calls:
                agent.calls.append("sent")
                agent.sendFragment("a")
                agent.sendBytesMessage(b"b")
                agent.ping(b"c")
                agent.sendFragment("d", isLast=True)

        for hook in HOOKS:
            peer, agent = self.open(
                doing(hook, deed), isStreaming=hook == "pieceReceived"
            )
            FailingHookTests.provoke(self, hook, peer, agent)
            if hook == "connectionLost":
                peer.loseConnection()
                self.assertEqual(peer.received, [])
            else:
                self.assertEqual(peer.received[-2:], ["ad", b"b"], hook)
                self.assertEqual(peer.pings[-1:], [b"c"], hook)

    def test_pauseAndResume(self):
        """Pausing, and resuming, in a hook loses nothing."""

        def deed(agent):
            agent.pauseProducing()
            agent.resumeProducing()
            agent.resumeProducing()

        self.run_(deed, None)

    def test_pause(self):
        """Pausing in a hook: it is the last that is called, until resumed."""
        peer, agent = self.open(
            doing("textMessageReceived", WebSocketProtocol.pauseProducing)
        )
        peer.sendOctets(b"".join(frame(1, b"%d" % n, key=KEY) for n in range(5)))
        for number in range(5):
            self.assertEqual(agent.calls[1:], list(map(str, range(number + 1))))
            agent.resumeProducing()
        self.assertEqual(len(agent.calls), 6)

    def test_pauseAtOnce(self):
        """Pausing in C{negotiationFinished}: what came with the request waits."""
        application = doing("negotiationFinished", WebSocketProtocol.pauseProducing)
        peer, agent = self.open(application)
        peer.sendTextMessage("x")
        self.assertEqual(agent.calls, ["open"])
        self.assertGreater(peer.transport.unread, 0)
        agent.resumeProducing()
        peer.pump()
        self.assertEqual(agent.calls, ["open", "x"])


class SendTests(AgentCase):
    """What the sending methods demand, open or not."""

    def assertErrors(self, agent):
        """What cannot be sent is refused at the call."""
        for error, method, *arguments in (
            (TypeError, agent.sendTextMessage, b"x"),
            (TypeError, agent.sendTextMessage, None),
            (ValueError, agent.sendTextMessage, "\ud800"),
            (TypeError, agent.sendBytesMessage, "x"),
            (TypeError, agent.sendBytesMessage, 5),
            (TypeError, agent.sendBytesMessage, [1]),
            (TypeError, agent.sendFragment, None),
            (TypeError, agent.ping, "x"),
            (TypeError, agent.ping, 50),
            (ValueError, agent.ping, bytes(126)),
            (ValueError, agent.loseConnection, 1005),
            (ValueError, agent.loseConnection, 1006),
            (ValueError, agent.loseConnection, 0),
            (ValueError, agent.loseConnection, 5000),
            (ValueError, agent.loseConnection, 1000, "x" * 124),
            (ValueError, agent.loseConnection, 1000, "é" * 62),
            (TypeError, agent.loseConnection, 1000, b"x"),
        ):
            with self.assertRaises(error, msg=(method, arguments)):
                method(*arguments)

    def test_errors(self):
        """A wrong type or value is an error at the call, which sends nothing."""
        peer, agent = self.open()
        self.assertErrors(agent)
        self.assertEqual(self.frames(peer), [])
        self.assertTrue(agent.isOpen)

    def test_notOpen(self):
        """When it is not open, what is right is dropped, what is wrong an error."""
        peer, agent = self.open(closeTimeout=3)
        agent.loseConnection()
        for _ in range(2):
            self.assertErrors(agent)
            self.assertFalse(agent.isOpen)
            agent.sendTextMessage("x")
            agent.sendBytesMessage(b"x")
            agent.sendFragment("x")
            agent.ping()
            agent.loseConnection()
            agent.pauseProducing()
            agent.resumeProducing()
            agent.detachProducer()
            self.assertEqual(self.frames(peer), [(CLOSE, b"\x03\xe8")])
        self.assertTrue(peer.isDisconnected)
        agent.abortConnection()
        self.assertFalse(peer.transport.wasAborted)
        self.assertEqual(len(agent.lost), 1)

    def test_octets(self):
        """Bytes may be any octets, and are taken as they are at the call."""
        peer, agent = self.open()
        data = bytearray(b"ab")
        agent.sendBytesMessage(data)
        agent.sendBytesMessage(memoryview(data)[:1])
        data[:] = b"xy"
        self.assertEqual(peer.received, [b"ab", b"a"])

    def test_sizes(self):
        """Messages of every length of header arrive."""
        peer, agent = self.open()
        sizes = [0, 1, 125, 126, 65_535, 65_536, 200_000]
        for size in sizes:
            agent.sendBytesMessage(bytes(size))
            agent.sendTextMessage("x" * size)
        self.assertEqual([len(message) for message in peer.received[::2]], sizes)
        self.assertEqual([len(message) for message in peer.received[1::2]], sizes)

    def test_ping(self):
        """A ping goes out, its pong comes to the hook."""
        peer, agent = self.open()
        agent.ping(b"hello")
        agent.ping()
        agent.ping(bytes(125))
        self.assertEqual(peer.pings, [b"hello", b"", bytes(125)])
        self.assertEqual(
            agent.calls,
            ["open", ("pong", b"hello"), ("pong", b""), ("pong", bytes(125))],
        )

    def test_readOnly(self):
        """The properties tell, and cannot be set."""
        _, agent = self.open()
        for name in ("settings", "isOpen", "bufferedAmount", "roundTripTime"):
            getattr(agent, name)
            with self.assertRaises(AttributeError):
                setattr(agent, name, None)

    def test_text(self):
        """A text message is one unmasked frame of UTF-8."""
        peer, agent = self.open()
        agent.sendTextMessage("é")
        self.assertEqual(self.frames(peer), [(TEXT, b"\xc3\xa9")])


class AcceptTests(SynchronousTestCase):
    """L{Accept} is a value."""

    def test_value(self):
        """It is equal by value, and cannot be changed."""
        self.assertEqual(Accept(), Accept())
        self.assertNotEqual(Accept(), Accept(subprotocol=None))
        with self.assertRaises(AttributeError):
            Accept().subprotocol = "a"
