"""Tells C{--auth}, of whatever program, of C{token:} and C{jwt:}."""

from wsagent.checkers import tokenFile, webTokens

__all__ = ["tokenFile", "webTokens"]
