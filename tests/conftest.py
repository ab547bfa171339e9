"""What pytest does around each test."""

import pytest


@pytest.fixture(autouse=True)
def ownFolder(tmp_path, monkeypatch):
    """Run in a folder that is thrown away, as trial does: C{mktemp} writes there."""
    monkeypatch.chdir(tmp_path)
