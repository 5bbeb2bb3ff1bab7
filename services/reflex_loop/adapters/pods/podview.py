"""A sandbox pod as the pool sees it, and every decision about it. Pure: the time is passed in."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

KIND_LABEL: Final = "reflexstack.dev/sandbox"
"""`check` or `fetch`; stays while the pod lives: NetworkPolicies select by it."""
STATE_LABEL: Final = "reflexstack.dev/sandbox-state"
"""`idle` or `claimed`; the warm pool's ReplicaSets select `idle`."""
REPAIR_ANNOTATION: Final = "reflexstack.dev/repair"
EXPIRES_ANNOTATION: Final = "reflexstack.dev/expires"
CARGO_ANNOTATION: Final = "reflexstack.dev/cargo"
"""A hash over image and cargo configuration: crates fetched under one are no use to another."""

PORT: Final = 8080
GRACE: Final = timedelta(seconds=60)
"""Beyond a claim's time, before anybody may delete its pod: clocks differ."""


class PodKind(StrEnum):
    """What a sandbox may do."""

    CHECK = "check"
    """Compile and test; no network."""
    FETCH = "fetch"
    """Fetch crates from the network; builds nothing and sees no source."""


@dataclass(frozen=True, kw_only=True)
class PodView:
    """What matters of one pod.

    Attributes:
        version: its resourceVersion; a claim holds only for exactly this one.
        ready: its readiness probe passes: the agent's self-test did.
        ending: its deletion has begun, or it has ended by itself.
        address: base URL of its agent; empty as long as it has no IP.
        repair: who claimed it; empty for nobody.
        expires: when anybody may delete it; None: not said, or not readable.
        cargo: which crates it can use; see `CARGO_ANNOTATION`.
    """

    name: str
    uid: str
    version: str
    kind: str
    claimed: bool
    ready: bool
    ending: bool
    address: str
    repair: str = ""
    expires: datetime | None = None
    cargo: str = ""

    @property
    def free(self) -> bool:
        """Return whether it can be claimed."""
        return self.ready and not self.claimed and not self.ending and bool(self.address)


def view(pod: Mapping[str, Any]) -> PodView:
    """Read the API server's object."""
    metadata = pod["metadata"]
    status = pod.get("status") or {}
    labels = metadata.get("labels") or {}
    annotations = metadata.get("annotations") or {}
    address = status.get("podIP") or ""
    conditions = status.get("conditions") or []
    return PodView(
        name=metadata["name"],
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
        kind=labels.get(KIND_LABEL, ""),
        claimed=labels.get(STATE_LABEL) != "idle",
        ready=any(each["type"] == "Ready" and each["status"] == "True" for each in conditions),
        ending=bool(metadata.get("deletionTimestamp"))
        or status.get("phase") in ("Succeeded", "Failed"),
        address=_url(address) if address else "",
        repair=annotations.get(REPAIR_ANNOTATION, ""),
        expires=_time(annotations.get(EXPIRES_ANNOTATION, "")),
        cargo=annotations.get(CARGO_ANNOTATION, ""),
    )


def free_pods(
    pods: Iterable[PodView],
    kind: PodKind,
    *,
    reserved: Collection[str] = (),
    cargo: str | None = None,
) -> list[PodView]:
    """Return the pods of a kind that can be claimed, by name.

    Args:
        pods: as last seen.
        kind: what it must be able to do.
        reserved: uids that this process is claiming already.
        cargo: only those that fetch what such a pod can use.
    """
    found = [
        each
        for each in pods
        if each.kind == kind
        and each.free
        and each.uid not in reserved
        and cargo in (None, each.cargo)
    ]
    return sorted(found, key=lambda each: each.name)


def claim_patch(pod: PodView, *, repair: str, expires: datetime) -> dict[str, Any]:
    """Return the merge patch that takes a pod out of its warm pool.

    The resourceVersion is the precondition: of two claims one gets a conflict. The label takes the
    pod out of its ReplicaSet, which makes a new one. The owner goes in the same write: with it, the
    garbage collector would take a pod at work along with a ReplicaSet that an upgrade replaced.
    """
    return {
        "metadata": {
            "resourceVersion": pod.version,
            "uid": pod.uid,
            "labels": {STATE_LABEL: "claimed"},
            "annotations": {
                REPAIR_ANNOTATION: repair,
                EXPIRES_ANNOTATION: expires.isoformat(timespec="seconds"),
            },
            "ownerReferences": None,
        }
    }


def orphans(pods: Iterable[PodView], now: datetime, *, ours: Collection[str] = ()) -> list[PodView]:
    """Return claimed pods whose time is over, whoever claimed them.

    A claim writes label and time together; a claimed pod without a readable time was never ours
    to begin with and nobody will come back for it.

    Args:
        pods: as last seen.
        now: aware.
        ours: uids that this process still works with; it ends them itself.
    """
    return [
        each
        for each in pods
        if each.claimed
        and not each.ending
        and each.uid not in ours
        and (each.expires is None or each.expires <= now)
    ]


def left_behind(
    pods: Iterable[PodView], repair: str, *, ours: Collection[str] = ()
) -> list[PodView]:
    """Return pods that an earlier process claimed for this same repair: it died with them."""
    return [
        each
        for each in pods
        if each.claimed and not each.ending and each.repair == repair and each.uid not in ours
    ]


def why_it_ended(pod: Mapping[str, Any]) -> str:
    """Return the kubelet's words for the end of a pod; empty where it has none."""
    status = pod.get("status") or {}
    if status.get("reason"):  # such as Evicted
        return f"{status['reason']}: {status.get('message', '')}".rstrip(": ")
    for each in status.get("containerStatuses") or []:
        for state in (each.get("state") or {}, each.get("lastState") or {}):
            ended = state.get("terminated")
            if ended:
                return f"{ended.get('reason', 'Error')}, exit code {ended.get('exitCode')}"
    return ""


def _url(address: str) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{PORT}"


def _time(text: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read if read.tzinfo else None
