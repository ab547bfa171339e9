"""A site and WebSockets on one port, with real sockets."""

import re
from http.client import HTTPConnection
from pathlib import Path

import pytest
import pytest_twisted
from klein import Klein
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IProtocolNegotiationFactory
from twisted.web.guard import BasicCredentialFactory, HTTPAuthSessionWrapper
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Site

from tests.clients import basic
from tests.web.sites import Failing, Front, Slow, get
from tests.web.test_passage import BAD, GOOD
from wsagent import Settings, WebSocketResource, WebSocketServerFactory
from wsagent.demo import Echo
from wsagent.sockets.transport import LaneTransport

from .client import Client, dial, dialTLS, readAll, request
from .inside import inThread, pause, until
from .process import LOCAL

# Twisted's own.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL")

LAST = b"Connection: close"
HAS_TLS = IProtocolNegotiationFactory.implementedBy(WebSocketServerFactory)
"""Whether a site has, here: it does what an older Twisted does wrong."""
MEBIBYTE = bytes(range(256)) * 4096
_date = re.compile(rb"Date: [^\r]*\r\n")


class Files(Resource):
    """A slow page, a large one, and one that says what it was asked."""

    def __init__(self):
        """Make them."""
        super().__init__()
        self.slow = Slow()
        for name, resource in (
            (b"", Front()),
            (b"metrics", Front()),
            (b"slow", self.slow),
            (b"failing", Failing()),
            (b"large", Large()),
        ):
            self.putChild(name, resource)


class Large(Resource):
    """Is more than a socket takes at once."""

    isLeaf = True

    def render_GET(self, _):
        """Give it."""
        return MEBIBYTE * 8


@pytest_twisted.async_yield_fixture
async def serve(ports, failures):  # noqa: ARG001 - nothing may be logged
    """Give what listens, with a site beside WebSockets or around them."""
    factories = []

    async def listen(where=LOCAL, isAround=False, guard=None, **settings):
        tree = Files()
        if isAround:
            factory = WebSocketServerFactory(Echo, settings=Settings())
            resource = WebSocketResource(factory)
            tree.putChild(b"ws", guard(factory) if guard else resource)
            listening = Site(tree)
        else:
            site = Site(tree)
            factory = WebSocketServerFactory(
                Echo, settings=Settings(**settings), site=site
            )
            listening = factory
        factories.append(factory)
        factory.slow = tree.slow
        factory.port = await ports(listening, where)
        return factory

    yield listen
    for factory in factories:
        await until(lambda factory=factory: not factory.wires, "no connections")


@pytest.fixture
def isLane(request):
    """Ask whether plain sockets are on the fast lane."""
    return request.config.getoption("transport") == "lane"


class Visit:
    """A client that keeps its one connection."""

    def __init__(self, plain, target="/") -> None:
        """@param target: where WebSockets are."""
        self.socket = plain
        self._target = target
        self._http = HTTPConnection("localhost")
        self._http.sock = plain

    def __enter__(self):
        """Be used in C{with}."""
        return self

    def __exit__(self, *_):
        """Leave no socket behind."""
        self.socket.close()

    def ask(self, method, target, body=None):
        """Make a request, and give status and body."""
        self._http.request(method, target, body)
        response = self._http.getresponse()
        assert response.getheader("Connection") is None
        return response.status, response.read()

    def upgrade(self, headers=()):
        """Open a WebSocket, in the same connection."""
        return Client(self.socket, (), headers, target=self._target)


KINDS = pytest.mark.parametrize(
    ("isAround", "target"), [(False, "/"), (True, "/ws")], ids=["beside", "around"]
)


