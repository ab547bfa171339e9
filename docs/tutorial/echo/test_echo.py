"""Step 2: its test."""

from echo import Echo
from twisted.trial.unittest import SynchronousTestCase

from wsagent.testing import connected


class EchoTests(SynchronousTestCase):
    """L{Echo} gives back what it is given."""

    def test_text(self):
        """A text message comes back."""
        peer = connected(Echo)
        peer.sendTextMessage("héllo")
        self.assertEqual(peer.received, ["héllo"])
