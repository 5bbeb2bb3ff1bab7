"""How much of one attempt's prompt the engine's prefix cache has for the next, counted in tokens.

The engine, its cache and its counts are real. The answers are not: the loop is given scripted
ones, so that a chat of several attempts comes about, and the engine's own few tokens are dropped.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from openai import AsyncOpenAI

from bench.loop.crates import PlainProposer
from reflex_loop.loop import Repair
from reflex_loop.protocols import Prompt, Proposer, Reply, Usage
from reflex_loop.settings import Settings, Stopping, Suggestions
from reflex_routing.client import CallLimits, whole_chat
from reflex_routing.wire import request_body
from repair_corpus import Item
from scripted_model import Scripted, patch

ITEMS: Final = ("many-independent", "files-signature-change", "many-phases")
ATTEMPTS: Final = 6
_TOKENS: Final = 4
_LIMITS: Final = CallLimits(connect=10, first_token=300, total=300)


@dataclass
class CountingProposer(PlainProposer):
    """Sends each prompt to the engine for its token counts; the answer is the script's."""

    client: AsyncOpenAI
    model: str
    script: Proposer
    asked: list[Usage] = field(default_factory=list)

    async def propose(self, prompt: Prompt) -> Reply:
        """Return the script's reply with the engine's usage."""
        body = request_body(
            model=self.model,
            messages=[{"role": each.role, "content": each.content} for each in prompt.messages],
            parameters={"temperature": 0.0}, max_tokens=_TOKENS,
            token_limit_field="max_tokens", omit=frozenset(), stream=False,
        )  # fmt: skip
        told = (await whole_chat(self.client, body, limits=_LIMITS, target=self.model)).usage
        usage = Usage(
            prompt=told.prompt_tokens, cached=told.cached_tokens, completion=told.completion_tokens
        )
        self.asked.append(usage)
        return replace(await self.script.propose(prompt), usage=usage)


def answers(item: Item) -> list[str]:
    """Return replies in turn: one that helps nothing, then one of the item's right edits."""
    found = []
    for number, edit in enumerate(item.edits):
        line = f"// nothing is better by line {number}"
        useless = {**edit, "replace": [line, *edit["search"]]}
        found += [patch(useless), patch(edit)]
    return found


def shares(asked: Sequence[Usage]) -> list[float]:
    """Return, for each attempt but the first, the part of the prompt before it that was cached.

    >>> shares([Usage(prompt=100), Usage(prompt=150, cached=99)])
    [0.99]
    """
    return [after.cached / before.prompt for before, after in itertools.pairwise(asked)]


async def chat(base_url: str, model: str, name: str, folder: Path) -> list[Usage]:
    """Repair one item of the corpus in the `full` form and return each attempt's tokens."""
    item = Item.load(name)
    replies = answers(item)
    root = item.copy_to(folder)
    async with AsyncOpenAI(api_key="none", base_url=base_url, max_retries=0) as client:
        proposer = CountingProposer(
            client=client, model=model,
            script=Scripted(lambda prompt: replies[(prompt.attempt - 1) % len(replies)]),
        )  # fmt: skip
        await Repair(
            root=root,
            checker=item.checker(folder / "scratch"),
            proposer=proposer,
            settings=Settings(
                suggestions=Suggestions.OFF, durable=False,
                stopping=Stopping(attempts=ATTEMPTS, without_progress=ATTEMPTS, revisits=ATTEMPTS),
            ),
        ).run()  # fmt: skip
    return proposer.asked
