"""On which GPUs a model may run, by the labels of the nodes that its placement selects."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reflex_api.model import ReflexModel
from reflex_api.names import GPU_RESOURCE
from reflex_operator.manifest import Manifest

NONE: Final = "none"
_PRODUCT: Final = "nvidia.com/gpu.product"
_MEMORY: Final = "nvidia.com/gpu.memory"
_DRIVER: Final = "nvidia.com/cuda.driver-version.full"


@dataclass(frozen=True, kw_only=True, order=True)
class Gpu:
    """One kind of GPU as GPU feature discovery labels it; NONE: without that label."""

    product: str
    memory: str
    driver: str


def gpus_of(model: ReflexModel, nodes: Mapping[str, Manifest]) -> frozenset[Gpu]:
    """Return the kinds of GPUs that the model's engine may be given."""
    selector = model.spec.placement.node_selector
    found = set()
    for node in nodes.values():
        labels = node["metadata"].get("labels") or {}
        capacity = (node.get("status") or {}).get("capacity") or {}
        chosen = all(labels.get(key) == value for key, value in selector.items())
        if chosen and (GPU_RESOURCE in capacity or _PRODUCT in labels):
            found.add(
                Gpu(
                    product=str(labels.get(_PRODUCT) or NONE),
                    memory=str(labels.get(_MEMORY) or NONE),
                    driver=str(labels.get(_DRIVER) or NONE),
                )
            )
    return frozenset(found)
