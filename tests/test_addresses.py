"""L{wsagent.addresses}: names of peers, and networks."""

import ipaddress

from twisted.internet.address import (
    HostnameAddress,
    IPv4Address,
    IPv6Address,
    UNIXAddress,
)
from twisted.trial.unittest import SynchronousTestCase

from wsagent.addresses import (
    Networks,
    describeAddress,
    describePeer,
    ipOf,
    isLocal,
    tcpAddress,
)

V4 = IPv4Address("TCP", "192.0.2.1", 80)
V6 = IPv6Address("TCP", "2001:db8::1", 80)
ZONE = IPv6Address("TCP", "fe80::1%eth0", 80)


class AddressesTests(SynchronousTestCase):
    """What can be said of an address."""

    def test_named(self):
        """An address has a name for the log, with its port if that is known."""
        for address, name in (
            (V4, "192.0.2.1:80"),
            (V6, "[2001:db8::1]:80"),
            (IPv4Address("TCP", "192.0.2.1", 0), "192.0.2.1"),
            (IPv6Address("TCP", "2001:db8::1", 0), "2001:db8::1"),
            (UNIXAddress("/run/ws.sock"), "unix:/run/ws.sock"),
            (UNIXAddress(b"/run/\xff"), "unix:/run/\ufffd"),
            (UNIXAddress(None), "unix"),
            (None, "unix"),
        ):
            self.assertEqual(describePeer(address), name)

    def test_agents(self):
        """An agent's number has eight digits, or more."""
        self.assertEqual(describeAddress(26), ":0000001a")
        self.assertEqual(describeAddress(1 << 32), ":100000000")

    def test_local(self):
        """Only this machine gets to loopback, and to UNIX sockets."""
        for host in ("127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1"):
            kind = IPv6Address if ":" in host else IPv4Address
            self.assertTrue(isLocal(kind("TCP", host, 80)))
        self.assertTrue(isLocal(UNIXAddress("/run/ws.sock")))
        for address in (V4, V6, ZONE, IPv4Address("TCP", "0.0.0.0", 80), None):
            self.assertFalse(isLocal(address))

    def test_numbers(self):
        """An address of IP has a number, which makes one again."""
        for address, text in (
            (V4, "192.0.2.1"),
            (V6, "2001:db8::1"),
            (IPv6Address("TCP", "::ffff:192.0.2.1", 80), "192.0.2.1"),
        ):
            self.assertEqual(ipOf(address), ipaddress.ip_address(text))
        for address in (UNIXAddress(None), HostnameAddress(b"a", 1), None):
            self.assertIsNone(ipOf(address))
        for address in (V4, V6):
            self.assertEqual(tcpAddress(ipOf(address), 80), address)

    def test_networks(self):
        """An address is in a network of its own kind."""
        networks = Networks(("192.0.2.0/24", "fe80::/10", "2001:db8::1"))
        for address in (V4, V6, ZONE):
            self.assertIn(address, networks)
        for address in (
            IPv4Address("TCP", "192.0.3.1", 80),
            IPv6Address("TCP", "2001:db8::2", 80),
            UNIXAddress(None),
            None,
        ):
            self.assertNotIn(address, networks)
        self.assertIn(UNIXAddress(None), Networks(("unix",)))
        self.assertNotIn(None, Networks(("unix",)))
        self.assertNotIn(V4, Networks(()))
