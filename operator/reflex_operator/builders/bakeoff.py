"""A bakeoff's Job, the policy of its pod, and the ConfigMaps that keep what it found."""

import base64
import hashlib
import json
from pathlib import PurePosixPath
from typing import Final

from reflex_api.bakeoff import KIND, ReflexBakeoff
from reflex_api.bakeoff_job import (
    ADMIN_KEY_FILE,
    BASELINE_MOUNT,
    ITEMS_FILE,
    KEY_FILE,
    PARTIAL_MOUNT,
    REQUEST_FILE,
    RESULTS_MOUNT,
    RESULTS_PORT,
    VERDICT_FILE,
    BakeoffRequest,
)
from reflex_api.names import (
    ANNOTATION_EVIDENCE,
    API_VERSION,
    FIELD_MANAGER,
    GROUP,
    LABEL_BAKEOFF,
    LABEL_ENGINE_CLIENT,
    LABEL_EVIDENCE_OF,
    LABEL_MANAGED_BY,
    child_name,
    evidence_name,
)
from reflex_operator.builders.service import OPERATOR_POD_LABELS
from reflex_operator.manifest import Manifest

ANNOTATION_ATTEMPT: Final = f"{GROUP}/attempt"
ANNOTATION_KEY: Final = f"{GROUP}/evidence-key"
ANNOTATION_REQUEST: Final = f"{GROUP}/request"
ANNOTATION_BASELINE: Final = f"{GROUP}/baseline"
MEASURE: Final = "measure"
RESULTS: Final = "results"
_USER_ID: Final = 10001
_AROUND: Final = 900
"""Seconds for the images before `measure` begins, and for the operator to fetch what it found:
`measure` keeps to its own time, and what it found at the end of that is not to be lost."""


def bakeoff_job(
    bakeoff: ReflexBakeoff,
    request: BakeoffRequest,
    *,
    image: str,
    runner_image: str,
    keys_secret: str,
    baseline: str,
    resumed: bool,
) -> Manifest:
    """Return one attempt. Attempts are counted by the operator, so a Job runs its pod once.

    Args:
        bakeoff: whose run it is.
        request: what is measured.
        image: holds the program `reflex_bakeoff`.
        runner_image: holds the agent that compiles; "": none is started beside it.
        keys_secret: Secret with the engine's `api-key`; "": none is needed.
        baseline: ConfigMap with the baseline's artefacts; "": none.
        resumed: whether an aborted run of the same subject left finished items.
    """
    # With its nulls: a limit that is null is reported only, one that is left out has a default.
    text = request.model_dump_json(by_alias=True)
    labels = _labels(bakeoff)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            **_metadata(bakeoff, job_name(bakeoff, request)),
            "annotations": {
                ANNOTATION_ATTEMPT: str(request.attempt),
                ANNOTATION_KEY: request.evidence_key,
                ANNOTATION_BASELINE: request.baseline,
            },
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": request.seconds + _AROUND,
            "template": {
                "metadata": {
                    "labels": {**labels, LABEL_ENGINE_CLIENT: "true"},
                    "annotations": {ANNOTATION_REQUEST: text},
                },
                "spec": _pod(bakeoff, image, runner_image, keys_secret, baseline, resumed=resumed),
            },
        },
    }


def job_name(bakeoff: ReflexBakeoff, request: BakeoffRequest) -> str:
    """Return a name that is new for another subject, another attempt or another bakeoff."""
    unique = json.dumps([bakeoff.uid, request.evidence_key, request.baseline, request.attempt])
    short = hashlib.sha256(unique.encode()).hexdigest()[:8]
    return f"{child_name(bakeoff.name)[:48].rstrip('-')}-{short}"


def results_policy(bakeoff: ReflexBakeoff, *, operator_namespace: str) -> Manifest:
    """Return the NetworkPolicy of the pod: only the operator in, to fetch the artefacts."""
    operator = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": operator_namespace}},
        "podSelector": {"matchLabels": dict(OPERATOR_POD_LABELS)},
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(bakeoff, f"{child_name(bakeoff.name)}.bakeoff"),
        "spec": {
            "podSelector": {"matchLabels": {LABEL_BAKEOFF: bakeoff.name}},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [operator], "ports": [{"port": RESULTS_PORT, "protocol": "TCP"}]}],
        },
    }


def evidence_map(
    bakeoff: ReflexBakeoff, *, note: str, verdict: str, inputs: str, items: bytes
) -> Manifest:
    """Return the immutable ConfigMap: verdict, items, and what the evidence key is made of."""
    metadata = _metadata(bakeoff, evidence_name(bakeoff.name))
    if bakeoff.spec.model_ref is not None:
        metadata["labels"][LABEL_EVIDENCE_OF] = bakeoff.spec.model_ref.name
    metadata["annotations"] = {ANNOTATION_EVIDENCE: note}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "immutable": True,
        "data": {VERDICT_FILE: verdict, **({"inputs.json": inputs} if inputs else {})},
        "binaryData": {ITEMS_FILE: base64.b64encode(items).decode()},
    }


def partial_name(bakeoff: ReflexBakeoff) -> str:
    """Return the name of the ConfigMap with the finished items of an aborted run."""
    return f"{bakeoff.name}.partial"