@KINDS
@pytest_twisted.ensureDeferred
async def test_stays(serve, isAround, target, isLane):
    """Two pages, a form, a HEAD, then a WebSocket: all in one connection."""
    factory = await serve(isAround=isAround)

    def pages(visit):
        assert visit.ask("GET", "/")[1].startswith(b"GET / ")
        assert visit.ask("GET", "/metrics")[1].startswith(b"GET /metrics ")
        assert visit.ask("POST", "/", MEBIBYTE) == (200, MEBIBYTE)
        assert visit.ask("HEAD", "/") == (200, b"")
        assert visit.ask("GET", "/nowhere")[0] == 404
        assert visit.ask("GET", "/large") == (200, MEBIBYTE * 8)

    with Visit(dial(factory.port), target) as visit:
        await inThread(pages, visit)
        client = await inThread(visit.upgrade)
        (wire,) = factory.wires
        assert isinstance(wire.transport, LaneTransport) == isLane
        assert await inThread(client.echoes)
        await inThread(client.sendBytes, MEBIBYTE)
        assert await inThread(client.receiveBytes) == MEBIBYTE
        await inThread(client.close)
        assert await inThread(client.receiveClose) == 1000


@KINDS
@pytest_twisted.ensureDeferred
async def test_first(serve, isAround, target, isLane):
    """A WebSocket that comes first is on the fast lane."""
    factory = await serve(isAround=isAround)
    with Visit(dial(factory.port), target) as visit:
        client = await inThread(visit.upgrade)
        (wire,) = factory.wires
        assert isinstance(wire.transport, LaneTransport) == isLane
        assert await inThread(client.echoes)


@KINDS
@pytest_twisted.ensureDeferred
async def test_tls(serve, isAround, target, certificate):
    """The same goes over TLS."""
    if isAround and not IProtocolNegotiationFactory.implementedBy(
        WebSocketServerFactory
    ):
        pytest.skip("no site of this Twisted can TLS with today's pyOpenSSL")
    where = f"ssl:0:{certificate}:interface=127.0.0.1"
    factory = await serve(where, isAround)

    def script():
        with Visit(dialTLS(factory.port), target) as visit:
            assert visit.ask("GET", "/")[1].endswith(b" securely")
            assert visit.ask("POST", "/", MEBIBYTE) == (200, MEBIBYTE)
            assert visit.ask("GET", "/large") == (200, MEBIBYTE * 8)
            client = visit.upgrade()
            assert client.echoes()
            client.sendBytes(MEBIBYTE)
            assert client.receiveBytes() == MEBIBYTE
            client.close()
            assert client.receiveClose() == 1000

    await inThread(script)


@pytest_twisted.ensureDeferred
async def test_afterTheLast(serve, certificate):
    """What comes behind a last answer is nobody's, though TLS still brings it."""
    factory = await serve(f"ssl:0:{certificate}:interface=127.0.0.1")

    def script():
        for octets, status in ((b"bad\r\n", 400), (get(b"/", b"GET", LAST), 200)):
            with dialTLS(factory.port) as plain:
                plain.sendall(octets)
                # Not to wait for: in TLS, an end is agreed on.
                plain.sendall(b"\r\n" + get())
                answer = readAll(plain)
                assert answer.startswith(b"HTTP/1.1 %d " % status)
                assert answer.count(b"HTTP/1.1 ") == 1

    await inThread(script)


@KINDS
@pytest_twisted.ensureDeferred
async def test_inARow(serve, isAround, target):
    """Requests in a row, a WebSocket the last, and its frames may come at once."""
    factory = await serve(isAround=isAround)
    frame = b"\x81\x85" + bytes(4) + b"hello"
    octets = get(b"/large") + get(b"/metrics") + request(target=target) + frame * 3

    def script():
        with dial(factory.port) as plain:
            plain.sendall(octets)
            found = b""
            while not found.endswith(b"\x81\x05hello" * 3):
                found += plain.recv(65_536)
            assert found.count(b"HTTP/1.1 ") == 3
            assert MEBIBYTE * 8 in found

    await inThread(script)


