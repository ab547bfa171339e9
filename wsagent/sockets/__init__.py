"""
The fast lane: open WebSockets whose sockets are watched by one set of their own.

Twisted's transports go through the reactor for every segment, and once more to
send.  A lane is a single reader of any reactor with file descriptors: the
reactor's cost is paid once for all sockets that have octets, and what is to be
sent is sent.
"""
