"""What is reached without any model: rustfix, and the compiler's first suggestion alone."""

from pathlib import Path
from typing import Final

from reflex_bakeoff.quality.ground import RememberingChecker, laid_out, verdict, write
from reflex_bakeoff.suite.item import Item
from reflex_loop.assessment import assess
from reflex_loop.diagnostics import Applicability
from reflex_loop.errors import ProposerError
from reflex_loop.loop import Repair
from reflex_loop.protocols import Form, Intent, Prompt, Reply
from reflex_loop.settings import Settings, Suggestions
from reflex_loop.snapshot import Workspace
from reflex_loop.suggestions import candidates, together
from reflex_runner.job import Runner

CHECK_SECONDS: Final = 120.0


class _Nobody:
    """A `Proposer` without a model."""

    async def form(self, intent: Intent) -> Form | None:  # noqa: ARG002
        return None

    async def propose(self, prompt: Prompt) -> Reply:  # noqa: ARG002
        raise ProposerError("no model is asked for this floor", code="floor")

    def unusable(self, reply: Reply, kind: str) -> None:
        pass


async def rustfix_only(item: Item, checker: RememberingChecker, runner: Runner) -> bool:
    """Return whether the loop's suggestion stage alone repairs the item, by the same rules.

    Raises:
        LoopError: the compiler could not be run.
    """
    with laid_out(item) as root:
        result = await Repair(
            root=root,
            checker=checker,
            proposer=_Nobody(),
            settings=Settings(
                suggestions=Suggestions.SAFE, check_seconds=CHECK_SECONDS, durable=False
            ),
        ).run()
        return result.fixed and not await verdict(item, root, runner)


async def first_suggestion(item: Item, checker: RememberingChecker, runner: Runner) -> bool:
    """Return whether rustc's first suggestion of any kind, taken blindly, repairs the item.

    Raises:
        LoopError: the compiler could not be run.
    """
    with laid_out(item) as root:
        shown = Workspace(root).snapshot()
        state = assess(await checker.check(root, seconds=CHECK_SECONDS), shown.lines)
        errors = [cause.diagnostic for cause in state.causes]
        found = candidates(errors, frozenset(Applicability), shown)
        changes = together(found[:1], shown).changes.changes if found else ()
        if not changes:
            return False
        _take(root, {one.path: one.after for one in changes if one.after is not None})
        after = assess(
            await checker.check(root, seconds=CHECK_SECONDS), Workspace(root).snapshot().lines
        )
        return after.ok and not await verdict(item, root, runner)


def _take(root: Path, files: dict[str, bytes]) -> None:
    write(root, {path: data.decode("utf-8", "surrogateescape") for path, data in files.items()})
