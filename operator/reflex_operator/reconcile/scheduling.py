"""What the scheduler's words mean."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from reflex_api.conditions import Reason
from reflex_api.names import GPU_RESOURCE, LABEL_MODEL
from reflex_operator.manifest import Manifest

# Phrases of Kubernetes' own scheduler plugins, most specific first; checked with 1.36.
_PHRASES: Final = (
    ("persistentvolumeclaim", "not found", Reason.CLAIM_NOT_FOUND),
    ("unbound immediate persistentvolumeclaims", "", Reason.CLAIM_PENDING),
    ("untolerated taint", "node.kubernetes.io/disk-pressure", Reason.NODE_DISK_PRESSURE),
    ("untolerated taint", "node.kubernetes.io/memory-pressure", Reason.NODE_MEMORY_PRESSURE),
    ("untolerated taint", "node.kubernetes.io/unreachable", Reason.NODE_NOT_READY),
    ("untolerated taint", "node.kubernetes.io/not-ready", Reason.NODE_NOT_READY),
    ("volume node affinity conflict", "", Reason.VOLUME_NODE_AFFINITY_CONFLICT),
    (f"insufficient {GPU_RESOURCE}", "", Reason.INSUFFICIENT_GPU),
    ("insufficient ", "", Reason.UNSCHEDULABLE),
    ("didn't match pod's node affinity/selector", "", Reason.NODE_NOT_FOUND),
)


def classify(message: str) -> Reason:
    """Return the reason for a PodScheduled=False message.

    >>> classify("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.")
    <Reason.NODE_NOT_FOUND: 'NodeNotFound'>
    """
    text = message.lower()
    for phrase, also, reason in _PHRASES:
        if phrase in text and also in text:
            return reason
    return Reason.UNSCHEDULABLE


def gpu_holder(
    node_selector: Mapping[str, str],
    nodes: Mapping[str, Manifest],
    peer_pods: Iterable[Manifest],
) -> str:
    """Return "namespace/model on node" of a peer that holds a GPU we could use, or nothing."""
    held = []
    for pod in peer_pods:
        node = nodes.get(pod["spec"].get("nodeName", ""))
        if node is None or not requests_gpu(pod) or not _selects(node_selector, node):
            continue
        metadata = pod["metadata"]
        model = (metadata.get("labels") or {}).get(LABEL_MODEL, metadata["name"])
        held.append(f"{metadata['namespace']}/{model} on {pod['spec']['nodeName']}")
    return ", ".join(sorted(set(held))[:3])


def requests_gpu(pod: Manifest) -> bool:
    """Return whether any container of the pod is limited to a number of GPUs."""
    containers = pod["spec"].get("containers") or []
    return any(
        GPU_RESOURCE in ((container.get("resources") or {}).get("limits") or {})
        for container in containers
    )


def _selects(selector: Mapping[str, str], node: Mapping[str, Any]) -> bool:
    labels = node["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in selector.items())
