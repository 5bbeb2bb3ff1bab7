"""What a router works with, and the snapshot that a decision rests on."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from reflex_routing.attempt import Sleep
from reflex_routing.breaker import Clock
from reflex_routing.breakers import Breakers
from reflex_routing.capture import Capture
from reflex_routing.config import ReflexSection
from reflex_routing.connections import Connections
from reflex_routing.decision import DecisionSink
from reflex_routing.gate import gate
from reflex_routing.ledger import Ledger, Standing
from reflex_routing.metrics import RoutingMetrics
from reflex_routing.policy import (
    CloudCandidate,
    LocalCandidate,
    Mode,
    Role,
    RoutingState,
    Target,
    decide,
)
from reflex_routing.request import Request
from reflex_routing.retry import Random
from reflex_routing.run import Run
from reflex_routing.serving import LocalModels
from reflex_routing.wire import JSON, request_body, wanted_tokens


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a router works with; `assembly.open_router` puts the real ones together."""

    section: ReflexSection
    connections: Connections
    breakers: Breakers
    ledger: Ledger
    local: LocalModels
    capture: Capture
    sinks: tuple[DecisionSink, ...]
    metrics: RoutingMetrics
    now: Callable[[], datetime]
    clock: Clock
    random: Random
    sleep: Sleep
    new_id: Callable[[], str]


class Lookout:
    """Reads the breakers, the local models and, where the cloud may answer, the budget."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._section = parts.section
        self._policy = parts.section.policy()
        self._thresholds = parts.section.thresholds()

    async def look(self, run: Run) -> tuple[RoutingState, dict[Target, Standing]]:
        """Return the state to decide on; the budget is asked only if the cloud may answer."""
        state = self._state(run, {})
        if decide(state, self._policy).mode is Mode.REFLEX:
            return state, {}
        standings = {}
        for one in state.cloud:
            body = self.body(run.request, one.target, None)
            wanted = wanted_tokens(run.request.parameters)
            standings[one.target] = await self._parts.ledger.standing(
                one.target.model, body, wanted=wanted
            )
        return self._state(run, standings), standings

    def _state(self, run: Run, standings: dict[Target, Standing]) -> RoutingState:
        parts, section = self._parts, self._section
        local = []
        for serving in parts.local.serving():
            target = Target(endpoint=serving.endpoint, model=serving.model)
            checked = gate(
                parts.local.evidence(serving), model=serving.model, revision=serving.revision,
                mode=section.gate.mode, thresholds=self._thresholds, now=parts.now(),
            )  # fmt: skip
            spent = run.failed_here >= section.max_attempts and run.last_error is not None
            local.append(
                LocalCandidate(
                    target=target,
                    revision=serving.revision,
                    gate=checked,
                    breaker=parts.breakers.get(str(target)).view(),
                    excluded=run.excluded.get(target, "attempts_used" if spent else ""),
                    away=serving.away,
                )
            )
        cloud = []
        models = (
            section.cloud.judge if run.request.role is Role.JUDGE else section.cloud.implementer
        )
        for model in models if section.cloud.enabled else ():
            target = Target(endpoint=section.cloud.endpoint, model=model)
            standing = standings.get(target)
            cloud.append(
                CloudCandidate(
                    target=target,
                    breaker=parts.breakers.get(str(target)).view(),
                    budget="" if standing is None else standing.reason,
                    excluded=run.excluded.get(target, ""),
                )
            )
        return RoutingState(
            role=run.request.role,
            stage=run.request.stage,
            failed_attempts=run.failed,
            risk=run.risk,
            local=tuple(local),
            cloud=tuple(cloud),
        )

    def body(self, request: Request, target: Target, max_tokens: int | None) -> JSON:
        """Return the request's body in the words of the target's endpoint."""
        endpoint = self._section.endpoints[target.endpoint]
        openai = endpoint.dialect == "openai"
        return request_body(
            model=target.model,
            messages=request.messages,
            parameters=request.parameters,
            max_tokens=max_tokens,
            token_limit_field="max_completion_tokens" if openai else "max_tokens",
            omit=frozenset(endpoint.omit_parameters),
            stream=not request.whole,
        )
