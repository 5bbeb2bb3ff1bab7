"""What hostile code does to a machine rather than to its files: it takes all there is, or stays."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostile_crates import (
    DAEMON,
    FLOOD,
    FORK_BOMB,
    HIDDEN_FILES,
    KILLER,
    MANY_LARGE_FILES,
    MANY_SMALL_FILES,
    MEMORY,
    ONE_LARGE_FILE,
    SLEEPER,
    STOPPER,
    THREAD_BOMB,
    crate,
    end,
    programs_under,
)  # fmt: skip
from reflex_runner.confinement import Bounds, Method
from reflex_runner.job import Job, Outcome
from reflex_runner.local import ConfinedRunner, LocalRunner, UnconfinedRunner
from repair_corpus import toolchain

pytestmark = pytest.mark.rust


@pytest.fixture
def box(method: Method, scratch: Path, bounds: Bounds) -> Iterator[ConfinedRunner]:
    """A sandbox with small bounds, in which nothing is left in the end."""
    runner = ConfinedRunner(toolchain(), scratch, method=method, bounds=bounds)
    yield runner
    left = programs_under(scratch)
    end(left)
    assert not left
    runner.close()
    assert not any(scratch.iterdir())


async def built(runner: LocalRunner, root: Path, script: str, seconds: float = 60) -> Outcome:
    crate(root, build=script)
    return await runner.run(Job(verb="check", seconds=seconds), root)


async def test_a_fork_bomb_is_ended(box: ConfinedRunner, tmp_path: Path) -> None:
    outcome = await built(box, tmp_path / "root", FORK_BOMB)
    # As an ordinary user the kernel may refuse the next one first; the bomb goes on trying.
    assert outcome.exceeded.startswith("more than 300 processes") or outcome.timed_out, outcome


async def test_a_thread_bomb_is_ended(box: ConfinedRunner, tmp_path: Path) -> None:
    # By the watch, or by its stacks: they count as its memory.
    assert (await built(box, tmp_path / "root", THREAD_BOMB)).code != 0


async def test_a_daemon_does_not_outlive_the_build(box: ConfinedRunner, tmp_path: Path) -> None:
    outcome = await built(box, tmp_path / "root", DAEMON)
    assert outcome.code == 0
    assert not programs_under(box.places.base)


async def test_a_daemon_outlives_the_build_without_a_sandbox(tmp_path: Path) -> None:
    runner = UnconfinedRunner(toolchain(), tmp_path / "scratch")
    await built(runner, tmp_path / "root", DAEMON)
    left = programs_under(runner.places.base)
    end(left)
    assert left


async def test_the_deadline_ends_everything(box: ConfinedRunner, tmp_path: Path) -> None:
    outcome = await built(box, tmp_path / "root", SLEEPER, seconds=6)
    assert outcome.timed_out
    assert not programs_under(box.places.base)


async def test_a_build_that_stops_itself_and_its_parent_meets_the_deadline(
    box: ConfinedRunner, tmp_path: Path
) -> None:
    outcome = await built(box, tmp_path / "root", STOPPER, seconds=6)
    assert outcome.timed_out


async def test_killing_everybody_reaches_the_build_alone(
    box: ConfinedRunner, tmp_path: Path
) -> None:
    # Without a sandbox this ends the tests, and the session they run in.
    outcome = await built(box, tmp_path / "root", KILLER, seconds=60)
    assert not outcome.timed_out
    assert outcome.code in (-9, 137)


async def test_a_cancelled_run_leaves_nothing(box: ConfinedRunner, tmp_path: Path) -> None:
    task = asyncio.create_task(built(box, tmp_path / "root", SLEEPER, seconds=600))
    while not programs_under(box.places.base):
        assert not task.done()
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not programs_under(box.places.base)


async def test_a_large_file_is_cut(box: ConfinedRunner, tmp_path: Path) -> None:
    outcome = await built(box, tmp_path / "root", ONE_LARGE_FILE)
    assert outcome.code != 0
    sizes = [path.stat().st_size for path in box.places.target.rglob("*") if path.is_file()]
    assert max(sizes) <= 100 << 20


@pytest.mark.parametrize(
    "script",
    [MANY_LARGE_FILES, MANY_SMALL_FILES, HIDDEN_FILES],
    ids=["bytes", "files", "hidden"],
)
async def test_the_disk_is_not_filled(script: str, box: ConfinedRunner, tmp_path: Path) -> None:
    outcome = await built(box, tmp_path / "root", script, seconds=120)
    assert "written" in outcome.exceeded, outcome


async def test_memory_is_bounded(box: ConfinedRunner, tmp_path: Path) -> None:
    outcome = await built(box, tmp_path / "root", MEMORY)
    assert outcome.code != 0
    assert not outcome.timed_out


async def test_cargo_does_not_keep_an_endless_output_of_a_build_script(
    box: ConfinedRunner, tmp_path: Path
) -> None:
    outcome = await built(box, tmp_path / "root", FLOOD, seconds=120)
    assert outcome.code != 0


async def test_endless_output_of_a_test_is_cut(box: ConfinedRunner, tmp_path: Path) -> None:
    root = crate(tmp_path / "root", lib='fn main() { loop { println!("{:1000}", 1) } }\n')
    with (root / "Cargo.toml").open("a") as manifest:
        manifest.write("[lib]\nharness = false\n")  # its output is not captured
    outcome = await box.run(Job(verb="test", seconds=60, output_bytes=100_000), root)
    assert outcome.overflowed
    assert len(outcome.stdout) <= 100_000
