"""How a model is asked when no configuration says so: by the context that its engine tells."""

from typing import Any, Final

import aiohttp

from reflex_routing.config import ModelSection

_COMPACT_BELOW: Final = 4_096
"""Tokens of context: the rules and a crate do not fit in less. As `reflexctl fix` has it."""
_REPLY: Final = 2_048
_LEAST: Final = 128
_SECONDS: Final = 10.0


async def form_of(base_url: str, model: str, *, key: str = "") -> ModelSection:
    """Return the form of a model, by `/models` of its server; the default if that does not say."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    limits = aiohttp.ClientTimeout(total=_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=limits, trust_env=False) as session,
            session.get(f"{base_url.rstrip('/')}/models", headers=headers) as answer,
        ):
            body = await answer.json() if answer.status == 200 else {}
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return ModelSection()
    return by_context(_context(body, model))


def by_context(context: int | None) -> ModelSection:
    """Return the form for so many tokens of prompt and reply; None: not known.

    >>> by_context(512).renderer, by_context(512).reply_tokens
    ('compact', 128)
    """
    if context is None or context < _LEAST:
        return ModelSection()
    return ModelSection(
        renderer="compact" if context < _COMPACT_BELOW else "full",
        context_tokens=min(context, 10_000_000),
        reply_tokens=min(_REPLY, max(context // 4, 16)),
    )


def _context(body: Any, model: str) -> int | None:  # noqa: ANN401 - another server's JSON
    listed = body.get("data") if isinstance(body, dict) else None
    for one in listed if isinstance(listed, list) else []:
        if isinstance(one, dict) and one.get("id") == model:
            found = one.get("max_model_len")
            return found if type(found) is int else None
    return None
