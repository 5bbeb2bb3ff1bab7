"""The pure core: a turn in, a summary and the memories to write out."""

from collections.abc import Callable
from dataclasses import replace
from itertools import chain, islice

from reflex_reflection import embedding, fixtures
from reflex_reflection.bundle import MemoryEntry, Metrics, ReflectionBundle, ReflectionResult
from reflex_reflection.config import Backend, ReflectionConfig
from reflex_reflection.errors import FixturesDisabledError
from reflex_reflection.fixtures import Fixtures
from reflex_reflection.prompt import canonical_prompt, fixture_key
from reflex_reflection.text import storable, words

Redact = Callable[[str], str]
LoadFixtures = Callable[[str | None], Fixtures]


def reflect(
    bundle: ReflectionBundle,
    config: ReflectionConfig,
    *,
    redact: Redact | None = None,
    load: LoadFixtures = fixtures.load,
) -> ReflectionResult:
    """Return the summary of a turn, without looking at the gate, the clock or the store.

    Args:
        bundle: the turn.
        config: valid settings.
        redact: takes secrets out of what will be stored. Without it the result is the
            specification's to the byte; `step` always passes one.
        load: reads the recorded replies of the `llm` backend.

    Raises:
        FixturesDisabledError: the backend is `llm` and fixtures are not enabled.
        FixtureMissingError: the backend is `llm` and there is no reply for this turn.
    """
    if config.backend is Backend.LLM:
        summary, metrics = _recorded(bundle, config, load)
        if redact:
            summary = redact(summary)
            metrics = replace(metrics, summary_len=len(summary.split()))
    else:
        summary, metrics = _extracted(bundle, config, redact)
    if config.ops_reflection == 0:
        return ReflectionResult(summary=summary, memory_entries=(), metrics=metrics)
    entry = MemoryEntry(
        owner=storable(bundle.ctx.agent_id),
        ts=bundle.ctx.now_iso,
        text=summary,
        vec_full=embedding.embed(summary) if config.embed and summary else None,
    )
    return ReflectionResult(summary=summary, memory_entries=(entry,), metrics=metrics)


def _extracted(
    bundle: ReflectionBundle, config: ReflectionConfig, redact: Redact | None
) -> tuple[str, Metrics]:
    """Take the first words of what was said, then of the snippets, in their order."""
    taken = bundle.snippets[: config.topk_snippets]
    texts = [bundle.utter, *taken]
    # Before the words are taken apart: a key without its punctuation looks like any word.
    pieces = map(redact, texts) if redact else iter(texts)
    found = chain.from_iterable(words(piece) for piece in pieces)
    kept = list(islice(found, config.summary_tokens))
    return " ".join(kept), Metrics(
        backend="rulebased",
        summary_len=len(kept),
        used_topk=len(taken),
        embed=config.embed,
        ops_cap=config.ops_reflection,
    )


def _recorded(
    bundle: ReflectionBundle, config: ReflectionConfig, load: LoadFixtures
) -> tuple[str, Metrics]:
    """Look up what a model once replied to this turn's prompt."""
    if not config.fixtures.enabled:
        raise FixturesDisabledError
    prompt = canonical_prompt(
        bundle, topk_snippets=config.topk_snippets, summary_tokens=config.summary_tokens
    )
    replies = load(config.fixtures.path)
    summary = storable(replies.complete(prompt, max_tokens=config.summary_tokens))
    return summary, Metrics(
        backend="llm-fixture",
        summary_len=len(summary.split()),
        used_topk=min(len(bundle.snippets), config.topk_snippets),
        embed=config.embed,
        ops_cap=config.ops_reflection,
        fixture_key=fixture_key(prompt),
    )
