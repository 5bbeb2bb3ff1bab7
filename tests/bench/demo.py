"""Rows from a real start in the lab: the demo's phases, and where the pod's time went.

`make demo` prints its phases; a pod's conditions and containers say when it was scheduled, its
image was there, its engine ran and answered. The API's times have whole seconds.

    make demo 2>&1 | tee demo.log
    kubectl get pod -l reflexstack.dev/model=reflex-tiny -o json > pod.json
    kubectl get rm reflex-tiny -o json > model.json
    python -m bench.demo --log demo.log --pod pod.json --model model.json --state cold
"""

import argparse
import json
import re
import sys
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from reflex_e2e.kubectl import ROOT

from bench.rows import Rows, machine, merged, write
from reflex_api.conditions import parse_time

REAL = "real engine on CPU"
_PHASE = re.compile(r"^\s*(?P<name>\S.*?)\s{2,}(?P<seconds>[0-9]+(\.[0-9]+)?) s$")
"""A line of the demo's last table."""

Manifest = dict[str, Any]


def phases(text: str) -> dict[str, float]:
    """Return the seconds of each phase of the demo's table of times.

    >>> phases("Times:\\n  tools     12.5 s\\n  engine (apply to Ready)   40.0 s\\n")
    {'tools': 12.5, 'engine (apply to Ready)': 40.0}
    """
    found = {}
    for line in text.rpartition("Times:")[2].splitlines():
        if match := _PHASE.match(line):
            found[match["name"]] = float(match["seconds"])
    return found


def split(model: Manifest, pod: Manifest) -> dict[str, float]:
    """Return where the seconds from apply to Ready went.

    Steps that the API does not tell apart are left out; those that are told are never negative.
    """
    status = pod["status"]
    conditions = {one["type"]: parse_time(one.get("lastTransitionTime"))
                  for one in status.get("conditions") or [] if one["status"] == "True"}  # fmt: skip
    container = (status.get("containerStatuses") or [{}])[0]
    running = ((container.get("state") or {}).get("running") or {}).get("startedAt")
    moments: list[tuple[str, datetime | None]] = [
        ("applied", parse_time(model["metadata"].get("creationTimestamp"))),
        ("pod_made", parse_time(pod["metadata"].get("creationTimestamp"))),
        ("scheduled", conditions.get("PodScheduled")),
        ("image_and_container", parse_time(running)),
        ("engine_loaded", conditions.get("ContainersReady")),
        ("first_answer_verified", conditions.get("Ready")),
    ]
    known = [(name, at) for name, at in moments if at is not None]
    steps = {
        name: max(0.0, (at - before).total_seconds()) for (_, before), (name, at) in pairwise(known)
    }
    if len(known) > 1:
        steps["applied_to_ready"] = max(0.0, (known[-1][1] - known[0][1]).total_seconds())
    return steps


def main() -> int:
    """Merge the rows of one start into docs/benchmarks/latest.json."""
    parser = argparse.ArgumentParser(prog="python -m bench.demo", description=__doc__)
    parser.add_argument("--log", type=Path, help="output of make demo")
    parser.add_argument("--pod", type=Path, help="the engine's pod as JSON, or a list of one")
    parser.add_argument("--model", type=Path, help="the ReflexModel as JSON")
    parser.add_argument("--state", choices=["cold", "warm"], required=True)
    parser.add_argument("--into", type=Path, default=ROOT / "docs/benchmarks/latest.json")
    options = parser.parse_args()
    rows = Rows(command="make demo", machine=machine())
    if options.log:
        for name, seconds in phases(options.log.read_text()).items():
            rows.add(f"demo_{options.state}: {name}", seconds, "s", note=REAL)
    if options.pod and options.model:
        pod = json.loads(options.pod.read_text())
        pod = pod["items"][0] if "items" in pod else pod
        for name, seconds in split(json.loads(options.model.read_text()), pod).items():
            rows.add(f"start_{options.state}_{name}", seconds, "s", note=REAL)
    write(options.into, merged(options.into, rows.rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
