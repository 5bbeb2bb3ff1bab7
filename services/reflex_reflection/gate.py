"""Whether a turn is reflected on: both the configuration and the planner must say so."""

from dataclasses import dataclass

from reflex_reflection.bundle import ReflectionBundle
from reflex_reflection.config import ReflectionConfig


@dataclass(frozen=True, kw_only=True)
class PlannerFlag:
    """What an LLM planner wished, carried beside the plan.

    It counts for its own turn only: a wish that is left over from an earlier turn is none.
    """

    turn_id: int
    reflection: bool


def is_open(
    bundle: ReflectionBundle, config: ReflectionConfig, flag: PlannerFlag | None = None
) -> bool:
    """Return whether reflection runs after this turn; a dry run never reflects."""
    if not config.allow_reflection or bundle.ctx.dry_run:
        return False
    carried = flag is not None and flag.reflection and flag.turn_id == bundle.ctx.turn_id
    return bundle.plan.reflection or carried
