"""
TLS for clients: whom to trust.

Where a C{tls} is asked for, it is called with a host's name and gives what
Twisted makes TLS connections with.  With another trust than the system's, or a
certificate to show, it is what L{trusting} gives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from OpenSSL.crypto import X509
from OpenSSL.SSL import VERIFY_FAIL_IF_NO_PEER_CERT, VERIFY_PEER, Connection
from service_identity.cryptography import (
    verify_certificate_hostname,
    verify_certificate_ip_address,
)
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    CertificateOptions,
    PrivateCertificate,
    optionsForClientTLS,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

TLS = Callable[[str], IOpenSSLClientConnectionCreator]


def verified(host: str) -> IOpenSSLClientConnectionCreator:
    """Trust whom the system trusts, if the certificate is the host's."""
    return _Verified(host, optionsForClientTLS(host))


def trusting(
    trustRoot: Any = None,
    clientCertificate: PrivateCertificate | None = None,
) -> TLS:
    """
    Trust somebody else, or show a certificate.

    @param trustRoot: whom to trust, as C{optionsForClientTLS} takes it: a
        C{Certificate}, or several; the system's authorities by default.
    """

    def options(host: str) -> IOpenSSLClientConnectionCreator:
        """Make the options for a host."""
        made = optionsForClientTLS(host, trustRoot, clientCertificate)
        return _Verified(host, made)

    return options


def insecure(host: str) -> IOpenSSLClientConnectionCreator:
    """Trust anybody.  Who stands between can read and change all."""
    return _Insecure(host)


def _isAddress(host: str) -> bool:
    """Ask whether a host is a literal address."""
    return isIPAddress(host) or isIPv6Address(host)


@implementer(IOpenSSLClientConnectionCreator)
class _Verified:
    """
    Twisted's TLS, whose check of the host's name cannot fail open.

    Twisted 26.10 logs what goes wrong in that check, as with a certificate
    that names no host at all, and then takes the certificate.
    """

    def __init__(self, host: str, options: IOpenSSLClientConnectionCreator) -> None:
        """@param options: Twisted's."""
        self._host = host
        self._options = options

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> Connection:
        """Make a connection."""
        connection: Connection = self._options.clientConnectionForTLS(tlsProtocol)

        def isVerified(
            _connection: Connection,
            certificate: X509,
            _error: int,
            depth: int,
            isTrusted: int,
        ) -> bool:
            """Ask whether one certificate of the chain will do."""
            if not isTrusted or depth:
                return bool(isTrusted)
            try:
                self._verify(certificate)
            except Exception:  # noqa: BLE001 - whatever is wrong with it
                tlsProtocol.failVerification(Failure())
                return False
            return True

        connection.set_verify(VERIFY_PEER | VERIFY_FAIL_IF_NO_PEER_CERT, isVerified)
        return connection

    def _verify(self, certificate: X509) -> None:
        """Check that a certificate is the host's."""
        verify = (
            verify_certificate_ip_address
            if _isAddress(self._host)
            else verify_certificate_hostname
        )
        verify(certificate.to_cryptography(), self._host)


@implementer(IOpenSSLClientConnectionCreator)
class _Insecure:
    """TLS that looks at no certificate."""

    def __init__(self, host: str) -> None:
        """@param host: named to the server, which may have several."""
        self._host = host

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> Connection:
        """Make a connection."""
        connection = Connection(CertificateOptions().getContext(), None)
        connection.set_app_data(tlsProtocol)
        if not _isAddress(self._host):
            # RFC 6066 3: no literal addresses.
            connection.set_tlsext_host_name(self._host.encode("ascii"))
        return connection
