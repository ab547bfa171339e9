"""L{wsagent.console.columns}: how values are written."""

from twisted.trial.unittest import SynchronousTestCase

from tests.core.notation import row
from wsagent.console.columns import age, fitted, rate, size


class WritingTests(SynchronousTestCase):
    """How values are written."""

    def test_size(self):
        """Octets take six columns at most."""
        for octets, wanted in (
            (0, "0B"),
            (999, "999B"),
            (1000, "1.0K"),
            (1024, "1.0K"),
            (102_400, "100K"),
            (1_020_000, "996K"),
            (1 << 20, "1.0M"),
            (5.5 * (1 << 40), "5.5T"),
            (1 << 53, "8192T"),
        ):
            with row(octets):
                self.assertEqual(size(octets), wanted)

    def test_age(self):
        """So do times."""
        for seconds, wanted in (
            (0.9, "0:00"),
            (61, "1:01"),
            (3599.9, "59:59"),
            (3600, "1h00"),
            (86_399, "23h59"),
            (86_400, "1d00"),
            (86_400 * 365, "365d00"),
        ):
            with row(seconds):
                self.assertEqual(age(seconds), wanted)

    def test_fitted(self):
        """Texts are as wide as they may be, wide characters too, and escaped."""
        for text, width, wanted in (
            ("abc", 5, "abc  "),
            ("abcdef", 3, "abc"),
            ("\u65e5\u672c\u8a9e", 5, "\u65e5\u672c "),
            ("\x1b[2J", 4, "\\x1b"),
            ("abc", 1, " "),
            ("", 3, "   "),
        ):
            with row((text, width)):
                self.assertEqual(fitted(text, width), wanted)
        self.assertEqual(fitted("abc", 5, isRight=True), "  abc")

    def test_rate(self):
        """What is not known yet is a dash."""
        self.assertEqual(rate({"a": 1.6}, "a"), "2")
        self.assertEqual(rate({"a": 2048.0}, "a", size), "2.0K")
        self.assertEqual(rate({}, "a"), "-")
