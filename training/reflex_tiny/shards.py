"""The data sets by name, and the index that tells others what the models have seen."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from reflex_tiny.bases import bases
from reflex_tiny.dataset import Plan, digest
from reflex_tiny.items import Item, assessment, question
from reflex_tiny.worlds import FAMILIES

_POLITE: Final = {
    "train1": Plan(split="train", groups=(1,), count=2700, seed=11),
    "train2": Plan(split="train", groups=(2,), count=1700, seed=12),
    "train3": Plan(split="train", groups=(3,), count=1200, seed=13),
    "train4": Plan(split="train", groups=(1, 2, 3), count=1100, seed=14, mistakes=4, share=0.65),
}
# The same again with labels that the loop's policy allows: the first ones propose `todo!()`.
FIRST: Final = _POLITE | {f"{name}b": replace(plan, policy=True) for name, plan in _POLITE.items()}
_MADE_UP: Final = Plan(
    split="train", groups=(1, 2, 3), count=3000, seed=0, mistakes=3, share=1.5, policy=True,
    made_up=0.75, together=True,
)  # fmt: skip
LATER: Final = {
    # More programs of the same bases, with two mistakes in each instead of eight.
    "train5": Plan(split="train", groups=(1, 2, 3), count=8000, seed=15, mistakes=2, policy=True),
    # Programs that are made up, so that hardly any structure comes twice.
    "train6": replace(_MADE_UP, count=3000, seed=16, made_up=1.0, together=False),
    **{f"train{number}": replace(_MADE_UP, seed=number + 10) for number in range(7, 11)},
    **{
        f"train{number}": replace(_MADE_UP, seed=number + 10, share=1.0, count=1400)
        for number in range(11, 14)
    },
}
"""Made after the held-out items: they may not have a program of theirs."""
SHARDS: Final = FIRST | LATER
HELD_OUT: Final = Plan(
    split="held_out", groups=(1, 2), count=300, seed=2, mistakes=3, share=0.65, policy=True
)
HERE: Final = Path(__file__).parent
INDEX: Final = HERE / "training_index.json"
HELD_OUT_FILE: Final = HERE / "held_out.jsonl"
RECORDED: Final = HERE / "recorded.json"


def index(shards: Mapping[str, Sequence[Item]], held_out: Sequence[Item]) -> dict[str, Any]:
    """Return what training_index.json says."""
    train = [item for items in shards.values() for item in items]
    return {
        "version": 1,
        "about": "Families of templates and hashes of programs in the training set of the bundled "
        "tiny models; suites must not share any with it.",
        "hash": "first 16 hex digits of SHA-256; names, numbers and texts exchanged by "
        "reflex_tiny.items.program_hash",
        "prompts_of_the_loop": prompts_of_the_loop(),
        "shards": {
            name: {
                "items": len(items),
                "seed": SHARDS[name].seed,
                "groups": list(SHARDS[name].groups),
                "sha256": digest(list(items)),
            }
            for name, items in shards.items()
        },
        "codes": dict(Counter(item.code for item in train).most_common()),
        "families": sorted({name for item in train for name in item.families}),
        "programs": sorted({item.program for item in train}),
        "held_out": {
            "items": len(held_out),
            "seed": HELD_OUT.seed,
            "sha256": digest(list(held_out)),
            "codes": dict(Counter(item.code for item in held_out).most_common()),
            "families": sorted({name for item in held_out for name in item.families}),
            "programs": sorted({item.program for item in held_out}),
        },
    }


def prompts_of_the_loop() -> str:
    """Return 16 hex digits of the questions that the loop asks about some recorded errors.

    Another value than the one in the index means that the loop's renderer, its choice of the first
    error or its reading of rustc changed, so that the models were trained for other questions.
    """
    state = hashlib.sha256()
    for one in json.loads(RECORDED.read_text("utf-8")):
        found, shown = assessment(one["path"], one["source"], one["output"].encode(), 1)
        asked = question(found, shown)
        state.update("".join(each.content for each in asked.messages).encode() if asked else b"-")
        state.update(json.dumps(asked.schema if asked else None).encode())
    return state.hexdigest()[:16]


def families(split: str, plans: Sequence[Plan]) -> frozenset[str]:
    """Return the names of all families that some plans draw from."""
    groups = tuple(sorted({group for plan in plans for group in plan.groups}))
    made_up = FAMILIES if any(plan.made_up for plan in plans) else ()
    return frozenset(bases(split, groups).families()) | frozenset(made_up)
