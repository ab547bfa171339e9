"""
What a peer says of extensions: a client's offers, a server's answer.

A list that is read is the same when it is written again.  What a server accepts
of offers never exceeds them, and a client that has offered so agrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from fuzz.choices import Choices
from tests.core.builds import Build

_NO_TAKEOVER = "{}_no_context_takeover"
_WINDOW = "{}_max_window_bits"


def check(octets: bytes, builds: Sequence[Build]) -> None:
    """Read a field."""
    build = builds[0]
    choices = Choices(octets)
    windows = [9 + choices.number() % 7 for _ in range(2)]
    takeovers = choices.bits(2)
    wish = build.deflate.Compression(
        windowBits=windows[0],
        peerWindowBits=windows[1],
        hasContextTakeover=takeovers[0],
        peerHasContextTakeover=takeovers[1],
    )
    value = choices.rest()
    try:
        lists = build.heads.parameterLists(value)
    except build.errors.HandshakeError:
        lists = None
    if lists is not None:
        written = ", ".join(build.extensions.render(*each) for each in lists)
        assert build.heads.parameterLists(written.encode()) == lists
        _checkServer(build, value, lists, wish)
    with suppress(build.errors.HandshakeError):
        extension = build.permessage.PermessageDeflate(wish)
        codec = build.extensions.begin(value, [extension])
        assert lists is not None
        _checkCodec(codec, dict(lists[0][1]), wish, ("client", "server"))


def _checkServer(build: Build, value: bytes, lists: Any, wish: Any) -> None:
    """Accept an offer."""
    extension = build.permessage.PermessageDeflate(wish)
    answer, codec = build.extensions.negotiate(value, [extension])
    if answer is None:
        assert codec is None
        return
    [(name, parameters)] = build.heads.parameterLists(answer.encode())
    offers = [dict(offered) for each, offered in lists if each == name]
    told = dict(parameters)
    assert any(_answers(told, offered) for offered in offers)
    _checkCodec(codec, told, wish, ("server", "client"))


def _answers(told: dict[str, Any], offered: dict[str, Any]) -> bool:
    """Ask whether an answer keeps to an offer (RFC 7692 section 7.1)."""
    for side in ("server", "client"):
        window = _WINDOW.format(side)
        asked = offered.get(window)
        if asked is not None and not (
            asked.isdecimal() and int(told.get(window) or 15) <= int(asked)
        ):
            return False
    if _WINDOW.format("client") in told and _WINDOW.format("client") not in offered:
        return False
    flag = _NO_TAKEOVER.format("server")
    return flag in told or flag not in offered


def _checkCodec(
    codec: Any, told: dict[str, Any], wish: Any, sides: tuple[str, str]
) -> None:
    """See that a codec does what was told, and no more than we want."""
    own, peer = sides
    deflater, inflater = codec._deflater, codec._inflater
    assert deflater._windowBits <= int(told.get(_WINDOW.format(own)) or 15)
    assert deflater._windowBits <= wish.windowBits
    assert inflater._windowBits == int(told.get(_WINDOW.format(peer)) or 15)
    assert not (deflater._hasTakeover and _NO_TAKEOVER.format(own) in told)
    assert inflater._hasTakeover is (_NO_TAKEOVER.format(peer) not in told)
    plain = b"to be or not to be" * 9
    encoded = codec.encode(plain, True)
    assert encoded is None or len(encoded) < len(plain)
