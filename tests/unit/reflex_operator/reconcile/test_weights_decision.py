"""From a source to complete weights: which step follows, and what each failure is called."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import states
from reflex_api.catalogue import Catalogue, CatalogueEntry
from reflex_api.conditions import Reason
from reflex_api.model import ReflexModel
from reflex_api.weights import Architecture, Inspection, WeightsProgress, WeightsResult
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.engine import Finding
from reflex_operator.reconcile.model import reconcile
from reflex_operator.reconcile.plan import Plan, SecretState, WeightsReport
from reflex_operator.reconcile.weights import may_pull, retry_pause

HUB = {"huggingFace": {"repo": "a/b", "revision": "0" * 40}}
OTHER = {"huggingFace": {"repo": "a/b", "revision": "1" * 40}}
TOKEN = {"huggingFace": {**HUB["huggingFace"], "tokenSecretRef": {"name": "hub", "key": "t"}}}
CUDA: dict[str, Any] = {
    "source": HUB,
    "engine": {"device": "cuda", "contextLength": 4096},
    "resources": {"memory": "40Gi"},
}


def world(**spec: Any) -> states.World:
    return states.World(model=states.model(**{"source": HUB, **spec}))


def started(**spec: Any) -> tuple[states.World, Manifest]:
    """A world whose download Job exists, and the Job."""
    w = world(**spec)
    for _ in range(3):
        w.carry_out(w.plan())
    job = w.job()
    assert job is not None
    return w, job


def failed(pod: Manifest | None = None, **condition: str) -> states.World:
    """A world whose download failed for good, with its pod's last status."""
    w, job = started()
    w.weights_pods = [states.weights_pod(job, **pod)] if pod is not None else []
    w.end_job(job, "Failed", **{"reason": "BackoffLimitExceeded", **condition})
    return w


def conditions(plan: Plan) -> dict[str, Manifest]:
    assert plan.status is not None
    return {one["type"]: one for one in plan.status["conditions"]}


def kinds(plan: Plan) -> list[str]:
    return [one["kind"] for one in plan.apply]


def edit(w: states.World, **spec: Any) -> None:
    w.model["spec"].update(spec)
    w.model["metadata"]["generation"] += 1


def test_claim_then_download_then_engine() -> None:
    w = world()
    assert kinds(w.plan()) == ["NetworkPolicy", "NetworkPolicy", "PersistentVolumeClaim"]
    w.carry_out(w.plan())
    assert kinds(w.plan()) == ["NetworkPolicy", "NetworkPolicy", "Job"]
    w.carry_out(w.plan())
    plan = w.plan()
    assert w.child("Deployment") is None, "a waiting pod would hold the GPU"
    assert conditions(plan)["ModelCached"]["reason"] == "Downloading"
    assert conditions(plan)["Scheduled"]["reason"] == "WaitingForWeights"
    assert conditions(plan)["EngineReady"]["reason"] == "WaitingForWeights"
    assert conditions(plan)["Ready"]["reason"] == "Downloading"
    w.settle()
    assert states.condition(w, "ModelCached")["reason"] == "Downloaded"
    assert states.condition(w, "Ready")["reason"] == "Serving"
    assert w.model["status"]["resolved"]["sourceRevision"] == "0" * 40
    assert w.model["status"]["download"] == {"bytesDone": 12 << 30, "bytesTotal": 12 << 30}
    assert w.jobs_started == 1


def test_the_engine_reads_the_folder_that_the_download_filled() -> None:
    w = world()
    w.settle()
    job, deployment = w.job(), w.child("Deployment")
    assert job is not None
    assert deployment is not None
    arguments = job["spec"]["template"]["spec"]["containers"][0]["args"]
    into = arguments[arguments.index("--into") + 1]
    (engine,) = deployment["spec"]["template"]["spec"]["containers"]
    (mount,) = [one for one in engine["volumeMounts"] if one["name"] == "weights"]
    assert into == f"/cache/{mount['subPath']}"
    assert mount["readOnly"]
    assert f"--model-path={mount['mountPath']}" in engine["args"]


