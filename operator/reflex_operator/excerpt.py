"""What the store takes from an object: what it keeps of it, whose it is, what of it decides."""

from collections.abc import Mapping
from typing import Any, Final

from reflex_api.names import LABEL_BAKEOFF, LABEL_MODEL
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.plan import BakeoffKey, ModelKey
from reflex_operator.reconcile.scheduling import requests_gpu

_WAITS: Final = {
    ("MemoryFits", "InsufficientGPUMemory"),
    ("Scheduled", "GPUHeldByPeer"),
    ("Scheduled", "InsufficientGPU"),
    ("Scheduled", "NodeNotFound"),
    ("Scheduled", "Unschedulable"),
    ("Scheduled", "VolumeNodeAffinityConflict"),
}
"""Type and reason of conditions that a node may end."""
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_POD_SPEC: Final = ("nodeName",)
_POD_STATUS: Final = (
    "phase",
    "podIP",
    "startTime",
    "reason",
    "message",
    "conditions",
    "containerStatuses",
    "initContainerStatuses",
)
_NODE_CONDITIONS: Final = ("Ready", "DiskPressure", "MemoryPressure")
_BOOKKEEPING: Final = {"resourceVersion", "generation"}


def needed(manifest: Mapping[str, Any]) -> Manifest:
    """Return an object without what decides nothing."""
    kind = manifest["kind"]
    metadata = {k: v for k, v in manifest["metadata"].items() if k != "managedFields"}
    if _LAST_APPLIED in (metadata.get("annotations") or {}):
        annotations = metadata["annotations"].items()
        metadata["annotations"] = {k: v for k, v in annotations if k != _LAST_APPLIED}
    trimmed = {**manifest, "metadata": metadata}
    spec, status = manifest.get("spec") or {}, manifest.get("status") or {}
    if kind == "Pod":
        trimmed["spec"] = {key: spec[key] for key in _POD_SPEC if key in spec}
        trimmed["spec"]["containers"] = [
            {"name": one["name"], "resources": one.get("resources") or {}}
            for one in spec.get("containers") or []
        ]
        trimmed["status"] = {key: status[key] for key in _POD_STATUS if key in status}
    elif kind == "Job":
        trimmed["spec"] = {}  # it cannot change; its labels say what it does
        trimmed["status"] = {key: status[key] for key in ("conditions",) if key in status}
    elif kind == "ConfigMap":
        trimmed.pop("binaryData", None)  # the items of a bakeoff decide nothing here
    elif kind == "Node":
        trimmed["spec"] = {k: v for k, v in spec.items() if k in ("taints", "unschedulable")}
        trimmed["status"] = {k: status[k] for k in ("capacity", "allocatable") if k in status}
        told = [c for c in status.get("conditions") or [] if c.get("type") in _NODE_CONDITIONS]
        trimmed["status"]["conditions"] = told
        metadata.pop("annotations", None)
    return trimmed


def version_of(manifest: Mapping[str, Any]) -> int | None:
    """Return its version; None when that is no number."""
    text = str(manifest["metadata"].get("resourceVersion", ""))
    return int(text) if text.isdigit() else None


def model_of(manifest: Manifest | None, label: str = LABEL_MODEL) -> ModelKey | None:
    """Return the model that an object's label names."""
    metadata = (manifest or {}).get("metadata") or {}
    name = (metadata.get("labels") or {}).get(label)
    return ModelKey(namespace=metadata["namespace"], name=name) if name else None


def run_of(manifest: Manifest | None) -> BakeoffKey | None:
    """Return the bakeoff that an object's label names."""
    metadata = (manifest or {}).get("metadata") or {}
    name = (metadata.get("labels") or {}).get(LABEL_BAKEOFF)
    return BakeoffKey(namespace=metadata["namespace"], name=name) if name else None


def gpu_claim(pod: Manifest | None) -> str:
    """Return the node on which the pod holds a GPU, or nothing."""
    if pod is None or not requests_gpu(pod):
        return ""
    if (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}:
        return ""
    return str(pod["spec"].get("nodeName") or "")


def waits_for_node(model: Manifest) -> bool:
    """Return whether another node, or a change of one, may be what the model needs."""
    return any(
        (condition.get("type"), condition.get("reason")) in _WAITS
        for condition in (model.get("status") or {}).get("conditions") or []
    )


def node_facts(node: Manifest | None) -> tuple[Any, ...] | None:
    """Return what about a node can change a decision."""
    if node is None:
        return None
    status = node.get("status") or {}
    ready = [(c.get("type"), c.get("status")) for c in status.get("conditions") or []]
    return (node["metadata"].get("labels"), node.get("spec"), status.get("allocatable"),
            status.get("capacity"), ready)  # fmt: skip


def deployment_facts(deployment: Manifest | None) -> tuple[Any, ...] | None:
    """Return what about a Deployment can change a decision."""
    if deployment is None:
        return None
    conditions = (deployment.get("status") or {}).get("conditions") or []
    told = [one for one in conditions if one.get("type") == "ReplicaFailure"]
    metadata = {k: v for k, v in deployment["metadata"].items() if k not in _BOOKKEEPING}
    return metadata, deployment.get("spec"), told
