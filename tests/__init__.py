"""The tests: those in tests/network need pytest, all others pytest or trial."""
