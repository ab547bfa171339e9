"""
TLS for clients: whom to trust.

Where a C{tls} is asked for, it is called with a host's name and gives what
Twisted makes TLS connections with.  Twisted's own C{optionsForClientTLS} is one;
with another trust, or a certificate to show::

    partial(optionsForClientTLS, trustRoot=authority, clientCertificate=mine)
"""

from __future__ import annotations

from collections.abc import Callable

from OpenSSL.SSL import Connection
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import CertificateOptions, optionsForClientTLS
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

TLS = Callable[[str], IOpenSSLClientConnectionCreator]


def verified(host: str) -> IOpenSSLClientConnectionCreator:
    """Trust whom the system trusts, if the certificate is the host's."""
    return optionsForClientTLS(host)


def insecure(host: str) -> IOpenSSLClientConnectionCreator:
    """Trust anybody.  Who stands between can read and change all."""
    return _Insecure(host)


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
        if not isIPAddress(self._host) and not isIPv6Address(self._host):
            # RFC 6066 3: no literal addresses.
            connection.set_tlsext_host_name(self._host.encode("ascii"))
        return connection
