"""The addresses of peers: their names for the log, and the networks they are in."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Network, IPv6Network

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

IP = ipaddress.IPv4Address | ipaddress.IPv6Address


def describePeer(address: object) -> str:
    """Name an address for the log; a proxy need not know the port."""
    if isinstance(address, (IPv4Address, IPv6Address)):
        if not address.port:
            return address.host
        isV6 = isinstance(address, IPv6Address)
        host = f"[{address.host}]" if isV6 else address.host
        return f"{host}:{address.port}"
    name = getattr(address, "name", None)
    return f"unix:{name.decode(errors='replace')}" if name else "unix"


def describeAddress(number: int) -> str:
    """Name an agent by its number."""
    return f":{number:08x}"


def isLocal(address: object) -> bool:
    """Ask whether only this machine gets to an address: loopback, or a UNIX socket."""
    found = ipOf(address)
    return isinstance(address, UNIXAddress) if found is None else found.is_loopback


def ipOf(address: object) -> IP | None:
    """
    Give the number of an address; what IPv6 only carries is IPv4.

    @return: C{None} if it has none, as a UNIX socket.
    """
    if not isinstance(address, (IPv4Address, IPv6Address)):
        return None
    try:
        found = ipaddress.ip_address(address.host)
    except ValueError:
        # Twisted's own reader of PROXY headers takes anything.
        return None
    return getattr(found, "ipv4_mapped", None) or found


def tcpAddress(found: IP, port: int) -> IPv4Address | IPv6Address:
    """Make Twisted's address of a number."""
    kind = IPv4Address if found.version == 4 else IPv6Address
    return kind("TCP", str(found), port)


class Networks:
    """Some networks, by their names: as C{10.0.0.0/8}, C{::1} or C{unix}."""

    def __init__(self, names: tuple[str, ...]) -> None:
        """@raise ValueError: a name is none."""
        self._hasUnix = "unix" in names
        self._networks = [
            ipaddress.ip_network(name) for name in names if name != "unix"
        ]

    def __contains__(self, address: object) -> bool:
        """Ask whether an C{IAddress} is in one of them."""
        found = ipOf(address)
        if found is None:
            return self._hasUnix and isinstance(address, UNIXAddress)
        return any(_isIn(found, network) for network in self._networks)


def _isIn(found: IP, network: IPv4Network | IPv6Network) -> bool:
    """Ask whether an address is in a network, which may be of the other kind."""
    return found in network
