"""The router over real sockets: who is asked, when, and what is left on record."""

import asyncio
import json
import logging
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

import scripted_openai as api
from reflex_routing.budget import Limits
from reflex_routing.budget_store import MemoryBudgetStore
from reflex_routing.errors import (
    AuthError,
    BrokenReplyError,
    BudgetExceededError,
    CallTimeoutError,
    CircuitOpenError,
    NoRouteError,
    PriceUnknownError,
    RequestRejectedError,
    UnavailableError,
)
from reflex_routing.outcome import describe
from reflex_routing.policy import Mode, Reason, Role
from reflex_routing.request import Answer
from reflex_routing.risk import RiskFacts
from reflex_routing.wire import Delta
from unit.reflex_routing.routing_bench import (
    CLOUD_MODEL,
    LOCAL_MODEL,
    NOW,
    ask,
    bench,
)

ONCE: dict[str, Any] = {"retry": {"attempts": 1}}
NO_CLOUD: dict[str, Any] = {"cloud": {"enabled": False}}
DOWN = api.http(500, {"error": {"message": "scheduler died"}})
EVERY_FILE = RiskFacts(files=tuple(f"src/f{number}.rs" for number in range(5)))


async def test_a_local_model_answers_first() -> None:
    async with bench(engine=[api.answer("patched", reasoning="hm")]) as at:
        answer = await at.router.complete(ask())
        assert (answer.content, answer.mode, answer.reason) == (
            "patched", Mode.REFLEX, Reason.LOCAL_FIRST,
        )  # fmt: skip
        assert (answer.cost_usd, answer.failed_attempts) == ("0", 0)
        assert at.cloud.calls == []
        sent = at.local.calls[0].body
        assert (sent["model"], sent["max_tokens"], sent["temperature"]) == (LOCAL_MODEL, 500, 0.0)
        labels = {"role": "implementer", "mode": "reflex", "reason": "local_first"}
        assert at.metric("decisions_total", **labels) == 1
        where = {"endpoint": "local", "model": LOCAL_MODEL}
        assert at.metric("tokens_total", **where, kind="cached") == 100
        assert at.metric("first_token_seconds_count", **where) == 1


async def test_it_escalates_after_exactly_n_failures_and_logs_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench(engine=[DOWN], **ONCE, max_attempts=3) as at:
        with caplog.at_level(logging.WARNING, logger="reflex.routing"):
            answer = await at.router.complete(ask())
        assert (len(at.local.calls), len(at.cloud.calls)) == (3, 1)
        assert (answer.content, answer.mode, answer.failed_attempts) == ("cloudy", Mode.CLOUD, 3)
        assert at.reasons() == [
            *[("reflex", "local_first", "unavailable")] * 3,
            ("cloud", "escalated_after_failures", "ok"),
        ]
        assert at.metric("escalations_total") == 1
    (line,) = [one.getMessage() for one in caplog.records if "falls back" in one.getMessage()]
    assert "after 3 failed local attempts: escalated_after_failures" in line
    assert "scheduler died" in line


@pytest.mark.parametrize(("failed", "mode"), [(0, "reflex"), (1, "reflex"), (2, "cloud")])
async def test_failures_of_earlier_requests_count(failed: int, mode: str) -> None:
    async with bench() as at:
        answer = await at.router.complete(ask(failed_attempts=failed))
        assert answer.mode.value == mode
        assert answer.failed_attempts == failed


async def test_the_cloud_gets_its_own_dialect_and_key() -> None:
    async with bench() as at:
        await at.router.complete(ask(failed_attempts=2))
        (call,) = at.cloud.calls
        assert call.body["max_completion_tokens"] == 500
        assert "max_tokens" not in call.body
        assert "temperature" not in call.body
        assert call.headers["authorization"] == "Bearer cloud-key-0123"


async def test_a_request_without_a_limit_gets_the_price_table_s_in_the_cloud() -> None:
    async with bench() as at:
        await at.router.complete(ask(failed_attempts=2, parameters={}))
        assert at.cloud.calls[0].body["max_completion_tokens"] == 16384


