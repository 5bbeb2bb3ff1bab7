"""Starts the simulated engine in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).with_name("simulated_engine.py")


@dataclass(frozen=True, kw_only=True)
class Running:
    port: int
    log: Path

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def truths(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@contextmanager
def simulated_engine(folder: Path, *arguments: str) -> Iterator[Running]:
    log = folder / "truth.jsonl"
    log.touch()
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), "--log", str(log), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": ""},
    )
    try:
        assert process.stdout is not None
        yield Running(port=int(process.stdout.readline()), log=log)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
