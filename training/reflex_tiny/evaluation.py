"""Pass@1 through the real loop on the real engine: one question at temperature 0 for each item."""

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openai import APIError, AsyncOpenAI

from reflex_loop.errors import ProposerError
from reflex_loop.loop import Repair
from reflex_loop.patch import schema_text
from reflex_loop.protocols import Form, Intent, Prompt, Reply, Usage
from reflex_loop.settings import Renderer, Settings, Stopping, Suggestions
from reflex_tiny.checking import RememberedRustc
from reflex_tiny.compiler import Compiler
from reflex_tiny.floors import ANY, SAFE, blindly
from reflex_tiny.items import Item

REPLY_TOKENS: Final = 200
TOGETHER: Final = 4
"""Items that are repaired at once: as many as the served engine takes."""
_SECONDS: Final = 120.0


class EngineProposer:
    """A `Proposer` that asks one engine, with the schema enforced."""

    def __init__(self, client: AsyncOpenAI, model: str) -> None:
        self._client = client
        self._model = model
        self._answers: dict[str, Reply] = {}

    async def form(self, intent: Intent) -> Form | None:
        """Leave the form to the settings."""
        del intent
        return None

    def unusable(self, reply: Reply, kind: str) -> None:
        """Count nothing: the loop's record says it."""
        del reply, kind

    async def propose(self, prompt: Prompt) -> Reply:
        """Ask; the same question is asked once, because at temperature 0 it has one answer."""
        key = f"{prompt.max_tokens} " + "".join(each.content for each in prompt.messages)
        if key not in self._answers:
            self._answers[key] = await self._asked(prompt)
        return self._answers[key]

    async def _asked(self, prompt: Prompt) -> Reply:
        try:
            answer = await self._client.chat.completions.create(
                model=self._model,
                messages=[{"role": "user", "content": each.content} for each in prompt.messages],
                temperature=prompt.temperature,
                max_tokens=prompt.max_tokens,
                response_format={
                    "type": "json_schema",
                    "json_schema": {
                        "name": "patch",
                        "schema": json.loads(schema_text(dict(prompt.schema))),
                        "strict": True,
                    },
                },
            )
        except APIError as error:
            raise ProposerError(f"the engine does not answer: {error}") from error
        choice, usage = answer.choices[0], answer.usage
        return Reply(
            text=choice.message.content or "",
            usage=Usage(
                prompt=usage.prompt_tokens if usage else 0,
                completion=usage.completion_tokens if usage else 0,
            ),
            cut=choice.finish_reason == "length",
            answered_by=self._model,
        )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one item.

    Attributes:
        passed: the model alone: no suggestion of the compiler was applied.
        with_rustfix: the loop's default: machine-applicable suggestions first, then the model.
        problem: why a reply was refused, or nothing.
    """

    code: str
    passed: bool
    with_rustfix: bool
    rustfix: bool
    first_suggestion: bool
    problem: str
    tokens: int
    seconds: float


async def repair(
    item: Item,
    compiler: Compiler,
    proposer: EngineProposer,
    scratch: Path,
    suggestions: Suggestions,
) -> tuple[bool, str, int]:
    """Run the loop with one attempt; return whether it compiles, the problem and the tokens."""
    root = Path(tempfile.mkdtemp(dir=scratch))
    try:
        file = root / item.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(item.source, "utf-8")
        result = await Repair(
            root=root,
            checker=RememberedRustc(compiler, item.path),
            proposer=proposer,
            settings=Settings(
                suggestions=suggestions,
                renderer=Renderer.COMPACT,
                reply_tokens=REPLY_TOKENS,
                reply_seconds=_SECONDS,
                stopping=Stopping(attempts=1),
                durable=False,
            ),
        ).run()
        asked = [record for record in result.records if record.source == "model"]
        return result.fixed, asked[-1].problem if asked else "", result.usage.completion
    finally:
        shutil.rmtree(root)


async def evaluate(
    items: Sequence[Item],
    compiler: Compiler,
    *,
    base_url: str,
    model: str,
    say: Callable[[str], None],
) -> list[Outcome]:
    """Return what becomes of each item; the engine is asked about a few at a time."""
    found: list[Outcome] = []
    began = told = time.monotonic()
    room = asyncio.Semaphore(TOGETHER)

    async def one(item: Item, proposer: EngineProposer, scratch: Path) -> Outcome:
        nonlocal told
        async with room:
            outcome = await _outcome(item, compiler, proposer, scratch)
        found.append(outcome)
        if time.monotonic() - told > 5:
            told = time.monotonic()
            rate = sum(each.passed for each in found) / len(found)
            say(
                f"{model}: {len(found)} of {len(items)} items, pass@1 so far {rate:.3f}, "
                f"{told - began:.0f} s"
            )
        return outcome

    with tempfile.TemporaryDirectory(prefix="reflex-tiny-") as folder:
        async with AsyncOpenAI(
            base_url=base_url, api_key="none", timeout=_SECONDS, max_retries=1
        ) as client:
            proposer = EngineProposer(client, model)
            return await asyncio.gather(*(one(item, proposer, Path(folder)) for item in items))


async def _outcome(
    item: Item, compiler: Compiler, proposer: EngineProposer, scratch: Path
) -> Outcome:
    start = time.monotonic()
    passed, problem, tokens = await repair(item, compiler, proposer, scratch, Suggestions.OFF)
    seconds = time.monotonic() - start
    rustfix = blindly(compiler, item.path, item.source, SAFE)
    both = passed
    if not passed or rustfix:
        # The loop's default: safe suggestions first, then one question.
        both, _, _ = await repair(item, compiler, proposer, scratch, Suggestions.SAFE)
    return Outcome(
        code=item.code,
        passed=passed,
        with_rustfix=both,
        rustfix=rustfix,
        first_suggestion=blindly(compiler, item.path, item.source, ANY),
        problem=problem,
        tokens=tokens,
        seconds=seconds,
    )
