"""What the `inspect` step found out about a source, read from its pod's termination message."""

from collections.abc import Iterable
from typing import Final

from pydantic import ValidationError

from reflex_api.names import GROUP
from reflex_api.weights import Inspection, WeightsResult
from reflex_operator.manifest import Manifest

LABEL_STEP: Final = f"{GROUP}/weights-step"
"""On pods that handle weights: `inspect` or `download`."""
INSPECT: Final = "inspect"


def inspection_of(pods: Iterable[Manifest]) -> Inspection | None:
    """Return the newest inspection that succeeded, or None.

    Args:
        pods: of the model's weights Jobs; those that are being deleted do not count.
    """
    done = [pod for pod in pods if _is_inspection(pod)]
    newest = sorted(done, key=lambda pod: str(pod["metadata"].get("creationTimestamp") or ""))
    for pod in reversed(newest):
        for container in (pod.get("status") or {}).get("containerStatuses") or []:
            ended: Manifest = (container.get("state") or {}).get("terminated") or {}
            found = _read(ended.get("message") or "")
            if found is not None:
                return found
    return None


def _is_inspection(pod: Manifest) -> bool:
    metadata = pod["metadata"]
    step = (metadata.get("labels") or {}).get(LABEL_STEP)
    return step == INSPECT and not metadata.get("deletionTimestamp")


def _read(message: str) -> Inspection | None:
    """Return the inspection in a message; anything else that a container says is none."""
    try:
        result = WeightsResult.model_validate_json(message)
    except ValidationError:
        return None
    return result.inspection if result.failure is None else None
