"""L{wsagent.settings}."""

from dataclasses import FrozenInstanceError, fields

from twisted.trial.unittest import SynchronousTestCase

from wsagent.descriptors import connectionsAtMost
from wsagent.settings import Settings

MOST = 2**63 - 1
NOT_COUNTS = (0, -1, 1.0, True, "1", float("inf"), MOST + 1)
NOT_SECONDS = (0, -1, True, "1", float("inf"), float("nan"), 1e300, 10**400)
COUNT = "a whole number from 1, below 2**63"
NOT_FLAGS = (0, 1, None, "yes")
RATE = (
    (0.001, 2.5, MOST, None),
    (*NOT_SECONDS, 0.0009),
    "a number from 0.001, or None",
)

# field: what is allowed, what is not, how that is said
RULES = {
    "messageLimit": ((1, None, MOST), NOT_COUNTS, f"{COUNT}, or None"),
    "fragmentLimit": ((1, None, MOST), NOT_COUNTS, f"{COUNT}, or None"),
    "headLimit": (
        (64, MOST),
        (*NOT_COUNTS, 63, None),
        "a whole number from 64, below 2**63",
    ),
    "handshakeTimeout": ((0.1, 3, MOST), (*NOT_SECONDS, None), "seconds over 0"),
    "pingInterval": ((0.1, 3, MOST, None), NOT_SECONDS, "seconds over 0, or None"),
    "pingTimeout": ((0.1, 3, MOST, None), NOT_SECONDS, "seconds over 0, or None"),
    "closeTimeout": ((0.1, 3, MOST), (*NOT_SECONDS, None), "seconds over 0"),
    "idleTimeout": ((0.1, 3, MOST, None), NOT_SECONDS, "seconds over 0, or None"),
    "messageTimeout": ((0.1, 3, MOST, None), NOT_SECONDS, "seconds over 0, or None"),
    "sendHighWater": (
        (65_536, MOST),
        (*NOT_COUNTS, 65_535, None),
        "a whole number from 65536, below 2**63",
    ),
    "sendLimit": ((1, None, MOST), NOT_COUNTS, f"{COUNT}, or None"),
    "sendTimeout": ((0.1, 3, MOST, None), NOT_SECONDS, "seconds over 0, or None"),
    "drainTimeout": ((0.1, 3, MOST), (*NOT_SECONDS, None), "seconds over 0"),
    "origins": (
        (None, (), ("*", "null", "https://example.com", "https://*.example.com")),
        (
            "https://example.com",
            ["https://example.com"],
            ("example.com",),
            ("https://example.com/",),
            (b"https://example.com",),
        ),
        (
            "None, or a tuple of origins such as 'https://example.com', "
            "'https://*.example.com', 'null' or '*'"
        ),
    ),
    "hosts": (
        (None, (), ("example.com", "*.example.com", "[::1]", "127.0.0.1")),
        (
            "example.com",
            ["example.com"],
            ("example.com:80",),
            ("https://example.com",),
            ("*",),
            (b"example.com",),
        ),
        "None, or a tuple of hosts such as 'example.com', '*.example.com' or '[::1]'",
    ),
    "trustedProxies": (
        ((), ("10.0.0.0/8", "192.0.2.1", "::1", "2001:db8::/32", "unix")),
        (
            None,
            "unix",
            ["unix"],
            ("10.0.0.1/8",),
            ("10.0.0.0/33",),
            ("localhost",),
            ("",),
            ("::1%eth0/64",),
            (b"unix",),
            (1,),
        ),
        "a tuple of networks such as '10.0.0.0/8', '::1' or 'unix'",
    ),
    "forwardedFields": (
        (("forwarded",), ("x-forwarded-for",), ("x-forwarded-host", "x-forwarded-for")),
        (
            None,
            (),
            "forwarded",
            ["forwarded"],
            ("Forwarded",),
            ("x-real-ip",),
            ("forwarded", "x-forwarded-for"),
            ([],),
        ),
        (
            "('forwarded',), or some of 'x-forwarded-for', 'x-forwarded-proto' and "
            "'x-forwarded-host' in a tuple"
        ),
    ),
    "addressLimit": ((1, None, MOST), NOT_COUNTS, f"{COUNT}, or None"),
    "handshakeRate": RATE,
    "ipv4Prefix": (
        (1, 24, 32),
        (*NOT_COUNTS, 33, None),
        "a whole number from 1 to 32",
    ),
    "ipv6Prefix": (
        (1, 64, 128),
        (*NOT_COUNTS, 129, None),
        "a whole number from 1 to 128",
    ),
    "messageRate": RATE,
    "octetRate": RATE,
    "rateBurst": ((0.1, 3, MOST), (*NOT_SECONDS, None), "seconds over 0"),
    "isRateStrict": ((True, False), NOT_FLAGS, "True or False"),
    "expiryCode": (
        (1008, 3000, 4401, 4999),
        (None, 1000, 1009, 2999, 5000, 4401.0, True),
        "1008, or 3000 to 4999",
    ),
    "requireOrigin": ((True, False), NOT_FLAGS, "True or False"),
    "hasFastLane": ((True, False), NOT_FLAGS, "True or False"),
    "isStreaming": ((True, False), NOT_FLAGS, "True or False"),
}

LARGEST = {name: MOST for name, (values, _, _) in RULES.items() if MOST in values}


class SettingsTests(SynchronousTestCase):
    """L{Settings} is a value that is always right."""

    def test_defaults(self):
        """The defaults are those that are documented."""
        self.assertEqual(
            [getattr(Settings(), name) for name in RULES],
            [
                1_048_576,
                131_072,
                8192,
                5,
                20,
                20,
                5,
                None,
                None,
                65_536,
                1_048_576,
                20,
                30,
                None,
                None,
                (),
                ("x-forwarded-for", "x-forwarded-proto"),
                None,
                None,
                32,
                64,
                None,
                None,
                1,
                False,
                4401,
                False,
                True,
                False,
            ],
        )

    def test_connectionLimit(self):
        """By default it is what the system allows, which is not the same everywhere."""
        self.assertEqual(Settings().connectionLimit, connectionsAtMost())
        self.assertIsNone(Settings(connectionLimit=None).connectionLimit)
        with self.assertRaises(ValueError):
            Settings(connectionLimit=0)

    def test_allFields(self):
        """Every field has a rule, but for those of an extension."""
        names = {each.name for each in fields(Settings)}
        self.assertLessEqual(set(RULES), names)
        for each in fields(Settings):
            self.assertIn("rule", each.metadata, each.name)

    def test_allowed(self):
        """What a field allows is kept as it is."""
        for name, (values, _, _) in RULES.items():
            for value in values:
                self.assertEqual(getattr(Settings(**{name: value}), name), value)

    def test_notAllowed(self):
        """What a field does not allow is named, with the field and its rule."""
        for name, (_, values, allowed) in RULES.items():
            for value in values:
                with self.assertRaises(ValueError, msg=f"{name} {value!r}") as caught:
                    Settings(**{name: value})
                self.assertEqual(
                    str(caught.exception),
                    f"{name}: {value!r}, allowed: {allowed}",
                )

    def test_frozen(self):
        """Settings are equal by value, can be hashed, and cannot be changed."""
        settings = Settings(messageLimit=5)
        self.assertEqual(settings, Settings(messageLimit=5))
        self.assertEqual(hash(settings), hash(Settings(messageLimit=5)))
        with self.assertRaises(FrozenInstanceError):
            settings.messageLimit = 6
