"""The repair: check, the compiler's own suggestions, then question after question until it ends."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from reflex_loop import render_full
from reflex_loop.asking import Answer, ask
from reflex_loop.assessment import Assessment, Verdict
from reflex_loop.conversation import Conversation, Talks, intent, reused
from reflex_loop.ending import Ending
from reflex_loop.errors import (
    OtherFormError,
    PolicyError,
    ProposerError,
    RecoveryConflictError,
    StaleFileError,
)
from reflex_loop.events import Asked, Event, Listener
from reflex_loop.fileops import FileOps
from reflex_loop.protocols import Checker, Clock, Form, Memory, Proposer, monotonic
from reflex_loop.recording import best_of, conclude, refuse, unanswered
from reflex_loop.remembering import Remembering
from reflex_loop.result import Record, Result
from reflex_loop.session import Session, Timer, Trial
from reflex_loop.settings import Settings
from reflex_loop.stopping import Progress, Stop, stop
from reflex_loop.suggesting import suggest
from reflex_loop.transaction import recover

_FORMS: Final = 3  # in which one question is written: once more after each model that fails


def ignore(event: Event) -> None:
    """Listen to nothing."""


class Repair:
    """One repair of one tree; `run` is called once.

    Args:
        root: the workspace; nothing outside of it is changed.
        checker: runs the compiler.
        proposer: asks the model.
        settings: the knobs.
        listener: is told what happens.
        clock: for times and limits.
        progress: of an earlier run of the same repair that broke off; counts towards the limits.
        memory: of earlier repairs; None: there is none.
        ops: the disk, for tests.
    """

    def __init__(
        self,
        *,
        root: Path,
        checker: Checker,
        proposer: Proposer,
        settings: Settings | None = None,
        listener: Listener = ignore,
        clock: Clock = monotonic,
        progress: Progress | None = None,
        memory: Memory | None = None,
        ops: FileOps | None = None,
    ) -> None:
        self._settings = settings or Settings()
        self._proposer = proposer
        self._open: Callable[[], Session] = lambda: Session(
            root=root,
            checker=checker,
            settings=self._settings,
            clock=clock,
            listener=listener,
            ops=ops,
        )
        self._root = root
        self._model = Timer(clock)
        self._memory = Remembering(memory)
        self._cancel = asyncio.Event()
        self._progress = progress or Progress()
        self._records: list[Record] = []
        self._suggested = 0
        self._asked = ""
        self._detail = ""
        self._code = ""
        self._before: Assessment | None = None
        self._state: Assessment | None = None

    def cancel(self) -> None:
        """End the repair soon: what is not judged yet is rolled back, `run` returns normally."""
        self._cancel.set()

    async def run(self) -> Result:
        """Repair and return what it came to.

        A task that is cancelled rolls back what is not judged before it ends.

        Raises:
            CheckError: the compiler could not be run; the tree is as it was or better.
            WorkspaceError: the tree cannot be read.
            TransactionError: the files cannot be changed, or another repair is at work on them.
        """
        recover(self._root)
        session = self._open()
        work = asyncio.create_task(self._work(session))
        waiter = asyncio.create_task(self._cancel.wait())
        try:
            await asyncio.wait({work, waiter}, return_when=asyncio.FIRST_COMPLETED)
            why = work.result() if work.done() else Stop.CANCELLED
        finally:
            waiter.cancel()
            work.cancel()
            # Until the rollback is through, also when this task is cancelled itself.
            await asyncio.gather(work, waiter, return_exceptions=True)
        result = self._result(session, why)
        self._memory.report(result)
        return result

    async def _work(self, session: Session) -> Stop:
        """Do it and return why it ended."""
        state = await session.check("start")
        self._before = self._state = state
        if state.ok:
            return Stop.NOTHING_TO_DO
        try:
            outcome = await suggest(session, state)
            state = self._state = outcome.state
            self._records += outcome.records
            self._suggested = outcome.kept
            talks = Talks(self._settings, session.snapshot)
            while not state.ok:
                why = await self._attempt(session, talks, state)
                if why is not None:
                    return why
                state = self._state
        except RecoveryConflictError as error:
            self._detail = str(error)
            return Stop.CONFLICT
        return Stop.FIXED

    async def _attempt(self, session: Session, talks: Talks, state: Assessment) -> Stop | None:
        """Ask once, try what comes, and return why the repair ends, if it does."""
        for _ in range(_FORMS):
            try:
                return await self._question(session, talks, state)
            except OtherFormError as error:
                self._detail = str(error)
        return Stop.NO_ANSWER

    async def _question(self, session: Session, talks: Talks, state: Assessment) -> Stop | None:
        """Write the question as whoever answers wants it, ask it, and judge the answers."""
        settings, limits, progress = self._settings, self._settings.stopping, self._progress
        attempt = progress.attempts + 1
        about = intent(state, session.snapshot, attempt=attempt, failures=progress.failures)
        form = await self._proposer.form(about) or Form(
            renderer=settings.renderer,
            prompt_tokens=settings.prompt_tokens,
            reply_tokens=settings.reply_tokens,
        )
        talks.recalled = await self._memory.notes(session, state, form)
        talk = talks.of(form)
        question = talk.question(state, session.snapshot)
        if question is None:
            self._detail = state.detail or "the compiler names no place in this workspace"
            return Stop.NO_VERDICT
        spent = session.seconds()
        needs = question.tokens + form.reply_tokens * settings.candidates
        why = stop(progress, limits, seconds=spent, next_tokens=needs)
        if why is not None:
            return why
        text = question.text()
        session.emit(
            Asked(
                attempt=attempt,
                candidates=settings.candidates,
                prompt_tokens=question.tokens,
                shown=tuple(each.diagnostic.code or "syntax" for each in question.causes),
                reused=round(reused(self._asked, text), 4),
                renderer=form.renderer.value,
                expected=form.expected,
            )
        )
        self._asked = text
        try:
            answers = await ask(
                session,
                self._proposer,
                self._model,
                question,
                form=form,
                intent=about,
                seconds=max(min(settings.reply_seconds, limits.seconds - spent), 0.01),
            )
        except ProposerError as error:
            self._detail, self._code = str(error), error.code
            self._records.append(unanswered(error, attempt, state, form.renderer.value))
            return Stop.NO_ANSWER
        self._detail = ""
        for answer in answers:
            if answer.reply:
                self._progress = self._progress.asked(answer.reply.usage, answer.reply.cost_usd)
        await self._judge(session, talk, answers, state, attempt)
        return None

    async def _judge(
        self,
        session: Session,
        talk: Conversation,
        answers: list[Answer],
        state: Assessment,
        attempt: int,
    ) -> None:
        """Try the answers, keep the best one that helps, and tell the model."""
        seen: set[str] = set()
        trials: list[tuple[Answer, Trial]] = []
        feedback: list[tuple[Answer, str]] = []
        alone = sum(answer.changes is not None for answer in answers) == 1
        for answer in answers:
            print_ = f"patch:{answer.changes.digest()}" if answer.changes else ""
            if answer.changes is None or print_ in seen:
                if not print_:
                    self._records.append(refuse(session, answer, attempt, state))
                    feedback.append((answer, render_full.refused(answer.reason)))
                continue
            seen.add(print_)
            if print_ in self._progress.seen:
                self._records.append(refuse(session, answer, attempt, state, problem="repeated"))
                feedback.append((answer, render_full.repeated()))
                continue
            try:
                trial = await self._try(session, answer, state, attempt, alone=alone)
            except (PolicyError, StaleFileError) as error:
                self._records.append(
                    refuse(session, answer, attempt, state, problem="stale", reason=str(error))
                )
                feedback.append((answer, render_full.refused(str(error))))
                self._state = state = await session.check("attempt")
                continue
            trials.append((answer, trial))
            if trial.after.state != state.state and not trial.judgement.accepted:
                seen.add(f"state:{trial.after.state}")
            reason = render_full.rolled_back(trial.judgement.reason, trial.after)
            feedback.append((answer, reason))
            if trial.kept:
                break
        best = best_of(trials)
        if best and not best[1].kept:
            try:
                session.keep(best[1].changes)
            except StaleFileError as error:  # changed since it was tried and rolled back
                feedback = [(best[0], render_full.refused(str(error)))]
                best = None
                self._state = await session.check("attempt")
        if best:
            answer, trial = best
            self._state = trial.after
            talk.answered(_text(answer), f"Kept: {trial.judgement.reason}.")
        elif feedback and feedback[0][0].reply:
            talk.answered(_text(feedback[0][0]), feedback[0][1])
        for answer, trial in trials:
            kept = best is not None and answer is best[0]
            self._records.append(conclude(session, answer, trial, attempt, kept=kept))
        self._progress = self._progress.tried(frozenset(seen), kept=best is not None)

    async def _try(
        self, session: Session, answer: Answer, state: Assessment, attempt: int, *, alone: bool
    ) -> Trial:
        """Try one; among several only one that repairs everything is kept at once."""
        assert answer.changes is not None
        when = "attempt" if alone else "candidate"
        keep = frozenset(Verdict) - {Verdict.REJECTED} if alone else frozenset({Verdict.FIXED})
        return await session.trial(
            answer.changes,
            state,
            when=when,
            attempt=attempt,
            candidate=answer.candidate,
            keep=keep,
        )

    def _result(self, session: Session, why: Stop) -> Result:
        return Ending(
            why=why,
            before=self._before,
            state=self._state,
            progress=self._progress,
            records=tuple(self._records),
            suggested=self._suggested,
            detail=self._detail,
            code=self._code,
            model_seconds=self._model.total,
        ).result(session)


def _text(answer: Answer) -> str:
    return answer.reply.text if answer.reply else ""
