"""Prometheus metrics of routing. Labels are configured names and closed vocabularies only."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from reflex_routing.breaker import BreakerState, StateChange
from reflex_routing.budget import Limits, NearLimit, Window
from reflex_routing.decision import DecisionRecord
from reflex_routing.policy import Mode, Reason
from reflex_routing.prices import NANO
from reflex_routing.wire import FinishReason

_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600)


class RoutingMetrics:
    """Registers `reflex_routing_*` in the registry of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        target = ["endpoint", "model"]
        self._decisions = Counter(
            "reflex_routing_decisions",
            "Decisions by role, mode (reflex, cloud, none) and reason.",
            ["role", "mode", "reason"],
            registry=registry,
        )
        self._outcomes = Counter(
            "reflex_routing_outcomes",
            "What became of the decisions: ok or the code of the error.",
            [*target, "outcome"],
            registry=registry,
        )
        self._calls = Counter(
            "reflex_routing_calls", "HTTP calls made, retries included.", target, registry=registry
        )
        self._escalations = Counter(
            "reflex_routing_escalations",
            "Decisions for the cloud after failed local attempts.",
            registry=registry,
        )
        self._truncated = Counter(
            "reflex_routing_truncated",
            "Answers cut at their token limit; not counted as failures.",
            target,
            registry=registry,
        )
        self._invalid = Counter(
            "reflex_routing_invalid_replies",
            "Whole answers that their caller could not use, such as JSON against the schema.",
            [*target, "kind"],
            registry=registry,
        )
        self._tokens = Counter(
            "reflex_routing_tokens",
            "Tokens by kind: prompt, cached (part of prompt), completion, reasoning (part of it).",
            [*target, "kind"],
            registry=registry,
        )
        self._cost = Counter(
            "reflex_routing_cost_usd", "Settled cost of cloud calls.", target, registry=registry
        )
        self._first_token = Histogram(
            "reflex_routing_first_token_seconds",
            "Time to the first token of streamed answers.",
            target,
            registry=registry,
            buckets=_SECONDS,
        )
        self._seconds = Histogram(
            "reflex_routing_answer_seconds",
            "Time of a decision's calls, retries and waits included.",
            target,
            registry=registry,
            buckets=_SECONDS,
        )
        self._breaker = Gauge(
            "reflex_routing_breaker_state",
            "1 for the present state of a breaker.",
            [*target, "state"],
            registry=registry,
        )
        self._transitions = Counter(
            "reflex_routing_breaker_transitions",
            "Changes of a breaker's state.",
            [*target, "to"],
            registry=registry,
        )
        self._budget = Gauge(
            "reflex_routing_budget_usd",
            "The cloud budget's windows: limit, spent, reserved; no limit: +Inf.",
            ["window", "what"],
            registry=registry,
        )
        self._warnings = Counter(
            "reflex_routing_budget_warnings",
            "Windows that passed their warning threshold, once each.",
            ["window"],
            registry=registry,
        )

    def record(self, record: DecisionRecord) -> None:
        """Count one decision and its outcome; also a `DecisionSink`."""
        decision, done = record.decision, record.outcome
        role, mode = record.state.role.value, decision.mode.value
        self._decisions.labels(role, mode, decision.reason.value).inc()
        escalated = decision.reason is Reason.ESCALATED_AFTER_FAILURES
        if escalated and decision.mode is Mode.CLOUD:
            self._escalations.inc()
        if decision.target is None:
            return
        where = (decision.target.endpoint, decision.target.model)
        self._outcomes.labels(*where, done.error or "ok").inc()
        self._calls.labels(*where).inc(done.calls)
        self._seconds.labels(*where).observe(done.seconds)
        if done.first_token_seconds is not None:
            self._first_token.labels(*where).observe(done.first_token_seconds)
        if done.finish_reason == FinishReason.LENGTH:
            self._truncated.labels(*where).inc()
        usage = done.usage
        for kind, count in (
            ("prompt", usage.prompt_tokens), ("cached", usage.cached_tokens),
            ("completion", usage.completion_tokens), ("reasoning", usage.reasoning_tokens),
        ):  # fmt: skip
            self._tokens.labels(*where, kind).inc(count)
        if decision.mode is Mode.CLOUD:
            self._cost.labels(*where).inc(done.cost / NANO)

    def invalid_reply(self, endpoint: str, model: str, kind: str) -> None:
        """Count a whole answer that its caller could not use."""
        self._invalid.labels(endpoint, model, kind).inc()

    def breaker_changed(self, change: StateChange) -> None:
        """Follow a breaker; one of its listeners."""
        endpoint, _, model = change.breaker_id.partition("/")
        for state in BreakerState:
            present = 1 if state is change.current_state else 0
            self._breaker.labels(endpoint, model, state.value).set(present)
        self._transitions.labels(endpoint, model, change.current_state.value).inc()

    def budget_warning(self, warning: NearLimit) -> None:
        """Count a warning."""
        self._warnings.labels(warning.kind.value).inc()

    def budget_windows(self, windows: tuple[Window, ...], limits: Limits) -> None:
        """Show the windows as they are now."""
        for window in windows:
            limit = limits.of(window.kind)
            name = window.kind.value
            self._budget.labels(name, "limit").set(float("inf") if limit is None else limit / NANO)
            self._budget.labels(name, "spent").set(window.spent / NANO)
            self._budget.labels(name, "reserved").set(window.reserved / NANO)
