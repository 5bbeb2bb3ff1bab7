"""Every rule of the ReflexModel CRD on a real API server: what it refuses, in which words."""

import copy
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config

from reflex_api.crd import reflex_model
from reflex_api.engine_flags import OWNED_FLAGS
from reflex_api.errors import SpecError
from reflex_api.model import ReflexModel
from reflex_api.names import GROUP, VERSION
from reflex_lab.controlplane import ControlPlane
from reflex_lab.tools import Tools

pytestmark = pytest.mark.controlplane

Manifest = dict[str, Any]
Kubectl = Callable[..., str]

REPOSITORY = Path(__file__).parents[2]
CRD = REPOSITORY / "manifests/crds/reflexstack.dev_reflexmodels.yaml"
SAMPLES = sorted((REPOSITORY / "manifests/samples").glob("*.yaml"))
PLURAL = "reflexmodels"
RULES = "x-kubernetes-validations"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "ab" * 32
LONG_ENOUGH = "a" * 50

BASE: Manifest = {
    "apiVersion": f"{GROUP}/{VERSION}",
    "kind": "ReflexModel",
    "metadata": {"name": "base"},
    "spec": {
        "source": {"bundled": {"path": "/models/base"}},
        "engine": {"device": "cuda", "contextLength": 4096},
    },
}


@dataclass(frozen=True)
class Refused:
    """A change to the base that the server must refuse, in words that name field and fix."""

    name: str
    words: tuple[str, ...]
    spec: Manifest = field(default_factory=dict)
    model: str = "base"


def hub(**changes: object) -> Manifest:
    return {"bundled": None, "huggingFace": {"repo": "a/b", "revision": COMMIT, **changes}}


def web(**changes: object) -> Manifest:
    file = {"path": "a.bin", "url": "https://example.com/a.bin", "sha256": DIGEST, **changes}
    return {"bundled": None, "http": {"files": [file]}}


def claim(**changes: object) -> Manifest:
    return {"bundled": None, "persistentVolumeClaim": {"claimName": "models", **changes}}


def engine(**changes: object) -> Manifest:
    return {"engine": changes}


def flag(*arguments: str) -> Manifest:
    return engine(extraArgs=list(arguments))


def tolerate(**changes: object) -> Manifest:
    return {"placement": {"tolerations": [changes]}}


