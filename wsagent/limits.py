"""
How many may be in, and how often one may come: L{Admission}.

An address is a network here, as large as the settings say: who has one IPv6
address has 2**64 of them.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network
from math import ceil, inf
from typing import Generic, TypeVar

from twisted.logger import Logger

from .addresses import describePeer, ipOf
from .errors import Refusal
from .settings import Settings
from .timing import Deadline, Wheel

_MOST_REFUSED = 32
_FEW_REFUSED = 8
"""Refused connections that may wait to be gone; more are closed without a word."""
_MOST_KNOWN = 16_384
"""Addresses of which it is known when they came, in each of two generations."""
_RETRY = 10
"""Seconds after which there may be room."""
_SOON = 1
"""Seconds in which one line is logged about all refusals by one rule."""
_EXACT = 1e-9

_log = Logger()
WireT = TypeVar("WireT")


class LimitReached(Refusal):
    """
    There are too many, whoever it is that asks.

    @ivar rule: the field of the settings.
    """

    def __init__(self, rule: str, body: str, why: str, wait: float = _RETRY) -> None:
        """@param wait: seconds after which it makes sense to try again."""
        fields = (("Retry-After", str(ceil(wait))),)
        super().__init__(503, fields, f"{body}\n", why=f"{rule}: {why}")
        self.rule = rule


class Tally:
    """How many connections have something in common."""

    __slots__ = ("count", "name")

    def __init__(self, name: str) -> None:
        """There is none yet."""
        self.name = name
        self.count = 0


class Admission(Generic[WireT]):
    """
    Takes connections in, and counts them until they are gone.

    @ivar isByAddress: what is allowed depends on where a connection is from.
    """

    def __init__(
        self,
        settings: Settings,
        wheel: Wheel,
        wires: dict[WireT, Tally | None],
    ) -> None:
        """@param wires: all connections; those in a tally take it along."""
        self._settings = settings
        self._wires = wires
        self._limit = settings.connectionLimit
        self._refused = Tally("")
        # Where there are few descriptors, few are for those.
        self._mostRefused = _MOST_REFUSED
        if self._limit is not None:
            self._mostRefused = min(_MOST_REFUSED, max(_FEW_REFUSED, self._limit // 4))
        self._tallies: dict[str, Tally] = {}
        self._rates = None
        if settings.handshakeRate is not None:
            rate, burst = settings.handshakeRate, settings.rateBurst
            self._rates = AddressRates(rate, burst, wheel.seconds)
        self.isByAddress = not (settings.addressLimit is None and self._rates is None)
        self._notes = RefusalNotes(wheel)

    def hasRoom(self) -> bool:
        """Ask whether there is room for one more, if only to refuse it."""
        return not self._isFull() or self._refused.count < self._mostRefused

    def enter(self, wire: WireT) -> None:
        """
        Count a connection.

        @raise LimitReached: C{connectionLimit}; it is counted all the same.
        """
        full = self._full() if self._isFull() else None
        self._wires[wire] = None
        if full is not None:
            raise full

    def enterFrom(self, wire: WireT, address: object) -> None:
        """
        Count a connection as one from an address, if that is a number.

        @raise LimitReached: C{addressLimit} or C{handshakeRate}.
        """
        name = self._network(address)
        if name is None:
            return
        limit = self._settings.addressLimit
        tally = self._tallies.get(name) or Tally(name)
        if limit is not None and tally.count >= limit:
            body = "too many connections from your address"
            why = f"{tally.count + 1} connections from {name}, limit {limit}"
            raise LimitReached("addressLimit", body, f"{why} (--address-limit)")
        if self._rates is not None:
            wait = self._rates.use(name)
            if wait > 0:
                body = "too many connections a second from your address"
                rate = f"{self._rates.rate:g} a second (--handshake-rate)"
                why = f"{name} is {wait:.2g} s early, limit {rate}"
                raise LimitReached("handshakeRate", body, why, wait)
        if limit is not None:
            self._tallies[name] = tally
            tally.count += 1
            self._wires[wire] = tally

    def turnAway(self, wire: WireT, refusal: LimitReached, peer: object) -> bool:
        """
        Count a connection as refused, so that it takes nobody's place.

        @return: whether it can be told so, and waited for until that is read.
        """
        self._notes.add(refusal, peer)
        assert self._wires[wire] is None
        self._wires[wire] = self._refused
        self._refused.count += 1
        return self._refused.count <= self._mostRefused

    def left(self, wire: WireT) -> None:
        """Hear that a connection is gone."""
        tally = self._wires.pop(wire, None)
        if tally is not None:
            tally.count -= 1
            if not tally.count:
                self._tallies.pop(tally.name, None)
        if not self._wires:
            self._notes.stop()

    def noteFull(self, peer: object) -> None:
        """Have it logged that a connection is closed without a word."""
        self._notes.add(self._full(), peer)

    def _isFull(self) -> bool:
        """Ask whether there is no room for one more."""
        limit = self._limit
        return limit is not None and len(self._wires) - self._refused.count >= limit

    def _full(self) -> LimitReached:
        """Say that there is no room."""
        why = f"{len(self._wires) - self._refused.count + 1} connections"
        why += f", limit {self._limit} (--connection-limit)"
        return LimitReached("connectionLimit", "too many connections", why)

    def _network(self, address: object) -> str | None:
        """Name the network of an address, or C{None} if it has none."""
        found = ipOf(address)
        if found is None:
            return None
        if found.version == 4:
            made: type[IPv4Network | IPv6Network] = IPv4Network
            bits = self._settings.ipv4Prefix
        else:
            made, bits = IPv6Network, self._settings.ipv6Prefix
        if bits == found.max_prefixlen:
            return str(found)
        # As a number, which has no scope.
        return str(made((int(found), bits), strict=False))


class AddressRates:
    """
    When those who came lately may come again.

    An address is known by one number, which grows with each connection that it
    opens: the time until which these were allowed.  Who has been quiet for as
    long as matters is forgotten with a whole generation.

    @ivar rate: connections a second that one address may open.
    """

    def __init__(
        self,
        rate: float,
        burst: float,
        seconds: Callable[[], float],
    ) -> None:
        """
        @param burst: seconds whose worth may come at once; one may in any case.
        @param seconds: tells the time.
        """
        self.rate = rate
        self._interval = 1 / rate
        self._allowance = max(burst, self._interval)
        self._seconds = seconds
        # Small numbers tell small times apart.
        self._beganAt = seconds()
        self._newer: dict[str, float] = {}
        self._older: dict[str, float] = {}
        self._endsAt = 0.0

    def __len__(self) -> int:
        """Count the addresses that are known."""
        return len(self._newer) + len(self._older)

    def use(self, name: str) -> float:
        """
        Count a connection of an address, if it may be opened now.

        @return: seconds until it may, else 0.
        """
        now = self._seconds() - self._beganAt
        self._forget(now)
        used = self._newer.get(name, self._older.get(name, -inf))
        # A clock may be set back: nobody is to wait for that.
        used = min(max(used, now - self._allowance), now) + self._interval
        if used > now + _EXACT:
            return used - now
        self._newer[name] = used
        return 0

    def _forget(self, now: float) -> None:
        """Begin a generation when the last one is over, or is too large."""
        isOver = not now < self._endsAt <= now + self._allowance
        if isOver or len(self._newer) >= _MOST_KNOWN:
            isRecent = now < self._endsAt + self._allowance
            self._older = self._newer if isRecent else {}
            self._newer = {}
            self._endsAt = now + self._allowance


class RefusalNotes:
    """What the log has of refusals: of each rule a line a second, with a count."""

    def __init__(self, wheel: Wheel) -> None:
        """Nobody is refused."""
        self._wheel = wheel
        # By rule: how many of which nothing was said.
        self._unsaid: dict[str, int] = {}
        self._deadline: Deadline | None = None

    def add(self, refusal: LimitReached, peer: object) -> None:
        """Say that one was refused, or count it."""
        if refusal.rule in self._unsaid:
            self._unsaid[refusal.rule] += 1
            return
        self._unsaid[refusal.rule] = 0
        _log.info(
            "{peer} refused, {status}: {why}",
            peer=describePeer(peer),
            status=refusal.status,
            why=refusal.why,
        )
        if self._deadline is None:
            self._deadline = Deadline(self._wheel, self._saySum, _SOON)

    def stop(self) -> None:
        """Say what is unsaid: it may be long before there is more."""
        deadline, self._deadline = self._deadline, None
        if deadline is not None:
            deadline.stop()
            self._sayAll()

    def _saySum(self) -> None:
        """Say how many there were, and go on where there are more."""
        self._unsaid = dict.fromkeys(self._sayAll(), 0)
        self._deadline = None
        if self._unsaid:
            self._deadline = Deadline(self._wheel, self._saySum, _SOON)

    def _sayAll(self) -> list[str]:
        """Say how many there were; name the rules that refused any."""
        unsaid, self._unsaid = self._unsaid, {}
        for rule, count in unsaid.items():
            if count:
                _log.info("{count} more refused: {rule}", count=count, rule=rule)
        return [rule for rule, count in unsaid.items() if count]
