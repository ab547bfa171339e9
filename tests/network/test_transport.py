"""Whose hands a connection's socket is in, here and in a process of its own."""

import select
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.tcp import Server

from wsagent.sockets.transport import LaneTransport

from .client import Client, dial
from .inside import inThread
from .process import LOCAL

pytestmark = pytest.mark.skipif(
    not hasattr(select, "epoll"), reason="there is no fast lane without epoll"
)


def lanes(pid: int) -> int:
    """Count the lanes of a process whose reactor is no epoll reactor."""
    opened = Path(f"/proc/{pid}/fd").iterdir()
    return sum(str(each.readlink()) == "anon_inode:[eventpoll]" for each in opened)


@pytest.mark.parametrize("options", [[], ["--no-fast-lane"]], ids=["default", "off"])
def test_process(request, start, options):
    """C{twistd wsagent} has a lane unless it is told not to."""
    command = ("twistd", "--reactor=select", "-n", "wsagent", "--port", LOCAL)
    server = start(*command, *options)
    assert lanes(server.pid) == 0
    hasLane = not options and request.config.getoption("transport") == "lane"
    with Client(dial(server.port)) as client:
        assert client.echoes()
        assert lanes(server.pid) == hasLane


@pytest_twisted.ensureDeferred
async def test_here(request, listen):
    """A server in this process has what C{--transport} says."""
    server = await listen()
    isLane = request.config.getoption("transport") == "lane"

    def script():
        with Client(dial(server.port)) as client:
            assert client.echoes()
            (wire,) = server.wires
            assert type(wire.transport) is (LaneTransport if isLane else Server)

    await inThread(script)


@pytest.mark.parametrize("hasFastLane", [True, False])
@pytest_twisted.ensureDeferred
async def test_setting(listen, hasFastLane):
    """A factory's settings say so in any case."""
    server = await listen(hasFastLane=hasFastLane)

    def script():
        with Client(dial(server.port)) as client:
            assert client.echoes()
            (wire,) = server.wires
            assert type(wire.transport) is (LaneTransport if hasFastLane else Server)

    await inThread(script)
