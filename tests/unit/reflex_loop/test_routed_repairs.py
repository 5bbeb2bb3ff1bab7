"""The loop over a real router and scripted servers: who is asked, how, and what is told."""

from pathlib import Path
from typing import Any

import scripted_openai as api
from marked_checker import MarkedChecker
from reflex_loop.adapters.assembly import repair_with
from reflex_loop.adapters.proposer import RoutingProposer
from reflex_loop.events import Asked, Event
from reflex_loop.options import RepairOptions
from reflex_loop.protocols import Intent
from reflex_loop.result import Result
from reflex_loop.settings import Renderer
from reflex_loop.stopping import Stop
from scripted_model import patch
from unit.reflex_routing.routing_bench import CLOUD_MODEL, LOCAL_MODEL, Bench, bench

SOURCE = "fn one() {\n    let a = 1; // @E0308\n}\n"
RIGHT = patch({"path": "src/lib.rs", "search": ["    let a = 1; // @E0308"], "replace": ["    a"]})
COMPACT = {LOCAL_MODEL: {"renderer": "compact", "context_tokens": 512, "reply_tokens": 128}}
LOCAL, CLOUD = f"local/{LOCAL_MODEL}", f"cloud/{CLOUD_MODEL}"


def useless(word: str) -> str:
    edit = {"path": "src/lib.rs", "search": ["fn one() {"], "replace": [f"fn one() {{ // {word}"]}
    return patch(edit)


async def repair(
    root: Path, found: Bench, source: str = SOURCE, **options: Any
) -> tuple[Result, list[Event]]:
    (root / "src").mkdir()
    (root / "src/lib.rs").write_text(source)
    heard: list[Event] = []
    result = await repair_with(
        root,
        checker=MarkedChecker(),
        router=found.router,
        options=RepairOptions(**options),
        listener=heard.append,
        task_id="repair-7",
    ).run()
    return result, heard


def system_of(call: api.Call) -> bool:
    """Whether the question began with the rules: the full form."""
    return bool(call.body["messages"][0]["role"] == "system")


async def test_the_cloud_is_asked_in_its_own_form_after_a_compact_model_failed(
    tmp_path: Path,
) -> None:
    engine = [api.answer(useless("once")), api.answer(useless("twice"))]
    async with bench(engine=engine, provider=[api.answer(RIGHT)], models=COMPACT) as found:
        result, heard = await repair(tmp_path, found)

    assert result.fixed
    assert [call.body["messages"][0]["role"] for call in found.local.calls] == ["user", "user"]
    assert [system_of(call) for call in found.cloud.calls] == [True]
    assert [record.renderer for record in result.records] == ["compact", "compact", "full"]
    assert [record.answered_by for record in result.records] == [LOCAL, LOCAL, CLOUD]
    assert result.records[2].routing["reason"] == "escalated_after_failures"
    assert result.records[2].routing["inputs"]["failedAttempts"] == 2
    assert result.records[2].routing["taskId"] == "repair-7"
    asked = [event for event in heard if isinstance(event, Asked)]
    assert [event.expected for event in asked] == [LOCAL, LOCAL, CLOUD]
    assert asked[0].prompt_tokens < 100 < asked[2].prompt_tokens


async def test_a_compact_model_that_is_down_leaves_the_same_attempt_to_the_cloud(
    tmp_path: Path,
) -> None:
    down = api.http(503, "starting")
    async with bench(engine=[down], provider=[api.answer(RIGHT)], models=COMPACT) as found:
        result, heard = await repair(tmp_path, found)

    assert result.fixed
    assert result.attempts == 1
    (record,) = result.records
    assert (record.renderer, record.answered_by) == ("full", CLOUD)
    # One request from its beginning to its end: both local failures and the answer.
    chain = [*record.routing["earlier"], record.routing]
    assert [each["reason"] for each in chain] == [
        "local_first", "local_first", "escalated_after_failures",
    ]  # fmt: skip
    assert len({each["requestId"] for each in chain}) == 1
    assert [system_of(call) for call in found.cloud.calls] == [True]
    asked = [event for event in heard if isinstance(event, Asked)]
    assert [(event.attempt, event.renderer) for event in asked] == [(1, "compact"), (1, "full")]


async def test_calls_that_failed_count_for_the_next_attempt(tmp_path: Path) -> None:
    down = api.http(503, "starting")
    cloud = [api.answer(useless("once")), api.answer(RIGHT)]
    async with bench(engine=[down], provider=cloud) as found:
        result, _ = await repair(tmp_path, found)

    assert result.fixed
    # Two tries of three calls in the first attempt; the second does not ask the dead engine again.
    assert len(found.local.calls) == 6
    assert [record.routing["reason"] for record in result.records] == [
        "escalated_after_failures", "escalated_after_failures",
    ]  # fmt: skip


async def test_what_a_look_ahead_says_costs_nothing() -> None:
    async with bench(models=COMPACT) as found:
        proposer = RoutingProposer(found.router)
        forms = [
            await proposer.form(Intent(attempt=number, failures=number, has_unsafe=False))
            for number in range(4)
        ]
        risky = await proposer.form(Intent(paths=("src/auth.rs",), has_unsafe=True))
        assert [form and form.renderer for form in forms] == [
            Renderer.COMPACT, Renderer.COMPACT, Renderer.FULL, Renderer.FULL,
        ]  # fmt: skip
        assert risky is not None
        assert risky.expected == CLOUD
        assert (found.local.calls, found.cloud.calls, found.decisions.all()) == ([], [], ())
        assert found.metric("budget_usd", window="daily", what="reserved") == 0


async def test_risk_is_the_whole_repairs_also_where_one_error_is_shown(tmp_path: Path) -> None:
    source = SOURCE + "unsafe fn three() {\n    let a = 3; // @E0425\n}\n"
    async with bench(provider=[api.answer("no")], models=COMPACT) as found:
        result, _ = await repair(tmp_path, found, source, max_attempts=1)
    assert found.local.calls == []
    assert result.records[0].routing["reason"] == "high_risk"


async def test_an_empty_budget_ends_the_repair_with_its_code(tmp_path: Path) -> None:
    async with bench(verdict="", budgets={"daily_usd": "0.0001"}, models=COMPACT) as found:
        result, _ = await repair(tmp_path, found)
    assert (result.stop, result.code) == (Stop.NO_ANSWER, "cloud_budget_exhausted")
    assert "daily cloud budget" in result.detail
    (record,) = result.records
    assert (record.outcome, record.problem) == ("unanswered", "cloud_budget_exhausted")
    assert record.routing["mode"] == "none"
    assert result.to_json()["code"] == "cloud_budget_exhausted"
    assert found.cloud.calls == []


async def test_refused_replies_are_counted_by_model_and_kind(tmp_path: Path) -> None:
    engine = [
        api.answer("I think that"),
        api.answer(RIGHT[:30], finish="length"),
        api.answer(RIGHT),
    ]
    async with bench(engine=engine, max_attempts=9) as found:
        result, _ = await repair(tmp_path, found)
        assert result.fixed
        for kind in ("not_a_patch", "truncated"):
            count = found.metric(
                "invalid_replies_total", endpoint="local", model=LOCAL_MODEL, kind=kind
            )
            assert count == 1, kind


async def test_the_schema_is_sent_strictly(tmp_path: Path) -> None:
    async with bench(engine=[api.answer(RIGHT)]) as found:
        await repair(tmp_path, found)
    sent = found.local.calls[0].body["response_format"]
    assert sent["type"] == "json_schema"
    assert sent["json_schema"]["strict"] is True
    assert "edits" in sent["json_schema"]["schema"]["properties"]
