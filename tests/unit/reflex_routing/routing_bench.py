"""A router over scripted servers, with its clock, its waits and its ids in the test's hand."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from prometheus_client import CollectorRegistry

import scripted_openai as api
from reflex_routing.assembly import open_router
from reflex_routing.breaker import StateChange
from reflex_routing.budget_store import BudgetStore
from reflex_routing.config import ReflexSection
from reflex_routing.config_file import Loaded
from reflex_routing.decision import RecentDecisions
from reflex_routing.gate import Evidence
from reflex_routing.prices import Price, PriceTable
from reflex_routing.request import Request
from reflex_routing.router import Router
from reflex_routing.serving import ServingModel
from scripted_openai import Reply, ScriptedServer

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LOCAL_MODEL, CLOUD_MODEL = "gpt-oss-20b", "gpt-5.1-codex"
PRICES = PriceTable(
    version="t1",
    models={CLOUD_MODEL: Price(input_usd=Decimal(1), output_usd=Decimal(10))},
)
Script = Reply | Callable[[Any], Reply]


@dataclass
class Cluster:
    """The local models as the test wants them seen."""

    models: list[ServingModel] = field(default_factory=list)
    known: dict[str, Evidence] = field(default_factory=dict)

    def serving(self) -> tuple[ServingModel, ...]:
        return tuple(self.models)

    def evidence(self, model: ServingModel) -> Evidence | None:
        return self.known.get(f"{model.model}@{model.revision}")

    def serve(self, model: str, endpoint: str, revision: str, *, verdict: str = "Pass") -> None:
        """Serve one revision in the place of what the endpoint served, with evidence about it."""
        self.models = [one for one in self.models if one.endpoint != endpoint]
        self.models.append(ServingModel(model=model, endpoint=endpoint, revision=revision))
        if verdict:
            self.known[f"{model}@{revision}"] = Evidence(
                id=f"evidence-{revision}", model=model, revision=revision, verdict=verdict,
                expires_at=NOW + timedelta(days=14),
            )  # fmt: skip


@dataclass
class Bench:
    """Everything that a test looks at."""

    router: Router
    local: ScriptedServer
    cloud: ScriptedServer
    cluster: Cluster
    registry: CollectorRegistry
    decisions: RecentDecisions
    slept: list[float]
    changes: list[StateChange]

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"reflex_routing_{name}", labels) or 0.0

    def reasons(self) -> list[tuple[str, str, str]]:
        """Mode, reason and outcome of every decision."""
        return [
            (one.decision.mode.value, one.decision.reason.value, one.outcome.error or "ok")
            for one in self.decisions.all()
        ]


@asynccontextmanager
async def bench(
    *, engine: Sequence[Script] | None = None, provider: Sequence[Script] | None = None,
    verdict: str = "Pass", store: BudgetStore | None = None,
    environ: dict[str, str] | None = None, **settings: Any,
) -> AsyncIterator[Bench]:  # fmt: skip
    """Open a router: a local endpoint, a cloud, prices and a budget of one dollar.

    Waits between calls take no time and are only noted; timeouts are real.
    """
    async with AsyncExitStack() as stack:
        near = await stack.enter_async_context(api.scripted(*(engine or [api.answer()])))
        far = await stack.enter_async_context(api.scripted(*(provider or [api.answer("cloudy")])))
        section = ReflexSection.model_validate(
            {
                "model_primary": LOCAL_MODEL,
                "endpoints": {
                    "local": {"base_url": near.base_url},
                    "cloud": {"base_url": far.base_url, "dialect": "openai",
                              "api_key_env": "CLOUD_KEY", "omit_parameters": ["temperature"]},
                },
                "cloud": {"enabled": True, "implementer": [CLOUD_MODEL], "judge": [CLOUD_MODEL]},
                "budgets": {"daily_usd": 1},
                **settings,
            }
        )  # fmt: skip
        cluster = Cluster()
        cluster.serve(LOCAL_MODEL, "local", "r1", verdict=verdict)
        slept: list[float] = []
        changes: list[StateChange] = []
        registry, decisions, ids = CollectorRegistry(), RecentDecisions(), count(1)

        async def sleep(seconds: float) -> None:
            slept.append(seconds)
            await asyncio.sleep(0)

        router = open_router(
            Loaded(reflex=section, prices=PRICES, source="test"),
            registry=registry, store=store, local=cluster, sinks=(decisions,),
            listeners=(changes.append,), environ={"CLOUD_KEY": "cloud-key-0123", **(environ or {})},
            now=lambda: NOW, uniform=lambda: 0.5, sleep=sleep, new_id=lambda: f"id{next(ids)}",
        )  # fmt: skip
        stack.push_async_callback(router.close)
        yield Bench(
            router=router, local=near, cloud=far, cluster=cluster, registry=registry,
            decisions=decisions, slept=slept, changes=changes,
        )  # fmt: skip


def ask(**facts: Any) -> Request:
    """Return a small request of the loop."""
    known = {
        "messages": [{"role": "user", "content": "fix it"}],
        "parameters": {"temperature": 0.0, "max_tokens": 500},
        **facts,
    }
    return Request(**known)
