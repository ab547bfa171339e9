"""What README.rst and docs/ show is run, and does what they say."""

import ast
import os
import socket
import sys
import traceback
import unittest
from contextlib import redirect_stdout
from doctest import ELLIPSIS, OutputChecker
from inspect import iscoroutine
from io import StringIO
from pathlib import Path
from types import ModuleType

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHostnameResolver,
    IReactorPluggableNameResolver,
)
from twisted.internet.ssl import PrivateCertificate
from twisted.internet.testing import MemoryReactorClock
from twisted.protocols import tls
from twisted.python.failure import Failure
from twisted.trial import util
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides, implementer

import wsagent
from wsagent.demo import Echo
from wsagent.testing import connected

from .clients import served
from .core.notation import row
from .documents import GUIDES, PAGES, ROOT, blocks, examples, files, rows, steps
from .scripts import Authority, Server

README = ROOT / "README.rst"
_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


class There(Echo):
    """The echo at C{ws://localhost:8001/}, some of whose paths are special."""

    def requestReceived(self, request):
        """Refuse, or take for ever."""
        if request.path == "/private":
            raise wsagent.RequestRejected(403, body="members only\n")
        return Deferred() if request.path == "/slow" else None


@implementer(IHostnameResolver)
class Resolver:
    """Finds every name at once."""

    def resolveHostName(self, receiver, name, portNumber=0, *others):
        """Find a name."""
        receiver.resolutionBegan(None)
        receiver.addressResolved(IPv4Address("TCP", "127.0.0.1", portNumber))
        receiver.resolutionComplete()


@implementer(IReactorPluggableNameResolver)
class Reactor(MemoryReactorClock):
    """
    A reactor in memory, with an echo at every port, behind TLS at 443.

    @ivar certificate: the echo's.
    """

    def __init__(self, certificate) -> None:
        """Nobody is connected."""
        super().__init__()
        self.nameResolver = Resolver()
        self._certificate = certificate
        self._factory = wsagent.WebSocketServerFactory(There, ["echo"], None, self)
        self.lines = []

    def connectTCP(self, host, port, factory, *others, **more):
        """Connect at once."""
        connector = super().connectTCP(host, port, factory, *others, **more)
        protocol = factory.buildProtocol(None)
        server = self._factory
        if port == 443:
            options = self._certificate.options()
            server = tls.TLSMemoryBIOFactory(options, False, server, self)
        self.lines.append(served(HalfClosing(server))(protocol, host, port))
        return connector

    def settle(self) -> None:
        """Have all octets arrive."""
        for _ in range(9):
            self.advance(0)
            for line in self.lines:
                line.pump()


class HalfClosing:
    """A factory whose protocols, TLS too, hear of a FIN."""

    def __init__(self, factory) -> None:
        """@param factory: of the protocols."""
        self._factory = factory

    def buildProtocol(self, address):
        """Build one."""
        protocol = self._factory.buildProtocol(address)
        if not IHalfCloseableProtocol.providedBy(protocol):
            alsoProvides(protocol, IHalfCloseableProtocol)
            done = Failure(ConnectionDone())
            protocol.readConnectionLost = lambda: protocol.connectionLost(done)
        return protocol


def echo(server: Server) -> None:
    """Be the echo, for a blocking client."""
    server.readRequest()
    if server.request.path == "/private":
        server.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        return
    offered = server.request.offeredSubprotocols
    server.accept(*[b"Sec-WebSocket-Protocol: " + name.encode() for name in offered])
    server.echo()


