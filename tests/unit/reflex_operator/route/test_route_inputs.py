"""Each input of the evidence key is read where it is declared: a change there makes it stale."""

from collections.abc import Callable

import pytest

import states
from reflex_api.evidence import EvidenceInputs, Sampling
from reflex_api.harness import Harness
from reflex_api.model import ReflexModel
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.route.subject import changed, inputs_of


class Declared:
    """All that is declared about what a bakeoff would measure."""

    def __init__(self, device: str = "cuda") -> None:
        hub = {"repo": "openai/gpt-oss-20b", "revision": "0" * 40}
        self.spec: Manifest = {
            "source": {"huggingFace": hub},
            "quantization": "mxfp4",
            "engine": {"device": device, "contextLength": 65536},
        }
        self.engine: Manifest = {"image": "example/sglang@sha256:1", "args": ["--one"]}
        self.labels = {
            "nvidia.com/gpu.product": "NVIDIA-GeForce-RTX-5090",
            "nvidia.com/gpu.memory": "32607",
            "nvidia.com/cuda.driver-version.full": "570.86",
        }
        self.harness = {
            "prompt_digest": "sha256:1",
            "schema_digest": "sha256:1",
            "rustc": "1.90.0",
            "harness_version": "1",
        }
        self.suite = "sha256:1"
        self.tokens = 1024
        self.tries = 3

    def inputs(self) -> EvidenceInputs:
        found = inputs_of(
            ReflexModel.parse(states.model("a", activation="Routed", **self.spec)),
            {
                "metadata": {},
                "spec": {"template": {"metadata": {}, "spec": {"containers": [self.engine]}}},
            },
            {"node-1": {"metadata": {"labels": self.labels}}},
            suite="s",
            harness=Harness(
                suites={"s": self.suite},
                sampling=Sampling(max_tokens=self.tokens),
                **self.harness,
            ),
            tries=self.tries,
        )
        assert found is not None
        return found


def another_revision(declared: Declared) -> None:
    declared.spec["source"]["huggingFace"]["revision"] = "1" * 40


def another_suite(declared: Declared) -> None:
    declared.suite = "sha256:2"


def more_tries(declared: Declared) -> None:
    declared.tries = 4


def another_label(name: str) -> Callable[[Declared], None]:
    return lambda declared: declared.labels.update({f"nvidia.com/{name}": "other"})


def another(part: str) -> Callable[[Declared], None]:
    return lambda declared: declared.harness.update({part: "other"})


CHANGES: dict[tuple[str, ...], Callable[[Declared], None]] = {
    ("sourceRevision", "tokenizerDigest", "chatTemplateDigest"): another_revision,
    ("quantization",): lambda declared: declared.spec.update(quantization="awq"),
    ("engineImage",): lambda declared: declared.engine.update(image="example/sglang@sha256:2"),
    ("arguments",): lambda declared: declared.engine.update(args=["--two"]),
    ("gpuProduct",): another_label("gpu.product"),
    ("gpuMemory",): another_label("gpu.memory"),
    ("gpuDriver",): another_label("cuda.driver-version.full"),
    ("suiteDigest",): another_suite,
    ("promptDigest",): another("prompt_digest"),
    ("schemaDigest",): another("schema_digest"),
    ("rustc",): another("rustc"),
    ("harnessVersion",): another("harness_version"),
    ("sampling",): more_tries,
}


@pytest.mark.parametrize("names", CHANGES, ids="-".join)
def test_what_is_declared_is_an_input(names: tuple[str, ...]) -> None:
    declared = Declared()
    before = declared.inputs()
    CHANGES[names](declared)
    assert changed(before, declared.inputs()) == names


def test_how_answers_are_drawn_is_an_input() -> None:
    declared = Declared()
    before = declared.inputs()
    declared.tokens = 7
    assert changed(before, declared.inputs()) == ("sampling",)


def test_without_a_gpu_nothing_of_a_node_is_an_input() -> None:
    declared = Declared(device="cpu")
    before = declared.inputs()
    another_label("gpu.product")(declared)
    assert changed(before, declared.inputs()) == ()