@pytest_twisted.ensureDeferred
async def test_same(serve, ports):
    """What is no request for a WebSocket is answered as by a plain site."""
    factory = await serve()
    port = await ports(Site(Files()))

    def answer(number, octets):
        with dial(number) as plain:
            plain.sendall(octets)
            # What a site waits for does not come.
            plain.settimeout(0.3)
            found = b""
            try:
                while data := plain.recv(65_536):
                    found += data
            except TimeoutError:
                found += b" and it stays"
            except ConnectionResetError:
                found += b" and it is gone"
            host, own = plain.getsockname()
            found = found.replace(f"{host!r}, port={own}".encode(), b"it")
            return _date.sub(b"", found)

    for name, octets in (GOOD | BAD).items():
        both = [await inThread(answer, each, octets) for each in (factory.port, port)]
        assert both[0] == both[1], name


@pytest_twisted.ensureDeferred
async def test_halfClosed(serve):
    """Who has sent FIN behind a request still gets the response."""
    factory = await serve()

    def script():
        with dial(factory.port) as plain:
            plain.sendall(get(b"/large"))
            plain.shutdown(1)
            assert readAll(plain).endswith(MEBIBYTE)

    await inThread(script)


@pytest_twisted.ensureDeferred
async def test_drain(serve):
    """When all end: the idle at once, the busy after their response, and WebSockets."""
    factory = await serve()
    idle, busy = Visit(dial(factory.port)), Visit(dial(factory.port))
    with idle, busy, Visit(dial(factory.port)) as open_:
        await inThread(idle.ask, "GET", "/")
        client = await inThread(open_.upgrade)
        busy.socket.sendall(get(b"/slow"))
        await until(lambda: factory.slow.waiting, "a request")
        finished = ensureDeferred(factory.drain())
        assert await inThread(readAll, idle.socket) == b""
        assert await inThread(client.receiveClose) == 1001
        assert not finished.called
        factory.slow.answer()
        answer = await inThread(readAll, busy.socket)
        assert b"\r\nConnection: close\r\n" in answer
        await finished


@pytest_twisted.ensureDeferred
async def test_leaves(serve):
    """A resource hears of who has left before it was answered."""
    factory = await serve()
    with dial(factory.port) as plain:
        plain.sendall(get(b"/slow"))
        await until(lambda: factory.slow.waiting, "a request")
    await until(lambda: factory.slow.left or not factory.wires, "the loss")
    await until(lambda: len(factory.slow.left) == 1, "the loss is told")


class Realm:
    """
    Lets people in.

    @ivar left: who has logged out.
    """

    def __init__(self, factory):
        """@param factory: of WebSockets."""
        self._factory = factory
        self.left = []

    def requestAvatar(self, avatarId, mind, *interfaces):
        """Give a place to a name."""
        name = avatarId.decode()
        place = WebSocketResource(self._factory, avatar=name)
        return IResource, place, lambda: self.left.append(name)


@pytest_twisted.ensureDeferred
async def test_guard(serve):
    """A guard of twisted.web's stands before it; its logout is the close."""
    realms = []

    def guard(factory):
        realms.append(Realm(factory))
        checker = InMemoryUsernamePasswordDatabaseDontUse(carla=b"secret")
        portal = Portal(realms[0], [checker])
        return HTTPAuthSessionWrapper(portal, [BasicCredentialFactory(b"here")])

    factory = await serve(isAround=True, guard=guard)
    who = [("Authorization", basic("carla:secret").decode())]
    with Visit(dial(factory.port), "/ws") as visit:
        assert (await inThread(visit.ask, "GET", "/ws"))[0] == 401
        client = await inThread(visit.upgrade, who)
        (wire,) = factory.wires
        assert wire.agent.avatar == "carla"
        assert await inThread(client.echoes)
        assert realms[0].left == []
    await until(lambda: realms[0].left == ["carla"], "the logout")


