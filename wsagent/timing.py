"""
Time, for many at once: timers on a wheel, and the wheel on one delayed call.

To start a timer and to stop it takes as long with a hundred thousand others as
alone, and a stopped one leaves nothing behind.  While none runs, nothing is
left on the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from math import inf
from weakref import WeakValueDictionary

from twisted.internet.interfaces import IDelayedCall, IReactorTime

_TICK = 1 / 16
"""Seconds that a slot of a wheel lasts."""
_PAUSE = 1 / 64
"""Seconds between two turns: what falls due meanwhile waits for the second."""
_TURN = 500
"""Timers that expire in one turn: the reactor has other things to do."""
_NO_TIME = -1.0


class Wheel:
    """
    The timers of one clock, in slots by the time when they are due.

    @ivar clock: what tells the time, and wakes us.
    @ivar seconds: tells the time.
    """

    def __init__(self, clock: IReactorTime) -> None:
        """It has none yet."""
        self.seconds: Callable[[], float] = clock.seconds
        self.clock = clock
        self._count = 0
        self._slots: dict[int, list[Timer]] = {}
        # The numbers of the slots, a heap.
        self._numbers: list[int] = []
        self._call: IDelayedCall | None = None
        self._wakesAt = 0.0
        self._heldAt = _NO_TIME

    def hold(self) -> float:
        """Read the time for all that asks L{now} until L{letGo}."""
        self._heldAt = self.seconds()
        return self._heldAt

    def letGo(self) -> None:
        """Have L{now} read the time itself."""
        self._heldAt = _NO_TIME

    def now(self) -> float:
        """Tell the time; or what it was when it was held, for what comes often."""
        return self.seconds() if self._heldAt == _NO_TIME else self._heldAt

    def add(self, timer: Timer) -> None:
        """Have a timer expire when it is due."""
        number = int(timer.due / _TICK)
        slot = self._slots.get(number)
        if slot is None:
            slot = self._slots[number] = []
            heappush(self._numbers, number)
        timer.slot = slot
        timer.place = len(slot)
        slot.append(timer)
        self._count += 1
        self._wakeAt(timer.due)

    def remove(self, timer: Timer) -> None:
        """Forget a timer that runs."""
        slot = timer.slot
        assert slot is not None
        timer.slot = None
        last = slot.pop()
        if last is not timer:
            # Who was last fills the gap.
            slot[timer.place] = last
            last.place = timer.place
        self._count -= 1
        if not self._count:
            self._slots.clear()
            self._numbers.clear()
            if self._call is not None:
                self._call.cancel()
                self._call = None

    def _wakeAt(self, due: float) -> None:
        """Have our delayed call no later than that."""
        if self._call is None:
            wait = max(0.0, due - self.seconds())
            self._call = self.clock.callLater(wait, self._expire)
        elif due < self._wakesAt:
            self._call.reset(max(0.0, due - self.seconds()))
        else:
            return
        self._wakesAt = due

    def _expire(self) -> None:
        """Have those expire that are due."""
        self._call = None
        now = self.seconds()
        due = self._dueBy(now)
        try:
            self._turn(due[:_TURN], now)
        finally:
            if self._count:
                isPunctual = 0 < len(due) <= _TURN
                self._wakeAt(max(self._soonest(), now + _PAUSE if isPunctual else now))

    def _dueBy(self, now: float) -> list[Timer]:
        """List those that are due, slot by slot, or a turn of them and more."""
        due: list[Timer] = []
        begun: list[int] = []
        while self._numbers and self._numbers[0] * _TICK <= now and len(due) <= _TURN:
            number = heappop(self._numbers)
            begun.append(number)
            due += [timer for timer in self._slots[number] if timer.due <= now]
        for number in begun:
            heappush(self._numbers, number)
        return due

    def _turn(self, due: list[Timer], now: float) -> None:
        """Have some expire."""
        for timer in due:
            # One may have stopped another, or started it again.
            if timer.slot is not None and timer.due <= now:
                self.remove(timer)
                timer.expired()

    def _soonest(self) -> float:
        """Find when the next timer is due; there is one."""
        while not self._slots[self._numbers[0]]:
            del self._slots[heappop(self._numbers)]
        soonest = inf
        for timer in self._slots[self._numbers[0]]:
            soonest = min(soonest, timer.due)
        return soonest


class Timer:
    """
    Something that is to expire on a wheel, or not just now.

    @ivar due: when it expires, while it runs, on the wheel's clock.
    @ivar slot: where the wheel has it, while it runs.
    @ivar place: where in its slot.
    """

    def __init__(self, wheel: Wheel) -> None:
        """It does not run yet."""
        self.wheel = wheel
        self.due = 0.0
        self.slot: list[Timer] | None = None
        self.place = 0

    def start(self, due: float) -> None:
        """
        Begin to run, or run anew.

        @param due: when to expire, at once if that is past.
        """
        self.stop()
        self.due = due
        self.wheel.add(self)

    def stop(self) -> None:
        """Run no longer, if it does."""
        if self.slot is not None:
            self.wheel.remove(self)

    def expired(self) -> None:
        """Hear that it is due; it runs no longer."""


class Deadline(Timer):
    """What is called unless it is stopped in time."""

    def __init__(
        self, wheel: Wheel, call: Callable[[], object], seconds: float
    ) -> None:
        """
        Run.

        @param call: what to call.
        @param seconds: in how many.
        """
        super().__init__(wheel)
        self._call = call
        self.start(wheel.seconds() + seconds)

    def expired(self) -> None:
        """Call."""
        self._call()


_wheels: WeakValueDictionary[int, Wheel] = WeakValueDictionary()


def wheelOf(clock: IReactorTime) -> Wheel:
    """Find the wheel of a clock, or make it; it lasts as long as it is used."""
    # A wheel keeps its clock: no other can have the same identity.
    wheel = _wheels.get(id(clock))
    if wheel is None:
        wheel = _wheels[id(clock)] = Wheel(clock)
    return wheel
