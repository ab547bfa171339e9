"""
The numbers and names of RFC 6455.

@see: RFC 6455 sections 1.3, 5.2 and 7.4, and the IANA WebSocket registries.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class Role(Enum):
    """Which end of a connection: a client masks, a server must not."""

    CLIENT = "client"
    SERVER = "server"


GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""What a server appends to the key before it hashes it (section 1.3)."""

VERSION: Final = b"13"
"""The only value of C{Sec-WebSocket-Version} there is (section 4.1)."""

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

OPCODES: Final = frozenset((CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))
CONTROL: Final = 0x8
"""The bit that control opcodes have and data opcodes have not."""

CONTROL_LIMIT: Final = 125
"""Octets of payload in a control frame, at most (section 5.5)."""

REASON_LIMIT: Final = CONTROL_LIMIT - 2
"""Octets of UTF-8 in a close reason, at most."""

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
NO_CODE: Final = 1005
"""Stands for a Close frame without a code; never on the wire."""
ABNORMAL: Final = 1006
"""Stands for a connection that ended without a Close frame; never on the wire."""
INVALID_PAYLOAD: Final = 1007
POLICY_VIOLATION: Final = 1008
MESSAGE_TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011
TRY_AGAIN_LATER: Final = 1013

_RESERVED: Final = frozenset((1004, NO_CODE, ABNORMAL))


def mayBeSent(code: int) -> bool:
    """
    Ask whether a close code may stand in a Close frame.

    @see: RFC 6455 section 7.4; 1012 to 1014 are registered with IANA.
    """
    return (1000 <= code <= 1014 and code not in _RESERVED) or 3000 <= code <= 4999
