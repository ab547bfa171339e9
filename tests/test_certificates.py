"""L{wsagent.certificates}: what a server shows in TLS."""

import contextlib
from pathlib import Path

from OpenSSL import SSL
from OpenSSL.crypto import FILETYPE_PEM
from twisted.trial import util
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from wsagent.certificates import Certificates, IOpenSSLServerConnectionCreator

from .scripts import Authority

PROTECTED = """\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGjMF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBDRhEcNNqcTBFOJUmfG
-----END ENCRYPTED PRIVATE KEY-----
"""


def named(certificate):
    """Name whose certificate it is."""
    (name,) = certificate.to_cryptography().subject
    return name.value


class CertificatesTests(SynchronousTestCase):
    """L{Certificates}."""

    suppress = (util.suppress(message="Passing pyOpenSSL"),)

    def setUp(self):
        """Have an authority, and the certificates of two hosts."""
        self.folder = Path(self.mktemp())
        self.folder.mkdir(parents=True)
        authority = Authority(self.folder)
        for host in ("one", "two"):
            authority.server(host)

    def file(self, *names, name="file"):
        """Write what is in some files into one."""
        path = self.folder / f"{name}.pem"
        parts = [(self.folder / f"{each}.pem").read_text() for each in names]
        path.write_text("".join(parts))
        return str(path)

    def client(self, shows=None):
        """Make a client's end."""
        context = SSL.Context(SSL.TLS_METHOD)
        if shows is not None:
            path = str(self.folder / f"{shows}.pem")
            context.use_certificate_file(path, FILETYPE_PEM)
            context.use_privatekey_file(path, FILETYPE_PEM)
        connection = SSL.Connection(context, None)
        connection.set_connect_state()
        return connection

    def shakeHands(self, certificates, client):
        """Make a connection; give the server's end."""
        server = certificates.serverConnectionForTLS(None)
        server.set_accept_state()
        for _ in range(4):
            for end, other in ((client, server), (server, client)):
                with contextlib.suppress(SSL.WantReadError):
                    end.do_handshake()
                with contextlib.suppress(SSL.WantReadError):
                    other.bio_write(end.bio_read(65_536))
        return server

    def shown(self, certificates):
        """Name those whose certificates a server shows."""
        client = self.client()
        self.shakeHands(certificates, client)
        return list(map(named, client.get_peer_cert_chain()))

    def test_interface(self):
        """It makes connections for Twisted."""
        made = Certificates(self.file("one"))
        verifyObject(IOpenSSLServerConnectionCreator, made)

    def test_shown(self):
        """What is shown is in one file with the key, or in one of its own."""
        self.assertEqual(self.shown(Certificates(self.file("one"))), ["one"])
        made = Certificates(self.file("one"), str(self.folder / "one.pem"))
        self.assertEqual(self.shown(made), ["one"])

    def test_chain(self):
        """The authorities between are in the same file, or in one of their own."""
        both = ["one", "tests of wsagent"]
        whole = self.file("one", "authority")
        self.assertEqual(self.shown(Certificates(whole)), both)
        extra = str(self.folder / "authority.pem")
        made = Certificates(self.file("one"), extraCertChain=extra)
        self.assertEqual(self.shown(made), both)

    def test_parameters(self):
        """Diffie-Hellman parameters are read where they are named."""
        missing = str(self.folder / "missing")
        with self.assertRaises(ValueError):
            Certificates(self.file("one"), dhParameters=missing)

    def test_clients(self):
        """Clients show a certificate of a known authority, or are not served."""
        known = str(self.folder / "authority.pem")
        made = Certificates(self.file("one"), clientCA=known)
        server = self.shakeHands(made, self.client("two"))
        self.assertEqual(named(server.get_peer_certificate()), "two")
        with self.assertRaises(SSL.Error):
            self.shakeHands(made, self.client())
        folder = self.folder
        self.folder = folder / "others"
        self.folder.mkdir()
        Authority(self.folder).server("three")
        with self.assertRaises(SSL.Error):
            self.shakeHands(made, self.client("three"))

    def test_reload(self):
        """Read again, what is shown is new, and old connections go on."""
        path = self.file("one")
        made = Certificates(path)
        client = self.client()
        server = self.shakeHands(made, client)
        self.file("two")
        self.assertEqual(self.shown(made), ["one"])
        made.reload()
        self.assertEqual(self.shown(made), ["two"])
        client.send(b"still here")
        server.bio_write(client.bio_read(65_536))
        self.assertEqual(server.recv(100), b"still here")

    def test_notReloaded(self):
        """What cannot be read changes nothing."""
        path = self.file("one")
        made = Certificates(path)
        for break_ in (
            lambda: Path(path).write_text("nonsense"),
            lambda: Path(path).write_text(""),
            lambda: Path(path).unlink(),
        ):
            break_()
            with self.assertRaises((ValueError, OSError)):
                made.reload()
            self.assertEqual(self.shown(made), ["one"])

    def test_wrong(self):
        """What is wrong is said in one line, with the file's name."""
        one, two = (str(self.folder / f"{name}.pem") for name in ("one", "two"))
        none = self.folder / "none.pem"
        none.write_text(
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        )
        locked = self.folder / "locked.pem"
        locked.write_text(PROTECTED)
        empty = self.folder / "empty.pem"
        empty.write_text("")
        for arguments, said in (
            ((one, str(none)), f"no certificate in {none}"),
            ((one, str(empty)), f"no certificate in {empty}"),
            ((str(locked), one), f"no key without a passphrase in {locked}"),
            ((str(empty), one), f"no key without a passphrase in {empty}"),
            ((one, two), f"{one} and {two} do not fit: "),
            ((one, one, str(empty)), f"no certificate in {empty}"),
            ((one, one, None, None, str(empty)), f"no certificate in {empty}"),
        ):
            with self.assertRaises(ValueError) as caught:
                Certificates(*arguments)
            self.assertTrue(str(caught.exception).startswith(said), caught.exception)
            self.assertNotIn("\n", str(caught.exception))