REFUSED = [
    Refused("name begins with a digit", ("metadata.name", "start with a letter"), model="3b"),
    Refused("name too long", ("metadata.name", "at most 50"), model=LONG_ENOUGH + "a"),
    Refused(
        "no source",
        ("source must have exactly one", "set one"),
        {"source": {"bundled": None}},
    ),
    Refused(
        "two sources",
        ("source must have exactly one", "remove the others"),
        {"source": {"huggingFace": {"repo": "a/b", "revision": COMMIT}}},
    ),
    Refused("repo without owner", ("huggingFace.repo", "OWNER/NAME"), {"source": hub(repo="gpt")}),
    Refused("branch", ("huggingFace.revision", "commit"), {"source": hub(revision="main")}),
    Refused(
        "bad token secret",
        ("tokenSecretRef.name", "name of a Secret"),
        {"source": hub(tokenSecretRef={"name": "Hub_Token"})},
    ),
    Refused(
        "bad token key",
        ("tokenSecretRef.key", "key of the Secret"),
        {"source": hub(tokenSecretRef={"name": "hub", "key": "a/b"})},
    ),
    Refused("file outside", ("http.files.path", "relative"), {"source": web(path="../a")}),
    Refused("file url", ("http.files.url", "http or https"), {"source": web(url="file:///a")}),
    Refused(
        "password in url",
        ("http.files.url", "without user or password"),
        {"source": web(url="https://me:secret@example.com/a")},
    ),
    Refused("bad digest", ("http.files.sha256", "64"), {"source": web(sha256="abc")}),
    Refused("bad claim", ("claimName", "PersistentVolumeClaim"), {"source": claim(claimName="-")}),
    Refused("claim path up", ("path", "relative"), {"source": claim(path="a/../b")}),
    Refused("claim path absolute", ("path", "relative"), {"source": claim(path="/a")}),
    Refused(
        "bundled path relative",
        ("source.bundled.path", "absolute"),
        {"source": {"bundled": {"path": "models/a"}}},
    ),
    Refused("colon in the served name", ("servedName", "no colon"), {"servedName": "a:b"}),
    Refused("quantization in capitals", ("quantization", "mxfp4"), {"quantization": "AWQ"}),
    Refused("bad image", ("engine.image", "image reference"), engine(image="not an image")),
    Refused("fp8 alone", ("kvCacheDtype", "fp8_e4m3"), engine(kvCacheDtype="fp8")),
    Refused(
        "FP8 KV cache on cpu",
        ("engine.kvCacheDtype", "engine.device cuda", "use auto or bf16"),
        engine(device="cpu", kvCacheDtype="fp8_e5m2"),
    ),
    Refused("unknown device", ("engine.device", '"cuda"'), engine(device="tpu")),
    Refused("context too short", ("contextLength", "1024"), engine(contextLength=1023)),
    Refused("context too long", ("contextLength", "1048576"), engine(contextLength=1048577)),
    *(
        Refused(f"memory fraction {text}", ("memFractionStatic", "such as 0.86"), engine(**given))
        for text in ("0", "0.0", "0.000", "1", "1.5", "-0.5", ".86", "86%")
        for given in [{"memFractionStatic": text}]
    ),
    Refused("no request", ("maxRunningRequests", "1"), engine(maxRunningRequests=0)),
    Refused("tiny chunk", ("chunkedPrefillSize", "64"), engine(chunkedPrefillSize=63)),
    *(
        Refused(f"bad {name}", (f"engine.{name}", "SGLang"), engine(**{name: "--evil"}))
        for name in ("attentionBackend", "reasoningParser", "toolCallParser", "quantizationFlag")
    ),
    *(
        Refused(
            f"owned flag {argument}",
            ("engine.extraArgs", argument.partition("=")[0], "use its field"),
            flag(argument),
        )
        for owned in OWNED_FLAGS
        for argument in (owned, f"{owned}=x", owned[:-1], f"{owned}-x")
    ),
    Refused("alias of an owned flag", ("extraArgs", "--model"), flag("--model=/x")),
    Refused("argument without dashes", ("extraArgs", "--name=value"), flag("tp-size=2")),
    Refused("value apart", ("extraArgs", "one item"), flag("--tp-size", "2")),
    Refused("expansion", ("extraArgs", "without $"), flag("--random-seed=$(SECRET)")),
    Refused("line break", ("extraArgs", "--name=value"), flag("--random-seed=1\n2")),
    Refused(
        "flag given twice",
        ("engine.extraArgs", "remove the duplicate"),
        flag("--random-seed=1", "--random-seed=2"),
    ),
    Refused("33 arguments", ("extraArgs", "32"), flag(*(f"--random-seed-{n}" for n in range(33)))),
    Refused("cuda without GPU", ("resources.gpus", "at least 1"), {"resources": {"gpus": 0}}),
    Refused(
        "cpu with GPU",
        ("resources.gpus", "0 with cpu"),
        {"engine": {"device": "cpu"}, "resources": {"gpus": 1}},
    ),
    Refused("bad cpu", ("resources.cpu", "such as 8"), {"resources": {"cpu": "0"}}),
    Refused("bad memory", ("resources.memory", "48Gi"), {"resources": {"memory": "48GB"}}),
    Refused(
        "bad shared memory", ("resources.sharedMemory", "8Gi"), {"resources": {"sharedMemory": ""}}
    ),
    Refused(
        "shared memory takes all",
        ("resources.sharedMemory", "raise memory"),
        {"resources": {"memory": "8Gi"}},
    ),
    Refused(
        "bad runtime class",
        ("placement.runtimeClassName", "RuntimeClass"),
        {"placement": {"runtimeClassName": "N V"}},
    ),
    Refused(
        "bad priority class",
        ("placement.priorityClassName", "PriorityClass"),
        {"placement": {"priorityClassName": "A"}},
    ),
    Refused(
        "selector key with a space",
        ("placement.nodeSelector", "label keys", "nvidia.com/gpu.product"),
        {"placement": {"nodeSelector": {"gpu product": "a"}}},
    ),
    Refused(
        "selector key with two slashes",
        ("placement.nodeSelector", "label keys"),
        {"placement": {"nodeSelector": {"a/b/c": "a"}}},
    ),
    Refused(
        "selector key too long",
        ("placement.nodeSelector", "label keys", "at most 63"),
        {"placement": {"nodeSelector": {"a" * 64: "a"}}},
    ),
    Refused(
        "selector value with a space",
        ("placement.nodeSelector", "label values"),
        {"placement": {"nodeSelector": {"a": "RTX 5090"}}},
    ),
    Refused(
        "toleration key",
        ("placement.tolerations.key", "a label key"),
        tolerate(key="-a", operator="Exists"),
    ),
    Refused(
        "toleration value",
        ("placement.tolerations.value", "a label value"),
        tolerate(key="a", value="a/b"),
    ),
    Refused("Equal without key", ("tolerations", "set key"), tolerate(value="a")),
    Refused(
        "Exists with value",
        ("tolerations", "remove value"),
        tolerate(key="a", operator="Exists", value="b"),
    ),
    Refused(
        "seconds without NoExecute",
        ("tolerationSeconds", "NoExecute"),
        tolerate(key="a", value="b", tolerationSeconds=5),
    ),
    Refused(
        "negative headroom",
        ("memoryPolicy.headroom", "at least 0"),
        {"memoryPolicy": {"headroom": "-1Gi"}},
    ),
    Refused("unknown admission", ("admission", "Enforce"), {"memoryPolicy": {"admission": "No"}}),
    Refused("empty cache", ("cache.size", "40Gi"), {"cache": {"size": "0"}}),
    Refused("bad cache claim", ("cache.claimName", "name"), {"cache": {"claimName": "A"}}),
    Refused("bad class", ("cache.storageClassName", "name"), {"cache": {"storageClassName": "A"}}),
    Refused("bad keys", ("apiKeySecretRef.name", "Secret"), {"apiKeySecretRef": {"name": "A"}}),
    *(
        Refused(f"{name} {text!r}", (f"rollout.{name}", "must be from"), {"rollout": {name: text}})
        for name, texts in {
            "drainTimeout": ("1h1s", "", "5", "-5m", "1d"),
            "downloadTimeout": ("59s", "49h", "2h30"),
            "startupTimeout": ("9s", "6h1m", "1.5h"),
        }.items()
        for text in texts
    ),
    Refused("negative replicas", ("spec.replicas", "0"), {"replicas": -1}),
    Refused("unknown activation", ("activation", "Routed"), {"activation": "Sometimes"}),
]

