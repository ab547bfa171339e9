"""Servers in a thread, each of which follows a script to its end."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from wsagent import blocking
from wsagent.core import handshake
from wsagent.core.codes import Role
from wsagent.core.extensions import negotiate
from wsagent.core.heads import requestLine
from wsagent.core.permessage import PermessageDeflate
from wsagent.settings import Compression

from .ends import FIN, End

PATIENCE = 20
"""Seconds after which a test has failed: no speed is asserted."""


class Server(End):
    """
    A server's end, whose script runs in a thread.

    @ivar request: the client's, once it was read.
    """

    def __init__(self, end: socket.socket, script, tls=None) -> None:
        """
        @param script: called with me.
        @param tls: makes TLS of the socket first.
        """
        end.settimeout(PATIENCE)
        super().__init__(end)
        self._script = script
        self._tls = tls
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        """Follow the script."""
        try:
            try:
                if self._tls is not None:
                    self.socket = self._tls.wrap_socket(self.socket, server_side=True)
                self._script(self)
            finally:
                self.socket.close()
        except BaseException as error:  # noqa: BLE001 - raised again by the test
            self._failure = error

    def join(self) -> None:
        """Wait for the end of the script, and raise what it has raised."""
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            raise AssertionError("the script has no end")
        if self._failure is not None:
            raise self._failure

    # What scripts call

    def readRequest(self) -> None:
        """Read the request."""
        start, headers, _ = self.readHead(requestLine)
        self.request = handshake.readRequest(start, headers)

    def send(self, *octets: bytes) -> None:
        """Send anything, a segment each."""
        for each in octets:
            self.socket.sendall(each)

    def accepted(self, *lines: bytes, without: bytes = b"") -> bytes:
        """
        Write a 101.

        @param lines: added to it.
        @param without: the name of a field that it lacks.
        """
        accept = handshake.acceptKey(self.request.key)
        own = (
            b"HTTP/1.1 101 Switching Protocols",
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Accept: " + accept,
        )
        kept = [line for line in own if line.partition(b":")[0] != without]
        return b"\r\n".join((*kept, *lines, b"", b""))

    def open(self, *lines: bytes, then: bytes = b"") -> None:
        """
        Read the request, and accept it.

        @param then: octets in the same segment.
        """
        self.readRequest()
        self.accept(*lines, then=then)

    def accept(self, *lines: bytes, then: bytes = b"") -> None:
        """Accept the request that was read, as L{open} does."""
        offered = self.request.headers.get("sec-websocket-extensions")
        deflate = PermessageDeflate(Compression())
        extension, codec = negotiate(offered, (deflate,) if offered else ())
        if extension is not None:
            lines = (*lines, b"Sec-WebSocket-Extensions: " + extension.encode())
        self.begin(Role.SERVER, codec)
        self.send(self.accepted(*lines) + then)

    def echo(self) -> None:
        """Send every message back as it came, until the client is gone."""
        while (call := self.receive()) != FIN:
            if call[0] == "textReceived":
                self.connection.sendText(call[1])
            elif call[0] == "bytesReceived":
                self.connection.sendBytes(call[1])

    def readAll(self) -> bytes:
        """Read until FIN, or until the client is gone otherwise."""
        octets = bytearray()
        try:
            while data := self.socket.recv(65_536):
                octets += data
        except ConnectionError:
            pass
        return bytes(octets)


class ScriptCase(SynchronousTestCase):
    """Tests of the blocking client against a script."""

    def serve(self, script, kind=socket.SOCK_STREAM, tls=None) -> socket.socket:
        """Start a script, and give the client's end; all is joined in the end."""
        near, far = socket.socketpair(type=kind)
        self.server = Server(far, script, tls)
        self.addCleanup(self.server.join)
        return near

    def connect(self, script, kind=socket.SOCK_STREAM, **keywords):
        """Connect to a script."""
        near = self.serve(script, kind)
        return blocking.connect("ws://localhost/chat", socket=near, **keywords)


class Authority:
    """A certificate authority of one test."""

    def __init__(self, folder: Path) -> None:
        """@param folder: where its certificates are written."""
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec

        self._x509 = x509
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name(
            [x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests of wsagent")],
        )
        # What RFC 5280 wants of an authority, and Python 3.13 too.
        signs = dict.fromkeys(
            (
                "digital_signature",
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "crl_sign",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        self._write(
            "authority",
            self._name,
            self._key,
            x509.BasicConstraints(ca=True, path_length=0),
            x509.KeyUsage(key_cert_sign=True, **signs),
        )

    def server(self, host: str) -> ssl.SSLContext:
        """Make what a server with a certificate for that host needs."""
        from cryptography.hazmat.primitives.asymmetric import ec

        x509 = self._x509
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
        self._write(host, subject, key, names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._folder / f"{host}.pem")
        return context

    def client(self) -> ssl.SSLContext:
        """Make what a client that trusts this authority needs."""
        return ssl.create_default_context(cafile=str(self._folder / "authority.pem"))

    def _write(self, name, subject, key, *extensions) -> None:
        """Write a certificate and its key."""
        from cryptography.hazmat.primitives import hashes, serialization

        x509 = self._x509
        now = dt.datetime.now(dt.timezone.utc)
        day = dt.timedelta(days=1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + day)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
                critical=False,
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(
                    self._key.public_key(),
                ),
                critical=False,
            )
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=True)
        certificate = builder.sign(self._key, hashes.SHA256())
        pem = serialization.Encoding.PEM
        (self._folder / f"{name}.pem").write_bytes(
            key.private_bytes(
                pem,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(pem),
        )
