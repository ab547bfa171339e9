"""The options that are fields of L{Settings}: L{SettingOptions}."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, NamedTuple

from twisted.python import usage

from .core.deflate import Compression
from .loading import inOneLine
from .settings import Settings


class _Number(NamedTuple):
    """An option that is told a number, or C{none}."""

    option: str
    field: str
    read: Callable[[str], float]
    help: str


class _Flag(NamedTuple):
    """An option that is told or not."""

    help: str
    option: str
    field: str
    value: object


NUMBERS = (
    _Number("message-limit", "messageLimit", int, "octets in one message"),
    _Number("fragment-limit", "fragmentLimit", int, "fragments in one message"),
    _Number("head-limit", "headLimit", int, "octets in the head of a request"),
    _Number(
        "handshake-timeout",
        "handshakeTimeout",
        float,
        "seconds for the opening handshake",
    ),
    _Number("ping-interval", "pingInterval", float, "seconds between pings"),
    _Number("ping-timeout", "pingTimeout", float, "seconds of silence after a ping"),
    _Number("close-timeout", "closeTimeout", float, "seconds to answer our Close"),
    _Number("idle-timeout", "idleTimeout", float, "seconds without a message"),
    _Number("send-limit", "sendLimit", int, "octets that may wait to be sent"),
    _Number("connection-limit", "connectionLimit", int, "connections at once"),
    _Number("address-limit", "addressLimit", int, "connections from one address"),
    _Number(
        "handshake-rate",
        "handshakeRate",
        float,
        "connections that one address may open a second",
    ),
    _Number("ipv4-prefix", "ipv4Prefix", int, "bits of an IPv4 address that count"),
    _Number("ipv6-prefix", "ipv6Prefix", int, "bits of an IPv6 address that count"),
    _Number("message-rate", "messageRate", float, "messages a second from one peer"),
    _Number("octet-rate", "octetRate", float, "octets a second from one peer"),
    _Number("rate-burst", "rateBurst", float, "seconds whose worth may come at once"),
    _Number("drain", "drainTimeout", float, "seconds for all to close on a stop"),
    _Number("expiry-code", "expiryCode", int, "close code when credentials expire"),
)
FLAGS = (
    _Flag(
        "Compress messages, with peers that can.",
        "compress",
        "compression",
        Compression(),
    ),
    _Flag(
        "Refuse requests that name no Origin: no browser's.",
        "require-origin",
        "requireOrigin",
        value=True,
    ),
    _Flag(
        "Close who exceeds a rate, in place of slowing down.",
        "strict-rates",
        "isRateStrict",
        value=True,
    ),
    _Flag(
        "Leave every socket to Twisted's own transport.",
        "no-fast-lane",
        "hasFastLane",
        value=False,
    ),
)
_FIELDS = {each.name: each for each in fields(Settings)}


def _row(number: _Number) -> list[str | None]:
    """Make the row of C{optParameters} for a number."""
    default = _FIELDS[number.field].default
    shown = "none" if default is None else default
    if default is MISSING:
        # It is not the same on every machine.
        shown = "what the system allows"
    return [number.option, None, None, f"{number.help} [default: {shown}]"]


class SettingOptions(usage.Options):
    """The options that say what peers may do."""

    optFlags = [[each.option, None, each.help] for each in FLAGS]  # noqa: RUF012
    optParameters = [_row(each) for each in NUMBERS]  # noqa: RUF012

    def __init__(self) -> None:
        """Nothing is told yet."""
        super().__init__()
        self._lists: dict[str, tuple[str, ...]] = {}

    @inOneLine
    def opt_origin(self, origin: str) -> None:
        """
        Origin whose pages may connect, such as https://example.com,
        https://*.example.com, null or *; may be repeated [default: the host itself].
        """
        allowed = "such as https://example.com, https://*.example.com, null or *"
        self._add("origin", "origins", origin, allowed)

    @inOneLine
    def opt_host(self, host: str) -> None:
        """
        Host that requests may be for, on any port, such as example.com,
        *.example.com or [::1]; may be repeated [default: all].
        """
        allowed = "such as example.com, *.example.com or [::1]"
        self._add("host", "hosts", host, allowed)

    @inOneLine
    def opt_trust_proxy(self, network: str) -> None:
        """
        Network of proxies that are believed when they say whom they forward for,
        such as 10.0.0.0/8, ::1 or unix; may be repeated [default: none].
        """
        allowed = "such as 10.0.0.0/8, ::1 or unix"
        self._add("trust-proxy", "trustedProxies", network, allowed)

    @inOneLine
    def opt_forwarded_field(self, name: str) -> None:
        """
        Field in which all of these proxies say so: X-Forwarded-For,
        X-Forwarded-Proto, X-Forwarded-Host or, alone, Forwarded; may be repeated
        [default: X-Forwarded-For and X-Forwarded-Proto].
        """
        allowed = (
            "Forwarded alone, or X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host"
        )
        self._add("forwarded-field", "forwardedFields", name, allowed, str.lower)

    def readSettings(self) -> Settings:
        """
        Make the settings that were described.

        @raise UsageError: a number is none, or not allowed.
        """
        values: dict[str, Any] = dict(self._lists)
        values.update({each.field: each.value for each in FLAGS if self[each.option]})
        for option, field, read, _ in NUMBERS:
            text = self[option]
            if text is None:
                continue
            allowed, isAllowed = _FIELDS[field].metadata["rule"]
            value = _read(text, read)
            if not isAllowed(value):
                names = allowed.replace("None", "none")
                raise usage.UsageError(f"--{option} {text}: allowed: {names}")
            values[field] = value
        return Settings(**values)

    def _add(
        self,
        option: str,
        field: str,
        text: str,
        allowed: str,
        read: Callable[[str], str] = str,
    ) -> None:
        """Add to a field that is a list."""
        values: dict[str, Any] = {field: (*self._lists.get(field, ()), read(text))}
        try:
            Settings(**values)
        except ValueError:
            said = f"--{option} {text}: allowed: {allowed}"
            raise usage.UsageError(said) from None
        self._lists.update(values)


def _read(text: str, read: Callable[[str], float]) -> object:
    """Read a number strictly, or C{none}; what is neither stays text."""
    if text == "none":
        return None
    if not text.isascii() or not text.replace(".", "", 1).isdigit():
        return text
    try:
        return read(text)
    except ValueError:
        return text
