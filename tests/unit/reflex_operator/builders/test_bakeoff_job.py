"""The pod of a bakeoff: who measures, who compiles, and what they share."""

from typing import Any

from reflex_api.bakeoff import ReflexBakeoff
from reflex_api.bakeoff_job import BakeoffRequest
from reflex_api.bakeoff_spec import LoadSpec
from reflex_api.gate import GateSpec
from reflex_api.route import ReflexRoute
from reflex_operator.builders.bakeoff import bakeoff_job
from reflex_operator.builders.route import member_bakeoff

BAKEOFF = ReflexBakeoff.parse(
    {
        "metadata": {"name": "x", "namespace": "d", "uid": "u", "generation": 1},
        "spec": {"modelRef": {"name": "a"}, "gate": {"suite": "s"}},
    }
)
REQUEST = BakeoffRequest(
    bakeoff="x", attempt=0, model="a", base_url="http://a/v1", gate=GateSpec(suite="s"),
    load=LoadSpec(), seed=0, seconds=60,
)  # fmt: skip


def pod(runner_image: str = "runner:1") -> dict[str, Any]:
    job = bakeoff_job(
        BAKEOFF, REQUEST, image="bakeoff:1", runner_image=runner_image, keys_secret="keys",
        baseline="", resumed=False,
    )  # fmt: skip
    found: dict[str, Any] = job["spec"]["template"]["spec"]
    return found


def test_the_compiler_is_a_sidecar_that_shares_nothing_with_what_measures() -> None:
    found = pod()
    (runner,) = found["initContainers"]
    measure, results = found["containers"]
    assert runner["restartPolicy"] == "Always"
    # The image's own CMD is the program: arguments alone would take its place.
    assert runner["command"][:3] == ["python3", "-m", "reflex_runner"]
    assert "args" not in runner
    shared = {one["name"] for one in runner["volumeMounts"]} & {
        one["name"] for each in (measure, results) for one in each["volumeMounts"]
    }
    assert shared == set()


def test_every_volume_that_is_mounted_exists() -> None:
    for found in (pod(), pod(runner_image="")):
        volumes = {one["name"] for one in found["volumes"]}
        containers = [*found["containers"], *found.get("initContainers", [])]
        mounted = {one["name"] for each in containers for one in each["volumeMounts"]}
        assert mounted == volumes


def test_no_container_has_a_token_or_a_writable_root() -> None:
    found = pod()
    assert found["automountServiceAccountToken"] is False
    for each in [*found["containers"], *found["initContainers"]]:
        assert each["securityContext"]["readOnlyRootFilesystem"] is True
        assert each["resources"]["limits"]["memory"]


def test_a_routes_bakeoff_is_measured_under_the_routes_gate_and_load() -> None:
    gate = {
        "suite": "s",
        "throughput": {"minRooflineShare": "none"},
        "latency": {"itlP95Milliseconds": 0, "maxBlockRatio": "none"},
    }
    evaluation = {"load": {"requests": 59, "answerTokens": 32}}
    metadata = {"name": "r", "namespace": "d", "uid": "u", "generation": 1}
    spec = {"primary": "a", "gate": gate, "evaluation": evaluation}
    route = ReflexRoute.parse({"metadata": metadata, "spec": spec})
    made = member_bakeoff(route, name="x", model="a", baseline="")
    read = ReflexBakeoff.parse({"metadata": metadata, "spec": made["spec"]}).spec
    assert read.gate == route.spec.gate
    assert read.gate.throughput.min_roofline_share is None
    assert (read.load.requests, read.load.answer_tokens) == (59, 32)
    # Where a null would be filled in with the default again.
    assert made["spec"]["gate"]["latency"]["maxBlockRatio"] == "none"
