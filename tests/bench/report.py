"""docs/benchmarks/README.md from the rows, with other operators' numbers beside ours."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.rows import Row

_PEERS = Path(__file__).with_name("peers.json")
_HEAD = Path(__file__).with_name("head.md")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row of the table: which number of ours stands beside which of theirs."""

    text: str
    ours: str
    peers: str = ""


_LINES = (
    Line(text="last apply → every Deployment exists, 500", ours="deployments_exist_500"),
    Line(text="last apply → every model Ready, 500", ours="all_settled_500"),
    Line(
        text="begin of the apply → every model Ready, 500",
        ours="all_settled_from_first_500",
        peers="all_ready_500",
    ),
    Line(text="one model, created → Ready, 500", ours="applied_to_ready_each_500"),
    Line(text="writes for each model to quiet, 100", ours="writes_per_model_100",
         peers="writes_per_model_100"),
    Line(text="writes for each model to quiet, 500", ours="writes_per_model_500",
         peers="writes_per_model_500"),
    Line(text="events for each model, 500", ours="events_per_model_500"),
    Line(text="writes at rest, 100", ours="rest_writes_100", peers="rest_writes_100"),
    Line(text="writes at rest, 500", ours="rest_writes_500", peers="rest_writes_500"),
    Line(text="events at rest, 500", ours="rest_events_500", peers="rest_events_500"),
    Line(text="CPU at rest, 500, for each minute", ours="rest_cpu_per_minute_500",
         peers="rest_cpu_500"),
    Line(text="every Deployment labelled by hand: writes, 500", ours="touched_writes_500"),
    Line(text="restart: writes, 500", ours="restart_writes_500", peers="restart_writes_500"),
    Line(text="restart: quiet after, 500", ours="restart_quiet_500", peers="restart_quiet_500"),
    Line(text="spec change → Deployment changed, idle", ours="spec_change_idle_500",
         peers="spec_change_idle"),
    Line(text="spec change → Deployment changed, within the burst",
         ours="spec_change_in_burst_500", peers="spec_change_in_burst"),
    Line(text="operator's CPU to settle, 500", ours="cpu_to_settle_500", peers="cpu_500"),
    Line(text="operator's memory, 500", ours="rss_500", peers="rss_500"),
    Line(text="operator's memory, peak, 500", ours="rss_peak_500", peers="rss_peak_500"),
    Line(text="operator's memory, 2,000", ours="rss_2000"),
)  # fmt: skip


def render(rows: Sequence[Row]) -> str:
    """Return the document."""
    peers = json.loads(_PEERS.read_text())
    names = list(peers)
    known = {row.name: row for row in rows}
    out = [_HEAD.read_text(encoding="utf-8")]
    out.append(f"| what | Reflex | bar | | {' | '.join(names)} |")
    out.append("|" + "---|" * (4 + len(names)))
    for line in _LINES:
        row = known.get(line.ours)
        theirs = " | ".join(peers[name].get(line.peers, "") for name in names)
        out.append(f"| {line.text} | {_ours(row)} | {theirs} |")
    rest = [row for row in rows if row.name not in {line.ours for line in _LINES}]
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


def _ours(row: Row | None) -> str:
    if row is None:
        return "not measured | |"
    value = f"{row.value:g} {row.unit}"
    if row.p50 is not None and row.n > 1:
        value += f" (median {row.p50:g}, p99 {row.p99:g}, n {row.n})"
    if "window" in row.note:
        value += f" ({row.note.partition('; ')[2]})"
    verdict = {True: "holds", False: "**missed**", None: ""}[row.holds]
    return f"{value} | {row.bar or ''} | {verdict}"
