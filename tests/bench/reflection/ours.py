"""Measures one of our stores: `python -m bench.reflection.ours URL DATA SIZE...`; prints JSON.

A process of its own, so that its memory is that of the store's client and nothing else.
"""

import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench.reflection.data import OWNER, queries
from reflex_reflection import embedding
from reflex_reflection.bundle import MemoryEntry
from reflex_reflection.store.database import Database
from reflex_reflection.store.exchange import MemoryDocument, read_line, take
from reflex_reflection.store.memories import Memories
from reflex_reflection.store.rows import Memory
from reflex_reflection.store.search import Search
from reflex_reflection.writer import Evidence, MemoryRow

WRITES: Final = 200
SEARCHES: Final = 60
LIMIT: Final = 10


def main(url: str, data: Path, sizes: list[int]) -> None:
    """Grow one store through the sizes and measure at each."""
    database = Database(url)
    memories = Memories(database, now=time.time, owner=OWNER)
    search = Search(database=database, now=time.time)
    documents = _documents(data)
    held = 0
    found: dict[str, Any] = {"rss_empty_kib": _rss(), "sizes": {}}
    for size in sizes:
        began = time.perf_counter()
        filled = take(
            memories, OWNER, itertools.islice(documents, size - WRITES - held), actor=OWNER
        )
        took = time.perf_counter() - began
        rows = [_row(one.memory(OWNER)) for one in itertools.islice(documents, WRITES)]
        asked = queries(SEARCHES)
        found["sizes"][size] = {
            "fill_per_second": filled.written / took if took else 0.0,
            "write": [_timed(partial(memories.add, row)) for row in rows],
            "text": [_timed(partial(search.by_words, OWNER, text, limit=LIMIT)) for text in asked],
            "vector": [
                _timed(partial(search.by_vector, OWNER, embedding.embed(text), limit=LIMIT))
                for text in asked
            ],
            "rss_kib": _rss(),
        }
        held = size
        sys.stderr.write(f"  {url.partition(':')[0]}: {size} memories\n")
    database.close()
    sys.stdout.write(json.dumps(found))


def _documents(data: Path) -> Iterator[MemoryDocument]:
    with data.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            found = read_line(line, number)
            assert found is not None
            yield found


def _row(memory: Memory) -> MemoryRow:
    (seen,) = memory.evidence
    return MemoryRow(
        id=memory.id,
        entry=MemoryEntry(
            owner=OWNER, ts=memory.ts, text=memory.text, tags=memory.tags, vec_full=memory.vector
        ),
        evidence=Evidence(turn_id=seen.turn_id, snippet_ids=(), input_sha256=seen.input_sha256),
    )


def _timed(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return (time.perf_counter() - began) * 1000


def _rss() -> int:
    """Return the peak of this program; the kernel's ru_maxrss would begin with its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), [int(each) for each in sys.argv[3:]])
