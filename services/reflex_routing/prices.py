"""What a call costs: a versioned table, exact integers inside.

Money is an `int` of nano-dollars (10^-9 USD): a price of 0.001 USD per million tokens is one
nano-dollar a token, so sums are exact and a database adds them without rounding.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field

from reflex_routing.errors import PriceUnknownError
from reflex_routing.wire import Usage

NANO: Final = 10**9
_PER_MILLION: Final = 10**6
_MESSAGE_OVERHEAD: Final = 16
"""Tokens that a chat template adds around one message, generously."""


class Price(BaseModel):
    """One model's price in USD per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input_usd: Decimal = Field(ge=0, le=100_000)
    output_usd: Decimal = Field(ge=0, le=100_000)
    cached_input_usd: Decimal | None = Field(default=None, ge=0, le=100_000)
    max_output_tokens: int = Field(default=16_384, ge=1, le=10_000_000)
    """Sent, and reserved for, when the request sets no limit of its own."""


class _PriceFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = Field(min_length=1, max_length=64)
    models: dict[str, Price]


@dataclass(frozen=True, kw_only=True)
class PriceTable:
    """Prices by model name; `version` goes into every reservation and record."""

    version: str
    models: Mapping[str, Price] = field(default_factory=dict)

    @classmethod
    def parse(cls, document: Any) -> Self:  # noqa: ANN401 - bytes enter here
        """Return the table in a parsed YAML document.

        Raises:
            pydantic.ValidationError: it is no price table.
        """
        read = _PriceFile.model_validate(document)
        return cls(version=read.version, models=read.models)

    def price(self, model: str) -> Price:
        """Return the model's price.

        Raises:
            PriceUnknownError: the table does not list it.
        """
        try:
            return self.models[model]
        except KeyError:
            raise PriceUnknownError(model, table=f"price table {self.version}") from None


def usd(nano: int) -> str:
    """Return nano-dollars as USD for people and records.

    >>> usd(1_250_000_000), usd(80), usd(0)
    ('1.25', '0.00000008', '0')
    """
    return f"{(Decimal(nano) / NANO).normalize():f}"


def nano_usd(amount: Decimal) -> int:
    """Return an amount in USD as nano-dollars, rounded up.

    >>> nano_usd(Decimal("0.05"))
    50000000
    """
    return int((amount * NANO).to_integral_value(rounding=ROUND_CEILING))


def cost(price: Price, usage: Usage) -> int:
    """Return what a finished call costs, in nano-dollars, rounded up.

    Cached prompt tokens are part of `prompt_tokens` and reasoning tokens part of
    `completion_tokens`, as OpenAI counts them.
    """
    cached = min(usage.cached_tokens, usage.prompt_tokens)
    cached_price = price.input_usd if price.cached_input_usd is None else price.cached_input_usd
    dollars = (
        (usage.prompt_tokens - cached) * price.input_usd
        + cached * cached_price
        + usage.completion_tokens * price.output_usd
    )
    return nano_usd(dollars / _PER_MILLION)


def upper_bound(price: Price, body: Mapping[str, Any], *, max_tokens: int) -> int:
    """Return what a call can cost at most, in nano-dollars.

    A byte-level tokenizer never makes more tokens than the text has bytes, so the size of the
    request in UTF-8 (messages, tools and schema together) bounds the prompt. It is about four
    times too much for English and code; the rest comes back when the call is settled.
    """
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    messages = body.get("messages")
    count = len(messages) if isinstance(messages, list | tuple) else 0
    prompt = len(text.encode("utf-8", "surrogatepass")) + _MESSAGE_OVERHEAD * (count + 1)
    choices = body.get("n")
    factor = choices if isinstance(choices, int) and choices > 1 else 1
    dearest = max(price.input_usd, price.cached_input_usd or Decimal(0))
    dollars = prompt * dearest + max_tokens * factor * price.output_usd
    return nano_usd(dollars / _PER_MILLION)
