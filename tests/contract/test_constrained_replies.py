"""Replies of the real engine on CPU under the loop's schemas, to the loop's own questions.

The model is the bundled one of a million parameters: what its patches are worth is reported, not
held. The engine's promise is held: a reply that was not cut is one valid document and nothing else.
"""

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence

import pytest
from reflex_e2e.engine_image import EngineImage

import repair_corpus
from constrained_replies import Asked, Replied, all_became, ask_all
from corpus_variants import Broken, variants
from reflex_loop.errors import ReplyTruncatedError
from reflex_loop.patch import SCHEMA, read_reply
from served_engine import MODEL, ServedEngine, serving

pytestmark = [
    pytest.mark.contract,
    pytest.mark.rust,
    pytest.mark.skipif(bool(repair_corpus.why_no_rust()), reason=repair_corpus.why_no_rust()),
]

WANTED, EACH, SAMPLE = 200, 4, 40
REPLY_TOKENS = 200


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> list[Broken]:
    return asyncio.run(variants(tmp_path_factory.mktemp("broken"), each=EACH))


@pytest.fixture(scope="module")
def engine(
    engine_image: EngineImage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedEngine]:
    with serving(engine_image, tmp_path_factory.mktemp("engine")) as served:
        yield served


def told(name: str, asked: Asked) -> str:
    """The sentence that is printed about a run."""
    tokens = sum(reply.completion.usage.completion_tokens for reply in asked.replies)
    became = asyncio.run(all_became(asked.replies))
    counts = {kind.value: count for kind, count in became.items() if count}
    return (
        f"{name}: {len(asked.replies)} replies, {tokens} tokens in {asked.seconds:.0f} s: "
        f"{json.dumps(counts)}"
    )


def hold(replies: Sequence[Replied]) -> None:
    """Every reply is a bare valid document, or the beginning of one that the limit cut."""
    wrong = [(one.why, one.completion.content[:200]) for one in replies if one.why]
    assert wrong == []
    for one in replies:
        text = one.completion.content
        assert text.lstrip().startswith("{"), text[:60]
        if one.is_cut:
            with pytest.raises(ReplyTruncatedError):
                read_reply(text, cut=True)


def test_two_hundred_compact_replies_are_valid_json_and_nothing_else(
    engine: ServedEngine, broken: list[Broken], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = asyncio.run(ask_all(engine.base_url, MODEL, broken, reply_tokens=REPLY_TOKENS))
    with capsys.disabled():
        sys.stdout.write(f"\n{told('compact schema', asked)}\n")
    assert len(asked.replies) >= WANTED
    hold(asked.replies)
    whole = [one for one in asked.replies if not one.is_cut]
    assert len(whole) >= WANTED / 2, "most are cut: this says nothing about the schema"


def test_the_full_schema_is_kept_to_as_well(
    engine: ServedEngine, broken: list[Broken], capsys: pytest.CaptureFixture[str]
) -> None:
    sample = broken[:: max(1, len(broken) // SAMPLE)]
    asked = asyncio.run(
        ask_all(engine.base_url, MODEL, sample, reply_tokens=REPLY_TOKENS, schema=SCHEMA)
    )
    with capsys.disabled():
        sys.stdout.write(f"\n{told('full schema', asked)}\n")
    assert len(asked.replies) >= SAMPLE
    hold(asked.replies)
