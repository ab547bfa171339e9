"""The names of peers, for the log."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address


def describePeer(address: object) -> str:
    """Name an address for the log."""
    if isinstance(address, IPv4Address):
        return f"{address.host}:{address.port}"
    if isinstance(address, IPv6Address):
        return f"[{address.host}]:{address.port}"
    name = getattr(address, "name", None)
    return f"unix:{name.decode(errors='replace')}" if name else "unix"
