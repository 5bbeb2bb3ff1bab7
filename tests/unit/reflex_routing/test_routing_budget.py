"""Budgets: windows, limits, warnings, overrides; both stores behave alike."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflex_routing.budget import (
    Limits,
    Override,
    Refused,
    Reservation,
    Reserved,
    WindowKind,
    key_of,
    resets_at,
)
from reflex_routing.budget_sql import SqlBudgetStore
from reflex_routing.budget_store import BudgetStore, MemoryBudgetStore
from reflex_routing.errors import (
    BudgetExceededError,
    CallTimeoutError,
    PriceUnknownError,
    UnavailableError,
)
from reflex_routing.ledger import Ledger, override_from
from reflex_routing.prices import NANO, Price, PriceTable
from reflex_routing.wire import Usage

NOW = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
LIMITS = Limits(daily=100, monthly=150)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BudgetStore]:
    if request.param == "memory":
        yield MemoryBudgetStore()
        return
    sql = SqlBudgetStore(f"sqlite:///{tmp_path}/budget.db")
    sql.create_tables()
    yield sql
    sql.dispose()


_ids = count()


def held(amount: int, now: datetime = NOW) -> Reservation:
    return Reservation(
        id=f"r{next(_ids)}", amount=amount, day=key_of(WindowKind.DAILY, now),
        month=key_of(WindowKind.MONTHLY, now), model="m", price_version="1",
    )  # fmt: skip


def reserve(
    store: BudgetStore, amount: int, *, now: datetime = NOW, limits: Limits = LIMITS,
    override: Override | None = None,
) -> Reserved | Refused:  # fmt: skip
    return store.reserve(held(amount, now), limits=limits, now=now, override=override)


def amounts(store: BudgetStore, now: datetime = NOW) -> list[tuple[int, int]]:
    return [(window.spent, window.reserved) for window in store.windows(now)]


def test_a_reservation_holds_in_both_windows_and_is_settled(store: BudgetStore) -> None:
    made = reserve(store, 60)
    assert isinstance(made, Reserved)
    assert amounts(store) == [(0, 60), (0, 60)]
    assert store.close(made.reservation, spent=25)
    assert amounts(store) == [(25, 0), (25, 0)]


def test_a_release_leaves_nothing_behind(store: BudgetStore) -> None:
    made = reserve(store, 60)
    assert isinstance(made, Reserved)
    assert store.close(made.reservation, spent=0)
    assert amounts(store) == [(0, 0), (0, 0)]


def test_a_reservation_is_closed_once(store: BudgetStore) -> None:
    made = reserve(store, 60)
    assert isinstance(made, Reserved)
    assert store.close(made.reservation, spent=25)
    assert not store.close(made.reservation, spent=25)
    assert amounts(store) == [(25, 0), (25, 0)]


def test_the_limit_itself_may_be_used_up_and_no_more(store: BudgetStore) -> None:
    assert isinstance(reserve(store, 100), Reserved)
    refused = reserve(store, 1)
    assert isinstance(refused, Refused)
    assert (refused.window.kind, refused.window.committed, refused.limit) == (
        WindowKind.DAILY, 100, 100,
    )  # fmt: skip


def test_what_is_refused_by_the_month_is_not_held_in_the_day(store: BudgetStore) -> None:
    yesterday = NOW - timedelta(days=1)
    assert isinstance(reserve(store, 100, now=yesterday), Reserved)
    refused = reserve(store, 51)
    assert isinstance(refused, Refused)
    assert refused.window.kind is WindowKind.MONTHLY
    assert amounts(store) == [(0, 0), (0, 100)]


def test_new_windows_begin_at_midnight_utc(store: BudgetStore) -> None:
    assert isinstance(reserve(store, 100), Reserved)
    december = NOW + timedelta(seconds=1)
    assert isinstance(reserve(store, 100, now=december), Reserved)
    assert amounts(store, december) == [(0, 100), (0, 100)]
    zone = datetime(2026, 12, 1, 0, 30, tzinfo=UTC).astimezone(
        datetime.now().astimezone().tzinfo or UTC
    )
    assert key_of(WindowKind.DAILY, zone) == "2026-12-01"


def test_a_call_over_midnight_is_charged_where_it_was_reserved(store: BudgetStore) -> None:
    made = reserve(store, 60)
    assert isinstance(made, Reserved)
    store.close(made.reservation, spent=40)
    assert amounts(store, NOW + timedelta(days=1)) == [(0, 0), (0, 0)]
    assert amounts(store) == [(40, 0), (40, 0)]


def test_each_window_warns_once(store: BudgetStore) -> None:
    limits = Limits(daily=100, monthly=200, warn_percent=80)
    warned = []
    for amount in (79, 1, 1, 19):
        made = reserve(store, amount, limits=limits)
        assert isinstance(made, Reserved)
        warned.append([(one.kind, one.committed) for one in made.warnings])
    assert warned == [[], [(WindowKind.DAILY, 80)], [], []]


def test_a_window_that_was_warned_about_stays_silent_when_money_comes_back(
    store: BudgetStore,
) -> None:
    made = reserve(store, 90, limits=Limits(daily=100))
    assert isinstance(made, Reserved)
    assert len(made.warnings) == 1
    store.close(made.reservation, spent=0)
    again = reserve(store, 90, limits=Limits(daily=100))
    assert isinstance(again, Reserved)
    assert again.warnings == ()


def test_an_override_lets_calls_pass_until_it_expires(store: BudgetStore) -> None:
    assert isinstance(reserve(store, 100), Reserved)
    store.add_override(
        Override(actor="ana", reason="release day", expires_at=NOW + timedelta(seconds=10)), now=NOW
    )
    over = reserve(store, 50)
    assert isinstance(over, Reserved)
    assert over.reservation.overflow
    assert over.override is not None
    assert (over.override.actor, over.override.reason) == ("ana", "release day")
    assert amounts(store)[0] == (0, 150)
    later = reserve(store, 1, now=NOW + timedelta(seconds=10), limits=Limits(monthly=0))
    assert isinstance(later, Refused)
    assert [one.actor for one in store.overrides()] == ["ana"]


def test_an_override_is_not_mentioned_where_it_was_not_needed(store: BudgetStore) -> None:
    store.add_override(
        Override(actor="ana", reason="x", expires_at=NOW + timedelta(hours=1)), now=NOW
    )
    made = reserve(store, 10)
    assert isinstance(made, Reserved)
    assert made.override is None
    assert not made.reservation.overflow


def test_without_limits_everything_passes_and_is_counted(store: BudgetStore) -> None:
    assert isinstance(reserve(store, 10**12, limits=Limits()), Reserved)
    assert amounts(store) == [(0, 10**12), (0, 10**12)]


@given(
    steps=st.lists(
        st.tuples(st.integers(1, 60), st.sampled_from(["settle", "release", "keep"])), max_size=30
    )
)
def test_committed_never_passes_a_limit_and_sums_stay_right(steps: list[tuple[int, str]]) -> None:
    store = MemoryBudgetStore()
    spent = reserved = 0
    for amount, end in steps:
        made = reserve(store, amount)
        fits = spent + reserved + amount <= 100
        assert isinstance(made, Reserved) is fits
        if not isinstance(made, Reserved):
            continue
        if end == "keep":
            reserved += amount
        else:
            real = amount // 2 if end == "settle" else 0
            store.close(made.reservation, spent=real)
            spent += real
        assert amounts(store)[0] == (spent, reserved)
        assert spent + reserved <= 100


def test_64_threads_never_pass_the_limit_together(store: BudgetStore) -> None:
    limits = Limits(daily=1000, monthly=5000)
    barrier_open = ThreadPoolExecutor(max_workers=64)
    with barrier_open as pool:
        made = list(pool.map(lambda _: reserve(store, 30, limits=limits), range(64)))
    passed = [one for one in made if isinstance(one, Reserved)]
    assert len(passed) == 33  # 33 x 30 = 990
    assert amounts(store)[0] == (0, 990)
    warnings = [one for reservation in passed for one in reservation.warnings]
    assert [(one.kind, one.limit) for one in warnings] == [(WindowKind.DAILY, 1000)]


SPENDER = """
import sys
from datetime import datetime
from reflex_routing.budget import Limits, Reservation, Reserved
from reflex_routing.budget_sql import SqlBudgetStore

