"""L{wsagent.tap}: what C{twistd wsagent} understands."""

import io
import os
import re
import signal
import sys
from pathlib import Path

from twisted.application.service import IServiceMaker
from twisted.internet.endpoints import TCP4ServerEndpoint, UNIXServerEndpoint
from twisted.plugin import IPlugin, getPlugins
from twisted.plugins import wsagent_plugin
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from wsagent import demo
from wsagent.protocol import WebSocketProtocol
from wsagent.service import WebSocketService
from wsagent.settingoptions import NUMBERS
from wsagent.settings import Settings
from wsagent.tap import Options, makeService
from wsagent.testing import connected, upgradeRequest

from .systemd import Systemd

OWN_CLASS = """\
from wsagent import WebSocketProtocol

class Mine(WebSocketProtocol):
    pass
"""


def parsed(*arguments):
    """Read a command line."""
    options = Options()
    options.parseOptions(list(arguments))
    return options


def makers(factory):
    """Tell what makes the agents of a factory's only route."""
    (route,) = factory.routes
    return route.makers


class OptionsTests(SynchronousTestCase):
    """What is told, and what is made of it."""

    def setUp(self):
        """Leave modules, and where they are found, as they were."""
        self.patch(sys, "path", list(sys.path))

    def inFolder(self, **sources):
        """Make the current folder one with these modules."""
        folder = FilePath(self.mktemp())
        folder.makedirs()
        for name, source in sources.items():
            folder.child(f"{name}.py").setContent(source.encode())
            self.addCleanup(sys.modules.pop, name, None)
        before = Path.cwd()
        self.addCleanup(lambda: os.chdir(before))
        os.chdir(folder.path)

    def test_default(self):
        """Told nothing, it is the demo on port 8001, with the default settings."""
        options = parsed()
        self.assertEqual(options.settings, Settings())
        (endpoint,) = options.endpoints
        self.assertIsInstance(endpoint, TCP4ServerEndpoint)
        self.assertEqual(endpoint._port, 8001)
        factory = options.makeFactory()
        self.assertEqual(
            factory.subprotocols, ("lws-mirror-protocol", "dumb-increment-protocol")
        )
        self.assertIs(makers(factory)[None], demo.Echo)

    def test_page(self):
        """The demo has its page; who has an application or routes has none of ours."""
        body = parsed().makeFactory().site.resource.children[b""].body
        self.assertIn(b"<title>wsagent</title>", body)
        for name in ("--app=wsagent.demo:Echo", "--route=/a=wsagent.demo:Echo"):
            self.assertIsNone(parsed(name).makeFactory().site)

    def test_port(self):
        """C{--port} is a number or an endpoint, and may be repeated."""
        endpoints = parsed(
            "--port", "0", "--port=65535", "--port", "unix:/tmp/ws.sock"
        ).endpoints
        self.assertEqual([each._port for each in endpoints[:2]], [0, 65535])
        self.assertIsInstance(endpoints[2], UNIXServerEndpoint)
        (endpoint,) = parsed("--port", "tcp:8002:interface=127.0.0.1").endpoints
        self.assertEqual((endpoint._port, endpoint._interface), (8002, "127.0.0.1"))

    def test_app(self):
        """C{--app} names a class by its module, with a colon or a dot."""
        for name in ("wsagent.demo:Increment", "wsagent.demo.Increment"):
            factory = parsed("--app", name).makeFactory()
            self.assertEqual(makers(factory), {None: demo.Increment})
            self.assertEqual(factory.subprotocols, ())

    def test_appFromFolder(self):
        """An application is found in the current folder, behind all else."""
        self.inFolder(wsagent_mine=OWN_CLASS, json="raise RuntimeError")
        factory = parsed("--app", "wsagent_mine:Mine").makeFactory()
        self.assertEqual(makers(factory)[None].__name__, "Mine")
        parsed("--app", "wsagent_mine.Mine")
        self.assertEqual(sys.path.count(str(Path.cwd())), 1)
        self.assertEqual(sys.path[-1], str(Path.cwd()))

    def test_subprotocol(self):
        """C{--subprotocol} is spoken by the application, or by a class of its own."""
        factory = parsed(
            "--app=wsagent.demo:Echo",
            "--subprotocol=b",
            "--subprotocol=a=wsagent.demo:Increment",
        ).makeFactory()
        self.assertEqual(factory.subprotocols, ("b", "a"))
        self.assertEqual(
            makers(factory), {"b": demo.Echo, "a": demo.Increment, None: demo.Echo}
        )

    def test_subprotocolOfDemo(self):
        """Without an application, the demo echoes under other names too."""
        factory = parsed("--subprotocol=mine").makeFactory()
        self.assertEqual(
            factory.subprotocols,
            ("lws-mirror-protocol", "dumb-increment-protocol", "mine"),
        )
        request = upgradeRequest("/", ["mine"])
        peer = connected(factory, request=request)
        self.addCleanup(peer.vanish)
        peer.sendTextMessage("x")
        self.assertEqual(peer.received, ["x"])
        self.assertEqual(peer.agent.subprotocol, "mine")

    def test_route(self):
        """C{--route} says who answers where; nobody does anywhere else."""
        self.inFolder(wsagent_mine=OWN_CLASS)
        factory = parsed(
            "--route=/chat/{room}=wsagent.demo:Echo",
            "--route",
            "*.example.com/a=b/{name...}=wsagent_mine.Mine",
        ).makeFactory()
        self.assertEqual(
            list(map(str, factory.routes)),
            [
                "/chat/{room} -> wsagent.demo:Echo",
                "*.example.com/a=b/{name...} -> wsagent_mine:Mine",
            ],
        )
        peer = connected(factory, target="/chat/red")
        self.addCleanup(peer.vanish)
        self.assertEqual(peer.agent.request.parts, {"room": "red"})
        self.assertEqual(connected(factory).status, 404)

    def test_routeAndApp(self):
        """With C{--app}, that answers everywhere else."""
        factory = parsed(
            "--app=wsagent.demo:Echo",
            "--subprotocol=a",
            "--route=/x=wsagent.demo:Increment",
        ).makeFactory()
        self.assertEqual(
            list(map(str, factory.routes)),
            ["/x -> wsagent.demo:Increment", "* -> wsagent.demo:Echo (a, any)"],
        )

    def test_routeAgain(self):
        """Two routes for the same requests are one line, the application's too."""
        echo, other = "wsagent.demo:Echo", "wsagent.demo:Increment"
        same = "the same, both for any subprotocol"
        for arguments, said in (
            (
                [f"--route=/{{a}}={echo}", f"--route=/{{b}}={other}"],
                f"--route /{{b}}={other}: routes '/{{a}}' and '/{{b}}': {same}",
            ),
            (
                [f"--route=*={echo}", f"--app={other}"],
                f"--route *: routes '*' and '*': {same}",
            ),
            (
                [f"--route=/={echo}", "--subprotocol=a"],
                "--subprotocol a: allowed: with --app; a route's class says its own",
            ),
        ):
            with self.assertRaises(SystemExit) as caught:
                parsed(*arguments)
            self.assertEqual(caught.exception.code, f"wsagent: {said}")

    def test_wrong(self):
        """A wrong value is one line with the option, the value and what is allowed."""
        endpoint = "0 to 65535, or an endpoint such as tcp:8001:interface=127.0.0.1"
        subclass = "a subclass of wsagent.WebSocketProtocol"
        count = "a whole number from 1, below 2**63, or none"
        segment = "text as it is decoded, {part}, or {rest...} at the end"
        notInt = "invalid literal for int() with base 10"
        for option, value, allowed in (
            ("port", "65536", f"allowed: {endpoint}"),
            ("port", "9" * 5000, f"allowed: {endpoint}"),
            (
                "port",
                "-1",
                f"ValueError: Unknown endpoint type: '-1'; allowed: {endpoint}",
            ),
            (
                "port",
                "nosuch:1",
                f"ValueError: Unknown endpoint type: 'nosuch'; allowed: {endpoint}",
            ),
            (
                "port",
                "tcp:x",
                f"ValueError: {notInt}: 'x'; allowed: {endpoint}",
            ),
            ("app", "Echo", "allowed: module:Class"),
            ("app", "wsagent.demo:", "allowed: module:Class"),
            ("app", ":Echo", "allowed: module:Class"),
            ("app", "json:JSONDecoder", f"allowed: {subclass}"),
            ("app", "json:dumps", f"allowed: {subclass}"),
            (
                "app",
                "nosuch_module:Echo",
                "ModuleNotFoundError: No module named 'nosuch_module'",
            ),
            (
                "app",
                "wsagent.demo:Nosuch",
                "AttributeError: module 'wsagent.demo' has no attribute 'Nosuch'",
            ),
            ("subprotocol", "a,b", "allowed: an HTTP token"),
            ("subprotocol", "=wsagent.demo:Echo", "allowed: an HTTP token"),
            ("subprotocol", "a=Echo", "allowed: module:Class"),
            ("subprotocol", "a=", "allowed: module:Class"),
            ("subprotocol", "a=json:dumps", f"allowed: {subclass}"),
            ("route", "/chat", "allowed: PLACE=module:Class"),
            ("route", "/chat=Echo", "allowed: module:Class"),
            ("route", "/chat=json:dumps", f"allowed: {subclass}"),
            (
                "route",
                "=wsagent.demo:Echo",
                "place '', allowed: such as /chat/{room}, example.com or *",
            ),
            (
                "route",
                "/a{b}=wsagent.demo:Echo",
                f"path '/a{{b}}': 'a{{b}}', allowed: {segment}",
            ),
            (
                "route",
                "a:80/=wsagent.demo:Echo",
                "host 'a:80', allowed: such as a.example, *.a.example, [::1]",
            ),
            ("message-limit", "0", f"allowed: {count}"),
        ):
            with self.assertRaises(SystemExit, msg=(option, value)) as caught:
                parsed(f"--{option}={value}")
            self.assertEqual(
                caught.exception.code, f"wsagent: --{option} {value}: {allowed}"
            )

    def test_brokenModule(self):
        """An application whose module raises is one line, whatever it says."""
        self.inFolder(wsagent_broken="raise RuntimeError('one\\ntwo')")
        with self.assertRaises(SystemExit) as caught:
            parsed("--app", "wsagent_broken:Mine")
        self.assertEqual(
            caught.exception.code,
            "wsagent: --app wsagent_broken:Mine: RuntimeError: one",
        )

    def test_noOption(self):
        """What is no option, or lacks its value, is one line as well."""
        for arguments, said in (
            (["extra"], "extra: allowed: options only"),
            (["--nonsense"], "option --nonsense not recognized"),
            (["--port"], "option --port requires argument"),
        ):
            with self.assertRaises(SystemExit) as caught:
                parsed(*arguments)
            self.assertEqual(caught.exception.code, f"wsagent: {said}")

    def test_help(self):
        """The help names every option, with its unit and its default."""
        output = io.StringIO()
        self.patch(sys, "stdout", output)
        with self.assertRaises(SystemExit) as caught:
            parsed("--help")
        self.assertIn(caught.exception.code, (0, None))
        text = re.sub(r"\s+", " ", output.getvalue())
        for said in (
            "octets in one message [default: 1048576]",
            "seconds between pings [default: 20]",
            "seconds without a message [default: none]",
            "connections at once [default: what the system allows]",
            "may be repeated [default: 8001].",
            "--app=",
            "--subprotocol=",
            "--route=",
            "both: example.com/chat/{room}.",
            "--origin=",
            "--host=",
            "--require-origin",
            "--no-fast-lane Leave every socket to Twisted's own transport.",
        ):
            self.assertIn(said, text)
        for each in NUMBERS:
            self.assertIn(f"--{each.option}=", text)


