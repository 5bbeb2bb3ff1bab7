"""Items through the real loop with the real rustc; the models are scripted (SIMULATED)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import repair_items as replies
import scripted_openai as api
from reflex_api.items import ItemRecord, Outcome
from reflex_bakeoff.quality.endpoint import Endpoint, router_of
from reflex_bakeoff.quality.one import Trying, measure
from reflex_bakeoff.suite.item import Item
from reflex_routing.config import ModelSection
from reflex_runner.local import UnconfinedRunner
from repair_corpus import toolchain, why_no_rust
from repair_items import doubling

pytestmark = [
    pytest.mark.rust,
    pytest.mark.skipif(bool(why_no_rust(linker=True)), reason=why_no_rust(linker=True)),
]


VECTOR = "pub fn f() -> Vec<u8> {\n    let v = Vec::new();\n    v.push(1);\n    v\n}\n"
TYPO = "pub fn f(count: u8) -> u8 {\n    cuont\n}\n"


@pytest.fixture
async def runner(tmp_path: Path) -> AsyncIterator[UnconfinedRunner]:
    made = UnconfinedRunner(toolchain(), tmp_path / "scratch")
    yield made
    made.close()


async def tried(
    runner: UnconfinedRunner, *script: Any, item: Item | None = None, tries: int = 3
) -> tuple[ItemRecord, api.ScriptedServer]:
    async with api.scripted(*script) as server:
        endpoint = Endpoint(
            base_url=server.base_url, model="scripted", asked=ModelSection(), seconds=20
        )
        router = router_of(endpoint)
        try:
            trying = Trying(runner=runner, router=router, tries=tries)
            return await measure(item or doubling(), trying), server
        finally:
            await router.close()


async def test_a_right_first_answer_passes(runner: UnconfinedRunner) -> None:
    record, server = await tried(runner, api.answer(replies.RIGHT))

    assert (record.outcome, record.fixed_within) == (Outcome.PASSED, 1)
    assert (record.schema_valid, record.applied, record.truncated) == (True, True, False)
    assert (record.rustfix_only, record.first_suggestion) == (False, False)
    assert (record.prompt_tokens, record.completion_tokens, record.cached_tokens) == (120, 30, 100)
    assert [call.body["temperature"] for call in server.calls] == [0.0]
    assert [call.body["model"] for call in server.calls] == ["scripted"]


async def test_the_model_does_not_see_tests_or_solution(runner: UnconfinedRunner) -> None:
    _, server = await tried(runner, api.answer(replies.USELESS), tries=2)
    seen = "".join(str(call.body["messages"]) for call in server.calls)

    assert len(server.calls) == 2
    assert "doubled_1" in seen
    assert "assert_eq" not in seen
    assert replies.GOOD.strip() not in seen


async def test_a_later_try_is_no_pass_at_1(runner: UnconfinedRunner) -> None:
    record, _ = await tried(runner, api.answer(replies.USELESS), api.answer(replies.RIGHT))
    assert (record.outcome, record.fixed_within) == (Outcome.FAILED, 2)
    assert record.applied


@pytest.mark.parametrize(
    ("reply", "word"),
    [
        (replies.WRONG_VALUE, "the tests fail"),
        (replies.EXITS, "before its tests were through"),
        (replies.OTHER_SIGNATURE, "declared otherwise"),
    ],
)
async def test_what_compiles_and_is_no_repair_fails(
    runner: UnconfinedRunner, reply: str, word: str
) -> None:
    record, _ = await tried(runner, api.answer(reply))
    assert (record.outcome, record.fixed_within) == (Outcome.FAILED, None)
    assert word in record.reason
    assert record.applied


@pytest.mark.parametrize(
    ("reply", "valid", "applied", "cut"),
    [
        (api.answer(replies.PLACEHOLDER), True, False, False),
        (api.answer(replies.NO_PATCH), False, None, False),
        (api.answer("let me think"), False, None, False),
        (api.answer(replies.RIGHT[:30], finish="length"), False, None, True),
    ],
)
async def test_what_is_refused_says_why(
    runner: UnconfinedRunner, reply: api.Reply, valid: bool, applied: bool | None, cut: bool
) -> None:
    record, _ = await tried(runner, reply, tries=1)
    assert record.outcome is Outcome.FAILED
    assert (record.schema_valid, record.applied, record.truncated) == (valid, applied, cut)
    assert record.reason


@pytest.mark.parametrize(
    "reply",
    [api.http(401, {"error": {"message": "key"}}), api.http(400, {"error": {"message": "long"}})],
)
async def test_an_engine_that_refuses_is_no_failure_of_the_model(
    runner: UnconfinedRunner, reply: api.Reply
) -> None:
    record, _ = await tried(runner, reply)
    assert record.outcome is Outcome.ERROR
    assert record.schema_valid is None


async def test_a_lost_second_try_leaves_the_item_open(runner: UnconfinedRunner) -> None:
    refusal = api.http(401, {"error": {"message": "key"}})
    record, _ = await tried(runner, api.answer(replies.USELESS), refusal)
    assert record.outcome is Outcome.ERROR
    assert "try 2" in record.reason


async def test_another_compiler_is_noticed(runner: UnconfinedRunner) -> None:
    item = doubling(stratum="E0382", codes=("E0382",))
    record, _ = await tried(runner, api.answer(replies.RIGHT), item=item)
    assert record.outcome is Outcome.ERROR
    assert "E0382" in record.reason


@pytest.mark.parametrize(
    ("broken", "solved", "code", "rustfix", "first"),
    [
        (VECTOR, VECTOR.replace("let v", "let mut v"), "E0596", True, True),
        (TYPO, TYPO.replace("cuont", "count"), "E0425", False, True),
    ],
)  # fmt: skip
async def test_the_floors_need_no_model(
    runner: UnconfinedRunner, broken: str, solved: str, code: str, rustfix: bool, first: bool
) -> None:
    item = doubling(
        stratum=code, codes=(code,), files={"lib.rs": broken}, solution={"lib.rs": solved},
        retained=("f",), tests={},
    )  # fmt: skip
    record, server = await tried(runner, api.answer(replies.NO_PATCH), item=item, tries=1)
    assert len(server.calls) == 1
    assert (record.rustfix_only, record.first_suggestion) == (rustfix, first)
    assert record.outcome is Outcome.FAILED
