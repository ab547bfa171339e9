"""
What a socket of the fast lane receives, in both builds.

The compiled one receives into the same memory again unless somebody has kept
it: what was kept does not change, and all of it is what was sent.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

from fuzz.choices import Choices
from tests.core.builds import Build

_SIZES = (0, 1, 2, 511, 512, 513, 4096, 65_535, 65_536, 100_000)


def check(octets: bytes, builds: Sequence[Build]) -> None:
    """Send as the octets say, each of which is a size and who keeps it."""
    for build in builds:
        _check(build.part("sockets.system"), octets)


def _check(system, octets: bytes) -> None:
    """Send and receive by a build's calls."""
    choices = Choices(octets)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for end in (ours, theirs):
            end.setblocking(False)
        kept: list[tuple[bytes, bytes]] = []
        sent, received = bytearray(), bytearray()
        for turn, _ in enumerate(octets[:64]):
            number = choices.number()
            data = bytes((turn + 1,)) * _SIZES[number % 10]
            how = number // 10 % 4
            if how == 0:
                done = system.sendBoth(theirs.fileno(), b"header", data)
                sent += (b"header" + data)[:done]
            else:
                view = memoryview(data) if how == 1 else data
                sent += data[: system.send(theirs.fileno(), view)]
            if number < 128:
                found = system.receive(ours.fileno())
                if found is None:
                    assert len(sent) == len(received)
                    continue
                received += found
                assert hash(found) == hash(bytes(bytearray(found)))
                if how % 2:
                    kept.append((found, bytes(bytearray(found))))
                del found
        while (found := system.receive(ours.fileno())) is not None:
            received += found
        assert received == sent
        for whole, copy in kept:
            assert whole == copy
        theirs.close()
        assert system.receive(ours.fileno()) == b""
