"""What the `inspect` step found out about a source, read from its pod's termination message."""

from collections.abc import Iterable

from pydantic import ValidationError

from reflex_api.names import LABEL_WEIGHTS_STEP
from reflex_api.source import Source
from reflex_api.weights import Inspection, WeightsResult
from reflex_operator.builders.weights import ANNOTATION_SOURCE, Step, source_json
from reflex_operator.manifest import Manifest


def inspection_of(pods: Iterable[Manifest], source: Source) -> Inspection | None:
    """Return the newest inspection of this source that succeeded, or None.

    Args:
        pods: of the model's weights Jobs. Those that are being deleted, and those that looked at
            an earlier source, do not count.
        source: the one that the spec names now.
    """
    done = [pod for pod in pods if _is_inspection(pod, source)]
    newest = sorted(done, key=lambda pod: str(pod["metadata"].get("creationTimestamp") or ""))
    for pod in reversed(newest):
        for container in (pod.get("status") or {}).get("containerStatuses") or []:
            ended: Manifest = (container.get("state") or {}).get("terminated") or {}
            found = _read(ended.get("message") or "")
            if found is not None:
                return found
    return None


def _is_inspection(pod: Manifest, source: Source) -> bool:
    metadata = pod["metadata"]
    if metadata.get("deletionTimestamp"):
        return False
    step = (metadata.get("labels") or {}).get(LABEL_WEIGHTS_STEP)
    seen = (metadata.get("annotations") or {}).get(ANNOTATION_SOURCE)
    return step == Step.INSPECT and seen == source_json(source)


def _read(message: str) -> Inspection | None:
    """Return the inspection in a message; anything else that a container says is none."""
    try:
        result = WeightsResult.model_validate_json(message)
    except ValidationError:
        return None
    return result.inspection if result.failure is None else None
