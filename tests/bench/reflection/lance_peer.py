"""Measures LanceDB embedded: `python lance_peer.py FOLDER DATA QUERIES SIZE...`; prints JSON.

It runs in an environment of its own, with nothing of ours. The same memories, written one by one
and searched by exact vectors and by its full-text index.
"""

import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import lancedb  # type: ignore[import-not-found,unused-ignore]
from lancedb.index import FTS  # type: ignore[import-not-found,unused-ignore]

WRITES = 200
LIMIT = 10


def main(folder: Path, data: Path, asked: Path, sizes: list[int]) -> None:
    """Grow one table through the sizes and measure at each."""
    wanted = json.loads(asked.read_text())
    database = lancedb.connect(folder)
    rows = _rows(data)
    empty = _rss()
    table = database.create_table("memories", data=list(itertools.islice(rows, 1)))
    held = 1
    found: dict[int, dict[str, Any]] = {}
    for size in sizes:
        began = time.perf_counter()
        left = size - WRITES - held
        while left > 0:
            batch = list(itertools.islice(rows, min(left, 5000)))
            table.add(batch)
            left -= len(batch)
        took = time.perf_counter() - began
        writes = [_timed(partial(table.add, [row])) for row in itertools.islice(rows, WRITES)]
        began = time.perf_counter()
        table.create_index("text", config=FTS(), replace=True)
        table.optimize()
        indexed = time.perf_counter() - began
        found[size] = {
            "fill_per_second": (size - WRITES - held) / took if took else 0.0,
            "write": writes,
            "index_seconds": indexed,
            "text": [_timed(partial(_by_words, table, one["text"])) for one in wanted],
            "vector": [_timed(partial(_by_vector, table, one["vector"])) for one in wanted],
            "rss_kib": _rss(),
            "disk_bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        }
        held = size
        sys.stderr.write(f"  lancedb: {size} memories\n")
    version = lancedb.__version__
    sys.stdout.write(json.dumps({"rss_empty_kib": empty, "sizes": found, "version": version}))


def _by_words(table: Any, text: str) -> object:
    return table.search(text, query_type="fts").limit(LIMIT).to_list()


def _by_vector(table: Any, vector: list[float]) -> object:
    return table.search(vector).distance_type("cosine").limit(LIMIT).to_list()


def _rows(data: Path) -> Iterator[dict[str, Any]]:
    with data.open(encoding="utf-8") as lines:
        for line in lines:
            one = json.loads(line)
            yield {
                "id": one["id"], "owner": one["owner"], "ts": one["ts"], "text": one["text"],
                "vector": one["vec_full"],
            }  # fmt: skip


def _timed(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return (time.perf_counter() - began) * 1000


def _rss() -> int:
    """Return the peak of this program; the kernel's ru_maxrss would begin with its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    first, second, third, *rest = sys.argv[1:]
    main(Path(first), Path(second), Path(third), [int(each) for each in rest])
