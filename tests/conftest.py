"""What pytest does around the tests."""

import signal

import pytest

# Who runs us in the background may ignore it; so would the servers of the tests.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def ownFolder(tmp_path, monkeypatch):
    """Run in a folder that is thrown away, as trial does: C{mktemp} writes there."""
    monkeypatch.chdir(tmp_path)
