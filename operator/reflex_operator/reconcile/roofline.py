"""The fastest that a model's memory lets it write, where the catalogue knows model and GPU."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reflex_api.catalogue import Catalogue
from reflex_api.gate import GateSpec
from reflex_api.model import Device, ReflexModel
from reflex_api.roofline import decode_roofline
from reflex_operator.engines.load import load_of
from reflex_operator.engines.memory import kv_bytes_per_token
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.hardware import NONE, gpus_of

_CONTEXT: Final = 1024
"""Tokens that each timed request has in the cache at least, where the context has room for them."""
_SPECULATIVE: Final = "--speculative-algorithm"


@dataclass(frozen=True, kw_only=True)
class Roofline:
    """Tokens per second of one stream. `unknown`: why there is no number, and will be none."""

    tokens_per_second: float | None = None
    unknown: str = ""
    speculative: bool = False  # it drafts tokens: the number is no bound


def roofline_of(
    model: ReflexModel, nodes: Mapping[str, Manifest], catalogue: Catalogue
) -> Roofline:
    """Return what the memory of the GPUs that the placement selects allows; of several the most.

    Without any such node nothing is known yet, and nothing is wrong either.
    """
    engine = model.spec.engine
    if engine.device is not Device.CUDA:
        return Roofline(unknown=f"{model.name} has engine.device {engine.device.value}")
    hub = model.spec.source.hugging_face
    entry = catalogue.find(hub.repo) if hub is not None else None
    if entry is None or entry.active_weights_bytes is None:
        where = hub.repo if hub is not None else f"{model.name} comes from no hub, so it"
        return Roofline(unknown=f"{where} has no activeWeightsBytes in the catalogue")
    found = []
    for product in sorted({gpu.product for gpu in gpus_of(model, nodes)}):
        known = catalogue.gpu(product)
        if known is None:
            label = "a GPU node has no label nvidia.com/gpu.product"
            words = label if product == NONE else f"{product} is not in the catalogue's gpus"
            return Roofline(unknown=words)
        found.append(known.memory_bandwidth)
    if not found:
        return Roofline()
    load = load_of(model.spec)
    # Each GPU reads its part of the weights at the same time.
    per_gpu = entry.active_weights_bytes / load.tensor_parallel
    # Layers that see a window only read hardly anything.
    attended = entry.architecture.model_copy(update={"sliding_layers": 0})
    return Roofline(
        tokens_per_second=decode_roofline(
            bandwidth=max(found),
            weight_bytes_per_token=per_gpu,
            kv_bytes_per_token=float(kv_bytes_per_token(attended, load)),
            context=min(_CONTEXT, engine.context_length // 8),
        ),
        speculative=any(one.startswith(_SPECULATIVE) for one in engine.extra_args),
    )


def unmeasurable(gate: GateSpec, roofline: Roofline) -> str:
    """Return why a run under this gate could only end in Error, or nothing."""
    if gate.throughput.min_roofline_share is None or not roofline.unknown:
        return ""
    return f"throughput.minRooflineShare needs the roofline, but {roofline.unknown}"
