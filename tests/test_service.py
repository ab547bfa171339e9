"""L{wsagent.service}: ports that listen, and connections that are drained."""

import signal

from twisted.application.service import IService, Service
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from wsagent.build import describeBuild
from wsagent.notifying import Notifier
from wsagent.server import WebSocketServerFactory
from wsagent.service import CannotStart, ListeningService, WebSocketService
from wsagent.testing import connected

from .agents import Noting
from .systemd import Systemd


@implementer(IListeningPort)
class MemoryPort:
    """A port in memory."""

    def __init__(self, number, host="192.0.2.2"):
        """It listens."""
        self.number = number
        self.host = host
        self.stopping = None

    def startListening(self):
        """It does from the start."""

    def stopListening(self):
        """Give what the test fires once the port is closed."""
        self.stopping = Deferred()
        return self.stopping

    def getHost(self):
        """Name the port."""
        return IPv4Address("TCP", self.host, self.number)


@implementer(IStreamServerEndpoint)
class MemoryEndpoint:
    """An endpoint in memory, that listens when the test says so."""

    def __init__(self):
        """Nobody wants to listen yet."""
        self.listening = []
        self.cancelled = []
        self.factories = []

    def listen(self, protocolFactory):
        """Keep the factory."""
        self.factories.append(protocolFactory)
        self.listening.append(Deferred(self.cancelled.append))
        return self.listening[-1]


class Reloading(MemoryEndpoint):
    """An endpoint that can be told to read its certificates again."""

    def __init__(self, error=None):
        """@param error: raised each time."""
        super().__init__()
        self.error = error
        self.reloaded = 0

    def reload(self):
        """Count."""
        self.reloaded += 1
        if self.error is not None:
            raise self.error


