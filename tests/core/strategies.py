"""What Hypothesis draws: conversations, heads, and where they are cut."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

from wsagent.core import codes

from .notation import frame

PAYLOADS = st.one_of(
    st.binary(max_size=12),
    st.integers(0, 255).flatmap(lambda size: st.just(bytes([size]) * size)),
    st.sampled_from((125, 126, 127, 700, 701, 65_535, 65_536)).map(bytes),
)
"""Payloads, many of them as long as something changes."""

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)

CLOSE_CODES = st.one_of(
    st.sampled_from((1000, 1001, 1003, 1007, 1011, 1012, 1014, 3000, 4999)),
    st.integers(3000, 4999),
)

CONTROL_PAYLOADS = st.one_of(st.binary(max_size=5), st.just(bytes(125)))

CUTS = st.lists(st.integers(0, 400), max_size=12)


class Conversation(NamedTuple):
    """What a peer sends, and the calls that it makes."""

    octets: bytes
    calls: list[tuple[Any, ...]]


class Message(NamedTuple):
    """A message, and how it is fragmented."""

    value: str | bytes
    fragments: list[bytes]


@st.composite
def messages(draw: Any, payloads: Any = PAYLOADS) -> Message:
    """Draw a message in fragments; text is cut anywhere, in a character too."""
    value = draw(st.one_of(TEXTS, payloads))
    octets = value.encode() if isinstance(value, str) else value
    stops = sorted(draw(st.lists(st.integers(0, len(octets)), max_size=3)))
    fragments = [
        octets[start:stop]
        for start, stop in zip([0, *stops], [*stops, len(octets)], strict=True)
    ]
    return Message(value, fragments)


@st.composite
def conversations(
    draw: Any,
    isMasked: bool,
    payloads: Any = PAYLOADS,
) -> Conversation:
    """Draw what a correct peer might send, control frames between fragments."""
    sent = bytearray()
    calls: list[tuple[Any, ...]] = []

    def send(opcode: int, payload: bytes, fin: bool = True) -> None:
        key = b""
        if isMasked:
            key = draw(st.binary(min_size=4, max_size=4))
        sent.extend(frame(opcode, payload, fin=int(fin), key=key))

    def sendControls() -> None:
        for opcode, payload in draw(
            st.lists(
                st.tuples(
                    st.sampled_from((codes.PING, codes.PONG)),
                    CONTROL_PAYLOADS,
                ),
                max_size=1,
            ),
        ):
            send(opcode, payload)
            name = "pingReceived" if opcode == codes.PING else "pongReceived"
            calls.append((name, payload))

    for value, fragments in draw(st.lists(messages(payloads), max_size=4)):
        opcode = codes.TEXT if isinstance(value, str) else codes.BINARY
        for index, fragment in enumerate(fragments):
            sendControls()
            send(
                codes.CONTINUATION if index else opcode,
                fragment,
                index == len(fragments) - 1,
            )
        name = "textReceived" if isinstance(value, str) else "bytesReceived"
        calls.append((name, value))
    sendControls()
    ending = draw(st.sampled_from(("none", "empty", "code")))
    if ending == "empty":
        send(codes.CLOSE, b"")
        calls.append(("closeReceived", 1005, ""))
    elif ending == "code":
        code, reason = draw(CLOSE_CODES), draw(TEXTS)
        send(codes.CLOSE, code.to_bytes(2, "big") + reason.encode())
        calls.append(("closeReceived", code, reason))
    return Conversation(bytes(sent), calls)


_TCHARS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCXYZ"
_VALUES = st.text(
    st.characters(codec="latin-1", exclude_categories=("Cc",)),
    max_size=12,
).map(lambda text: text.encode("latin-1"))
_FIELDS = st.lists(
    st.tuples(
        st.text(_TCHARS, min_size=1, max_size=8).map(str.encode),
        st.sampled_from((b":", b": ", b":\t")),
        _VALUES,
    ).map(b"".join),
    max_size=5,
)
_HANDSHAKE = (
    b"Host: example.com",
    b"Upgrade: websocket",
    b"Connection: Upgrade",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Protocol: chat, superchat",
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    b"Origin: http://example.com",
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
)
_NASTY = st.one_of(
    st.sampled_from(
        (
            *(
                bytes((octet,))
                for octet in b'\r\n\0\t :;,"\\=()\x0b\x0c\x1c\x7f\x85\xff'
            ),
            b"\r\n",
            b"\r\n ",
            b"\r\n\r\n",
            b"\n\n",
        ),
    ),
    st.binary(max_size=3),
)


@st.composite
def _heads(draw: Any, starts: Any) -> bytes:
    lines = [*_HANDSHAKE, *draw(_FIELDS)]
    order = draw(st.permutations(lines))
    return b"\r\n".join([draw(starts), *order]) + b"\r\n\r\n"


@st.composite
def mutated(draw: Any, heads: Any) -> bytes:
    """Draw a head, and spoil it in up to three places."""
    octets: bytes = draw(heads)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(octets)))
        taken = draw(st.integers(0, 2))
        octets = octets[:at] + draw(_NASTY) + octets[at + taken :]
    return octets


REQUEST_HEADS = _heads(
    st.sampled_from(
        (b"GET / HTTP/1.1", b"GET /chat?a=b HTTP/1.1", b"GET ws://a/b HTTP/1.1"),
    ),
)
RESPONSE_HEADS = _heads(
    st.sampled_from(
        (
            b"HTTP/1.1 101 Switching Protocols",
            b"HTTP/1.1 101 ",
            b"HTTP/1.1 403 Forbidden",
        ),
    ),
)
