"""permessage-deflate between a whole server and a client in memory."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsagent import Compression, Settings, WebSocketServerFactory
from wsagent.core.permessage import PermessageDeflate
from wsagent.demo import Echo
from wsagent.testing import connected, upgradeRequest

from .test_settings import LARGEST

TEXT = "the same words, " * 1000


def compressing(settings=None, wish=None, application=Echo):
    """Connect a client that offers permessage-deflate to a server that takes it."""
    settings = settings or Settings(compression=Compression())
    offer = PermessageDeflate(wish or Compression())
    return connected(application, settings, extensions=[offer])


class CompressionTests(SynchronousTestCase):
    """A server compresses for those that can, if its settings say so."""

    def test_off(self):
        """Compression is off by default: an offer has no answer."""
        peer = compressing(Settings())
        self.assertNotIn("sec-websocket-extensions", peer.headers)
        peer.sendTextMessage(TEXT)
        self.assertEqual(peer.received, [TEXT])

    def test_notOffered(self):
        """A client that offers nothing is served plain."""
        peer = connected(Echo, Settings(compression=Compression()))
        peer.sendTextMessage(TEXT)
        self.assertEqual(peer.received, [TEXT])
        self.assertGreater(len(peer.octets), len(TEXT))

    def test_echo(self):
        """Long messages are compressed both ways, and come out equal."""
        peer = compressing()
        self.assertEqual(
            peer.headers.get("sec-websocket-extensions"),
            b"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
        )
        peer.sendTextMessage(TEXT)
        peer.sendBytesMessage(TEXT.encode())
        self.assertEqual(peer.received, [TEXT, TEXT.encode()])
        self.assertLess(len(peer.octets), len(TEXT) // 10)
        self.assertEqual(peer.octets[0], 0xC1)

    def test_largestLimits(self):
        """The largest numbers that are allowed are no trouble, whatever the build."""
        peer = compressing(Settings(compression=Compression(), **LARGEST))
        peer.sendTextMessage(TEXT)
        self.assertEqual(peer.received, [TEXT])

    def test_threshold(self):
        """Short messages go out plain."""
        peer = compressing()
        peer.sendTextMessage("short")
        self.assertEqual(peer.octets, b"\x81\x05short")

    def test_choice(self):
        """An application may choose for one message, against the threshold."""
        peer = compressing()
        agent = peer.agent
        agent.sendTextMessage("short", compress=True)
        agent.sendBytesMessage(TEXT.encode(), compress=False)
        self.assertEqual(peer.received, ["short", TEXT.encode()])
        self.assertEqual(peer.octets[0], 0xC1)
        self.assertGreater(len(peer.octets), len(TEXT))

    def test_malformedOffer(self):
        """An offer that cannot be understood at all is 400, a bad one is declined."""
        for offer, status in (
            ("permessage-deflate; =", 400),
            ("permessage-deflate; server_max_window_bits=7", 101),
            ("x-webkit-deflate-frame", 101),
        ):
            request = upgradeRequest()[:-2]
            request += b"Sec-WebSocket-Extensions: " + offer.encode() + b"\r\n\r\n"
            settings = Settings(compression=Compression())
            peer = connected(Echo, settings, request=request)
            self.assertEqual(peer.status, status, offer)
            self.assertNotIn("sec-websocket-extensions", peer.headers)

    def test_bomb(self):
        """What inflates to more than the limit closes with 1009."""
        settings = Settings(compression=Compression(), messageLimit=65_536)
        peer = compressing(settings)
        peer.sendBytesMessage(bytes(65_536))
        peer.sendBytesMessage(bytes(65_537))
        self.assertEqual(peer.received, [bytes(65_536)])
        self.assertEqual(peer.closed[0], 1009)

    def test_rest(self):
        """After a ping interval without messages memory is given back, unnoticed."""
        peer = compressing()
        for _ in range(3):
            peer.sendTextMessage(TEXT)
            peer.advance(20)
            peer.advance(20)
        self.assertEqual(peer.received, [TEXT] * 3)

    def test_held(self):
        """Messages that wait for a fragmented one are compressed in their order."""
        peer = compressing()
        agent = peer.agent
        agent.sendFragment("a")
        agent.sendTextMessage(TEXT)
        agent.sendTextMessage(TEXT[1:])
        agent.sendFragment("b", isLast=True)
        self.assertEqual(peer.received, ["ab", TEXT, TEXT[1:]])

    def test_streaming(self):
        """Pieces of a compressed message come inflated."""

        class Pieces(Echo):
            def pieceReceived(self, piece, isLast):
                self.sendFragment(piece, isLast)

        settings = Settings(compression=Compression(), isStreaming=True)
        peer = compressing(settings, application=Pieces)
        peer.sendTextMessage(TEXT)
        self.assertEqual(peer.received, [TEXT])

    def test_ownExtension(self):
        """A factory's own extension is preferred where the client offers it first."""

        class Reversal:
            """A codec that turns messages around, under RSV2."""

            rsv = 0x20

            def encode(self, payload, choice):
                return payload[::-1]

            def encodesBy(self):
                return ()

            def decode(self, data, isLast, limit):
                return data[::-1]

            def rest(self):
                pass

        class Reversing:
            """The extension of it."""

            name = "x-reverse"

            def offers(self):
                return [[]]

            def accept(self, offer):
                return [("as", "asked")], Reversal()

            def begin(self, answer):
                return Reversal()

        factory = WebSocketServerFactory(
            Echo,
            settings=Settings(compression=Compression()),
            reactor=Clock(),
            extensions=[Reversing()],
        )
        offers = [Reversing(), PermessageDeflate(Compression())]
        peer = connected(factory, extensions=offers)
        self.assertEqual(
            peer.headers.get("sec-websocket-extensions"),
            b"x-reverse; as=asked",
        )
        peer.sendTextMessage("abc")
        self.assertEqual(peer.received, ["abc"])
        self.assertEqual(peer.octets, b"\xa1\x03cba")
