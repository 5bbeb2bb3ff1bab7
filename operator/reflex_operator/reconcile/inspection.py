"""What the `inspect` step found out about a source, read from its pod's termination message."""

import json
from collections.abc import Iterable
from typing import Final

from pydantic import ValidationError

from reflex_api.names import GROUP
from reflex_api.source import Source
from reflex_api.weights import Inspection, WeightsResult
from reflex_operator.manifest import Manifest

LABEL_STEP: Final = f"{GROUP}/weights-step"
"""On pods that handle weights: `inspect` or `download`."""
ANNOTATION_SOURCE: Final = f"{GROUP}/source"
"""On these pods: JSON of the source that they look at, without the token's reference."""
INSPECT: Final = "inspect"


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


def source_json(source: Source) -> str:
    """Return the source as the pod's annotation has it."""
    said = source.model_dump(mode="json", by_alias=True, exclude_none=True)
    said.get("huggingFace", {}).pop("tokenSecretRef", None)
    return json.dumps(said, sort_keys=True, separators=(",", ":"))


def _is_inspection(pod: Manifest, source: Source) -> bool:
    metadata = pod["metadata"]
    if metadata.get("deletionTimestamp"):
        return False
    step = (metadata.get("labels") or {}).get(LABEL_STEP)
    seen = (metadata.get("annotations") or {}).get(ANNOTATION_SOURCE)
    return step == INSPECT and seen == source_json(source)


def _read(message: str) -> Inspection | None:
    """Return the inspection in a message; anything else that a container says is none."""
    try:
        result = WeightsResult.model_validate_json(message)
    except ValidationError:
        return None
    return result.inspection if result.failure is None else None