async def test_high_risk_goes_to_the_cloud_first() -> None:
    async with bench() as at:
        answer = await at.router.complete(ask(facts=EVERY_FILE))
        assert (answer.reason, answer.decisions[0].decision.is_fallback) == (
            Reason.HIGH_RISK, False,
        )  # fmt: skip
        assert at.local.calls == []


async def test_judging_is_never_local() -> None:
    async with bench() as at:
        answer = await at.router.complete(ask(role=Role.JUDGE, stage="audit"))
        assert answer.reason is Reason.JUDGE_IS_CLOUD_ONLY
    async with bench(**NO_CLOUD) as at:
        with pytest.raises(NoRouteError, match="judge_is_cloud_only"):
            await at.router.complete(ask(role=Role.JUDGE))
        assert at.local.calls == []


@pytest.mark.parametrize("verdict", ["", "Fail", "Inconclusive", "Error"])
async def test_no_evidence_is_no_pass(verdict: str) -> None:
    async with bench(verdict=verdict) as at:
        answer = await at.router.complete(ask())
        assert (answer.mode, answer.reason) == (Mode.CLOUD, Reason.NOT_QUALIFIED)
        assert at.local.calls == []


async def test_an_unqualified_model_without_a_cloud_is_an_error_that_says_so() -> None:
    async with bench(verdict="", **NO_CLOUD) as at:
        with pytest.raises(NoRouteError, match="not_qualified: no_evidence") as caught:
            await at.router.complete(ask())
        assert "no cloud is configured" in str(caught.value)
        assert [one["mode"] for one in describe(caught.value)["decisions"]] == ["none"]


async def test_an_exhausted_budget_is_a_typed_error_and_nothing_is_sent() -> None:
    async with bench(budgets={"daily_usd": "0.0001"}) as at:
        with pytest.raises(BudgetExceededError) as caught:
            await at.router.complete(ask(facts=EVERY_FILE))
        assert caught.value.window == "daily"
        assert at.cloud.calls == []
        assert at.reasons() == [("none", "high_risk", "cloud_budget_exhausted")]
        (record,) = caught.value.decisions
        budgets = record.document()["inputs"]["budgets"]
        assert budgets[f"cloud/{CLOUD_MODEL}"]["reason"] == "cloud_budget_exhausted"


async def test_an_exhausted_budget_behind_a_hanging_engine_still_answers() -> None:
    timeouts = {"connect": 0.05, "first_token": 0.05, "total": 10, "request": 20}
    async with bench(engine=[api.hangs()], budgets={"daily_usd": 0}, timeouts=timeouts) as at:
        with pytest.raises(BudgetExceededError) as caught:
            await at.router.complete(ask())
        assert isinstance(caught.value.__cause__, CallTimeoutError)
        assert [one.outcome.error for one in caught.value.decisions] == [
            "timeout", "timeout", "cloud_budget_exhausted",
        ]  # fmt: skip


async def test_the_override_lets_the_cloud_answer() -> None:
    overflow = {"SPEC_OPS_ALLOW_BUDGET_OVERFLOW": "1"}
    async with bench(budgets={"daily_usd": 0}, environ=overflow) as at:
        answer = await at.router.complete(ask(facts=EVERY_FILE))
        budgets = answer.decisions[0].document()["inputs"]["budgets"]
        assert budgets[f"cloud/{CLOUD_MODEL}"]["overriddenBy"] == "environment"


async def test_a_cloud_model_without_a_price_is_refused() -> None:
    unknown = {"enabled": True, "implementer": ["new-model"]}
    async with bench(cloud=unknown) as at:
        with pytest.raises(PriceUnknownError):
            await at.router.complete(ask(facts=EVERY_FILE))
        assert at.cloud.calls == []


