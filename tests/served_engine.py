"""The real SGLang engine of the CPU image as a server on the loopback, for tests and benches.

The engine is real; where its weights are drawn at random, that is said by `random_weights`.
"""

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reflex_e2e.engine_image import EngineImage

import states
from operator_process import free_port
from reflex_api.model import ReflexModel
from reflex_operator.engines import sglang

MODEL: Final = "reflex-tiny"
START_WITHIN: Final = 300.0

# The chat format of Qwen3, written out in plain text: its tokens mean nothing to the tiny
# tokenizer, but the turns stand in the same order with the same frame around each.
CHATML: Final = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}<|im_start|>assistant\n"
)

# The engine ends with the caller: its end of the pipe is closed even when it is killed.
KEEPER: Final = r"""
import json, os, pathlib, shutil, subprocess, sys
given = json.loads(sys.stdin.readline())
model = pathlib.Path("/tmp/model")
shutil.copytree(f"/models/{given['weights']}", model)
for name, values in given["changes"].items():
    path = model / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
environment = {**os.environ, "SGLANG_USE_CPU_ENGINE": "1", "OMP_NUM_THREADS": "1", "HOME": "/tmp",
               "HF_HUB_OFFLINE": "1", "SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION": "false"}
engine = subprocess.Popen(
    [sys.executable, "-m", "sglang.launch_server", "--model-path=/tmp/model", *given["args"]],
    env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=sys.stderr)
sys.stdin.read()
engine.terminate()
try:
    engine.wait(timeout=60)
except subprocess.TimeoutExpired:
    engine.kill()
"""


@dataclass(frozen=True, kw_only=True)
class ServedEngine:
    """A running engine.

    Attributes:
        base_url: with `/v1`.
        context: tokens.
    """

    base_url: str
    context: int
    log: Path


@contextmanager
def serving(
    image: EngineImage, folder: Path, *, context: int = 1024, random_weights: bool = False,
    weights: str = MODEL,
) -> Iterator[ServedEngine]:  # fmt: skip
    """Start the engine with the bundled model and wait until it is ready; end it afterwards.

    Args:
        image: the engine image.
        folder: for its log.
        context: more than the model's own 1,024 stretches its positions: what it then answers
            beyond them is worth nothing, counts of tokens are.
        weights: which of the image's models; it is served as MODEL.
        random_weights: draw the weights instead of loading them, and frame the chat as Qwen3 does.
    """
    port, log = free_port(), folder / "engine.log"
    changes: dict[str, object] = {"config.json": {"max_position_embeddings": context}}
    if random_weights:
        changes["tokenizer_config.json"] = {"chat_template": CHATML}
    with log.open("wb") as sink, image.started(KEEPER, stderr=sink) as process:
        assert process.stdin is not None
        arguments = _arguments(port, context, random_weights)
        given = {"args": arguments, "changes": changes, "weights": weights}
        process.stdin.write(json.dumps(given).encode() + b"\n")
        process.stdin.flush()
        _wait(process, f"http://127.0.0.1:{port}/ready", log)
        yield ServedEngine(base_url=f"http://127.0.0.1:{port}/v1", context=context, log=log)


def _arguments(port: int, context: int, random_weights: bool) -> list[str]:
    """Return what the operator renders, with our own port and path."""
    spec = {"device": "cpu", "contextLength": context}
    rendered = sglang.render(ReflexModel.parse(states.model(MODEL, engine=spec)))
    replaced = {"--port": f"--port={port}", "--host": "--host=127.0.0.1"}
    arguments = [replaced.get(one.partition("=")[0], one) for one in rendered]
    kept = [one for one in arguments if not one.startswith("--model-path=")]
    return [*kept, "--load-format=dummy"] if random_weights else kept


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_WITHIN
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            tail = log.read_text(errors="replace")[-2000:]
            raise AssertionError(f"the engine is not ready: {tail}")
        time.sleep(0.2)
