"""Metrics of routes and bakeoffs, read from their statuses at each scrape.

Labels are names of objects, members of a route and words of closed vocabularies. Of the bakeoffs of
a model only the last one that is over is told, so that a model has as many series after a year as
after a day.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from reflex_api.conditions import parse_time
from reflex_operator.manifest import Manifest

_PARTS: Final = {
    "drain": "drainSeconds",
    "stop": "stopSeconds",
    "start": "startSeconds",
    "downtime": "downtimeSeconds",
}
_SHARES: Final = {
    "pass_at_1",
    "pass_within_n",
    "schema_validity",
    "apply_rate",
    "truncation_rate",
    "error_rate",
    "roofline_share",
    "cache_hit_share",
}
_TIMES: Final = {"ttft_cold_p95", "ttft_warm_p95", "itl_p95"}


class RouteMetrics(Collector):
    """`reflex_route_*`: who is active and why, conditions, members, and the last transition."""

    def __init__(self, routes: Callable[[], Iterable[Manifest]]) -> None:
        self._routes = routes

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the families; called by the registry at each scrape."""
        active = _family(
            "reflex_route_active",
            "1 for the active model of a ReflexRoute and the reason of its Ready condition.",
            "namespace", "name", "model", "reason",
        )  # fmt: skip
        condition = _family(
            "reflex_route_condition",
            "1 for the present status of a ReflexRoute's condition.",
            "namespace", "name", "type", "status",
        )  # fmt: skip
        member = _family(
            "reflex_route_member",
            "1 for the eligibility of a member of a ReflexRoute.",
            "namespace", "name", "model", "eligibility",
        )  # fmt: skip
        seconds = _family(
            "reflex_route_transition_seconds",
            "Parts of the last change of the active model: drain, stop, start, and its downtime.",
            "namespace", "name", "part",
        )  # fmt: skip
        at = _family(
            "reflex_route_transition_timestamp_seconds",
            "When the last change of the active model ended, as Unix time.",
            "namespace", "name", "reason", "succeeded",
        )  # fmt: skip
        for route in self._routes():
            name, status = _name(route), route.get("status") or {}
            conditions = status.get("conditions") or []
            ready: Manifest = next((one for one in conditions if one.get("type") == "Ready"), {})
            model = (status.get("active") or {}).get("model") or ""
            active.add_metric([*name, str(model), str(ready.get("reason") or "")], 1)
            for one in conditions:
                condition.add_metric([*name, one["type"], one["status"]], 1)
            for one in status.get("members") or []:
                member.add_metric([*name, one["model"], one["eligibility"]], 1)
            last = status.get("lastTransition") or {}
            for part, key in _PARTS.items():
                if key in last:
                    seconds.add_metric([*name, part], last[key])
            if moment := parse_time(last.get("at")):
                succeeded = str(bool(last.get("succeeded"))).lower()
                at.add_metric([*name, str(last.get("reason") or ""), succeeded], _unix(moment))
        yield from (active, condition, member, seconds, at)


class BakeoffMetrics(Collector):
    """`reflex_bakeoff_*`: of each model the last run that is over, and the one under way."""

    def __init__(self, bakeoffs: Callable[[], Iterable[Manifest]]) -> None:
        self._bakeoffs = bakeoffs

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the families; called by the registry at each scrape."""
        running = _family(
            "reflex_bakeoff_running",
            "Bakeoffs of a ReflexModel that are not over.",
            "namespace", "model",
        )  # fmt: skip
        verdict = _family(
            "reflex_bakeoff_verdict",
            "1 for the verdict of a ReflexModel's last bakeoff.",
            "namespace", "model", "part", "verdict",
        )  # fmt: skip
        ratio = _family(
            "reflex_bakeoff_ratio",
            "Shares that a ReflexModel's last bakeoff measured, with their bounds.",
            "namespace", "model", "metric", "bound",
        )  # fmt: skip
        latency = _family(
            "reflex_bakeoff_latency_seconds",
            "Latencies that a ReflexModel's last bakeoff measured, with their bounds.",
            "namespace", "model", "metric", "bound",
        )  # fmt: skip
        speed = _family(
            "reflex_bakeoff_decode_tokens_per_second",
            "Median decode speed of one stream in a ReflexModel's last bakeoff, with its bounds.",
            "namespace", "model", "bound",
        )  # fmt: skip
        items = _family(
            "reflex_bakeoff_items",
            "Items that the verdict of a ReflexModel's last bakeoff rests on.",
            "namespace", "model",
        )  # fmt: skip
        finished = _family(
            "reflex_bakeoff_finished_timestamp_seconds",
            "When a ReflexModel's last bakeoff ended, as Unix time.",
            "namespace", "model",
        )  # fmt: skip
        expiry = _family(
            "reflex_bakeoff_evidence_expiry_timestamp_seconds",
            "When the evidence of a ReflexModel's last bakeoff stops counting, as Unix time.",
            "namespace", "model",
        )  # fmt: skip
        last, open_runs = _sorted(self._bakeoffs())
        for name, count in open_runs.items():
            running.add_metric(list(name), count)
        for name, status in last.items():
            for part, key in (("qualification", "verdict"), ("superiority", "superiority")):
                if status.get(key):
                    verdict.add_metric([*name, part, str(status[key])], 1)
            if "items" in status:
                items.add_metric(list(name), status["items"])
            for family, key in ((finished, "finishedAt"), (expiry, "expiresAt")):
                if moment := parse_time(status.get(key)):
                    family.add_metric(list(name), _unix(moment))
            for metric in status.get("metrics") or []:
                known = metric["name"]
                for bound, value in _numbers(metric):
                    if known in _SHARES:
                        ratio.add_metric([*name, known, bound], value)
                    elif known in _TIMES:
                        latency.add_metric([*name, known, bound], value)
                    elif known == "decode_speed":
                        speed.add_metric([*name, bound], value)
        yield from (running, verdict, ratio, latency, speed, items, finished, expiry)


def _family(name: str, about: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, about, labels=labels)


def _name(manifest: Manifest) -> tuple[str, str]:
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]


def _sorted(
    bakeoffs: Iterable[Manifest],
) -> tuple[dict[tuple[str, str], Mapping[str, Any]], dict[tuple[str, str], int]]:
    """Return the status of each model's last run that is over, and how many are not."""
    last: dict[tuple[str, str], Mapping[str, Any]] = {}
    open_runs: dict[tuple[str, str], int] = {}
    for run in bakeoffs:
        model = ((run.get("spec") or {}).get("modelRef") or {}).get("name")
        if not model:
            continue  # an endpoint by hand is about no model of ours
        name, status = (run["metadata"]["namespace"], str(model)), run.get("status") or {}
        if not status.get("verdict"):
            open_runs[name] = open_runs.get(name, 0) + 1
            continue
        before = last.get(name)
        if before is None or _ended(status) >= _ended(before):
            last[name] = status
    return last, open_runs


def _ended(status: Mapping[str, Any]) -> str:
    return str(status.get("finishedAt") or "")


def _numbers(metric: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield point and bounds of a metric; what was not measured has none."""
    interval = metric.get("ci") or {}
    told = (("point", metric.get("point")), ("low", interval.get("low")),
            ("high", interval.get("high")))  # fmt: skip
    for bound, text in told:
        try:
            yield bound, float(text)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            continue


def _unix(moment: datetime) -> float:
    return moment.timestamp()
