"""The load generators that are compared: ours, SGLang's own, and NVIDIA's AIPerf.

Each is run as its documentation says for a chat endpoint, with the questions from a file, without a
warm-up, and each number is taken from its own report.
"""

import asyncio
import json
import math
import os
import resource
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from reflex_e2e.kubectl import ROOT

from bench.bakeoff.scenarios import Scenario
from bench.bakeoff.truth import Mock, Rule
from reflex_api.items import Ending
from reflex_bakeoff.speed.plan import LoadPlan, PlannedPhase, PlannedRequest
from reflex_bakeoff.speed.runner import run_load
from reflex_bakeoff.speed.traces import summarise
from reflex_bakeoff.stats.quantiles import quantile

TOKENIZER: Final = ROOT / "images/engine-cpu/models/reflex-tiny"
_WITHIN: Final = 180.0


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a load generator reports; seconds. None: it says that it does not know.

    Attributes:
        rule: how it reads percentiles.
        between_of: what its 99th percentile of the time between tokens is of.
        waited_p90: of the reported times that begin when a request was due, or else when it was
            sent, the one that shows most.
        cpu_seconds: of all its processes, start-up included.
        failed: requests that it counts as failed.
    """

    rule: Rule
    between_of: Literal["requests", "gaps"]
    first: dict[int, float]
    between: float | None
    between_p99: float | None
    rate: float | None
    tokens: float | None
    waited_p90: float
    failed: int
    cpu_seconds: float


Generator = Callable[[Scenario, Mock, Path], Said]
PERCENTS: Final = (50, 95, 99)


def ours(scenario: Scenario, mock: Mock, home: Path) -> Said:
    """Run Reflex's load generator."""
    requests = tuple(
        PlannedRequest(id=str(number), prompt=prompt)
        for number, prompt in enumerate(scenario.prompts())
    )
    phase = PlannedPhase(
        name=scenario.name, requests=requests, rate=scenario.rate,
        streams=0 if scenario.rate else scenario.streams,
    )  # fmt: skip
    plan = LoadPlan(
        base_url=f"{mock.root}/v1", model=scenario.model, phases=(phase,),
        max_tokens=scenario.tokens, open_streams=scenario.streams,
    )  # fmt: skip
    paths = os.pathsep.join(str(ROOT / part) for part in ("services", "operator"))
    before = children_cpu()
    traces, watched = asyncio.run(
        run_load(plan, seconds=_WITHIN, environ={**os.environ, "PYTHONPATH": paths})
    )
    used = children_cpu() - before
    records, load = summarise(plan, traces, watched)
    # As in the gate: a failed request counts as endless.
    waits = [math.inf if one.ttft is None else one.ttft for one in records]
    pace = [one.itl for one in records if one.itl is not None]
    counts = [one.output_tokens for one in records if one.output_tokens is not None]
    wall = load.phases[0].wall
    return Said(
        rule="rank",
        between_of="requests",
        first={percent: quantile(waits, percent / 100) for percent in PERCENTS},
        between=float(np.mean(pace)) if pace else None,
        between_p99=quantile(pace, 0.99) if pace else None,
        rate=sum(counts) / wall if counts and wall else None,
        tokens=sum(counts) if counts else None,
        waited_p90=quantile(waits, 0.9),
        failed=sum(one.ending is not Ending.OK for one in records),
        cpu_seconds=used,
    )


def aiperf(program: Path) -> Generator:
    """Return AIPerf, which is installed as `program`."""

    def run(scenario: Scenario, mock: Mock, home: Path) -> Said:
        asked, out = home / "asked.jsonl", home / "out"
        asked.write_text("".join(json.dumps({"text": one}) + "\n" for one in scenario.prompts()))
        command = [
            program, "profile", "--model", scenario.model, "--url", mock.root,
            "--endpoint-type", "chat", "--streaming", "--tokenizer", TOKENIZER,
            "--use-server-token-count", "--use-legacy-max-tokens", "--osl", scenario.tokens,
            "--input-file", asked, "--custom-dataset-type", "single_turn",
            "--dataset-sampling-strategy", "sequential", "--request-count", scenario.requests,
            "--concurrency", scenario.streams, "--output-artifact-dir", out, "--random-seed", 42,
            "--ui", "none", "--no-gpu-telemetry", "--no-server-metrics",
        ]  # fmt: skip
        if scenario.rate:
            command += ["--request-rate", scenario.rate, "--arrival-pattern", "poisson"]
        before = children_cpu()
        done = subprocess.run(
            [str(word) for word in command], cwd=home, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=_WITHIN, check=False,
            # Not HF_HUB_OFFLINE: with it AIPerf takes a folder for the name of a repository.
            env={**os.environ, "HOME": str(home)},
        )  # fmt: skip
        used = children_cpu() - before
        report = out / "profile_export_aiperf.json"
        if not report.is_file():
            raise AssertionError(f"aiperf left no report: {(done.stdout + done.stderr)[-2000:]}")
        return _of_aiperf(json.loads(report.read_text()), scenario, used)

    return run


def _of_aiperf(report: dict[str, Any], scenario: Scenario, used: float) -> Said:
    def number(metric: str, statistic: str, scale: float = 1.0) -> float | None:
        found = (report.get(metric) or {}).get(statistic)
        return None if found is None else float(found) / scale

    first = {one: number("time_to_first_token", f"p{one}", 1000) for one in PERCENTS}
    due = number("effective_latency", "p90", 1000) or 0.0
    good = number("request_count", "avg") or 0.0
    return Said(
        rule="linear",
        between_of="requests",
        first={percent: math.nan if one is None else one for percent, one in first.items()},
        between=number("inter_token_latency", "avg", 1000),
        between_p99=number("inter_token_latency", "p99", 1000),
        rate=number("output_token_throughput", "avg"),
        tokens=number("total_output_tokens", "avg"),
        waited_p90=max(due, number("time_to_first_token", "p90", 1000) or 0.0),
        failed=scenario.requests - round(good),
        cpu_seconds=used,
    )


def of_sglang(report: dict[str, Any], scenario: Scenario, used: float) -> Said:
    """Return what a line of the output of `sglang.benchmark.serving` says."""
    first = {50: "median", 95: "p95", 99: "p99"}
    return Said(
        rule="linear",
        between_of="gaps",
        first={percent: report[f"{name}_ttft_ms"] / 1000 for percent, name in first.items()},
        between=report["mean_itl_ms"] / 1000,
        between_p99=report["p99_itl_ms"] / 1000,
        rate=report["output_throughput"],
        tokens=report["total_output_tokens"],
        waited_p90=report["p90_ttft_ms"] / 1000,
        failed=scenario.requests - int(report["completed"]),
        cpu_seconds=used,
    )


def children_cpu() -> float:
    """Return the CPU seconds of all ended processes below this one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