class ServiceTests(SynchronousTestCase):
    """L{WebSocketService}."""

    def setUp(self):
        """Make a service with two endpoints in memory."""
        self.reactor = MemoryReactorClock()
        self.factory = WebSocketServerFactory(Noting, reactor=self.reactor)
        self.endpoints = [MemoryEndpoint(), MemoryEndpoint()]
        self.service = WebSocketService(self.factory, self.endpoints)

    def make(self, *descriptions):
        """Make a service as C{twistd} would, on a reactor in memory."""
        endpoints = [serverFromString(self.reactor, each) for each in descriptions]
        return WebSocketService(self.factory, endpoints)

    def test_interface(self):
        """It is a service."""
        verifyObject(IService, self.service)

    def test_listens(self):
        """Started, it listens on each endpoint, once."""
        service = self.make("tcp:8001:interface=127.0.0.1", "unix:/tmp/ws.sock")
        service.privilegedStartService()
        service.startService()
        ((port, factory, _, interface),) = self.reactor.tcpServers
        self.assertEqual((port, interface), (8001, "127.0.0.1"))
        self.assertIs(factory, self.factory)
        ((name, factory, *_),) = self.reactor.unixServers
        self.assertEqual(name, "/tmp/ws.sock")
        self.assertTrue(service.running)

    def test_notPrivileged(self):
        """It listens too if nobody starts it while privileged."""
        service = self.make("tcp:8001")
        service.startService()
        self.assertEqual(len(self.reactor.tcpServers), 1)

    def test_log(self):
        """The log says which build runs, who answers, and where it listens."""
        with capturedLogs() as events:
            self.service.startService()
            self.endpoints[0].listening[0].callback(MemoryPort(8001))
            self.endpoints[1].listening[0].callback(MemoryPort(8002))
        lines = [event["log_format"].format(**event) for event in events]
        self.assertEqual(
            lines,
            [
                f"build: {describeBuild()}",
                "route: * -> tests.agents:Noting",
                "listening on 192.0.2.2:8001",
                "listening on 192.0.2.2:8002",
            ],
        )

    def test_cannotStart(self):
        """A port that is not to be had is a L{CannotStart} of one line."""

        class Refusing(MemoryReactorClock):
            def listenTCP(self, port, *arguments, **options):
                error = OSError(98, "Address already in use")
                raise CannotListenError("127.0.0.1", port, error)

        self.reactor = Refusing()
        for start in ("privilegedStartService", "startService"):
            service = self.make("tcp:8001")
            with self.assertRaises(CannotStart) as caught:
                getattr(service, start)()
            self.assertEqual(
                str(caught.exception),
                "wsagent: Couldn't listen on 127.0.0.1:8001: "
                "[Errno 98] Address already in use.",
            )
            self.assertIsInstance(caught.exception, SystemExit)
            self.assertEqual(caught.exception.code, str(caught.exception))

    def test_stop(self):
        """Stopped, its ports are closed, then its connections, and then it is done."""
        self.service.startService()
        ports = [MemoryPort(1), MemoryPort(2)]
        for endpoint, port in zip(self.endpoints, ports, strict=True):
            endpoint.listening[0].callback(port)
        peer = connected(self.factory)
        stopped = self.service.stopService()
        self.assertFalse(self.service.running)
        self.assertIsNone(ports[1].stopping)
        ports[0].stopping.callback(None)
        self.assertIsNone(peer.closed)
        ports[1].stopping.callback(None)
        self.assertNoResult(stopped)
        self.assertEqual(peer.closed, (1001, ""))
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_stopDeadline(self):
        """A stop takes no longer than C{drainTimeout}."""
        service = self.make()
        service.startService()
        peer = connected(self.factory)
        peer.pauseReading()
        peer.transport.disconnecting = False
        stopped = service.stopService()
        self.reactor.advance(29)
        peer.pump()
        self.reactor.advance(1)
        peer.pump()
        self.successResultOf(stopped)

    def test_stopWhileStarting(self):
        """An endpoint that does not listen yet is given up."""
        self.service.startService()
        stopped = self.service.stopService()
        for endpoint in self.endpoints:
            self.assertEqual(endpoint.cancelled, endpoint.listening)
        self.successResultOf(stopped)

    def test_cannotListenLater(self):
        """A port that is not to be had after all is one critical line in the log."""
        self.service.startService()
        with capturedLogs() as events:
            self.endpoints[0].listening[0].errback(OSError("taken"))
        lines = [formatEvent(event) for event in events]
        self.assertEqual(lines, ["cannot listen: taken"])
        self.assertEqual(events[0]["log_level"], LogLevel.critical)
        self.successResultOf(self.service.stopService())

    def test_reload(self):
        """What can be read again is; the log says so, or why not."""
        self.service.reload()
        endpoints = [Reloading(), MemoryEndpoint(), Reloading(ValueError("a\nb"))]
        service = WebSocketService(self.factory, endpoints)
        companion = ListeningService(Factory.forProtocol(Protocol), [endpoints[0]])
        service.addCompanion(companion)
        with capturedLogs() as events:
            service.reload()
        self.assertEqual(endpoints[0].reloaded, 2)
        self.assertEqual(
            [formatEvent(event) for event in events],
            [
                "certificates read, for connections from now on",
                "certificates not read, the old ones stay: ValueError: a",
                "certificates read, for connections from now on",
            ],
        )

    def test_reloadSignal(self):
        """Started, it reloads at a signal if it was told to; stopped, no more."""
        called = []
        before = signal.signal(signal.SIGUSR2, lambda *_: called.append("before"))
        self.addCleanup(signal.signal, signal.SIGUSR2, before)
        self.reactor.callFromThread = called.append
        service = WebSocketService(self.factory, [], signal.SIGUSR2)
        self.successResultOf(service.stopService())
        signal.raise_signal(signal.SIGUSR2)
        service.startService()
        signal.raise_signal(signal.SIGUSR2)
        self.successResultOf(service.stopService())
        signal.raise_signal(signal.SIGUSR2)
        self.assertEqual(called, ["before", service.reload, "before"])

    def test_noSignal(self):
        """It leaves all signals alone by default."""
        before = signal.getsignal(signal.SIGHUP)
        self.service.startService()
        self.assertIs(signal.getsignal(signal.SIGHUP), before)
        self.successResultOf(self.service.stopService())

    def test_stopUnstarted(self):
        """A service that was not started can be stopped."""
        self.successResultOf(self.service.stopService())

    def test_startAgain(self):
        """A service that was stopped can be started again."""
        self.service.startService()
        self.successResultOf(self.service.stopService())
        self.service.startService()
        self.assertEqual([len(each.listening) for each in self.endpoints], [2, 2])

    def test_companions(self):
        """What runs beside it stops when the last connection is gone."""
        noted = []

        class Companion(Service):
            def privilegedStartService(self):
                noted.append("privileged")

            def startService(self):
                noted.append("start")

            def stopService(self):
                noted.append("stop")

        service = WebSocketService(self.factory, self.endpoints)
        service.addCompanion(Companion())
        service.privilegedStartService()
        service.startService()
        peer = connected(self.factory)
        peer.answersFin = False
        stopped = service.stopService()
        peer.pump()
        self.assertEqual(noted, ["privileged", "start"])
        peer.finish()
        self.successResultOf(stopped)
        self.assertEqual(noted, ["privileged", "start", "stop"])


