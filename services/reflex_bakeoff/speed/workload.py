"""The prompts of the standard load: cold ones that share nothing, warm ones that share a prefix."""

import random
from typing import Final

from reflex_api.items import Prefix
from reflex_bakeoff.speed.plan import PlannedPhase, PlannedRequest

WORDS: Final = (
    "borrow", "move", "clone", "trait", "impl", "match", "enum", "struct", "lifetime", "closure",
    "iterator", "vector", "string", "slice", "option", "result", "error", "async", "await",
    "module", "crate", "macro", "pattern", "generic", "bound", "type", "value", "reference",
)  # fmt: skip


def standard_phases(
    *, seed: int, each: int = 96, blocks: int = 3, prefix_words: int = 1500, busy_streams: int = 8,
    rate: float = 0.0,
) -> tuple[PlannedPhase, ...]:  # fmt: skip
    """Return the phases of a bakeoff: cold, warm, busy and, with a rate, an open loop.

    Cold and warm run one stream, interleaved by block, so that a drift of the node meets both
    alike; 96 each allow one request above the limit (Wilks: 93).

    Args:
        seed: of all prompts.
        each: requests cold and requests warm.
        blocks: repetitions that are compared with each other to see how noisy the node is.
        prefix_words: length of a prompt.
        busy_streams: streams of the busy phase; 0: none.
        rate: requests per second of the open loop; 0: none.
    """
    source = random.Random(seed)
    shared = text(source, prefix_words)
    phases = []
    for block in range(blocks):
        mine = range(block, each, blocks)
        cold = [
            _request(f"cold-{index:04}", text(source, prefix_words), Prefix.COLD, block)
            for index in mine
        ]
        prime = _request(f"prime-{block}", f"{shared} {text(source, 8)}", Prefix.MIXED, block)
        warm = [
            _request(f"warm-{index:04}", f"{shared} {text(source, 32)}", Prefix.WARM, block)
            for index in mine
        ]
        phases += [
            PlannedPhase(name=f"cold-{block}", streams=1, requests=tuple(cold)),
            PlannedPhase(name=f"prime-{block}", streams=1, requests=(prime,)),
            PlannedPhase(name=f"warm-{block}", streams=1, requests=tuple(warm)),
        ]
    if busy_streams:
        busy = [
            _request(f"busy-{index:04}", f"{shared} {text(source, 32)}", Prefix.MIXED, 0)
            for index in range(each)
        ]
        phases.append(PlannedPhase(name="busy", streams=busy_streams, requests=tuple(busy)))
    if rate:
        arriving = [
            _request(f"open-{index:04}", f"{shared} {text(source, 32)}", Prefix.MIXED, 0)
            for index in range(each)
        ]
        phases.append(PlannedPhase(name="open", streams=0, rate=rate, requests=tuple(arriving)))
    return tuple(phases)


def text(source: random.Random, words: int) -> str:
    """Return so many words; the first is a number, so that no two texts share a first token."""
    return " ".join([f"{source.getrandbits(64):016x}", *source.choices(WORDS, k=words - 1)])


def _request(name: str, prompt: str, prefix: Prefix, block: int) -> PlannedRequest:
    return PlannedRequest(id=name, prompt=prompt, prefix=prefix, block=block)
