"""
The management console: its commands, those who type them, and what they see.

C{commands} is the table of all commands, C{protocol} the server's side of the
lines that are typed, C{asking} the other one, C{consoling} C{wsagent console},
and C{top} C{wsagent top}.
"""
