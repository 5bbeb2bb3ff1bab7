"""A check as the loop judges it, and the judgement on a patch: pure functions of two checks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from reflex_loop.protocols import CheckReport
from reflex_loop.root_cause import Cause, Lines, Phase, causes, state_fingerprint, unique


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """One state of the tree.

    Attributes:
        errors: different errors that the compiler reported.
        causes: those left when repeats and cascades are hidden, the first to fix first.
        codes: of all errors; "" stands for syntax errors.
        state: fingerprint of the whole.
        conclusive: whether the check says anything; a killed compiler does not.
        detail: what there is to say beyond the errors.
        tests_failed: it compiles, and the crate's tests do not pass.
    """

    ok: bool
    errors: int
    causes: tuple[Cause, ...]
    codes: frozenset[str]
    state: str
    conclusive: bool
    detail: str = ""
    tests_failed: bool = False


def assess(report: CheckReport, lines: Lines) -> Assessment:
    """Return what a report means.

    Args:
        report: of the checker.
        lines: of the tree that was checked.
    """
    errors = unique(report.stream.errors())
    found = causes(errors, lines)
    return Assessment(
        ok=report.ok and report.complete and not errors,
        errors=len(errors),
        causes=found,
        codes=frozenset(each.code for each in errors),
        state=state_fingerprint(found),
        conclusive=report.complete and (report.ok or bool(errors)),
        detail=report.detail,
    )


class Verdict(StrEnum):
    """The judgement on a patch; all but REJECTED keep it."""

    FIXED = "fixed"
    IMPROVED = "improved"
    ADVANCED = "advanced"
    REJECTED = "rejected"


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A verdict and the one sentence that explains it."""

    verdict: Verdict
    reason: str

    @property
    def accepted(self) -> bool:
        """Return whether the patch stays."""
        return self.verdict is not Verdict.REJECTED


def judge(
    before: Assessment, after: Assessment, written: frozenset[tuple[str, int]] = frozenset()
) -> Judgement:
    """Return whether a patch is kept.

    It is when nothing is wrong any more; or when an error that was shown is gone, there are fewer
    errors, and no code is new. Errors that the old ones kept the compiler from seeing do not count
    against it: rustc stops at the first phase that fails, and they were there before.

    Args:
        before: the tree without the patch.
        after: the tree with it.
        written: path and line of what the patch wrote; an error there is its own.
    """
    if after.ok:
        return Judgement(verdict=Verdict.FIXED, reason="no errors are left")
    if after.tests_failed:
        return _rejected(after.detail)
    if not after.conclusive:
        return _rejected(f"the check came to no verdict: {after.detail or 'no errors, no success'}")
    was = {each.fingerprint for each in before.causes}
    left = {each.fingerprint for each in after.causes}
    solved = [each for each in before.causes if each.fingerprint not in left]
    if not solved:
        return _rejected(f"none of the errors is gone ({after.errors} left)")
    new = [each for each in after.causes if each.fingerprint not in was]
    own = [each for each in new if not _was_hidden(each, solved, before, written)]
    if new and not own:
        return Judgement(
            verdict=Verdict.ADVANCED,
            reason=f"what was shown is gone; the compiler came further and found {after.errors}",
        )
    unknown = {each.diagnostic.code for each in own} - before.codes
    if unknown:
        return _rejected(f"new errors of another kind: {_named(unknown)}")
    if after.errors >= before.errors:
        return _rejected(f"{before.errors} errors before and {after.errors} after")
    return Judgement(
        verdict=Verdict.IMPROVED, reason=f"{after.errors} of {before.errors} errors are left"
    )


def _was_hidden(
    new: Cause, solved: Sequence[Cause], before: Assessment, written: frozenset[tuple[str, int]]
) -> bool:
    """Return whether a new error was there before, out of the compiler's sight."""
    each = new.diagnostic
    if (each.path, each.line) in written:
        return False
    # Crates that depend on a broken one are not looked at.
    if each.package not in {cause.diagnostic.package for cause in before.causes}:
        return True
    for old in solved:
        if old.phase is Phase.SYNTAX and new.phase is Phase.SYNTAX:
            # The parser gives up at an error: what comes later in the file was not read.
            if each.path == old.diagnostic.path and each.line > old.diagnostic.line:
                return True
        elif old.phase < new.phase and (old.phase <= Phase.NAMES or old.item == new.item):
            # A type that is unknown silences whatever uses it; borrows are checked body by body.
            return True
    return False


def _rejected(reason: str) -> Judgement:
    return Judgement(verdict=Verdict.REJECTED, reason=reason)


def _named(codes: Iterable[str]) -> str:
    return ", ".join(sorted(code or "syntax" for code in codes))
