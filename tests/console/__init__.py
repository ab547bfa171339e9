"""Tests for the console."""