class DocumentCase(SynchronousTestCase):
    """
    Runs code where the reactor and all servers are in memory.

    @ivar space: the module C{echo}, in which the code runs.
    """

    suppress = (util.suppress(message="Passing pyOpenSSL"),)

    def setUp(self):
        """Have an authority that the system trusts, in a folder of its own."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        self.addCleanup(os.chdir, Path.cwd())
        os.chdir(folder)
        self._tls = Authority(folder).server("example.com")
        self._trust(str(folder / "authority.pem"))
        pem = (folder / "example.com.pem").read_bytes()
        self.reactor = Reactor(PrivateCertificate.loadPEM(pem))
        self.patch(tls, "_get_default_clock", lambda: self.reactor)
        self.patch(socket, "getaddrinfo", lambda *where, **_: [(where,)])
        self.patch(socket, "create_connection", self._dial)
        module = ModuleType("echo")
        sys.modules["echo"] = module
        self.addCleanup(sys.modules.pop, "echo")
        self.space = vars(module)
        self.space.update(reactor=self.reactor)

    def _trust(self, path):
        """Have OpenSSL take an authority for one of the system's."""
        name = "SSL_CERT_FILE"
        before = os.environ.get(name)
        os.environ[name] = path
        if before is None:
            self.addCleanup(os.environ.pop, name)
        else:
            self.addCleanup(os.environ.__setitem__, name, before)

    def _dial(self, address, timeout=None):
        """Connect a blocking client."""
        near, far = socket.socketpair()
        server = Server(far, echo, self._tls if address[1] == 443 else None)
        self.addCleanup(server.join)
        return near

    def tearDown(self):
        """Have everybody gone."""
        for line in self.reactor.lines:
            line.vanish()
        self.assertEqual(self.flushLoggedErrors(), [])

    def execute(self, source, mode):
        """
        Run code, which may await something.

        @param mode: C{exec}, or C{single} to show what an expression gives.
        @return: all that it has printed.
        """
        code = compile(source, "<docs>", mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        printed = StringIO()
        with redirect_stdout(printed):
            self.finish(eval(code, self.space))
        return printed.getvalue()

    def check(self, example, page):
        """Run an example, and see that it gives what the page shows."""
        where = f"{page.name}:{example.lineno + 1}"
        try:
            got, wanted = self.execute(example.source, "single"), example.want
        except Exception as error:
            if example.exc_msg is None:
                raise AssertionError(where) from error
            got = traceback.format_exception_only(error)[-1]
            wanted = example.exc_msg
        isRight = OutputChecker().check_output(wanted, got, ELLIPSIS)
        self.assertTrue(isRight, f"{where}: {got!r}, wanted {wanted!r}")

    def runCases(self, case):
        """Run the tests of a class, all of which pass."""
        result = unittest.TestResult()
        unittest.TestLoader().loadTestsFromTestCase(case).run(result)
        self.assertTrue(result.testsRun)
        self.assertEqual(result.failures + result.errors, [])

    def finish(self, result):
        """Have all octets arrive, and a coroutine come to its end."""
        ended = []
        if iscoroutine(result):
            Deferred.fromCoroutine(result).addBoth(ended.append)
        self.reactor.settle()
        if iscoroutine(result):
            self.assertEqual(len(ended), 1, "it waits for ever")
            if isinstance(ended[0], Failure):
                ended[0].raiseException()


class PageTests(DocumentCase):
    """The tables, whose examples are run from the top to the bottom."""

    def test_lua(self):
        """Each row for those who come from Lua does what it says."""
        self._page("lua-websockets")

    def test_autobahn(self):
        """Each row for those who come from autobahn and Twisted does what it says."""
        self._page("autobahn")

    def test_allAreRun(self):
        """No page, and no piece of Python on any, is forgotten here."""
        names = [page.stem for page in PAGES]
        self.assertEqual(names, ["coming-from-autobahn", "coming-from-lua-websockets"])
        for page in (README, *(ROOT / "docs").glob("*.rst")):
            with row(page.name):
                text = page.read_text()
                if examples(page):
                    self.assertIn(page, [*PAGES, *GUIDES])
                self.assertEqual(text.count("code-block:: python\n"), len(blocks(page)))

    def test_rows(self):
        """Each row of each table is seen."""
        for page in PAGES:
            text = page.read_text()
            headings = text.count("   * - you wrote\n     - you write\n")
            self.assertEqual(headings, text.count("list-table::"))
            self.assertEqual(len(rows(page)) + headings, text.count("   * - "))

    def _page(self, name):
        """Run a page, and see that no row was left out."""
        page = ROOT / "docs" / f"coming-from-{name}.rst"
        hasRun = []
        for example in examples(page):
            self.check(example, page)
            hasRun.append(example.lineno)
        leftOut = [
            each.name
            for each in rows(page)
            if not each.commands and not any(line in each.lines for line in hasRun)
        ]
        self.assertEqual(leftOut, [])


class GuideTests(DocumentCase):
    """The guides, which are run from the top to the bottom."""

    def test_guides(self):
        """Each block runs, each test passes, each example gives what it shows."""
        for page in GUIDES:
            with row(page.name):
                self._guide(page)

    def _guide(self, page):
        """Run a page, in a folder that has the files that it shows."""
        self.space.clear()
        self.space.update(__name__=page.stem, reactor=self.reactor)
        for name, text in files(page).items():
            Path(name).parent.mkdir(exist_ok=True)
            Path(name).write_text(text)
        echo = sys.modules.pop("echo")
        sys.path.insert(0, str(Path.cwd()))
        try:
            for piece in steps(page):
                if isinstance(piece, str):
                    self.execute(piece, "exec")
                else:
                    self.check(piece, page)
            for each in list(self.space.values()):
                if isinstance(each, type) and issubclass(each, unittest.TestCase):
                    self.runCases(each)
        finally:
            del sys.path[0]
            for name in files(page):
                sys.modules.pop(name.removesuffix(".py"), None)
            sys.modules["echo"] = echo


class ReadmeTests(DocumentCase):
    """The README's blocks, which are run one after the other."""

    def test_blocks(self):
        """Each block runs, and what it defines does what it is for."""
        hasPrinted = []
        for block in blocks(README):
            before = dict(self.space)
            hasPrinted.append(self.execute(block, "exec"))
            for name, value in list(self.space.items()):
                if before.get(name) is not value:
                    hasPrinted.append(self._try(name, value))
        self.assertEqual(
            [line for line in hasPrinted if line],
            ["echo", "passed", "hello\n", "hello\n"],
        )

    def _try(self, name, value):
        """Use what a block has defined."""
        if name == "Echo":
            peer = connected(value)
            peer.sendTextMessage("héllo")
            peer.sendBytesMessage(b"\xff")
            self.assertEqual(peer.received, ["héllo", b"\xff"])
            return "echo"
        if name == "EchoTests":
            self.runCases(value)
            return "passed"
        if name == "main":
            return self.execute("await main(reactor)", "single")
        return ""
