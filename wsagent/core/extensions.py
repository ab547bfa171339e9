"""
Extensions: how they are negotiated, and what one has to be.

At most one extension is in use on a connection; it may change whole messages,
and mark them with a reserved bit.  Without one, nothing here is called.

@see: RFC 6455 section 9.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol

from .errors import HandshakeError
from .heads import isToken, parameterLists

Parameters = Sequence[tuple[str, "str | None"]]
"""Names and values, C{None} for a name alone."""


class Codec(Protocol):
    """
    What an extension does to the messages of one connection.

    @ivar rsv: the reserved bit that marks an encoded message: 0x40, 0x20, 0x10.
    """

    rsv: int

    def encode(self, payload: bytes, choice: bool | None) -> bytes | None:
        """
        Encode a message that goes out.

        @param choice: the application's: to encode or not; C{None} is the codec's.
        @return: C{None} to send it as it is.
        """

    def encodesBy(self) -> Hashable | None:
        """
        Tell what alone decides how a message is encoded.

        @return: equal for codecs that encode alike; C{None} if earlier
            messages matter too.
        """

    def decode(self, data: bytes, isLast: bool, limit: int) -> bytes:
        """
        Decode some octets of a message that comes in.

        Not called for a message without payload, which stays empty.

        @param isLast: they are the last ones of the message.
        @param limit: octets that may come of it.
        @raise ProtocolError: they are malformed, or more would come of them.
        """

    def rest(self) -> None:
        """Use less memory until the next message."""

    def state(self) -> object:
        """
        Give all that L{restore} needs, as a plain value.

        @raise ValueError: it was not asked to keep that.
        """

    def restore(self, state: object) -> None:
        """Go on where another one's L{state} was taken."""


class Extension(Protocol):
    """
    An extension, as one side is ready to use it.

    @ivar name: its registered name.
    """

    name: str

    def offers(self) -> Sequence[Parameters]:
        """List what a client offers, in order of preference."""

    def accept(self, offer: Parameters) -> tuple[Parameters, Codec] | None:
        """
        Decide, as a server, about an offer.

        @return: the answer's parameters, and what does it; C{None} declines.
        """

    def begin(self, answer: Parameters) -> Codec:
        """
        Take, as a client, a server's answer.

        @raise HandshakeError: it does not answer an offer of ours.
        """


def negotiate(
    offered: bytes | None,
    extensions: Sequence[Extension],
) -> tuple[str | None, Codec | None]:
    """
    Choose, as a server, the first offer that can be accepted.

    @param offered: C{Sec-WebSocket-Extensions} of the request.
    @return: the field of the answer, and what does it; or twice C{None}.
    """
    known = {extension.name: extension for extension in extensions}
    for name, parameters in parameterLists(offered) if offered and known else ():
        extension = known.get(name)
        accepted = extension and extension.accept(parameters)
        if accepted:
            answer, codec = accepted
            return render(name, answer), codec
    return None, None


def offer(extensions: Sequence[Extension]) -> str:
    """Write, as a client, C{Sec-WebSocket-Extensions}; empty for nothing."""
    return ", ".join(
        render(extension.name, parameters)
        for extension in extensions
        for parameters in extension.offers()
    )


def begin(answer: bytes | None, extensions: Sequence[Extension]) -> Codec | None:
    """
    Take, as a client, a server's answer.

    @param answer: C{Sec-WebSocket-Extensions} of the response.
    @raise HandshakeError: it answers no offer of ours.
    """
    if answer is None:
        return None
    accepted = parameterLists(answer)
    known = {extension.name: extension for extension in extensions}
    if len(accepted) != 1 or accepted[0][0] not in known:
        raise HandshakeError("an extension that was not offered")
    name, parameters = accepted[0]
    return known[name].begin(parameters)


def render(name: str, parameters: Parameters) -> str:
    """
    Write a name and its parameters.

    @raise ValueError: one of them is no token.
    """
    words = [name]
    written = [name]
    for key, value in parameters:
        words += (key,) if value is None else (key, value)
        written.append(key if value is None else f"{key}={value}")
    for word in words:
        if not isToken(word):
            raise ValueError(f"{word!r}, allowed: HTTP tokens")
    return "; ".join(written)
