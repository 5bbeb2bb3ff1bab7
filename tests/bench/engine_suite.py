"""The real engine on CPU: prefix reuse of the loop's chat, and replies under its schema.

Counts, no speed: a model of a million parameters on two cores says nothing about a GPU.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final

from reflex_e2e.engine_image import EngineImage

import prefix_reuse
from bench.rows import Bar, Rows
from constrained_replies import Became, all_became, ask_all
from corpus_variants import variants
from served_engine import MODEL, serving

_CONTEXT: Final = 32768
_EACH: Final = 4
_REPLY_TOKENS: Final = 200


def run(rows: Rows) -> None:
    """Measure and add the rows."""
    image = EngineImage.build()
    with tempfile.TemporaryDirectory(prefix="reflex-bench-") as home:
        print("engine: prefix reuse", file=sys.stderr)
        _reuse(rows, image, Path(home))
        print("engine: replies under the schema", file=sys.stderr)
        _replies(rows, image, Path(home))


def _reuse(rows: Rows, image: EngineImage, home: Path) -> None:
    shares: list[float] = []
    with serving(image, home, context=_CONTEXT, random_weights=True) as engine:
        for name in prefix_reuse.ITEMS:
            folder = home / name
            folder.mkdir()
            asked = asyncio.run(prefix_reuse.chat(engine.base_url, MODEL, name, folder))
            shares += [100 * share for share in prefix_reuse.shares(asked)]
    note = "real engine on CPU, random weights, scripted answers; the lowest of all attempts"
    bar = Bar(limit=95, at_least=True)
    rows.add("prefix_reuse", min(shares), "%", samples=shares, bar=bar, note=note)


def _replies(rows: Rows, image: EngineImage, home: Path) -> None:
    broken = asyncio.run(variants(home / "broken", each=_EACH))
    with serving(image, home) as engine:
        asked = asyncio.run(ask_all(engine.base_url, MODEL, broken, reply_tokens=_REPLY_TOKENS))
    became = asyncio.run(all_became(asked.replies))
    count = len(asked.replies)
    note = f"real engine on CPU, bundled model; of {count} replies"
    rows.add("replies_invalid", became[Became.INVALID], "replies", n=count,
             bar=Bar(limit=0, strict=False), note=note)  # fmt: skip
    rows.add("replies_cut", became[Became.CUT], "replies", n=count, note=note)
    rows.add("replies_compile", became[Became.FIXED], "replies", n=count,
             note=f"{note}; what the model is worth, no bar")  # fmt: skip