@pytest.mark.parametrize(
    ("spec", "known", "inspected"),
    [
        (CUDA, False, True),
        (CUDA, True, False),
        ({**CUDA, "memoryPolicy": {"admission": "Off"}}, False, False),
        ({}, False, False),  # on cpu no GPU's size decides anything
        ({**CUDA, "source": {"http": {"files": [
            {"path": "config.json", "url": "http://h/c", "sha256": "2" * 64}]}}}, False, True),
        ({**CUDA, "source": {"http": {"files": [
            {"path": "weights.gguf", "url": "http://h/w", "sha256": "2" * 64}]}}}, False, False),
    ],
)  # fmt: skip
def test_only_an_unknown_model_whose_size_decides_is_inspected(
    spec: dict[str, Any], known: bool, inspected: bool
) -> None:
    w = world(**spec)
    if known:
        entry = CatalogueEntry(
            repo="A/b",
            architecture=Architecture(name="X", layers=1, kv_heads=1, head_dim=1),
            weights_bytes=1,
            sources=("config.json",),
        )
        w.defaults = replace(w.defaults, catalogue=Catalogue(models=(entry,)))
    w.settle()
    assert w.jobs_started == 1 + inspected
    assert (w.job("inspect") is not None) is inspected
    assert states.condition(w, "ModelCached")["reason"] == "Downloaded"


def test_nothing_is_downloaded_before_the_inspections_words_were_seen() -> None:
    w = world(**CUDA)
    w.carry_out(w.plan())
    w.carry_out(w.plan())
    inspect = w.job("inspect")
    assert inspect is not None
    w.weights_pods = [states.weights_pod(inspect)]
    w.end_job(inspect, "Complete")  # the Jobs' watch is ahead of the pods'
    plan = w.plan()
    assert "Job" not in kinds(plan)
    assert conditions(plan)["ModelCached"]["reason"] == "Inspecting"
    found = Inspection(revision="0" * 40, download_bytes=1)
    w.weights_pods = [states.weights_pod(inspect, **states.ended(WeightsResult(inspection=found)))]
    assert "Job" in kinds(w.plan())


def test_what_does_not_fit_is_not_pulled() -> None:
    no = Finding(status="False", reason=Reason.INSUFFICIENT_GPU_MEMORY)
    enforced, warned = (
        ReflexModel.parse(states.model(**{**CUDA, "memoryPolicy": {"admission": admission}}))
        for admission in ("Enforce", "Warn")
    )
    assert not may_pull(enforced, no)
    assert may_pull(warned, no)
    assert may_pull(enforced, Finding(status="Unknown", reason=Reason.NOT_MEASURED))


def test_a_model_that_does_not_fit_is_inspected_and_never_downloaded() -> None:
    w = world(**CUDA)
    w.nodes["node-1"]["metadata"]["labels"]["nvidia.com/gpu.memory"] = "32607"
    architecture = Architecture(name="X", layers=48, kv_heads=4, head_dim=128)
    found = Inspection(
        revision="0" * 40, download_bytes=1, weights_bytes=31 << 30, architecture=architecture
    )
    w.result = WeightsResult(inspection=found)
    w.settle()
    assert w.job("inspect") is not None
    assert w.job() is None
    assert w.child("Deployment") is None
    assert states.condition(w, "Ready")["reason"] == "InsufficientGPUMemory"
    assert "needs 31.2 GiB of weights" in states.condition(w, "MemoryFits")["message"]


SCHEDULER = "0/1 nodes are available: "


