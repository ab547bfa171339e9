"""L{wsagent.tracing}: the frames of one agent, as lines."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport

from tests.core.notation import KEY, frame
from wsagent.core.codes import BINARY, TEXT, Role
from wsagent.core.codes import CONTINUATION as CONT
from wsagent.core.deflate import Compression
from wsagent.core.permessage import PermessageDeflate
from wsagent.delivery import Delivery
from wsagent.demo import Echo
from wsagent.sending import SendBuffer
from wsagent.settings import Settings
from wsagent.testing import Recorder, connected
from wsagent.tracing import Trace

from .agents import AgentCase, Noting


class TraceTests(AgentCase):
    """L{Trace} shows frames."""

    def begin(self, hasPayloads=False, application=Echo, **settings):
        """Trace an agent."""
        self.lines = []
        peer, agent = self.open(application, **settings)
        self.trace = agent._wire.trace(self.lines.append, hasPayloads)
        return peer

    def test_lengths(self):
        """Of both ways, kind and length are shown, and nothing of what is in them."""
        peer = self.begin()
        peer.sendTextMessage("secret")
        peer.sendBytesMessage(bytes(70_000))
        peer.ping(b"12")
        peer.loseConnection(3000, "secret")
        peer.vanish()
        self.assertEqual(
            self.lines,
            [
                "< text, 6 octets",
                "> text, 6 octets",
                "< bytes, 70000 octets",
                "> bytes, 70000 octets",
                "< ping, 2 octets",
                "> pong, 2 octets",
                "< close, 8 octets, code 3000",
                "> close, 2 octets, code 3000",
                "* closed 3000 'secret' by peer",
            ],
        )

    def test_payloads(self):
        """If that is asked for, the beginning of what is in them is shown, escaped."""
        peer = self.begin(hasPayloads=True)
        peer.sendTextMessage("h\x1bé")
        peer.sendBytesMessage(b"\x00\xff" * 100)
        peer.sendTextMessage("")
        peer.loseConnection(1000, "bye")
        self.assertEqual(
            [line for line in self.lines if line[0] == "<"],
            [
                "< text, 4 octets: 'h\\x1b\\xe9'",
                "< bytes, 200 octets: " + " ".join(["00 ff"] * 32) + "...",
                "< text, 0 octets",
                "< close, 5 octets, code 1000: 'bye'",
            ],
        )

    def test_fragments(self):
        """Each fragment is a frame of its own."""
        peer = self.begin(application=Noting)
        peer.sendFragment("ab")
        peer.sendFragment("c", isLast=True)
        peer.agent.sendFragments(["d", "e"])
        self.assertEqual(
            self.lines[:2],
            ["< text, 2 octets, not the last", "< continuation, 1 octets"],
        )
        self.assertIn("> text, 1 octets, not the last", self.lines[2:])

    def test_compressed(self):
        """What is compressed is as long as it is on the wire, and said to be so."""
        settings = Settings(compression=Compression(threshold=0))
        peer = connected(Echo, settings, extensions=[PermessageDeflate(Compression())])
        lines = []
        peer.agent._wire.trace(lines.append, hasPayloads=False)
        peer.agent.sendTextMessage("a" * 5000)
        (line,) = lines
        self.assertRegex(line, "^> text, [1-4][0-9] octets, compressed$")
        peer.vanish()

    def test_client(self):
        """A client's frames are unmasked on their way out."""
        buffer = SendBuffer(StringTransport(), Recorder(), 65_536)
        parts = (Noting(), None, buffer, Recorder(), Role.CLIENT, Settings(), None)
        delivery = Delivery(*parts)
        lines = []
        Trace(delivery, True, lines.append, hasPayloads=True)
        delivery.sendText("hello")
        delivery.tap.octetsReceived(frame(TEXT, b"hi"))
        self.assertEqual(lines, ["> text, 5 octets: 'hello'", "< text, 2 octets: 'hi'"])

    def test_stop(self):
        """Stopped, it shows no more; stopped again, it does nothing to another."""
        peer = self.begin()
        self.assertTrue(self.trace.isOn)
        self.trace.stop()
        self.assertFalse(self.trace.isOn)
        other = []
        following = peer.agent._wire.trace(other.append, hasPayloads=False)
        self.trace.stop()
        self.assertTrue(following.isOn)
        peer.sendTextMessage("x")
        self.assertEqual(self.lines, [])
        self.assertEqual(len(other), 2)

    def test_broken(self):
        """What is no frame ends what is shown of that way; the connection says why."""
        peer = self.begin()
        peer.sendOctets(b"\xff\xff")
        peer.vanish()
        told, ended = self.lines
        self.assertRegex(told, "^> close, .*, code 1002$")
        self.assertRegex(ended, r"^\* closed 1002 ")

    @given(st.integers(0, 223), st.integers(0, 223))
    def test_anywhere(self, start, stop):
        """Begun at any octet, it shows each frame that begins from there on."""
        peer, agent = self.open(Noting)
        octets = frame(BINARY, bytes(200), key=KEY)
        octets += frame(TEXT, b"ab", fin=0, key=KEY) + frame(CONT, b"c", key=KEY)
        headers = {
            8: "< bytes, 200 octets",
            214: "< text, 2 octets, not the last",
            222: "< continuation, 1 octets",
        }
        stop = min(start + stop, len(octets))
        lines = []
        peer.sendOctets(octets[:start])
        trace = agent._wire.trace(lines.append, hasPayloads=False)
        peer.sendOctets(octets[start:stop])
        peer.sendOctets(octets[stop:])
        self.assertEqual(lines, [line for end, line in headers.items() if start < end])
        trace.stop()
        peer.vanish()
