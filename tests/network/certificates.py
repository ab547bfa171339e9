"""Certificates that the tests make for themselves."""

from __future__ import annotations

import datetime as dt

NAMES = ("localhost",)
VALID = (dt.timedelta(days=-1), dt.timedelta(days=1))
EXPIRED = (dt.timedelta(days=-2), dt.timedelta(days=-1))


def selfSigned(folder, names=NAMES, validity=VALID):
    """
    Make a certificate, and give the end of an endpoint.

    @param names: whose it is; none is a certificate that does not say.
    @param validity: from and to, as seen from now.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + validity[0])
        .not_valid_after(now + validity[1])
    )
    if names:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(n) for n in names])
        certificate = certificate.add_extension(alternatives, critical=False)
    pem = serialization.Encoding.PEM
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            pem,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    signed = certificate.sign(key, hashes.SHA256())
    (folder / "certificate.pem").write_bytes(signed.public_bytes(pem))
    return f"privateKey={folder}/key.pem:certKey={folder}/certificate.pem"
