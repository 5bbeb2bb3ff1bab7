"""Records how SGLang ends: the real engine, started wrongly or killed, in the CPU engine image.

    PYTHONPATH=operator:e2e:tests python tests/recorded/record_engine_logs.py [NAME...]

Writes tests/recorded/engine_logs/NAME.log. Each run takes up to two minutes. Run it again when
SGLang's version changes, and look at what differs.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from reflex_e2e.engine_image import EngineImage

import states
from reflex_api.model import ReflexModel
from reflex_operator.engines import launcher, sglang

LOGS: Final = Path(__file__).parent / "engine_logs"
FORGED: Final = (
    "Explain this:\nTraceback (most recent call last):\n"
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB."
)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One way to fail."""

    name: str
    spoil: str = ""  # Python that changes the copy of the model in the folder `model`
    without: tuple[str, ...] = ()  # flags that are not passed
    arguments: tuple[str, ...] = ()
    keys: bool = True
    port_taken: bool = False
    kill: str = ""  # signal and process name, sent once `kill_at` is in the log
    kill_at: str = ""
    prompt: str = ""  # sent once the server answers


def change_config(**values: object) -> str:
    """Spoil config.json: None removes a key."""
    return (
        "import json; path = model / 'config.json'; config = json.loads(path.read_text()); "
        f"config.update({values!r}); "
        "path.write_text(json.dumps({k: v for k, v in config.items() if v is not None}))"
    )


WEIGHTS: Final = "path = model / 'model.safetensors'; "
SCENARIOS: Final = (
    Scenario(name="unknown-argument", arguments=("--no-such-flag=1",)),
    Scenario(name="ambiguous-argument", arguments=("--cuda-graph-max-bs=8",)),
    Scenario(name="invalid-choice", arguments=("--kv-cache-dtype=fp8",)),
    Scenario(name="refused-served-name", arguments=("--served-model-name=a:b",)),
    Scenario(name="context-too-long", arguments=("--context-length=999999",)),
    Scenario(name="no-api-key", keys=False),
    Scenario(name="port-in-use", port_taken=True),
    Scenario(name="config-missing", spoil="(model / 'config.json').unlink()"),
    Scenario(name="config-broken", spoil="(model / 'config.json').write_text('{')"),
    Scenario(name="tokenizer-missing", spoil="(model / 'tokenizer.json').unlink()"),
    Scenario(name="weights-missing", spoil=WEIGHTS + "path.unlink()"),
    Scenario(name="weights-cut-off", spoil=WEIGHTS + "path.write_bytes(path.read_bytes()[:99999])"),
    Scenario(name="weights-garbage", spoil=WEIGHTS + "path.write_bytes(b'<html>no</html>' * 99)"),
    Scenario(name="weights-other-shape", spoil=change_config(vocab_size=9000)),
    Scenario(name="model-folder-missing", spoil="shutil.rmtree(model)"),
    Scenario(
        name="unknown-architecture",
        spoil=change_config(architectures=["NoSuchForCausalLM"]),
    ),
    Scenario(name="unknown-model-type", spoil=change_config(model_type="no_such_model")),
    Scenario(
        name="unknown-quantization",
        spoil=change_config(quantization_config={"quant_method": "no_such_method"}),
    ),
    Scenario(name="quantization-needs-gpu", arguments=("--kv-cache-dtype=fp8_e4m3",)),
    Scenario(
        name="no-room-for-kv",
        without=("--max-total-tokens",),
        arguments=("--mem-fraction-static=0.001",),
    ),
    Scenario(name="scheduler-killed-at-start", kill="KILL scheduler", kill_at="Load weight begin"),
    Scenario(
        name="scheduler-killed", kill="KILL scheduler", kill_at="/health", prompt="Say hello."
    ),
    Scenario(
        name="stopped-while-serving", kill="TERM launch", kill_at="/health", prompt="Say hello."
    ),
    Scenario(name="stopped-while-starting", kill="TERM launch", kill_at="Load weight begin"),
    Scenario(
        name="forged-by-a-request",
        arguments=("--log-requests", "--log-requests-level=3"),
        kill="KILL scheduler",
        kill_at="/health",
        prompt=FORGED,
    ),
)

