"""What a server counts, for Prometheus: L{Metrics}."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib.metadata import version

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from twisted.web.http import NOT_ALLOWED
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from wsagent.build import describeBuild
from wsagent.inspection import Inspection, Totals
from wsagent.statistics import Histogram, Statistics
from wsagent.survey import Survey


class Metrics(Resource):
    """
    What is counted, as a page that Prometheus reads.

    It is looked up when it is asked for, and not before, in turns between which
    messages pass.  Put me where you like
    into a site of yours: C{root.putChild(b"metrics", Metrics(inspection))}.
    """

    isLeaf = True

    def __init__(self, inspection: Inspection) -> None:
        """@param inspection: of the server."""
        super().__init__()
        self._inspection = inspection
        self._counted = _Counted(inspection)
        self._registry = CollectorRegistry()
        self._registry.register(self._counted)
        ProcessCollector(registry=self._registry)

    def render(self, request: Request) -> bytes | int:
        """Say how much there is of everything, once all is looked at."""
        if request.method not in (b"GET", b"HEAD"):
            request.setResponseCode(NOT_ALLOWED)
            request.setHeader("Allow", "GET, HEAD")
            return b""
        left: list[object] = []
        request.notifyFinish().addBoth(left.append)
        finished = partial(self._answer, request, left)
        Survey(self._inspection, (), finished).goOn()
        return NOT_DONE_YET

    def _answer(
        self,
        request: Request,
        left: list[object],
        totals: Totals,
        _found: object,
    ) -> None:
        """Answer, unless nobody waits any more."""
        if left:
            return
        self._counted.totals = totals
        encode, kind = _format(request)
        body: bytes = encode(self._registry)
        request.setHeader("Content-Type", kind)
        request.setHeader("Content-Length", str(len(body)))
        if request.method == b"GET":
            request.write(body)
        request.finish()


def _format(request: Request) -> tuple[Callable[[CollectorRegistry], bytes], str]:
    """Choose how to write it; who asks for nothing that is gets plain text."""
    accepted = request.requestHeaders.getRawHeaders(b"Accept", [])
    try:
        return choose_encoder(b",".join(accepted).decode("latin-1"))
    except (TypeError, ValueError):
        # At a version that is none, the package raises.
        return choose_encoder("")


class _Counted(Collector):
    """
    Reads what a server has counted, into families of metrics.

    @ivar totals: what was added up, for the next who reads.
    """

    totals: Totals

    def __init__(self, inspection: Inspection) -> None:
        """@param inspection: of the server."""
        self._inspection = inspection

    def describe(self) -> Iterable[Metric]:
        """Say nothing beforehand: nothing is known yet."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Give all."""
        factory = self._inspection.factory
        totals = self.totals
        yield InfoMetricFamily(
            "wsagent_build",
            "What runs.",
            {
                "version": version("wsagent"),
                "build": describeBuild(),
                "python": platform.python_version(),
                "twisted": version("twisted"),
            },
        )
        yield _gauge("connections", "Connections that are there.", totals.connections)
        yield _gauge("agents", "Agents that are open.", totals.agents)
        yield _gauge(
            "draining",
            "Whether all connections are to end: 1 if so.",
            factory.isDraining,
        )
        yield _gauge(
            "send_buffer_bytes",
            "What waits to be sent, on all connections.",
            totals.buffered,
        )
        yield _gauge(
            "slow_agents",
            "Agents of which nothing is read, as so much waits to be sent to them.",
            totals.slow,
        )
        passed = totals.passed
        messages = passed.messagesReceived, passed.messagesSent
        octets = passed.octetsReceived, passed.octetsSent
        yield _bothWays("messages", "Messages that have passed.", messages)
        yield _bothWays("frame_bytes", "Bytes of frames that have passed.", octets)
        yield from _compression(
            (totals.plainReceived, totals.plainSent),
            (totals.encodedReceived, totals.encodedSent),
        )
        yield from _happened(factory.statistics, self._inspection.closes())


def _happened(statistics: Statistics, ended: dict[str, int]) -> Iterator[Metric]:
    """Give what has happened since the server was made."""
    handshakes = CounterMetricFamily(
        "wsagent_handshakes",
        "Opening handshakes, by the status of the response; none: not answered.",
        labels=("status",),
    )
    for status, count in sorted(statistics.handshakes.items()):
        handshakes.add_metric((status,), count)
    yield handshakes
    closes = CounterMetricFamily(
        "wsagent_closes",
        "Connections that were open and have ended, by the close code.",
        labels=("code",),
    )
    for code, count in ended.items():
        closes.add_metric((code,), count)
    yield closes
    yield CounterMetricFamily(
        "wsagent_slow_peers",
        "Peers that were given up, as they did not read.",
        statistics.slow,
    )
    yield _histogram(statistics.roundTrips)


def _histogram(roundTrips: Histogram) -> Metric:
    """Give the round trips; a bucket has those below its bound counted."""
    buckets, below = [], 0
    bounds = [*map(str, roundTrips.bounds), "+Inf"]
    for bound, count in zip(bounds, roundTrips.counts, strict=True):
        below += count
        buckets.append((bound, below))
    return HistogramMetricFamily(
        "wsagent_ping_round_trip_seconds",
        "What pings of the server took, until their pongs came.",
        buckets,
        roundTrips.sum,
    )


def _compression(
    plain: tuple[int, int],
    encoded: tuple[int, int],
) -> Iterator[Metric]:
    """
    Give what compression is about, each way.

    @param plain: octets of messages.
    @param encoded: the same, compressed.
    """
    yield _bothWays(
        "uncompressed_bytes",
        "Bytes of the messages that were compressed, before.",
        plain,
    )
    yield _bothWays(
        "compressed_bytes",
        "Bytes of the messages that were compressed, after.",
        encoded,
    )
    ratio = GaugeMetricFamily(
        "wsagent_compression_ratio",
        "Of all messages that were compressed: bytes after, by bytes before.",
        labels=("direction",),
    )
    for way, before, after in zip(_WAYS, plain, encoded, strict=True):
        if before:
            ratio.add_metric((way,), after / before)
    yield ratio


_WAYS = ("received", "sent")


def _gauge(name: str, documentation: str, value: float) -> Metric:
    """Give what goes up and down."""
    return GaugeMetricFamily(f"wsagent_{name}", documentation, value)


def _bothWays(name: str, documentation: str, values: tuple[int, int]) -> Metric:
    """Give what only goes up, of both directions."""
    family = CounterMetricFamily(
        f"wsagent_{name}",
        documentation,
        labels=("direction",),
    )
    for way, value in zip(_WAYS, values, strict=True):
        family.add_metric((way,), value)
    return family