@pytest.mark.parametrize(
    ("pod", "reason", "evidence"),
    [
        (states.ended(WeightsResult(failure=name, message="why"), code=1), name, "why")
        for name in (
            "SourceUnauthorized",
            "SourceNotFound",
            "SourceUnreachable",
            "OutOfSpace",
            "DownloadTruncated",
            "DigestMismatch",
            "DownloadFailed",
        )
    ]
    + [
        (
            {"phase": "Failed", "reason": "Evicted", "message": "low on ephemeral-storage"},
            "DownloadEvicted",
            "low on ephemeral-storage",
        ),
        (
            {
                "phase": "Failed",
                "conditions": [
                    {"type": "DisruptionTarget", "status": "True", "message": "preempted by x"}
                ],
            },
            "DownloadEvicted",
            "preempted by x",
        ),
        (
            states.ended(WeightsResult(failure="DownloadTimedOut", message="at 3 GiB"), code=143),
            "DownloadEvicted",  # a signal, and not the Job's deadline
            "at 3 GiB",
        ),
        (states.ended("", code=137, reason="OOMKilled"), "DownloadOOMKilled", ""),
        (states.ended("Traceback: boom", code=1), "DownloadFailed", "boom"),
        (states.ended("", code=2), "DownloadFailed", "exit code 2"),
    ],
)
def test_why_a_download_failed_is_named(pod: Manifest, reason: str, evidence: str) -> None:
    plan = failed(pod).plan()
    for name in ("ModelCached", "Ready"):
        seen = conditions(plan)[name]
        assert (seen["status"], seen["reason"]) == ("False", reason)
        assert evidence in seen["message"]
    assert "Job" not in kinds(plan), "not at once again"


def test_a_deadline_is_named_with_how_far_it_came() -> None:
    last = states.ended(
        WeightsResult(failure="DownloadTimedOut", message="stopped with 3.1 GiB"), code=143
    )
    w = failed(last, reason="DeadlineExceeded", message="Job was active longer than specified")
    assert conditions(w.plan())["Ready"]["reason"] == "DownloadTimedOut"
    assert "3.1 GiB" in conditions(w.plan())["Ready"]["message"]
    w = failed(None, reason="DeadlineExceeded", message="Job was active longer than specified")
    assert "active longer" in conditions(w.plan())["Ready"]["message"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ('persistentvolumeclaim "tiny-cache" not found.', "ClaimNotFound"),
        ("pod has unbound immediate PersistentVolumeClaims.", "ClaimPending"),
        ("2 node(s) didn't match Pod's node affinity/selector.", "NodeNotFound"),
        ("1 node(s) had volume node affinity conflict.", "VolumeNodeAffinityConflict"),
        ("1 Insufficient memory.", "Unschedulable"),
    ],
)
def test_why_a_download_has_no_node_is_named(words: str, reason: str) -> None:
    w, job = started()
    unscheduled = {"type": "PodScheduled", "status": "False", "message": SCHEDULER + words}
    pod = states.weights_pod(
        job, phase="Pending", podIP="", conditions=[unscheduled], containerStatuses=[]
    )
    pod["spec"] = {}
    w.weights_pods = [pod]
    seen = conditions(w.plan())["ModelCached"]
    assert seen["reason"] == reason
    assert words[:20] in seen["message"]


@pytest.mark.parametrize(
    ("why", "words", "reason"),
    [
        ("ImagePullBackOff", "Back-off pulling image", "ImagePullError"),
        ("CreateContainerConfigError", 'secret "hub" not found', "SecretNotFound"),
        ("CreateContainerConfigError", "no user", "ContainerStartError"),
        ("ContainerCreating", "", "Downloading"),
    ],
)
def test_why_a_downloads_container_does_not_start_is_named(
    why: str, words: str, reason: str
) -> None:
    w, job = started()
    container = {"name": "weights", "state": {"waiting": {"reason": why, "message": words}}}
    w.weights_pods = [states.weights_pod(job, phase="Pending", containerStatuses=[container])]
    plan = w.plan()
    assert conditions(plan)["ModelCached"]["reason"] == reason
    assert plan.weights is None