url, name = sys.argv[1:]
now = datetime.fromisoformat("2026-11-30T12:00:00+00:00")
store = SqlBudgetStore(url)
store.create_tables()
passed = warned = 0
for turn in range(16):
    made = store.reserve(
        Reservation(id=f"{name}-{turn}", amount=30, day="2026-11-30", month="2026-11", model="m",
                    price_version="1"),
        limits=Limits(daily=1000, monthly=5000), now=now, override=None,
    )
    if isinstance(made, Reserved):
        passed += 1
        warned += len(made.warnings)
        store.close(made.reservation, spent=30)
store.dispose()
print(passed, warned)
"""


def test_several_processes_on_one_file_never_pass_the_limit_together(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"
    command = [sys.executable, "-c", SPENDER, url]
    running = [
        subprocess.Popen([*command, f"p{number}"], stdout=subprocess.PIPE, text=True)
        for number in range(4)
    ]
    said = [process.communicate(timeout=120)[0].split() for process in running]
    assert all(process.returncode == 0 for process in running)
    assert sum(int(passed) for passed, _ in said) == 33
    assert sum(int(warned) for _, warned in said) == 1
    store = SqlBudgetStore(url)
    assert amounts(store)[0] == (990, 0)
    store.dispose()


def test_the_end_of_a_window() -> None:
    assert resets_at(WindowKind.DAILY, NOW) == datetime(2026, 12, 1, tzinfo=UTC)
    assert resets_at(WindowKind.MONTHLY, NOW) == datetime(2026, 12, 1, tzinfo=UTC)
    january = datetime(2026, 1, 31, 10, tzinfo=UTC)
    assert resets_at(WindowKind.MONTHLY, january) == datetime(2026, 2, 1, tzinfo=UTC)


# --- the ledger: prices, settling, cancellation

TABLE = PriceTable(
    version="t1",
    models={"m": Price(input_usd=Decimal(1), output_usd=Decimal(10), max_output_tokens=100)},
)
BODY = {"model": "m", "messages": [{"role": "user", "content": "x" * 1000}]}


def ledger(store: Any, *, limits: Limits = LIMITS, environ: dict[str, str] | None = None) -> Ledger:
    ids = count()
    return Ledger(
        store, limits=limits, prices=TABLE, now=lambda: NOW, new_id=lambda: f"l{next(ids)}",
        environ=environ or {},
    )  # fmt: skip


async def test_the_real_cost_is_settled() -> None:
    store = MemoryBudgetStore()
    made = ledger(store, limits=Limits(daily=NANO))
    reservation = await made.reserve("m", BODY, max_tokens=100)
    assert reservation.amount > 1000 * 1000  # at least its bytes as tokens, and the answer
    spent = await made.settle(
        reservation, Usage(prompt_tokens=250, completion_tokens=10, reported=True)
    )
    assert spent == 250 * 1000 + 10 * 10_000
    assert amounts(store)[0] == (spent, 0)


async def test_a_server_without_usage_costs_the_whole_reservation() -> None:
    store = MemoryBudgetStore()
    made = ledger(store, limits=Limits(daily=NANO))
    reservation = await made.reserve("m", BODY, max_tokens=100)
    assert await made.settle(reservation, Usage()) == reservation.amount


@pytest.mark.parametrize(
    ("error", "billed"),
    [
        (UnavailableError("HTTP 503", status=503), False),
        (CallTimeoutError("connect", seconds=1), False),
        (CallTimeoutError("first_token", seconds=1), True),
        (asyncio.CancelledError(), True),
    ],
)
async def test_a_failure_costs_only_what_may_be_billed(error: BaseException, billed: bool) -> None:
    store = MemoryBudgetStore()
    made = ledger(store, limits=Limits(daily=NANO))
    reservation = await made.reserve("m", BODY, max_tokens=100)
    assert await made.fail(reservation, error) == (reservation.amount if billed else 0)


async def test_an_exhausted_budget_says_when_it_resets() -> None:
    with pytest.raises(BudgetExceededError) as caught:
        await ledger(MemoryBudgetStore()).reserve("m", BODY, max_tokens=100)
    assert caught.value.window == "daily"
    assert caught.value.resets_at == datetime(2026, 12, 1, tzinfo=UTC)
    assert "reflex.budgets.daily_usd" in str(caught.value)


async def test_an_unknown_model_is_refused() -> None:
    made = ledger(MemoryBudgetStore(), limits=Limits())
    with pytest.raises(PriceUnknownError, match="price table t1"):
        await made.reserve("other", BODY, max_tokens=100)
    assert (await made.standing("other", BODY, wanted=None)).reason == "price_unknown"


async def test_the_variable_overrides_the_limit_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = ledger(MemoryBudgetStore(), environ={"SPEC_OPS_ALLOW_BUDGET_OVERFLOW": "1"})
    with caplog.at_level(logging.WARNING):
        reservation = await made.reserve("m", BODY, max_tokens=100)
    assert reservation.overflow
    assert "SPEC_OPS_ALLOW_BUDGET_OVERFLOW" in caplog.text
    assert (await made.standing("m", BODY, wanted=None)).overridden_by == "environment"


@pytest.mark.parametrize("value", ["", "0", "false", "no"])
def test_the_variable_must_be_true(value: str) -> None:
    assert override_from({"SPEC_OPS_ALLOW_BUDGET_OVERFLOW": value}) is None


async def test_64_tasks_never_pass_the_limit_together(store: BudgetStore) -> None:
    first = await ledger(MemoryBudgetStore(), limits=Limits()).reserve("m", BODY, max_tokens=100)
    limits = Limits(daily=20 * first.amount)
    ids = count()
    made = Ledger(
        store, limits=limits, prices=TABLE, now=lambda: NOW, new_id=lambda: f"t{next(ids)}",
        environ={},
    )  # fmt: skip
    answers = await asyncio.gather(
        *(made.reserve("m", BODY, max_tokens=100) for _ in range(64)), return_exceptions=True
    )
    assert sum(isinstance(one, Reservation) for one in answers) == 20
    assert sum(isinstance(one, BudgetExceededError) for one in answers) == 44


class SlowStore(MemoryBudgetStore):
    """Lets the test cancel while the reservation is on its way."""

    def __init__(self, started: asyncio.Event) -> None:
        super().__init__()
        self.loop = asyncio.get_running_loop()
        self.started = started
        self.cancelled = asyncio.Event()

    def reserve(self, *args: Any, **kwargs: Any) -> Reserved | Refused:
        self.loop.call_soon_threadsafe(self.started.set)
        asyncio.run_coroutine_threadsafe(self.cancelled.wait(), self.loop).result(timeout=60)
        return super().reserve(*args, **kwargs)


async def test_a_cancelled_reservation_is_given_back() -> None:
    started = asyncio.Event()
    store = SlowStore(started)
    task = asyncio.create_task(
        ledger(store, limits=Limits(daily=NANO)).reserve("m", BODY, max_tokens=100)
    )
    await started.wait()
    task.cancel()
    store.cancelled.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert amounts(store) == [(0, 0), (0, 0)]
