"""Runs a program with a deadline and a bound on its output, and leaves none of its children."""

import asyncio
import contextlib
import os
import select
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reflex_runner.errors import LeftoverError

_CHUNK: Final = 65_536
_POLL: Final = 0.01
_PATIENCE: Final = 30.0
"""For a program with a lifeline to end its children and itself."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What a program left.

    Attributes:
        code: its exit code; negative for a signal.
        timed_out: the deadline passed; it was killed.
        overflowed: it wrote more than allowed; it was killed.
    """

    code: int
    stdout: bytes
    stderr: bytes
    timed_out: bool
    overflowed: bool
    seconds: float


async def run(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    seconds: float,
    output_limit: int,
    lifeline: bytes | None = None,
    pass_fds: Sequence[int] = (),
) -> Finished:
    """Run a program in a process group of its own and return what it left.

    The whole group is killed at the deadline, at the output limit, when this task is cancelled,
    and also after a normal end, for a build may leave a daemon.

    Args:
        command: the program and its arguments.
        cwd: its working folder.
        env: its whole environment.
        seconds: the deadline.
        output_limit: bytes of stdout, and again of stderr.
        lifeline: what it reads from stdin, which then stays open. Closing it asks the program to
            end what it started, and itself; only when it does not is it killed.
        pass_fds: what else it inherits.

    Raises:
        OSError: it cannot be started.
        LeftoverError: it did not follow its lifeline.
    """
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=dict(env),
        stdin=asyncio.subprocess.DEVNULL if lifeline is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        pass_fds=tuple(pass_fds),
        limit=_CHUNK,
    )
    if process.stdin is not None and lifeline is not None:
        process.stdin.write(lifeline)
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = bytearray(), bytearray()
    overflow = asyncio.Event()
    timed_out = False
    readers = [
        asyncio.create_task(_drain(process.stdout, out, output_limit, overflow)),
        asyncio.create_task(_drain(process.stderr, err, output_limit, overflow)),
    ]
    ended = asyncio.create_task(_exited(process.pid))
    flooded = asyncio.create_task(overflow.wait())
    try:
        done, _ = await asyncio.wait(
            {ended, flooded}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        timed_out = not done
    finally:
        followed = True
        if process.stdin is not None:
            process.stdin.close()
            followed = await _ended_within(process.pid, _PATIENCE)
        # Also children that outlive it and hold the pipes open.
        _kill(process.pid)
        flooded.cancel()
        if followed:
            await asyncio.gather(ended, process.wait(), *readers, flooded, return_exceptions=True)
    if not followed:
        # What holds its pipes is not waited for.
        for task in (ended, *readers):
            task.cancel()
        raise LeftoverError("the supervisor of a job had to be killed: what it ran may go on")
    return Finished(
        code=process.returncode if process.returncode is not None else -signal.SIGKILL,
        stdout=bytes(out),
        stderr=bytes(err),
        timed_out=timed_out,
        overflowed=overflow.is_set(),
        seconds=time.monotonic() - began,
    )


async def _ended_within(pid: int, seconds: float) -> bool:
    """Wait for the end of a process whatever is cancelled meanwhile; return whether it came.

    No task is waited for: when a program ends, asyncio cancels all of them at once, and the job's
    supervisor would be killed before it has ended what it supervises.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    cancelled = False
    try:
        while not select.select([handle], [], [], 0)[0]:
            if loop.time() >= until:
                return False
            try:
                await asyncio.sleep(_POLL)
            except asyncio.CancelledError:
                cancelled = True
    finally:
        os.close(handle)
    if cancelled and (task := asyncio.current_task()) is not None:
        task.cancel()  # again, now that nothing is left to wait for
    return True


async def _exited(pid: int) -> None:
    """Wait for the process alone: `Process.wait` also waits for children that hold its pipes."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(handle, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


async def _drain(
    stream: asyncio.StreamReader, into: bytearray, limit: int, overflow: asyncio.Event
) -> None:
    while chunk := await stream.read(_CHUNK):
        room = limit - len(into)
        into += chunk[:room]
        if len(chunk) > room:
            overflow.set()


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
