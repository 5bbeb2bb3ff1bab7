"""The Jobs that look at a source and download it, and who may reach their pods."""

import json
import math
from enum import StrEnum
from typing import Any, Final

from reflex_api.model import Device, ReflexModel
from reflex_api.names import (
    ANNOTATION_RETRY,
    FIELD_MANAGER,
    GROUP,
    LABEL_MANAGED_BY,
    LABEL_MODEL,
    LABEL_WEIGHTS,
    LABEL_WEIGHTS_STEP,
    child_name,
)
from reflex_api.source import Source
from reflex_api.weights import PROGRESS_PORT
from reflex_operator.builders import cache
from reflex_operator.builders.engine import USER_ID
from reflex_operator.builders.metadata import child_metadata
from reflex_operator.builders.placement import placement_fields
from reflex_operator.builders.service import OPERATOR_POD_LABELS
from reflex_operator.manifest import Manifest

CONTAINER: Final = "weights"
HOME: Final = "/home/reflex"
CACHE_MOUNT: Final = "/cache"
TOKEN_MOUNT: Final = "/var/run/reflex/hub-token"  # noqa: S105 - a folder
LABEL_INPUTS: Final = f"{GROUP}/weights-inputs"
"""Digest of all that a Job does: another one means that it has to be done anew."""
LABEL_CONTENT: Final = f"{GROUP}/weights-content"
"""Digest of what a Job makes: another Job with the same has the same result."""
ANNOTATION_SOURCE: Final = f"{GROUP}/source"
"""On a Job's pods: JSON of the source that they look at, without the token's reference."""
ANNOTATION_ATTEMPT: Final = f"{GROUP}/attempt"

_SOURCE_MOUNT: Final = "/var/run/reflex/source"
_SOURCE_FILE: Final = "source.json"
_GPU_MEMORY_LABEL: Final = "nvidia.com/gpu.memory"


class Step(StrEnum):
    """What a Job does."""

    INSPECT = "inspect"
    DOWNLOAD = "download"


def source_json(source: Source) -> str:
    """Return the source as the program in the pod reads it; the token comes by another file."""
    said = source.model_dump(mode="json", by_alias=True, exclude_none=True)
    said.get("huggingFace", {}).pop("tokenSecretRef", None)
    return json.dumps(said, sort_keys=True, separators=(",", ":"))


def content_label(model: ReflexModel, step: Step, claim_uid: str) -> str:
    """Return the digest of what a Job of this step would make."""
    made: dict[str, Any] = {"source": cache.content(model.spec.source)}
    if step is Step.DOWNLOAD:
        made["claim"] = claim_uid or cache.claim_name(model)
    return cache.hexdigest(made)[:16]


def inputs_label(
    model: ReflexModel, step: Step, *, image: str, hub_endpoint: str, claim_uid: str
) -> str:
    """Return the digest of what a Job of this step would do; spec and retry annotation count."""
    given = {
        "content": content_label(model, step, claim_uid),
        "source": source_json(model.spec.source),
        "token": _token(model),
        "image": image,
        "hub": hub_endpoint,
        "placement": placement_fields(model.spec.placement),
        "timeout": _timeout(model),
        "size": model.spec.cache.size if step is Step.DOWNLOAD and cache.owns_claim(model) else "",
        "retry": model.annotations.get(ANNOTATION_RETRY, ""),
    }
    return cache.hexdigest(given)[:16]


def job_name(model: ReflexModel, step: Step, inputs: str, attempt: int) -> str:
    """Return a name that is new for other inputs, another attempt or another model object."""
    unique = cache.hexdigest([model.uid, step, inputs, attempt])[:10]
    return f"{child_name(model.name)[:40].rstrip('-')}-{step}-{unique}"


def weights_job(
    model: ReflexModel,
    step: Step,
    *,
    image: str,
    hub_endpoint: str,
    claim_uid: str,
    keep: tuple[str, ...],
    attempt: int,
) -> Manifest:
    """Return one attempt at a step. Attempts are counted here, so a Job runs its pod once.

    Args:
        model: whose source it is.
        step: what to do.
        image: holds the program `reflex_weights`.
        hub_endpoint: base URL of another hub; "" for huggingface.co.
        claim_uid: of our own claim: a new claim is empty, whatever an older Job did.
        keep: digests of other folders that are still in use.
        attempt: from 0.
    """
    inputs = inputs_label(model, step, image=image, hub_endpoint=hub_endpoint, claim_uid=claim_uid)
    metadata = child_metadata(model, job_name(model, step, inputs, attempt))
    metadata["labels"] |= {
        LABEL_WEIGHTS_STEP: step.value,
        LABEL_INPUTS: inputs,
        LABEL_CONTENT: content_label(model, step, claim_uid),
    }
    metadata["annotations"] = {ANNOTATION_ATTEMPT: str(attempt)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "backoffLimit": 0,
            # An evicted or preempted pod is replaced without counting as a failure.
            "podFailurePolicy": {
                "rules": [
                    {
                        "action": "Ignore",
                        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                    }
                ]
            },
            "activeDeadlineSeconds": _timeout(model),
            "template": {
                "metadata": {
                    "labels": pod_labels(model, step),
                    # The pod finds it as a file: a list of files may be too long for an argument.
                    "annotations": {ANNOTATION_SOURCE: source_json(model.spec.source)},
                },
                "spec": _pod(model, step, image, hub_endpoint, keep),
            },
        },
    }


