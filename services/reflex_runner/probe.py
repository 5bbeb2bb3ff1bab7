"""Proves a confinement by trying to break it, before anything hostile gets the chance.

The probe is a program that does, under the same rules as a build, what no build may. It reports
what worked; anything that did is a hole.
"""

import asyncio
import json
import os
import socket
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from reflex_runner import bubblewrap, confined, landlock
from reflex_runner.confinement import Confinement, Method
from reflex_runner.errors import ConfinementError

_SECONDS: Final = 30.0
_OUTPUT: Final = 65_536

_PROGRAM: Final = """
import ctypes, json, os, socket, sys
secret, outside, inside, port, runner, network = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
def attempt(what):
    try:
        return what() is not False
    except OSError:
        return False
def told(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), "refused")
def made(kind, how):
    socket.socket(kind, how).close()
def connect():
    socket.create_connection(("127.0.0.1", port), 5).close()
tried = {
    "a file outside can be read": lambda: open(secret).close(),
    "a file outside can be written": lambda: open(outside, "w").close(),
    "a socket of the file system can be made": lambda: made(socket.AF_UNIX, socket.SOCK_STREAM),
    "a netlink socket can be made": lambda: made(socket.AF_NETLINK, socket.SOCK_RAW),
    "the runner can be signalled": lambda: os.kill(runner, 0),
    "the runner can be traced": lambda: told(libc.ptrace(16, runner, 0, 0)),
    "a namespace can be made": lambda: told(libc.unshare(0x10000000)),
    "capabilities are left": lambda: capabilities() != 0,
}
def capabilities():
    head, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    told(libc.capget(head, data))
    return data[0] | data[1] | data[3] | data[4]
if not network:
    tried["TCP can be connected to"] = connect
    tried["a UDP socket can be made"] = lambda: made(socket.AF_INET, socket.SOCK_DGRAM)
holes = [name for name, what in tried.items() if attempt(what)]
if not attempt(lambda: open(inside, "w").close()):
    holes.append("nothing can be written where a build must write")
else:
    os.unlink(inside)
print(json.dumps(holes))
"""


def layers(method: Method) -> tuple[str, ...]:
    """Return the names and versions of what a method consists of."""
    if method == "bubblewrap":
        return ("bubblewrap", "seccomp")
    return (f"landlock:{landlock.abi()}", "seccomp")


async def prove(job: Confinement) -> None:
    """Try to break the confinement of a job.

    Args:
        job: as a build would run; its command is replaced.

    Raises:
        ConfinementError: with what could be done, or why nothing could be run.
    """
    if job.method == "bubblewrap" and bubblewrap.find() is None:
        raise ConfinementError("bubblewrap (`bwrap`) is not installed")
    with (
        tempfile.TemporaryDirectory(prefix="reflex-probe-", dir="/var/tmp") as folder,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        facts = await asyncio.to_thread(_facts, Path(folder), job, server.getsockname()[1])
        trial = await asyncio.to_thread(_trial, job, facts)
        done = await confined.run(trial, seconds=_SECONDS, output_bytes=_OUTPUT)
    try:
        holes = json.loads(done.stdout)
    except ValueError:
        words = done.stderr[-500:].decode("utf-8", "replace").strip()
        raise ConfinementError(f"the self-test of {job.method} failed: {words}") from None
    if holes:
        raise ConfinementError(f"{job.method} does not confine here: {'; '.join(holes)}")


def _facts(folder: Path, job: Confinement, port: int) -> list[object]:
    """Return what the probe has to know, in its order."""
    secret = folder / "secret"
    secret.write_text("secret")
    inside = f"{job.write[0]}/.probe"
    return [str(secret), str(folder / "written"), inside, port, os.getpid(), job.network]


def _trial(job: Confinement, facts: list[object]) -> Confinement:
    """Return the job with the probe as its command."""
    program = os.path.realpath(sys.executable)
    # Where this Python is no part of the system, it has to be seen by itself.
    own = sorted({program, os.path.realpath(sys.base_prefix)})
    command = (program, "-I", "-S", "-c", _PROGRAM, json.dumps(facts))
    return replace(job, command=command, read=(*job.read, *own))
