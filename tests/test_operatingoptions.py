"""L{wsagent.operatingoptions}: where operators look inside."""

from twisted.internet.endpoints import TCP4ServerEndpoint, UNIXServerEndpoint
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from wsagent.operatingoptions import privateEndpoint

from .core.notation import row


class PrivateEndpointTests(SynchronousTestCase):
    """L{privateEndpoint}."""

    def test_port(self):
        """A port alone is one of this machine."""
        endpoint = privateEndpoint("admin", "8002")
        self.assertIsInstance(endpoint, TCP4ServerEndpoint)
        self.assertEqual((endpoint._port, endpoint._interface), (8002, "127.0.0.1"))

    def test_unix(self):
        """A UNIX socket is its owner's alone, unless it says whose else."""
        for place, mode in (
            ("unix:/run/admin.sock", 0o600),
            ("unix:address=/run/admin.sock:mode=660", 0o660),
        ):
            with row(place):
                endpoint = privateEndpoint("admin", place)
                self.assertIsInstance(endpoint, UNIXServerEndpoint)
                self.assertEqual(endpoint._address, "/run/admin.sock")
                self.assertEqual(endpoint._mode, mode)

    def test_wrong(self):
        """What is no endpoint is said in one line, with what is allowed."""
        for place in ("65536", "", "nothing:here", "tcp:x", "unix", "-1"):
            with row(place), self.assertRaises(usage.UsageError) as caught:
                privateEndpoint("console", place)
            said = str(caught.exception)
            self.assertTrue(said.startswith(f"--console {place}: "), said)
            self.assertIn("allowed: 0 to 65535, or an endpoint such as unix:", said)
            self.assertNotIn("\n", said)
