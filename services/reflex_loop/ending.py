"""The end of a repair: what stays on the disk, and the result that says what it came to."""

from dataclasses import dataclass
from typing import Final

from reflex_loop.assessment import Assessment
from reflex_loop.changes import between
from reflex_loop.events import Stopped
from reflex_loop.result import Record, Result, Seconds
from reflex_loop.session import Session
from reflex_loop.settings import OnFailure
from reflex_loop.stopping import Progress, Stop

_LEFT_SHOWN: Final = 10


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What a repair knows when it ends; `before` and `state` are None if nothing was checked."""

    why: Stop
    before: Assessment | None
    state: Assessment | None
    progress: Progress
    records: tuple[Record, ...]
    suggested: int
    detail: str
    code: str
    model_seconds: float

    def result(self, session: Session) -> Result:
        """Restore what shall not stay, tell the end, and return the result."""
        why, before, state = self.why, self.before, self.state
        fixed = state is not None and state.ok
        if fixed and why is not Stop.NOTHING_TO_DO:
            why = Stop.FIXED
        shown = session.refresh()
        if not fixed and session.settings.on_failure is OnFailure.RESTORE:
            back = between(shown.files, session.first)
            if back:
                session.keep(back)
                shown, state = session.refresh(), before
        errors = state.errors if state else 0
        detail = self.detail or (state.detail if state and not fixed else "")
        total = session.seconds()
        session.emit(Stopped(why=why.value, fixed=fixed, errors=errors, detail=detail))
        return Result(
            fixed=fixed,
            stop=why,
            detail=detail,
            code=self.code,
            attempts=self.progress.attempts,
            rustfix_edits=self.suggested,
            errors_before=before.errors if before else 0,
            errors_after=errors,
            diff=between(session.first.files, shown).diff(),
            usage=self.progress.usage,
            cost_usd=self.progress.cost_usd,
            records=self.records,
            seconds=Seconds(
                model=round(self.model_seconds, 4),
                compiler=round(session.compiler.total, 4),
                loop=round(max(total - self.model_seconds - session.compiler.total, 0.0), 4),
            ),
            left=tuple(
                each.diagnostic.rendered for each in (state.causes if state else ())[:_LEFT_SHOWN]
            ),
        )
