"""Fake GPU nodes: what an RTX 5090 node with GPU feature discovery looks like to a scheduler."""

from collections.abc import Mapping

Manifest = dict[str, object]
FAKE = "kwok.x-k8s.io/node"
TAINT: Mapping[str, str] = {"key": FAKE, "value": "fake", "effect": "NoSchedule"}

_RTX_5090 = {
    "nvidia.com/gpu.product": "NVIDIA-GeForce-RTX-5090",
    "nvidia.com/gpu.memory": "32607",
    "nvidia.com/gpu.count": "1",
    "nvidia.com/gpu.replicas": "1",
    "nvidia.com/gpu.family": "blackwell",
    "nvidia.com/gpu.compute.major": "12",
    "nvidia.com/gpu.compute.minor": "0",
    "nvidia.com/gpu.present": "true",
    "nvidia.com/gpu.sharing-strategy": "none",
    "nvidia.com/gpu.mode": "graphics",
    "nvidia.com/mig.capable": "false",
    "nvidia.com/mig.strategy": "single",
    "nvidia.com/mps.capable": "false",
    "nvidia.com/cuda.driver-version.full": "580.95.05",
    "nvidia.com/cuda.driver-version.major": "580",
    "nvidia.com/cuda.driver-version.minor": "95",
    "nvidia.com/cuda.driver-version.revision": "05",
    "nvidia.com/cuda.runtime-version.full": "13.0",
    "nvidia.com/cuda.runtime-version.major": "13",
    "nvidia.com/cuda.runtime-version.minor": "0",
    # The names that GPU feature discovery used before and still sets:
    "nvidia.com/cuda.driver.major": "580",
    "nvidia.com/cuda.driver.minor": "95",
    "nvidia.com/cuda.driver.rev": "05",
    "nvidia.com/cuda.runtime.major": "13",
    "nvidia.com/cuda.runtime.minor": "0",
    "feature.node.kubernetes.io/pci-10de.present": "true",
}


def gpu_node_name(index: int) -> str:
    """Return the name of the fake node with that index, counted from 0."""
    return f"gpu-{index}"


def gpu_node(index: int, *, taint: bool = False) -> Manifest:
    """Return one fake node with one RTX 5090.

    Untainted by default: the project's samples must schedule here without a toleration.
    """
    name = gpu_node_name(index)
    capacity = {
        "cpu": "32",
        "memory": "128Gi",
        "pods": "110",
        "ephemeral-storage": "1Ti",
        "nvidia.com/gpu": "1",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {FAKE: "fake", "node.alpha.kubernetes.io/ttl": "0"},
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "beta.kubernetes.io/os": "linux",
                "beta.kubernetes.io/arch": "amd64",
                "node-role.kubernetes.io/gpu": "",
                "reflexstack.dev/lab-node": "fake",
                "type": "kwok",
                **_RTX_5090,
            },
        },
        "spec": {"taints": [dict(TAINT)]} if taint else {},
        "status": {"capacity": capacity, "allocatable": dict(capacity)},
    }
