"""`make bench`: measures the parts of Reflex and writes docs/benchmarks.

Times need a quiet machine; counts do not. Suites: `operator` (many models on fake nodes, minutes),
`loop` (the repair loop's own time), `chat` (what stands between client and engine, with LiteLLM's
proxy and sglang-router beside it), `engine` (the real engine's prefix cache and schemas), `load`
(the load generator against the truth, with sglang.bench_serving and AIPerf beside it), `reflection`
(memory on SQLite and PostgreSQL, LanceDB beside them; minutes).
"""

import argparse
import os
import shutil
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from reflex_e2e.kubectl import ROOT, CommandError, lab_cluster

from bench import engine_suite, operator_suite
from bench.bakeoff import load_suite, repairs_suite, swaps
from bench.bakeoff.place import Place, SwapBenchError, pair_in_the_lab
from bench.chat import suite as chat_suite
from bench.loop import suite as loop_suite
from bench.reflection import suite as reflection_suite
from bench.report import render
from bench.rows import Rows, machine, merged, write
from bench.scale import SCENARIOS

LATEST = ROOT / "docs/benchmarks/latest.json"
README = ROOT / "docs/benchmarks/README.md"
LAB = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reflex/lab/kubeconfig"
FULL_REST = 600.0
SUITES = ("operator", "loop", "chat", "engine", "load", "repairs", "reflection")
ON_REQUEST = ("swaps",)
"""Not part of a plain run: it needs a running lab, or a cluster with a route."""


def main() -> int:
    """Run the chosen suites; return 1 when a bar does not hold, 2 when nothing can be measured."""
    options = _options()
    rows = Rows(command=_command(), machine=machine())
    if "operator" in options.suite:
        operator_suite.run(
            rows, counts=options.models, only=options.only,
            rest_seconds=options.rest, memory=options.memory,
        )  # fmt: skip
    if "loop" in options.suite:
        loop_suite.run(rows, repeats=options.repeats)
    if "chat" in options.suite:
        load = chat_suite.Load(rounds=options.rounds, requests=options.requests)
        chat_suite.run(rows, load, peers=not options.no_peers)
    if "engine" in options.suite:
        engine_suite.run(rows)
    if "load" in options.suite:
        load_suite.run(rows, rounds=options.load_rounds, peers=not options.no_peers)
    if "swaps" in options.suite:
        try:
            with _place(options) as place:
                swaps.run(rows, place, swaps=options.swaps, failovers=options.failovers)
        except (SwapBenchError, CommandError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
    if "repairs" in options.suite:
        repairs_suite.run(rows, count=options.items, real=not options.no_engine)
    if "reflection" in options.suite:
        sizes = options.memories
        reflection_suite.run(rows, sizes=sizes, peer=not options.no_peers)
    for row in rows.rows:
        verdict = {True: "holds", False: "MISSED", None: ""}[row.holds]
        print(f"{row.name:40} {row.value:>10g} {row.unit:10} {row.bar or '':8} {verdict}")
    every = merged(options.into, rows.rows)
    write(options.into, every)
    if options.into == LATEST:
        README.write_text(render(every), encoding="utf-8")
    return 1 if any(row.holds is False for row in rows.rows) else 0


def _place(options: argparse.Namespace) -> AbstractContextManager[Place]:
    if not options.route:
        return pair_in_the_lab()
    namespace, _, name = options.route.rpartition("/")
    found = shutil.which("kubectl")
    kubectl = Path(found) if found else lab_cluster().kubectl_path
    return nullcontext(
        Place(
            namespace=namespace or "default",
            name=name,
            kubectl_path=kubectl,
            kubeconfig=options.kubeconfig,
        )
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--suite", choices=SUITES + ON_REQUEST, nargs="+", default=list(SUITES))
    parser.add_argument("--into", type=Path, default=LATEST, help="file of the numbers")
    operator = parser.add_argument_group("operator")
    operator.add_argument("--models", type=int, nargs="+", default=[100, 500], metavar="N")
    operator.add_argument(
        "--only", choices=list(SCENARIOS), nargs="+", default=list(SCENARIOS),
        help="scenarios beside `settle`, which makes the models",
    )  # fmt: skip
    operator.add_argument("--rest", type=float, default=FULL_REST, metavar="SECONDS")
    operator.add_argument("--memory", action="store_true", help="add models up to 2,000 (minutes)")
    loop = parser.add_argument_group("loop")
    loop.add_argument("--repeats", type=int, default=20, help="repairs of each crate")
    chat = parser.add_argument_group("chat")
    chat.add_argument("--rounds", type=int, default=5)
    chat.add_argument("--requests", type=int, default=160, help="in each round, of each kind")
    load = parser.add_argument_group("load")
    load.add_argument("--load-rounds", type=int, default=3, help="of the loads with 8 and 32")
    swapping = parser.add_argument_group("swaps")
    swapping.add_argument(
        "--route", default="", metavar="NAMESPACE/NAME",
        help="with two members that may serve; without it, two engines in the lab are measured",
    )  # fmt: skip
    swapping.add_argument("--kubeconfig", type=Path, default=LAB, help="default: the lab's")
    swapping.add_argument("--swaps", type=int, default=20)
    swapping.add_argument("--failovers", type=int, default=5)
    repairs = parser.add_argument_group("repairs")
    repairs.add_argument("--no-engine", action="store_true", help="scripted replies only")
    repairs.add_argument("--items", type=int, default=30, help="of rust-repair-smoke")
    reflection = parser.add_argument_group("reflection")
    reflection.add_argument(
        "--memories", type=int, nargs="+", default=list(reflection_suite.SIZES), metavar="N"
    )
    parser.add_argument("--no-peers", action="store_true", help="no other programs than Reflex")
    return parser.parse_args()


def _command() -> str:
    arguments = " ".join(sys.argv[1:])
    return f"make bench ARGS='{arguments}'" if arguments else "make bench"


if __name__ == "__main__":
    sys.exit(main())
