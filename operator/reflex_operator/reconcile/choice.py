"""The choice of memFractionStatic, recorded so that nodes that come and go never change it.

The fraction is an argument, so it is part of the revision: another one restarts the engine. It
depends on the spec and on the memory of the nodes that the spec selects; the second is read once,
when the choice is made, and written on the Deployment beside a digest of the first. While the
digest is the same, the record holds, whatever the nodes say now.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from reflex_api.model import Device, ReflexModel
from reflex_api.names import GROUP
from reflex_operator.engines.load import Load
from reflex_operator.engines.memory import MIB, largest_fraction
from reflex_operator.manifest import Manifest

ANNOTATION: Final = f"{GROUP}/memory-choice"
"""On the Deployment, not on its pods: JSON of `inputs`, `capacityMi` and `fraction`."""
LABEL_MEMORY: Final = "nvidia.com/gpu.memory"
"""On nodes, by GPU feature discovery: MiB of one GPU."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the engine is started with. Without a capacity nothing could be chosen."""

    inputs: str  # digest of all that the choice rests on, apart from the nodes
    capacity: int | None  # bytes of one GPU, None: no matching node said
    fraction: str = ""  # to render; "": the spec's, or SGLang's own
    recorded: bool = False  # an engine may have been started with it

    def to_annotation(self) -> dict[str, str]:
        """Return the record as a Deployment's annotation."""
        capacity = None if self.capacity is None else self.capacity // MIB
        record = {"inputs": self.inputs, "capacityMi": capacity, "fraction": self.fraction}
        return {ANNOTATION: json.dumps(record, sort_keys=True, separators=(",", ":"))}


def choose(
    model: ReflexModel, load: Load, deployment: Manifest | None, nodes: Mapping[str, Manifest]
) -> Choice | None:
    """Return the recorded choice if it is about the same spec, else a new one; on cpu, None."""
    if model.spec.engine.device is Device.CPU:
        return None
    inputs = _digest(model, load)
    recorded = _recorded(deployment)
    if recorded is not None and recorded.inputs == inputs:
        return recorded
    capacity = smallest_capacity(nodes, model.spec.placement.node_selector)
    fraction = ""
    if capacity is not None and load.fraction is None:
        largest = largest_fraction(load, capacity)
        fraction = f"{float(largest):.3f}" if largest else ""
    return Choice(inputs=inputs, capacity=capacity, fraction=fraction)


def smallest_capacity(nodes: Mapping[str, Manifest], selector: Mapping[str, str]) -> int | None:
    """Return the bytes of the smallest GPU among the nodes with these labels, None: none says."""
    found = []
    for node in nodes.values():
        labels = node["metadata"].get("labels") or {}
        if all(labels.get(key) == value for key, value in selector.items()):
            text = labels.get(LABEL_MEMORY, "")
            if text.isascii() and text.isdigit() and int(text):
                found.append(int(text) * MIB)
    return min(found, default=None)


def _digest(model: ReflexModel, load: Load) -> str:
    """Return twelve hexadecimal digits over what decides the fraction, apart from the nodes."""
    inputs = {
        "chunk": load.chunk,
        "decodeGraphs": load.decode_graphs,
        "prefillGraphs": load.prefill_graphs,
        "tensorParallel": load.tensor_parallel,
        "headroom": load.headroom,
        "memFractionStatic": model.spec.engine.mem_fraction_static,
        "nodeSelector": dict(model.spec.placement.node_selector),
    }
    text = json.dumps(inputs, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _recorded(deployment: Manifest | None) -> Choice | None:
    """Return what an annotation records; one that cannot be read is none."""
    annotations = ((deployment or {}).get("metadata") or {}).get("annotations") or {}
    try:
        record: dict[str, Any] = json.loads(annotations.get(ANNOTATION, ""))
        capacity, fraction = record["capacityMi"], str(record["fraction"])
        if fraction:
            Fraction(fraction)  # to be refused here if it is no number
        return Choice(
            inputs=str(record["inputs"]),
            capacity=None if capacity is None else int(capacity) * MIB,
            fraction=fraction,
            recorded=True,
        )
    except (ValueError, TypeError, KeyError):
        return None
