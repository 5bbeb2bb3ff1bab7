"""A model that is changed in every way at once: what must hold on the way and at rest."""

import copy
import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import states
from reflex_api.names import ANNOTATION_LAST_GOOD, ANNOTATION_RETRY, LABEL_REVISION
from reflex_api.weights import Architecture, Inspection, WeightsResult
from reflex_operator.builders.cache import folders_in
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.choice import ANNOTATION as ANNOTATION_CHOICE
from reflex_operator.reconcile.choice import LABEL_MEMORY

TOO_LONG = "--context-length=1048576"
SPEC: dict[str, Any] = {
    "source": {"huggingFace": {"repo": "a/b", "revision": "0" * 40}},
    "engine": {"device": "cuda", "contextLength": 4096},
    "resources": {"memory": "40Gi"},
}
FOUND = WeightsResult(
    bytes_total=12 << 30,
    inspection=Inspection(
        revision="c0ffee",
        weights_bytes=12 << 30,
        download_bytes=12 << 30,
        architecture=Architecture(name="X", layers=48, kv_heads=4, head_dim=128),
    ),
)
sources = st.sampled_from(
    [{"huggingFace": {"repo": "a/b", "revision": digit * 40}} for digit in "01"]
    + [{"bundled": {"path": "/models/x"}}]
)
engines = st.sampled_from(
    [
        {"device": "cuda", "contextLength": 4096, **more}
        for more in (
            {},
            {"maxRunningRequests": 4},
            {"extraArgs": ["--broken"]},
            {"contextLength": 1 << 20},  # does not fit
            {"chunkedPrefillSize": 2048},  # another choice of memFractionStatic
        )
    ]
)
edits = st.one_of(
    st.builds(lambda one: {"source": one}, sources),
    st.builds(lambda one: {"engine": one}, engines),
    st.builds(lambda one: {"suspend": one}, st.booleans()),
    st.builds(lambda one: {"replicas": one}, st.integers(0, 2)),
)
steps = st.lists(
    st.one_of(
        st.builds(lambda one: ("edit", one), edits),
        st.builds(lambda one: ("passes", one), st.integers(1, 4)),
        st.builds(lambda one: ("node", one), st.sampled_from(["32607", "49140"])),
        st.sampled_from([("retry", 0), ("lost", 0), ("restart", 0), ("drained", 0)]),
    ),
    max_size=10,
)


class Watched(states.World):
    """A world that notes what may never happen."""

    def carry_out(self, plan: Any) -> bool:
        before = self.child("Deployment")
        held = copy.deepcopy(before)
        changed = super().carry_out(plan)
        after = self.child("Deployment")
        if after is not None:
            annotations = after["metadata"].get("annotations") or {}
            if held is not None and held["spec"]["template"] != after["spec"]["template"]:
                good = json.loads(annotations.get(ANNOTATION_LAST_GOOD, "{}"))
                old = held["metadata"].get("annotations") or {}
                assert good or ANNOTATION_LAST_GOOD not in old, "the last good one was forgotten"
            if after["spec"]["replicas"]:
                assert ANNOTATION_CHOICE in annotations
        return changed

    def controllers(self) -> bool:
        count = self.pods_started
        done = super().controllers()
        if self.pods_started > count:
            template = self.child("Deployment")["spec"]["template"]  # type: ignore[index]
            args = template["spec"]["containers"][0]["args"]
            if folders_in(template):  # of a bundled model nobody knows the size
                assert TOO_LONG not in args, "an engine that does not fit was started"
            for folder in folders_in(template):
                assert folder in self.fetched, "an engine without weights was started"
        for ref, job in self.children.items():
            conditions = (job.get("status") or {}).get("conditions") or []
            if ref.kind == "Job" and "-download-" in ref.name and conditions:
                self.fetched |= folders_in(job["spec"]["template"])
        return done

    fetched: set[str]


def walk(walked: Iterable[tuple[str, Any]]) -> Watched:
    node = {"metadata": {"name": "gpu", "labels": {LABEL_MEMORY: "32607"}}}
    world = Watched(
        model=states.model(**copy.deepcopy(SPEC)),
        nodes={"gpu": node},
        result=FOUND,
        broken=frozenset({"--broken"}),
    )
    world.fetched = set()
    world.settle()
    for kind, value in walked:
        world.now += timedelta(seconds=20)
        if kind == "edit":
            world.edit(**value)
        elif kind == "passes":
            for _ in range(value):
                world.carry_out(world.plan())
                world.controllers()
        elif kind == "node":
            labels = {LABEL_MEMORY: value} if value else {}
            world.nodes["gpu"]["metadata"]["labels"] = labels
        elif kind == "retry":
            annotations = world.model["metadata"].setdefault("annotations", {})
            annotations[ANNOTATION_RETRY] = annotations.get(ANNOTATION_RETRY, "") + "x"
        elif kind == "lost":
            world.model.pop("status", None)
            world.probes, world.report = {}, None
        elif kind == "restart":
            world.probes, world.report = {}, None
        elif kind == "drained":
            world.pods = []
    world.now += timedelta(minutes=2)
    return world


@given(steps)
def test_whatever_was_changed_it_comes_to_rest_and_says_what_is(walked: list[Any]) -> None:
    world = walk(walked)
    templates = len(world.templates)
    world.settle()
    assert len(world.templates) - templates <= 2, "templates alternate"
    status, writes, jobs = world.model["status"], world.status_writes, world.jobs_started
    world.probes, world.report = {}, None
    world.settle()
    assert (world.status_writes, world.jobs_started) == (writes, jobs), "a restart wrote"
    conditions = {one["type"]: one for one in status["conditions"]}
    ready, spec = conditions["Ready"], world.model["spec"]
    deployment, service = world.child("Deployment"), world.child("Service")
    serving = [
        p
        for p in world.pods
        if any(c["type"] == "Ready" and c["status"] == "True" for c in p["status"]["conditions"])
    ]
    if spec.get("suspend") or spec.get("replicas") == 0:
        assert not world.pods
        assert ready["reason"] in ("Suspended", "ScaledToZero")
    if ready["status"] == "True":
        assert service is not None
        assert serving
        revision = service["spec"]["selector"][LABEL_REVISION]
        assert all(p["metadata"]["labels"][LABEL_REVISION] == revision for p in serving)
        assert status["resolved"]["revisionHash"] == revision
    if deployment is not None and len(conditions) == 7:
        _resolved_is_right(status, deployment)


def _resolved_is_right(status: Manifest, deployment: Manifest) -> None:
    args = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    resolved = status["resolved"]
    live = deployment["spec"]["template"]["metadata"]["labels"][LABEL_REVISION]
    assert resolved["revisionHash"] == live
    assert resolved["args"] == args
    names = {folder(digit): digit * 40 for digit in "01"}
    expected = {names[one] for one in folders_in(deployment["spec"]["template"])}
    said = resolved.get("sourceRevision")
    if expected and said:
        assert said in expected


def folder(digit: str) -> str:
    from reflex_api.model import ReflexModel
    from reflex_operator.builders.cache import source_digest

    body = copy.deepcopy(SPEC) | {
        "source": {"huggingFace": {"repo": "a/b", "revision": digit * 40}}
    }
    return source_digest(ReflexModel.parse(states.model(**body)).spec.source)
