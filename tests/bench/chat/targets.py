"""Who stands between client and stub engine: nobody, Reflex, LiteLLM's proxy, sglang-router.

Each runs as one process of its own, as its documentation starts it for one machine. The peers have
an environment of their own in the user's cache, made from requirements/bench.txt.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reflex_e2e.kubectl import ROOT

from bench.chat.stub import MODEL
from bench.environments import programs
from bench.rig import usage_of
from operator_process import free_port

_START_WITHIN: Final = 120.0
_PEERS: Final = ROOT / "requirements/bench.txt"
_KEY: Final = "sk-bench-key-of-more-than-thirty-two-characters"  # of no use anywhere else
_AUTHORISED: Final = {"Authorization": f"Bearer {_KEY}"}


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where requests go.

    Attributes:
        name: of the rows' suffix; empty for Reflex.
        pid: of the process between; None for the stub itself.
    """

    name: str
    base_url: str
    pid: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def cpu_seconds(self) -> float:
        """Return what the process and those under it used."""
        return sum(usage_of(pid).cpu_seconds for pid in _family(self.pid)) if self.pid else 0.0

    def rss_mib(self) -> float:
        """Return the memory of the process and those under it."""
        return sum(usage_of(pid).rss_mib for pid in _family(self.pid)) if self.pid else 0.0


@contextmanager
def stub(folder: Path) -> Iterator[Target]:
    """Start the stub engine."""
    port = free_port()
    command = [sys.executable, "-m", "bench.chat.stub", f"--port={port}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    with _process(command, folder / "stub.log", environment=environment) as process:
        url = f"http://127.0.0.1:{port}"
        _wait(process, f"{url}/v1/models", folder / "stub.log")
        yield Target(name="direct", base_url=f"{url}/v1")


@contextmanager
def litellm(engine: str, folder: Path) -> Iterator[Target]:
    """Start LiteLLM's proxy: one worker, one key, no database, no network of its own."""
    port, config = free_port(), folder / "litellm.json"
    parameters = {"model": f"openai/{MODEL}", "api_base": engine, "api_key": "none"}
    config.write_text(  # JSON is YAML
        json.dumps({"model_list": [{"model_name": MODEL, "litellm_params": parameters}]})
    )
    command: list[str | Path] = [
        programs(_PEERS) / "litellm", f"--config={config}", "--host=127.0.0.1",
        f"--port={port}", "--num_workers=1", "--telemetry=False",
    ]  # fmt: skip
    environment = {
        **os.environ, "LITELLM_MASTER_KEY": _KEY, "LITELLM_LOG": "ERROR",
        "LITELLM_MODE": "PRODUCTION", "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }  # fmt: skip
    with _process(command, folder / "litellm.log", environment=environment) as process:
        _wait(process, f"http://127.0.0.1:{port}/health/liveliness", folder / "litellm.log")
        yield Target(
            name="litellm", base_url=f"http://127.0.0.1:{port}/v1", pid=process.pid,
            headers=_AUTHORISED,
        )  # fmt: skip


@contextmanager
def router(engine: str, folder: Path) -> Iterator[Target]:
    """Start sglang-router (its Python package, Rust inside) before one worker."""
    port = free_port()
    command: list[str | Path] = [
        programs(_PEERS) / "smg", "launch", "--host=127.0.0.1", f"--port={port}",
        "--worker-urls", engine.removesuffix("/v1"), "--policy=cache_aware", "--log-level=error",
        f"--prometheus-port={free_port()}", "--prometheus-host=127.0.0.1",
    ]  # fmt: skip
    with _process(command, folder / "router.log") as process:
        _wait(process, f"http://127.0.0.1:{port}/v1/models", folder / "router.log")
        url = f"http://127.0.0.1:{port}/v1"
        yield Target(name="sglang-router", base_url=url, pid=process.pid)


@contextmanager
def reflex(engine: str, folder: Path) -> Iterator[Target]:
    """Start the service as it is installed: SQLite, decision records with prompts, one process.

    The gate is open, for a stub has no evidence, and the rate limit is out of the way.
    """
    port, home = free_port(), folder / "reflex"
    home.mkdir()
    config, keys = home / "reflex.json", home / "keys"
    section = {
        "model_primary": MODEL, "gate": {"mode": "disabled"},
        "endpoints": {"local": {"base_url": engine}},
    }  # fmt: skip
    config.write_text(json.dumps({"version": 1, "reflex": section}))  # JSON is YAML
    (home / "prices.yaml").write_bytes((ROOT / "configs/prices.yaml").read_bytes())
    keys.write_text(f"bench:{_KEY}\n")
    keys.chmod(0o600)
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT / "services"),
        "REFLEX_LOOP__DATA_DIR": str(home / "data"), "REFLEX_LOOP__KEYS_FILE": str(keys),
        "REFLEX_LOOP__LISTEN": f"127.0.0.1:{port}", "REFLEX_LOOP__SANDBOX": "unconfined",
        "REFLEX_LOOP__RATE": "100000000/minute", "REFLEX_LOOP__LOG_LEVEL": "warning",
    }  # fmt: skip
    command = [sys.executable, "-m", "reflex_loop.service", f"--config={config}"]
    with _process(command, folder / "reflex.log", environment=environment) as process:
        _wait(process, f"http://127.0.0.1:{port}/v1/models", folder / "reflex.log")
        url = f"http://127.0.0.1:{port}/v1"
        yield Target(name="", base_url=url, pid=process.pid, headers=_AUTHORISED)


@contextmanager
def _process(
    command: Sequence[str | Path], log: Path, *, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, cwd=log.parent,
            env=dict(environment or os.environ), start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_WITHIN
    request = urllib.request.Request(url, headers=_AUTHORISED)
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (OSError, urllib.error.URLError):
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"{url} is not ready: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.2)


def _family(pid: int) -> list[int]:
    """Return a process and those under it."""
    found = [pid]
    for parent in found:
        for path in Path(f"/proc/{parent}/task").glob("*/children"):
            found += [int(child) for child in path.read_text().split()]
    return found
