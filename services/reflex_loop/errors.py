"""LoopError > PatchError (the model's edits), TransactionError (the files), CheckError, ...

A PatchError is an answer to give back to the model; the others end a repair or need a person.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class LoopError(Exception):
    """Base of what this package raises."""


class WorkspaceError(LoopError):
    """The folder to repair cannot be read as a workspace."""


class PatchError(LoopError):
    """An answer that is not applied. `kind` is stable, the text is for the model and people."""

    kind = "invalid"


class ReplyError(PatchError):
    """The reply is not a patch document."""

    kind = "not_a_patch"


class ReplyTruncatedError(ReplyError):
    """The reply ended at the token limit, in the middle of the document."""

    kind = "truncated"


class SearchNotFoundError(PatchError):
    """The search block is not in the file."""

    kind = "not_found"


class SearchAmbiguousError(PatchError):
    """The search block is in the file more than once.

    Attributes:
        lines: 1-based first lines of the candidates.
    """

    kind = "ambiguous"

    def __init__(self, message: str, *, lines: Sequence[int]) -> None:
        self.lines = tuple(lines)
        super().__init__(message)


class EditConflictError(PatchError):
    """Two edits of one document want the same lines or the same file."""

    kind = "conflict"


class EditTargetError(PatchError):
    """The file is missing, exists already, or is not text."""

    kind = "target"


class PolicyError(PatchError):
    """A patch touches what no patch may touch. `rule` is stable."""

    kind = "policy"

    def __init__(self, rule: str, message: str) -> None:
        self.rule = rule
        super().__init__(message)


class TransactionError(LoopError):
    """Files could not be changed; the tree is as before."""


class StaleFileError(TransactionError):
    """A file is no longer what the prompt showed: someone else changed it."""


class JournalBusyError(TransactionError):
    """Another transaction holds this tree, or one that crashed has not been recovered."""


class RecoveryConflictError(TransactionError):
    """A file is neither before nor after the crashed transaction; nothing more was touched.

    Attributes:
        paths: the files that a person has to look at.
    """

    def __init__(self, journal: Path, paths: Sequence[str]) -> None:
        self.paths = tuple(paths)
        super().__init__(
            f"changed by someone else during a crashed transaction: {', '.join(paths)}; "
            f"their contents before and after are in {journal}: put the right ones in place "
            f"and delete that folder"
        )


class CheckError(LoopError):
    """The compiler could not be run at all: no statement about the code."""


class ProposerError(LoopError):
    """No model can answer, now or ever: the repair ends with the best state it has.

    Attributes:
        code: for machines, such as `cloud_budget_exhausted`; empty when unknown.
        decision: the router's record of who was considered, and why nobody answers.
    """

    def __init__(
        self, message: str, *, code: str = "", decision: Mapping[str, Any] | None = None
    ) -> None:
        self.code = code
        self.decision = decision or {}
        super().__init__(message)


class OtherFormError(LoopError):
    """Who was asked cannot answer, and who can wants the question in another form."""
