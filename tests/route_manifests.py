"""ReflexRoutes as an API server returns them."""

from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
KEY = f"sha256:{'a' * 64}"


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(kind: str, status: str, reason: str, message: str = "words") -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": 1,
        "lastTransitionTime": stamp(NOW - timedelta(hours=1)),
    }


def evidence(verdict: str = "Pass", **more: Any) -> dict[str, Any]:
    return {
        "bakeoff": "coder-tiny-1",
        "id": "1a2b3c4d5e6f",
        "verdict": verdict,
        "key": KEY,
        "passAt1": "0.712",
        "expiresAt": stamp(NOW + timedelta(days=13)),
    } | more


def member(model: str, eligibility: str = "Eligible", **more: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "model": model,
        "role": "Fallback",
        "eligibility": eligibility,
        "message": "words",
    }
    if eligibility not in ("Unqualified", "Evaluating", "Unfit"):
        entry["evidence"] = evidence()
    return entry | more


def route(
    *,
    active: str = "tiny",
    revision: str = "r1",
    serving: str = "True",
    reason: str = "PrimaryServing",
    members: list[dict[str, Any]] | None = None,
    spec: dict[str, Any] | None = None,
    **status: Any,
) -> dict[str, Any]:
    """Return a route `models/coder`; of two members the first serves."""
    conditions = [
        condition("Accepted", "True", "Accepted"),
        condition("Serving", serving, reason),
        condition("Ready", serving, reason),
    ]
    found: dict[str, Any] = {
        "observedGeneration": 1,
        "incumbent": "tiny",
        "endpoint": "http://coder.models.svc/v1",
        "members": members or [member("tiny", role="Primary", incumbent=True), member("other")],
        "conditions": conditions,
    }
    if active:
        found["active"] = {
            "model": active,
            "revisionHash": revision,
            "since": stamp(NOW - timedelta(hours=1)),
            "reason": "Bootstrap",
        }
    names = [one["model"] for one in found["members"]]
    return {
        "apiVersion": "reflexstack.dev/v1alpha1",
        "kind": "ReflexRoute",
        "metadata": {
            "name": "coder",
            "namespace": "models",
            "uid": "u",
            "generation": 1,
            "resourceVersion": "5",
            "creationTimestamp": stamp(NOW - timedelta(days=1)),
        },
        "spec": {
            "primary": names[0],
            "fallbacks": names[1:],
            "gate": {"suite": "s", "quality": {"passAt1Floor": "0.60"}},
        }
        | (spec or {}),
        "status": found | status,
    }
