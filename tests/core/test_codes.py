"""The numbers of RFC 6455."""

from twisted.trial.unittest import SynchronousTestCase

from wsagent.core import codes


class CodesTests(SynchronousTestCase):
    """Tests for L{codes}."""

    def test_mayBeSent(self) -> None:
        """Exactly 1000-1003, 1007-1014 and 3000-4999 may stand in a Close frame."""
        allowed = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}
        found = {code for code in range(-1, 65_537) if codes.mayBeSent(code)}
        self.assertEqual(found, allowed)

    def test_opcodes(self) -> None:
        """There are six opcodes, and the control bit tells three of them."""
        self.assertEqual(codes.OPCODES, {0x0, 0x1, 0x2, 0x8, 0x9, 0xA})
        control = {opcode for opcode in codes.OPCODES if opcode & codes.CONTROL}
        self.assertEqual(control, {codes.CLOSE, codes.PING, codes.PONG})

    def test_limits(self) -> None:
        """A control frame has 125 octets, a close reason two fewer."""
        self.assertEqual((codes.CONTROL_LIMIT, codes.REASON_LIMIT), (125, 123))

    def test_roles(self) -> None:
        """A connection has two ends."""
        self.assertEqual([role.value for role in codes.Role], ["client", "server"])
