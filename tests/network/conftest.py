"""Servers, in a process of their own or in this one."""

from __future__ import annotations

import gc
from functools import partialmethod

import pytest
import pytest_twisted
from twisted.logger import globalLogPublisher
from twisted.trial._synctest import _logObserver

from wsagent import Settings

from . import process
from .browser import Browser
from .certificates import selfSigned
from .dialled import Dialled
from .inside import Listening, pause
from .process import LOCAL, Server


@pytest.fixture(autouse=True, scope="module")
def transport(request):
    """Turn the fast lane off, if C{--transport} says so."""
    if request.config.getoption("transport") == "lane":
        yield
        return
    with pytest.MonkeyPatch.context() as patches:
        without = partialmethod(Settings.__init__, hasFastLane=False)
        patches.setattr(Settings, "__init__", without)
        patches.setattr(process, "OPTIONS", ["--no-fast-lane"])
        yield


@pytest.fixture
def start(tmp_path):
    """Give what starts servers; all are stopped, and had no trouble."""
    servers = []

    def startServer(*command, **keywords):
        servers.append(Server(tmp_path, *command, **keywords))
        return servers[-1]

    yield startServer
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Give a running demo that several tests share."""
    folder = tmp_path_factory.mktemp("demo")
    server = Server(folder, "--port", LOCAL, "--subprotocol", "foo")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Make a self-signed certificate, and give the end of an endpoint."""
    return selfSigned(tmp_path_factory.mktemp("certificate"))


def noteFailures():
    """Note the failures that are logged; in the end there are none."""
    noted = []

    def note(event):
        if "log_failure" in event:
            noted.append(event["log_failure"])

    globalLogPublisher.addObserver(note)
    yield noted
    # What a Deferred had nobody to tell, it logs now.
    gc.collect()
    globalLogPublisher.removeObserver(note)
    # Or trial's own observer keeps them for the next of its tests.
    _logObserver.flushErrors()
    assert noted == []


@pytest.fixture
def failures():
    """Give the failures that were logged; in the end there are none."""
    yield from noteFailures()


@pytest.fixture(scope="module")
def noFailures():
    """See that no failures are logged, in a module of many short tests."""
    yield from noteFailures()


@pytest_twisted.async_yield_fixture
async def listen(failures):  # noqa: ARG001 - it outlives this one
    """Give what listens in this process; in the end nothing is left behind."""
    from twisted.internet import reactor

    listening = []
    before = set(reactor.getDelayedCalls())

    async def startListening(*application, **settings) -> Listening:
        listening.append(Listening(*application, **settings))
        await listening[-1].listen()
        return listening[-1]

    yield startListening
    for each in listening:
        await each.stop()
    # The pause of the waiting itself is over, or not quite.
    await pause(0)
    assert [call for call in reactor.getDelayedCalls() if call not in before] == []


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Give a browser that several tests share."""
    with Browser(tmp_path_factory.mktemp("browser")) as shared:
        yield shared


@pytest.fixture
def tab(browser):
    """Give a tab, in whose console there was nothing in the end."""
    opened = browser.tab()
    yield opened
    assert opened.errors == []
    opened.close()


def pytest_configure(config):
    """Declare the mark of what one run sees for all: C{-m "not once"} leaves it out."""
    what = "once: does not depend on the build, the transport or the Python"
    config.addinivalue_line("markers", what)


@pytest_twisted.async_yield_fixture
async def ports():
    """Give what listens with a factory; all stop in the end."""
    from twisted.internet import reactor
    from twisted.internet.endpoints import SSL4ServerEndpoint, serverFromString

    listening = []

    async def listen(factory, where=LOCAL):
        if isinstance(where, str):
            endpoint = serverFromString(reactor, where)
        else:
            endpoint = SSL4ServerEndpoint(reactor, 0, where, interface="127.0.0.1")
        port = await endpoint.listen(factory)
        listening.append(port)
        return getattr(port.getHost(), "port", None)

    yield listen
    for port in listening:
        await port.stopListening()


@pytest.fixture
def dial():
    """Give what connects a client with the reactor."""
    from twisted.internet import reactor

    from wsagent import connect

    def dialled(url, made=Dialled, **how):
        return connect(reactor, url, made, **how)

    return dialled
