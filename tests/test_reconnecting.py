"""A client that stays."""

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.logger import capturedLogs, formatEvent

from tests.agents import Noting
from tests.clients import ClientCase, head, masked
from tests.core.notation import frame
from wsagent import (
    ClosedUncleanly,
    ConnectionRejected,
    ReconnectingService,
    Settings,
    WebSocketClientEndpoint,
    WebSocketClientFactory,
)
from wsagent.reconnecting import retryPolicy


class PolicyTests(ClientCase):
    """Tests for L{retryPolicy}."""

    def test_growth(self):
        """Delays grow to a limit."""
        policy = retryPolicy(1, 60, 2, jitter=0)
        self.assertEqual([policy(n) for n in (1, 2, 3, 7, 99999)], [1, 2, 4, 60, 60])

    def test_jitter(self):
        """A share of each delay is random, of long ones as of short ones."""
        low = retryPolicy(4, 60, jitter=0.5, random=lambda: 1.0)
        self.assertEqual((low(1), low(100)), (2, 30))
        delays = {retryPolicy()(100) for _ in range(100)}
        self.assertGreater(len(delays), 90)
        self.assertGreaterEqual(min(delays), 30)
        self.assertLessEqual(max(delays), 60)


class ReconnectingTests(ClientCase):
    """Tests for L{ReconnectingService}."""

    def setUp(self):
        """No service is made."""
        super().setUp()
        self.failures = []
        self.dropped = []

    def start(self, protocol=Noting, **how):
        """Start a service that tries again after as many seconds as it failed."""
        endpoint = WebSocketClientEndpoint.new(
            self.net.clock, "ws://localhost/", proxy=self.net
        )
        factory = WebSocketClientFactory(protocol, settings=Settings())
        how.setdefault("failed", self.failures.append)
        how.setdefault("dropped", self.dropped.append)
        service = ReconnectingService(endpoint, factory, float, **how)
        service.startService()
        self.addCleanup(self.stop, service)
        return service

    def stop(self, service) -> None:
        """Stop a service, whatever its state."""
        if service.running:
            stopped = service.stopService()
            self.net.stop()
            self.successResultOf(stopped)

    def refuse(self, status: int) -> None:
        """Refuse the last request."""
        self.net.line.send(head(b"HTTP/1.1 %d No" % status, b"Content-Length: 0"))

    def test_connected(self):
        """The agent is to be had when it is open."""
        service = self.start()
        first = service.whenConnected()
        self.assertNoResult(first)
        self.assertIsNone(service.agent)
        self.net.line.accept()
        agent = self.successResultOf(first)
        self.assertEqual(agent.calls, ["open"])
        self.assertIs(service.agent, agent)
        self.assertIs(self.successResultOf(service.whenConnected()), agent)

    def test_again(self):
        """A connection that is lost is opened again, with another agent."""
        service = self.start()
        self.net.line.accept()
        first = service.agent
        self.net.line.vanish()
        self.assertIsNone(service.agent)
        self.assertEqual(first.ending[0], ClosedUncleanly)
        self.net.advance(0.9)
        self.assertEqual(len(self.net.lines), 1)
        self.net.advance(0.1)
        self.net.line.accept()
        self.assertIsNot(service.agent, first)
        self.assertTrue(service.agent.isOpen)
        self.assertEqual(self.failures, [])

    def test_failures(self):
        """Each failure is told, and the next attempt waits as the policy says."""
        service = self.start()
        waiting = service.whenConnected(failAfterFailures=2)
        self.refuse(503)
        self.net.advance(1)
        self.net.line.vanish()
        self.failureResultOf(waiting, ClosedUncleanly)
        self.net.advance(1)
        self.assertEqual(len(self.net.lines), 2)
        self.net.advance(1)
        self.net.line.accept()
        self.assertEqual(
            [type(failure.value) for failure in self.failures],
            [ConnectionRejected, ClosedUncleanly],
        )
        self.assertTrue(service.agent.isOpen)

    def test_final(self):
        """After a final refusal, who waits is told, and nothing is tried again."""
        for status in (401, 403, 404):
            service = self.start(queueLimit=1)
            waiting = service.whenConnected()
            service.send("never")
            self.refuse(status)
            self.net.advance(0)
            self.failureResultOf(waiting, ConnectionRejected)
            self.failureResultOf(service.whenConnected(), ConnectionRejected)
            self.assertFalse(service.running)
            self.assertEqual(self.dropped.pop(), "never")
            self.assertEqual(self.net.clock.getDelayedCalls(), [])

    def test_startedAgain(self):
        """A service that gave up can be started again."""
        service = self.start()
        self.refuse(401)
        self.net.advance(0)
        service.startService()
        self.net.line.accept()
        self.assertTrue(service.agent.isOpen)

    def test_isFinal(self):
        """The application may decide what is final."""
        service = self.start(isFinal=lambda failure: failure.value.status == 503)
        self.refuse(401)
        self.net.advance(1)
        self.refuse(503)
        self.net.advance(0)
        self.assertFalse(service.running)

    def test_attempting(self):
        """Each attempt waits for the hook before it, whose failure is its own."""
        ready = [fail(OSError("no network")), Deferred()]
        service = self.start(attempting=lambda: ready.pop(0))
        self.net.advance(1)
        self.assertEqual(self.net.lines, [])
        (failure,) = self.failures
        self.assertEqual(failure.type, OSError)
        waiting = service.whenConnected()
        self.assertEqual(ready, [])
        self.assertNoResult(waiting)
        self.stop(service)
        self.failureResultOf(waiting, CancelledError)

    def test_attemptingIsCancelled(self):
        """To stop ends what the attempt waits for."""
        cancelled = []
        waiting = Deferred(cancelled.append)
        service = self.start(attempting=lambda: waiting)
        self.successResultOf(service.stopService())
        self.assertEqual(cancelled, [waiting])
        self.assertEqual(self.failures, [])

    def test_badHook(self):
        """What a hook raises is logged, and it is tried again."""
        self.start(failed=lambda _: 1 / 0)
        self.refuse(401)
        self.net.advance(1)
        self.assertEqual(len(self.net.lines), 2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_queue(self):
        """What is sent while there is no connection is sent when there is one."""
        service = self.start(queueLimit=3)
        for message in ("a", b"b"):
            service.send(message)
        self.net.line.accept()
        service.send("c")
        self.assertEqual(
            masked(self.net.line), [(0x81, b"a"), (0x82, b"b"), (0x81, b"c")]
        )
        self.net.line.send(frame(8))
        service.send("d")
        self.net.line.finish()
        self.net.advance(1)
        self.net.line.accept()
        self.assertEqual(masked(self.net.line), [(0x81, b"d")])
        self.assertEqual(self.dropped, [])

    def test_dropped(self):
        """What falls out of the queue is told, the oldest first."""
        service = self.start(queueLimit=2)
        for message in "abcd":
            service.send(message)
        self.assertEqual(self.dropped, ["a", "b"])
        stopped = service.stopService()
        self.assertEqual(self.dropped, ["a", "b", "c", "d"])
        self.successResultOf(stopped)
        service.send("e")
        self.assertEqual(self.dropped.pop(), "e")

    def test_droppedIsLogged(self):
        """Without a queue, and who is told, the log is."""
        service = self.start(dropped=None)
        with capturedLogs() as events:
            service.send("secret")
        text = "\n".join(map(formatEvent, events))
        self.assertIn("6 characters or octets for ws://localhost/ are not sent", text)

    def test_stop(self):
        """To stop closes the connection with 1001, and waits for its end."""
        service = self.start()
        self.net.line.accept()
        agent = service.agent
        stopped = service.stopService()
        self.assertNoResult(stopped)
        self.assertEqual(masked(self.net.line), [(0x88, b"\3\xe9")])
        self.net.line.send(frame(8, b"\3\xe9"))
        self.net.line.finish()
        self.successResultOf(stopped)
        self.assertEqual(agent.ending[1], 1001)
        self.failureResultOf(service.whenConnected(), CancelledError)
        self.net.advance(60)
        self.assertEqual(len(self.net.lines), 1)

    def test_stopWhileConnecting(self):
        """To stop ends an attempt, which is no failure."""
        service = self.start()
        waiting = service.whenConnected()
        self.successResultOf(service.stopService())
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.failures, [])

    def test_closedAtOnce(self):
        """An agent that closes as soon as it is open is a failure."""

        class Shy(Noting):
            def negotiationFinished(self):
                self.loseConnection()

        service = self.start(Shy)
        self.net.line.accept()
        self.assertIsNone(service.agent)
        (failure,) = self.failures
        self.assertIn("closed as soon as it was open", str(failure.value))
        self.net.line.vanish()
        self.net.advance(1)
        self.assertEqual(len(self.net.lines), 2)
