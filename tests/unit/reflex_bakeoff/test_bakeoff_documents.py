import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import measured_runs as runs
from reflex_api import items as documents
from reflex_api.errors import ItemsError
from reflex_api.evidence import EvidenceInputs, Sampling, evidence_key
from reflex_api.gate import GateSpec
from reflex_api.schema import structural
from reflex_api.verdict import Verdict
from reflex_bakeoff import schemas
from reflex_bakeoff.errors import GateFileError
from reflex_bakeoff.gate.evaluate import evaluate
from reflex_bakeoff.gate_file import load_gate, parse_gate

PUBLISHED = Path(__file__).parents[3] / "docs/schemas"

INPUTS: dict[str, Any] = {
    "source_revision": "0e1a2b",
    "tokenizer_digest": "sha256:70",
    "chat_template_digest": "sha256:7e",
    "quantization": "mxfp4",
    "engine_image": "registry.example/sglang@sha256:e0",
    "arguments": ("--context-length=65536", "--kv-cache-dtype=fp8_e4m3"),
    "gpu_product": "NVIDIA-GeForce-RTX-5090",
    "gpu_memory": "32607",
    "gpu_driver": "580.65",
    "suite_digest": "sha256:5u",
    "prompt_digest": "sha256:99",
    "schema_digest": "sha256:5c",
    "rustc": "1.95.0",
    "harness_version": "1",
    "sampling": Sampling(max_tokens=2048),
}
KEY = evidence_key(EvidenceInputs(**INPUTS))


# --- evidence key


@pytest.mark.parametrize("part", INPUTS)
def test_each_part_changes_the_evidence_key(part: str) -> None:
    changed: Any = {
        "arguments": ("--context-length=32768", "--kv-cache-dtype=fp8_e4m3"),
        "sampling": Sampling(max_tokens=4096),
    }.get(part, "other")

    assert evidence_key(EvidenceInputs(**{**INPUTS, part: changed})) != KEY


@pytest.mark.parametrize(
    "change",
    [{"temperature": "0.2"}, {"top_p": "0.9"}, {"seed": 1}, {"max_tokens": 1}, {"tries": 2}],
)
def test_each_part_of_the_sampling_changes_it(change: dict[str, Any]) -> None:
    sampling = Sampling(**{"max_tokens": 2048, **change})

    assert evidence_key(EvidenceInputs(**{**INPUTS, "sampling": sampling})) != KEY


def test_the_order_of_arguments_counts_and_their_borders_too() -> None:
    swapped = {**INPUTS, "arguments": INPUTS["arguments"][::-1]}
    joined = {**INPUTS, "arguments": (" ".join(INPUTS["arguments"]),)}

    assert (
        len({KEY, evidence_key(EvidenceInputs(**swapped)), evidence_key(EvidenceInputs(**joined))})
        == 3
    )


def test_the_key_is_stable() -> None:
    assert KEY == "sha256:902b3912e39a4c2fdc5fd56385e9d5b98750c8dc8b81c80c5fa9dff2e6bcad9e"
    assert evidence_key(EvidenceInputs(**dict(reversed(INPUTS.items())))) == KEY


@pytest.mark.parametrize("part", [name for name, value in INPUTS.items() if isinstance(value, str)])
def test_what_was_forgotten_is_not_taken_for_absent(part: str) -> None:
    with pytest.raises(ValueError, match="at least 1 character"):
        EvidenceInputs(**{**INPUTS, part: ""})


# --- items


def test_items_come_back_as_they_were_written() -> None:
    text = documents.dump(runs.measured())
    back = documents.read(text)

    assert documents.dump(back) == text
    assert back.digest.startswith("sha256:")
    assert back.items == runs.measured().items


def test_a_fault_names_its_line_and_field() -> None:
    text = documents.dump(runs.measured()).replace('"outcome":"passed"', '"outcome":"perhaps"', 1)

    with pytest.raises(ItemsError, match=r"line 3 of items.jsonl: item.outcome"):
        documents.read(text)


