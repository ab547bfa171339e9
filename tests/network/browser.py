"""
A browser without a screen: Chromium, driven over a WebSocket of ours.

What it is told are the DevTools' C{Target}, C{Page} and C{Runtime}.
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

import wsagent.blocking
from wsagent import Settings

from .client import PATIENCE
from .process import waitUntil

if TYPE_CHECKING:
    from typing_extensions import Self

PROGRAM = shutil.which("chromium")

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


class Browser:
    """
    A browser with one page.

    It asks nobody but those whom the page asks.
    """

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
        self._peer = wsagent.blocking.connect(
            f"ws://127.0.0.1:{port}{path}",
            settings=Settings(messageLimit=None),
        )
        self._number = 0
        self._page: dict[str, str] = {}
        target = self._tell("Target.createTarget", url="about:blank")["targetId"]
        attached = self._tell("Target.attachToTarget", targetId=target, flatten=True)
        self._page = {"sessionId": attached["sessionId"]}

    def __enter__(self) -> Self:
        """Be used in C{with}."""
        return self

    def __exit__(self, *_) -> None:
        """Leave no process behind."""
        with contextlib.suppress(Exception):
            self._tell("Browser.close")
        self._peer.close()
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()

    def _tell(self, method: str, **parameters) -> dict:
        """Tell it something, and give what it answers."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        self._peer.send(json.dumps({**command, **self._page}))
        while True:
            answer = json.loads(self._peer.receive(PATIENCE))
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def open(self, url: str, width: int = 640, height: int = 480) -> None:
        """Open a page, in a window of so many pixels."""
        self._tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self._tell("Page.navigate", url=url)
        self.waitUntil(
            "document.readyState === 'complete' && location.href !== 'about:blank'"
        )

    def run(self, script: str):
        """Run a script in the page, and give its value."""
        done = self._tell("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def waitUntil(self, script: str) -> None:
        """Wait until a script's value is true."""
        waitUntil(lambda: self.run(script), script)

    def picture(self) -> bytes:
        """Give the window, as PNG."""
        return base64.b64decode(self._tell("Page.captureScreenshot")["data"])
