"""What is run for a job, in which environment, and what is refused before anything runs."""

import os
from pathlib import Path

import pytest

from reflex_runner.commands import commands
from reflex_runner.errors import JobError, StartError, ToolchainError
from reflex_runner.job import Job
from reflex_runner.local import UnconfinedRunner
from reflex_runner.places import Places
from reflex_runner.toolchain import Toolchain

FAKE = Toolchain(bin=Path("/nonexistent/bin"), version="rustc 0")
CHECK = Job(verb="check", seconds=5)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Folders with a small crate."""
    made = Places(tmp_path / "box")
    made.create()
    (made.workspace / "Cargo.toml").write_text("")
    (made.workspace / "lib.rs").write_text("")
    return made


def test_the_environment_is_built_not_inherited(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RUSTC_WRAPPER", "RUSTFLAGS", "CARGO_BUILD_TARGET", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    env = places.environment(FAKE)
    assert not {"RUSTC_WRAPPER", "RUSTFLAGS", "AWS_SECRET_ACCESS_KEY"} & set(env)
    assert env["CARGO_NET_OFFLINE"] == "true"
    for name in ("HOME", "TMPDIR", "CARGO_HOME", "CARGO_TARGET_DIR"):
        assert env[name].startswith(str(places.base))


def test_cargo_is_named_by_its_folder_and_the_manifest_by_its_path(places: Places) -> None:
    (command,) = commands(CHECK, FAKE, places)
    assert command[:2] == ("/nonexistent/bin/cargo", "check")
    assert command[command.index("--manifest-path") + 1] == str(places.workspace / "Cargo.toml")
    assert "--offline" in command


def test_locked_asks_for_the_lock_file(places: Places) -> None:
    job = Job(verb="test", seconds=5, locked=True)
    with pytest.raises(JobError, match=r"Cargo\.lock is missing"):
        commands(job, FAKE, places)
    (places.workspace / "Cargo.lock").write_text("")
    assert "--frozen" in commands(job, FAKE, places)[0]


def test_tests_of_a_single_file_are_built_then_run(places: Places) -> None:
    build, started = commands(Job(verb="test", seconds=5, entry="lib.rs"), FAKE, places)
    assert build[0] == "/nonexistent/bin/rustc"
    assert started == (build[build.index("-o") + 1],)


@pytest.mark.parametrize("entry", ["/etc/passwd", "../lib.rs", "a/../../lib.rs", "none.rs", "x\0"])
def test_an_entry_outside_of_the_workspace_is_refused(entry: str, places: Places) -> None:
    with pytest.raises(JobError):
        commands(Job(verb="check", seconds=5, entry=entry), FAKE, places)


def test_an_edition_is_one_of_four(places: Places) -> None:
    with pytest.raises(JobError, match="2024"):
        commands(Job(verb="check", seconds=5, entry="lib.rs", edition="-Clinker=x"), FAKE, places)


def test_no_rustc_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="no `rustc` on the PATH"):
        Toolchain.find({"PATH": str(tmp_path)})
    broken = tmp_path / "rustc"
    broken.write_text("#!/bin/sh\necho no toolchain >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(ToolchainError, match="no toolchain"):
        Toolchain.find({"PATH": f"{tmp_path}{os.pathsep}/usr/bin:/bin"})


async def test_a_compiler_that_cannot_start_is_no_verdict(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "lib.rs").write_text("")
    runner = UnconfinedRunner(FAKE, tmp_path / "s")
    with pytest.raises(StartError, match="cannot be started"):
        await runner.run(Job(verb="check", seconds=5, entry="lib.rs"), root)
    with pytest.raises(JobError, match=r"Cargo\.toml is missing"):
        await runner.run(CHECK, root)
