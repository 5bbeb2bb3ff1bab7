"""Many models on fake nodes: how soon, how many writes, how much CPU and memory.

Engines are scripted and pods are started by kwok, so nothing here says anything about SGLang.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from reflex_e2e.waiting import wait_for

from bench.rig import QUIET_SECONDS, Rig, model
from bench.rows import Bar, Rows
from bench.watching import Watch

START_SETTLED = 30.0
"""Seconds after its start in which the operator lists the cluster more often."""
_CHANGES = 10
_BURST_CHANGES = 5


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the command line asked for."""

    count: int
    rest_seconds: float


def settle(rig: Rig, rows: Rows, settings: Settings) -> None:
    """Apply all models at once, with changes of one of them in the middle of it."""
    count, suffix = settings.count, f"_{settings.count}"
    namespace = rig.namespace(f"scale-{count}")
    names = [f"m-{number:04d}" for number in range(count)]
    rig.engine.names.update([*names, "changing"])
    with rig.watch("deployments", namespace) as deployments:
        rig.apply(namespace, [model("changing", suspend=True)])
        deployments.wait(1, within=30)
        changes = [_change(rig, deployments, namespace, n) for n in range(_CHANGES)]
    name = f"spec_change_idle{suffix}"
    rows.add(name, max(changes), "s", samples=changes, bar=Bar(limit=0.1))
    rig.quiet(seconds=5)
    rig.audit.mark()
    before = rig.usage()
    with (
        rig.watch("reflexmodels", namespace) as models,
        rig.watch("deployments", namespace) as deployments,
        ThreadPoolExecutor(1) as pool,
    ):
        began = time.monotonic()
        applying = pool.submit(rig.apply, namespace, [model(one) for one in names])
        burst = []
        for number in range(_BURST_CHANGES):
            deployments.wait(count * (number + 1) // (_BURST_CHANGES + 2), within=900)
            burst.append(_change(rig, deployments, namespace, _CHANGES + number))
        applying.result()
        applied = time.monotonic()
        there = deployments.wait(count + 1, within=900)  # and the changing one
        ready = models.wait(count, ready=True, within=900)
        created = models.first()
    after = rig.usage()
    latency = [ready[one] - created[one] for one in names]
    rows.add(f"apply_alone{suffix}", applied - began, "s")
    last = max(there[one] for one in names)
    rows.add(f"deployments_exist{suffix}", last - applied, "s", bar=Bar(limit=3))
    rows.add(f"all_settled{suffix}", max(ready.values()) - applied, "s", bar=Bar(limit=60))
    rows.add(f"all_settled_from_first{suffix}", max(ready.values()) - began, "s")
    rows.add(f"applied_to_ready_each{suffix}", max(latency), "s", samples=latency)
    rows.add(f"spec_change_in_burst{suffix}", max(burst), "s", samples=burst, bar=Bar(limit=1))
    cpu = after.cpu_seconds - before.cpu_seconds
    rows.add(f"cpu_to_settle{suffix}", cpu, "CPU-s", n=count,
             bar=Bar(limit=12) if count == 500 else None)  # fmt: skip
    rig.quiet()
    writes, events = rig.model_writes(namespace)
    mine = [one for one in writes if one.name != "changing"]
    each = len(mine) / count
    rows.add(f"writes_per_model{suffix}", each, "writes", n=count, bar=Bar(limit=7, strict=False))
    rows.add(f"events_per_model{suffix}", len(events) / count, "events", n=count)
    refused = [one for one in writes if one.code >= 400]
    rows.add(f"refused_writes{suffix}", len(refused), "writes")
    now = rig.usage()
    rows.add(f"rss{suffix}", now.rss_mib, "MiB", bar=Bar(limit=120))
    rows.add(f"rss_peak{suffix}", now.peak_mib, "MiB")


def rest(rig: Rig, rows: Rows, settings: Settings) -> None:
    """Count what is written while nothing changes."""
    rig.quiet()
    rig.audit.mark()
    before = rig.usage()
    time.sleep(settings.rest_seconds)  # what is measured
    written = rig.audit.operator_writes()
    events = [one for one in written if one.resource == "events"]
    window = f"{settings.rest_seconds:.0f} s"
    note = f"simulated engine; window of {window}"
    suffix, none = f"_{settings.count}", Bar(limit=0, strict=False)
    rows.add(f"rest_writes{suffix}", len(written) - len(events), "writes", bar=none, note=note)
    rows.add(f"rest_events{suffix}", len(events), "events", bar=none, note=note)
    cpu = rig.usage().cpu_seconds - before.cpu_seconds
    rows.add(f"rest_cpu_per_minute{suffix}", cpu * 60 / settings.rest_seconds, "CPU-s", note=note)


def touch(rig: Rig, rows: Rows, settings: Settings) -> None:
    """Label every Deployment by hand, as another manager does: none of our business."""
    namespace = f"scale-{settings.count}"
    rig.audit.mark()
    label = f"touched=at-{time.time():.0f}"
    rig.cluster.kubectl("label", "deployments", "--all", "-n", namespace, label, timeout=600)
    time.sleep(QUIET_SECONDS)  # what is measured: nothing follows
    written = rig.audit.operator_writes()
    none = Bar(limit=0, strict=False)
    rows.add(f"touched_writes_{settings.count}", len(written), "writes", bar=none)


def restart(rig: Rig, rows: Rows, settings: Settings) -> None:
    """Stop and start the operator: everything is looked at, nothing is written."""
    rig.operator.stop()
    rig.audit.mark()
    began = time.monotonic()
    rig.operator.start(within=60)
    wait_for("every model was looked at", partial(_all_seen, rig, settings.count), within=120)
    looked = time.monotonic() - began
    last = rig.quiet()
    written = rig.audit.operator_writes()
    quiet = max(looked, last - began if written else 0.0)
    suffix, none = f"_{settings.count}", Bar(limit=0, strict=False)
    rows.add(f"restart_writes{suffix}", len(written), "writes", bar=none)
    rows.add(f"restart_quiet{suffix}", quiet, "s", bar=Bar(limit=10))
    usage = rig.usage()
    rows.add(f"restart_cpu{suffix}", usage.cpu_seconds, "CPU-s", n=settings.count)
    rows.add(f"restart_rss{suffix}", usage.rss_mib, "MiB")


def memory_at_2000(rig: Rig, rows: Rows, settings: Settings) -> None:
    """Hold 2,000 models, on CPU engines: there are not as many fake GPUs."""
    namespace = rig.namespace("memory")
    names = [f"c-{number:04d}" for number in range(2000 - settings.count)]
    rig.engine.names.update(names)
    cpu = {
        "engine": {"device": "cpu", "contextLength": 4096},
        "resources": {"cpu": "100m", "memory": "1Gi", "sharedMemory": "256Mi"},
    }
    with rig.watch("reflexmodels", namespace) as models:
        for start in range(0, len(names), 500):
            rig.apply(namespace, [model(one, **cpu) for one in names[start : start + 500]])
        models.wait(len(names), ready=True, within=1800)
    rig.quiet()
    usage = rig.usage()
    rows.add("rss_2000", usage.rss_mib, "MiB", n=2000, bar=Bar(limit=200))
    rows.add("rss_peak_2000", usage.peak_mib, "MiB", n=2000)


def _change(rig: Rig, deployments: Watch, namespace: str, number: int) -> float:
    """Change one model's spec; return the seconds until its Deployment has changed."""
    seen = deployments.generation("changing")
    began = time.monotonic()
    rig.patch(namespace, "changing", {"spec": {"engine": {"contextLength": 8192 + number}}})
    return deployments.wait_generation("changing", seen, within=120) - began


def _all_seen(rig: Rig, count: int) -> bool:
    idle = rig.operator.metric("reflex_workqueue_depth") == 0
    passes: float = rig.operator.metric("reflex_reconcile_total")
    return idle and passes >= count


SCENARIOS: dict[str, Callable[[Rig, Rows, Settings], None]] = {
    "settle": settle,
    "rest": rest,
    "touch": touch,
    "restart": restart,
}
"""In the order in which they build on each other: `settle` makes the models of the others."""
