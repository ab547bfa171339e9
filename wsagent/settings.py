"""Settings: what one factory allows its peers, as one plain value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from .access import parseHost, parseListed
from .addresses import Networks
from .core.deflate import Compression
from .core.extensions import Extension
from .core.forwarded import FORWARDED, X_FORWARDED
from .core.permessage import PermessageDeflate
from .descriptors import connectionsAtMost

_Value = TypeVar("_Value")
_Rule = tuple[str, Callable[[Any], bool]]


_END = 1 << 63
"""What is from here on is no integer of C, and no amount of anything."""


def _isCount(value: object, least: int) -> bool:
    """Ask whether a value is a whole number, not too small and not too large."""
    return (
        isinstance(value, int) and not isinstance(value, bool) and least <= value < _END
    )


def _isDuration(value: object) -> bool:
    """Ask whether a value is a positive number of seconds that a clock can add."""
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and 0 < value < _END
    )


def _countFrom(least: int) -> _Rule:
    """Allow whole numbers."""
    allowed = f"a whole number from {least}, below 2**63"
    return allowed, lambda value: _isCount(value, least)


_count = _countFrom(1)
_countOrNone: _Rule = (
    f"{_count[0]}, or None",
    lambda value: value is None or _isCount(value, 1),
)
_rateOrNone: _Rule = (
    "a number from 0.001, or None",
    lambda value: value is None or (_isDuration(value) and value >= 0.001),
)
_ipv4Prefix: _Rule = (
    "a whole number from 1 to 32",
    lambda value: _isCount(value, 1) and value <= 32,
)
_ipv6Prefix: _Rule = (
    "a whole number from 1 to 128",
    lambda value: _isCount(value, 1) and value <= 128,
)
_head = _countFrom(64)
_highWater = _countFrom(65_536)
_seconds: _Rule = ("seconds over 0", _isDuration)
_secondsOrNone: _Rule = (
    "seconds over 0, or None",
    lambda value: value is None or _isDuration(value),
)
_closeCode: _Rule = (
    "1008, or 3000 to 4999",
    lambda value: _isCount(value, 1008) and (value == 1008 or 3000 <= value <= 4999),
)
_flag: _Rule = ("True or False", lambda value: isinstance(value, bool))


_compression: _Rule = (
    "a Compression, or None",
    lambda value: value is None or isinstance(value, Compression),
)


def _isOrigin(value: object) -> bool:
    """Ask whether a value may stand in C{origins}."""
    return isinstance(value, str) and (
        value in ("*", "null") or parseListed(value) is not None
    )


def _isHost(value: object) -> bool:
    """Ask whether a value may stand in C{hosts}."""
    return isinstance(value, str) and parseHost(value) is not None


_origins: _Rule = (
    (
        "None, or a tuple of origins such as 'https://example.com', "
        "'https://*.example.com', 'null' or '*'"
    ),
    lambda value: (
        value is None or (isinstance(value, tuple) and all(map(_isOrigin, value)))
    ),
)
_hosts: _Rule = (
    "None, or a tuple of hosts such as 'example.com', '*.example.com' or '[::1]'",
    lambda value: (
        value is None or (isinstance(value, tuple) and all(map(_isHost, value)))
    ),
)


def _areNetworks(value: object) -> bool:
    """Ask whether a value may be C{trustedProxies}."""
    if not isinstance(value, tuple) or not all(isinstance(each, str) for each in value):
        return False
    try:
        Networks(value)
    except ValueError:
        return False
    return True


_networks: _Rule = (
    "a tuple of networks such as '10.0.0.0/8', '::1' or 'unix'",
    _areNetworks,
)
_forwardedFields: _Rule = (
    (
        "('forwarded',), or some of 'x-forwarded-for', 'x-forwarded-proto' and "
        "'x-forwarded-host' in a tuple"
    ),
    lambda value: (
        isinstance(value, tuple)
        and bool(value)
        and (value == (FORWARDED,) or all(each in X_FORWARDED for each in value))
    ),
)


def _setting(default: _Value, rule: _Rule) -> _Value:
    """Declare a field with what it allows."""
    return field(default=default, metadata={"rule": rule})


@dataclass(frozen=True)
class Settings:
    """
    What one factory allows its peers, and how long it waits for them.

    Sizes are octets, times are seconds.  C{None} is "without limit", or
    "never", and has to be spelled.  C{Settings()} is safe on the internet.

    @raise ValueError: a value is not allowed; names it and what is.
    """

    messageLimit: int | None = _setting(1024 * 1024, _countOrNone)
    """Octets in one incoming message; more: close 1009."""

    fragmentLimit: int | None = _setting(131_072, _countOrNone)
    """Fragments in one incoming message, empty ones counted; more: close 1009."""

    headLimit: int = _setting(8192, _head)
    """Octets in the whole head of a request, more: 431 or 414; or of a response."""

    handshakeTimeout: float = _setting(5, _seconds)
    """From accept, or a client's connection, to the end of its opening handshake."""

    openTimeout: float = _setting(20, _seconds)
    """A client: from C{connect} until open; names, proxy and redirects included."""

    pingInterval: float | None = _setting(20, _secondsOrNone)
    """Between our pings."""

    pingTimeout: float | None = _setting(20, _secondsOrNone)
    """From a ping until any octet comes; later: aborted."""

    closeTimeout: float = _setting(5, _seconds)
    """From our Close frame until the peer is gone; later: aborted."""

    idleTimeout: float | None = _setting(None, _secondsOrNone)
    """Without a whole message in either direction; later: close 1001."""

    messageTimeout: float | None = _setting(None, _secondsOrNone)
    """From a message's first octet to its last; later: close 1008."""

    sendHighWater: int = _setting(65_536, _highWater)
    """Octets that wait to be sent before reading and producers pause."""

    sendLimit: int | None = _setting(1024 * 1024, _countOrNone)
    """Octets that may wait when one more message is sent; more: close 1013."""

    sendTimeout: float | None = _setting(20, _secondsOrNone)
    """While octets wait and none can be sent; later: aborted."""

    drainTimeout: float = _setting(30, _seconds)
    """For all connections to close when the service stops; later: aborted."""

    origins: tuple[str, ...] | None = _setting(None, _origins)
    """Pages that may connect; C{None}: those of the host itself; C{"*"}: all."""

    hosts: tuple[str, ...] | None = _setting(None, _hosts)
    """Hosts that requests may be for, on any port; C{None}: all.  More: 421."""

    requireOrigin: bool = _setting(default=False, rule=_flag)
    """Refuse requests without Origin, as from all that is no browser."""

    connectionLimit: int | None = field(
        default_factory=connectionsAtMost,
        metadata={"rule": _countOrNone},
    )
    """
    Connections at once, those that open or close counted; more: 503.  By
    default as many as the system lets us have descriptors (C{RLIMIT_NOFILE}),
    less 64.
    """

    addressLimit: int | None = _setting(None, _countOrNone)
    """Connections at once from one address; more: 503."""

    handshakeRate: float | None = _setting(None, _rateOrNone)
    """Connections that one address may open a second; more: 503."""

    ipv4Prefix: int = _setting(32, _ipv4Prefix)
    """Bits that tell one IPv4 address from another; 24: 256 of them are as one."""

    ipv6Prefix: int = _setting(64, _ipv6Prefix)
    """Bits that tell one IPv6 address from another; a household has a /64 or more."""

    messageRate: float | None = _setting(None, _rateOrNone)
    """Messages a second from one peer, pings and pongs counted; more: slowed down."""

    octetRate: float | None = _setting(None, _rateOrNone)
    """Octets a second from one peer, as they come; more: slowed down."""

    rateBurst: float = _setting(1, _seconds)
    """Seconds whose worth may come at once after a quiet time, of each rate."""

    isRateStrict: bool = _setting(default=False, rule=_flag)
    """Close 1008 who exceeds C{messageRate} or C{octetRate}, and slow nobody down."""

    expiryCode: int = _setting(4401, _closeCode)
    """The close code of connections whose credentials have expired."""

    trustedProxies: tuple[str, ...] = _setting((), _networks)
    """Networks of the proxies that are believed when they say whom they forward for."""

    forwardedFields: tuple[str, ...] = _setting(
        ("x-forwarded-for", "x-forwarded-proto"),
        _forwardedFields,
    )
    """The fields in which all of these proxies say so; others may be the client's."""

    compression: Compression | None = _setting(None, _compression)  # noqa: RUF009 - immutable
    """How to compress, with peers that can; C{None}: not at all."""

    inboxLimit: int = _setting(16, _count)
    """Messages that may wait for C{receive()} before reading pauses."""

    isStreaming: bool = _setting(default=False, rule=_flag)
    """Hand messages over in pieces, as they come, to C{pieceReceived}."""

    hasFastLane: bool = _setting(default=True, rule=_flag)
    """Watch the sockets of plain TCP and UNIX connections ourselves, where we can."""

    def __post_init__(self) -> None:
        """Check each value."""
        for each in fields(self):
            value = getattr(self, each.name)
            allowed, isAllowed = each.metadata["rule"]
            if not isAllowed(value):
                raise ValueError(f"{each.name}: {value!r}, allowed: {allowed}")


def withCompression(
    extensions: Sequence[Extension],
    settings: Settings,
) -> tuple[Extension, ...]:
    """List the extensions of a factory: its own, then compression if it is on."""
    if settings.compression is None:
        return tuple(extensions)
    return (*extensions, PermessageDeflate(settings.compression))
