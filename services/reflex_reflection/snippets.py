"""Which of the retrieved items a reflection may read."""

from collections.abc import Iterable, Mapping
from typing import Final

_TEXT_KEYS: Final = ("text", "snippet", "content")
_OWN_IDS: Final = "refl-"


def from_retrieved(
    retrieved: Iterable[Mapping[str, object]], *, limit: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the texts of the first items and their ids, in their order.

    An item's text is the first that is not empty of `text`, `snippet`, `content`. Items that are
    themselves reflections are left out: a memory of memories would only repeat itself.
    """
    texts: list[str] = []
    ids: list[str] = []
    for item in retrieved:
        if len(texts) >= limit:
            break
        found = [item.get(key) for key in _TEXT_KEYS]
        text = next((one for one in found if isinstance(one, str) and one), None)
        if text is None or _is_reflection(item):
            continue
        texts.append(text)
        ids.append(str(item.get("id", "")))
    return tuple(texts), tuple(ids)


def _is_reflection(item: Mapping[str, object]) -> bool:
    tags = item.get("tags")
    tagged = isinstance(tags, list | tuple) and "reflection" in tags
    return tagged or str(item.get("id", "")).startswith(_OWN_IDS)
