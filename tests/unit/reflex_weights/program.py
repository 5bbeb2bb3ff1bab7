"""The program as its pod runs it: a process of its own, its result file and its log."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import reflex_api
import reflex_weights
from hub_server import REPO, REVISION, SIGNATURE
from reflex_api.source import Source
from reflex_api.weights import WeightsProgress, WeightsResult

TOKEN = "hf_5ecretToken"
SOURCES = {str(Path(str(module.__file__)).parents[1]) for module in (reflex_api, reflex_weights)}


def hub_source(*exclude: str, repo: str = REPO, revision: str = REVISION) -> Source:
    given = {"repo": repo, "revision": revision, "exclude": list(exclude)}
    return Source.model_validate({"huggingFace": given})


def http_source(url: str, files: dict[str, str]) -> Source:
    """`files` maps paths to SHA-256 digests."""
    entries = [
        {"path": path, "url": f"{url}/files/{path}?{SIGNATURE}", "sha256": sha}
        for path, sha in files.items()
    ]
    return Source.model_validate({"http": {"files": entries}})


def eventually(holds: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.01)


@dataclass(frozen=True)
class Ended:
    code: int
    result: WeightsResult
    log: str


class Program:
    """One run. Every end is searched for what must never be told."""

    def __init__(self, folder: Path, source: Source, endpoint: str, *arguments: str) -> None:
        folder.mkdir(exist_ok=True)
        self.result = folder / "result.json"
        self.log = folder / "log.txt"
        given, token = folder / "source.json", folder / "token"
        given.write_text(source.model_dump_json(exclude_none=True))
        token.write_text(f"{TOKEN}\n")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "PYTHONPATH": os.pathsep.join(sorted(SOURCES)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HF_ENDPOINT": endpoint,
            "REFLEX_HUB_TOKEN_FILE": str(token),
        }
        command, *rest = arguments
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "reflex_weights", command, str(given), *rest,
                 "--result", str(self.result)],
                env=environment, stdout=log, stderr=log, cwd="/",
            )  # fmt: skip

    @classmethod
    def download(
        cls, folder: Path, source: Source, endpoint: str, into: Path, *more: str
    ) -> "Program":
        return cls(folder, source, endpoint, "download", "--into", str(into), "--port", "0", *more)

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def end(self) -> Ended:
        code = self.process.wait(timeout=120)
        log, result = self.log.read_text(), self.result.read_text()
        for secret in (TOKEN, SIGNATURE, "Signature"):
            assert secret not in log
            assert secret not in result
        assert len(result.encode()) < 4096
        return Ended(code, WeightsResult.model_validate_json(result), log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def progress(self) -> WeightsProgress:
        return WeightsProgress.model_validate(json.loads(self._get("/progress")))

    def _get(self, path: str) -> Any:
        eventually(lambda: "progress on port" in self.log.read_text(), "the port is known")
        port = int(self.log.read_text().split("progress on port ")[1].split()[0])
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.read()
