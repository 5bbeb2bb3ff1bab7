"""`sglang.bench_serving` in the engine image.

The image leaves `sglang/benchmark` out, for serving needs none of it: that folder of the same
version's wheel is put back into a container that is thrown away.
"""

import base64
import io
import json
import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from reflex_e2e.engine_image import EngineImage
from reflex_e2e.kubectl import ROOT

from bench.bakeoff.generators import Generator, Said, of_sglang
from bench.bakeoff.scenarios import Scenario
from bench.bakeoff.truth import Mock
from bench.environments import uv

_WITHIN: Final = 180.0
_MARK: Final = "RESULT "

# Runs what each line of its input asks for; ends with its input.
_KEEPER: Final = r"""
import base64, io, json, os, pathlib, resource, subprocess, sys, tarfile
home = pathlib.Path("/tmp/bench")
first = json.loads(sys.stdin.readline())
tarfile.open(fileobj=io.BytesIO(base64.b64decode(first["program"]))).extractall(home)
# Imported for questions about pictures, which nobody asks here.
(home / "datasets.py").write_text("load_dataset = None\n")
start = ("import runpy, sys; sys.path.append('/tmp/bench'); import sglang;"
         "sglang.__path__.append('/tmp/bench/sglang');"
         "runpy.run_module('sglang.benchmark.serving', run_name='__main__', alter_sys=True)")
environment = {**os.environ, "HOME": "/tmp/bench", "HF_HUB_OFFLINE": "1",
               "SGLANG_USE_CPU_ENGINE": "1"}
for line in sys.stdin:
    given = json.loads(line)
    (home / "asked.jsonl").write_text(given["asked"])
    out = home / "out.jsonl"
    out.unlink(missing_ok=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", start, *given["arguments"]], text=True,
        env=environment, stdin=subprocess.DEVNULL, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    told = {"report": out.read_text() if out.exists() else "", "cpu": used,
            "said": (done.stdout + done.stderr)[-2000:]}
    print("RESULT " + json.dumps(told), flush=True)
"""


@contextmanager
def sglang(home: Path) -> Iterator[Generator]:
    """Start a container; the generator runs in it."""
    image = EngineImage.build()
    log = home / "sglang.log"
    with log.open("wb") as sink, image.started(_KEEPER, stderr=sink) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps({"program": _program(home)}).encode() + b"\n")
        process.stdin.flush()
        yield _generator(process, log)


def _generator(process: subprocess.Popen[bytes], log: Path) -> Generator:
    def run(scenario: Scenario, mock: Mock, home: Path) -> Said:
        arguments = [
            "--backend=sglang-oai-chat", f"--base-url={mock.root}", "--dataset-name=openai",
            "--dataset-path=/tmp/bench/asked.jsonl", f"--num-prompts={scenario.requests}",
            f"--max-concurrency={scenario.streams}", "--model=/models/reflex-tiny",
            f"--served-model-name={scenario.model}", "--warmup-requests=0", "--disable-tqdm",
            "--output-file=/tmp/bench/out.jsonl", "--seed=42",
        ]  # fmt: skip
        if scenario.rate:
            arguments.append(f"--request-rate={scenario.rate}")
        asked = "".join(
            json.dumps(
                {"messages": [{"role": "user", "content": one}], "max_tokens": scenario.tokens}
            )
            + "\n"
            for one in scenario.prompts()
        )
        told = _ask(process, log, {"asked": asked, "arguments": arguments})
        if not told["report"]:
            raise AssertionError(f"sglang.benchmark.serving left no report: {told['said']}")
        return of_sglang(json.loads(told["report"]), scenario, told["cpu"])

    return run


def _ask(process: subprocess.Popen[bytes], log: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Send one line and wait for its answer in the log."""
    before = log.read_text(errors="replace").count(_MARK)
    assert process.stdin is not None
    process.stdin.write(json.dumps(given).encode() + b"\n")
    process.stdin.flush()
    deadline = time.monotonic() + _WITHIN
    while True:
        lines = re.findall(rf"^{_MARK}(.*)$", log.read_text(errors="replace"), re.MULTILINE)
        if len(lines) > before:
            told: dict[str, Any] = json.loads(lines[-1])
            return told
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"the container: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.2)


def _program(home: Path) -> str:
    """Return the folder that the image lacks, from the wheel that the image is made of."""
    locked = (ROOT / "requirements/engine.txt").read_text()
    pinned = re.search(r"^sglang==\S+ \\\n(?:    --hash=\S+(?: \\)?\n)+", locked, re.MULTILINE)
    assert pinned is not None, "requirements/engine.txt names no sglang"
    wanted, wheel = home / "sglang.txt", home / "wheel"
    wanted.write_text(pinned[0])
    subprocess.run(
        [uv(), "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--python",
         sys.executable, "--target", wheel, "-r", wanted],
        check=True,
    )  # fmt: skip
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(wheel / "sglang/benchmark", "sglang/benchmark")
    return base64.b64encode(packed.getvalue()).decode()
