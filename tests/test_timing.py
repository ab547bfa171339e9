"""L{wsagent.timing}: many timers on one delayed call."""

import gc

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsagent import timing
from wsagent.timing import Deadline, Timer, Wheel, wheelOf


class WheelTests(SynchronousTestCase):
    """L{Wheel} has timers expire when they are due."""

    def setUp(self):
        """Make a wheel."""
        self.clock = Clock()
        self.wheel = Wheel(self.clock)
        self.calls = []

    def start(self, name, seconds):
        """Start a deadline that notes its name and the time."""
        return Deadline(self.wheel, lambda: self.note(name), seconds)

    def note(self, name):
        """Note a name and the time."""
        self.calls.append((name, self.clock.seconds()))

    def assertNothingLeft(self):
        """Nothing runs, and nothing is on the clock."""
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_expires(self):
        """A deadline is called once, when it is due."""
        self.start("a", 2)
        self.clock.advance(1.5)
        self.assertEqual(self.calls, [])
        self.clock.advance(0.5)
        self.assertEqual(self.calls, [("a", 2)])
        self.assertNothingLeft()

    def test_exact(self):
        """Alone, a deadline is called when it is due, whatever the time."""
        for wait in (0.001, 0.1, 1 / 3, 4.9, 1e6, 1e9):
            self.clock = Clock()
            self.wheel = Wheel(self.clock)
            self.start("a", wait)
            (call,) = self.clock.getDelayedCalls()
            self.assertEqual(call.getTime(), wait)

    def test_held(self):
        """While time is held, now is when it was; who asks the clock is not held."""
        self.clock.advance(2)
        self.assertEqual(self.wheel.now(), 2)
        self.assertEqual(self.wheel.hold(), 2)
        self.clock.advance(1)
        self.assertEqual((self.wheel.now(), self.wheel.seconds()), (2, 3))
        self.wheel.letGo()
        self.assertEqual(self.wheel.now(), 3)

    def test_past(self):
        """What is due already is called at once."""
        self.start("a", -1)
        self.clock.advance(0)
        self.assertEqual(self.calls, [("a", 0)])

    def test_order(self):
        """Later and earlier deadlines share one delayed call."""
        self.start("close", 3)
        self.start("idle", 5)
        self.start("ping", 1)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.pump([1] * 5)
        self.assertEqual(self.calls, [("ping", 1), ("close", 3), ("idle", 5)])

    def test_stop(self):
        """A stopped deadline is not called, others are."""
        first, second, third = (self.start(name, 1) for name in "abc")
        first.stop()
        first.stop()
        self.clock.advance(1)
        self.assertEqual(self.calls, [("c", 1), ("b", 1)])
        second.stop()
        third.stop()
        self.assertNothingLeft()

    def test_stopAll(self):
        """After all are stopped, nothing is left on the clock."""
        timers = [self.start("x", wait) for wait in (1, 2, 2, 300)]
        for timer in timers:
            timer.stop()
        self.assertNothingLeft()
        self.clock.advance(1000)
        self.assertEqual(self.calls, [])
        self.start("y", 1)
        self.clock.advance(1)
        self.assertEqual(self.calls, [("y", 1001)])

    def test_stopSoonest(self):
        """After the next one is stopped, the one behind it is on time."""
        self.start("b", 9.9)
        self.start("a", 1).stop()
        self.clock.advance(9.5)
        self.clock.advance(0.4)
        self.assertEqual(self.calls, [("b", 9.9)])

    def test_startsAgain(self):
        """A timer that runs begins anew, and may do so when it expires."""

        class Ticking(Timer):
            """Expires each second."""

            def expired(ticking):  # noqa: N805
                self.note("tick")
                ticking.start(self.clock.seconds() + 1)

        ticking = Ticking(self.wheel)
        ticking.start(5)
        ticking.start(1)
        self.clock.pump([1] * 3)
        self.assertEqual(self.calls, [("tick", 1), ("tick", 2), ("tick", 3)])
        ticking.stop()
        self.assertNothingLeft()

    def test_stopsAnother(self):
        """One that expires may stop another, due at the same time, or delay it."""

        def first():
            other.stop()
            later.start(3)

        Deadline(self.wheel, first, 1)
        other = self.start("other", 1)
        later = self.start("later", 1)
        self.clock.pump([1] * 3)
        self.assertEqual(self.calls, [("later", 3)])

    def test_close(self):
        """What falls due within a 64th of a second waits for one turn."""
        for wait in (1, 1.001, 1.01, 1.5):
            self.start(wait, wait)
        self.clock.advance(1)
        for _ in range(10):
            self.clock.advance(0.001)
        self.assertEqual([due for due, _ in self.calls], [1])
        for _ in range(600):
            self.clock.advance(0.001)
        self.assertEqual(sorted(due for due, _ in self.calls), [1, 1.001, 1.01, 1.5])
        for due, time in self.calls:
            self.assertTrue(0 <= time - due < 0.017, (due, time))

    def test_many(self):
        """A turn has its limit; those that are left are called soon after."""
        for number in range(1200):
            self.start(number, 1 + number % 7 / 100)
        self.clock.advance(1.5)
        self.assertEqual(sorted(name for name, _ in self.calls), list(range(1200)))
        self.assertNothingLeft()

    def test_turn(self):
        """Other calls come between the turns."""
        for _ in range(1200):
            self.start("x", 1)
        self.clock.callLater(1, self.note, "other")
        self.clock.advance(1)
        names = [name for name, _ in self.calls]
        self.assertEqual(len(names), 1201)
        self.assertLess(names.index("other"), 1200)

    def test_raises(self):
        """An error is the clock's to log; the others are called all the same."""
        Deadline(self.wheel, lambda: 1 / 0, 1)
        self.start("a", 1)
        self.start("b", 2)
        with self.assertRaises(ZeroDivisionError):
            self.clock.advance(1)
        self.clock.advance(0.5)
        self.clock.advance(0.5)
        self.assertEqual(self.calls, [("a", 1.5), ("b", 2)])

    def test_far(self):
        """A year, or an age, is a time like others."""
        self.start("age", 1e300)
        self.start("year", 3e7)
        self.clock.advance(3e7)
        self.assertEqual(self.calls, [("year", 3e7)])
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_nothing(self):
        """A timer that does nothing does so."""
        Timer(self.wheel).start(1)
        self.clock.advance(1)
        self.assertNothingLeft()


class WheelOfTests(SynchronousTestCase):
    """L{wheelOf} has one wheel for each clock, and keeps none."""

    def test_shared(self):
        """A clock has one wheel."""
        clock = Clock()
        self.assertIs(wheelOf(clock), wheelOf(clock))
        self.assertIsNot(wheelOf(clock), wheelOf(Clock()))

    def test_forgotten(self):
        """It lasts as long as somebody has it."""
        wheel = wheelOf(Clock())
        known = len(timing._wheels)
        del wheel
        gc.collect()
        self.assertLess(len(timing._wheels), known)
