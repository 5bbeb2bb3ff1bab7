"""The engine's Deployment: one SGLang server a pod, replaced by Recreate."""

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from reflex_api.model import Device, ReflexModel
from reflex_api.names import (
    ENGINE_PORT,
    GPU_RESOURCE,
    LABEL_MODEL,
    LABEL_REVISION,
    READINESS_GATE,
)
from reflex_api.spec import ReflexModelSpec
from reflex_operator.builders.cache import KERNELS, VOLUME, claim_name, folder, is_cached
from reflex_operator.builders.gpu_release import gpu_release_container
from reflex_operator.builders.metadata import child_metadata, model_labels
from reflex_operator.builders.placement import placement_fields
from reflex_operator.builders.secret import secret_name
from reflex_operator.engines import drain, launcher, sglang
from reflex_operator.manifest import Manifest

CONTAINER: Final = "engine"
HOME: Final = "/home/reflex"
USER_ID: Final = 10001

_STARTUP_PERIOD: Final = 2
_KILL_MARGIN: Final = timedelta(seconds=30)  # SGLang polls its drain every 5 s, then waits 15 s
_PROGRESS_MARGIN: Final = timedelta(minutes=5)


def engine_deployment(
    model: ReflexModel,
    *,
    image: str,
    replicas: int,
    mem_fraction: str = "",
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """Return the Deployment. Its selector names the model only, so it never has to change.

    Args:
        model: what is wanted.
        image: of the engine.
        replicas: engines to run.
        mem_fraction: what engine.memFractionStatic is when the spec leaves it open; "": unset.
        annotations: of the Deployment itself; its pods do not get them.
    """
    rollout = model.spec.rollout
    template = _pod_template(model, image, mem_fraction)
    template["metadata"]["labels"][LABEL_REVISION] = revision_hash(template)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": child_metadata(model)
        | ({"annotations": dict(annotations)} if annotations else {}),
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 2,
            # A surge pod would wait for the GPU that the old pod holds: a silent deadlock.
            "strategy": {"type": "Recreate"},
            "progressDeadlineSeconds": _seconds(rollout.startup_timeout + _PROGRESS_MARGIN),
            "selector": {"matchLabels": {LABEL_MODEL: model.name}},
            "template": template,
        },
    }


def revision_of(deployment: Manifest) -> str:
    """Return the revision hash that a Deployment's pods carry."""
    labels: dict[str, str] = deployment["spec"]["template"]["metadata"].get("labels") or {}
    return labels.get(LABEL_REVISION, "")


def revision_hash(template: Manifest) -> str:
    """Return the name of what runs: ten hex digits over the rendered pod template."""
    text = json.dumps(template, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _pod_template(model: ReflexModel, image: str, mem_fraction: str) -> Manifest:
    """Return the pod template without the revision label, which is its hash."""
    spec = model.spec
    pod: Manifest = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,  # SGLANG_*-like variables from Services would reach SGLang
        # As PID 1 SGLang cannot kill itself and ends a crash with exit code 0.
        "shareProcessNamespace": True,
        "readinessGates": [{"conditionType": READINESS_GATE}],
        "terminationGracePeriodSeconds": _seconds(spec.rollout.drain_timeout + _KILL_MARGIN),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(model, image, mem_fraction)],
        "volumes": _volumes(model),
    }
    if spec.engine.device is Device.CUDA:
        pod["initContainers"] = [
            gpu_release_container(
                image=image,
                gpus=spec.effective_gpus,
                engine_args=sglang.render(model, mem_fraction=mem_fraction),
                security_context=_security_context(spec),
            )
        ]
    if is_cached(spec.source):
        pod["affinity"] = _one_node(model)
    pod |= placement_fields(spec.placement)
    if spec.placement.runtime_class_name:
        pod["runtimeClassName"] = spec.placement.runtime_class_name
    return {"metadata": {"labels": model_labels(model)}, "spec": pod}


