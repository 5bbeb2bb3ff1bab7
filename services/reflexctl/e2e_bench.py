"""Routers and requests for the assertions of `reflexctl e2e`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from prometheus_client import CollectorRegistry

from reflex_loop.patch import COMPACT_SCHEMA
from reflex_routing.assembly import open_router
from reflex_routing.config import ReflexSection
from reflex_routing.config_file import Loaded
from reflex_routing.prices import Price, PriceTable
from reflex_routing.request import Request
from reflex_routing.router import Router
from reflexctl import stub

QUESTION: Final = """\
fix rust
src/main.rs:3 E0384 cannot assign twice to immutable variable `count`
at "count += 1" cannot assign twice to immutable variable
note 2 first assignment to `count`
help consider making this binding mutable
-"    let count = 1;"
+"    let mut count = 1;"
code
1 "fn main() {"
2 "    let count = 1;"
>3 "    count += 1;"
4 "    println!(\\"{count}\\");"
5 "}"
"""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What the assertions work with.

    Attributes:
        url: of the local model.
        max_tokens: for one reply of it.
    """

    url: str
    model: str
    cloud: stub.Stub
    max_tokens: int = 1024

    @asynccontextmanager
    async def router(
        self,
        *,
        failing: bool = False,
        **changes: Any,  # noqa: ANN401 - the section's own fields
    ) -> AsyncIterator[Router]:
        """Open a router over the local model and the stub of a cloud; `changes` are of `reflex`."""
        model = stub.FAILING if failing else self.model
        section = ReflexSection.model_validate(
            {
                "model_primary": model,
                "endpoints": {
                    "local": {"base_url": self.cloud.base_url if failing else self.url},
                    "cloud": {"base_url": self.cloud.base_url},
                },
                "cloud": {"enabled": True, "implementer": [stub.CLOUD], "judge": [stub.CLOUD]},
                "gate": {"mode": "disabled"},
                "budgets": {"daily_usd": 1},
                "retry": {"attempts": 1},
                **changes,
            }
        )
        prices = {stub.CLOUD: Price(input_usd=Decimal(1), output_usd=Decimal(1))}
        router = open_router(
            Loaded(reflex=section, prices=PriceTable(version="stub", models=prices), source="e2e"),
            registry=CollectorRegistry(),
            environ={},
        )
        try:
            yield router
        finally:
            await router.close()

    def request(self, **facts: Any) -> Request:  # noqa: ANN401 - the request's own fields
        """Return a repair's question."""
        schema = {"name": "patch", "schema": COMPACT_SCHEMA, "strict": True}
        parameters = {
            "max_tokens": self.max_tokens,
            "temperature": 0.0,
            "response_format": {"type": "json_schema", "json_schema": schema},
        }
        messages = [{"role": "user", "content": QUESTION}]
        return Request(messages=messages, parameters=parameters, **facts)
