"""What people ask of a route by annotations: a hold, and a choice by hand."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reflex_api.names import ANNOTATION_HOLD, ANNOTATION_MANUAL
from reflex_operator.reconcile.route.evidence import Evidence, Standing

_LONGEST: Final = 120


@dataclass(frozen=True, kw_only=True)
class Hold:
    """No promotion and no evaluation. `words` name who holds it and why.

    A hold of its own (not `by_choice`) also keeps the route from going back to the incumbent.
    """

    words: str
    by_choice: bool = False


@dataclass(frozen=True, kw_only=True)
class Manual:
    """A person's choice: this model, on this evidence."""

    model: str
    evidence: str
    words: str

    @property
    def text(self) -> str:
        """Return it as the short form of the annotation."""
        return f"{self.model}@{self.evidence}"


def hold_of(annotations: Mapping[str, str]) -> Hold | None:
    """Return the hold, if there is one; a choice by hand is one."""
    manual = manual_of(annotations)
    text = annotations.get(ANNOTATION_HOLD)
    if text is not None:
        return Hold(words=_words(_object(text), text) or "no reason given")
    if manual is None:
        return None
    return Hold(words=f"chosen by hand: {manual.text} {manual.words}".strip(), by_choice=True)


def manual_of(annotations: Mapping[str, str]) -> Manual | None:
    """Return the choice by hand; one that cannot be read names no evidence and is refused."""
    text = annotations.get(ANNOTATION_MANUAL)
    if not text:
        return None
    found = _object(text)
    if found is not None:
        return Manual(
            model=str(found.get("model") or ""),
            evidence=str(found.get("evidence") or ""),
            words=_words(found, ""),
        )
    choice, _, rest = text.strip().partition(" ")
    model, _, evidence = choice.partition("@")
    return Manual(model=model[:50], evidence=evidence[:64], words=rest.strip()[:_LONGEST])


def refusal(manual: Manual, evidence: Evidence | None, standing: Standing | None) -> str:
    """Return why a choice by hand is not followed, or nothing."""
    if standing is None:
        return f"{manual.model or 'no model'} is no usable member of this route"
    if evidence is None:
        return f"{manual.model} has no evidence: {standing.message}"
    if manual.evidence != evidence.id:
        named = manual.evidence or "none"
        return f"evidence {named} is not the current one of {manual.model}, which is {evidence.id}"
    if standing.eligibility != "Eligible":
        return f"{manual.model} is {standing.eligibility.value}: {standing.message}"
    return ""


def _object(text: str) -> dict[str, object] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _words(found: dict[str, object] | None, text: str) -> str:
    """Return "ACTOR: REASON" of JSON, else the text itself."""
    if found is None:
        return " ".join(text.split())[:_LONGEST]
    actor, reason = str(found.get("actor") or ""), str(found.get("reason") or "")
    return ": ".join(part for part in (actor, reason) if part)[:_LONGEST]
