"""status.download: numbers in steps of 5 %, from what the pod reports and what was said before.

No clock: how long ago the last step was follows from the bytes since then and their rate.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from reflex_api.weights import WeightsProgress, WeightsResult
from reflex_operator.manifest import Manifest

_GIB: Final = 1 << 30
_STEPS: Final = 20
_APART_SECONDS: Final = 10


def in_progress(before: Mapping[str, Any], progress: WeightsProgress | None) -> Manifest | None:
    """Return the numbers to show for a download that runs.

    Args:
        before: status.download as it is.
        progress: the pod's last answer; None: it has not answered yet.
    """
    shown = dict(before) or None
    if progress is None:
        return shown
    if shown is None or _is_another(before, progress) or _is_a_step(before, progress):
        return _numbers(progress)
    return shown


def done(before: Mapping[str, Any], result: WeightsResult | None) -> Manifest | None:
    """Return the size on the volume once all is there; it was said last when the pod is gone."""
    size = result.bytes_total if result is not None else None
    if size is None:
        size = before.get("bytesTotal")
    return {"bytesDone": size, "bytesTotal": size} if size is not None else None


def words(numbers: Mapping[str, Any] | None) -> str:
    """Return the numbers as a message shows them, or nothing."""
    if not numbers:
        return ""
    done, total = numbers.get("bytesDone", 0), numbers.get("bytesTotal")
    return f"{done / _GIB:.1f} of {total / _GIB:.1f} GiB" if total else f"{done / _GIB:.1f} GiB"


def _numbers(progress: WeightsProgress) -> Manifest:
    numbers: Manifest = {"bytesDone": progress.bytes_done}
    rate, total = progress.bytes_per_second, progress.bytes_total
    if total is not None:
        numbers["bytesTotal"] = total
    if rate:
        numbers["bytesPerSecond"] = rate
        if total is not None:
            numbers["remainingSeconds"] = math.ceil(max(total - progress.bytes_done, 0) / rate)
    return numbers


def _is_another(before: Mapping[str, Any], progress: WeightsProgress) -> bool:
    """Return whether the numbers before are those of another download."""
    total = before.get("bytesTotal")
    return total != progress.bytes_total or progress.bytes_done < before.get("bytesDone", 0)


def _is_a_step(before: Mapping[str, Any], progress: WeightsProgress) -> bool:
    said, now, total = before.get("bytesDone", 0), progress.bytes_done, progress.bytes_total
    if now - said < _APART_SECONDS * progress.bytes_per_second:
        return False
    if not total:
        return bool(now >= 2 * max(said, 1))
    return bool(now * _STEPS // total > said * _STEPS // total)
