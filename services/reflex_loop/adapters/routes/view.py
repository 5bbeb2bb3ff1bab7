"""What a ReflexRoute says about the model behind it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from reflex_api.gate import GateSpec
from reflex_api.reasons import RouteCondition
from reflex_api.route_status import Eligibility, MemberStatus, ReflexRouteStatus
from reflex_routing.gate import Evidence

_JUDGED: Final = (Eligibility.ELIGIBLE, Eligibility.REJECTED, Eligibility.INCONCLUSIVE)


@dataclass(frozen=True, kw_only=True)
class RouteView:
    """A route as last seen.

    Attributes:
        route: its name.
        serving: whether its Service leads to an engine that is well.
        reason: of the condition Serving, such as `Evaluating`.
        model: the active ReflexModel; empty: none.
        revision: of its engine.
        since: when it became active.
        member: what is known about it.
        floor: the share of items that the route's gate wants repaired; None: it cannot be read.
    """

    route: str
    serving: bool
    reason: str
    model: str = ""
    revision: str = ""
    since: datetime | None = None
    member: MemberStatus | None = None
    floor: float | None = None

    @property
    def activation(self) -> tuple[str, str, datetime | None]:
        """What changes whenever another engine takes over, also the same model again."""
        return self.model, self.revision, self.since


def read(manifest: Mapping[str, Any]) -> RouteView | None:
    """Return what a route says; None: the operator has not spoken, or cannot be understood."""
    try:
        status = ReflexRouteStatus.model_validate(manifest.get("status") or {}, extra="ignore")
    except ValidationError:
        return None
    conditions = {one.type: one for one in status.conditions or ()}
    serving = conditions.get(RouteCondition.SERVING.value)
    if serving is None:
        return None
    active = status.active
    model = (active.model if active else "") or ""
    members = {one.model: one for one in status.members or ()}
    return RouteView(
        route=str(manifest["metadata"]["name"]),
        serving=serving.status == "True",
        reason=serving.reason,
        model=model,
        revision=(active.revision_hash if active else "") or "",
        since=active.since if active else None,
        member=members.get(model),
        floor=_floor(manifest.get("spec") or {}),
    )


def evidence(view: RouteView, *, model: str, revision: str, now: datetime) -> Evidence | None:
    """Return the evidence about the active model, as the gate of `reflex_routing` reads it.

    That it is about the present revision is the operator's finding: a member whose inputs changed
    is `Stale`, and its evidence is then that of another revision.

    Args:
        view: of the route.
        model: its name in the routing configuration.
        revision: as `LocalModels.serving` tells it.
        now: the time.
    """
    member = view.member
    found = member.evidence if member else None
    if member is None or found is None or found.verdict is None or found.expires_at is None:
        return None
    expired = now >= found.expires_at
    if member.eligibility not in _JUDGED and member.eligibility is not Eligibility.STALE:
        return None
    changed = member.eligibility is Eligibility.STALE and not expired
    return Evidence(
        id=found.id or found.bakeoff or "",
        model=model,
        revision="an earlier revision" if changed else revision,
        verdict=found.verdict.value,
        expires_at=found.expires_at,
        metrics=_metrics(found.pass_at1),
    )


def qualified(view: RouteView) -> bool:
    """Return whether the active model's evidence is current and passes."""
    return view.member is not None and view.member.eligibility is Eligibility.ELIGIBLE


def _metrics(pass_at1: str | None) -> dict[str, float]:
    try:
        return {"pass_at_1_percent": 100 * float(pass_at1)} if pass_at1 else {}
    except ValueError:
        return {}


def _floor(spec: Mapping[str, Any]) -> float | None:
    """Return `gate.quality.passAt1Floor`, its default where it is left out."""
    try:
        gate = GateSpec.model_validate(spec.get("gate") or {}, extra="ignore")
    except ValidationError:
        return None
    return float(gate.quality.pass_at1_floor)
