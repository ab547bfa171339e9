"""L{wsagent.descriptors}: how many connections there can be."""

import resource

from twisted.trial.unittest import SynchronousTestCase

from wsagent.descriptors import connectionsAtMost
from wsagent.settings import Settings


class ConnectionsAtMostTests(SynchronousTestCase):
    """L{connectionsAtMost}."""

    def assertMost(self, descriptors, most):
        """Demand how many there can be with so many descriptors."""
        self.patch(resource, "getrlimit", lambda _: (descriptors, 1 << 20))
        self.assertEqual(connectionsAtMost(), most)
        self.assertEqual(Settings().connectionLimit, most)

    def test_most(self):
        """64 descriptors are left to others; where there are few, a half."""
        self.assertMost(1024, 960)
        self.assertMost(1 << 20, (1 << 20) - 64)
        self.assertMost(128, 64)
        self.assertMost(64, 32)
        self.assertMost(1, 1)

    def test_unlimited(self):
        """Where the system has no limit, there is none."""
        self.assertMost(resource.RLIM_INFINITY, None)
