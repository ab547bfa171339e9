"""Each error's answer to the peer."""

from http import HTTPStatus

from twisted.trial.unittest import SynchronousTestCase

from wsagent.core import errors
from wsagent.core.codes import mayBeSent

from .notation import row


class ErrorsTests(SynchronousTestCase):
    """Tests for L{errors}."""

    def test_closeCodes(self) -> None:
        """Each error of an open connection knows a close code that may be sent."""
        for error, code in (
            (errors.ProtocolError, 1002),
            (errors.InvalidPayload, 1007),
            (errors.MessageTooBig, 1009),
        ):
            with row(error.__name__):
                self.assertTrue(issubclass(error, errors.ProtocolError))
                self.assertEqual(error.code, code)
                self.assertTrue(mayBeSent(code))

    def test_statuses(self) -> None:
        """Each error of the opening handshake knows its HTTP status."""
        for error, status in (
            (errors.HandshakeError, HTTPStatus.BAD_REQUEST),
            (errors.MethodNotAllowed, HTTPStatus.METHOD_NOT_ALLOWED),
            (errors.TargetTooLong, HTTPStatus.REQUEST_URI_TOO_LONG),
            (errors.UpgradeRequired, HTTPStatus.UPGRADE_REQUIRED),
            (errors.HeadTooBig, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
            (errors.VersionNotSupported, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED),
        ):
            with row(error.__name__):
                self.assertTrue(issubclass(error, errors.HandshakeError))
                self.assertEqual(error.status, status)

    def test_proxyRefused(self) -> None:
        """What a proxy's refusal says is kept, with its status if it has one."""
        error = errors.ProxyRefused("why", 407)
        self.assertEqual((str(error), error.status), ("why", 407))
        self.assertIsNone(errors.ProxyRefused("why").status)

    def test_fields(self) -> None:
        """The fields that RFC 9110 demands with a status come with it."""
        self.assertEqual(errors.HandshakeError.fields, ())
        self.assertEqual(errors.MethodNotAllowed.fields, (("Allow", "GET"),))
        self.assertEqual(
            errors.UpgradeRequired.fields,
            (("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")),
        )
