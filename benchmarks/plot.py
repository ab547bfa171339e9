"""Draw what C{run.py --json FILE} wrote: C{python plot.py FILE PICTURE.svg}."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from statistics import median
from typing import Any

from cases import CASES, Case
from roster import PEERS, Peer
from tables import LIMIT, number

SHOWN = {
    "echo-32": "Echo of 32 octets",
    "flight-32": "Echo of 32 octets, 16 in flight",
    "echo-1k": "Echo of 1 KiB",
    "echo-64k": "Echo of 64 KiB",
    "echo-1m-bytes": "Echo of 1 MiB",
    "many-500": "Echo of 32 octets, 500 connections",
    "deflate": "Echo of 1 KiB of JSON, compressed",
    "tls-32": "Echo of 32 octets, TLS",
    "client-32": "Client, echo of 32 octets",
    "broadcast": "Broadcast to 1,000, for each",
    "handshakes": "Opening and closing",
    "memory": "Memory of an idle connection",
}
"""The cases that are drawn, if they were measured, and what stands over them."""

LEFT_OUT = {
    "wsagent-off",
    "wsagent-watched",
    "picows-asyncio",
    "aiohttp-asyncio",
    "websockets-asyncio",
}
"""Peers that are another one's slower way."""

COLUMNS = 3
WIDTH, NAMES, BARS, LINE, GAP, TOP = 400, 98, 160, 17, 28, 72
"""In pixels; of a panel, the names of peers and the longest bar in it, and so on."""

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #333; }
.title { font-size: 17px; font-weight: 600; fill: #111; }
.case { font-weight: 600; fill: #111; }
.name { text-anchor: end; }
.ours { font-weight: 600; fill: #0b5cad; }
.bar { fill: #c3c9d1; }
.bar.ours { fill: #2f7fd0; }
.bar.limit { fill: #8aa37f; }
"""


def costs(case: Case, figures: dict[str, Any]) -> list[tuple[Peer, float]]:
    """List who was measured in a case, the cheapest first."""
    turns = figures.get(case.name, {})
    found = [
        (peer, median(turn[case.figure] for turn in turns[peer.name]))
        for peer in PEERS
        if turns.get(peer.name) and peer.name not in LEFT_OUT
    ]
    return sorted(found, key=lambda each: each[1])


def text(x: float, y: float, words: str, kind: str = "") -> str:
    """Write words."""
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(words)}</text>'


def panel(case: Case, figures: dict[str, Any]) -> Iterator[str]:
    """Draw a case: a bar for each peer, with its cost and that in wsagent's."""
    found = costs(case, figures)
    ours = next((cost for peer, cost in found if peer.name == "wsagent"), None)
    longest = max(cost for _, cost in found)
    yield text(0, 0, SHOWN[case.name], "case")
    for place, (peer, cost) in enumerate(found, 1):
        kind = "ours" if peer.name.startswith("wsagent") else ""
        kind = "limit" if peer.name == LIMIT else kind
        y = place * LINE
        length = max(1, BARS * cost / longest)
        words = f"{number(cost)} {case.unit}"
        if ours and peer.name != "wsagent":
            words += f", {number(cost / ours)} x"
        yield text(NAMES - 6, y + 4, peer.name, f"name {kind}")
        yield (
            f'<rect x="{NAMES}" y="{y - 6}" width="{length:.1f}" height="12" '
            f'rx="2" class="bar {kind}"/>'
        )
        yield text(NAMES + length + 5, y + 4, words, kind)


def picture(everything: dict[str, Any]) -> str:
    """Draw all panels, row by row."""
    figures, about = everything["figures"], everything["about"]
    byName = {case.name: case for case in CASES}
    cases = [byName[name] for name in SHOWN if costs(byName[name], figures)]
    parts: list[str] = []
    top = TOP
    for row in rows(cases):
        for column, case in enumerate(row):
            parts.append(f'<g transform="translate({20 + column * WIDTH} {top})">')
            parts += [*panel(case, figures), "</g>"]
        top += GAP + LINE * max(len(costs(case, figures)) for case in row)
    width, height = 20 + WIDTH * min(COLUMNS, len(cases)), top
    note = "less is better; x is in wsagent's.  Green: the limit, a bare server in C."
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">',
            f"<style>{STYLE}</style>",
            '<rect width="100%" height="100%" fill="#fff"/>',
            text(20, 26, "CPU time for each message, and memory", "title"),
            text(20, 44, f"{about['date']}, {about['machine']}: {note}"),
            *parts,
            "</svg>",
            "",
        ],
    )


def rows(cases: list[Case]) -> Iterable[list[Case]]:
    """Cut into rows."""
    for start in range(0, len(cases), COLUMNS):
        yield cases[start : start + COLUMNS]


def main() -> None:
    """Do as the command line says."""
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    source, target = map(Path, sys.argv[1:])
    target.write_text(picture(json.loads(source.read_text())))


if __name__ == "__main__":
    main()
