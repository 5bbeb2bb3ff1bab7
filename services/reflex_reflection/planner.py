"""The planner's wish to reflect: a flag in its plan, in the forms that language models write it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reflex_reflection.errors import PlanError

MAX_REPLY: Final = 20_000
"""Characters of a reply that are looked at."""
MAX_ITEMS: Final = 16
MAX_ITEM: Final = 200
MAX_RATIONALE: Final = 2000
_TRUE: Final = frozenset({"true", "t", "yes", "y", "1"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "0"})
_KEYS: Final = ("plan", "rationale", "reflection")
_FENCE: Final = re.compile(r"```[ \t]*(\w*)[ \t]*\r?\n(.*)```", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class PlanReply:
    """A planner's reply that is right."""

    plan: tuple[str, ...]
    rationale: str
    reflection: bool = False


def coerce_flag(value: object) -> bool:
    """Return the flag: a boolean, 0 or 1, or a word for one of them in any case.

    Raises:
        PlanError: it is anything else.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return value == 1
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
    raise PlanError("reflection must be boolean (or 'true'/'false','1'/'0')")


def sanitised_flag(plan: Mapping[str, object], problems: list[str]) -> bool:
    """Return the flag of a plan, false where there is none; a wrong one is false and a problem."""
    if "reflection" not in plan:
        return False
    try:
        return coerce_flag(plan["reflection"])
    except PlanError:
        problems.append("plan.reflection must be boolean (or 'true'/'false','1'/'0')")
        return False


def read_reply(text: str) -> PlanReply:
    """Read a planner's reply: one JSON object, bare or in one ```json fence, and nothing else.

    Raises:
        PlanError: it is something else; the caller falls back to a plan that does not reflect.
    """
    if len(text) > MAX_REPLY:
        raise PlanError(f"raw output too large: at most {MAX_REPLY} characters")
    document = _object(text.strip())
    for key in ("plan", "rationale"):
        if key not in document:
            raise PlanError(f"missing key: {key}")
    for key in document:
        if key not in _KEYS:
            raise PlanError(f"unknown key: {key}")
    reflection = coerce_flag(document.get("reflection", False))
    return PlanReply(
        plan=_items(document["plan"]),
        rationale=_rationale(document["rationale"]),
        reflection=reflection,
    )


def _object(text: str) -> dict[str, object]:
    if fenced := _FENCE.fullmatch(text):
        language, text = fenced[1].lower(), fenced[2].strip()
        if language not in ("", "json", "jsonc"):
            raise PlanError(f"unsupported code fence language: {language}")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PlanError(f"non-JSON: {error}") from error
    if not isinstance(document, dict):
        raise PlanError("top-level must be object")
    return document


def _items(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise PlanError("plan must be array")
    if len(value) > MAX_ITEMS:
        raise PlanError(f"plan too long: at most {MAX_ITEMS} items")
    for item in value:
        if not isinstance(item, str) or not item.strip() or len(item) > MAX_ITEM:
            raise PlanError(f"plan items must be text of 1 to {MAX_ITEM} characters")
    return tuple(value)


def _rationale(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_RATIONALE:
        raise PlanError(f"rationale must be text of 1 to {MAX_RATIONALE} characters")
    return value
