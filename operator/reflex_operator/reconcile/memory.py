"""Does the model fit the memory of its device? Estimated before the start, measured after it."""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Final

from reflex_api.conditions import Reason
from reflex_api.model import Admission, Device, ReflexModel
from reflex_api.quantity import format_mebibytes
from reflex_operator.builders.engine import revision_of
from reflex_operator.engines.load import Load, load_of
from reflex_operator.engines.memory import GIB, MIB, Fit, ModelSize, engine_fraction, fit
from reflex_operator.engines.memory_advice import advice, shortfall
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile import status
from reflex_operator.reconcile.choice import Choice, choose, smallest_capacity
from reflex_operator.reconcile.engine import EnginePod, Finding
from reflex_operator.reconcile.inspection import inspection_of
from reflex_operator.reconcile.plan import EngineMemory, ModelSnapshot

_SMALLEST_KV_CACHE: Final = 64 * MIB
"""The engine reports GiB with three places: below this size a quotient is off by percents."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What is known before the engine runs."""

    finding: Finding
    choice: Choice | None = None  # None on cpu
    fit: Fit | None = None  # None: the capacity or the model's size is unknown
    size: ModelSize | None = None

    @property
    def fraction(self) -> str:
        """--mem-fraction-static to render when the spec leaves it open; "": SGLang's own."""
        return self.choice.fraction if self.choice else ""

    def annotations(self, replicas: int) -> dict[str, str]:
        """Return the record of the choice for the Deployment.

        Nothing chosen for nothing started is not recorded: it is decided when the engine starts.
        """
        if self.choice is None:
            return {}
        blind = self.choice.capacity is None and not self.choice.recorded
        return {} if blind and replicas == 0 else self.choice.to_annotation()


def estimate(snapshot: ModelSnapshot, model: ReflexModel) -> Estimate:
    """Return what the engine would be started with and whether it would fit."""
    if model.spec.engine.device is Device.CPU:
        return Estimate(finding=Finding(status="Unknown", reason=Reason.NOT_MEASURED))
    load = load_of(model.spec)
    choice = choose(model, load, snapshot.deployment, snapshot.nodes)
    size = model_size(snapshot, model)
    if size is None:
        unknown = Finding(status="Unknown", reason=Reason.ARCHITECTURE_UNKNOWN)
        return Estimate(finding=unknown, choice=choice)
    if choice is None or choice.capacity is None:
        unknown = Finding(status="Unknown", reason=Reason.GPU_LABELS_MISSING)
        return Estimate(finding=unknown, choice=choice, size=size)
    found = fit(size, load, choice.capacity, _fraction(load, choice, choice.capacity))
    finding = _finding(found, size, load, model.spec.quantization)
    return Estimate(finding=finding, choice=choice, fit=found, size=size)


def model_size(snapshot: ModelSnapshot, model: ReflexModel) -> ModelSize | None:
    """Return architecture and weights: of the catalogue, else what the source was asked for.

    A claim or an image may hold anything: its name and `quantization` are no evidence.
    """
    hub = model.spec.source.hugging_face
    entry = snapshot.defaults.catalogue.find(hub.repo) if hub is not None else None
    if entry is not None:
        return ModelSize(architecture=entry.architecture, weights_bytes=entry.weights_bytes)
    seen = inspection_of(snapshot.weights_pods, model.spec.source)
    if seen is None or seen.architecture is None or not seen.weights_bytes:
        return None
    return ModelSize(architecture=seen.architecture, weights_bytes=seen.weights_bytes)


def refusal(
    snapshot: ModelSnapshot, model: ReflexModel, before: Estimate, deployment: Manifest
) -> Finding | None:
    """Return why this Deployment must not be applied: what runs stays, nothing new is started.

    Args:
        snapshot: what is.
        model: what is wanted.
        before: the estimate of this pass.
        deployment: the one that would be applied.
    """
    if model.spec.memory_policy.admission is not Admission.ENFORCE:
        return None
    wanted = deployment["spec"]["replicas"]
    if before.finding.status != "False" or wanted == 0:
        return None
    revision, live = revision_of(deployment), snapshot.deployment
    if live is not None and revision_of(live) == revision and live["spec"]["replicas"] >= wanted:
        return None  # it was started already, under another policy: that is not undone
    tokens = _remembered_tokens(model, revision)
    if tokens is not None and tokens >= model.spec.engine.context_length:
        return None  # measured is better than estimated
    return before.finding


