"""Lets the compiler repair what it can, before any model is asked and for no tokens.

SAFE applies what rustc calls machine-applicable, all that do not overlap in one round, up to four
rounds as cargo does; a round that makes things worse is rolled back and its suggestions are tried
alone. VERIFIED tries every suggestion alone, the guesses too, and keeps it only when the check
improves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reflex_loop.assessment import Assessment
from reflex_loop.diagnostics import Applicability
from reflex_loop.errors import PolicyError
from reflex_loop.events import SuggestionsTried
from reflex_loop.result import Record
from reflex_loop.session import Session, Trial
from reflex_loop.settings import Suggestions
from reflex_loop.suggestions import Candidate, candidates, together

_ROUNDS: Final = 4
_SAFE: Final = frozenset({Applicability.MACHINE_APPLICABLE})
_ANY: Final = frozenset(Applicability)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The state after the suggestions, how many were kept, and a record of each try."""

    state: Assessment
    kept: int = 0
    records: tuple[Record, ...] = ()


async def suggest(session: Session, state: Assessment) -> Outcome:
    """Apply the compiler's suggestions as the settings say.

    Raises:
        TransactionError, CheckError: see `Session.trial`.
    """
    stage = _Stage(session, state)
    mode = session.settings.suggestions
    if mode is not Suggestions.OFF:
        await stage.rounds()
    if mode is Suggestions.VERIFIED:
        await stage.singles(_ANY)
    return Outcome(state=stage.state, kept=stage.kept, records=tuple(stage.records))


class _Stage:
    def __init__(self, session: Session, state: Assessment) -> None:
        self._session = session
        self._left = session.settings.suggestion_checks
        self._failed: set[str] = set()
        self.state = state
        self.kept = 0
        self.records: list[Record] = []

    async def rounds(self) -> None:
        """Apply machine-applicable suggestions until none is left or a round fails."""
        for _ in range(_ROUNDS):
            wanted = self._wanted(_SAFE)
            if not wanted:
                return
            if not await self._try(wanted):
                if len(wanted) > 1:
                    await self.singles(_SAFE)
                return

    async def singles(self, wanted: frozenset[Applicability]) -> None:
        """Try suggestions one by one; after each that is kept, begin with the new errors."""
        while True:
            for candidate in self._wanted(wanted):
                if await self._try([candidate]):
                    break
            else:
                return

    def _wanted(self, wanted: frozenset[Applicability]) -> list[Candidate]:
        """Return the suggestions for the root causes that were not tried in vain."""
        if self.state.ok or self._left < 1:
            return []
        errors = [cause.diagnostic for cause in self.state.causes]
        found = candidates(errors, wanted, self._session.snapshot)
        return [each for each in found if self._key([each]) not in self._failed]

    def _key(self, chosen: Sequence[Candidate]) -> str:
        """Return what identifies a change of the present tree."""
        return together(chosen, self._session.snapshot).changes.digest()

    async def _try(self, chosen: Sequence[Candidate]) -> bool:
        """Try suggestions together and return whether they were kept."""
        if self._left < 1:
            return False
        plan = together(chosen, self._session.snapshot)
        if not plan.changes:
            self._failed.add(plan.changes.digest())
            return False
        trial: Trial | None = None
        try:
            self._left -= 1
            trial = await self._session.trial(plan.changes, self.state, when="suggestion")
            kept, reason = trial.kept, trial.judgement.reason
        except PolicyError as error:
            kept, reason = False, str(error)
        labels = tuple(candidate.label() for candidate in plan.used)
        self._session.emit(SuggestionsTried(labels=labels, kept=kept, reason=reason))
        after = trial.after if trial else self.state
        self.records.append(
            Record(
                source="compiler",
                attempt=0,
                outcome="kept" if kept else "rolled_back" if trial else "refused",
                reason=reason,
                problem="" if trial else "policy",
                answered_by="rustc",
                errors_before=self.state.errors,
                errors_after=after.errors if kept else self.state.errors,
                fixed=gone(self.state, after) if kept else (),
                labels=labels,
                patch=plan.changes.diff() if kept else "",
            )
        )
        if kept:
            self.state = after
            self.kept += len(plan.used)
            # A suggestion that failed may be right in the new tree; its digest is another one then.
        else:
            self._failed.add(plan.changes.digest())
        return kept


def gone(before: Assessment, after: Assessment) -> tuple[str, ...]:
    """Return the root causes that a change made disappear, one line each."""
    left = {cause.fingerprint for cause in after.causes}
    return tuple(
        f"{each.diagnostic.path}:{each.diagnostic.line} "
        f"{each.diagnostic.code or 'syntax'} {each.diagnostic.message}"
        for each in before.causes
        if each.fingerprint not in left
    )