async def test_the_cloud_s_real_cost_is_charged() -> None:
    store = MemoryBudgetStore()
    async with bench(store=store) as at:
        answer = await at.router.complete(ask(facts=EVERY_FILE))
        assert answer.cost_usd == "0.00042"  # 120 x 1 + 30 x 10 per million
        day, _ = store.windows(NOW)
        assert (day.spent, day.reserved) == (420_000, 0)
        assert at.metric("cost_usd_total", endpoint="cloud", model=CLOUD_MODEL) == 0.00042


async def test_a_refused_cloud_call_costs_nothing() -> None:
    store = MemoryBudgetStore()
    async with bench(store=store, provider=[DOWN], **ONCE) as at:
        with pytest.raises(UnavailableError):
            await at.router.complete(ask(facts=EVERY_FILE))
        day, _ = store.windows(NOW)
        assert (day.spent, day.reserved) == (0, 0)


async def test_concurrent_requests_share_the_budget() -> None:
    store = MemoryBudgetStore()
    async with bench(store=store, budgets={"daily_usd": "0.05"}) as at:
        asked = [at.router.complete(ask(facts=EVERY_FILE)) for _ in range(64)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        refused = [one for one in answers if isinstance(one, BudgetExceededError)]
        passed = [one for one in answers if isinstance(one, Answer)]
        assert len(refused) + len(passed) == 64
        assert refused
        assert passed
        day, _ = store.windows(NOW)
        assert day.spent == len(passed) * 420_000
        assert day.reserved == 0
        assert day.spent <= (at.router.parts.ledger.limits.daily or 0)


async def test_a_server_error_is_repeated_before_it_counts() -> None:
    async with bench(engine=[DOWN, api.answer()]) as at:
        answer = await at.router.complete(ask())
        assert (answer.mode, answer.failed_attempts, len(at.local.calls)) == (Mode.REFLEX, 0, 2)
        assert at.slept == [0.1]
        assert answer.decisions[0].outcome.calls == 2


async def test_retry_after_is_honoured() -> None:
    busy = api.http(429, {"error": {"message": "slow down"}}, headers={"Retry-After": "3"})
    async with bench(engine=[busy, api.answer()]) as at:
        await at.router.complete(ask())
        assert at.slept == [3.05]


async def test_permanent_errors_are_not_repeated() -> None:
    async with bench(engine=[api.http(401, {"error": "Unauthorized"})]) as at:
        answer = await at.router.complete(ask())
        assert (answer.mode, answer.reason) == (Mode.CLOUD, Reason.LOCAL_CANNOT_ANSWER)
        assert (len(at.local.calls), at.slept) == (1, [])


async def test_a_bad_request_goes_nowhere_else() -> None:
    bad = api.http(400, {"object": "error", "message": "bad temperature", "code": 400})
    async with bench(engine=[bad]) as at:
        with pytest.raises(RequestRejectedError):
            await at.router.complete(ask())
        assert at.cloud.calls == []
        assert at.router.parts.breakers.get(f"local/{LOCAL_MODEL}").view().calls == 0


async def test_what_is_too_long_for_the_local_model_goes_to_the_cloud() -> None:
    text = "The input (9000 tokens) is longer than the model's context length (8192 tokens)."
    long = api.http(400, {"object": "error", "message": text, "code": 400})
    async with bench(engine=[long]) as at:
        answer = await at.router.complete(ask())
        assert answer.reason is Reason.LOCAL_CANNOT_ANSWER
        (other,) = answer.decisions[-1].decision.alternatives
        assert other.reason == "context_too_long"


async def test_without_a_cloud_failures_end_with_the_engine_s_error() -> None:
    async with bench(engine=[DOWN], **ONCE, **NO_CLOUD) as at:
        with pytest.raises(UnavailableError, match="scheduler died"):
            await at.router.complete(ask(failed_attempts=5))
        assert len(at.local.calls) == 2
        assert at.reasons()[0][:2] == ("reflex", "no_cloud_stay_local")


async def test_an_open_breaker_spares_the_engine_and_the_caller() -> None:
    async with bench(engine=[DOWN], **ONCE) as at:
        for _ in range(5):
            await at.router.complete(ask())
        assert len(at.local.calls) == 10
        answer = await at.router.complete(ask())
        assert len(at.local.calls) == 10
        assert (answer.reason, answer.failed_attempts) == (Reason.CIRCUIT_OPEN, 0)
        (change,) = at.changes
        assert change.breaker_id == f"local/{LOCAL_MODEL}"
        where = {"endpoint": "local", "model": LOCAL_MODEL}
        assert at.metric("breaker_state", **where, state="open") == 1


async def test_an_open_breaker_without_a_cloud_is_a_typed_error() -> None:
    async with bench(breaker={"mode": "forced_open"}, **NO_CLOUD) as at:
        with pytest.raises(CircuitOpenError) as caught:
            await at.router.complete(ask())
        assert caught.value.retry_after is None
        assert at.local.calls == []


async def test_pieces_are_streamed_unbuffered() -> None:
    hold = api.Hold()
    reply = api.events(
        api.piece("first"), api.piece("second", finish="stop"), api.usage_chunk(),
        hold=hold, hold_at=1,
    )  # fmt: skip
    async with bench(engine=[reply]) as at:
        seen = []
        async for event in at.router.stream(ask()):
            if isinstance(event, Delta):
                seen.append(event.content)
                hold.release()  # the server goes on only after the first piece arrived here
            else:
                assert event.content == "firstsecond"
        assert seen == ["first", "second", ""]


async def test_a_stream_escalates_until_its_first_piece() -> None:
    async with bench(engine=[DOWN], **ONCE) as at:
        events = [event async for event in at.router.stream(ask())]
        assert isinstance(events[-1], Answer)
        assert events[-1].mode is Mode.CLOUD
        assert all(isinstance(event, Delta) for event in events[:-1])


async def test_a_stream_that_breaks_off_is_not_begun_again() -> None:
    broken = api.cut(api.answer("half an answer"), after=3)
    async with bench(engine=[broken]) as at:
        seen = []

        async def read() -> None:
            async for event in at.router.stream(ask()):
                seen.append(event)

        with pytest.raises(BrokenReplyError) as caught:
            await read()
        assert seen
        assert len(at.local.calls) == 1
        assert caught.value.decisions[0].outcome.error == "broken_reply"


async def test_a_whole_answer_that_breaks_off_is_begun_again() -> None:
    async with bench(engine=[api.cut(api.answer("half"), after=3), api.answer("all")]) as at:
        assert (await at.router.complete(ask())).content == "all"


async def test_an_answer_in_one_piece_keeps_the_server_s_own_form() -> None:
    async with bench(engine=[api.whole("all", tool_calls=[{"id": "t"}])]) as at:
        answer = await at.router.complete(ask(whole=True))
        assert answer.completion.raw["choices"][0]["message"]["tool_calls"] == [{"id": "t"}]
        assert "stream" not in at.local.calls[0].body


async def test_a_truncated_answer_is_reported_apart() -> None:
    async with bench(engine=[api.answer('{"edits":[', finish="length")]) as at:
        answer = await at.router.complete(ask())
        assert answer.truncated
        where = {"endpoint": "local", "model": LOCAL_MODEL}
        assert at.metric("truncated_total", **where) == 1
        assert at.router.parts.breakers.get(f"local/{LOCAL_MODEL}").view().failures == 0


async def test_an_invalid_reply_is_counted_apart_from_failures() -> None:
    async with bench() as at:
        answer = await at.router.complete(ask())
        at.router.report_invalid(answer, "schema")
        where = {"endpoint": "local", "model": LOCAL_MODEL}
        assert at.metric("invalid_replies_total", **where, kind="schema") == 1
        assert at.router.parts.breakers.get(f"local/{LOCAL_MODEL}").view().failures == 0


async def test_a_new_revision_gets_a_new_connection_and_the_old_one_finishes() -> None:
    hold = api.Hold()
    slow = api.events(api.piece("old", finish="stop"), hold=hold, hold_at=0)
    async with bench(engine=[slow, api.answer("new")]) as at:
        old = asyncio.create_task(at.router.complete(ask()))
        await hold.reached.wait()
        at.cluster.serve(LOCAL_MODEL, "local", "r2")
        assert (await at.router.complete(ask())).content == "new"
        assert (await at.router.complete(ask())).content == "new"
        hold.release()
        assert (await old).content == "old"
        assert [call.connection for call in at.local.calls] == [1, 2, 2]
        assert (await at.router.complete(ask())).content == "new"
        assert at.local.calls[-1].connection == 2


async def test_a_renewed_key_is_read_after_it_was_refused(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("old-key\n")
    refused = api.http(401, {"error": "Unauthorized"})
    async with bench(engine=[refused, api.answer()], **NO_CLOUD) as at:
        endpoint = at.router.parts.section.endpoints["local"]
        object.__setattr__(endpoint, "api_key_file", key)
        with pytest.raises(AuthError):
            await at.router.complete(ask())
        key.write_text("new-key\n")
        await at.router.complete(ask())
        sent = [call.headers["authorization"] for call in at.local.calls]
        assert sent == ["Bearer old-key", "Bearer new-key"]


async def test_a_cancelled_request_is_on_record_and_charged() -> None:
    store, hold = MemoryBudgetStore(), api.Hold()
    reply = api.events(api.piece("begun"), api.piece("never"), hold=hold, hold_at=1)
    async with bench(store=store, provider=[reply]) as at:
        task = asyncio.create_task(at.router.complete(ask(facts=EVERY_FILE)))
        await hold.reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert at.reasons() == [("cloud", "high_risk", "cancelled")]
        day, _ = store.windows(NOW)
        assert (day.spent > 0, day.reserved) == (True, 0)
        assert at.router.parts.breakers.get(f"cloud/{CLOUD_MODEL}").view().calls == 0


async def test_a_reader_that_leaves_closes_the_call() -> None:
    hold = api.Hold()
    reply = api.events(api.piece("begun"), api.piece("never"), hold=hold, hold_at=1)
    async with bench(engine=[reply]) as at:
        async with aclosing(at.router.stream(ask())) as events:
            async for _ in events:
                break
        assert at.reasons() == [("reflex", "local_first", "cancelled")]


async def test_the_whole_request_has_a_deadline() -> None:
    timeouts = {"connect": 0.1, "first_token": 0.1, "total": 0.1, "request": 0.1}
    async with bench(engine=[api.hangs()], timeouts=timeouts) as at:
        with pytest.raises(CallTimeoutError):
            await at.router.complete(ask())
        assert at.reasons() == [("reflex", "local_first", "timeout")]


async def test_budget_gauges_show_the_windows() -> None:
    async with bench() as at:
        await at.router.complete(ask(facts=EVERY_FILE))
        parts = at.router.parts
        parts.metrics.budget_windows(await parts.ledger.windows(), Limits(daily=10**9))
        assert at.metric("budget_usd", window="daily", what="spent") == 0.00042
        assert at.metric("budget_usd", window="monthly", what="limit") == float("inf")


async def test_the_decision_record_is_as_published() -> None:
    capture = {"mode": "full_io", "redact": {"emails": True}}
    mail = [{"role": "user", "content": "ask ana@example.org"}]
    async with bench(engine=[DOWN], capture=capture, **ONCE) as at:
        answer = await at.router.complete(
            ask(messages=mail, request_id="q1", task_id="repair-1", failed_attempts=1)
        )
    documents = [json.loads(json.dumps(one.document())) for one in answer.decisions]
    for document in documents:
        outcome = document["outcome"]
        assert outcome.pop("seconds") >= 0
        first = outcome.pop("firstTokenSeconds")
        assert first is None or first >= 0
    golden = Path(__file__).with_name("decision_records.json")
    assert documents == json.loads(golden.read_text()), json.dumps(documents, indent=1)