def _one_node(model: ReflexModel) -> Manifest:
    """Keep replicas on one node: a ReadWriteOnce volume is on no second one.

    Without it a second replica would be given a node and hang there, in words that only events
    hold. The scheduler lets the first pod of such a group pass.
    """
    term = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": {LABEL_MODEL: model.name}},
    }
    return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def _container(model: ReflexModel, image: str, mem_fraction: str) -> Manifest:
    spec = model.spec
    attempts = math.ceil(_seconds(spec.rollout.startup_timeout) / _STARTUP_PERIOD)
    ready = {"path": "/ready", "port": "http"}
    return {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": launcher.command(),
        "args": list(sglang.render(model, mem_fraction=mem_fraction)),
        "env": _environment(spec),
        "ports": [{"name": "http", "containerPort": ENGINE_PORT, "protocol": "TCP"}],
        "resources": _resources(spec),
        # /ready never generates; /health does, and then takes a second or more.
        "startupProbe": {
            "httpGet": ready,
            "periodSeconds": _STARTUP_PERIOD,
            "timeoutSeconds": 5,
            "failureThreshold": attempts,
        },
        "readinessProbe": {
            "httpGet": ready,
            "periodSeconds": 5,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
        },
        "livenessProbe": {
            "httpGet": {"path": "/health", "port": "http"},
            "periodSeconds": 15,
            "timeoutSeconds": 5,
            "failureThreshold": 8,  # a reload costs minutes: two silent minutes before a kill
        },
        "lifecycle": {
            "preStop": {"exec": {"command": drain.hook(_seconds(spec.rollout.drain_timeout))}}
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": _security_context(spec),
        "volumeMounts": _mounts(model),
    }


def _security_context(spec: ReflexModelSpec) -> Manifest:
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        # NVIDIA's CDI hook writes into the container's root at start.
        "readOnlyRootFilesystem": spec.engine.device is Device.CPU,
    }


def _environment(spec: ReflexModelSpec) -> list[Manifest]:
    cache = f"{HOME}/.cache"
    values = {
        "HOME": HOME,
        "TMPDIR": "/tmp",  # noqa: S108 - the container's own emptyDir
        "XDG_CACHE_HOME": cache,
        "FLASHINFER_WORKSPACE_BASE": HOME,
        "SGLANG_CACHE_DIR": f"{cache}/sglang",
        "TRITON_CACHE_DIR": f"{cache}/triton",
        "TORCHINDUCTOR_CACHE_DIR": f"{cache}/inductor",
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
        # Makes /health cheap once started; with generation it cannot answer within a second.
        "SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION": "false",
    }
    if spec.engine.device is Device.CPU:
        values["SGLANG_USE_CPU_ENGINE"] = "1"
        values["OMP_NUM_THREADS"] = str(max(1, int(spec.resources.cpu_cores)))
    return [{"name": name, "value": value} for name, value in sorted(values.items())]


def _resources(spec: ReflexModelSpec) -> Manifest:
    """Return requests and limits; shared memory counts against the memory limit."""
    wanted = spec.resources
    resources: Manifest = {
        "requests": {"cpu": wanted.cpu, "memory": wanted.memory},
        "limits": {"memory": wanted.memory},
    }
    gpus = spec.effective_gpus
    if gpus:
        resources["requests"][GPU_RESOURCE] = str(gpus)
        resources["limits"][GPU_RESOURCE] = str(gpus)
    return resources


def _mounts(model: ReflexModel) -> list[Manifest]:
    spec = model.spec
    mounts: list[Manifest] = [
        {"name": "home", "mountPath": HOME},
        {"name": "keys", "mountPath": launcher.KEYS_MOUNT, "readOnly": True},
        {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 - SGLang's processes share it
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
    ]
    claim = spec.source.persistent_volume_claim
    if claim is not None:
        mount: Manifest = {"name": VOLUME, "mountPath": sglang.MODELS_MOUNT, "readOnly": True}
        if claim.path:
            mount["subPath"] = claim.path
        mounts.append(mount)
    if is_cached(spec.source):
        mounts.append(
            {
                "name": VOLUME,
                "mountPath": sglang.MODELS_MOUNT,
                "subPath": folder(model),
                "readOnly": True,
            }
        )
        if spec.engine.device is Device.CUDA:
            # What FlashInfer, Triton and Inductor compile costs minutes at each start without it.
            mounts.append({"name": VOLUME, "mountPath": f"{HOME}/.cache", "subPath": KERNELS})
    return mounts


def _volumes(model: ReflexModel) -> list[Manifest]:
    spec = model.spec
    caches = "1Gi" if spec.engine.device is Device.CPU else "20Gi"
    volumes: list[Manifest] = [
        {"name": "home", "emptyDir": {"sizeLimit": caches}},
        {
            "name": "keys",
            "secret": {"secretName": secret_name(model), "defaultMode": 0o440},
        },
        {
            "name": "shm",
            "emptyDir": {"medium": "Memory", "sizeLimit": spec.resources.shared_memory},
        },
        {"name": "tmp", "emptyDir": {"sizeLimit": caches}},
    ]
    claim = spec.source.persistent_volume_claim
    if claim is not None:
        volumes.append(
            {
                "name": VOLUME,
                "persistentVolumeClaim": {"claimName": claim.claim_name, "readOnly": True},
            }
        )
    if is_cached(spec.source):
        volumes.append({"name": VOLUME, "persistentVolumeClaim": {"claimName": claim_name(model)}})
    return volumes


def _seconds(duration: timedelta) -> int:
    return math.ceil(duration.total_seconds())
