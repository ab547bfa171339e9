"""The tests of wsagent; those in tests/network need pytest, all others trial or pytest."""
