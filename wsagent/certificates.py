"""What a server shows in TLS, and whom it demands to show something."""

from __future__ import annotations

import re
from pathlib import Path

from OpenSSL.crypto import FILETYPE_PEM, PKey, load_privatekey
from OpenSSL.crypto import Error as CryptoError
from OpenSSL.SSL import Connection, Context, Error
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    DiffieHellmanParameters,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.filepath import FilePath
from zope.interface import implementer

_block = re.compile(
    rb"-----BEGIN CERTIFICATE-----\s.+?\s-----END CERTIFICATE-----",
    re.DOTALL,
)


@implementer(IOpenSSLServerConnectionCreator)
class Certificates:
    """
    A server's key and certificates, in files that can be read again.

    Connections that were made keep what they were made with.
    """

    def __init__(
        self,
        privateKey: str = "server.pem",
        certKey: str | None = None,
        extraCertChain: str | None = None,
        dhParameters: str | None = None,
        clientCA: str | None = None,
    ) -> None:
        """
        All are files in PEM.

        @param privateKey: the key.
        @param certKey: the certificate, and perhaps those between it and a
            known authority; by default it is beside the key.
        @param extraCertChain: more of those.
        @param clientCA: authorities of which clients have to show a certificate.
        @raise Exception: a file is not there, or does not fit.
        """
        self._privateKey = privateKey
        self._certKey = certKey or privateKey
        self._extraCertChain = extraCertChain
        self._dhParameters = dhParameters
        self._clientCA = clientCA
        self.reload()

    def reload(self) -> None:
        """
        Read the files, for connections from now on.

        @raise Exception: as above; then all is as it was before.
        """
        self._context = self._read()

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> Connection:
        """Make a connection."""
        return Connection(self._context, None)

    def _read(self) -> Context:
        """Make a context of the files."""
        own, *chain = _certificates(self._certKey)
        if self._extraCertChain is not None:
            chain += _certificates(self._extraCertChain)
        parameters = trust = None
        if self._dhParameters is not None:
            parameters = DiffieHellmanParameters.fromFile(FilePath(self._dhParameters))
        if self._clientCA is not None:
            trust = trustRootFromCertificates(_certificates(self._clientCA))
        options = CertificateOptions(
            privateKey=_key(self._privateKey),
            certificate=own.original,
            extraCertChain=[each.original for each in chain],
            dhParameters=parameters,
            trustRoot=trust,
            # Behind a PROXY header, no factory is asked.
            acceptableProtocols=[b"http/1.1"],
        )
        try:
            return options.getContext()
        except Error as error:
            files = f"{self._privateKey} and {self._certKey}"
            raise ValueError(f"{files} do not fit: {error}") from None


def _key(path: str) -> PKey:
    """
    Read the key in a file.

    @raise ValueError: there is none.
    """
    octets = Path(path).read_bytes()
    try:
        # Nobody is there to be asked for a passphrase.
        return load_privatekey(FILETYPE_PEM, octets, passphrase=b"")
    except CryptoError:
        raise ValueError(f"no key without a passphrase in {path}") from None


def _certificates(path: str) -> list[Certificate]:
    """
    Read the certificates in a file.

    @raise ValueError: there is none.
    """
    blocks = _block.findall(Path(path).read_bytes())
    try:
        found = [Certificate.loadPEM(each) for each in blocks]
    except CryptoError:
        found = []
    if not found:
        raise ValueError(f"no certificate in {path}")
    return found
