"""Connections that begin with a PROXY header: L{PrefacedOpening}."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.logger import Logger
from twisted.python.failure import Failure

from .addresses import tcpAddress
from .answering import ServerOpening
from .core.errors import HandshakeError
from .core.preface import PrefaceReader
from .forwarding import Trust
from .wire import Wire

# A class's own would put the instance, for good, into every event that is kept.
_log = Logger()


class PrefacedOpening:
    """An opening handshake, before which a proxy says for whom it connects."""

    _wire: Wire

    def __init__(
        self,
        opening: ServerOpening,
        trust: Trust | None,
        tls: IOpenSSLServerConnectionCreator | None,
    ) -> None:
        """
        @param opening: the handshake.
        @param trust: proxies that may connect; C{None}: whoever can.
        @param tls: what TLS is made with that follows the header, if it does.
        """
        self._opening = opening
        self._trust = trust
        self._tls = tls
        self._reader: PrefaceReader | None = PrefaceReader()

    def connectionMade(self, wire: Wire) -> None:
        """Wait for the header, of a proxy that is trusted."""
        self._wire = wire
        self._opening.connectionMade(wire)
        if self._trust is not None and wire.transport.getPeer() not in self._trust:
            self._cutOff("not of settings.trustedProxies")

    def dataReceived(self, data: bytes) -> None:
        """Read the header, and no more than that."""
        if self._reader is None:
            self._opening.dataReceived(data)
            return
        try:
            whole = self._reader.feed(data)
        except HandshakeError as error:
            self._cutOff(str(error))
            return
        if whole is None:
            return
        self._reader = None
        preface, rest = whole
        if preface.node is not None:
            self._opening.forwards(tcpAddress(*preface.node), preface.isSecure)
        elif preface.isSecure:
            self._opening.forwards(self._wire.transport.getPeer(), True)
        receive = self.dataReceived
        if self._tls is not None:
            transport: Any = self._wire.transport
            transport.startTLS(self._tls)
            receive = transport.protocol.dataReceived
        if rest:
            receive(rest)

    def _cutOff(self, why: str) -> None:
        """Be rid of who does not speak as a proxy: there is no answer for it."""
        _log.info("{peer} cut off: {why}", peer=str(self._wire), why=why)
        self._wire.abort()

    def readConnectionLost(self) -> None:
        """Be gone."""
        self._opening.readConnectionLost()

    def giveUp(self) -> None:
        """Refuse what may still come."""
        self._opening.giveUp()

    def connectionLost(self, reason: Failure) -> None:
        """Be gone."""
        self._opening.connectionLost(reason)
