"""A turn as a JSON document, as files and clients give it."""

import json
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    ValidationError,
    field_validator,
)

from reflex_reflection.bundle import UNKNOWN_AGENT, Plan, ReflectionBundle, TurnContext, iso_time
from reflex_reflection.errors import BundleError, PlanError
from reflex_reflection.planner import coerce_flag

MAX_AGENT = 200
MAX_TEXT = 1_000_000
"""Characters of one text."""
MAX_SNIPPETS = 1000
_Text = Annotated[str, Field(max_length=MAX_TEXT)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class TurnDocument(_Part):
    """`ctx`."""

    agent_id: str = Field(UNKNOWN_AGENT, min_length=1, max_length=MAX_AGENT)
    turn_id: int = Field(0, ge=0, le=2**53)
    now_iso: str | None = Field(None, max_length=64)
    now_ms: int | None = Field(None, ge=0, le=253_402_300_799_999)
    """Used where `now_iso` is absent."""
    dry_run: StrictBool = False

    @field_validator("now_iso")
    @classmethod
    def _is_time(cls, value: str | None) -> str | None:
        if value is not None and datetime.fromisoformat(value).tzinfo is None:
            raise ValueError("needs a time zone, such as a Z at the end")
        return value

    def context(self) -> TurnContext:
        """Return the turn's context; without any time it is 1970."""
        return TurnContext(
            agent_id=self.agent_id,
            turn_id=self.turn_id,
            now_iso=self.now_iso or iso_time(self.now_ms or 0),
            dry_run=self.dry_run,
        )


class PlanDocument(BaseModel):
    """`plan`; the rest of a plan is the planner's own and not looked at."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
    reflection: bool = False

    @field_validator("reflection", mode="before")
    @classmethod
    def _is_flag(cls, value: object) -> bool:
        try:
            return coerce_flag(value)
        except PlanError as error:
            raise ValueError(str(error)) from error


class BundleDocument(_Part):
    """A `ReflectionBundle`."""

    ctx: TurnDocument
    plan: PlanDocument = PlanDocument()
    utter: _Text = ""
    snippets: tuple[_Text, ...] = Field((), max_length=MAX_SNIPPETS)
    snippet_ids: tuple[Annotated[str, Field(max_length=MAX_AGENT)], ...] = Field(
        (), max_length=MAX_SNIPPETS
    )
    state_view: dict[str, JsonValue] = Field(default_factory=dict)

    def bundle(self) -> ReflectionBundle:
        """Return the turn."""
        return ReflectionBundle(
            ctx=self.ctx.context(),
            plan=Plan(reflection=self.plan.reflection),
            utter=self.utter,
            snippets=self.snippets,
            snippet_ids=self.snippet_ids,
            state_view=self.state_view,
        )


def read_bundle(data: bytes | str) -> ReflectionBundle:
    """Read a turn from JSON.

    Raises:
        BundleError: with a line for every fault.
    """
    try:
        document: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BundleError([f"the bundle is no JSON: {error}"]) from error
    try:
        return BundleDocument.model_validate(document).bundle()
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        raise BundleError(
            [f"{'.'.join(map(str, one['loc'])) or 'the bundle'} {one['msg']}" for one in found]
        ) from None
