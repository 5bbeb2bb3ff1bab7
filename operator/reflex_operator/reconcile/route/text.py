"""One sentence a reason of a route: cause and next action."""

from typing import Final

from reflex_api.conditions import sentence
from reflex_api.reasons import RouteReason

_TEXT: Final[dict[RouteReason, tuple[str, str]]] = {
    RouteReason.ACCEPTED: ("the spec is valid", ""),
    RouteReason.SPEC_INVALID: ("the spec cannot be read", "correct the field and apply again"),
    RouteReason.NAME_CONFLICT: (
        "an object with the Service's name belongs to somebody else",
        "rename the ReflexRoute or delete that object",
    ),
    RouteReason.MEMBER_CONFLICT: (
        "a model belongs to one route only",
        "remove it from one of the two routes",
    ),
    RouteReason.MEMBER_NOT_ROUTED: (
        "a member is served on its own",
        "set its spec.activation to Routed",
    ),
    RouteReason.MEMBER_NOT_FOUND: ("a member does not exist", "create the ReflexModel"),
    RouteReason.KEYS_DIFFER: (
        "valid, but members have different API keys, so that a swap shuts clients out",
        "set the same spec.apiKeySecretRef on all members",
    ),
    RouteReason.GATE_NOT_MEASURABLE: (
        "no bakeoff can be judged",
        "set gate.throughput.minRooflineShare to none, or complete the catalogue",
    ),
    RouteReason.PRIMARY_SERVING: ("the primary serves", ""),
    RouteReason.FALLBACK_SERVING: ("a fallback serves", ""),
    RouteReason.SWAPPING: ("the active model changes", "wait; the cloud may answer meanwhile"),
    RouteReason.EVALUATING: (
        "a member is measured in the incumbent's place",
        "wait; a request ends it when evaluation.preempt is set",
    ),
    RouteReason.ENGINE_NOT_READY: ("the active engine is not ready", "see its ReflexModel"),
    RouteReason.NO_ELIGIBLE_FALLBACK: (
        "no member may take over",
        "see status.members for what each lacks",
    ),
    RouteReason.SLOT_HELD: ("the slot is taken by another route", "raise slot.maxResident or wait"),
    RouteReason.QUALIFIED: ("its evidence is current and passes", ""),
    RouteReason.UNQUALIFIED: ("no passing evidence", "wait for its bakeoff"),
    RouteReason.INCUMBENT_REJECTED: (
        "the active model failed its bakeoff",
        "qualify a fallback, or change the model",
    ),
    RouteReason.EVIDENCE_STALE: ("its evidence no longer counts", "wait for its bakeoff"),
    RouteReason.AS_WANTED: ("the incumbent serves", ""),
    RouteReason.SWAP_DEFERRED: ("a swap is due and held back", ""),
    RouteReason.HOLD: ("held", "remove the annotation to release it"),
    RouteReason.QUALITY_REGRESSED: (
        "repairs in production are worse than measured",
        "see reflex-loop's decisions",
    ),
    RouteReason.CIRCUIT_OPEN: ("reflex-loop's breaker is open", "see reflex-loop's /v1/breakers"),
}


def message(reason: RouteReason, evidence: str = "") -> str:
    """Return "cause: evidence; action" for a reason, at most 256 characters."""
    cause, action = _TEXT[reason]
    return sentence(cause, evidence, action)
