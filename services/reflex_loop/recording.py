"""The decision records of what a model answered, and the choice among candidates."""

from reflex_loop.asking import Answer
from reflex_loop.assessment import Assessment, Verdict
from reflex_loop.errors import ProposerError
from reflex_loop.events import Judged, Refused
from reflex_loop.protocols import Usage
from reflex_loop.result import Record
from reflex_loop.session import Session, Trial
from reflex_loop.suggesting import gone


def refuse(
    session: Session,
    answer: Answer,
    attempt: int,
    state: Assessment,
    *,
    problem: str = "",
    reason: str = "",
) -> Record:
    """Tell that an answer is not tried, and return its record."""
    problem = problem or answer.problem
    reason = reason or answer.reason or "this patch was tried before and did not help"
    session.emit(
        Refused(attempt=attempt, candidate=answer.candidate, problem=problem, reason=reason)
    )
    return Record(
        source="model",
        attempt=attempt,
        candidate=answer.candidate,
        outcome="refused",
        reason=reason,
        problem=problem,
        answered_by=answer.reply.answered_by if answer.reply else "",
        errors_before=state.errors,
        errors_after=state.errors,
        form=answer.form,
        renderer=answer.renderer,
        usage=answer.reply.usage if answer.reply else Usage(),
        routing=answer.reply.decision if answer.reply else {},
    )


def conclude(session: Session, answer: Answer, trial: Trial, attempt: int, *, kept: bool) -> Record:
    """Tell the verdict on an answer that was on the disk, and return its record."""
    assert answer.reply is not None
    better = trial.judgement.accepted and not kept
    reason = "another candidate was better" if better else trial.judgement.reason
    session.emit(
        Judged(
            attempt=attempt,
            candidate=answer.candidate,
            verdict=(trial.judgement.verdict if kept else Verdict.REJECTED).value,
            reason=reason,
            errors=trial.after.errors,
        )
    )
    return Record(
        source="model",
        attempt=attempt,
        candidate=answer.candidate,
        outcome="kept" if kept else "rolled_back",
        reason=reason,
        answered_by=answer.reply.answered_by,
        errors_before=trial.before.errors,
        errors_after=trial.after.errors if kept else trial.before.errors,
        fixed=gone(trial.before, trial.after) if kept else (),
        levels=tuple(edit.level for edit in trial.changes.edits),
        form=answer.form,
        renderer=answer.renderer,
        patch=trial.changes.diff(),
        document=trial.changes.document,
        usage=answer.reply.usage,
        routing=answer.reply.decision,
    )


def unanswered(error: ProposerError, attempt: int, state: Assessment, renderer: str) -> Record:
    """Return the record of a question that nobody may or can answer."""
    return Record(
        source="model",
        attempt=attempt,
        outcome="unanswered",
        reason=str(error),
        problem=error.code,
        errors_before=state.errors,
        errors_after=state.errors,
        renderer=renderer,
        routing=error.decision,
    )


def best_of(trials: list[tuple[Answer, Trial]]) -> tuple[Answer, Trial] | None:
    """Return the trial to keep: repaired, else the fewest errors, else the furthest."""
    order = (Verdict.FIXED, Verdict.IMPROVED, Verdict.ADVANCED)
    accepted = [each for each in trials if each[1].judgement.accepted]
    return min(
        accepted,
        key=lambda each: (order.index(each[1].judgement.verdict), each[1].after.errors),
        default=None,
    )
