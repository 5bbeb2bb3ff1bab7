"""The run of a bakeoff as its Job and pod show it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from reflex_api.bakeoff_job import RESULTS_PORT, Receipt
from reflex_api.conditions import parse_time
from reflex_operator.builders.bakeoff import (
    ANNOTATION_ATTEMPT,
    ANNOTATION_BASELINE,
    ANNOTATION_KEY,
    MEASURE,
    RESULTS,
)
from reflex_operator.manifest import Manifest, ObjectRef, ref_of
from reflex_operator.reconcile.bakeoff.snapshot import BakeoffSnapshot, Collected


@dataclass(frozen=True, kw_only=True)
class Run:
    """The last attempt. `over`: `measure` ended; `failure`: without artefacts that count."""

    job: ObjectRef
    attempt: int
    key: str
    baseline: str
    pod: str = ""  # uid
    url: str = ""  # of its results, while they are served
    over: bool = False
    receipt: Receipt | None = None
    failure: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


def last_run(snapshot: BakeoffSnapshot) -> Run | None:
    """Return the last attempt, or None while there is none."""
    jobs = _by_attempt(snapshot)
    if not jobs:
        return None
    job = jobs[-1]
    annotations = job["metadata"].get("annotations") or {}
    pod = _pod_of(job, snapshot.pods)
    containers = _containers(pod)
    ended = ((containers.get(MEASURE) or {}).get("state") or {}).get("terminated") or {}
    running = ((containers.get(RESULTS) or {}).get("state") or {}).get("running")
    address = ((pod or {}).get("status") or {}).get("podIP") or ""
    host = f"[{address}]" if ":" in address else address
    receipt = _receipt(ended)
    began = (containers.get(MEASURE) or {}).get("state") or {}
    return Run(
        job=ref_of({**job, "kind": "Job"}),
        attempt=_attempt(job),
        key=annotations.get(ANNOTATION_KEY, ""),
        baseline=annotations.get(ANNOTATION_BASELINE, ""),
        pod=pod["metadata"]["uid"] if pod else "",
        url=f"http://{host}:{RESULTS_PORT}" if running and address else "",
        over=bool(ended),
        receipt=receipt,
        failure=_failure(job, pod, ended, receipt),
        started_at=parse_time((began.get("running") or ended).get("startedAt")),
        finished_at=parse_time(ended.get("finishedAt")),
    )


def earlier_jobs(snapshot: BakeoffSnapshot) -> tuple[ObjectRef, ...]:
    """Return the Jobs of all attempts but the last."""
    return tuple(ref_of({**job, "kind": "Job"}) for job in _by_attempt(snapshot)[:-1])


def _by_attempt(snapshot: BakeoffSnapshot) -> list[Manifest]:
    jobs = [one for one in snapshot.jobs if not one["metadata"].get("deletionTimestamp")]
    return sorted(jobs, key=lambda one: (_attempt(one), str(one["metadata"]["name"])))


def mismatch(run: Run, collected: Collected) -> str:
    """Return how the artefacts differ from the receipt, or nothing."""
    if run.receipt is None:
        return "there is no receipt"
    pairs = (
        ("verdict.json", collected.verdict, run.receipt.verdict_sha256),
        ("items.json.gz", collected.items, run.receipt.items_sha256),
    )
    for name, content, wanted in pairs:
        if content is None:
            return f"{name} is not served"
        found = hashlib.sha256(content).hexdigest()
        if found != wanted:
            return f"{name} has sha256 {found[:12]}, its pod said {wanted[:12]}"
    return ""


def _failure(
    job: Manifest, pod: Manifest | None, ended: dict[str, Any], receipt: Receipt | None
) -> str:
    """Return why no artefacts can come of this attempt any more, or nothing."""
    for condition in (job.get("status") or {}).get("conditions") or []:
        if condition.get("type") == "Failed" and condition.get("status") == "True":
            words = condition.get("message") or condition.get("reason") or ""
            return _words(ended) or f"the Job failed: {words}"
        if condition.get("type") == "Complete" and condition.get("status") == "True":
            return "the Job is over and nothing serves its artefacts"
    if ended and ended.get("exitCode", 0) != 0:
        return _words(ended)
    if ended and receipt is None:
        return "it ended without a receipt"
    phase = ((pod or {}).get("status") or {}).get("phase")
    return f"its pod {phase.lower()}" if phase in ("Failed", "Succeeded") else ""


def _words(ended: dict[str, Any]) -> str:
    if not ended:
        return ""
    tail = " ".join(str(ended.get("message") or "").split())[-160:]
    head = f"{ended.get('reason') or 'Error'} (exit code {ended.get('exitCode', 0)})"
    return f"{head}: {tail}" if tail else head


def _receipt(ended: dict[str, Any]) -> Receipt | None:
    if not ended or ended.get("exitCode", 0) != 0:
        return None
    try:
        return Receipt.model_validate_json(str(ended.get("message") or ""), extra="ignore")
    except ValidationError:
        return None


def _attempt(job: Manifest) -> int:
    text = (job["metadata"].get("annotations") or {}).get(ANNOTATION_ATTEMPT, "0")
    return int(text) if text.isdigit() else 0


def _pod_of(job: Manifest, pods: Iterable[Manifest]) -> Manifest | None:
    name = job["metadata"]["name"]
    found = [
        pod
        for pod in pods
        if (pod["metadata"].get("labels") or {}).get("batch.kubernetes.io/job-name") == name
    ]
    return max(found, key=lambda one: str(one["metadata"].get("creationTimestamp")), default=None)


def _containers(pod: Manifest | None) -> dict[str, dict[str, Any]]:
    listed = ((pod or {}).get("status") or {}).get("containerStatuses") or []
    return {one["name"]: one for one in listed}
