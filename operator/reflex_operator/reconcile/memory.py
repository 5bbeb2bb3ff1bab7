"""Does the model fit the memory of its device? Estimated before the start, measured after it."""

from reflex_api.conditions import Reason
from reflex_api.model import ReflexModel
from reflex_operator.reconcile import status
from reflex_operator.reconcile.engine import EnginePod, Finding
from reflex_operator.reconcile.plan import ModelSnapshot


def memory_fits(
    snapshot: ModelSnapshot, model: ReflexModel, revision: str, pod: EnginePod | None
) -> Finding:
    """Return whether one context fits, by the engine's own report or the status it left."""
    tokens: object = None
    if (model.status.get("resolved") or {}).get("revisionHash") == revision:
        tokens = (model.status.get("memory") or {}).get("kvTokens")
    measured = status.measured_memory(snapshot, pod)
    if measured:
        tokens = measured.kv_tokens
    if not isinstance(tokens, int):
        return Finding(status="Unknown", reason=Reason.NOT_MEASURED)
    evidence = f"{tokens} tokens of KV cache, contextLength {model.spec.engine.context_length}"
    if tokens >= model.spec.engine.context_length:
        return Finding(status="True", reason=Reason.FITS, evidence=evidence)
    return Finding(status="False", reason=Reason.INSUFFICIENT_GPU_MEMORY, evidence=evidence)
