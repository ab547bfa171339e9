"""
A browser without a screen: Chromium, driven over a WebSocket of ours.

What it is told are the DevTools' C{Target}, C{Page}, C{Runtime}, C{Log},
C{Emulation}, C{Security} and C{Input}.
"""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import wsagent.blocking
from wsagent import Settings

from .client import PATIENCE
from .process import waitUntil

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Self

PROGRAM = shutil.which("chromium")


def needsBrowser(test):
    """Mark a test with one."""
    return pytest.mark.once(
        pytest.mark.skipif(PROGRAM is None, reason="needs chromium")(test)
    )


_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)

# What DevTools want to know of a key that is no character.
_KEYS = {
    "Tab": ("Tab", 9, ""),
    "Enter": ("Enter", 13, "\r"),
    "Escape": ("Escape", 27, ""),
    " ": ("Space", 32, " "),
    "ArrowLeft": ("ArrowLeft", 37, ""),
    "ArrowUp": ("ArrowUp", 38, ""),
    "ArrowRight": ("ArrowRight", 39, ""),
    "ArrowDown": ("ArrowDown", 40, ""),
}
_SHIFT = 8


class _Line:
    """The connection to DevTools."""

    def __init__(self, url: str) -> None:
        """@param url: where the browser listens."""
        self._peer = wsagent.blocking.connect(url, settings=Settings(messageLimit=None))
        self._number = 0
        self.tabs: dict[str, Tab] = {}
        """Who is told what happens, by the session's name."""

    def tell(self, session: str | None, method: str, **parameters) -> dict:
        """Tell it something, and give what it answers."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            command["sessionId"] = session
        self._peer.send(json.dumps(command))
        while True:
            answer = json.loads(self._peer.receive(PATIENCE))
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            tab = self.tabs.get(answer.get("sessionId"))
            if tab is not None and "method" in answer:
                tab._happened(answer["method"], answer["params"])

    def close(self) -> None:
        """Hang up."""
        self._peer.close()


class Tab:
    """
    A page that is open; each believes that it is the one that is looked at.

    It asks nobody but those whom the page asks.
    """

    def __init__(self, line: _Line) -> None:
        """@param line: to the browser."""
        self._line = line
        made = line.tell(None, "Target.createTarget", url="about:blank", newWindow=True)
        self._target = made["targetId"]
        to = {"targetId": self._target, "flatten": True}
        attached = line.tell(None, "Target.attachToTarget", **to)
        self._session = attached["sessionId"]
        self._errors: list[str] = []
        line.tabs[self._session] = self
        self._tell("Runtime.enable")
        self._tell("Log.enable")
        self._tell("Emulation.setFocusEmulationEnabled", enabled=True)

    def _tell(self, method: str, **parameters) -> dict:
        """Tell it something, and give what it answers."""
        return self._line.tell(self._session, method, **parameters)

    def _happened(self, method: str, told: dict) -> None:
        """Note what its console would show as an error, or as a warning."""
        if method == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            thrown = details.get("exception", {})
            self._errors.append(thrown.get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled":
            if told["type"] in ("error", "warning", "assert"):
                said = [str(each.get("value", each)) for each in told["args"]]
                self._errors.append(" ".join(said))
        elif method == "Log.entryAdded" and told["entry"]["level"] in (
            "error",
            "warning",
        ):
            self._errors.append(told["entry"]["text"])

    @property
    def errors(self) -> list[str]:
        """What its console has shown, of errors and warnings, since it was asked."""
        self.run("0")
        errors, self._errors = self._errors, []
        return errors

    def open(self, url: str, width: int = 640, height: int = 480) -> None:
        """Open a page, in a window of so many pixels."""
        self.resize(width, height)
        self._tell("Page.navigate", url=url)
        self.waitUntil(
            "document.readyState === 'complete' && location.href !== 'about:blank'"
        )

    def resize(self, width: int, height: int, isMobile: bool = False) -> None:
        """
        Have a window of so many pixels.

        @param isMobile: as on a phone, which heeds C{<meta name="viewport">}.
        """
        self._tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=isMobile,
        )

    def trustAll(self) -> None:
        """Take any certificate."""
        self._tell("Security.setIgnoreCertificateErrors", ignore=True)

    def prefer(self, **features: str) -> None:
        """Prefer something, as C{prefer(color_scheme="dark")}; all else not."""
        told = [
            {"name": f"prefers-{name.replace('_', '-')}", "value": value}
            for name, value in features.items()
        ]
        self._tell("Emulation.setEmulatedMedia", features=told)

    def run(self, script: str):
        """Run a script in the page, and give its value; of a promise, what it keeps."""
        done = self._tell(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def waitUntil(self, script: str) -> None:
        """Wait until a script's value is true."""
        waitUntil(lambda: self.run(script), script)

    def press(self, *keys: str) -> None:
        """Press keys, named as in events: C{"a"}, C{"Enter"}, C{"Shift+Tab"}."""
        for each in keys:
            key = each.removeprefix("Shift+")
            code, number, text = _KEYS.get(key, ("", ord(key[0].upper()), key))
            what = {
                "key": key,
                "code": code,
                "windowsVirtualKeyCode": number,
                "modifiers": _SHIFT if key != each else 0,
            }
            kind = "keyDown" if text else "rawKeyDown"
            self._tell("Input.dispatchKeyEvent", type=kind, text=text, **what)
            self._tell("Input.dispatchKeyEvent", type="keyUp", **what)

    def write(self, text: str) -> None:
        """Write text where the focus is."""
        self._tell("Input.insertText", text=text)

    def drag(self, points: Iterable[tuple[float, float]]) -> None:
        """Press the mouse's button at a point, move along others, and let go."""
        mouse = {"button": "left", "clickCount": 1}
        kind, x, y = "mousePressed", 0.0, 0.0
        for x, y in points:
            self._tell("Input.dispatchMouseEvent", type=kind, x=x, y=y, **mouse)
            kind = "mouseMoved"
        self._tell("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, **mouse)

    def touch(self, points: Iterable[tuple[float, float]]) -> None:
        """Put a finger on a point, move it along others, and lift it."""
        self._tell("Emulation.setTouchEmulationEnabled", enabled=True)
        kind = "touchStart"
        for x, y in points:
            where = [{"x": x, "y": y}]
            self._tell("Input.dispatchTouchEvent", type=kind, touchPoints=where)
            kind = "touchMove"
        self._tell("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def picture(self, isWhole: bool = False) -> bytes:
        """
        Give the window, as PNG.

        @param isWhole: the page to its end, also what is not in the window.
        """
        if not isWhole:
            return base64.b64decode(self._tell("Page.captureScreenshot")["data"])
        size = self._tell("Page.getLayoutMetrics")["cssContentSize"]
        clip = {**size, "x": 0, "y": 0, "scale": 1}
        how = {"clip": clip, "captureBeyondViewport": True}
        return base64.b64decode(self._tell("Page.captureScreenshot", **how)["data"])

    def close(self) -> None:
        """Close it."""
        self._line.tell(None, "Target.closeTarget", targetId=self._target)
        self._line.tabs.pop(self._session)


class Browser(Tab):
    """A browser, which has one tab at first: itself."""

    def __init__(self, folder: Path) -> None:
        """@param folder: where it keeps what it keeps."""
        profile = Path(tempfile.mkdtemp("browser", dir=folder))
        self._process = subprocess.Popen(
            [PROGRAM, *_OPTIONS, f"--user-data-dir={profile}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        told = profile / "DevToolsActivePort"
        waitUntil(
            lambda: told.exists() and told.read_text().count("\n") == 1,
            "a browser that says where it listens",
        )
        port, path = told.read_text().split()
        super().__init__(_Line(f"ws://127.0.0.1:{port}{path}"))

    def __enter__(self) -> Self:
        """Be used in C{with}."""
        return self

    def __exit__(self, *_) -> None:
        """Leave no process behind."""
        with contextlib.suppress(Exception):
            self._line.tell(None, "Browser.close")
        self._line.close()
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()

    def tab(self) -> Tab:
        """Open one more tab."""
        return Tab(self._line)
