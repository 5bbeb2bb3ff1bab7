"""What hostile code tries, in a build script and in a proc macro, in every kind of sandbox.

The same attempts are made without a sandbox first: what fails there proves nothing.
"""

import asyncio
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from hostile_crates import Target, in_build_script, in_proc_macro, reports, target
from reflex_runner.confinement import Method
from reflex_runner.job import Job, Runner
from reflex_runner.local import ConfinedRunner, UnconfinedRunner
from repair_corpus import toolchain

pytestmark = pytest.mark.rust

ATTEMPTS = [
    "read-secret",
    "read-passwd",
    "list-outside",
    "link-to-secret",
    "hard-link",
    "write-outside",
    "append",
    "truncate",
    "rename-outside",
    "remove-outside",
    "write-tmp",
    "tcp-connect",
    "tcp-listen",
    "udp",
    "unix-abstract",
    "unix-path",
    "unix-datagram",
    "unix-listen",
    "signal-runner",
    "trace-runner",
    "limit-runner",
    "read-environ",
    "read-memory",
    "read-arguments",
    "shared-memory",
    "setuid-bit",
    "change-owner",
    "namespace",
    "io-uring",
    "environment",
]
NOT_EVERYWHERE = {"namespace", "io-uring", "trace-runner", "read-memory", "hard-link"}
"""What a machine may refuse without any sandbox of ours."""


def attacked(runner: Runner, root: Path) -> Mapping[str, str]:
    outcome = asyncio.run(runner.run(Job(verb="check", seconds=120), root))
    found = reports(outcome)
    assert found, outcome
    return found


@pytest.fixture(scope="module")
def aim() -> Iterator[Target]:
    with target(os.getpid()) as made:
        yield made


@pytest.fixture(scope="module")
def in_the_open(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    folder = tmp_path_factory.mktemp("open")
    with target(os.getpid()) as own:
        root = in_build_script(folder / "root", own)
        return attacked(UnconfinedRunner(toolchain(), folder / "scratch"), root)


@pytest.fixture(scope="module")
def from_build_script(
    method: Method, aim: Target, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, str]:
    folder = tmp_path_factory.mktemp("build")
    root = in_build_script(folder / "root", aim)
    return attacked(ConfinedRunner(toolchain(), folder / "scratch", method=method), root)


@pytest.fixture(scope="module")
def from_proc_macro(
    method: Method, aim: Target, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, str]:
    folder = tmp_path_factory.mktemp("macro")
    root = in_proc_macro(folder / "root", aim)
    return attacked(ConfinedRunner(toolchain(), folder / "scratch", method=method), root)


@pytest.mark.parametrize("name", ATTEMPTS)
def test_the_attempt_works_without_a_sandbox(name: str, in_the_open: Mapping[str, str]) -> None:
    if in_the_open[name] != "worked" and name in NOT_EVERYWHERE:
        pytest.skip(f"this machine refuses it to everybody: {in_the_open[name]}")
    if name == "environment":
        assert in_the_open[name].startswith("refused")  # not even there
    else:
        assert in_the_open[name] == "worked"


@pytest.mark.parametrize("name", ATTEMPTS)
def test_a_build_script_does_not_get_away_with(
    name: str, from_build_script: Mapping[str, str], aim: Target
) -> None:
    assert from_build_script[name].startswith("refused"), from_build_script[name]
    assert aim.untouched()


@pytest.mark.parametrize("name", ATTEMPTS)
def test_a_proc_macro_does_not_get_away_with(
    name: str, from_proc_macro: Mapping[str, str], aim: Target
) -> None:
    assert from_proc_macro[name].startswith("refused"), from_proc_macro[name]
    assert aim.untouched()


def test_all_attempts_are_tested(from_build_script: Mapping[str, str]) -> None:
    assert set(from_build_script) == {*ATTEMPTS, "home"}
