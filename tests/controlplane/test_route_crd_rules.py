"""The rules of routes and bakeoffs on a real API server: what it refuses, in which words."""

import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reflex_api.bakeoff_spec import ReflexBakeoffSpec
from reflex_api.errors import SpecError
from reflex_api.names import API_VERSION
from reflex_api.resource import parse_as
from reflex_api.route_spec import ReflexRouteSpec
from reflex_lab.controlplane import ControlPlane
from reflex_lab.tools import Tools

pytestmark = pytest.mark.controlplane

REPOSITORY = Path(__file__).parents[2]
Object = dict[str, Any]
Kubectl = Callable[..., str]
ROUTE: Object = {"primary": "a", "fallbacks": ["b"], "gate": {"suite": "s"}}
BAKEOFF: Object = {"modelRef": {"name": "a"}, "gate": {"suite": "s"}}


@pytest.fixture(scope="module")
def kubectl(control_plane: ControlPlane) -> Kubectl:
    tools = Tools()
    tools.ensure(("kubernetes",))
    program = str(tools.path("kubectl"))

    def run(*arguments: str, stdin: str = "", check: bool = True) -> str:
        done = subprocess.run(
            [program, "--kubeconfig", str(control_plane.kubeconfig), *arguments],
            input=stdin, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout + done.stderr

    run("apply", "--server-side", "-f", str(REPOSITORY / "manifests/crds"))
    for plural in ("reflexroutes", "reflexbakeoffs"):
        crd = f"crd/{plural}.reflexstack.dev"
        run("wait", "--for=condition=Established", crd, "--timeout=30s")
    return run


def manifest(kind: str, spec: Object, name: str = "x") -> str:
    body = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
    return json.dumps(body)


def merged(base: Object, change: Object) -> Object:
    made = copy.deepcopy(base)
    for key, value in change.items():
        inner = isinstance(value, dict) and isinstance(made.get(key), dict)
        made[key] = merged(made[key], value) if inner else value
    return {key: value for key, value in made.items() if value is not None}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fallbacks": ["a"]}, "must not hold spec.primary"),
        ({"fallbacks": ["b", "b"]}, "Duplicate value"),
        ({"primary": "Not-A-Name"}, "primary must be the name of a ReflexModel"),
        ({"fallbacks": [f"m{n}" for n in range(9)]}, "must have at most 8 items"),
        ({"evaluation": {"when": "Window"}}, "evaluation.window must be set"),
        ({"evaluation": {"when": "Sometimes"}}, "Unsupported value"),
        ({"evaluation": {"window": {"schedule": "nightly"}}}, "must be five cron fields"),
        ({"evaluation": {"maxOutage": "0s"}}, "evaluation.maxOutage must be from 1m to 24h"),
        ({"failover": {"unhealthyAfter": "2d"}}, "failover.unhealthyAfter must be from 1s to 24h"),
        ({"failover": {"maxSwapsPerHour": 0}}, "maxSwapsPerHour"),
        ({"promotion": {"minBenefit": "1.5"}}, "promotion.minBenefit must be from 0 to 1"),
        ({"slot": {"maxResident": 0}}, "slot.maxResident"),
        ({"gate": {"suite": ""}}, "gate.suite"),
    ],
)
def test_a_wrong_route_is_refused_by_the_server_and_by_the_code(
    change: Object, words: str, kubectl: Kubectl
) -> None:
    spec = merged(ROUTE, change)
    said = kubectl("create", "-f", "-", stdin=manifest("ReflexRoute", spec), check=False)
    assert words in said
    with pytest.raises(SpecError):
        parse_as(ReflexRouteSpec, spec)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"modelRef": None}, "spec.modelRef or spec.endpoint must be set"),
        (
            {"endpoint": {"url": "http://h/v1", "model": "m"}},
            "spec.modelRef or spec.endpoint must be set",
        ),
        (
            {"modelRef": None, "endpoint": {"url": "http://u:p@h/v1", "model": "m"}},
            "without user or password",
        ),
        ({"load": {"requests": 10}}, "load.requests"),
    ],
)
def test_a_wrong_bakeoff_is_refused_by_the_server_and_by_the_code(
    change: Object, words: str, kubectl: Kubectl
) -> None:
    spec = merged(BAKEOFF, change)
    said = kubectl("create", "-f", "-", stdin=manifest("ReflexBakeoff", spec), check=False)
    assert words in said
    with pytest.raises(SpecError):
        parse_as(ReflexBakeoffSpec, spec)


def test_a_bakeoff_never_changes(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=manifest("ReflexBakeoff", BAKEOFF, "fixed"))
    said = kubectl(
        "patch", "rb", "fixed", "--type=merge", "-p", '{"spec": {"seed": 7}}', check=False
    )
    assert "create another ReflexBakeoff" in said


def test_defaults_are_filled_in_and_fields_are_explained(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=manifest("ReflexRoute", ROUTE, "plain"))
    found = json.loads(kubectl("get", "rr", "plain", "-o", "json"))["spec"]
    assert found["failover"]["maxSwapsPerHour"] == 4
    assert found["evaluation"]["when"] == "Idle"
    assert found["promotion"] == {
        "mode": "Gated",
        "minBenefit": "0.05",
        "cooldown": "24h",
        "soak": "30m",
    }
    assert "Default: 5m" in kubectl("explain", "rr.spec.failover.unhealthyAfter")
    assert "plain" in kubectl("get", "rr,rm,rb")


def test_a_limit_that_is_none_survives_kubectl_apply_and_a_patch(kubectl: Kubectl) -> None:
    """A null does not: both take it for "leave it out", and the default is filled in."""
    gate = {"suite": "s", "throughput": {"minRooflineShare": "none"},
            "latency": {"itlP95Milliseconds": 0}}  # fmt: skip
    kubectl("apply", "-f", "-", stdin=manifest("ReflexRoute", ROUTE | {"gate": gate}, "limits"))
    change = {"spec": {"gate": {"latency": {"maxBlockRatio": "none"}}}}
    kubectl("patch", "rr", "limits", "--type=merge", "-p", json.dumps(change))
    stored = json.loads(kubectl("get", "rr", "limits", "-o", "json"))["spec"]
    read = parse_as(ReflexRouteSpec, stored).gate
    assert read.throughput.min_roofline_share is None
    assert read.latency.itl_p95_milliseconds is None
    assert read.latency.max_block_ratio is None
    assert read.latency.ttft_cold_p95_milliseconds == 1000
    said = kubectl(
        "patch", "rr", "limits", "--type=merge", "-p",
        '{"spec": {"gate": {"throughput": {"minRooflineShare": "nil"}}}}', check=False,
    )  # fmt: skip
    assert "such as 0.95, or none" in said


def test_a_null_limit_is_kept_where_it_is_sent_as_one(kubectl: Kubectl) -> None:
    """The operator sends bakeoffs so: by server-side apply."""
    gate = {"suite": "s", "throughput": {"minRooflineShare": None}}
    body = manifest("ReflexBakeoff", BAKEOFF | {"gate": gate}, "sent")
    kubectl("apply", "--server-side", "-f", "-", stdin=body)
    stored = json.loads(kubectl("get", "rb", "sent", "-o", "json"))["spec"]
    assert stored["gate"]["throughput"] == {"minRooflineShare": None}


@pytest.mark.parametrize("path", sorted((REPOSITORY / "manifests/samples/routes").glob("*.yaml")))
def test_the_samples_are_accepted_as_they_are(path: Path, kubectl: Kubectl) -> None:
    kubectl("create", "--dry-run=server", "-f", str(path))
