"""The drain hook against the real engine on CPU, with a request in flight."""

import json
from typing import Any

import pytest
from reflex_e2e.engine_image import EngineImage

import states
from operator_process import free_port
from reflex_api.model import ReflexModel
from reflex_operator.engines import drain, sglang

pytestmark = pytest.mark.contract

PROGRAM = r"""
import json, os, subprocess, sys, threading, time, urllib.request
given = json.load(sys.stdin)
port, base = given["port"], "http://127.0.0.1:%d" % given["port"]
environment = {**os.environ, "SGLANG_USE_CPU_ENGINE": "1", "OMP_NUM_THREADS": "2", "HOME": "/tmp",
               "HF_HUB_OFFLINE": "1", "SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION": "false"}
def hook(drain_seconds):
    started = time.monotonic()
    code = subprocess.run([*given["hook"], str(port), "0", str(drain_seconds), "1"]).returncode
    return code, time.monotonic() - started
engine = subprocess.Popen(
    [sys.executable, "-m", "sglang.launch_server", *given["args"]], env=environment,
    stdout=sys.stderr, stderr=sys.stderr)
told = {"closed": hook(60)}
def ready():
    try:
        return urllib.request.urlopen(base + "/ready", timeout=5).status == 200
    except OSError:
        return False
until = time.monotonic() + 240
while not ready():
    assert engine.poll() is None and time.monotonic() < until
    time.sleep(0.2)
times = {}
def stream(name, tokens):
    body = {"model": "tiny", "stream": True, "max_tokens": tokens, "ignore_eos": True,
            "messages": [{"role": "user", "content": "fn main() {"}]}
    request = urllib.request.Request(base + "/v1/chat/completions", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    chunks, last = 0, ""
    for line in urllib.request.urlopen(request, timeout=200):
        if line.startswith(b"data: "):
            chunks, last = chunks + 1, line.decode().strip()
            times.setdefault(name, time.monotonic())
    told[name] = [chunks, last]
    times[name + " end"] = time.monotonic()
def begin(name, tokens):
    thread = threading.Thread(target=stream, args=(name, tokens))
    thread.start()
    while name not in times:
        time.sleep(0.01)
    return thread
stream("warm", 8)
told["idle"] = hook(60)
running = begin("drained", 120)
told["busy"] = hook(240)
times["hook end"] = time.monotonic()
running.join()
running = begin("bounded stream", 120)
told["bounded"] = hook(1)
engine.terminate()
running.join()
code = engine.wait(timeout=120)
print(json.dumps({"told": told, "times": times, "code": code}))
"""


@pytest.fixture(scope="module")
def told(engine_image: EngineImage) -> dict[str, Any]:
    port = free_port()
    spec = states.model("tiny", engine={"device": "cpu", "contextLength": 1024})
    args = [
        f"--port={port}" if one.startswith("--port=") else one
        for one in sglang.render(ReflexModel.parse(spec))
    ]
    given = {"port": port, "args": args, "hook": drain.hook(0)[:4]}
    answer = engine_image.python(PROGRAM, stdin=json.dumps(given), timeout=560)
    found: dict[str, Any] = json.loads(answer.splitlines()[-1])
    return found


def test_an_engine_that_does_not_listen_yet_is_not_waited_for(told: dict[str, Any]) -> None:
    code, seconds = told["told"]["closed"]
    assert (code, seconds < 5) == (0, True)


def test_an_idle_engine_is_let_go_long_before_the_bound(told: dict[str, Any]) -> None:
    code, seconds = told["told"]["idle"]
    assert (code, seconds < 40) == (0, True)


def test_a_stream_in_flight_is_waited_for(told: dict[str, Any]) -> None:
    assert told["told"]["drained"][1] == "data: [DONE]"
    assert told["times"]["hook end"] >= told["times"]["drained end"]


def test_a_stream_that_outlasts_the_bound_is_ended_by_sglang_itself(told: dict[str, Any]) -> None:
    assert told["told"]["bounded stream"][1] == "data: [DONE]"
    assert told["code"] == 0
