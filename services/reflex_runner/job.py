"""What a sandbox is asked to run, and what came of it. The contract of every kind of sandbox."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

OUTPUT_BYTES: Final = 16 * 1024 * 1024
"""Of stdout, and again of stderr; a program that writes more is ended."""

Verb = Literal["check", "test"]
CrateType = Literal["bin", "lib"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of the compiler. No field names a program: the sandbox makes the command.

    Attributes:
        verb: compile only, or build the tests and run them.
        seconds: the deadline.
        entry: the crate's root file, relative to the workspace, where there is no manifest and
            rustc is asked; empty for a cargo package or workspace.
        edition: of the language, for rustc only.
        crate_type: whether `entry` is a program or a library, for rustc only.
        locked: Cargo.lock must be there and is not changed.
    """

    verb: Verb
    seconds: float
    entry: str = ""
    edition: str = "2021"
    crate_type: CrateType = "lib"
    locked: bool = False
    output_bytes: int = OUTPUT_BYTES


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a program left.

    Attributes:
        code: its exit code; negative for a signal.
        workspace: the folder that stands for the workspace in its output's paths.
        timed_out: the deadline passed; it was killed.
        overflowed: it wrote more than allowed; it was killed.
        exceeded: which other limit of the sandbox it was killed for; empty for none.
    """

    code: int
    stdout: bytes
    stderr: bytes
    workspace: str
    timed_out: bool = False
    overflowed: bool = False
    exceeded: str = ""
    seconds: float = 0.0


class Runner(Protocol):
    """A sandbox for one workspace, used for one repair."""

    async def run(self, job: Job, root: Path) -> Outcome:
        """Run a job on the tree under `root` as it is now; `root` itself is not changed.

        Raises:
            RunnerError: the sandbox cannot run anything; what it says is for people.
        """
        ...