class ServiceTests(SynchronousTestCase):
    """L{makeService}, and the plugin that names it."""

    def test_makeService(self):
        """The service has the factory and the endpoints that were described."""
        options = parsed("--port=0", "--app=wsagent.demo:Echo", "--head-limit=100")
        service = makeService(options)
        self.assertIsInstance(service, WebSocketService)
        self.assertEqual(service.factory.settings, Settings(headLimit=100))
        self.assertEqual(service.endpoints, options.endpoints)

    def test_reloadSignal(self):
        """SIGHUP has it reload, but in a terminal, where it means the end."""
        for isTerminal, expected in ((False, signal.SIGHUP), (True, None)):
            self.patch(os, "isatty", lambda _descriptor, it=isTerminal: it)
            service = makeService(parsed("--port=0"))
            self.assertEqual(service._reloadSignal, expected)

    def test_reloadSignalOfDaemon(self):
        """A daemon that is started in a terminal reloads: it leaves that."""
        self.patch(os, "isatty", lambda _descriptor: True)
        for isStaying, expected in ((False, signal.SIGHUP), (True, None)):
            options = parsed("--port=0")
            options.parent = {"nodaemon": isStaying}
            self.assertEqual(makeService(options)._reloadSignal, expected)

    def test_systemd(self):
        """The service has taken what systemd says out of the environment."""
        systemd = Systemd(self.mktemp())
        self.addCleanup(systemd.close)
        environment = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "1"}
        for name, value in environment.items():
            self.addCleanup(os.environ.pop, name, None)
            os.environ[name] = value
        service = makeService(parsed("--port=0"))
        self.assertEqual(set(environment) & set(os.environ), set())
        self.successResultOf(service.stopService())
        ((stopping, *_), _) = systemd.heard()
        self.assertEqual(stopping, "STOPPING=1")

    def test_plugin(self):
        """C{twistd} finds the plugin, which makes the service."""
        maker = wsagent_plugin.wsagent
        verifyObject(IServiceMaker, maker)
        verifyObject(IPlugin, maker)
        self.assertEqual(maker.tapname, "wsagent")
        self.assertIs(maker.options, Options)
        self.assertIs(maker.makeService, makeService)
        names = [each.tapname for each in getPlugins(IServiceMaker)]
        self.assertEqual(names.count("wsagent"), 1)

    def test_default(self):
        """The default application is a protocol as any other."""
        self.assertTrue(issubclass(demo.Echo, WebSocketProtocol))
