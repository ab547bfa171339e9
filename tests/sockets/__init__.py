"""Tests of L{wsagent.sockets}, without a reactor that runs."""