def test_a_claim_that_stays_unbound_is_named_although_the_scheduler_is_silent() -> None:
    w, job = started()
    pod = states.weights_pod(job, phase="Pending", podIP="", containerStatuses=[])
    pod["spec"] = {}
    w.weights_pods = [pod]
    w.children[w.claim_ref]["status"] = {"phase": "Pending"}
    plan = w.plan()
    assert conditions(plan)["ModelCached"]["reason"] == "Downloading"
    assert plan.requeue_after is not None
    w.now += plan.requeue_after
    assert conditions(w.plan())["ModelCached"]["reason"] == "ClaimPending"


@pytest.mark.parametrize("state", [SecretState.MISSING, SecretState.KEY_MISSING])
def test_a_missing_token_is_named_and_nothing_is_started(state: SecretState) -> None:
    w = world(source=TOKEN)
    w.token = state
    w.carry_out(w.plan())
    plan = w.plan()
    assert "Job" not in kinds(plan)
    assert conditions(plan)["Ready"]["reason"] == "SecretNotFound"
    assert "default/hub" in conditions(plan)["Ready"]["message"]
    assert ("has no `t`" in conditions(plan)["Ready"]["message"]) is (
        state is SecretState.KEY_MISSING
    )
    assert plan.requeue_after == timedelta(seconds=10)


def test_a_trouble_that_lasts_is_named_while_it_is_tried_again() -> None:
    w, job = started()
    pod = states.weights_pod(job)
    w.weights_pods = [pod]
    progress = WeightsProgress(
        bytes_done=0, bytes_per_second=0, failure="SourceUnreachable", message="no route to hub"
    )
    w.report = WeightsReport(pod_uid=pod["metadata"]["uid"], progress=progress, at=w.now)
    seen = conditions(w.plan())["Ready"]
    assert seen["reason"] == "SourceUnreachable"
    assert "no route to hub" in seen["message"]


def test_a_running_download_is_asked_every_five_seconds() -> None:
    w, job = started()
    w.weights_pods = [states.weights_pod(job)]
    plan = w.plan()
    assert plan.weights is not None
    assert plan.weights.url == "http://10.244.0.9:8090/progress"
    w.carry_out(plan)
    assert w.plan().weights is None
    assert w.plan().requeue_after == timedelta(seconds=5)
    w.now += timedelta(seconds=5)
    assert w.plan().weights is not None


def test_a_final_failure_is_tried_again_only_when_somebody_asks() -> None:
    w = failed(states.ended(WeightsResult(failure="SourceUnauthorized"), code=1))
    w.now += timedelta(days=1)
    w.settle()
    assert w.jobs_started == 1
    w.model["metadata"]["annotations"] = {"reflexstack.dev/retry": "1"}
    w.settle()
    assert w.jobs_started == 2
    assert states.condition(w, "Ready")["reason"] == "Serving"


def test_a_corrected_spec_is_tried_at_once_and_the_failed_job_is_deleted() -> None:
    w = failed(states.ended(WeightsResult(failure="DownloadTimedOut"), code=1),
               reason="DeadlineExceeded")  # fmt: skip
    before = w.job()
    assert before is not None
    edit(w, rollout={"downloadTimeout": "8h"})
    plan = w.plan()
    assert [ref.name for ref in plan.delete] == [before["metadata"]["name"]]
    (job,) = [one for one in plan.apply if one["kind"] == "Job"]
    assert job["spec"]["activeDeadlineSeconds"] == 8 * 3600
    w.settle()
    assert states.condition(w, "Ready")["reason"] == "Serving"


