"""Pages of ours: L{Page}."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from twisted.web.http import CACHED, NOT_ALLOWED
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

_PART = re.compile(
    r'(?P<style>(?:<link rel="stylesheet" href="[a-z]+\.css">\s*)+)'
    r'|(?P<script>(?:<script src="[a-z]+\.js"></script>\s*)+)'
)
_NAME = re.compile(r'"([a-z]+\.(?:css|js))"')
_POLICY = (
    "default-src 'none'",
    "script-src {script}",
    "style-src {style}",
    "img-src data:",
    # Where a page comes from, it may open WebSockets too.
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    # A script that writes HTML does not run: what peers say stays text.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)


class Page(Resource):
    """
    One page of ours, which needs nothing from anywhere else.

    C{Page("admin")} is C{assets/admin.html}.  Where that has

        <link rel="stylesheet" href="base.css">
        <script src="common.js"></script>

    or several of a kind, one a line, the page that is served has in it what is
    in these files beside it.  Scripts so joined are strict and have one scope,
    which is theirs alone: none of their names is a global one.

    The page's Content-Security-Policy knows the hashes of these.  No other
    script runs, and no other style is heeded, be it in an attribute
    (C{style="..."}, C{onclick="..."}); scripts may set text, and the properties
    of an element's C{style}, but no HTML.  Images are C{data:} only.  The page
    may C{fetch} from its own origin, and open WebSockets there; it submits no
    form, and is shown in no frame.

    It is a leaf: put it where it stands, as in
    C{root.putChild(b"", Page("admin"))}.

    @ivar body: what is served.
    @ivar policy: the Content-Security-Policy.
    """

    isLeaf = True

    def __init__(self, name: str) -> None:
        """@param name: the page's, without C{.html}."""
        super().__init__()
        self._hashes: dict[str, list[str]] = {"script": [], "style": []}
        text = _PART.sub(self._inlined, _read(f"{name}.html"))
        allowed = {kind: " ".join(each) for kind, each in self._hashes.items()}
        self.body = text.encode()
        self.policy = "; ".join(_POLICY).format_map(
            {kind: hashes or "'none'" for kind, hashes in allowed.items()}
        )
        self._tag = f'"{sha256(self.body).hexdigest()[:32]}"'.encode()

    def render(self, request: Request) -> bytes | int:
        """Give the page, unless the browser has it."""
        if request.method not in (b"GET", b"HEAD"):
            request.setResponseCode(NOT_ALLOWED)
            request.setHeader("Allow", "GET, HEAD")
            return b""
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Security-Policy", self.policy),
            ("Cache-Control", "no-cache"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
        ):
            request.setHeader(name, value)
        if request.setETag(self._tag) is CACHED:
            # RFC 9110, 8.6: without a Content-Length, which is not this one's.
            request.finish()
            return NOT_DONE_YET
        if request.method == b"HEAD":
            request.setHeader("Content-Length", str(len(self.body)))
            return b""
        return self.body

    def _inlined(self, found: re.Match[str]) -> str:
        """Give what is in some files, as one element; note its hash."""
        kind = found.lastgroup
        assert kind is not None
        # Lines end in LF here, as in what a browser hashes.
        text = "\n".join(map(_read, _NAME.findall(found[kind])))
        if kind == "script":
            text = f'"use strict"; {{\n{text}}}'
        digest = b64encode(sha256(text.encode()).digest()).decode()
        self._hashes[kind].append(f"'sha256-{digest}'")
        return f"<{kind}>{text}</{kind}>\n"


def _read(name: str) -> str:
    """Read a file of ours, wherever we are installed."""
    assets = files(__package__) / "assets"
    return (assets / name).read_text("utf-8")
