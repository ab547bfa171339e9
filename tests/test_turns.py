"""L{wsagent.turns}: what takes long."""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsagent.turns import inTurns


class Slow(Clock):
    """
    A clock by which each look at it takes a millisecond.

    @ivar turns: how often something was to go on later.
    """

    turns = 0

    def seconds(self):
        """Take it."""
        self.rightNow += 0.001
        return super().seconds()

    def callLater(self, *arguments):
        """Count."""
        self.turns += 1
        return super().callLater(*arguments)


class TurnsTests(SynchronousTestCase):
    """L{inTurns}."""

    def setUp(self):
        """Nothing has come."""
        self.sizes = []

    def take(self, clock, items):
        """Take some items after the other."""

        async def taken():
            found = []
            async for some in inTurns(clock, items):
                self.sizes.append(len(some))
                found += some
            return found

        return Deferred.fromCoroutine(taken())

    def test_soon(self):
        """What is few is there at once, in order."""
        items = list(range(200))
        taken = self.take(Clock(), iter(items))
        self.assertEqual(self.successResultOf(taken), items)
        self.assertEqual(self.sizes, [64, 64, 64, 8])
        self.assertEqual(self.successResultOf(self.take(Clock(), ())), [])

    def test_turns(self):
        """When a turn is over, the reactor does something else before the next."""
        clock = Slow()
        taken = self.take(clock, range(1000))
        self.assertEqual((self.sizes, clock.turns), ([64], 1))
        clock.advance(0)
        self.assertEqual(self.successResultOf(taken), list(range(1000)))
        self.assertEqual(len(self.sizes), 16)
        self.assertGreater(clock.turns, 4)
