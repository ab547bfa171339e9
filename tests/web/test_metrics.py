"""L{wsagent.web.metrics}: what is counted, as Prometheus reads it."""

from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.core.notation import row
from wsagent.build import describeBuild
from wsagent.core.deflate import Compression
from wsagent.core.permessage import PermessageDeflate
from wsagent.demo import Echo
from wsagent.inspection import Inspection
from wsagent.server import WebSocketServerFactory
from wsagent.settings import Settings
from wsagent.testing import connected
from wsagent.web.metrics import Metrics

from .asking import Asker, answered

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


class MetricsTests(SynchronousTestCase):
    """L{Metrics} of a server in memory, read by Prometheus' own parsers."""

    def setUp(self):
        """Make a server."""
        compression = Compression(threshold=1000)
        settings = Settings(compression=compression, pingInterval=None)
        self.clock = Clock()
        self.factory = WebSocketServerFactory(Echo, (), settings, self.clock)
        self.asker = Asker(Metrics(Inspection(self.factory)))

    def connect(self, **how):
        """Connect a client."""
        peer = connected(self.factory, **how)
        self.addCleanup(peer.vanish)
        return peer

    def read(self, *fields, read=parser):
        """Give the values, by name and labels."""
        answer = self.asker.get("/", *fields)
        self.assertEqual(answer.status, 200)
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in read.text_string_to_metric_families(answer.text)
            for sample in family.samples
        }

    def test_strangeAccept(self):
        """Who asks for a format that is none gets plain text, and no traceback."""
        for accepted in (
            "\udcff",
            "text/plain; version=x",
            "application/openmetrics-text; version=x",
        ):
            with row(accepted):
                answer = self.asker.get("/", f"Accept: {accepted}")
                self.assertEqual(answer.status, 200)
                (kind,) = answer.headers["content-type"]
                self.assertTrue(kind.startswith("text/plain"), kind)

    def test_nothing(self):
        """Of a server where nothing has happened all that can be is zero."""
        values = self.read()
        for name in (
            "connections",
            "agents",
            "draining",
            "send_buffer_bytes",
            "slow_agents",
            "slow_peers_total",
            "ping_round_trip_seconds_count",
        ):
            self.assertEqual(values["wsagent_" + name,], 0)

    def test_totals(self):
        """Totals are what was sent, on connections that are gone too."""
        peers = [self.connect() for _ in range(3)]
        for text in ("hello", "hi", "there"):
            for peer in peers:
                peer.sendTextMessage(text)
        peers[0].loseConnection(4000)
        peers[1].vanish()
        connected(self.factory, request=b"GET / HTTP/1.0\r\n\r\n")
        values = self.read()
        sent = 3 * (len("hello") + len("hi") + len("there"))
        for name, value in {
            ("connections",): 1,
            ("agents",): 1,
            ("messages_total", "received"): 9,
            ("messages_total", "sent"): 9,
            # A header of 2 octets, and a key of 4; a Close has a code, too.
            ("frame_bytes_total", "received"): 9 * 6 + sent + 8,
            ("frame_bytes_total", "sent"): 9 * 2 + sent + 4,
            ("handshakes_total", "101"): 3,
            ("handshakes_total", "505"): 1,
            ("closes_total", "4000"): 1,
            ("closes_total", "1006"): 1,
        }.items():
            self.assertEqual(values[("wsagent_" + name[0], *name[1:])], value, name)

    def test_slow(self):
        """What waits to be sent is counted, and whose peer does not read."""
        peer = self.connect()
        peer.pauseReading()
        for _ in range(3):
            peer.agent.sendBytesMessage(bytes(65_536))
        values = self.read()
        self.assertEqual(values["wsagent_slow_agents",], 1)
        self.assertEqual(values["wsagent_send_buffer_bytes",], 3 * (65_536 + 10))

    def test_roundTrips(self):
        """Round trips are a histogram, each bucket with those below it."""
        peer = self.connect()
        for seconds in (0.02, 0.25, 20):
            peer.transport.peerReads = False
            self.factory.measure(peer.agent._wire)
            self.clock.pump([seconds / 4] * 4)
            peer.resumeReading()
        name = "wsagent_ping_round_trip_seconds"
        values = self.read()
        buckets = {key[1]: value for key, value in values.items() if "bucket" in key[0]}
        self.assertEqual(
            {
                bound: buckets[bound]
                for bound in ("0.01", "0.03", "0.3", "10.0", "+Inf")
            },
            {"0.01": 0, "0.03": 1, "0.3": 2, "10.0": 2, "+Inf": 3},
        )
        self.assertEqual(values[name + "_count",], 3)
        self.assertAlmostEqual(values[name + "_sum",], 20.27)

    def test_compression(self):
        """What is compressed is counted before and after; a ratio is of something."""
        self.assertNotIn(("wsagent_compression_ratio", "sent"), self.read())
        extension = PermessageDeflate(Compression(threshold=0))
        peer = self.connect(extensions=[extension])
        peer.sendTextMessage("a" * 5000)
        values = self.read()
        for way in ("received", "sent"):
            before = values["wsagent_uncompressed_bytes_total", way]
            after = values["wsagent_compressed_bytes_total", way]
            self.assertEqual(before, 5000)
            self.assertLess(after, 100)
            ratio = values["wsagent_compression_ratio", way]
            self.assertAlmostEqual(ratio, after / before)

    def test_draining(self):
        """A drain is seen."""
        self.connect().answersFin = False
        self.factory.drain()
        self.assertEqual(self.read()["wsagent_draining",], 1)

    def test_build(self):
        """It says what runs, and what the process takes."""
        answer = self.asker.get("/")
        self.assertIn(f'build="{describeBuild()}"', answer.text)
        self.assertIn("process_cpu_seconds_total", answer.text)
        self.assertTrue(answer.headers["content-type"][0].startswith("text/plain; "))

    def test_openMetrics(self):
        """Who asks for OpenMetrics gets that, and the same."""
        self.connect().sendTextMessage("hello")
        found = self.read(f"Accept: {OPEN_METRICS}", read=openmetrics)
        self.assertEqual(found["wsagent_messages_total", "received"], 1)
        own = {key: each for key, each in found.items() if key[0].startswith("wsagent")}
        self.assertEqual(own, own | {key: self.read()[key] for key in own})

    def test_turns(self):
        """To look at many takes turns; who has left meanwhile gets no answer."""
        for _ in range(300):
            self.connect()
        seconds = self.clock.seconds

        def late():
            """Take a while."""
            self.clock.rightNow += 0.001
            return seconds()

        self.clock.seconds = late
        transport = self.asker.begin("GET", "/")
        self.assertEqual(transport.value(), b"")
        leaving = self.asker.begin("GET", "/")
        self.asker.channel.connectionLost(Failure(ConnectionLost()))
        self.clock.seconds = seconds
        self.clock.advance(0)
        self.assertIn("\nwsagent_agents 300.0\n", answered(transport).text)
        self.assertEqual(leaving.value(), b"")

    def test_methods(self):
        """HEAD has the fields of GET; there is nothing to post."""
        told = self.asker.ask("HEAD", "/")
        self.assertEqual((told.status, told.body), (200, b""))
        self.assertGreater(int(told.headers["content-length"][0]), 1000)
        refused = self.asker.ask("POST", "/")
        self.assertEqual((refused.status, refused.body), (405, b""))
        self.assertEqual(refused.headers["allow"], ["GET, HEAD"])
