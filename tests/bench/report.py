"""docs/benchmarks/README.md from the rows, with others' numbers beside ours."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.rows import Row
from bench.tables import (
    CHAT,
    CHAT_PEERS,
    GATED,
    LOAD,
    LOAD_PEERS,
    LOOP,
    MEMORY,
    MEMORY_PEERS,
    OPERATOR,
    Line,
)

_HERE = Path(__file__).parent
_PEERS = _HERE / "peers.json"


def render(rows: Sequence[Row]) -> str:
    """Return the document."""
    known = {row.name: row for row in rows}
    out = [_text("head.md"), *_operator(known)]
    out += [
        _text("loop.md"),
        *(f"| {line.text} | {_ours(known.get(line.ours))} |" for line in LOOP),
    ]
    out += [_text("chat.md"), *_beside(known, CHAT, CHAT_PEERS)]
    out += [_text("load.md"), *_beside(known, LOAD, LOAD_PEERS)]
    out += [
        _text("gated.md"),
        *(f"| {line.text} | {_ours(known.get(line.ours))} |" for line in GATED),
    ]
    out += [_text("memory.md"), *_beside(known, MEMORY, MEMORY_PEERS)]
    shown = {line.ours for line in (*OPERATOR, *LOOP, *CHAT, *LOAD, *GATED, *MEMORY)}
    rest = [row for row in rows if row.name.partition("@")[0] not in shown]
    if rest:
        out += [
            "",
            "## Further rows",
            "",
            "| name | value | bar | | note |",
            "|---|---|---|---|---|",
        ]
        out += [f"| `{row.name}` | {_ours(row)} | {row.note} |" for row in rest]
    machines = sorted({(row.machine, row.command) for row in rows})
    out += ["", "## Runs", "", *(f"- `{command}`: {machine}" for machine, command in machines), ""]
    return "\n".join(out)


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8").rstrip("\n")


def _operator(known: Mapping[str, Row]) -> list[str]:
    """Return the table; the other operators were measured at another time."""
    peers = json.loads(_PEERS.read_text())
    names = list(peers)
    out = ["", f"| what | Reflex | bar | | {' | '.join(names)} |", "|" + "---|" * (4 + len(names))]
    for line in OPERATOR:
        theirs = " | ".join(peers[name].get(line.peers, "") for name in names)
        out.append(f"| {line.text} | {_ours(known.get(line.ours))} | {theirs} |")
    return out


def _beside(known: Mapping[str, Row], lines: Sequence[Line], peers: Sequence[str]) -> list[str]:
    """Return the lines; the peers were measured in the same run."""
    out = []
    for line in lines:
        theirs = [_value(known.get(f"{line.ours}@{peer}")) for peer in peers]
        out.append(f"| {line.text} | {_ours(known.get(line.ours))} | {' | '.join(theirs)} |")
    return out


def _ours(row: Row | None) -> str:
    if row is None:
        return "not measured | |"
    verdict = {True: "holds", False: "**missed**", None: ""}[row.holds]
    return f"{_value(row)} | {row.bar or ''} | {verdict}"


def _value(row: Row | None) -> str:
    if row is None:
        return ""
    value = f"{row.value:g} {row.unit}"
    if row.p50 is not None and row.n > 1:
        # A value that is its own median needs no second one.
        middle = "" if f"{row.p50:.2g}" == f"{row.value:.2g}" else f"median {row.p50:g}, "
        value += f" ({middle}p99 {row.p99:g}, n {row.n})"
    if "window" in row.note or "spread" in row.note:
        value += f" ({row.note.partition('; ')[2]})"
    return value