def test_a_passing_failure_is_tried_again_after_a_growing_pause() -> None:
    w = failed(states.ended(WeightsResult(failure="SourceUnreachable"), code=1))
    plan = w.plan()
    assert plan.requeue_after == retry_pause(0) == timedelta(seconds=30)
    w.now += plan.requeue_after
    w.carry_out(w.plan())
    job = w.job()
    assert job is not None
    assert w.jobs_started == 2
    w.weights_pods = [
        states.weights_pod(job, **states.ended(WeightsResult(failure="SourceUnreachable"), code=1))
    ]
    w.end_job(job, "Failed", reason="BackoffLimitExceeded")
    assert w.plan().requeue_after == retry_pause(1) == timedelta(minutes=1)
    assert retry_pause(99) == timedelta(minutes=30)


def test_a_download_that_was_killed_without_a_word_is_tried_again() -> None:
    w = failed(states.ended("", code=137))
    w.carry_out(w.plan())
    assert states.condition(w, "Ready")["reason"] == "DownloadFailed"
    w.now += retry_pause(0)
    w.settle()
    assert w.jobs_started == 2
    assert states.condition(w, "Ready")["reason"] == "Serving"


def test_another_source_is_fetched_while_the_old_engine_serves() -> None:
    w = world()
    w.settle()
    old = w.child("Deployment")
    revision = w.model["status"]["resolved"]["revisionHash"]
    edit(w, source=OTHER)
    for _ in range(4):
        w.carry_out(w.plan())
    assert w.child("Deployment") is old
    assert w.model["status"]["resolved"]["revisionHash"] == revision
    assert w.model["status"]["resolved"]["sourceRevision"] == "0" * 40
    assert states.condition(w, "Ready")["status"] == "True"
    cached = states.condition(w, "ModelCached")
    assert (cached["status"], cached["reason"]) == ("False", "Downloading")
    assert ("Normal", "Downloading") in w.events
    job = w.job()
    assert job is not None
    arguments = job["spec"]["template"]["spec"]["containers"][0]["args"]
    (kept,) = arguments[arguments.index("--keep") + 1 : arguments.index("--port")]
    assert kept in str(old), "what the engine reads is not removed"
    w.settle()
    assert w.model["status"]["resolved"]["sourceRevision"] == "1" * 40
    assert w.pods_started == 2


def test_a_source_that_cannot_be_fetched_leaves_the_old_engine_serving() -> None:
    w = world()
    w.settle()
    edit(w, source=OTHER)
    w.carry_out(w.plan())
    job = w.job()
    assert job is not None
    last = states.ended(WeightsResult(failure="SourceNotFound", message="404"), code=1)
    w.weights_pods = [states.weights_pod(job, **last)]
    w.end_job(job, "Failed", reason="BackoffLimitExceeded")
    w.settle()
    assert states.condition(w, "Ready")["reason"] == "Serving"
    assert states.condition(w, "ModelCached")["reason"] == "SourceNotFound"
    assert ("Warning", "SourceNotFound") in w.events


def test_suspend_stops_the_old_engine_while_new_weights_are_fetched() -> None:
    w = world()
    w.settle()
    edit(w, source=OTHER, suspend=True)
    w.carry_out(w.plan())
    deployment = w.child("Deployment")
    assert deployment is not None
    assert deployment["spec"]["replicas"] == 0
    w.settle()
    assert states.condition(w, "Ready")["reason"] == "Suspended"
    assert states.condition(w, "ModelCached")["reason"] == "Downloaded"


def test_an_upgraded_operator_repeats_no_finished_download() -> None:
    w = world()
    w.settle()
    w.defaults = replace(w.defaults, image_weights="example/reflex:2")
    assert not w.carry_out(w.plan())
    assert w.jobs_started == 1


def test_a_claim_that_was_made_anew_is_filled_anew() -> None:
    w = world()
    w.settle()
    del w.children[w.claim_ref]
    w.settle()
    assert w.claims_made == 2
    assert w.jobs_started == 2


