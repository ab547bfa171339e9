"""L{wsagent.operatingoptions}: where operators look inside."""

from pathlib import Path

from twisted.internet.address import IPv4Address
from twisted.internet.endpoints import TCP4ServerEndpoint, UNIXServerEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactor
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from wsagent.demo import Echo
from wsagent.operatingoptions import OperatingOptions, privateEndpoint
from wsagent.server import WebSocketServerFactory
from wsagent.service import CannotStart, WebSocketService
from wsagent.tokens import addToken

from .core.notation import row


class OperatingOptionsTests(SynchronousTestCase):
    """C{--console}, C{--admin} and C{--admin-tokens}."""

    def service(self, *arguments):
        """Make a service of a command line."""
        options = OperatingOptions()
        options.parseOptions(arguments)
        service = WebSocketService(WebSocketServerFactory(Echo, reactor=Clock()), ())
        options.addCompanions(service)
        return service

    def test_none(self):
        """Unless it is asked for, there is no console."""
        self.assertEqual(list(self.service()._companions), [])

    def test_console(self):
        """A console runs beside the service, and does its commands."""
        service = self.service("--console", "8003")
        (companion,) = service._companions
        commands = companion.factory.commands
        service.addresses.append(IPv4Address("TCP", "192.0.2.1", 8001))
        info = self.successResultOf(commands.run(["info"]))
        self.assertEqual(info["ports"], ["192.0.2.1:8001"])

    def test_admin(self):
        """An admin endpoint runs beside the service, with the console's commands."""
        service = self.service("--console", "8003", "--admin", "8002")
        console, admin = service._companions
        self.assertEqual(admin.endpoints[0]._interface, "127.0.0.1")
        self.assertTrue(admin._isPrivate)
        self.assertIsNone(admin.factory.guard)
        self.assertIs(admin.commands, console.factory.commands)

    def test_tokens(self):
        """With tokens, others may connect who have one."""
        path = self.mktemp()
        addToken(path, "ann")
        service = self.service("--admin", "tcp:8002", "--admin-tokens", path)
        (admin,) = service._companions
        self.assertFalse(admin._isPrivate)
        self.assertIsNotNone(admin.factory.guard)

    def test_wrongTokens(self):
        """A file of tokens that is none is said in one line."""
        missing = self.mktemp()
        wrong = self.mktemp()
        Path(wrong).write_text("nobody\n")
        for path, why in (
            (missing, "No such file or directory"),
            (".", "Is a directory"),
            (wrong, f"{wrong}:1: needed: name:sha256, or name:sha256:expiry"),
        ):
            with row(why), self.assertRaises(usage.UsageError) as caught:
                self.service("--admin", "8002", "--admin-tokens", path)
            said = str(caught.exception)
            self.assertEqual(said, f"--admin-tokens {path}: {why}")

    def test_tokensAlone(self):
        """Tokens for nothing are a mistake."""
        path = self.mktemp()
        addToken(path, "ann")
        with self.assertRaises(usage.UsageError) as caught:
            self.service("--admin-tokens", path)
        self.assertEqual(
            str(caught.exception), f"--admin-tokens {path}: allowed: with --admin"
        )

    def test_public(self):
        """It does not start where another machine could connect."""
        service = self.service("--console", "tcp:0:interface=0.0.0.0")
        (companion,) = service._companions
        self.patch(companion.endpoints[0], "_reactor", MemoryReactor())
        with self.assertRaises(CannotStart) as caught:
            companion.privilegedStartService()
        self.assertRegex(
            str(caught.exception), "^wsagent: console on 0.0.0.0.*, allowed: a UNIX"
        )


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
