"""What the engines on their way out are doing, by their pods alone."""

from collections.abc import Sequence

from reflex_api.conditions import Reason
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.engine import Finding
from reflex_operator.reconcile.revisions import gate_is_open


def leaving(pods: Sequence[Manifest]) -> Finding | None:
    """Return the finding about pods of which none is wanted any more; None: there are none.

    An engine that was verified may have requests in flight, so it drains; another one only stops.
    """
    drained_by = [str(pod["metadata"]["deletionTimestamp"]) for pod in pods if _drains(pod)]
    if drained_by:
        # The API server's deletionTimestamp is when the grace period ends.
        evidence = f"at the latest until {max(drained_by)}"
        return Finding(status="False", reason=Reason.DRAINING, evidence=evidence)
    return Finding(status="False", reason=Reason.ENGINE_STOPPING) if pods else None


def _drains(pod: Manifest) -> bool:
    containers = (pod.get("status") or {}).get("containerStatuses") or []
    runs = any((one.get("state") or {}).get("running") for one in containers)
    return bool(pod["metadata"].get("deletionTimestamp")) and runs and gate_is_open(pod)
