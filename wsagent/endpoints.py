"""
Where a server listens, by strings: as Twisted's, of which two do more here.

C{ssl:} reads its files again when it is told to, takes a whole chain from its
certificate's file, and with C{clientCA=} demands that clients show a
certificate.  C{haproxy:} reads the PROXY header strictly, within the time for
the opening handshake; in C{haproxy:ssl:} TLS begins behind it, as proxies have
it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from twisted.internet import endpoints
from twisted.internet.interfaces import (
    IAddress,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import ServerFactory
from twisted.python import usage
from zope.interface import implementer

from .answering import ServerOpening
from .loading import inLine
from .prefacing import PrefacedOpening
from .server import WebSocketServerFactory
from .wire import Wire

if TYPE_CHECKING:
    from .certificates import Certificates

_argument = re.compile(r"(?:[^:\\]|\\.)+", re.DOTALL)
_escaped = re.compile(r"\\(.)", re.DOTALL)
_FILES = ("privateKey", "certKey", "extraCertChain", "dhParameters", "clientCA")
_NAMES = ("interface", "backlog", *_FILES)


def serverFromString(reactor: Any, description: str) -> IStreamServerEndpoint:
    """
    Make an endpoint, as Twisted's function of that name.

    @param description: any of Twisted's, as C{tcp:8001}; or
        C{ssl:443:privateKey=key.pem:certKey=cert.pem:clientCA=ca.pem}; or
        C{haproxy:} before another.
    @raise Exception: it is none, or a file of it is not there or does not fit.
    """
    kind, _, rest = description.partition(":")
    if kind == "ssl":
        return _secure(reactor, rest)
    if kind == "haproxy":
        inner, _, last = rest.partition(":")
        if inner == "haproxy":
            raise ValueError("haproxy: twice, allowed: once")
        if inner == "ssl":
            return _secureBehindPreface(reactor, last)
        return PrefacedEndpoint(serverFromString(reactor, rest))
    endpoint: IStreamServerEndpoint = endpoints.serverFromString(reactor, description)
    return endpoint


def toldEndpoint(
    option: str,
    place: str,
    allowed: str,
    arguments: str = "",
) -> IStreamServerEndpoint:
    """
    Make the endpoint that an option names.

    @param place: a port by its number, or as L{serverFromString} has it.
    @param allowed: what else there might be, for the error.
    @param arguments: of a port that is a number only.
    @raise UsageError: it is none.
    """
    from twisted.internet import reactor

    description = place
    if place.isascii() and place.isdigit():
        if len(place) > 5 or int(place) > 65535:
            raise usage.UsageError(f"--{option} {place}: allowed: {allowed}")
        description = f"tcp:{place}{arguments}"
    try:
        endpoint = serverFromString(reactor, description)
    except Exception as error:  # noqa: BLE001 - each kind of endpoint has its own
        why = inLine(error)
        said = f"--{option} {place}: {why}; allowed: {allowed}"
        raise usage.UsageError(said) from None
    else:
        return endpoint


@implementer(IStreamServerEndpoint)
class PrefacedEndpoint:
    """Where proxies connect that say, in a PROXY header, for whom."""

    def __init__(
        self,
        endpoint: IStreamServerEndpoint,
        certificates: Certificates | None = None,
    ) -> None:
        """@param certificates: of TLS that begins behind the header."""
        self._endpoint = endpoint
        self._certificates = certificates

    def listen(self, protocolFactory: IProtocolFactory) -> Any:
        """Listen, with a factory of ours."""
        factory = _PrefacedFactory(protocolFactory, self._certificates)
        return self._endpoint.listen(factory)


@implementer(IStreamServerEndpoint)
class TLSEndpoint:
    """Where clients connect with TLS."""

    def __init__(
        self,
        endpoint: IStreamServerEndpoint,
        certificates: Certificates,
    ) -> None:
        """@param endpoint: what uses the certificates."""
        self._endpoint = endpoint
        self._certificates = certificates

    def listen(self, protocolFactory: IProtocolFactory) -> Any:
        """Listen."""
        return self._endpoint.listen(protocolFactory)

    def reload(self) -> None:
        """
        Read the certificates again, for connections from now on.

        @raise Exception: a file is not there, or does not fit; then all is as it
            was before.
        """
        self._certificates.reload()


class _PrefacedFactory(ServerFactory):
    """Makes connections of a factory, that begin with a PROXY header."""

    noisy = False

    def __init__(
        self,
        factory: IProtocolFactory,
        certificates: Certificates | None,
    ) -> None:
        """@param certificates: of TLS that begins behind the header."""
        if not isinstance(factory, WebSocketServerFactory):
            raise TypeError(f"factory is {factory!r}, needed a WebSocketServerFactory")
        self._factory = factory
        self._certificates = certificates

    def buildProtocol(self, addr: IAddress | None) -> Wire | None:
        """Make one."""
        factory = self._factory
        opening = ServerOpening(factory, isDirect=False)
        return factory.buildWire(
            PrefacedOpening(opening, factory.trust, self._certificates),
            addr,
        )

    def doStart(self) -> None:
        """Tell the factory of another port."""
        self._factory.doStart()

    def doStop(self) -> None:
        """Tell the factory of a port less."""
        self._factory.doStop()


class _TLSArguments(NamedTuple):
    """What follows C{ssl:} in a string."""

    port: int
    certificates: Certificates
    interface: str
    backlog: int


def _secure(reactor: Any, text: str) -> TLSEndpoint:
    """Make an endpoint with TLS."""
    port, certificates, interface, backlog = _tlsArguments(text)
    endpoint = endpoints.SSL4ServerEndpoint(
        reactor,
        port,
        certificates,
        backlog,
        interface,
    )
    return TLSEndpoint(endpoint, certificates)


def _secureBehindPreface(reactor: Any, text: str) -> TLSEndpoint:
    """Make an endpoint with TLS that begins behind a PROXY header."""
    port, certificates, interface, backlog = _tlsArguments(text)
    endpoint = endpoints.TCP4ServerEndpoint(reactor, port, backlog, interface)
    return TLSEndpoint(PrefacedEndpoint(endpoint, certificates), certificates)


def _tlsArguments(text: str) -> _TLSArguments:
    """
    Read what follows C{ssl:}, quoted as in all of Twisted's strings.

    @raise Exception: something is wrong with it.
    """
    try:
        from .certificates import Certificates
    except ImportError:
        raise ValueError("TLS needs pyOpenSSL: pip install 'wsagent[tls]'") from None
    first, *more = _argument.findall(text) or [""]
    port = int(first)
    told = {}
    for each in more:
        name, _, value = each.partition("=")
        if name not in _NAMES:
            raise ValueError(f"ssl: {name}, allowed: {', '.join(_NAMES)}")
        told[name] = _escaped.sub(r"\1", value)
    interface, backlog = told.pop("interface", ""), int(told.pop("backlog", "50"))
    return _TLSArguments(port, Certificates(**told), interface, backlog)
