"""Paths, cut into what can be understood in one way only, and patterns of them."""

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from wsagent.core.paths import PathPattern, Wild, splitPath

SEGMENTS = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/"),
    min_size=1,
    max_size=8,
).filter(lambda segment: segment not in (".", ".."))


class SplitPathTests(SynchronousTestCase):
    """L{splitPath}."""

    def test_segments(self):
        """Segments are decoded; a slash at the end is a last, empty one."""
        for path, segments in (
            ("/", ("",)),
            ("/chat", ("chat",)),
            ("/chat/", ("chat", "")),
            ("/chat/red/1", ("chat", "red", "1")),
            ("/caf%C3%A9/%f0%9F%98%80", ("café", "\U0001f600")),
            ("/%63hat", ("chat",)),
            ("/a%20b%25%3F%23", ("a b%?#",)),
            ("/a%2B+;=:@!$&'()*,~", ("a++;=:@!$&'()*,~",)),
            ("/...", ("...",)),
            ("/.a/..b/c.", (".a", "..b", "c.")),
        ):
            self.assertEqual(splitPath(path), segments, path)

    def test_unclear(self):
        """What could be understood differently has no segments."""
        for path in (
            "//",
            "//a",
            "/a//b",
            "/a//",
            "/.",
            "/..",
            "/./a",
            "/a/../b",
            "/a/..",
            "/%2e",
            "/%2E%2e/a",
            "/.%2e",
            "/a%2Fb",
            "/a%2fb",
            "/..%2F..%2Fetc",
            "/%2F",
            "/a%00",
            "/a%0D%0Ab",
            "/a%1f",
            "/a%7F",
            "/a%C2%85",
            "/%",
            "/a%2",
            "/a%zz",
            "/a%%20",
            "/a%u0041",
            "/a%2 0",
            "/%ff",
            "/%C3",
            "/%C3/%A9",
            "/%C0%AF",
            "/%ED%A0%80",
            "/%F4%90%80%80",
        ):
            self.assertIsNone(splitPath(path), path)

    @given(st.lists(SEGMENTS, min_size=1))
    def test_quoted(self, segments):
        """Whatever segments are quoted, they are read again."""
        path = "".join("/" + quote(segment, "") for segment in segments)
        self.assertEqual(splitPath(path), tuple(segments))

    @given(st.text(st.sampled_from("/.%2efF0cC3aA9"), max_size=30))
    def test_never(self, text):
        """Of any path, segments are never what they may not be."""
        segments = splitPath("/" + text)
        if segments is not None:
            self.assertNotIn("", segments[:-1])
            self.assertFalse({".", ".."} & set(segments))
            self.assertFalse(any("/" in each or "\0" in each for each in segments))


class PathPatternTests(SynchronousTestCase):
    """L{PathPattern}."""

    def test_keys(self):
        """A pattern is literal segments, parts, and at the end perhaps a rest."""
        for text, keys, names in (
            ("/", ("",), ()),
            ("/chat", ("chat",), ()),
            ("/chat/", ("chat", ""), ()),
            ("/chat/{room}", ("chat", Wild.PART), ("room",)),
            ("/{a}/b/{c}/", (Wild.PART, "b", Wild.PART, ""), ("a", "c")),
            ("/{a}/{name...}", (Wild.PART, Wild.REST), ("a", "name")),
            ("/a b/café/...", ("a b", "café", "..."), ()),
            ("/(.+)+$|[a]^", ("(.+)+$|[a]^",), ()),
        ):
            pattern = PathPattern(text)
            self.assertEqual((pattern.text, pattern.keys), (text, keys))
            self.assertEqual(pattern.names, names)

    def test_wrong(self):
        """What is no pattern is said to be none, with what is allowed."""
        literal = "allowed: text as it is decoded, {part}, or {rest...} at the end"
        last = "only the last may be empty, or a rest"
        for text, said in (
            ("", "needed: a slash, then segments"),
            ("chat", "needed: a slash, then segments"),
            ("chat/{room}", "needed: a slash, then segments"),
            ("//", last),
            ("/a//b", last),
            ("/{name...}/a", last),
            ("/{name...}/", last),
            ("/a{b}", literal),
            ("/{a}{b}", literal),
            ("/{a", literal),
            ("/a}", literal),
            ("/{{a}}", literal),
            ("/*", literal),
            ("/a*", literal),
            ("/a%20b", literal),
            ("/a?b", literal),
            ("/a#b", literal),
            ("/a\\b", literal),
            ("/a\nb", literal),
            ("/a\0", literal),
            ("/.", literal),
            ("/a/..", literal),
            ("/{}", "needed: a name, once"),
            ("/{...}", "needed: a name, once"),
            ("/{a b}", "needed: a name, once"),
            ("/{1}", "needed: a name, once"),
            ("/{a}/{a}", "needed: a name, once"),
            ("/{a}/{a...}", "needed: a name, once"),
            ("/{a..}", literal),
        ):
            with self.assertRaises(ValueError, msg=text) as caught:
                PathPattern(text)
            self.assertIn(said, str(caught.exception))
            self.assertIn(repr(text), str(caught.exception))

    def test_read(self):
        """Parts are read decoded, a rest with its slashes."""
        for text, path, parts in (
            ("/chat", "/chat", {}),
            ("/chat/{room}", "/chat/caf%C3%A9%20au%20lait", {"room": "café au lait"}),
            ("/{a}/b/{c}/", "/1/b/2/", {"a": "1", "c": "2"}),
            ("/{a}/{name...}", "/1/2/3%20/4", {"a": "1", "name": "2/3 /4"}),
            ("/{name...}", "/", {"name": ""}),
            ("/{name...}", "/a/", {"name": "a/"}),
        ):
            self.assertEqual(PathPattern(text).read(path), parts)
