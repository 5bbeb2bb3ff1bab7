"""One tree under repair: check it, try a change on it, keep the change or restore every byte."""

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from reflex_loop.assessment import Assessment, Judgement, Verdict, assess, judge
from reflex_loop.changes import ChangeSet
from reflex_loop.events import Applied, Checked, Event, Listener
from reflex_loop.fileops import DiskOps, FileOps
from reflex_loop.policy import check as check_policy
from reflex_loop.protocols import Checker, Clock
from reflex_loop.settings import Settings
from reflex_loop.snapshot import Snapshot, Workspace
from reflex_loop.transaction import Transaction

T = TypeVar("T")
_TEST_TAIL = 1500


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A change that was on the disk, and the verdict on it."""

    changes: ChangeSet
    judgement: Judgement
    before: Assessment
    after: Assessment
    kept: bool


class Timer:
    """Adds up the seconds of a kind of waiting."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.total = 0.0

    async def spent(self, waiting: Awaitable[T]) -> T:
        """Wait, and count the time also when it fails."""
        began = self._clock()
        try:
            return await waiting
        finally:
            self.total += self._clock() - began


class Session:
    """The tree, its latest assessment, and the only way to change it."""

    def __init__(
        self,
        *,
        root: Path,
        checker: Checker,
        settings: Settings,
        clock: Clock,
        listener: Listener,
        ops: FileOps | None = None,
    ) -> None:
        self.settings = settings
        self.began = clock()
        self.compiler = Timer(clock)
        self._clock = clock
        self._checker = checker
        self._listener = listener
        self._workspace = Workspace(root, settings.limits)
        self._ops = ops or DiskOps(durable=settings.durable)
        self._events = 0
        self.snapshot: Snapshot = self._workspace.snapshot()
        self.first = self.snapshot

    @property
    def root(self) -> Path:
        """Return the folder under repair, without links."""
        return self._workspace.root

    def seconds(self) -> float:
        """Return the time since the repair began."""
        return self._clock() - self.began

    def emit(self, event: Event) -> None:
        """Number an event and hand it on."""
        self._events += 1
        self._listener(replace(event, number=self._events, seconds=round(self.seconds(), 3)))

    def refresh(self) -> Snapshot:
        """Read the tree again; only what changed is read."""
        self.snapshot = self._workspace.snapshot()
        return self.snapshot

    async def check(self, when: str) -> Assessment:
        """Compile, and run the tests where that is asked for and everything compiles."""
        settings = self.settings
        report = await self.compiler.spent(
            self._checker.check(self.root, seconds=settings.check_seconds)
        )
        found = assess(report, self.refresh().lines)
        if found.ok and settings.run_tests:
            tests = await self.compiler.spent(
                self._checker.test(self.root, seconds=settings.check_seconds)
            )
            if not tests.ok:
                # It compiles: there is no error to count, and still it is not repaired.
                detail = f"it compiles, but its tests fail:\n{tests.detail[-_TEST_TAIL:].strip()}"
                found = replace(found, ok=False, tests_failed=True, detail=detail)
        first = found.causes[0].diagnostic if found.causes else None
        self.emit(
            Checked(
                when=when,
                errors=found.errors,
                codes=tuple(sorted(found.codes)),
                first=f"{first.path}:{first.line} {first.code} {first.message}" if first else "",
            )
        )
        return found

    async def trial(
        self,
        changes: ChangeSet,
        before: Assessment,
        *,
        when: str,
        attempt: int = 0,
        candidate: int = 0,
        keep: frozenset[Verdict] = frozenset(Verdict) - {Verdict.REJECTED},
    ) -> Trial:
        """Put a change on the disk, check, and keep it when its verdict is one of `keep`.

        Whatever ends this early (a deadline, a cancelled task, a compiler that cannot be started)
        rolls the change back first.

        Raises:
            PolicyError: it does what no patch may do; nothing was changed.
            TransactionError: the files could not be changed; nothing was.
            CheckError: the compiler could not be run; the change was rolled back.
        """
        check_policy(changes, self.settings.policy, self.root)
        transaction = Transaction.apply(self.root, changes, self._ops)
        open_ = True
        try:
            if when != "suggestion":
                self.emit(
                    Applied(
                        attempt=attempt,
                        candidate=candidate,
                        diff=changes.diff(),
                        levels=tuple(edit.level for edit in changes.edits),
                    )
                )
            after = await self.check(when)
            judgement = judge(before, after, changes.written())
            kept = judgement.verdict in keep
            open_ = False
            if kept:
                transaction.accept()
            else:
                transaction.roll_back()
            self.refresh()
        finally:
            if open_:
                transaction.roll_back()
        return Trial(changes=changes, judgement=judgement, before=before, after=after, kept=kept)

    def keep(self, changes: ChangeSet) -> None:
        """Put a change on the disk for good: one that was tried before and rolled back."""
        check_policy(changes, self.settings.policy, self.root)
        Transaction.apply(self.root, changes, self._ops).accept()
        self.refresh()