@pytest.mark.parametrize(
    ("outcome", "fixed_within"), [("passed", None), ("passed", 2), ("failed", 1)]
)
def test_a_pass_is_a_repair_by_the_first_try(outcome: str, fixed_within: int | None) -> None:
    with pytest.raises(ValueError, match="mean the same"):
        runs.item("item-1", False, outcome=outcome, fixed_within=fixed_within)


# --- schemas


def test_the_published_schemas_are_what_the_models_say(tmp_path: Path) -> None:
    assert schemas.main(["--check", f"--into={PUBLISHED}"]) == 0
    assert schemas.main(["--check", f"--into={tmp_path}"]) == 1


def test_documents_fit_the_published_schemas() -> None:
    items = runs.measured()
    verdict = evaluate(items, items, GateSpec(suite=runs.SUITE))
    schema = json.loads((PUBLISHED / "verdict-v1.schema.json").read_text())
    lines = json.loads((PUBLISHED / "items-v1.schema.json").read_text())

    jsonschema.validate(json.loads(verdict.model_dump_json()), schema)
    for line in documents.dump(items).splitlines():
        jsonschema.validate(json.loads(line), lines)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**json.loads(verdict.model_dump_json()), "verdict": "Maybe"}, schema)


def test_a_verdict_comes_back_as_it_was_written() -> None:
    verdict = evaluate(runs.measured(), runs.measured(), GateSpec(suite=runs.SUITE))

    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


def test_the_gate_can_be_part_of_a_resource() -> None:
    schema = structural(GateSpec, description="What a model must show.")

    assert schema["properties"]["quality"]["properties"]["passAt1Floor"]["type"] == "string"
    assert schema["properties"]["quality"]["properties"]["passAt1Floor"]["default"] == "0.50"


# --- gate.yaml


def test_a_gate_needs_nothing_but_a_suite(tmp_path: Path) -> None:
    path = tmp_path / "gate.yaml"
    path.write_text("suite: rust-repair-v1\n")

    assert load_gate(path) == GateSpec(suite="rust-repair-v1")


def test_numbers_may_be_written_as_numbers_or_as_text() -> None:
    text = "suite: s\nquality: {passAt1Floor: %s, looks: [50]}\n"

    assert parse_gate(text % "0.6") == parse_gate(text % '"0.6"')


def test_a_gate_is_written_as_it_is_read() -> None:
    gate = GateSpec(suite="s")

    assert parse_gate(yaml.safe_dump(gate.model_dump(mode="json"))) == gate


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("suite: s\nqualty: {}", "qualty: no such key; did you mean quality?"),
        (
            "suite: s\nquality: {passAt1Flor: 0.5}",
            "quality.passAt1Flor: no such key; did you mean passAt1Floor?",
        ),
        ("suite: s\nerrors: {zzz: 1}", "errors.zzz: no such key; known: ceiling"),
        ("quality: {}", "suite: is missing; add it"),
        (
            "suite: s\nquality: {passAt1Floor: 50}",
            "quality.passAt1Floor must be from 0 to 1, such as 0.95",
        ),
        (
            "suite: s\nquality: {passAt1Floor: .nan}",
            "quality.passAt1Floor must be from 0 to 1, such as 0.95",
        ),
        (
            "suite: s\nquality: {looks: [100, 150]}",
            "quality.looks must be evenly spaced, such as 100, 200, 300: the bounds hold for equal"
            " steps only",
        ),
        ("suite: s\nsuite: t", "is no YAML in line 2: suite is written twice; keep one"),
        ("- a", "is empty or a list; wanted at least `suite: NAME`"),
        ("", "is empty or a list; wanted at least `suite: NAME`"),
        ("suite: [", "is no YAML in line 1"),
    ],
)
def test_a_wrong_gate_says_what_to_do(text: str, expected: str) -> None:
    with pytest.raises(GateFileError) as caught:
        parse_gate(text)

    assert caught.value.problems[0].startswith(expected)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(GateFileError) as caught:
        parse_gate("suit: s\nerrors: {ceiling: 2}\nlatency: {itlP95Milliseconds: -1}")

    assert len(caught.value.problems) == 4


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(GateFileError, match=r"gone.yaml\)\n  cannot be read: No such file"):
        load_gate(tmp_path / "gone.yaml")
