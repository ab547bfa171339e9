"""The tutorial, typed from its top to its end, and its page in a browser."""

import json

import pytest

from tests.documents import ROOT, session

from .browser import Browser, needsBrowser
from .client import Client, dial
from .session import Session

TUTORIAL = ROOT / "docs" / "tutorial.rst"
INSTALLED = (
    "python3 -m venv venv",
    ". venv/bin/activate",
    "pip install .",
    "mkdir chat",
    "cd chat",
)
"""What was done for all tests, or by C{test_packaging.py}."""


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory):
    """Give a session, at the tutorial's end."""
    with Session(tmp_path_factory.mktemp("tutorial")) as typed:
        for step in session(TUTORIAL):
            if getattr(step, "line", "") not in INSTALLED:
                typed.do(step)
        yield typed


def seen(browser, presence: str) -> None:
    """Wait for a line above what is said."""
    line = "document.getElementById('presence').textContent"
    browser.waitUntil(f"{line} === {json.dumps(presence)}")


def said(browser, number: int) -> str:
    """Wait for a line in the page, and give it."""
    browser.waitUntil(f"document.querySelectorAll('#said li').length >= {number}")
    return browser.run(f"document.querySelectorAll('#said li')[{number - 1}].innerText")


def enter(browser, name: str) -> None:
    """Enter the room."""
    browser.run(f"document.getElementById('name').value = {json.dumps(name)}")
    browser.run("document.querySelector('#door button').click()")


def say(browser, text: str) -> None:
    """Say something."""
    browser.run(f"document.getElementById('text').value = {json.dumps(text)}")
    browser.run("document.getElementById('say').requestSubmit()")


def test_typed(tutorial):
    """All that is typed does what the page says; then a program talks to the chat."""
    with Client(dial(int(tutorial.port("8001"))), target="/tea?name=ann") as client:
        assert json.loads(client.receiveText()) == {"present": ["ann"]}


@needsBrowser
def test_page(tutorial, tmp_path):
    """The page talks, shows who is here, says why not, and comes back."""
    url = f"http://localhost:{tutorial.port('8000')}/"
    with Browser(tmp_path) as ann, Browser(tmp_path) as bob:
        for browser in (ann, bob):
            browser.open(url)
            enter(browser, "ann")
        seen(bob, "Not here: somebody here has this name")
        enter(bob, "bob")
        seen(ann, "Here: ann, bob")
        say(ann, "Is the tea ready?")
        assert said(bob, 1) == "ann Is the tea ready?"
        say(bob, "In <b>two</b> minutes.")
        assert said(ann, 2) == "bob In <b>two</b> minutes."
        (tmp_path / "chat.png").write_bytes(ann.picture())
        tutorial.restart()
        seen(ann, "Here: ann, bob")
        seen(bob, "Here: ann, bob")


@needsBrowser
def test_otherOrigin(tutorial, tmp_path):
    """A page of another origin is not let in, and the log says why."""
    with Browser(tmp_path) as browser:
        browser.open(f"http://127.0.0.1:{tutorial.port('8000')}/")
        enter(browser, "eve")
        seen(browser, "The line is cut; trying again.")
    assert "403" in tutorial.server.log
    assert "origin" in tutorial.server.log
