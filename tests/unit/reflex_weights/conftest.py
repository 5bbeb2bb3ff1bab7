"""A repository as small as one can be, and the download in this process with a clock of its own."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest

from hub_server import Content, HubServer
from reflex_api.source import Source
from reflex_api.weights import WeightsResult
from reflex_weights.client import new_client
from reflex_weights.download import Download, model_folder
from reflex_weights.inspection import Inspector
from reflex_weights.progress import Progress
from reflex_weights.tempo import Tempo

CONFIG = {
    "architectures": ["Qwen3ForCausalLM"],
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "hidden_size": 256,
    "max_position_embeddings": 4096,
}


def repository() -> dict[str, Content]:
    chance = random.Random(7)
    return {
        ".gitattributes": b"*.safetensors filter=lfs\n",
        "config.json": json.dumps(CONFIG).encode(),
        "model-00001-of-00002.safetensors": chance.randbytes(300_000),
        "model-00002-of-00002.safetensors": chance.randbytes(200_001),
        "original/params.json": b"{}",
        "empty.txt": b"",
    }


@dataclass
class Clock:
    """Time passes only while the program waits."""

    now: float = 1000.0
    waits: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def tempo(self) -> Tempo:
        return Tempo(clock=lambda: self.now, sleep=self.sleep, chance=lambda: 0.5)


@dataclass
class Desk:
    """Runs the program's two commands here."""

    into: Path
    clock: Clock = field(default_factory=Clock)
    token_file: Path | None = None
    keep: frozenset[str] = frozenset()
    progress: Progress = field(init=False)

    def __post_init__(self) -> None:
        self.progress = Progress(lambda: self.clock.now)

    def environment(self, endpoint: str) -> dict[str, str]:
        token = {"REFLEX_HUB_TOKEN_FILE": str(self.token_file)} if self.token_file else {}
        return {"HF_ENDPOINT": endpoint, **token}

    def download(self, source: Source, endpoint: str = "") -> WeightsResult:
        return Download(
            source=source,
            folder=model_folder(self.into),
            keep=self.keep,
            environment=self.environment(endpoint),
            client=new_client,
            tempo=self.clock.tempo(),
            progress=self.progress,
            stop=Event(),
        ).run()

    def inspect(self, source: Source, endpoint: str = "") -> WeightsResult:
        return Inspector(
            source=source,
            environment=self.environment(endpoint),
            client=new_client,
            tempo=self.clock.tempo(),
            progress=self.progress,
        ).run()

    def stored(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.into)): path.read_bytes()
            for path in self.into.rglob("*")
            if path.is_file()
        }


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer(repository()) as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(into=tmp_path / "models/d1")


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "hub-token"
    path.write_text("hf_5ecretToken\n")
    return path
