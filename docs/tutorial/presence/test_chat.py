"""The test of step 4."""

import json

from chat import Member, rooms
from twisted.trial.unittest import SynchronousTestCase

from wsagent.testing import connected, upgradeRequest


def enter(target):
    """Connect a client to a room, under a name."""
    return connected(Member, request=upgradeRequest(target))


def heard(peer):
    """Read the events that a client got."""
    return [json.loads(message) for message in peer.received]


class PresenceTests(SynchronousTestCase):
    """Members know who says what, and who is here."""

    def test_presence(self):
        """Who is here learns who comes, who says what, and who leaves."""
        ann = enter("/tea?name=ann")
        bob = enter("/tea?name=bob")
        bob.sendTextMessage("hi")
        bob.vanish()
        self.assertEqual(
            heard(ann),
            [
                {"present": ["ann"]},
                {"present": ["ann", "bob"]},
                {"name": "bob", "text": "hi"},
                {"present": ["ann"]},
            ],
        )
        ann.vanish()
        self.assertEqual(rooms, {})

    def test_noName(self):
        """Nobody comes in without a name, or with an endless one."""
        self.assertEqual(enter("/tea").status, 400)
        self.assertEqual(enter("/tea?name=" + 21 * "a").status, 400)

    def test_sameName(self):
        """Nobody takes the name of another, or the other's place."""
        ann = enter("/tea?name=ann")
        other = enter("/tea?name=ann")
        self.assertEqual(other.closed, (4409, "somebody here has this name"))
        other.sendTextMessage("it is me")
        self.assertEqual(heard(ann), [{"present": ["ann"]}])
