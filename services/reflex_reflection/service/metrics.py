"""Prometheus metrics of the service. Labels are closed vocabularies: never text of a request."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_METHODS: Final = frozenset({"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"})
_REASONS: Final = frozenset(
    {"reflection_timeout", "partial_failure", "empty_summary", "index_missing"}
)


class ServiceMetrics:
    """Registers `reflex_reflection_*` in the registry of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._reflections = Counter(
            "reflex_reflection_reflections",
            "Turns that were sent, by what came of them: written, repeated, gate_closed, or the"
            " reason why nothing was written.",
            ["outcome"],
            registry=registry,
        )
        self._written = Counter(
            "reflex_reflection_memories_written", "Memories that are new.", registry=registry
        )
        self._imported = Counter(
            "reflex_reflection_memories_imported", "Memories new by an import.", registry=registry
        )
        self._forgotten = Counter(
            "reflex_reflection_memories_forgotten",
            "Memories that are gone: deleted by their owner, expired, evicted; purged for good.",
            ["how"],
            registry=registry,
        )
        self._seconds = Histogram(
            "reflex_reflection_seconds",
            "How long it took: reflect (with writing), search by its mode, import.",
            ["what"],
            registry=registry,
            buckets=_SECONDS,
        )
        self._embedded = Counter(
            "reflex_reflection_embeddings",
            "Memories that the real model was asked for, by what came of it.",
            ["outcome"],
            registry=registry,
        )
        self._held = Gauge(
            "reflex_reflection_memories", "Memories of all owners together.", registry=registry
        )
        self._database = Gauge(
            "reflex_reflection_database_up", "1 when the database answers.", registry=registry
        )
        self._rejected = Counter(
            "reflex_reflection_rejected", "Requests refused, by code.", ["code"], registry=registry
        )
        self._requests = Counter(
            "reflex_reflection_http_requests",
            "Requests by route, method and status.",
            ["route", "method", "status"],
            registry=registry,
        )

    def reflected(self, *, written: int, reason: str | None) -> None:
        """Count a turn that passed the gate."""
        outcome = reason or ("written" if written else "repeated")
        if outcome.startswith("reflect_error:"):
            outcome = "reflect_error"
        elif outcome.startswith("ops_cap="):
            outcome = "ops_cap"
        elif reason is not None and outcome not in _REASONS:
            outcome = "other"
        self._reflections.labels(outcome).inc()
        self._written.inc(written)

    def gate_closed(self) -> None:
        """Count a turn that was not reflected on."""
        self._reflections.labels("gate_closed").inc()

    def imported(self, count: int) -> None:
        """Count memories of an import."""
        self._imported.inc(count)

    def forgotten(self, how: str, count: int = 1) -> None:
        """Count memories that are gone."""
        self._forgotten.labels(how).inc(count)

    def embedded(self, count: int) -> None:
        """Count vectors of the real model."""
        self._embedded.labels("ok").inc(count)

    def not_embedded(self) -> None:
        """Count a failure of the real model."""
        self._embedded.labels("failed").inc()

    def took(self, what: str, seconds: float) -> None:
        """Note how long something took."""
        self._seconds.labels(what).observe(seconds)

    def held(self, count: int) -> None:
        """Show how many memories there are."""
        self._held.set(count)

    def database(self, *, there: bool) -> None:
        """Show whether the database answered this scrape."""
        self._database.set(1 if there else 0)

    def rejected(self, code: str) -> None:
        """Count a refusal; codes are those of `errors`."""
        self._rejected.labels(code).inc()

    def request(self, route: str, method: str, status: int) -> None:
        """Count a request by its route's template."""
        self._requests.labels(route, method if method in _METHODS else "other", str(status)).inc()
