"""Pass@1 through the real loop on the real engine: one question at temperature 0 for each item."""

import asyncio
import json
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

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
_Z: Final = 1.959964
_FEW: Final = 4


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


def wilson(passed: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a rate.

    >>> wilson(7, 10)
    (0.397, 0.892)
    """
    if count == 0:
        return 0.0, 1.0
    rate = passed / count
    middle = rate + _Z * _Z / (2 * count)
    spread = _Z * math.sqrt(rate * (1 - rate) / count + _Z * _Z / (4 * count * count))
    scale = 1 + _Z * _Z / count
    low, high = (middle - spread) / scale, (middle + spread) / scale
    return round(max(low, 0.0), 3), round(min(high, 1.0), 3)


def summary(model: str, found: Sequence[Outcome]) -> dict[str, Any]:
    """Return the numbers of a model card: overall and by error code."""
    codes = sorted({each.code for each in found})
    by_code = {code: [each for each in found if each.code == code] for code in codes}
    return {
        "model": model,
        **_numbers(found),
        "codes": {
            code: _numbers(some)
            for code, some in sorted(by_code.items(), key=lambda pair: (-len(pair[1]), pair[0]))
        },
    }


def _numbers(found: Sequence[Outcome]) -> dict[str, Any]:
    passed = sum(each.passed for each in found)
    both = sum(each.with_rustfix for each in found)
    return _row(
        len(found),
        passed,
        both,
        sum(each.rustfix for each in found),
        sum(each.first_suggestion for each in found),
    )


def _row(count: int, passed: int, both: int, rustfix: int, first: int) -> dict[str, Any]:
    return {
        "items": count,
        "passed": passed,
        "pass_at_1": round(passed / count, 3),
        "interval": wilson(passed, count),
        "with_rustfix_passed": both,
        "with_rustfix": round(both / count, 3),
        "with_rustfix_interval": wilson(both, count),
        "rustfix_passed": rustfix,
        "rustfix": round(rustfix / count, 3),
        "first_suggestion_passed": first,
        "first_suggestion": round(first / count, 3),
    }


def table(numbers: Mapping[str, Any]) -> str:
    """Return the numbers as lines of Markdown; codes of few items share a line."""
    lines = [
        "| code | items | pass@1 | 95 % interval | rustfix + model | rustfix | first suggestion |",
        "|---|---|---|---|---|---|---|",
    ]
    codes: Mapping[str, Any] = numbers["codes"]
    few = [row for row in codes.values() if row["items"] < _FEW]
    rows = [("all", numbers), *((c, row) for c, row in codes.items() if row["items"] >= _FEW)]
    if few:
        counts = [
            sum(row[name] for row in few)
            for name in (
                "items",
                "passed",
                "with_rustfix_passed",
                "rustfix_passed",
                "first_suggestion_passed",
            )
        ]
        rows.append((f"{len(few)} others", _row(*counts)))
    for code, row in rows:
        low, high = row["interval"]
        lines.append(
            f"| {code} | {row['items']} | {row['pass_at_1']:.3f} | {low:.2f}-{high:.2f} | "
            f"{row['with_rustfix']:.3f} | {row['rustfix']:.3f} | {row['first_suggestion']:.3f} |"
        )
    return "\n".join(lines)
