"""
Be one of the peers: C{python -m peers NAME ROLE ...}, in the folder C{benchmarks}.

Each module here has C{serve(role, options)}, which says in one line where it
listens, and most have C{call(options)}, a client.
"""

from __future__ import annotations

import argparse
from importlib import import_module


def main() -> None:
    """Do as the command line says."""
    parser = argparse.ArgumentParser(prog="peers")
    parser.add_argument("name")
    parser.add_argument("role", choices=["echo", "deflate", "broadcast", "tls", "call"])
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    parser.add_argument("--certificate", help="a PEM file, with its key")
    parser.add_argument("--port", type=int, help="what to call")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--warmup", type=float, default=0.3)
    options = parser.parse_args()
    peer = import_module(f"peers.{options.name}")
    if options.role == "call":
        peer.call(options)
    else:
        peer.serve(options.role, options)


if __name__ == "__main__":
    main()
