"""The test of step 3."""

from chat import Member, rooms
from twisted.trial.unittest import SynchronousTestCase

from wsagent.testing import connected, upgradeRequest


def enter(path):
    """Connect a client to a room."""
    return connected(Member, request=upgradeRequest(path))


class RoomTests(SynchronousTestCase):
    """Members of a room hear each other, and nobody else."""

    def test_rooms(self):
        """What is said in a room is heard in this room."""
        ann, bob, cem = enter("/tea"), enter("/tea"), enter("/coffee")
        ann.sendTextMessage("hi")
        self.assertEqual(
            [ann.received, bob.received, cem.received], [["hi"], ["hi"], []]
        )

    def test_leaving(self):
        """Who leaves hears no more, and an empty room is forgotten."""
        ann, bob = enter("/tea"), enter("/tea")
        ann.loseConnection()
        bob.sendTextMessage("anybody?")
        self.assertEqual(ann.received, [])
        bob.vanish()
        self.assertNotIn("/tea", rooms)
