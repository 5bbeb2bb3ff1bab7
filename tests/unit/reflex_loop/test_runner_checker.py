"""The loop's compiler over a sandbox: what of an outcome the loop gets to know."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reflex_loop.adapters.checker import RunnerChecker
from reflex_loop.errors import CheckError
from reflex_runner.errors import NoSandboxError
from reflex_runner.job import Job, Outcome

ERROR = b'{"message": "wrong", "level": "error", "spans": []}\n'


@dataclass
class Sandbox:
    """A sandbox that says what it is told to."""

    code: int = 1
    stdout: bytes = b""
    stderr: bytes = b""
    timed_out: bool = False
    exceeded: str = ""
    absent: bool = False
    jobs: list[Job] = field(default_factory=list)

    async def run(self, job: Job, root: Path) -> Outcome:
        """Return the outcome."""
        if self.absent:
            raise NoSandboxError("nothing confines here")
        self.jobs.append(job)
        return Outcome(
            code=self.code,
            stdout=self.stdout,
            stderr=self.stderr,
            workspace="/w",
            timed_out=self.timed_out,
            exceeded=self.exceeded,
        )


async def test_cargo_is_read_from_stdout_and_rustc_from_stderr(tmp_path: Path) -> None:
    box = Sandbox(stdout=ERROR, stderr=ERROR + ERROR)
    cargo = await RunnerChecker(box).check(tmp_path, seconds=5)
    rustc = await RunnerChecker(box, entry="lib.rs").check(tmp_path, seconds=5)
    assert [len(report.stream.diagnostics) for report in (cargo, rustc)] == [1, 2]
    assert not cargo.ok


async def test_a_program_and_a_library_are_told_apart(tmp_path: Path) -> None:
    box = Sandbox(code=0)
    for source in ("fn main() {}", "pub fn f() {}"):
        (tmp_path / "x.rs").write_text(source)
        await RunnerChecker(box, entry="x.rs").check(tmp_path, seconds=5)
    assert [job.crate_type for job in box.jobs] == ["bin", "lib"]


@pytest.mark.parametrize(
    ("box", "word"), [(Sandbox(timed_out=True), "after"), (Sandbox(exceeded="disk"), "disk")]
)
async def test_a_run_that_was_cut_short_is_no_verdict(
    box: Sandbox, word: str, tmp_path: Path
) -> None:
    report = await RunnerChecker(box).check(tmp_path, seconds=5)
    assert not report.complete
    assert word in report.detail
    assert not (await RunnerChecker(box).test(tmp_path, seconds=5)).ok


async def test_a_sandbox_that_cannot_run_is_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(CheckError, match="nothing confines"):
        await RunnerChecker(Sandbox(absent=True)).check(tmp_path, seconds=5)
