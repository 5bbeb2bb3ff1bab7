"""Asks a real engine for patches under the loop's schema and says what came of each reply.

The questions are the loop's own (its renderers, its schemas), the calls are the router's client.
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import jsonschema
from openai import AsyncOpenAI

from corpus_variants import Broken
from reflex_loop.assessment import assess, judge
from reflex_loop.conversation import CompactConversation
from reflex_loop.errors import PatchError, PolicyError, TransactionError
from reflex_loop.patch import COMPACT_SCHEMA, read_reply
from reflex_loop.planning import plan
from reflex_loop.policy import check as check_policy
from reflex_loop.protocols import Message
from reflex_loop.settings import Renderer, Settings
from reflex_loop.snapshot import Workspace
from reflex_loop.transaction import Transaction
from reflex_routing.client import CallLimits, whole_chat
from reflex_routing.wire import Completion, request_body

_AT_ONCE: Final = 4
_LIMITS: Final = CallLimits(connect=10, first_token=300, total=300)


class Became(StrEnum):
    """How far a reply came: each is further than the one before."""

    CUT = "cut at the token limit"
    INVALID = "not valid under the schema"
    NO_MATCH = "valid, fits no place in the file"
    REFUSED = "valid, refused by the policy"
    NO_HELP = "applied, rolled back"
    IMPROVED = "applied, fewer errors"
    FIXED = "applied, compiles"


@dataclass(frozen=True, kw_only=True)
class Replied:
    """One question and its reply; `why` says what is wrong with an invalid one."""

    broken: Broken
    completion: Completion
    why: str = ""

    @property
    def is_cut(self) -> bool:
        """Whether the engine stopped at the token limit."""
        return self.completion.truncated


@dataclass(frozen=True, kw_only=True)
class Asked:
    """All replies of one run and its wall time in seconds."""

    replies: tuple[Replied, ...]
    seconds: float


async def ask_all(
    base_url: str, model: str, items: Sequence[Broken], *, reply_tokens: int,
    schema: Mapping[str, Any] = COMPACT_SCHEMA,
) -> Asked:  # fmt: skip
    """Ask the compact question for each item, a few at once, and read what comes."""
    settings = Settings(renderer=Renderer.COMPACT)
    turns, began = asyncio.Semaphore(_AT_ONCE), time.monotonic()
    async with AsyncOpenAI(api_key="none", base_url=base_url, max_retries=0) as client:

        async def one(broken: Broken) -> Replied | None:
            question = CompactConversation(settings).question(broken.state, broken.snapshot)
            if question is None:
                return None
            body = _body(model, question.messages, schema, reply_tokens)
            async with turns:
                completion = await whole_chat(client, body, limits=_LIMITS, target=model)
            why = "" if completion.truncated else problem(completion.content, schema)
            return Replied(broken=broken, completion=completion, why=why)

        found = await asyncio.gather(*(one(broken) for broken in items))
    replies = tuple(reply for reply in found if reply is not None)
    return Asked(replies=replies, seconds=time.monotonic() - began)


def problem(text: str, schema: Mapping[str, Any]) -> str:
    """Return why a whole reply is not one bare JSON document of the schema, or nothing.

    >>> problem('```json\\n{}\\n```', {"type": "object"})[:12]
    'not bare JSO'
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        return f"not bare JSON: {error}"
    try:
        jsonschema.validate(value, schema)
    except jsonschema.ValidationError as error:
        return f"not of the schema: {error.message[:120]}"
    return ""


async def became(reply: Replied) -> Became:
    """Apply the reply as the loop would and let the real compiler judge; the tree goes back."""
    if reply.is_cut:
        return Became.CUT
    if reply.why:
        return Became.INVALID
    broken = reply.broken
    try:
        document, _ = read_reply(reply.completion.content)
        changes = plan(document, broken.snapshot)
        if not changes:
            return Became.NO_MATCH
        check_policy(changes, Settings().policy, broken.root)
        transaction = Transaction.apply(broken.root, changes)
    except PolicyError:
        return Became.REFUSED
    except (PatchError, TransactionError):
        return Became.NO_MATCH
    try:
        report = await broken.checker.check(broken.root, seconds=120)
        after = assess(report, Workspace(broken.root).snapshot().lines)
    finally:
        transaction.roll_back()
    if after.ok:
        return Became.FIXED
    return Became.IMPROVED if judge(broken.state, after).accepted else Became.NO_HELP


async def all_became(replies: Sequence[Replied]) -> dict[Became, int]:
    """Return how many replies came how far."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(reply: Replied) -> Became:
        async with turns:
            return await became(reply)

    found = await asyncio.gather(*(one(reply) for reply in replies))
    return {kind: found.count(kind) for kind in Became}


def _body(
    model: str, messages: Sequence[Message], schema: Mapping[str, Any], max_tokens: int
) -> dict[str, Any]:
    return request_body(
        model=model,
        messages=[{"role": each.role, "content": each.content} for each in messages],
        parameters={
            "temperature": 0.0,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "patch", "schema": schema, "strict": True},
            },
        },
        max_tokens=max_tokens,
        token_limit_field="max_tokens",
        omit=frozenset(),
        stream=False,
    )