@pytest_twisted.ensureDeferred
async def test_asynchronous(serve, isLane):
    """A place that takes its time to be found is on the fast lane, too."""

    class Later(Resource):
        """Renders another one a little later."""

        isLeaf = True

        def render(self, asked):
            """Wait."""
            waiting.append(asked)
            return NOT_DONE_YET

    waiting, made = [], []

    def guard(factory):
        made.append(WebSocketResource(factory))
        return Later()

    factory = await serve(isAround=True, guard=guard)
    frame = b"\x81\x85" + bytes(4) + b"hello"
    with dial(factory.port) as plain:
        plain.sendall(request(target="/ws") + frame)
        await until(lambda: waiting, "a request")
        plain.sendall(frame)
        await pause(0.1)
        assert waiting[0].render(made[0]) is None

        def script():
            found = b""
            while not found.endswith(b"\x81\x05hello" * 2):
                found += plain.recv(65_536)

        await inThread(script)
        (wire,) = factory.wires
        assert isinstance(wire.transport, LaneTransport) == isLane


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("target", ["/here", "/later"])
async def test_Klein(ports, failures, isLane, target):  # noqa: ARG001
    """A route of Klein is such a place, behind a page, also if it takes its time."""
    factory = WebSocketServerFactory(Echo, settings=Settings())
    waiting, app = [], Klein()

    @app.route("/")
    def page(_):
        return "page"

    @app.route("/here")
    def here(_):
        return WebSocketResource(factory)

    @app.route("/later")
    def later(_):
        waiting.append(Deferred())
        return waiting[0]

    port = await ports(Site(app.resource()))
    with Visit(dial(port), target) as visit:
        assert await inThread(visit.ask, "GET", "/") == (200, b"page")
        opened = inThread(visit.upgrade)
        if target == "/later":
            await until(lambda: waiting, "a request")
            waiting[0].callback(WebSocketResource(factory))
        client = await opened
        (wire,) = factory.wires
        assert isinstance(wire.transport, LaneTransport) == isLane
        assert await inThread(client.echoes)
    await until(lambda: not factory.wires, "no connections")


@pytest_twisted.ensureDeferred
async def test_limit(serve):
    """Who is at the site has a place, and keeps it for a WebSocket."""
    factory = await serve(connectionLimit=1)

    def script():
        with Visit(dial(factory.port)) as visit:
            visit.ask("GET", "/")
            for octets in (get(), request()):
                with dial(factory.port) as plain:
                    plain.sendall(octets)
                    assert readAll(plain).startswith(b"HTTP/1.1 503 ")
            assert visit.upgrade().echoes()

    await inThread(script)


# In a process of its own


def ask(port, method, target, body=None):
    """Make a request, and give status, type and body."""
    http = HTTPConnection("127.0.0.1", port, timeout=15)
    try:
        http.request(method, target, body)
        response = http.getresponse()
        return response.status, response.getheader("Content-Type"), response.read()
    finally:
        http.close()


def test_static(start, tmp_path):
    """C{--static} serves the files of a folder beside WebSockets."""
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "index.html").write_text("<title>hello</title>")
    (tmp_path / "public" / "large").write_bytes(MEBIBYTE)
    server = start("--port", LOCAL, "--static", "public")
    assert ask(server.port, "GET", "/") == (200, "text/html", b"<title>hello</title>")
    assert ask(server.port, "GET", "/large")[2] == MEBIBYTE
    assert ask(server.port, "GET", "/nowhere")[0] == 404
    with Client(dial(server.port)) as client:
        assert client.echoes()


def test_web(start, tmp_path):
    """C{--web} serves a resource; its site begins and ends with the server."""
    (tmp_path / "shop.py").write_text(SHOP)
    options = ("--port", LOCAL, "--app", "wsagent.demo:Echo")
    server = start(*options, "--web", "shop:site")
    assert ask(server.port, "GET", "/")[2] == b"hello"
    assert ask(server.port, "POST", "/", MEBIBYTE)[2] == b"1048576 octets"
    with Client(dial(server.port)) as client:
        assert client.echoes()
    server.stop()
    lines = Path(tmp_path / "access.log").read_text().splitlines()
    assert ['"GET / HTTP/1.1" 200 5' in lines[0], len(lines)] == [True, 2]


SHOP = """\
from twisted.web.resource import Resource
from twisted.web.server import Site


class Front(Resource):
    isLeaf = True

    def render_GET(self, request):
        return b"hello"

    def render_POST(self, request):
        return b"%d octets" % len(request.content.read())


site = Site(Front(), logPath="access.log")
"""
