"""The demo's promotion: two real models, two real bakeoffs, one swap, and what was measured."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reflex_api.verdict import Verdict
from reflex_bakeoff.report import words
from reflex_e2e import evidence, routes
from reflex_e2e.evidence import Evidence
from reflex_e2e.kubectl import Cluster, CommandError
from reflex_e2e.progress import Phases
from reflex_e2e.routes import Json, Route

ROUTE: Final = "tiny"
WORSE: Final = "reflex-tiny-b"
BETTER: Final = "reflex-tiny-a"
KEYS: Final = "tiny-keys"
_POLL_SECONDS: Final = 3.0


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """How the better model took over: evidence by model, and the route's last words about it."""

    evidence: dict[str, Evidence]
    status: Json


def apply(cluster: Cluster, namespace: str) -> Route:
    """Apply the key, both models and the route."""
    routes.make_keys(cluster, namespace, KEYS)
    cluster.kubectl("apply", "-n", namespace, "-f", str(routes.SAMPLE))
    return Route(cluster=cluster, namespace=namespace, name=ROUTE)


def wait(route: Route, phases: Phases, *, within: float) -> Promotion:
    """Wait with a live line until the better model is promoted.

    Raises:
        CommandError: both were measured and it will not be, or it took too long; the message holds
            the verdicts.
    """
    start = time.monotonic()
    told: set[str] = set()
    while time.monotonic() - start < within:
        status, bakeoffs = route.status(), route.bakeoffs()
        over = [one for one in bakeoffs if (one.get("status") or {}).get("verdict")]
        for one in over:
            if one["metadata"]["name"] not in told:
                told.add(one["metadata"]["name"])
                phases.line(f"    {_short(one)}")
        serving = routes.condition(status, "Serving")
        if (
            status.get("incumbent") == BETTER
            and (status.get("active") or {}).get("model") == BETTER
            and serving.get("status") == "True"
        ):
            return Promotion(evidence=_fetched(route, over), status=status)
        names = [one["spec"]["modelRef"]["name"] for one in over]
        if BETTER in names and WORSE in names and not _promotes(over):
            raise CommandError(
                f"{BETTER} is not promoted, because its bakeoff does not say that it is better:\n"
                + "\n".join(f"  {_short(one)}" for one in over)
            )
        seconds = time.monotonic() - start
        phases.live(f"    {_now(route, bakeoffs, serving)}\t{seconds:4.0f} s")
        time.sleep(
            _POLL_SECONDS
        )  # the poll of a live line, not a wait for luck: the deadline is above
    raise CommandError(f"no promotion after {within:.0f} s: {route.condition('Ready')}")


def story(promotion: Promotion) -> Iterator[str]:
    """Return what the demo prints: verdicts, reports, the transition."""
    found = promotion.evidence
    for model in (WORSE, BETTER):
        verdict = found[model].verdict
        yield from _verdict(model, verdict)
        baseline = found.get(verdict.baseline.model) if verdict.baseline else None
        again = evidence.judge(found[model], baseline)
        same = "the same verdict" if again == verdict else "ANOTHER VERDICT"
        yield (
            f"  `reflexctl gate evaluate` on the recorded items says {same}. Report (open it in a"
            f" browser):\n    {found[model].page}"
        )
    last = promotion.status["lastTransition"]
    parts = ", ".join(
        f"{name} {last[key]} s"
        for name, key in (
            ("drain", "drainSeconds"), ("stop", "stopSeconds"), ("start", "startSeconds"),
            ("nobody served", "downtimeSeconds"),
        )
        if key in last
    )  # fmt: skip
    yield f"{last['reason']}: {last['from']} -> {last['to']}: {last['message']}: {parts}"
    for one in promotion.status["members"]:
        yield f"  {one['model']}: {one['eligibility']}: {one.get('message', '')}"


def folder() -> Path:
    """Return where the demo leaves evidence and reports."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "reflex/demo"


def _verdict(model: str, verdict: Verdict) -> Iterator[str]:
    yield f"{model}:"
    for line in (*words.warnings(verdict), *words.summary(verdict)):
        yield f"  {line}"
    for metric in words.deciding(verdict):
        bounds = words.interval(metric.interval, metric.unit) or "no bounds"
        wanted = words.target(metric.target, metric.unit)
        yield (
            f"    {metric.name:<22} {words.point(metric):>14}  ({bounds}; wanted {wanted})"
            f"  {words.judgement(metric.verdict)}"
        )


def _fetched(route: Route, bakeoffs: list[Json]) -> dict[str, Evidence]:
    """Return the newest evidence of each model."""
    return {
        one["spec"]["modelRef"]["name"]: evidence.fetch(
            route.cluster, one["metadata"]["name"], route.namespace, folder()
        )
        for one in bakeoffs
    }


def _promotes(bakeoffs: list[Json]) -> bool:
    return any(
        one["spec"]["modelRef"]["name"] == BETTER
        and one["status"]["verdict"] == one["status"].get("superiority") == "Pass"
        for one in bakeoffs
    )


def _short(bakeoff: Json) -> str:
    status = bakeoff["status"]
    against = f", against the incumbent: {status['superiority']}" if "superiority" in status else ""
    return (
        f"{bakeoff['spec']['modelRef']['name']}: {status['verdict']}{against};"
        f" pass@1 {status.get('passAt1', 'not measured')} of {status.get('items', 0)} items"
    )


def _now(route: Route, bakeoffs: list[Json], serving: Json) -> str:
    running = [one for one in bakeoffs if not (one.get("status") or {}).get("verdict")]
    if not running:
        return f"{ROUTE}: {serving.get('reason', 'waiting for the operator')}"
    name, model = running[-1]["metadata"]["name"], running[-1]["spec"]["modelRef"]["name"]
    far = routes.how_far(route.cluster, name, route.namespace)
    return f"bakeoff of {model}: {far or 'starting'}"
