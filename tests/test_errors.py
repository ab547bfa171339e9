"""L{wsagent.errors}."""

import pickle

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from wsagent.errors import ClosedCleanly, ClosedUncleanly, Refusal, RequestRejected


class ClosedTests(SynchronousTestCase):
    """The reasons of C{connectionLost}."""

    def test_cleanly(self):
        """A clean end is Twisted's C{ConnectionDone}, and knows more."""
        failure = Failure(ClosedCleanly(1000, "bye", "peer"))
        self.assertIs(failure.check(ConnectionDone), ConnectionDone)
        self.assertIsNone(failure.check(ConnectionLost))
        error = failure.value
        self.assertEqual(
            (error.code, error.reason, error.initiator), (1000, "bye", "peer")
        )

    def test_uncleanly(self):
        """An unclean end is Twisted's C{ConnectionLost}, and knows more."""
        failure = Failure(ClosedUncleanly(1002, "opcode 3", "us"))
        self.assertIs(failure.check(ConnectionLost), ConnectionLost)
        self.assertIsNone(failure.check(ConnectionDone))
        error = failure.value
        self.assertEqual(
            (error.code, error.reason, error.initiator), (1002, "opcode 3", "us")
        )

    def test_gone(self):
        """Without arguments, the peer was gone: 1006."""
        error = ClosedUncleanly()
        self.assertEqual(
            (error.code, error.reason, error.initiator), (1006, "", "peer")
        )

    def test_text(self):
        """As text they say code, reason if any, and who began."""
        self.assertEqual(str(ClosedCleanly(1000, "", "us")), "1000 by us")
        self.assertEqual(
            str(ClosedUncleanly(1006, "a\nb", "peer")), "1006 'a\\nb' by peer"
        )

    def test_pickled(self):
        """They survive being sent to another process."""
        for error in (ClosedCleanly(3000, "x", "us"), ClosedUncleanly()):
            again = pickle.loads(pickle.dumps(error))
            self.assertEqual((type(again), str(again)), (type(error), str(error)))


class RequestRejectedTests(SynchronousTestCase):
    """L{RequestRejected} keeps what is to be answered."""

    def test_default(self):
        """Without arguments it is a plain 403."""
        error = RequestRejected()
        self.assertEqual((error.status, error.headers, error.body), (403, (), b""))

    def test_all(self):
        """Status, fields and a body of text or octets are kept."""
        error = RequestRejected(401, [("WWW-Authenticate", "Basic")], "né")
        self.assertEqual(error.status, 401)
        self.assertEqual(error.headers, (("WWW-Authenticate", "Basic"),))
        self.assertEqual(error.body, "né".encode())
        self.assertEqual(RequestRejected(400, body=b"\xff").body, b"\xff")
        self.assertEqual(str(error), "401")


class RefusalTests(SynchronousTestCase):
    """L{Refusal} tells the log more than the client."""

    def test_why(self):
        """It is a rejection, whose reason only the log is told."""
        error = Refusal(404, body="no such path\n", why="path /x: no route")
        self.assertIsInstance(error, RequestRejected)
        self.assertEqual((error.status, error.body), (404, b"no such path\n"))
        self.assertEqual(error.why, "path /x: no route")
        self.assertEqual(RequestRejected().why, "by the agent")
