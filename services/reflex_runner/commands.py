"""Turns a job into command lines. Nothing of the repository can choose a program."""

from pathlib import Path, PurePosixPath
from typing import Final

from reflex_runner.errors import JobError
from reflex_runner.job import Job
from reflex_runner.places import Places
from reflex_runner.toolchain import Toolchain

Command = tuple[str, ...]
EDITIONS: Final = ("2015", "2018", "2021", "2024")


def commands(job: Job, toolchain: Toolchain, places: Places) -> tuple[Command, ...]:
    """Return what to run, one after the other, until one fails.

    cargo gets `--manifest-path` and runs in an empty folder, because it reads `.cargo/config.toml`
    from the working folder upwards: the repository's own, which may name any program as linker or
    wrapper, is not read.

    Raises:
        JobError: the tree has no manifest, or not the file that is named.
    """
    if job.entry:
        return _rustc(job, toolchain, places)
    manifest = places.workspace / "Cargo.toml"
    if not manifest.is_file():
        raise JobError(
            "Cargo.toml is missing: name the folder of a cargo package, or a single file by `entry`"
        )
    if job.locked and not (places.workspace / "Cargo.lock").is_file():
        raise JobError("Cargo.lock is missing: commit it, or do without `locked`")
    front = (str(toolchain.bin / "cargo"), job.verb, "--manifest-path", str(manifest))
    common = ("--workspace", "--frozen" if job.locked else "--offline")
    last: Command
    if job.verb == "check":
        last = ("--message-format=json", "--all-targets", "--keep-going")
    else:
        last = ("--no-fail-fast",)
    return ((*front, *common, *last),)


def _rustc(job: Job, toolchain: Toolchain, places: Places) -> tuple[Command, ...]:
    """Compile one crate without a manifest; `--emit=metadata` also checks borrows."""
    entry = _entry(job, places.workspace)
    if job.edition not in EDITIONS:
        raise JobError(f"edition {job.edition!r} is none of {', '.join(EDITIONS)}")
    front = (
        str(toolchain.bin / "rustc"), f"--edition={job.edition}", "--error-format=json",
        "--crate-name=checked",
    )  # fmt: skip
    if job.verb == "check":
        out = str(places.target / "checked.rmeta")
        kind = f"--crate-type={job.crate_type}"
        return ((*front, "--emit=metadata", kind, "-o", out, str(entry)),)
    program = str(places.target / "tests-of-the-crate")
    return ((*front, "--test", "-o", program, str(entry)), (program,))


def _entry(job: Job, workspace: Path) -> Path:
    parts = PurePosixPath(job.entry).parts
    if job.entry.startswith("/") or ".." in parts or "\0" in job.entry:
        raise JobError(f"{job.entry!r} is no path inside of the workspace")
    entry = workspace.joinpath(*parts)
    if not entry.is_file():
        raise JobError(f"{job.entry} is no file of the workspace")
    return entry
