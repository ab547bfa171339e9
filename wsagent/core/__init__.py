"""
RFC 6455 with nothing around it: octets in, calls out.

Nothing here knows a clock, a socket, a logger or Twisted; a module imports
only the standard library and the modules below it.
"""
