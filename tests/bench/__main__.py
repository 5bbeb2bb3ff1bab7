"""`make bench`: measures the operator and writes docs/benchmarks.

Each number of models gets a control plane of its own. Times need a quiet machine; counts do not.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from reflex_e2e.kubectl import ROOT

from bench.report import render
from bench.rig import rig
from bench.rows import Rows, machine, merged, write
from bench.scale import SCENARIOS, START_SETTLED, Settings, memory_at_2000

LATEST = ROOT / "docs/benchmarks/latest.json"
README = ROOT / "docs/benchmarks/README.md"
FULL_REST = 600.0


def main() -> int:
    """Run the chosen scenarios; return 1 when a bar does not hold."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--models", type=int, nargs="+", default=[100, 500], metavar="N")
    parser.add_argument(
        "--only", choices=list(SCENARIOS), nargs="+", default=list(SCENARIOS),
        help="scenarios beside `settle`, which makes the models",
    )  # fmt: skip
    parser.add_argument("--rest", type=float, default=FULL_REST, metavar="SECONDS")
    parser.add_argument("--memory", action="store_true", help="add models up to 2,000 (minutes)")
    parser.add_argument("--into", type=Path, default=LATEST, help="file of the numbers")
    options = parser.parse_args()
    rows = Rows(command=_command(), machine=machine())
    for count in options.models:
        settings = Settings(count=count, rest_seconds=options.rest)
        with tempfile.TemporaryDirectory(prefix="reflex-bench-") as home, rig(Path(home)) as made:
            time.sleep(START_SETTLED)  # the first lists belong to the start, not to the work
            for name, scenario in SCENARIOS.items():
                if name == "settle" or name in options.only:
                    print(f"{count} models: {name}", file=sys.stderr)
                    scenario(made, rows, settings)
            if options.memory and count == max(options.models):
                memory_at_2000(made, rows, settings)
    for row in rows.rows:
        verdict = {True: "holds", False: "MISSED", None: ""}[row.holds]
        print(f"{row.name:32} {row.value:>10g} {row.unit:8} {row.bar or '':8} {verdict}")
    every = merged(options.into, rows.rows)
    write(options.into, every)
    if options.into == LATEST:
        README.write_text(render(every), encoding="utf-8")
    return 1 if any(row.holds is False for row in rows.rows) else 0


def _command() -> str:
    arguments = " ".join(sys.argv[1:])
    return f"make bench ARGS='{arguments}'" if arguments else "make bench"


if __name__ == "__main__":
    sys.exit(main())
