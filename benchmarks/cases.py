"""What is measured."""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """
    Something that is measured of each peer.

    @ivar role: what the server is for.
    @ivar way: of measuring: C{echo}, C{handshakes}, C{memory} or C{client}.
    @ivar arguments: for the load; for a client, its own.
    @ivar isQuick: whether C{--quick} has it.
    @ivar hasLimit: whether the server in C does the same work.
    @ivar hasLatency: whether the time of a round trip says something.
    """

    name: str
    title: str
    arguments: str = ""
    role: str = "echo"
    way: str = "echo"
    isQuick: bool = False
    hasLimit: bool = True
    hasLatency: bool = False

    @property
    def figure(self) -> str:
        """The name of the figure that is compared."""
        return "memory" if self.way == "memory" else "cpu"

    @property
    def unit(self) -> str:
        """That figure's unit."""
        return "octets" if self.way == "memory" else "µs"


_32 = "--connections=32"
_JSON = f"--size=1024 --kind=json {_32}"
_PIECES = "--size=65536"

CASES = [
    Case(
        "echo-32",
        "text, 32 octets, 1 in flight on each of 32 connections",
        f"--size=32 {_32}",
        isQuick=True,
        hasLatency=True,
    ),
    Case("echo-32-bytes", "bytes, 32 octets", f"--size=32 --kind=bytes {_32}"),
    Case("echo-1k", "text, 1 KiB", f"--size=1024 {_32}", isQuick=True),
    Case("echo-1k-bytes", "bytes, 1 KiB", f"--size=1024 --kind=bytes {_32}"),
    Case("echo-64k", "text, 64 KiB", f"--size=65536 {_32}", isQuick=True),
    Case("echo-64k-bytes", "bytes, 64 KiB", f"--size=65536 --kind=bytes {_32}"),
    Case("echo-1m", "text, 1 MiB", f"--size=1048576 {_32}"),
    Case(
        "echo-1m-bytes",
        "bytes, 1 MiB",
        f"--size=1048576 --kind=bytes {_32}",
        isQuick=True,
    ),
    Case(
        "flight-32",
        "text, 32 octets, 16 in flight on each of 32 connections",
        f"--size=32 --in-flight=16 {_32}",
        isQuick=True,
    ),
    Case("flight-1k", "text, 1 KiB, 16 in flight", f"--size=1024 --in-flight=16 {_32}"),
    Case(
        "many-1",
        "text, 32 octets, 1 connection",
        "--size=32",
        isQuick=True,
        hasLatency=True,
    ),
    Case(
        "many-500",
        "text, 32 octets, 500 connections",
        "--size=32 --connections=500",
        isQuick=True,
    ),
    Case(
        "many-500-1k", "text, 1 KiB, 500 connections", "--size=1024 --connections=500"
    ),
    Case(
        "many-5000",
        "text, 32 octets, 5,000 connections",
        "--size=32 --connections=5000",
    ),
    # The server in C sends each fragment back as it comes.
    Case("pieces-1", "text, 64 KiB, 1 connection", _PIECES, hasLimit=False),
    Case(
        "pieces-64",
        "text, 64 KiB in 64 fragments, 1 connection",
        f"{_PIECES} --fragments=64",
        hasLimit=False,
    ),
    Case(
        "pieces-1024",
        "text, 64 KiB in 1,024 fragments, 1 connection",
        f"{_PIECES} --fragments=1024",
        isQuick=True,
        hasLimit=False,
    ),
    Case(
        "deflate", "1 KiB of JSON, compressed both ways", _JSON, "deflate", isQuick=True
    ),
    Case(
        "tls-32", "text, 32 octets, over TLS", f"--size=32 {_32}", "tls", isQuick=True
    ),
    Case("tls-64k", "text, 64 KiB, over TLS", f"--size=65536 {_32}", "tls"),
    Case(
        "broadcast",
        "text, 32 octets, to 1,000; for each that receives it",
        "--size=32 --connections=1000",
        "broadcast",
        isQuick=True,
    ),
    Case(
        "handshakes",
        "open and close, one after the other",
        way="handshakes",
        isQuick=True,
    ),
    Case(
        "client-1", "client, text, 32 octets, 1 connection", "--size=32", way="client"
    ),
    Case(
        "client-32",
        "client, text, 32 octets, 32 connections",
        f"--size=32 {_32}",
        way="client",
        isQuick=True,
    ),
    Case("client-1k", "client, text, 1 KiB", f"--size=1024 {_32}", way="client"),
    Case("memory", "an idle connection", way="memory", isQuick=True),
    Case(
        "memory-deflate",
        "an idle connection that may compress",
        role="deflate",
        way="memory",
    ),
    Case(
        "memory-deflated",
        "an idle connection that has sent 1 KiB of JSON back, compressed",
        "--size=1024 --kind=json --used",
        role="deflate",
        way="memory",
        isQuick=True,
    ),
]
