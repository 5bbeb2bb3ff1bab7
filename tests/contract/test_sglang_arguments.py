"""What the operator renders, judged by SGLang 0.5.23's own parser, in the engine image."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from reflex_e2e.engine_image import EngineImage

import states
from reflex_api.engine_flags import OWNED_FLAGS, refused
from reflex_api.model import ReflexModel
from reflex_operator.engines import sglang

pytestmark = pytest.mark.contract

SAMPLES = sorted(
    path
    for path in (Path(__file__).parents[2] / "manifests/samples").glob("*.yaml")
    if "kind: ReflexModel" in path.read_text()
)

# One process parses every list: importing SGLang takes seconds.
PARSE = """
import argparse, contextlib, io, json, sys
from sglang.srt.server_args import ServerArgs
parser = argparse.ArgumentParser(prog="sglang serve")
ServerArgs.add_cli_args(parser)
answers = []
for arguments in json.load(sys.stdin):
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            parsed = parser.parse_args(arguments)
        answers.append({"parsed": vars(parsed)})
    except SystemExit:
        answers.append({"error": errors.getvalue().splitlines()[-1]})
print("ANSWER" + json.dumps(answers, default=str))
"""

LIST_FLAGS = """
import argparse, json
from sglang.srt.server_args import ServerArgs
parser = argparse.ArgumentParser(prog="sglang serve")
ServerArgs.add_cli_args(parser)
print("ANSWER" + json.dumps(sorted(parser._option_string_actions)))
"""


def answer(text: str) -> Any:
    """The JSON behind the marker: importing SGLang prints lines of its own."""
    (line,) = [line for line in text.splitlines() if line.startswith("ANSWER")]
    return json.loads(line.removeprefix("ANSWER"))


def profiles() -> dict[str, ReflexModel]:
    """Every sample and, for each device, a spec with every field that becomes an argument."""
    models = {path.stem: ReflexModel.parse(yaml.safe_load(path.read_text())) for path in SAMPLES}
    full = {
        "contextLength": 4096,
        "memFractionStatic": "0.86",
        "attentionBackend": "triton",
        "reasoningParser": "gpt-oss",
        "toolCallParser": "gpt-oss",
        "trustRemoteCode": True,
        "quantizationFlag": "fp8",
        "extraArgs": ["--schedule-policy=fcfs", "--page-size=16"],
    }
    models["cuda-full"] = ReflexModel.parse(
        states.model(engine={"device": "cuda", **full}, resources={"memory": "40Gi"})
    )
    models["cuda-bare"] = ReflexModel.parse(
        states.model(engine={"device": "cuda", "contextLength": 4096}, resources={"memory": "40Gi"})
    )
    models["cpu-full"] = ReflexModel.parse(states.model(engine={"device": "cpu", **full}))
    models["cpu-bare"] = ReflexModel.parse(states.model())
    return models


@pytest.fixture(scope="module")
def parsed(engine_image: EngineImage) -> dict[str, dict[str, Any]]:
    models = profiles()
    rendered = [list(sglang.render(model)) for model in models.values()]
    answers = answer(engine_image.python(PARSE, stdin=json.dumps(rendered)))
    return dict(zip(models, answers, strict=True))


@pytest.mark.parametrize("name", sorted(profiles()))
def test_sglang_reads_what_we_render(name: str, parsed: dict[str, dict[str, Any]]) -> None:
    result = parsed[name]
    assert "error" not in result, result["error"]
    spec = profiles()[name].spec
    arguments = result["parsed"]
    assert arguments["served_model_name"] == spec.served_name
    assert arguments["context_length"] == spec.engine.context_length
    assert arguments["kv_cache_dtype"] == spec.engine.effective_kv_cache_dtype
    assert arguments["max_running_requests"] == spec.engine.max_running_requests
    assert arguments["enable_metrics"]
    assert arguments["enable_cache_report"]


def test_every_flag_that_means_an_owned_one_is_refused_in_extra_args(
    engine_image: EngineImage,
) -> None:
    flags: list[str] = answer(engine_image.python(LIST_FLAGS))
    missing = [owned for owned in OWNED_FLAGS if owned not in flags]
    assert missing == [], "SGLang does not know these owned flags"
    for owned in OWNED_FLAGS:
        # argparse takes any prefix that no other flag shares for the flag itself.
        for end in range(len("--") + 1, len(owned) + 1):
            assert refused(owned[:end]) is not None, owned[:end]


def test_sglang_refuses_what_the_reference_says_it_refuses(engine_image: EngineImage) -> None:
    base = list(sglang.render(profiles()["cuda-bare"]))
    wrong = [
        [*base, "--kv-cache-dtype=fp8"],
        [*base, "--cuda-graph-max-bs=8"],
        [*base, "--no-such"],
    ]
    answers = answer(engine_image.python(PARSE, stdin=json.dumps(wrong)))
    assert all("error" in one for one in answers), answers