def test_a_claim_that_is_being_deleted_gets_no_new_work() -> None:
    w = world()
    w.carry_out(w.plan())
    w.children[w.claim_ref]["metadata"]["deletionTimestamp"] = states.timestamp(w.now)
    plan = w.plan()
    assert not {"Job", "PersistentVolumeClaim"} & set(kinds(plan))
    assert conditions(plan)["Ready"]["reason"] == "ClaimPending"


def test_the_claim_grows_and_never_shrinks() -> None:
    w = world(cache={"size": "20Gi"})
    w.settle()
    edit(w, cache={"size": "30Gi"})
    plan = w.plan()
    assert kinds(plan)[-1] == "PersistentVolumeClaim", "a refusal must hold nothing up"
    w.settle()
    requests = w.children[w.claim_ref]["spec"]["resources"]["requests"]
    assert requests == {"storage": "30Gi"}
    edit(w, cache={"size": "10Gi"})  # a namesake that adopts it wants less
    assert "PersistentVolumeClaim" not in kinds(w.plan())


def test_retain_decides_only_whether_the_claim_has_an_owner() -> None:
    w = world()
    w.settle()
    claim = w.children[w.claim_ref]
    assert "ownerReferences" not in claim["metadata"]
    edit(w, cache={"retain": False})
    w.settle()
    assert w.children[w.claim_ref]["metadata"]["ownerReferences"][0]["uid"] == "uid-tiny"
    assert w.children[w.claim_ref]["spec"]["storageClassName"] == "standard"
    edit(w, cache={"retain": True})
    w.settle()
    assert "ownerReferences" not in w.children[w.claim_ref]["metadata"]
    assert (w.claims_made, w.jobs_started, w.pods_started) == (1, 1, 1)


def test_a_namesake_adopts_the_retained_claim() -> None:
    w = world(cache={"size": "20Gi", "storageClassName": "fast"})
    w.settle()
    claim = w.children[w.claim_ref]
    again = world(cache={"storageClassName": "other"})
    again.model["metadata"]["uid"] = "uid-of-the-second"
    again.children = {w.claim_ref: claim}
    again.settle()
    assert again.claims_made == 0
    assert again.children[w.claim_ref]["spec"]["storageClassName"] == "fast"
    assert states.condition(again, "ModelCached")["reason"] == "Downloaded"


def test_a_users_claim_is_never_touched() -> None:
    w = world(cache={"claimName": "shared"})
    w.settle()
    assert w.claim_ref not in w.children
    job = w.job()
    assert job is not None
    volumes = job["spec"]["template"]["spec"]["volumes"]
    (volume,) = [one for one in volumes if one["name"] == "weights"]
    assert volume["persistentVolumeClaim"] == {"claimName": "shared"}
    arguments = job["spec"]["template"]["spec"]["containers"][0]["args"]
    assert arguments[2].startswith("/cache/models/tiny/"), "others' folders are not beside ours"


def test_a_source_that_needs_no_download_leaves_no_jobs() -> None:
    w = world()
    w.settle()
    edit(w, source={"bundled": {"path": "/models/reflex-tiny"}})
    w.settle()
    assert w.job() is None
    assert w.claim_ref in w.children
    assert states.condition(w, "ModelCached")["reason"] == "Bundled"


def test_without_an_image_for_downloads_nothing_is_tried() -> None:
    w = world()
    snapshot = replace(w.snapshot(), defaults=replace(states.DEFAULTS, image_weights=""))
    plan = reconcile(snapshot, w.now)
    assert plan.apply == ()
    assert conditions(plan)["Accepted"]["reason"] == "ImageNotConfigured"


def test_the_status_waits_a_moment_for_the_first_numbers() -> None:
    w = world()
    w.model["metadata"]["creationTimestamp"] = states.timestamp(w.now)
    w.now += timedelta(seconds=4)
    assert w.plan().status is None
    w.now += timedelta(seconds=1)
    assert conditions(w.plan())["Ready"]["reason"] == "Downloading"