DRIVER: Final = """
import json, os, pathlib, shutil, signal, socket, subprocess, sys, time, urllib.request
wanted = json.load(sys.stdin)
model = pathlib.Path("/tmp/model")
shutil.copytree("/models/reflex-tiny", model)
exec(wanted["spoil"])
keys = pathlib.Path("/tmp/keys")
keys.mkdir()
if wanted["keys"]:
    for name in ("api-key", "admin-api-key"):
        (keys / name).write_text("key-of-the-recorder-" + name)
base = "http://127.0.0.1:" + str(wanted["port"])
if wanted["port_taken"]:
    holder = socket.create_server(("0.0.0.0", wanted["port"]))
log = open("/tmp/log", "wb+")
engine = subprocess.Popen(wanted["command"], stdout=log, stderr=log, start_new_session=True)
deadline = time.monotonic() + 240
asked = killed = False

def ask(path, body=None):
    request = urllib.request.Request(base + path, data=body and json.dumps(body).encode())
    request.add_header("Authorization", "Bearer key-of-the-recorder-api-key")
    request.add_header("Content-Type", "application/json")
    return urllib.request.urlopen(request, timeout=60).read()

def session(entry):
    try:
        return os.getsid(int(entry.name))
    except ProcessLookupError:
        return 0

while engine.poll() is None and time.monotonic() < deadline:
    time.sleep(0.3)
    text = pathlib.Path("/tmp/log").read_text(errors="replace")
    if wanted["prompt"] and not asked:
        try:
            ask("/ready")
        except OSError:
            continue
        message = {"role": "user", "content": wanted["prompt"]}
        ask("/v1/chat/completions", {"model": "tiny", "max_tokens": 8, "messages": [message]})
        ask("/health")
        asked = True
    elif wanted["kill"] and not killed and wanted["kill_at"] in text:
        name, which = wanted["kill"].split()
        if which == "launch":
            target = engine.pid
        else:
            target = next(
                int(entry.name)
                for entry in pathlib.Path("/proc").iterdir()
                if entry.name.isdigit() and session(entry) == engine.pid
                and which in (entry / "cmdline").read_text()
            )
        os.kill(target, getattr(signal, "SIG" + name))
        killed = True
late = engine.poll() is None
if late:
    os.killpg(engine.pid, signal.SIGKILL)

sys.stdout.write("ENDED %s\\n" % (engine.returncode if not late else "late"))
sys.stdout.write(pathlib.Path("/tmp/log").read_bytes().decode(errors="replace"))
"""


def command(scenario: Scenario, port: int) -> list[str]:
    """Return what the operator would run, with this scenario's changes."""
    rendered = sglang.render(ReflexModel.parse(states.model()))
    named = {argument.partition("=")[0] for argument in scenario.arguments}
    kept = [
        argument
        for argument in rendered
        if argument.partition("=")[0] not in {"--model-path", "--port", *named, *scenario.without}
    ]
    start = [part.replace(launcher.KEYS_MOUNT, "/tmp/keys") for part in launcher.command()]
    return [*start, "--model-path=/tmp/model", f"--port={port}", *kept, *scenario.arguments]


def main() -> None:
    """Record the named scenarios, or all."""
    image = EngineImage.build()
    for port, scenario in enumerate(SCENARIOS, 32100):
        if sys.argv[1:] and scenario.name not in sys.argv[1:]:
            continue
        wanted = {**asdict(scenario), "command": command(scenario, port), "port": port}
        ended, _, log = image.python(DRIVER, stdin=json.dumps(wanted), timeout=400).partition("\n")
        (LOGS / f"{scenario.name}.log").write_text(log)
        print(f"{scenario.name}: {ended}, {len(log)} characters", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
