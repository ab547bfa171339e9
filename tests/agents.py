"""Agents that note what happens to them, and the case that opens them."""

from __future__ import annotations

from twisted.internet.interfaces import IPushProducer
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.safety.octets import framesIn
from wsagent.protocol import WebSocketProtocol
from wsagent.settings import Settings
from wsagent.testing import Peer, connected

TEXT, BYTES, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
"""The first octet of a whole frame of that kind."""

HOOKS = (
    "negotiationFinished",
    "textMessageReceived",
    "bytesMessageReceived",
    "pieceReceived",
    "pingReceived",
    "pongReceived",
    "sendBufferFilled",
    "sendBufferDrained",
    "connectionLost",
)
"""All hooks but C{requestReceived}."""


class Noting(WebSocketProtocol):
    """
    Notes each call of a hook but C{connectionLost}.

    @ivar lost: the reasons that it was given.
    """

    def __init__(self):
        """Nothing is noted yet."""
        self.calls = []
        self.lost = []

    def negotiationFinished(self):
        """Note it."""
        self.calls.append("open")

    def textMessageReceived(self, message):
        """Note it."""
        self.calls.append(message)

    def bytesMessageReceived(self, data):
        """Note it."""
        self.calls.append(data)

    def pieceReceived(self, piece, isLast):
        """Note it."""
        self.calls.append((piece, isLast))

    def pingReceived(self, payload):
        """Note it."""
        self.calls.append(("ping", payload))

    def pongReceived(self, payload):
        """Note it."""
        self.calls.append(("pong", payload))

    def sendBufferFilled(self):
        """Note it."""
        self.calls.append("filled")

    def sendBufferDrained(self):
        """Note it."""
        self.calls.append("drained")

    def connectionLost(self, reason):
        """Note why."""
        self.lost.append(reason)

    @property
    def ending(self):
        """Class, code, reason and initiator of the one loss."""
        (failure,) = self.lost
        error = failure.value
        return type(error), error.code, error.reason, error.initiator


@implementer(IPushProducer)
class Producer:
    """Notes what it is told to do."""

    def __init__(self):
        """Nothing is noted yet."""
        self.calls = []

    def pauseProducing(self):
        """Note it."""
        self.calls.append("pause")

    def resumeProducing(self):
        """Note it."""
        self.calls.append("resume")

    def stopProducing(self):
        """Note it."""
        self.calls.append("stop")


def doing(hook: str, deed, application=Noting):
    """
    Make an application that does something in one of its hooks.

    @param deed: called with the agent.
    """

    def called(agent, *arguments):
        getattr(application, hook)(agent, *arguments)
        return deed(agent)

    return type("Doing", (application,), {hook: called})


class AgentCase(SynchronousTestCase):
    """A test with connections, none of which may leave a delayed call."""

    def open(self, application=Noting, **settings) -> tuple[Peer, Noting]:
        """Connect a peer, that is gone after the test, to an application."""
        agents = []

        def make():
            agents.append(application())
            return agents[0]

        peer = connected(make, Settings(**settings))
        self.addCleanup(self._assertNothingLeft, peer)
        return peer, agents[0]

    def _assertNothingLeft(self, peer: Peer) -> None:
        """Have the peer gone, and look at its clock."""
        peer.vanish()
        self.assertEqual(peer.clock.getDelayedCalls(), [])

    def frames(self, peer: Peer) -> list[tuple[int, bytes]]:
        """Cut into frames what came; nothing may follow a Close frame."""
        frames = framesIn(peer.octets)
        firsts = [first for first, _ in frames]
        self.assertNotIn(CLOSE, firsts[:-1])
        return frames

    def closeFrame(self, peer: Peer) -> tuple[int, bytes]:
        """Read code and reason of the last frame, which is a Close frame."""
        first, payload = self.frames(peer)[-1]
        self.assertEqual(first, CLOSE)
        return int.from_bytes(payload[:2], "big"), payload[2:]
