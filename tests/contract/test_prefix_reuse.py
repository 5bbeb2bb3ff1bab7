"""The chat of the `full` renderer only grows: the real engine's cache has nearly all of it again.

Real SGLang on CPU with its real prefix cache; the weights are drawn at random, because the bundled
model's 1,024 tokens hold no such chat, and nothing but counts of tokens is looked at.
"""

import asyncio
import json
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from reflex_e2e.engine_image import EngineImage

import prefix_reuse
import repair_corpus
from reflex_operator.engines import canary
from reflex_operator.engines.report import ProbeOutcome
from served_engine import MODEL, ServedEngine, serving

pytestmark = [
    pytest.mark.contract,
    pytest.mark.rust,
    pytest.mark.skipif(bool(repair_corpus.why_no_rust()), reason=repair_corpus.why_no_rust()),
]

CONTEXT = 32768
BAR = 0.95


@pytest.fixture(scope="module")
def engine(
    engine_image: EngineImage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedEngine]:
    folder = tmp_path_factory.mktemp("engine")
    with serving(engine_image, folder, context=CONTEXT, random_weights=True) as served:
        yield served


@pytest.mark.parametrize("name", prefix_reuse.ITEMS)
def test_each_attempt_reuses_the_prompt_of_the_one_before(
    engine: ServedEngine, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = asyncio.run(prefix_reuse.chat(engine.base_url, MODEL, name, tmp_path))
    shares = prefix_reuse.shares(asked)
    with capsys.disabled():
        prompts = [each.prompt for each in asked]
        told = [f"{one:.4f}" for one in shares]
        sys.stdout.write(f"\n{name}: prompts of {prompts} tokens, reused {told}\n")
    assert len(shares) >= 3
    assert min(shares) >= BAR


def test_the_trial_generation_takes_random_weights_for_what_they_are(engine: ServedEngine) -> None:
    status, body = _asked(engine)
    outcome, evidence = canary.judge(status, body)
    assert outcome is ProbeOutcome.BAD_ANSWER, evidence


def _asked(engine: ServedEngine) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(
        f"{engine.base_url}/chat/completions",
        json.dumps(canary.request(MODEL, engine.context)).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=200) as answer:
        body: dict[str, Any] = json.load(answer)
        return answer.status, body
