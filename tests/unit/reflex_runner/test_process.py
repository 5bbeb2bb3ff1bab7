"""A program that is run: its bounds, and its children."""

import asyncio
import os
import select
import sys
from pathlib import Path

import pytest

from reflex_runner import process


async def python(program: str, tmp_path: Path, *, seconds: float = 30) -> process.Finished:
    return await process.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        seconds=seconds,
        output_limit=100_000,
    )


async def test_both_streams_and_the_code_come_back(tmp_path: Path) -> None:
    done = await python("import sys; print('out'); sys.stderr.write('err'); sys.exit(3)", tmp_path)
    assert (done.code, done.stdout, done.stderr) == (3, b"out\n", b"err")


async def test_the_deadline_kills_the_children_too(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    done = await python(program, tmp_path, seconds=2)
    assert done.timed_out
    assert ends(int(done.stdout))


async def test_a_child_that_outlives_its_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid)\n"
    )
    done = await python(program, tmp_path)
    assert (done.code, done.timed_out) == (0, False)
    assert ends(int(done.stdout))


def ends(pid: int) -> bool:
    """Wait for the end of a process that was killed and is nobody's child here."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 20)[0])
    finally:
        os.close(handle)


async def test_endless_output_is_cut_and_the_program_killed(tmp_path: Path) -> None:
    done = await python("while True: print('x' * 1000)", tmp_path)
    assert done.overflowed
    assert len(done.stdout) == 100_000


async def test_a_cancelled_wait_leaves_no_process(tmp_path: Path) -> None:
    program = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)"
    task = asyncio.create_task(python(program, tmp_path, seconds=600))
    pid = tmp_path / "pid"
    while not (pid.exists() and pid.read_text()):
        assert not task.done()
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ends(int(pid.read_text()))
