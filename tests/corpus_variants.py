"""Many broken crates from the corpus: the same mistakes under other names, tried by rustc.

Names that an item's code binds (`let`, `fn`, parameters, fields, types) are replaced throughout by
words drawn with a seed. A variant whose errors are no longer the item's is drawn again.
"""

import asyncio
import os
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import repair_corpus
from reflex_loop.assessment import Assessment, assess
from reflex_loop.protocols import Checker
from reflex_loop.snapshot import Snapshot, Workspace
from repair_corpus import Item

_BOUND: Final = re.compile(
    r"\b(?:let mut|let|fn|struct|enum|const|static)\s+(\w{3,})\b|\b(?<!::)([a-z]\w{2,}):(?!:)"
)
"""What declares a name, or the name of a parameter or field before its type."""
_KEPT_TEXT: Final = """
main self Self new fmt next drop clone default from into add eq cmp mut ref pub use type String Vec
Some None Ok Err Option Result Box HashMap str usize isize bool char
"""
_KEPT: Final = frozenset(_KEPT_TEXT.split())
_WORDS_TEXT: Final = """
amber anvil apple basin beacon birch bolt brook cabin cedar chalk cliff clover cobalt comet copper
coral crane delta ember falcon fennel ferry flint forge garnet glade grove harbor hazel heron holly
indigo ivory jasper kettle lagoon lantern larch lemon linen lumen maple marble meadow mint moss
nectar nickel oasis ochre olive onyx opal orchid otter pebble pepper pine plume poplar quartz quill
raven reed ridge river rowan saffron sage sierra silver slate spruce summit thistle tide timber
topaz tulip umber velvet violet walnut willow wren zinc
"""
_WORDS: Final = _WORDS_TEXT.split()
_TRIES: Final = 3


@dataclass(frozen=True, kw_only=True)
class Broken:
    """One broken crate on the disk, and what the compiler says about it."""

    item: Item
    root: Path
    checker: Checker
    snapshot: Snapshot
    state: Assessment


def renamed(texts: dict[str, str], seed: str) -> dict[str, str]:
    """Return the sources with the names they bind replaced by drawn ones, everywhere alike.

    >>> renamed({"a.rs": "fn total(count: u8) -> u8 { count }"}, "1")["a.rs"].count("count")
    0
    """
    draw = random.Random(seed)
    hits = [hit for text in texts.values() for hit in _BOUND.finditer(text)]
    bound = {hit[1] or hit[2] for hit in hits} - _KEPT
    words = draw.sample(_WORDS, len(_WORDS))
    names = {}
    for number, name in enumerate(sorted(bound)):
        word = words[number % len(words)] + (f"_{number}" if number >= len(words) else "")
        names[name] = word.capitalize() if name[0].isupper() else word
        if name.isupper():
            names[name] = word.upper()
    if not names:
        return texts
    pattern = re.compile(r"\b(" + "|".join(map(re.escape, names)) + r")\b")
    return {path: pattern.sub(lambda hit: names[hit[1]], text) for path, text in texts.items()}


async def variants(folder: Path, *, each: int, names: Sequence[str] = ()) -> list[Broken]:
    """Return every item of the corpus as it is, and `each` - 1 renamed ones of it."""
    turns = asyncio.Semaphore(os.cpu_count() or 1)

    async def one(name: str, number: int) -> Broken | None:
        async with turns:
            for turn in range(_TRIES if number else 1):
                found = await _variant(Item.load(name), folder, f"{number}-{turn}", bool(number))
                if found is not None:
                    return found
            return None

    wanted = [(name, number) for name in names or repair_corpus.NAMES for number in range(each)]
    found = await asyncio.gather(*(one(name, number) for name, number in wanted))
    return [broken for broken in found if broken is not None]


async def _variant(item: Item, folder: Path, seed: str, other_names: bool) -> Broken | None:
    home = folder / f"{item.name}-{seed}"
    home.mkdir(parents=True)
    root = item.copy_to(home)
    if other_names:
        sources = {path: path.read_bytes().decode() for path in sorted(root.rglob("*.rs"))}
        drawn = renamed({str(path): text for path, text in sources.items()}, f"{item.name} {seed}")
        for path in sources:
            path.write_bytes(drawn[str(path)].encode())
    checker = item.checker(home / "scratch")
    snapshot = Workspace(root).snapshot()
    state = assess(await checker.check(root, seconds=120), snapshot.lines)
    if state.codes != item.codes:
        return None
    return Broken(item=item, root=root, checker=checker, snapshot=snapshot, state=state)
