"""
What a peer has compressed.

Whole or cut, in both builds, and moved to another inflater at cuts, the same octets
make the same messages.  No more comes of them than the limit; what comes of them is
what zlib makes of it, and is the same when it is compressed again.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from fuzz.choices import Choices, cut
from tests.core.builds import Build
from tests.core.compressing import TAIL, deflated

LIMITS = (1 << 20, 0, 1, 100, 1000, 65_535, 65_536)


def check(octets: bytes, builds: Sequence[Build]) -> None:
    """Inflate messages: what stands between their tails, cut off or left on."""
    build = builds[0]
    errors = tuple(each.errors.ProtocolError for each in builds)
    choices = Choices(octets)
    bits = 8 + choices.number() % 8
    hasTakeover, isMovable, isTailed = choices.bits(3)
    limit = choices.one(LIMITS)
    sizes = choices.sizes()
    tail = TAIL if isTailed else b""
    # A message without payload is not decoded.
    messages = [part + tail for part in choices.rest().split(TAIL) if part + tail]
    if not messages:
        return

    def inflated(
        build: Build, sizes: Sequence[int] | None, bits: int = bits
    ) -> list[Any]:
        """Inflate as far as there is no error."""
        turns = [*builds, *builds]
        inflater = build.deflate.Inflater(bits, hasTakeover, isMovable)
        found: list[Any] = []
        try:
            for message in messages:
                segments = [message] if sizes is None else cut(message, sizes)
                plain = b""
                for index, segment in enumerate(segments):
                    isLast = index == len(segments) - 1
                    plain += inflater.inflate(segment, isLast, limit - len(plain))
                    assert len(plain) <= limit
                    if isMovable and sizes is not None and turns:
                        state = inflater.state()
                        other = turns.pop().deflate.Inflater
                        inflater = other(bits, hasTakeover, isMovable)
                        inflater.restore(state)
                found.append(plain)
                if sizes is not None:
                    inflater.rest()
        except errors as error:
            # How much is inflated before what is wrong with it is seen depends.
            assert error.code in (1007, 1009)
            found.append(None)
        return found

    found = inflated(build, None)
    for each in builds:
        assert inflated(each, None) == found
        if inflated(each, sizes) != found:
            # Beyond a window, zlib finds what is inflated at once, and nothing else.
            assert inflated(each, sizes, 15) == inflated(build, None, 15)
    plain = found[:-1] if found[-1] is None else found
    _compare(messages[: len(plain)], plain, bits, hasTakeover)
    _checkAgain(build, plain, bits, hasTakeover)


def _compare(
    messages: Sequence[bytes], plain: Sequence[bytes], bits: int, hasTakeover: bool
) -> None:
    """Hold messages against what zlib makes of them, up to a last block."""
    stream = zlib.decompressobj(-bits)
    for message, found in zip(messages, plain, strict=True):
        if not hasTakeover:
            stream = zlib.decompressobj(-bits)
        made = stream.decompress(message)
        if not (message.endswith(TAIL) and _isBetweenBlocks(stream)):
            made += stream.decompress(TAIL)
        assert found.startswith(made)
        if stream.eof:
            return
        assert found == made


def _isBetweenBlocks(stream: Any) -> bool:
    """Ask whether what ends with four octets of a tail ends with a tail."""
    with suppress(zlib.error):
        end = stream.copy()
        return not end.decompress(b"\1" + TAIL) and end.eof
    return False


def _checkAgain(
    build: Build, plain: Sequence[bytes], bits: int, hasTakeover: bool
) -> None:
    """Compress messages, and inflate them: ours by zlib, zlib's by ours."""
    if bits < build.permessage.SMALLEST_OWN_WINDOW:
        return
    wish = build.deflate.Compression(isMovable=True)
    deflater = build.deflate.Deflater(wish, bits, hasTakeover)
    stream = zlib.decompressobj(-bits)
    for message in plain:
        if not hasTakeover:
            stream = zlib.decompressobj(-bits)
        assert stream.decompress(deflater.deflate(message) + TAIL) == message
    inflater = build.deflate.Inflater(bits, True, False)
    for message, octets in zip(plain, deflated(*plain, bits=bits), strict=True):
        assert inflater.inflate(octets, True, len(message)) == message
