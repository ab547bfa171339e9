"""What pytest does around the tests."""

import signal

import pytest


def pytest_addoption(parser):
    """Have the tests with real sockets run off the fast lane, too."""
    parser.addoption(
        "--transport",
        choices=("lane", "twisted"),
        default="lane",
        help="what tests/network/ runs on: the fast lane where there is one, or "
        "Twisted's own transports",
    )


# Who runs us in the background may ignore it; so would the servers of the tests.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def ownFolder(tmp_path, monkeypatch):
    """Run in a folder that is thrown away, as trial does: C{mktemp} writes there."""
    monkeypatch.chdir(tmp_path)
