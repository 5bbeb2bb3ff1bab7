"""Conditions and reasons of routes and bakeoffs: closed vocabularies, as that of models."""

from enum import StrEnum


class RouteCondition(StrEnum):
    """States of a ReflexRoute. All but Degraded are true when well."""

    ACCEPTED = "Accepted"
    SERVING = "Serving"
    QUALIFIED = "Qualified"
    DEGRADED = "Degraded"
    READY = "Ready"


class RouteReason(StrEnum):
    """Why a route's condition is what it is. Names are stable: alerts rest on them."""

    # Accepted
    ACCEPTED = "Accepted"
    SPEC_INVALID = "SpecInvalid"
    NAME_CONFLICT = "NameConflict"
    MEMBER_CONFLICT = "MemberConflict"
    MEMBER_NOT_ROUTED = "MemberNotRouted"
    MEMBER_NOT_FOUND = "MemberNotFound"
    KEYS_DIFFER = "KeysDiffer"
    GATE_NOT_MEASURABLE = "GateNotMeasurable"
    # Serving
    PRIMARY_SERVING = "PrimaryServing"
    FALLBACK_SERVING = "FallbackServing"
    SWAPPING = "Swapping"
    EVALUATING = "Evaluating"
    ENGINE_NOT_READY = "EngineNotReady"
    NO_ELIGIBLE_FALLBACK = "NoEligibleFallback"
    SLOT_HELD = "SlotHeld"
    # Qualified
    QUALIFIED = "Qualified"
    UNQUALIFIED = "Unqualified"
    INCUMBENT_REJECTED = "IncumbentRejected"
    EVIDENCE_STALE = "EvidenceStale"
    # Degraded, Ready
    AS_WANTED = "AsWanted"
    SWAP_DEFERRED = "SwapDeferred"
    HOLD = "Hold"
    QUALITY_REGRESSED = "QualityRegressed"
    CIRCUIT_OPEN = "CircuitOpen"


class BakeoffCondition(StrEnum):
    """States of a ReflexBakeoff."""

    ACCEPTED = "Accepted"
    COMPLETE = "Complete"


class BakeoffReason(StrEnum):
    """Why a bakeoff's condition is what it is."""

    # Accepted
    ACCEPTED = "Accepted"
    SPEC_INVALID = "SpecInvalid"
    NAME_CONFLICT = "NameConflict"
    IMAGE_NOT_CONFIGURED = "ImageNotConfigured"
    GATE_NOT_MEASURABLE = "GateNotMeasurable"
    # Complete
    WAITING_FOR_MODEL = "WaitingForModel"
    WAITING_FOR_BASELINE = "WaitingForBaseline"
    APPLY_FAILED = "ApplyFailed"
    RUNNING = "Running"
    COLLECTING = "Collecting"
    RERUNNING = "Rerunning"
    PASSED = "Passed"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"
    NO_MEASUREMENT = "NoMeasurement"
    JOB_FAILED = "JobFailed"
    ARTEFACT_MISSING = "ArtefactMissing"
    ARTEFACT_TAMPERED = "ArtefactTampered"
    SUBJECT_CHANGED = "SubjectChanged"
