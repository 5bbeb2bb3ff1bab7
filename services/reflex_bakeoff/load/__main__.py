"""`python -m reflex_bakeoff.load --plan PLAN --out TRACES`: sends a plan, writes what was seen."""

# The first import: locust patches sockets and threads before anything else uses them.
import locust  # isort: skip

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError

from reflex_bakeoff.load.phases import Load
from reflex_bakeoff.speed.plan import LoadPlan
from reflex_bakeoff.speed.traces import dump


def main() -> int:
    """Return 0 when everything was sent, 2 when the plan is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m reflex_bakeoff.load",
        description=f"Sends a plan of requests (locust {locust.__version__}).",
    )
    parser.add_argument("--plan", type=Path, required=True, help="JSON, see LoadPlan")
    parser.add_argument("--out", type=Path, required=True, help="one JSON object a line")
    parser.add_argument("--web-port", type=int, default=0, help="show locust's page on 127.0.0.1")
    chosen = parser.parse_args()
    try:
        plan = LoadPlan.model_validate_json(chosen.plan.read_bytes())
    except ValidationError as error:
        print(f"error: {chosen.plan} is no plan: {error}", file=sys.stderr)  # noqa: T201
        return 2
    traces, watched = Load(plan).run(chosen.web_port)
    part = chosen.out.with_name(f"{chosen.out.name}.part")
    part.write_text(dump(traces, watched), encoding="utf-8")
    part.replace(chosen.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
