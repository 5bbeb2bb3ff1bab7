"""The process between the runner and what it runs: confines it, watches it, leaves nothing of it.

    runner ── keeper ── program ── whatever it starts

The keeper adopts every orphan below it. Where the kernel can (Landlock ABI 6) it stands in a domain
of its own out of which no signal goes, and the program in one nested in that: the program cannot
signal the keeper, and the keeper's `kill(-1)` ends everything in its domain at one stroke, which a
fork bomb cannot outrun. Its stdin is the lifeline: when the runner closes it, or ends in whatever
way, the keeper ends the job.

It runs as `python -I -S` with the standard library alone: no configuration of the caller is read.
"""

import contextlib
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Final, NoReturn

from reflex_runner import bubblewrap, landlock, privileges, seccomp
from reflex_runner.confinement import DEVICES, Confinement, Report, machine
from reflex_runner.errors import ConfinementError
from reflex_runner.watch import Watch, descendants

_POLL: Final = 0.02
_PATIENCE: Final = 15.0
_LONGEST_LINE: Final = 1 << 20


def main() -> int:
    """Run what stdin says; the report goes to the file descriptor in argv."""
    out = int(sys.argv[1])
    os.set_inheritable(out, False)
    report = _run(Confinement.from_json(_line(0)))
    os.write(out, report.to_json())
    return 0


def _run(job: Confinement) -> Report:
    try:
        privileges.adopt_orphans()
        alone = landlock.abi() >= landlock.SIGNALS_ABI and job.method == "landlock"
        if job.method == "landlock":
            privileges.drop()
        if alone:
            landlock.scope_signals()
            _assert_signals_stay_in()
    except ConfinementError as error:
        return Report(failed="confinement", failure=str(error))
    errors, say = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(job, say)
    privileges.hide()
    os.close(say)
    said = _all(errors)  # ends when the program is started, for then `say` is closed
    if said:
        os.waitpid(pid, 0)
        return Report(**json.loads(said))
    code, exceeded = _attend(pid, job)
    leftover = _end_all(alone)
    return Report(code=code, exceeded=exceeded, leftover=leftover)


def _assert_signals_stay_in() -> None:
    """Make sure, before `kill(-1)` is ever called, that it cannot reach beyond the job.

    Raises:
        ConfinementError: it could end every process of this user.
    """
    try:
        os.kill(os.getppid(), 0)
    except PermissionError:
        return
    except ProcessLookupError:
        pass
    raise ConfinementError("Landlock does not keep signals in: the keeper reaches its parent")


def _become(job: Confinement, say: int) -> NoReturn:
    """Confine this process and turn into the program; on any failure say so and end."""
    failed, text = "start", ""
    try:
        os.setsid()
        os.umask(0o022)
        nothing = os.open("/dev/null", os.O_RDONLY)
        os.dup2(nothing, 0)
        os.closerange(3, say)
        os.closerange(say + 1, os.sysconf("SC_OPEN_MAX"))
        os.chdir(job.cwd)
        failed = "confinement"
        bounds = job.bounds
        privileges.limit(
            file_bytes=bounds.file_bytes,
            memory_bytes=bounds.memory_bytes,
            cpu_seconds=bounds.cpu_seconds,
            processes=_tasks_of_user() + bounds.tasks,
        )
        command = job.command
        if job.method == "landlock":
            _enter(job)
        else:
            command = bubblewrap.command(job)
        failed = "start"
        os.execve(command[0], command, job.env)  # noqa: S606 - as it should be
    except ConfinementError as error:
        text = str(error)
    except BaseException as error:
        text = f"{job.command[0]} cannot be started: {error}"
    with contextlib.suppress(OSError):
        os.write(say, json.dumps({"failed": failed, "failure": text or failed}).encode())
    os._exit(127)


def _enter(job: Confinement) -> None:
    landlock.confine(
        read=map(Path, job.read), write=map(Path, job.write), devices=DEVICES, network=job.network
    )
    signals = landlock.abi() >= landlock.SIGNALS_ABI
    protect = () if signals else (*job.protect, os.getppid())
    seccomp.install(seccomp.build(machine(), network=job.network, signals=signals, protect=protect))


def _attend(pid: int, job: Confinement) -> tuple[int, str]:
    """Wait for the program, the runner's wish to end it, or a bound that is passed."""
    watch = Watch(os.getpid(), job.write, job.bounds, time.monotonic())
    poll = select.poll()
    poll.register(0, select.POLLIN)
    ended = os.pidfd_open(pid)
    poll.register(ended, select.POLLIN)
    while True:
        ready = {fd for fd, _ in poll.poll(_POLL * 1000)}
        if ended in ready:
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), ""
        if 0 in ready:
            return -signal.SIGKILL, ""
        if exceeded := watch.exceeded(time.monotonic()):
            return -signal.SIGKILL, exceeded


def _end_all(alone: bool) -> int:
    """End everything below; return how many processes would not end."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if alone:
            with contextlib.suppress(OSError):
                os.kill(-1, signal.SIGKILL)
        else:
            for pid in descendants(os.getpid()).pids:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return 0
        time.sleep(0.005)
    return max(1, len(descendants(os.getpid()).pids))


def _tasks_of_user() -> int:
    """Return how many tasks of this user can be seen: the kernel's limit counts them too."""
    total, user = 0, os.getuid()
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{name}").st_uid == user:
                total += len(os.listdir(f"/proc/{name}/task"))
    return total


def _line(handle: int) -> bytes:
    """Read up to a newline, and nothing beyond it."""
    out = bytearray()
    while not out.endswith(b"\n") and len(out) < _LONGEST_LINE:
        part = os.read(handle, 4096)
        if not part:
            break
        out += part
    return bytes(out)


def _all(handle: int) -> bytes:
    with os.fdopen(handle, "rb") as file:
        return file.read()