def memory_fits(
    snapshot: ModelSnapshot,
    model: ReflexModel,
    before: Estimate,
    revision: str,
    pod: EnginePod | None,
) -> Finding:
    """Return the state of MemoryFits: as measured, else as estimated."""
    if model.spec.memory_policy.admission is Admission.OFF:
        return Finding(status="Unknown", reason=Reason.NOT_CHECKED)
    measured = status.measured_memory(snapshot, pod)
    tokens = measured.kv_tokens if measured else _remembered_tokens(model, revision)
    if tokens is None:
        return before.finding
    wanted = model.spec.engine.context_length
    evidence = f"measured: {tokens} tokens of KV cache, contextLength {wanted}"
    if tokens >= wanted:
        return Finding(status="True", reason=Reason.FITS, evidence=evidence)
    evidence += "; lower engine.contextLength or raise engine.memFractionStatic"
    return Finding(status="False", reason=Reason.INSUFFICIENT_GPU_MEMORY, evidence=evidence)


def memory_status(
    snapshot: ModelSnapshot,
    model: ReflexModel,
    before: Estimate,
    revision: str,
    pod: EnginePod | None,
) -> Manifest | None:
    """Return status.memory: measured, else what was measured of this revision, else estimated."""
    measured = status.measured_memory(snapshot, pod)
    if measured is not None:
        node = snapshot.nodes.get(pod.node) if pod else None
        capacity = smallest_capacity({pod.node: node}, {}) if pod and node else None
        gpu = model.spec.engine.device is Device.CUDA
        return measured_status(measured, capacity=capacity if gpu else None, gpu=gpu)
    if _remembered_tokens(model, revision) is not None:
        kept: Manifest = model.status["memory"]
        return kept
    if model.spec.memory_policy.admission is Admission.OFF:
        return None
    return estimated_status(before)


def measured_status(measured: EngineMemory, *, capacity: int | None, gpu: bool) -> Manifest:
    """Return status.memory for what the engine reported; sizes in MiB.

    `headroom` is what was free when the start was over; activations of long prompts come out of
    it. `overhead` is the rest of the GPU: driver, context, graphs, pools.
    """
    memory: Manifest = {"kvTokens": measured.kv_tokens, "source": "Measured"}
    weights, cache, free = measured.weights_bytes, measured.kv_cache_bytes, measured.free_bytes
    if weights:
        memory["weights"] = f"{max(1, round(weights / MIB))}Mi"
    if cache and cache >= _SMALLEST_KV_CACHE:
        memory["kvBytesPerToken"] = round(cache / measured.kv_tokens)
    if gpu and free is not None:
        memory["headroom"] = format_mebibytes(free)
    if capacity is not None:
        memory["capacity"] = format_mebibytes(capacity)
        if weights and cache and free is not None:
            memory["overhead"] = format_mebibytes(max(0, capacity - weights - cache - free))
    return memory


def estimated_status(before: Estimate) -> Manifest | None:
    """Return status.memory for an estimate, or None when nothing is known."""
    found = before.fit
    if found is None:
        return None
    return {
        "capacity": format_mebibytes(found.capacity),
        "weights": format_mebibytes(found.weights),
        "kvBytesPerToken": ceil(found.kv_bytes_per_token),
        "kvTokens": found.kv_tokens,
        "overhead": format_mebibytes(found.overhead),
        "headroom": format_mebibytes(found.headroom),
        "source": "Estimated",
    }


def _finding(found: Fit, size: ModelSize, load: Load, quantization: str) -> Finding:
    if found.fits:
        evidence = (
            f"estimated: {found.kv_tokens} tokens of KV cache, contextLength"
            f" {load.context_length}, memFractionStatic {float(found.fraction):g} leaves"
            f" {found.headroom / GIB:.1f} GiB headroom"
        )
        return Finding(status="True", reason=Reason.FITS, evidence=evidence)
    help_ = advice(size, load, found.capacity, quantization=quantization)
    return Finding(
        status="False",
        reason=Reason.INSUFFICIENT_GPU_MEMORY,
        evidence=f"{shortfall(found, load)}; {help_}",
    )


def _fraction(load: Load, choice: Choice, capacity: int) -> Fraction:
    if load.fraction is not None:
        return load.fraction
    return Fraction(choice.fraction) if choice.fraction else engine_fraction(load, capacity)


def _remembered_tokens(model: ReflexModel, revision: str) -> int | None:
    """Return what an engine of this revision measured, by the status that is left of it."""
    memory = model.status.get("memory") or {}
    same = (model.status.get("resolved") or {}).get("revisionHash") == revision
    tokens = memory.get("kvTokens")
    measured = memory.get("source") == "Measured"
    return tokens if same and measured and isinstance(tokens, int) else None
