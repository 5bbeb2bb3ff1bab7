"""ReflexBakeoffs as rows: what each run found, how old it is, and what it rests on. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from reflex_api.conditions import parse_time

_SOLVED: Final = "pass_at_1"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One run.

    Attributes:
        verdict: `Pass`, `Fail`, `Inconclusive`, `Error`, or why there is none yet.
        interval: of pass@1, each bound one-sided with 95 % confidence.
        at: its end, or its creation while it has none.
        evidence: the ConfigMap; empty: none was kept.
    """

    name: str
    model: str
    suite: str
    label: str
    finished: bool
    verdict: str
    superiority: str
    pass_at_1: float | None
    interval: str
    items: int
    at: datetime
    evidence: str
    evidence_id: str
    evidence_key: str
    expires_at: datetime | None
    simulated: bool

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON; times are UTC."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }


def rows(
    bakeoffs: Sequence[Mapping[str, Any]], *, since: timedelta | None, now: datetime
) -> list[Row]:
    """Return the runs, the newest first.

    Args:
        bakeoffs: the objects.
        since: only those that ended, or were created, within this time; None: all.
        now: the time.
    """
    found = [row(one) for one in bakeoffs]
    recent = [one for one in found if since is None or one.at >= now - since]
    return sorted(recent, key=lambda one: (one.at, one.name), reverse=True)


def row(bakeoff: Mapping[str, Any]) -> Row:
    """Return one run."""
    metadata, spec = bakeoff["metadata"], bakeoff.get("spec") or {}
    status = bakeoff.get("status") or {}
    endpoint = spec.get("endpoint") or {}
    ended = parse_time(status.get("finishedAt"))
    created = parse_time(metadata.get("creationTimestamp"))
    gate = spec.get("gate") or {}
    verdict = status.get("verdict")
    return Row(
        name=str(metadata["name"]),
        model=str((spec.get("modelRef") or {}).get("name") or endpoint.get("model") or ""),
        suite=str(gate.get("suite") or ""),
        label=str(gate.get("label") or ""),
        finished=bool(verdict),
        verdict=str(verdict or _waiting(status)),
        superiority=str(status.get("superiority") or ""),
        pass_at_1=_number(status.get("passAt1")),
        interval=interval(bakeoff),
        items=int(status.get("items") or 0),
        at=ended or created or datetime(1970, 1, 1, tzinfo=UTC),
        evidence=str(status.get("evidence") or ""),
        evidence_id=str(status.get("evidenceId") or ""),
        evidence_key=str(status.get("evidenceKey") or ""),
        expires_at=parse_time(status.get("expiresAt")),
        simulated=bool(status.get("simulated")),
    )


def interval(bakeoff: Mapping[str, Any]) -> str:
    """Return the bounds of pass@1: `65.4 to 76.2 %`; empty: not measured."""
    for one in (bakeoff.get("status") or {}).get("metrics") or []:
        if one.get("name") == _SOLVED:
            bounds = one.get("ci") or {}
            low, high = _number(bounds.get("low")), _number(bounds.get("high"))
            if low is None and high is None:
                return ""
            shown = ["-∞" if low is None else f"{100 * low:.1f}"]
            shown.append("∞" if high is None else f"{100 * high:.1f}")
            return f"{' to '.join(shown)} %"
    return ""


def _waiting(status: Mapping[str, Any]) -> str:
    """Return why there is no verdict yet, in the operator's one word."""
    for one in status.get("conditions") or []:
        if one.get("type") == "Complete":
            return str(one.get("reason") or "Unknown")
    return "Unknown"


def _number(text: object) -> float | None:
    try:
        return None if text is None else float(str(text))
    except ValueError:
        return None