ACCEPTED: dict[str, Manifest] = {
    "the base": {},
    "hub": {
        "source": hub(exclude=["original/*"], tokenSecretRef={"name": "hub"}),
        "cache": {"size": "1.5Ti", "storageClassName": "fast"},
    },
    "web": {"source": web(path="a/b.bin", url="https://[::1]:8443/a?b=c")},
    "claim": {"source": claim(path="qwen/awq-4bit")},
    "claim's root": {"source": claim(path="")},
    "names with dots and slashes": {"servedName": "openai/gpt-oss.20b", "quantization": "w8a8_fp8"},
    "empty strings mean unset": {
        "servedName": "",
        "quantization": "",
        "engine": {
            "image": "",
            "kvCacheDtype": "",
            "memFractionStatic": "",
            "attentionBackend": "",
            "reasoningParser": "",
            "toolCallParser": "",
            "quantizationFlag": "",
            "extraArgs": [],
        },
        "placement": {"runtimeClassName": "", "priorityClassName": ""},
        "cache": {"claimName": "", "storageClassName": ""},
        "apiKeySecretRef": {"name": ""},
    },
    "image by digest": engine(image=f"ghcr.io:5000/a/sglang@sha256:{DIGEST}"),
    "cpu": {"engine": {"device": "cpu", "kvCacheDtype": "bf16"}, "resources": {"gpus": 0}},
    "two GPUs": {"resources": {"gpus": 2, "cpu": "500m", "memory": "1e11"}},
    "FP8": engine(kvCacheDtype="fp8_e4m3", memFractionStatic="0.9999"),
    "small fraction": engine(memFractionStatic="0.05"),
    "free flags": flag(
        "--schedule-policy=lpm",
        "--moe-runner-backend=marlin",
        "--swa-full-tokens-ratio=0.2",
        "--cuda-graph-max-bs-decode=8",
        "--sampling-backend=pytorch",
        "--grammar-backend=xgrammar",
        "--constrained-json-disable-any-whitespace",
        "--max-total-tokens=65536",
        "--skip-server-warmup",
        "--tp-size=2",
        "--model-checksum=a/b",
        '--json-model-override-args={"a": 1}',
    ),
    "32 arguments of 256 characters": flag(
        *(f"--long-{n:02}=".ljust(256, "x") for n in range(32)),
    ),
    "tolerations": {
        "placement": {
            "nodeSelector": {
                "nvidia.com/gpu.product": "NVIDIA-GeForce-RTX-5090",
                "a.b-c.example/D_e.f-" + "g" * 56: "h" * 63,
                "empty": "",
            },
            "tolerations": [
                {"operator": "Exists"},
                {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"},
                {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5},
            ],
        }
    },
    "bounds": {
        "replicas": 0,
        "engine": {"contextLength": 1048576, "maxRunningRequests": 4096},
        "rollout": {"drainTimeout": "0s", "downloadTimeout": "48h", "startupTimeout": "5h59m60s"},
        "memoryPolicy": {"headroom": "0"},
    },
}


def merged(base: Manifest, change: Manifest) -> Manifest:
    """Return a JSON merge of both."""
    result = copy.deepcopy(base)
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def manifest(spec: Manifest, name: str = "base") -> Manifest:
    return merged(BASE, {"metadata": {"name": name}, "spec": spec})


class Models:
    """ReflexModels in namespace `default`. Without `keep` the server only pretends."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = client.CustomObjectsApi(api)
        self._where = (GROUP, VERSION, "default", PLURAL)

    def create(self, body: Manifest, *, keep: bool = False) -> Any:
        return self._api.create_namespaced_custom_object(
            *self._where, body, dry_run=None if keep else "All"
        )

    def patch(self, name: str, spec: Manifest) -> Any:
        kind = "application/merge-patch+json"
        return self._api.patch_namespaced_custom_object(
            *self._where, name, {"spec": spec}, dry_run="All", _content_type=kind
        )


def refusal(call: Callable[[], object]) -> str:
    """Return what the server says about a body that it refuses, or nothing."""
    try:
        call()
    except client.ApiException as error:
        if error.status != 422 or not error.body:
            raise
        return str(json.loads(error.body)["message"])
    return ""


@pytest.fixture(scope="module")
def kubectl(control_plane: ControlPlane) -> Kubectl:
    program = Tools().path("kubectl")

    def run(*arguments: str) -> str:
        command = [str(program), f"--kubeconfig={control_plane.kubeconfig}", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def models(control_plane: ControlPlane, kubectl: Kubectl) -> Iterator[Models]:
    kubectl("apply", "--server-side", "-f", str(CRD))
    api = config.new_client_from_config(str(control_plane.kubeconfig))  # type: ignore[no-untyped-call]
    found = Models(api)
    deadline = time.monotonic() + 30
    while True:  # the endpoint serves a moment after the CRD exists
        try:
            found.create(BASE)
            break
        except client.ApiException as error:
            if error.status != 404 or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    yield found
    kubectl("delete", "rm", "--all", "-n", "default")


@pytest.fixture(scope="module")
def answers(models: Models) -> dict[str, str]:
    return {
        case.name: refusal(partial(models.create, manifest(case.spec, case.model)))
        for case in REFUSED
    }


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_a_wrong_spec_is_refused_with_field_and_fix(case: Refused, answers: dict[str, str]) -> None:
    answer = answers[case.name]

    assert answer, "it was accepted"
    assert [word for word in case.words if word not in answer] == [], answer


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_right_spec_is_accepted(name: str, models: Models) -> None:
    models.create(manifest(ACCEPTED[name]))


SERVER_ONLY = {"Equal without key", "Exists with value", "seconds without NoExecute"}


def test_the_operator_refuses_and_accepts_the_same() -> None:
    """An older CRD may let through what the operator cannot use: it must notice by itself."""

    def readable(spec: Manifest) -> bool:
        try:
            ReflexModel.parse(manifest(spec))
        except SpecError:
            return False
        return True

    of_spec = [case for case in REFUSED if case.spec and case.name not in SERVER_ONLY]
    assert [case.name for case in of_spec if readable(case.spec)] == []
    assert [name for name, spec in ACCEPTED.items() if not readable(spec)] == []


@pytest.mark.parametrize("name", ["gpt-oss-20b", "qwen2.5-coder-32b", "a", LONG_ENOUGH])
def test_a_name_may_hold_dots_and_50_characters(name: str, models: Models) -> None:
    models.create(manifest({}, name))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_samples_are_accepted_as_they_are(path: Path, kubectl: Kubectl, models: Models) -> None:
    kubectl("apply", "--dry-run=server", "--validate=strict", "-f", str(path))


TRANSITIONS: dict[str, tuple[Manifest, str]] = {
    "claim": ({"cache": {"claimName": "b"}}, "cache.claimName is immutable: create another"),
    "claim removed": ({"cache": {"claimName": None}}, "cache.claimName is immutable"),
    "class": ({"cache": {"storageClassName": "b"}}, "cache.storageClassName is immutable"),
    "class removed": ({"cache": {"storageClassName": ""}}, "cache.storageClassName is immutable"),
    "cache removed": ({"cache": None}, "cache.claimName is immutable"),
    "smaller": ({"cache": {"size": "9Gi"}}, "cache.size cannot shrink, as a volume cannot; keep"),
}


@pytest.fixture(scope="module")
def existing(models: Models) -> str:
    spec = {"cache": {"claimName": "a", "storageClassName": "a", "size": "10Gi"}}
    models.create(manifest(spec, "existing"), keep=True)
    models.create(manifest({}, "plain"), keep=True)
    return "existing"


@pytest.mark.parametrize("name", TRANSITIONS)
def test_what_is_immutable_cannot_change(name: str, existing: str, models: Models) -> None:
    change, words = TRANSITIONS[name]

    assert words in refusal(lambda: models.patch(existing, change))


def test_a_class_cannot_be_set_later(existing: str, models: Models) -> None:
    change = {"cache": {"storageClassName": "fast"}}

    assert "storageClassName is immutable" in refusal(lambda: models.patch("plain", change))


def test_the_rest_can_change(existing: str, models: Models) -> None:
    models.patch(existing, {"cache": {"size": "10240Mi", "retain": False}})
    models.patch(existing, {"cache": {"size": "11Gi"}})
    models.patch(existing, {"source": claim(), "engine": {"contextLength": 8192}})


def test_every_rule_of_the_crd_is_covered_above(
    answers: dict[str, str], existing: str, models: Models
) -> None:
    said = "\n".join(answers.values())
    for change, _ in TRANSITIONS.values():
        said += refusal(partial(models.patch, existing, change))

    def expected(rule: Manifest) -> list[str]:
        """Return the texts that the server shows: literals of the expression, or the message."""
        found: list[str] = re.findall('"([^"]{9,})"', rule.get("messageExpression", ""))
        return found or [rule["message"]]

    assert [
        one for rule in rules(reflex_model()) for one in expected(rule) if one not in said
    ] == []


def rules(node: object) -> Iterator[Manifest]:
    if isinstance(node, dict):
        yield from node.get(RULES, [])
        for child in node.values():
            yield from rules(child)
    elif isinstance(node, list):
        for child in node:
            yield from rules(child)


def test_defaults_are_filled_in(models: Models) -> None:
    spec = models.create(manifest({"source": hub(tokenSecretRef={"name": "hub"})}))["spec"]

    assert spec == {
        "replicas": 1,
        "activation": "Always",
        "suspend": False,
        "source": {
            "huggingFace": {
                "repo": "a/b",
                "revision": COMMIT,
                "tokenSecretRef": {"name": "hub", "key": "token"},
            }
        },
        "engine": {
            "device": "cuda",
            "contextLength": 4096,
            "maxRunningRequests": 8,
            "chunkedPrefillSize": 2048,
            "trustRemoteCode": False,
        },
        "resources": {"cpu": "4", "memory": "32Gi", "sharedMemory": "8Gi"},
        "memoryPolicy": {"admission": "Enforce", "headroom": "1Gi"},
        "cache": {"size": "40Gi", "retain": True},
        "rollout": {
            "drainTimeout": "5m",
            "downloadTimeout": "2h",
            "startupTimeout": "15m",
            "restoreOnFailure": True,
        },
    }


def test_unknown_fields_are_pruned(models: Models) -> None:
    spec = models.create(manifest({"podTemplate": {"hostNetwork": True}}))["spec"]

    assert "podTemplate" not in spec


def test_kubectl_explains_a_field(kubectl: Kubectl, models: Models) -> None:
    deadline = time.monotonic() + 30
    while True:  # the OpenAPI document follows the CRD after a moment
        try:
            text = kubectl("explain", "rm.spec.engine.kvCacheDtype")
            break
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)

    assert "fp8_e4m3 on cuda, auto on cpu" in " ".join(text.split())


@pytest.fixture(scope="module")
def served(existing: str, kubectl: Kubectl) -> str:
    """`existing` with a status as the operator writes it."""
    condition = {
        "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "message": "serving",
    }
    status = {
        "observedGeneration": 1,
        "replicas": 1,
        "readyReplicas": 1,
        "selector": f"{GROUP}/model=existing",
        "endpoint": "http://existing.default.svc:80/v1",
        "resolved": {"revisionHash": "abc", "node": "gpu-0", "args": ["--model-path=/a"]},
        "memory": {"headroom": "2048Mi", "kvTokens": 4096, "source": "Measured"},
        "startup": {"restarts": 3, "startedAt": "2026-01-01T00:00:00Z", "durationSeconds": 9},
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "Serving", **condition},
            {"type": "Resident", "status": "True", "reason": "Resident", **condition},
        ],
    }
    patch = json.dumps({"status": status})
    kubectl("patch", "rm", existing, "--subresource=status", "--type=merge", f"--patch={patch}")
    got = json.loads(kubectl("get", "rm", existing, "-o", "json"))["status"]
    assert got == status, "the server pruned a part of the status"
    return existing


def test_columns_answer_what_it_waits_for(served: str, kubectl: Kubectl) -> None:
    head, row = (line.split() for line in kubectl("get", "rm", served).splitlines())

    assert head == ["NAME", "READY", "REASON", "RESIDENT", "NODE", "CONTEXT", "AGE"]
    assert row[:-1] == [served, "True", "Serving", "True", "gpu-0", "4096"]


def test_wide_columns_add_headroom_restarts_and_endpoint(served: str, kubectl: Kubectl) -> None:
    head, row = (line.split() for line in kubectl("get", "rm", served, "-o", "wide").splitlines())
    shown = dict(zip(head, row, strict=True))

    assert shown["HEADROOM"] == "2048Mi"
    assert shown["RESTARTS"] == "3"
    assert shown["ENDPOINT"] == "http://existing.default.svc:80/v1"


def test_scale_reads_and_writes_replicas(served: str, kubectl: Kubectl) -> None:
    before = kubectl("get", "rm", served, "-o", "jsonpath={.spec.replicas}")
    kubectl("scale", "rm", served, "--replicas=2")
    path = f"/apis/{GROUP}/{VERSION}/namespaces/default/{PLURAL}/{served}/scale"
    scale = json.loads(kubectl("get", "--raw", path))

    assert before == "1"
    assert scale["spec"] == {"replicas": 2}
    assert scale["status"] == {"replicas": 1, "selector": f"{GROUP}/model=existing"}


def test_the_category_lists_models(served: str, kubectl: Kubectl) -> None:
    assert f"reflexmodel.{GROUP}/{served}" in kubectl("get", "reflex", "-o", "name")


def test_the_file_is_what_the_server_holds(kubectl: Kubectl, models: Models) -> None:
    """Nothing in it is dropped: what the server does not know would be pruned in silence."""
    stored = json.loads(kubectl("get", "crd", f"{PLURAL}.{GROUP}", "-o", "json"))

    assert stored["spec"]["versions"] == yaml.safe_load(CRD.read_text())["spec"]["versions"]
