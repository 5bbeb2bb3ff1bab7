"""Prometheus metrics of the operator, in a registry of their own."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from reflex_operator import __version__

ConditionRow = tuple[str, str, str, str]
"""namespace, name, condition type, status."""

_FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """All metrics of one process; made once and handed to whom it concerns."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        build = Gauge("reflex_build_info", "1 for the running version.", ["version"],
                      registry=registry)  # fmt: skip
        build.labels(__version__).set(1)
        self.leader = Gauge(
            "reflex_leader", "1 while this process holds the Lease.", registry=registry
        )
        self.reconciles = Counter(
            "reflex_reconcile",
            "Passes over one object by result: unchanged, written, restless, conflict, error.",
            ["result"],
            registry=registry,
        )
        self.reconcile_seconds = Histogram(
            "reflex_reconcile_duration_seconds",
            "Time of one pass, API calls included.",
            registry=registry,
            buckets=_FAST,
        )
        self.queue_depth = Gauge(
            "reflex_workqueue_depth", "Keys waiting for a worker.", registry=registry
        )
        self.queue_adds = Counter(
            "reflex_workqueue_adds", "Keys put on the queue; duplicates count once.",
            registry=registry,
        )  # fmt: skip
        self.queue_retries = Counter(
            "reflex_workqueue_retries", "Passes repeated after a failure.", registry=registry
        )
        self.queue_latency = Histogram(
            "reflex_workqueue_queue_duration_seconds",
            "Wait of a key for a worker.",
            registry=registry,
            buckets=_FAST,
        )
        self.queue_work = Histogram(
            "reflex_workqueue_work_duration_seconds",
            "Time that a worker spent on a key.",
            registry=registry,
            buckets=_FAST,
        )
        self.api_requests = Counter(
            "reflex_api_requests",
            "Calls of the operator to the API server; code 0: no answer. kopf's are not counted.",
            ["verb", "resource", "code"],
            registry=registry,
        )
        self.writes_held = Counter(
            "reflex_writes_held",
            "Times that writes to an object were held back, because somebody keeps undoing them.",
            ["kind"],
            registry=registry,
        )
        self.watch_events = Counter(
            "reflex_watch_events", "Events that watches delivered.", ["kind"], registry=registry
        )
        self.watch_last_event = Gauge(
            "reflex_watch_last_event_timestamp_seconds",
            "When a watch last delivered anything, as Unix time.",
            ["kind"],
            registry=registry,
        )
        self.watch_missed = Counter(
            "reflex_watch_missed",
            "Changes that the periodic LIST found before the watch told of them.",
            ["kind"],
            registry=registry,
        )
        self.relists = Counter(
            "reflex_relist", "Periodic LISTs by result: done, failed.", ["result"],
            registry=registry,
        )  # fmt: skip
        self.probes = Counter(
            "reflex_probe", "Trial generations by outcome.", ["outcome"], registry=registry
        )
        for outcome in ("Verified", "Unreachable", "WrongModel", "BadAnswer"):
            self.probes.labels(outcome)
        for result in ("unchanged", "written", "restless", "conflict", "error"):
            self.reconciles.labels(result)

    def export_conditions(self, rows: Callable[[], Iterable[ConditionRow]]) -> None:
        """Add `reflex_model_condition`, read from `rows` at each scrape."""
        self.registry.register(
            _Rows(
                "reflex_model_condition",
                "1 for the present status of a ReflexModel's condition.",
                ("namespace", "name", "type", "status"),
                rows,
            )
        )

    def export(self, collector: Collector) -> None:
        """Add families that a collector reads at each scrape."""
        self.registry.register(collector)


class _Rows(Collector):
    """One series with value 1 for each row: what is, and not what was."""

    def __init__(
        self,
        name: str,
        about: str,
        labels: tuple[str, ...],
        rows: Callable[[], Iterable[tuple[str, ...]]],
    ) -> None:
        self._name, self._about, self._labels, self._rows = name, about, labels, rows

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the family; called by the registry at each scrape."""
        family = GaugeMetricFamily(self._name, self._about, labels=self._labels)
        for row in self._rows():
            family.add_metric(row, 1)
        yield family
