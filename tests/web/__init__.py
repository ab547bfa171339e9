"""Tests of L{wsagent.web}, in memory."""
