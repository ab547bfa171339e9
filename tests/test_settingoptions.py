"""L{wsagent.settingoptions}: the options that are fields of the settings."""

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from wsagent.core.deflate import Compression
from wsagent.settingoptions import NUMBERS, SettingOptions
from wsagent.settings import Settings


def parsed(*arguments):
    """Make the settings that a command line describes."""
    options = SettingOptions()
    options.parseOptions(list(arguments))
    return options.readSettings()


class SettingOptionsTests(SynchronousTestCase):
    """What is told, and which settings come of it."""

    def test_default(self):
        """Told nothing, they are the default ones."""
        self.assertEqual(parsed(), Settings())

    def test_origin(self):
        """C{--origin} may be repeated."""
        settings = parsed("--origin", "https://a", "--origin=null", "--origin", "*")
        self.assertEqual(settings.origins, ("https://a", "null", "*"))

    def test_host(self):
        """C{--host} may be repeated; without, there is no list."""
        settings = parsed("--host=a.example", "--host=*.b.example", "--host", "[::1]")
        self.assertEqual(settings.hosts, ("a.example", "*.b.example", "[::1]"))
        self.assertIsNone(parsed().hosts)

    def test_proxies(self):
        """Proxies that are trusted may be several, and so may what they write."""
        settings = parsed()
        self.assertEqual(settings.trustedProxies, ())
        settings = parsed("--trust-proxy=10.0.0.0/8", "--trust-proxy", "unix")
        self.assertEqual(settings.trustedProxies, ("10.0.0.0/8", "unix"))
        self.assertEqual(settings.forwardedFields, Settings().forwardedFields)
        names = ["--forwarded-field=X-Forwarded-For", "--forwarded-field"]
        settings = parsed(*names, "x-forwarded-host")
        self.assertEqual(
            settings.forwardedFields, ("x-forwarded-for", "x-forwarded-host")
        )
        settings = parsed("--forwarded-field", "Forwarded")
        self.assertEqual(settings.forwardedFields, ("forwarded",))
        with self.assertRaises(UsageError):
            parsed(*names, "Forwarded")

    def test_numbers(self):
        """Each number is a field of the settings."""
        arguments = {
            "message-limit": ("messageLimit", "5", 5),
            "fragment-limit": ("fragmentLimit", "none", None),
            "head-limit": ("headLimit", "100", 100),
            "handshake-timeout": ("handshakeTimeout", "0.5", 0.5),
            "ping-interval": ("pingInterval", "none", None),
            "ping-timeout": ("pingTimeout", "7", 7.0),
            "close-timeout": ("closeTimeout", "8.", 8.0),
            "idle-timeout": ("idleTimeout", "9", 9.0),
            "send-limit": ("sendLimit", "10", 10),
            "connection-limit": ("connectionLimit", "11", 11),
            "address-limit": ("addressLimit", "12", 12),
            "handshake-rate": ("handshakeRate", "0.1", 0.1),
            "ipv4-prefix": ("ipv4Prefix", "24", 24),
            "ipv6-prefix": ("ipv6Prefix", "56", 56),
            "message-rate": ("messageRate", "13", 13.0),
            "octet-rate": ("octetRate", "14.5", 14.5),
            "rate-burst": ("rateBurst", "2", 2.0),
            "drain": ("drainTimeout", ".5", 0.5),
            "expiry-code": ("expiryCode", "4000", 4000),
        }
        self.assertEqual(set(arguments), {each.option for each in NUMBERS})
        expected = {field: value for field, _, value in arguments.values()}
        told = [f"--{name}={text}" for name, (_, text, _) in arguments.items()]
        self.assertEqual(parsed(*told), Settings(**expected))

    def test_flags(self):
        """Each flag is one, too."""
        for option, expected in {
            "compress": Settings(compression=Compression()),
            "require-origin": Settings(requireOrigin=True),
            "strict-rates": Settings(isRateStrict=True),
            "no-fast-lane": Settings(hasFastLane=False),
        }.items():
            self.assertEqual(parsed(f"--{option}"), expected)

    def test_noLimit(self):
        """A limit that has a default is taken away by C{none}."""
        settings = parsed("--connection-limit=none")
        self.assertEqual(settings, Settings(connectionLimit=None))

    def test_wrong(self):
        """A wrong value is one line with the option, the value and what is allowed."""
        count = "a whole number from 1, below 2**63, or none"
        network = "such as 10.0.0.0/8, ::1 or unix"
        for option, value, allowed in (
            (
                "origin",
                "example.com",
                (
                    "allowed: such as https://example.com, "
                    "https://*.example.com, null or *"
                ),
            ),
            (
                "host",
                "example.com:80",
                "allowed: such as example.com, *.example.com or [::1]",
            ),
            ("trust-proxy", "localhost", f"allowed: {network}"),
            ("trust-proxy", "10.0.0.1/8", f"allowed: {network}"),
            ("trust-proxy", "", f"allowed: {network}"),
            (
                "forwarded-field",
                "X-Real-IP",
                (
                    "allowed: Forwarded alone, or X-Forwarded-For, X-Forwarded-Proto, "
                    "X-Forwarded-Host"
                ),
            ),
            ("message-limit", "0", f"allowed: {count}"),
            ("message-limit", "1.5", f"allowed: {count}"),
            ("message-limit", "1e3", f"allowed: {count}"),
            ("message-limit", "+5", f"allowed: {count}"),
            ("message-limit", "1_000", f"allowed: {count}"),
            ("message-limit", "\u0665", f"allowed: {count}"),
            ("message-limit", "", f"allowed: {count}"),
            ("message-limit", str(2**63), f"allowed: {count}"),
            ("message-limit", "9" * 5000, f"allowed: {count}"),
            ("fragment-limit", "-1", f"allowed: {count}"),
            ("head-limit", "63", "allowed: a whole number from 64, below 2**63"),
            ("head-limit", "none", "allowed: a whole number from 64, below 2**63"),
            ("handshake-timeout", "0", "allowed: seconds over 0"),
            ("handshake-timeout", "inf", "allowed: seconds over 0"),
            ("handshake-timeout", "9" * 400, "allowed: seconds over 0"),
            ("ping-interval", "never", "allowed: seconds over 0, or none"),
            ("ping-timeout", "nan", "allowed: seconds over 0, or none"),
            ("close-timeout", "none", "allowed: seconds over 0"),
            ("idle-timeout", "1.2.3", "allowed: seconds over 0, or none"),
            ("send-limit", "0", f"allowed: {count}"),
            ("drain", ".", "allowed: seconds over 0"),
            ("connection-limit", "0", f"allowed: {count}"),
            ("address-limit", "1.5", f"allowed: {count}"),
            ("handshake-rate", "0", "allowed: a number from 0.001, or none"),
            ("ipv4-prefix", "33", "allowed: a whole number from 1 to 32"),
            ("ipv6-prefix", "none", "allowed: a whole number from 1 to 128"),
            ("message-rate", "fast", "allowed: a number from 0.001, or none"),
            ("octet-rate", "-1", "allowed: a number from 0.001, or none"),
            ("rate-burst", "0", "allowed: seconds over 0"),
        ):
            with self.assertRaises(UsageError, msg=(option, value)) as caught:
                parsed(f"--{option}={value}")
            self.assertEqual(str(caught.exception), f"--{option} {value}: {allowed}")
