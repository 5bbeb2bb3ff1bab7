"""What /metrics tells of routes and bakeoffs. Numbers are made up."""

from typing import Any

from prometheus_client import CollectorRegistry

from reflex_operator.manifest import Manifest
from reflex_operator.route_metrics import BakeoffMetrics, RouteMetrics
from route_states import MINUTE, Routes

SPACE = {"namespace": "default"}


def bakeoff(name: str, model: str = "a", **status: Any) -> Manifest:
    spec: Manifest = {"modelRef": {"name": model}} if model else {"endpoint": {"url": "http://h"}}
    return {"metadata": {"name": name, **SPACE}, "spec": spec, "status": status}


def over(name: str, day: int, *, passed: str = "Pass", point: str = "0.61") -> Manifest:
    solved = {"name": "pass_at_1", "point": point, "ci": {"low": "0.52", "high": "0.69"}}
    latency = {"name": "ttft_cold_p95", "point": "0.4"}
    return bakeoff(
        name,
        verdict=passed,
        superiority="Inconclusive",
        items=100,
        finishedAt=f"2026-11-{day:02}T12:00:00Z",
        expiresAt=f"2026-12-{day:02}T12:00:00Z",
        metrics=[solved, latency, {"name": "ttft_cold_p50.all", "point": "0.2"}],
    )


def registry(*bakeoffs: Manifest) -> CollectorRegistry:
    made = CollectorRegistry()
    made.register(BakeoffMetrics(lambda: bakeoffs))
    return made


def test_the_last_bakeoff_of_a_model_is_told_with_its_interval() -> None:
    found = registry(over("new", 20), over("old", 3, passed="Fail", point="0.2"))
    of_a = {**SPACE, "model": "a"}
    told = {"part": "qualification", "verdict": "Pass"}
    assert found.get_sample_value("reflex_bakeoff_verdict", {**of_a, **told}) == 1
    assert not found.get_sample_value(
        "reflex_bakeoff_verdict", {**of_a, "part": "qualification", "verdict": "Fail"}
    )
    share = {**of_a, "metric": "pass_at_1"}
    for bound, value in (("point", 0.61), ("low", 0.52), ("high", 0.69)):
        labels = {**share, "bound": bound}
        assert found.get_sample_value("reflex_bakeoff_ratio", labels) == value
    slow = {**of_a, "metric": "ttft_cold_p95", "bound": "point"}
    assert found.get_sample_value("reflex_bakeoff_latency_seconds", slow) == 0.4
    assert found.get_sample_value("reflex_bakeoff_items", of_a) == 100
    expiry = found.get_sample_value("reflex_bakeoff_evidence_expiry_timestamp_seconds", of_a)
    ended = found.get_sample_value("reflex_bakeoff_finished_timestamp_seconds", of_a)
    assert expiry is not None
    assert ended is not None
    assert expiry - ended == 30 * 86400


def test_a_hundred_runs_have_as_many_series_as_one() -> None:
    def series(found: CollectorRegistry) -> set[str]:
        return {f"{one.name}{one.labels}" for family in found.collect() for one in family.samples}

    one = series(registry(over("run", 1)))
    assert one == series(registry(*(over(f"run-{day}", day) for day in range(1, 29))))
    assert not any("p50" in name for name in one), "only metrics with a name of their own"


def test_what_is_not_over_and_what_is_about_no_model() -> None:
    found = registry(bakeoff("one"), bakeoff("two"), bakeoff("hand", model="", verdict="Pass"))
    assert found.get_sample_value("reflex_bakeoff_running", {**SPACE, "model": "a"}) == 2
    assert not found.get_sample_value("reflex_bakeoff_items", {**SPACE, "model": ""})


def test_a_failover_is_told_with_its_parts() -> None:
    world = Routes("ab", failover={"unhealthyAfter": "1m"})
    world.settle()
    world.qualify("b")
    world.die("a")
    world.now += 2 * MINUTE
    world.settle()
    found = CollectorRegistry()
    found.register(RouteMetrics(world.routes.values))
    of_r = {**SPACE, "name": "r"}
    active = {**of_r, "model": "b", "reason": "FallbackServing"}
    assert found.get_sample_value("reflex_route_active", active) == 1
    serving = {**of_r, "type": "Serving", "status": "True"}
    assert found.get_sample_value("reflex_route_condition", serving) == 1
    eligible = {**of_r, "model": "b", "eligibility": "Eligible"}
    assert found.get_sample_value("reflex_route_member", eligible) == 1
    downtime = {**of_r, "part": "downtime"}
    assert found.get_sample_value("reflex_route_transition_seconds", downtime) is not None
    last = {**of_r, "reason": "Failover", "succeeded": "true"}
    at = found.get_sample_value("reflex_route_transition_timestamp_seconds", last)
    assert at == world.now.timestamp()