class NotifyingTests(SynchronousTestCase):
    """What L{WebSocketService} has systemd told."""

    def setUp(self):
        """Make a service with a companion that listens too."""
        self.systemd = Systemd(self.mktemp())
        self.addCleanup(self.systemd.close)
        self.reactor = MemoryReactorClock()
        self.factory = WebSocketServerFactory(Noting, reactor=self.reactor)
        self.endpoints = [MemoryEndpoint(), Reloading(), MemoryEndpoint()]
        *endpoints, other = self.endpoints
        notifier = Notifier(self.reactor, self.systemd.address, 20)
        self.addCleanup(notifier.stopped)
        companion = ListeningService(Factory.forProtocol(Protocol), [other], "console")
        self.service = WebSocketService(
            self.factory,
            endpoints,
            None,
            [companion, Service()],
            notifier,
        )

    def listen(self, count):
        """
        Start, and have some endpoints listen.

        @return: their ports.
        """
        self.service.startService()
        ports = [MemoryPort(8001 + number) for number in range(count)]
        for endpoint, port in zip(self.endpoints, ports, strict=False):
            endpoint.listening[0].callback(port)
        return ports

    def stop(self, ports):
        """Stop, and close the ports."""
        stopped = self.service.stopService()
        for port in ports[:2]:
            port.stopping.callback(None)
        return stopped

    def test_ready(self):
        """It is ready when all ports listen, the companions' too, and not before."""
        self.listen(2)
        self.reactor.advance(9)
        self.assertEqual(self.systemd.heard(), [])
        self.endpoints[2].listening[0].callback(MemoryPort(8003))
        self.assertEqual(self.systemd.heard(), [])
        self.reactor.advance(0)
        status = "STATUS=listening on 192.0.2.2:8001, 192.0.2.2:8002"
        self.assertEqual(self.systemd.heard(), [["READY=1", status]])
        self.reactor.advance(10)
        self.assertEqual(self.systemd.heard(), [["WATCHDOG=1"]])

    def test_cannotListen(self):
        """It never is when one does not."""
        self.listen(2)
        self.endpoints[2].listening[0].errback(OSError("taken"))
        self.reactor.advance(9)
        self.assertEqual(self.systemd.heard(), [])

    def test_reload(self):
        """It says that it reads certificates again."""
        self.listen(3)
        self.reactor.advance(0)
        self.systemd.heard()
        self.service.reload()
        self.assertEqual(self.endpoints[1].reloaded, 1)
        names = [lines[0] for lines in self.systemd.heard()]
        self.assertEqual(names, ["RELOADING=1", "READY=1"])

    def test_stop(self):
        """It says that it stops, and for how many it waits."""
        ports = self.listen(3)
        self.reactor.advance(0)
        peers = [connected(self.factory), connected(self.factory)]
        for peer in peers:
            peer.answersFin = False
        self.systemd.heard()
        stopped = self.service.stopService()
        ((stopping, patience, status),) = self.systemd.heard()
        self.assertEqual(stopping, "STOPPING=1")
        self.assertEqual(patience, "EXTEND_TIMEOUT_USEC=40000000")
        self.assertEqual(status, "STATUS=draining, connections left: 2")
        for port in ports[:2]:
            port.stopping.callback(None)
        for peer in peers:
            peer.pump()
        peers[0].finish()
        self.reactor.advance(1)
        self.assertEqual(
            self.systemd.heard(),
            [["STATUS=draining, connections left: 1"]],
        )
        peers[1].finish()
        ports[2].stopping.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(self.systemd.heard(), [["STATUS="]])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_stopWhileStarting(self):
        """Who is stopped before all ports listen never was ready."""
        self.service.startService()
        self.successResultOf(self.service.stopService())
        self.reactor.advance(0)
        names = [lines[0] for lines in self.systemd.heard()]
        self.assertEqual(names, ["STOPPING=1", "STATUS="])


class ListeningServiceTests(SynchronousTestCase):
    """L{ListeningService} with any factory."""

    def start(self, host, **arguments):
        """
        Start one, in memory.

        @return: the service, its port, and what was logged.
        """
        factory = Factory.forProtocol(Protocol)
        endpoint, port = MemoryEndpoint(), MemoryPort(8000, host)
        self.service = ListeningService(factory, [endpoint], "console", **arguments)
        self.assertTrue(verifyObject(IService, self.service))
        with capturedLogs() as events:
            self.service.startService()
            self.assertEqual(endpoint.factories, [factory])
            endpoint.listening[0].callback(port)
        return port, list(map(formatEvent, events))

    def test_listens(self):
        """It says what it listens for and where, until it is stopped."""
        port, lines = self.start("192.0.2.2")
        self.assertEqual(lines, ["console listening on 192.0.2.2:8000"])
        self.assertEqual(self.service.addresses, [port.getHost()])
        stopped = self.service.stopService()
        port.stopping.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(self.service.addresses, [])

    def test_private(self):
        """A private one listens where nobody else can connect."""
        for host in ("127.0.0.1", "127.3.2.1"):
            port, lines = self.start(host, isPrivate=True)
            self.assertEqual(lines, [f"console listening on {host}:8000"])
            self.assertIsNone(port.stopping)

    def test_notPrivate(self):
        """It does not listen elsewhere."""
        for host in ("0.0.0.0", "192.0.2.2"):
            port, lines = self.start(host, isPrivate=True)
            allowed = "a UNIX socket, or an address of this machine only"
            line = f"cannot listen: console on {host}:8000, allowed: {allowed}"
            self.assertEqual(lines, [line])
            self.assertIsNotNone(port.stopping)
            self.assertEqual(self.service.addresses, [])
