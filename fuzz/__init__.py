"""
Coverage-guided fuzzing: octets that nobody thought of, and what has to hold.

C{targets/} says what has to hold, each module for one reader of octets;
C{python -m fuzz} has an engine look for octets with which it does not.
"""
