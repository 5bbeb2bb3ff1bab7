"""The async edge of the budget: one reservation around each call to the cloud."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from reflex_routing.budget import (
    FOREVER,
    Limits,
    NearLimit,
    Override,
    Refused,
    Reservation,
    Reserved,
    Window,
    WindowKind,
    blocks,
    key_of,
    resets_at,
)
from reflex_routing.budget_store import BudgetStore
from reflex_routing.errors import (
    BudgetExceededError,
    CallError,
    PriceUnknownError,
    RoutingError,
)
from reflex_routing.prices import PriceTable, cost, upper_bound, usd
from reflex_routing.wire import Usage

LOG: Final = logging.getLogger("reflex.routing.budget")
OVERFLOW_VARIABLE: Final = "SPEC_OPS_ALLOW_BUDGET_OVERFLOW"
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Whether the budget lets a call of this model pass, before it is made."""

    allowed: bool
    reason: str
    """Empty when allowed; `cloud_budget_exhausted` or `price_unknown`."""
    estimate: int = 0
    """Upper bound of the call, nano-dollars."""
    price_version: str = ""
    windows: tuple[Window, ...] = ()
    overridden_by: str = ""
    """The actor whose override lets it pass."""
    error: RoutingError | None = None
    """What a caller is told when it is not allowed."""


class Ledger:
    """Reserves before the call, settles after it, releases on failure."""

    def __init__(
        self, store: BudgetStore, *, limits: Limits, prices: PriceTable,
        now: Callable[[], datetime], new_id: Callable[[], str],
        environ: Mapping[str, str],
        on_warning: Callable[[NearLimit], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self._store = store
        self._limits = limits
        self._prices = prices
        self._now = now
        self._new_id = new_id
        self._on_warning = on_warning
        self._override = override_from(environ)

    @property
    def limits(self) -> Limits:
        """The limits, in nano-dollars."""
        return self._limits

    def max_tokens(self, model: str, wanted: int | None) -> int:
        """Return the limit to send: the request's own, or the price table's.

        Raises:
            PriceUnknownError: the table does not list the model.
        """
        return wanted or self._prices.price(model).max_output_tokens

    async def windows(self) -> tuple[Window, ...]:
        """Return the daily and the monthly window."""
        return await asyncio.to_thread(self._store.windows, self._now())

    async def standing(
        self, model: str, body: Mapping[str, Any], *, wanted: int | None
    ) -> Standing:
        """Return what a reservation would find now; it is only made with the call."""
        try:
            price = self._prices.price(model)
        except PriceUnknownError as unknown:
            version = self._prices.version
            return Standing(
                allowed=False, reason=unknown.code, price_version=version, error=unknown
            )
        estimate = upper_bound(price, body, max_tokens=self.max_tokens(model, wanted))
        now = self._now()
        windows, stored = await asyncio.to_thread(
            lambda: (self._store.windows(now), self._store.overrides())
        )
        blocked = [
            Refused(window=window, limit=limit)
            for window in windows
            if (limit := self._limits.of(window.kind)) is not None
            and blocks(window, amount=estimate, limit=limit)
        ]
        override = self._override or next((one for one in stored if one.active(now)), None)
        error = _exceeded(blocked[0], estimate, now) if blocked and override is None else None
        return Standing(
            allowed=error is None,
            reason="" if error is None else error.code,
            error=error,
            estimate=estimate,
            price_version=self._prices.version,
            windows=windows,
            overridden_by=override.actor if blocked and override else "",
        )

    async def reserve(self, model: str, body: Mapping[str, Any], *, max_tokens: int) -> Reservation:
        """Hold the upper bound of one call.

        Raises:
            BudgetExceededError: a limit would be passed and nobody allowed that.
            PriceUnknownError: the table does not list the model.
        """
        now = self._now()
        asked = Reservation(
            id=self._new_id(),
            amount=upper_bound(self._prices.price(model), body, max_tokens=max_tokens),
            day=key_of(WindowKind.DAILY, now),
            month=key_of(WindowKind.MONTHLY, now),
            model=model,
            price_version=self._prices.version,
        )
        step = asyncio.ensure_future(asyncio.to_thread(self._reserve, asked, now))
        try:
            answer = await asyncio.shield(step)
        except asyncio.CancelledError:
            # The thread cannot be stopped: give back what it still reserves.
            await asyncio.wait([step])
            if isinstance(late := step.result(), Reserved):
                await self._close(late.reservation, 0)
            raise
        if isinstance(answer, Refused):
            raise _exceeded(answer, asked.amount, now)
        for warning in answer.warnings:
            LOG.warning(
                "cloud budget: %s of %s USD of the %s budget %s are spent or reserved",
                usd(warning.committed), usd(warning.limit), warning.kind, warning.key,
            )  # fmt: skip
            self._on_warning(warning)
        if answer.override is not None:
            LOG.warning(
                "cloud budget exceeded with %s's permission: %s",
                answer.override.actor, answer.override.reason,
            )  # fmt: skip
        return answer.reservation

    async def settle(self, reservation: Reservation, usage: Usage) -> int:
        """End a reservation with what the call cost; return that in nano-dollars.

        A server that reports no usage is charged with the whole reservation.
        """
        spent = reservation.amount
        if usage.reported:
            spent = cost(self._prices.price(reservation.model), usage)
        await self._close(reservation, spent)
        return spent

    async def fail(self, reservation: Reservation, error: BaseException) -> int:
        """End the reservation of a call that gave no answer; return its cost in nano-dollars.

        Nothing when the provider certainly did nothing; all of it when it may have begun to
        answer (a timeout, a broken stream, a caller that went away), for that is billed.
        """
        billed = error.may_be_billed if isinstance(error, CallError) else True
        spent = reservation.amount if billed else 0
        await self._close(reservation, spent)
        return spent

    async def _close(self, reservation: Reservation, spent: int) -> None:
        step = asyncio.to_thread(self._store.close, reservation, spent=spent)
        await _finish(step)

    def _reserve(self, asked: Reservation, now: datetime) -> Reserved | Refused:
        return self._store.reserve(asked, limits=self._limits, now=now, override=self._override)


def _exceeded(refused: Refused, amount: int, now: datetime) -> BudgetExceededError:
    kind = refused.window.kind
    return BudgetExceededError(
        window=kind.value,
        limit_usd=usd(refused.limit),
        committed_usd=usd(refused.window.committed),
        asked_usd=usd(amount),
        resets_at=resets_at(kind, now),
    )


async def _finish(step: Any) -> None:  # noqa: ANN401 - any awaitable
    """Wait for a step that must not be left half done, then let a cancellation through."""
    task = asyncio.ensure_future(step)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def override_from(environ: Mapping[str, str]) -> Override | None:
    """Return the override of the process's environment, if it is set to a true value."""
    value = environ.get(OVERFLOW_VARIABLE, "").strip().lower()
    if value not in ("1", "true", "yes"):
        return None
    return Override(actor="environment", reason=f"{OVERFLOW_VARIABLE} is set", expires_at=FOREVER)