def pod_labels(model: ReflexModel, step: Step) -> dict[str, str]:
    """Return the labels of a Job's pod; without the engine's, whose pods serve."""
    return {
        LABEL_WEIGHTS: model.name,
        LABEL_WEIGHTS_STEP: step.value,
        LABEL_MANAGED_BY: FIELD_MANAGER,
        "app.kubernetes.io/name": "reflex-weights",
        "app.kubernetes.io/part-of": "reflex",
    }


def weights_policy(model: ReflexModel, *, operator_namespace: str) -> Manifest:
    """Return the NetworkPolicy of these pods: only the operator in, to ask for progress.

    The way out is not restricted here: it leads to the hub, whose addresses change.
    """
    operator = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": operator_namespace}},
        "podSelector": {"matchLabels": dict(OPERATOR_POD_LABELS)},
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": child_metadata(model, policy_name(model)),
        "spec": {
            "podSelector": {"matchLabels": {LABEL_WEIGHTS: model.name}},
            "policyTypes": ["Ingress"],
            "ingress": [
                {"from": [operator], "ports": [{"port": PROGRESS_PORT, "protocol": "TCP"}]}
            ],
        },
    }


def policy_name(model: ReflexModel) -> str:
    """Return the name of these pods' NetworkPolicy: with a dot, which no engine's has."""
    return f"{child_name(model.name)}.weights"


def _pod(
    model: ReflexModel, step: Step, image: str, hub_endpoint: str, keep: tuple[str, ...]
) -> Manifest:
    token = _token(model)
    annotation = {"fieldPath": f"metadata.annotations['{ANNOTATION_SOURCE}']"}
    volumes: list[Manifest] = [
        {"name": "home", "emptyDir": {"sizeLimit": "256Mi"}},
        {
            "name": "source",
            "downwardAPI": {"items": [{"path": _SOURCE_FILE, "fieldRef": annotation}]},
        },
    ]
    mounts: list[Manifest] = [
        {"name": "home", "mountPath": HOME},
        {"name": "home", "mountPath": "/tmp", "subPath": "tmp"},  # noqa: S108 - an emptyDir
        {"name": "source", "mountPath": _SOURCE_MOUNT, "readOnly": True},
    ]
    if token:
        items = [{"key": token["key"], "path": "token"}]
        secret = {"secretName": token["name"], "defaultMode": 0o440, "items": items}
        volumes.append({"name": "token", "secret": secret})
        mounts.append({"name": "token", "mountPath": TOKEN_MOUNT, "readOnly": True})
    if step is Step.DOWNLOAD:
        claim = {"claimName": cache.claim_name(model)}
        volumes.append({"name": cache.VOLUME, "persistentVolumeClaim": claim})
        mounts.append({"name": cache.VOLUME, "mountPath": CACHE_MOUNT})
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": CONTAINER,
                "image": image,
                "imagePullPolicy": "IfNotPresent",
                "command": ["python3", "-m", "reflex_weights", step.value],
                "args": _arguments(model, step, keep),
                "env": _environment(hub_endpoint, token=bool(token)),
                "ports": [{"name": "progress", "containerPort": PROGRESS_PORT, "protocol": "TCP"}],
                "resources": {
                    "requests": {"cpu": "100m", "memory": "256Mi"},
                    "limits": {"memory": "2Gi"},
                },
                "terminationMessagePolicy": "File",  # it is a JSON object, never a log
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                },
                "volumeMounts": mounts,
            }
        ],
        "volumes": volumes,
        # A volume that is made for its first pod is made where this pod runs.
        "affinity": _affinity(model),
        **placement_fields(model.spec.placement),
    }


def _arguments(model: ReflexModel, step: Step, keep: tuple[str, ...]) -> list[str]:
    arguments = [f"{_SOURCE_MOUNT}/{_SOURCE_FILE}"]
    if step is Step.DOWNLOAD:
        arguments += ["--into", f"{CACHE_MOUNT}/{cache.folder(model)}"]
        if keep:
            arguments += ["--keep", *keep]
        arguments += ["--port", str(PROGRESS_PORT)]
    return arguments


def _environment(hub_endpoint: str, *, token: bool) -> list[Manifest]:
    values = {"HOME": HOME, "TMPDIR": "/tmp", "PYTHONUNBUFFERED": "1"}  # noqa: S108
    if hub_endpoint:
        values["HF_ENDPOINT"] = hub_endpoint
    if token:
        values["REFLEX_HUB_TOKEN_FILE"] = f"{TOKEN_MOUNT}/token"
    return [{"name": name, "value": value} for name, value in sorted(values.items())]


def _affinity(model: ReflexModel) -> Manifest:
    """Prefer the node of the running engine, whose volume it shares, and nodes with GPUs."""
    beside = {
        "weight": 100,
        "podAffinityTerm": {
            "topologyKey": "kubernetes.io/hostname",
            "labelSelector": {
                "matchLabels": {LABEL_MODEL: model.name, "app.kubernetes.io/name": "reflex-engine"}
            },
        },
    }
    preferred = "preferredDuringSchedulingIgnoredDuringExecution"
    affinity: Manifest = {"podAffinity": {preferred: [beside]}}
    if model.spec.engine.device is Device.CUDA:
        has_gpu = {"key": _GPU_MEMORY_LABEL, "operator": "Exists"}
        term = {"weight": 50, "preference": {"matchExpressions": [has_gpu]}}
        affinity["nodeAffinity"] = {preferred: [term]}
    return affinity


def _token(model: ReflexModel) -> dict[str, str]:
    hub = model.spec.source.hugging_face
    if hub is None or hub.token_secret_ref is None:
        return {}
    return {"name": hub.token_secret_ref.name, "key": hub.token_secret_ref.key}


def _timeout(model: ReflexModel) -> int:
    return math.ceil(model.spec.rollout.download_timeout.total_seconds())
