"""A message to many real sockets, some of which do not read."""

import tracemalloc
from contextlib import ExitStack

import pytest_twisted
from twisted.internet.defer import gatherResults
from twisted.internet.task import LoopingCall

from wsagent import PreparedMessage, broadcast

from .client import Client, dial
from .inside import Agent, inThread, until

MANY = 200


async def dialMany(server, count: int, stack: ExitStack) -> list[Client]:
    """Have clients connect."""
    there = len(server.agents)
    clients = await inThread(
        lambda: [stack.enter_context(Client(dial(server.port))) for _ in range(count)]
    )
    await until(lambda: len(server.agents) == there + count, "all are open")
    return clients


@pytest_twisted.ensureDeferred
async def test_order(listen):
    """All get all, in order, while the reactor does other things between."""
    server = await listen(Agent, sendLimit=None)
    texts = [f"{number} " * 8_000 for number in range(4)]
    turns = []
    counting = LoopingCall(lambda: turns.append(None))
    with ExitStack() as stack:
        clients = await dialMany(server, MANY, stack)
        await gatherResults([server.broadcast(text) for text in texts[:2]])
        counting.start(0)
        done = [broadcast(server.agents, PreparedMessage(text)) for text in texts[2:]]
        isAtOnce = all(each.called for each in done)
        for agent in server.agents:
            agent.sendTextMessage("last")
        await gatherResults(done)
        counting.stop()
        assert isAtOnce or len(turns) > 1

        def read():
            for client in clients:
                assert [client.receiveText() for _ in range(5)] == [*texts, "last"]

        await inThread(read)


@pytest_twisted.ensureDeferred
async def test_memory(listen):
    """Those who do not read share what they leave unread, and others get all."""
    server = await listen(Agent, sendLimit=None)
    size = 2_000_000
    with ExitStack() as stack:
        (reading,) = await dialMany(server, 1, stack)
        await dialMany(server, 60, stack)
        tracemalloc.start()
        try:
            for number in range(4):
                await broadcast(server.agents, bytes([number]) * size)
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        # Some is in the sockets; Twisted's transports copy a piece of 64 KiB each.
        assert 2 * size < kept < 4 * size + 60 * 200_000

        def read():
            for number in range(4):
                assert reading.receiveBytes() == bytes([number]) * size

        await inThread(read)


@pytest_twisted.ensureDeferred
async def test_slow(listen):
    """Who does not read is told 1013, if it ever reads; the others get all."""
    server = await listen(Agent, sendLimit=100_000, closeTimeout=1)
    message = b"x" * 90_000
    with ExitStack() as stack:
        reading, _slow = await dialMany(server, 2, stack)
        while server.agents[1].isOpen:
            await broadcast(server.agents, message)
            assert await inThread(reading.receiveBytes) == message
        assert server.agents[0].isOpen
        await until(lambda: server.losses, "the slow one is gone")
        (loss,) = server.losses
        assert (loss.code, loss.initiator) == (1013, "us")
