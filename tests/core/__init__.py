"""Tests of the core: in memory, and the same each time."""

from hypothesis import settings

settings.register_profile(
    "stable",
    deadline=None,
    derandomize=True,
    max_examples=60,
)
settings.load_profile("stable")