def partial_map(bakeoff: ReflexBakeoff, *, key: str, items: bytes) -> Manifest:
    """Return the ConfigMap with the finished items of an aborted run."""
    metadata = _metadata(bakeoff, partial_name(bakeoff))
    metadata["annotations"] = {ANNOTATION_KEY: key}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "binaryData": {ITEMS_FILE: base64.b64encode(items).decode()},
    }


def _pod(
    bakeoff: ReflexBakeoff,
    image: str,
    runner_image: str,
    keys_secret: str,
    baseline: str,
    *,
    resumed: bool,
) -> Manifest:
    request = {"fieldPath": f"metadata.annotations['{ANNOTATION_REQUEST}']"}
    request_folder, _, request_file = REQUEST_FILE.rpartition("/")
    volumes: list[Manifest] = [
        {"name": "results", "emptyDir": {"sizeLimit": "256Mi"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
        {
            "name": "request",
            "downwardAPI": {"items": [{"path": request_file, "fieldRef": request}]},
        },
    ]
    mounts: list[Manifest] = [
        {"name": "results", "mountPath": RESULTS_MOUNT},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the container's own emptyDir
        {"name": "request", "mountPath": request_folder, "readOnly": True},
    ]
    if resumed:
        volumes.append({"name": "partial", "configMap": {"name": partial_name(bakeoff)}})
        mounts.append({"name": "partial", "mountPath": PARTIAL_MOUNT, "readOnly": True})
    if baseline:
        volumes.append({"name": "baseline", "configMap": {"name": baseline}})
        mounts.append({"name": "baseline", "mountPath": BASELINE_MOUNT, "readOnly": True})
    if keys_secret:
        folder = str(PurePosixPath(KEY_FILE).parent)
        volumes.append({"name": "key", "projected": _keys(keys_secret)})
        mounts.append({"name": "key", "mountPath": folder, "readOnly": True})
    results = [{"name": "results", "mountPath": RESULTS_MOUNT, "readOnly": True}]
    pod: Manifest = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER_ID,
            "runAsGroup": _USER_ID,
            "fsGroup": _USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            _container(MEASURE, image, mounts, cpu="250m", memory="1Gi"),
            {
                **_container(RESULTS, image, results, cpu="10m", memory="128Mi"),
                "ports": [{"name": "results", "containerPort": RESULTS_PORT, "protocol": "TCP"}],
            },
        ],
        "volumes": volumes,
    }
    if runner_image:
        pod["initContainers"] = [_runner(runner_image)]
        volumes += [
            {"name": "work", "emptyDir": {"sizeLimit": "5Gi"}},
            # Foreign code runs there: nothing of `measure` is shared with it.
            {"name": "runner-tmp", "emptyDir": {"sizeLimit": "512Mi"}},
            {"name": "outside", "emptyDir": {"sizeLimit": "16Mi"}},
        ]
    return pod


def _keys(secret: str) -> Manifest:
    """Return both keys of an engine; a Secret of a user's need not hold the admin's."""
    names = (PurePosixPath(KEY_FILE).name, PurePosixPath(ADMIN_KEY_FILE).name)
    sources = [
        {
            "secret": {
                "name": secret,
                "items": [{"key": name, "path": name}],
                **({"optional": True} if name != names[0] else {}),
            }
        }
        for name in names
    ]
    return {"sources": sources, "defaultMode": 0o440}


def _container(name: str, image: str, mounts: list[Manifest], *, cpu: str, memory: str) -> Manifest:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "reflex_bakeoff", name],
        "resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}},
        "securityContext": _confined(),
        "volumeMounts": mounts,
    }


def _runner(image: str) -> Manifest:
    """Return the agent that compiles and tests: a sidecar, which ends with the pod."""
    return {
        "name": "runner",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "restartPolicy": "Always",
        "command": ["python3", "-m", "reflex_runner", "--listen", "127.0.0.1:8080"],
        "resources": {
            "requests": {"cpu": "250m", "memory": "1Gi"},
            "limits": {"memory": "2Gi"},
        },
        "securityContext": _confined(),
        "volumeMounts": [
            {"name": "work", "mountPath": "/work"},
            {"name": "runner-tmp", "mountPath": "/tmp"},  # noqa: S108 - its own emptyDir
            # The agent's self-test needs a folder that it may write and its jobs may not.
            {"name": "outside", "mountPath": "/var/tmp"},  # noqa: S108 - its own emptyDir
        ],
    }


def _confined() -> Manifest:
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def _labels(bakeoff: ReflexBakeoff) -> dict[str, str]:
    return {
        LABEL_BAKEOFF: bakeoff.name,
        LABEL_MANAGED_BY: FIELD_MANAGER,
        "app.kubernetes.io/name": "reflex-bakeoff",
        "app.kubernetes.io/part-of": "reflex",
    }


def _metadata(bakeoff: ReflexBakeoff, name: str) -> Manifest:
    return {
        "name": name,
        "namespace": bakeoff.namespace,
        "labels": _labels(bakeoff),
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "name": bakeoff.name,
                "uid": bakeoff.uid,
                "controller": True,
            }
        ],
    }
