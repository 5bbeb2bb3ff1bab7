"""Prometheus metrics of the service. Labels are closed vocabularies: never text of a request."""

import math
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from reflex_loop.result import Result
from reflex_loop.service.records import Status
from reflex_loop.stopping import Stop

_SECONDS: Final = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
_METHODS: Final = frozenset({"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"})
_ENDS: Final = frozenset({*(stop.value for stop in Stop), "error"})


class ServiceMetrics:
    """Registers `reflex_loop_*` in the registry of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._repairs = Counter(
            "reflex_loop_repairs",
            "Repairs that ended, by status and by why the loop stopped.",
            ["status", "stop"],
            registry=registry,
        )
        self._phases = Histogram(
            "reflex_loop_repair_seconds",
            "Where the time of a repair went: model, compiler, loop, and waiting in the queue.",
            ["phase"],
            registry=registry,
            buckets=_SECONDS,
        )
        self._queue = Gauge(
            "reflex_loop_repairs_unended",
            "Repairs that wait or run, in all replicas.",
            ["status"],
            registry=registry,
        )
        self._running = Gauge(
            "reflex_loop_repairs_here", "Repairs that this process works on.", registry=registry
        )
        self._sandboxes = Gauge(
            "reflex_loop_sandboxes_free",
            "Sandboxes that could be lent now, as this process sees them; NaN: not known.",
            registry=registry,
        )
        self._waits = Counter(
            "reflex_loop_sandbox_waits",
            "Repairs put back into the queue because no sandbox was free.",
            registry=registry,
        )
        self._database = Gauge(
            "reflex_loop_database_up", "1 when the database answers.", registry=registry
        )
        self._resumed = Counter(
            "reflex_loop_repairs_resumed",
            "Repairs taken up again: after a graceful end, or after a process died.",
            ["after"],
            registry=registry,
        )
        self._rejected = Counter(
            "reflex_loop_rejected", "Requests refused, by code.", ["code"], registry=registry
        )
        self._listeners = Gauge(
            "reflex_loop_event_streams", "Open event streams.", registry=registry
        )
        self._chats = Gauge("reflex_loop_chats", "Chat completions under way.", registry=registry)
        self._requests = Counter(
            "reflex_loop_http_requests",
            "Requests by route, method and status.",
            ["route", "method", "status"],
            registry=registry,
        )
        self._dropped = Gauge(
            "reflex_loop_decisions_dropped",
            "Decision records that the database did not take in time.",
            registry=registry,
        )
        self._serving = Gauge(
            "reflex_loop_local_model_serving",
            "1 when a local engine says that it serves this model.",
            ["endpoint", "model"],
            registry=registry,
        )

        self._reports = Counter(
            "reflex_loop_memory_reports",
            "Finished repairs reported to the reflection service: sent, failed, dropped.",
            ["outcome"],
            registry=registry,
        )
        self._recalls = Counter(
            "reflex_loop_memory_recalls",
            "Searches for similar repairs: found, empty, failed, skipped after a failure.",
            ["outcome"],
            registry=registry,
        )
        self._routes = Gauge(
            "reflex_loop_route",
            "1 when it is so, of a ReflexRoute: it can be read, serves, its model is qualified.",
            ["route", "is"],
            registry=registry,
        )
        self._words = Counter(
            "reflex_loop_route_feedback",
            "Writes of the word about a ReflexRoute: written, conflict, failed.",
            ["route", "result"],
            registry=registry,
        )

    def memory_reported(self, outcome: str) -> None:
        """Count a repair that was to be remembered; see `adapters.memory`."""
        self._reports.labels(outcome).inc()

    def memory_recalled(self, outcome: str) -> None:
        """Count a search for similar repairs."""
        self._recalls.labels(outcome).inc()

    def ended(self, status: Status, stop: str, result: Result | None) -> None:
        """Count a repair that ended."""
        self._repairs.labels(status.value, stop if stop in _ENDS else "error").inc()
        if result is not None:
            for phase in ("model", "compiler", "loop"):
                self._phases.labels(phase).observe(getattr(result.seconds, phase))

    def began(self, *, waited: float, claims: int, crashed: bool) -> None:
        """Count a repair that is taken up, for the first time or again."""
        if claims == 1:
            self._phases.labels("queue").observe(max(0.0, waited))
        else:
            self._resumed.labels("crash" if crashed else "release").inc()

    def rejected(self, code: str) -> None:
        """Count a refusal; codes are those of `errors`."""
        self._rejected.labels(code).inc()

    def request(self, route: str, method: str, status: int) -> None:
        """Count a request by its route's template."""
        self._requests.labels(route, method if method in _METHODS else "other", str(status)).inc()

    def route(self, route: str, *, readable: bool, serving: bool, qualified: bool) -> None:
        """Show what a ReflexRoute says."""
        shown = {"readable": readable, "serving": serving, "qualified": qualified}
        for name, so in shown.items():
            self._routes.labels(route, name).set(1 if so else 0)

    def feedback(self, route: str, ending: str) -> None:
        """Count a write of the word about a ReflexRoute."""
        self._words.labels(route, ending).inc()

    def chat(self, change: int) -> None:
        """Count a chat completion that begins (1) or ends (-1)."""
        self._chats.inc(change)

    def serving(self, endpoint: str, model: str, *, serves: bool) -> None:
        """Show whether a local engine serves a model."""
        self._serving.labels(endpoint, model).set(1 if serves else 0)

    def database(self, *, there: bool) -> None:
        """Show whether the database answered this scrape."""
        self._database.set(1 if there else 0)

    def queue(self, counts: dict[Status, int]) -> None:
        """Show what waits and runs."""
        for status, count in counts.items():
            self._queue.labels(status.value).set(count)

    def waited(self) -> None:
        """Count a repair that was put back because no sandbox was free."""
        self._waits.inc()

    def seen(self, *, here: int, listeners: int, dropped: int, sandboxes: int | None) -> None:
        """Show what is so at this moment; called for each scrape."""
        self._sandboxes.set(math.nan if sandboxes is None else sandboxes)
        self._running.set(here)
        self._listeners.set(listeners)
        self._dropped.set(dropped)
