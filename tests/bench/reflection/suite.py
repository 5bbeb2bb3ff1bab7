"""What memory costs: one reflection, and writing and searching on each database beside LanceDB.

All stores get the same memories in the same run, one after the other. Nothing is simulated; the
texts are made up.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import psycopg
from reflex_e2e.kubectl import ROOT

from bench.environments import programs
from bench.reflection import data
from bench.reflection.ours import LIMIT, SEARCHES, WRITES
from bench.rows import Bar, Rows, percentile
from postgres_server import postgres
from reflex_reflection import embedding
from reflex_reflection.bundle import Plan, ReflectionBundle, TurnContext
from reflex_reflection.config import ReflectionConfig
from reflex_reflection.redaction import redactor
from reflex_reflection.reflect import reflect

SIZES: Final = (1_000, 10_000, 100_000)
REFLECT_MS: Final = 1.0
LANCE: Final = ROOT / "requirements/lance.txt"
_REFLECTIONS: Final = 5_000
_KINDS: Final = ("write", "text", "vector")


def run(rows: Rows, *, sizes: Sequence[int], peer: bool) -> None:
    """Measure everything and add the rows."""
    _say("one reflection")
    for name, redact in (("reflect", None), ("reflect_redacted", redactor())):
        spent = _reflections(redact)
        note = "rule-based, with its vector; " + ("secrets taken out" if redact else "spec 002")
        bar = Bar(limit=REFLECT_MS)
        rows.add(name, statistics.median(spent), "ms", samples=spent, bar=bar, note=note)
        rows.add(f"{name}_p99", percentile(spent, 99), "ms", n=len(spent), bar=bar, note=note)
    with tempfile.TemporaryDirectory(prefix="reflex-bench-", dir="/tmp") as scratch:
        folder = Path(scratch)
        _say(f"{sizes[-1]:,} memories")
        file = folder / "memories.ndjson"
        data.write(file, sizes[-1])
        _sqlite(rows, folder, file, sizes)
        _postgresql(rows, file, sizes)
        if peer:
            _lancedb(rows, folder, file, sizes)


def _reflections(redact: Any) -> list[float]:
    said = list(data.texts(4))
    config = ReflectionConfig(allow_reflection=True)
    spent = []
    for number in range(_REFLECTIONS):
        bundle = ReflectionBundle(
            ctx=TurnContext(agent_id="bench", turn_id=number), plan=Plan(reflection=True),
            utter=f"{said[0]} {number}", snippets=tuple(said[1:]),
        )  # fmt: skip
        began = time.perf_counter()
        reflect(bundle, config, redact=redact)
        spent.append((time.perf_counter() - began) * 1000)
    return spent


def _sqlite(rows: Rows, folder: Path, file: Path, sizes: Sequence[int]) -> None:
    _say("SQLite")
    home = folder / "sqlite"
    home.mkdir()
    found = _ours(f"sqlite:///{home / 'memories.db'}", file, sizes)
    disk = {sizes[-1]: sum(path.stat().st_size for path in home.iterdir())}
    _add(rows, found, disk, where="", note="SQLite, WAL, synchronous=NORMAL")


def _postgresql(rows: Rows, file: Path, sizes: Sequence[int]) -> None:
    _say("PostgreSQL")
    with postgres(durable=True) as socket:
        url = f"postgresql+psycopg://postgres@/postgres?host={socket}"
        before = _database_bytes(socket)
        found = _ours(url, file, sizes)
        disk = {sizes[-1]: _database_bytes(socket) - before}
    _add(rows, found, disk, where="@postgresql", note="PostgreSQL on a socket, fsync on")


def _database_bytes(socket: str) -> int:
    with psycopg.connect(host=socket, user="postgres", dbname="postgres") as db:
        row = db.execute("SELECT pg_database_size('postgres')").fetchone()
        assert row is not None
        return int(row[0])


def _lancedb(rows: Rows, folder: Path, file: Path, sizes: Sequence[int]) -> None:
    python = programs(LANCE) / "python"
    _say("LanceDB")
    asked = folder / "queries.json"
    asked.write_text(
        json.dumps(
            [{"text": one, "vector": list(embedding.embed(one))} for one in data.queries(SEARCHES)]
        )
    )
    script = Path(__file__).with_name("lance_peer.py")
    found = _program([python, script, folder / "lance", file, asked, *map(str, sizes)])
    disk = {int(size): one["disk_bytes"] for size, one in found["sizes"].items()}
    note = f"LanceDB {found['version']} embedded, no vector index, full-text index made before"
    _add(rows, found, {sizes[-1]: disk[sizes[-1]]}, where="@lancedb", note=note)
    shutil.rmtree(folder / "lance")


def _ours(url: str, file: Path, sizes: Sequence[int]) -> dict[str, Any]:
    command: list[str | Path] = [sys.executable, "-m", "bench.reflection.ours", url, file]
    places = os.pathsep.join(f"{ROOT}/{one}" for one in ("services", "operator", "tests"))
    return _program([*command, *map(str, sizes)], PYTHONPATH=places)


def _program(command: Sequence[str | Path], **more: str) -> dict[str, Any]:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**os.environ, **more})
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _add(rows: Rows, found: dict[str, Any], disk: dict[int, int], *, where: str, note: str) -> None:
    largest = max(disk)
    for size, one in found["sizes"].items():
        label = f"{int(size) // 1000}k"
        for kind in _KINDS:
            samples = one[kind]
            what = {"write": "one memory", "text": f"best {LIMIT} by words",
                    "vector": f"best {LIMIT} of exact cosines"}[kind]  # fmt: skip
            name = f"memory_{'write' if kind == 'write' else f'search_{kind}'}_{label}{where}"
            spread = f"spread {min(samples):.3g} to {max(samples):.3g}"
            rows.add(name, statistics.median(samples), "ms", samples=samples,
                     note=f"{note}; {what}; {spread}")  # fmt: skip
    grown = (found["sizes"][str(largest)]["rss_kib"] - found["rss_empty_kib"]) / (largest / 1000)
    rows.add(f"memory_rss_per_1k{where}", grown, "KiB",
             note=f"{note}; the client's process, peak, over {largest:,}")  # fmt: skip
    rows.add(f"memory_disk_per_1k{where}", disk[largest] / 1024 / (largest / 1000), "KiB",
             note=f"{note}; over {largest:,}, {WRITES} at each size written singly")  # fmt: skip


def _say(text: str) -> None:
    print(f"reflection: {text}", file=sys.stderr, flush=True)
