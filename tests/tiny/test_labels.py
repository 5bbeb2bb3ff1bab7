"""The labels of the data, by the real rustc: nothing is taken from the cache."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from reflex_loop.loop import Repair
from reflex_loop.patch import COMPACT_SCHEMA, read_reply
from reflex_loop.planning import plan as plan_edits
from reflex_loop.protocols import Form, Intent, Prompt, Reply
from reflex_loop.settings import Renderer, Settings, Stopping, Suggestions
from reflex_tiny.checking import RememberedRustc
from reflex_tiny.compiler import Compiler, Source
from reflex_tiny.dataset import Plan, candidates, items, load
from reflex_tiny.items import SYNTAX, Item, assessment, question
from reflex_tiny.items import item as item_of
from reflex_tiny.shards import HELD_OUT_FILE, SHARDS
from repair_corpus import toolchain, why_no_rust

pytestmark = [
    pytest.mark.rust,
    pytest.mark.skipif(bool(why_no_rust()), reason=why_no_rust()),
]
SAMPLE = 24


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compiler]:
    made = Compiler(folder=tmp_path_factory.mktemp("cache"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def sample() -> list[Item]:
    return Random(1).sample(load(HELD_OUT_FILE), SAMPLE)


def repaired(item: Item) -> str:
    document, _ = read_reply(item.reply)
    _, shown = assessment(item.path, item.source, b"", 1)
    changed = plan_edits(document, shown).changes
    after = changed[0].after
    assert after is not None
    return after.decode()


RECORDED_WITH = "rustc 1.95."


def test_broken_gives_the_code_that_is_recorded_and_its_prompt(
    compiler: Compiler, sample: list[Item]
) -> None:
    # A prompt quotes rustc, whose words are those of its version; how the loop asks is held by
    # `recorded.json` whatever rustc is here.
    same_words = toolchain().version.startswith(RECORDED_WITH)
    sources = [Source(path=item.path, text=item.source) for item in sample]
    for item, (_, code, output) in zip(sample, compiler.check(sources), strict=True):
        assert code != 0
        state, shown = assessment(item.path, item.source, output, code)
        asked = question(state, shown)
        assert asked is not None
        assert (asked.causes[0].diagnostic.code or SYNTAX) == item.code
        if same_words:
            assert asked.messages[0].content == item.prompt


def test_the_reply_repairs_all(compiler: Compiler, sample: list[Item]) -> None:
    sources = [Source(path=item.path, text=repaired(item)) for item in sample]
    assert [code for _, code, _ in compiler.check(sources)] == [0] * SAMPLE


def test_the_same_plan_gives_the_same_items_and_asks_rustc_once(compiler: Compiler) -> None:
    plan = Plan(split="train", groups=(1,), count=12, seed=5)
    first = list(items(plan, compiler))
    runs = compiler.runs
    assert list(items(plan, compiler)) == first
    assert compiler.runs == runs


class Recording:
    """A proposer that knows the reply and keeps the question."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.prompts: list[Prompt] = []

    async def form(self, intent: Intent) -> Form | None:
        del intent
        return None

    def unusable(self, reply: Reply, kind: str) -> None:
        raise AssertionError(f"{kind}: {reply.text}")

    async def propose(self, prompt: Prompt) -> Reply:
        self.prompts.append(prompt)
        return Reply(text=self.text)


def test_the_loop_asks_exactly_the_prompt_of_the_item(
    compiler: Compiler, sample: list[Item], tmp_path: Path
) -> None:
    for number, item in enumerate(sample[:6]):
        root = tmp_path / str(number)
        file = root / item.path
        file.parent.mkdir(parents=True)
        file.write_text(item.source)
        proposer = Recording(item.reply)
        settings = Settings(
            suggestions=Suggestions.OFF,
            renderer=Renderer.COMPACT,
            stopping=Stopping(attempts=1),
            durable=False,
        )
        result = asyncio.run(
            Repair(
                root=root,
                checker=RememberedRustc(compiler, item.path),
                proposer=proposer,
                settings=settings,
            ).run()
        )
        assert result.fixed
        (prompt,) = proposer.prompts
        assert "".join(message.content for message in prompt.messages) == item.prompt
        assert prompt.schema == COMPACT_SCHEMA
        assert prompt.temperature == 0


def test_made_up_programs_compile_and_modules_of_a_crate_are_judged_as_files_alone(
    compiler: Compiler,
) -> None:
    made = [candidates(SHARDS["train7"], number) for number in range(24)]
    whole = [Source(path=each.path, text=each.source()) for each, _ in made]
    assert sum(code == 0 for code, _ in compiler.check_together(whole)) > 18
    pairs = [(each, mistake) for each, mistakes in made for mistake in mistakes]
    broken = [Source(path=each.path, text=mistake.source) for each, mistake in pairs]
    together = compiler.check_together(broken)
    same = 0
    for (each, mistake), (code, output), (_, code_alone, output_alone) in zip(
        pairs, together, compiler.check(broken), strict=True
    ):
        assert (code == 0) == (code_alone == 0), mistake.source
        if code:
            found = item_of(each, mistake, code, output)
            same += found == item_of(each, mistake, code_alone, output_alone)
    assert same > 40
