"""Finds the confinement that works on this machine."""

import asyncio
from pathlib import Path
from typing import Final

from reflex_runner import landlock, probe
from reflex_runner.cargo_home import Registry
from reflex_runner.confinement import Bounds, Method
from reflex_runner.errors import ConfinementError, NoSandboxError
from reflex_runner.local import ConfinedRunner, LocalRunner, UnconfinedRunner
from reflex_runner.toolchain import Toolchain

_HELP: Final = (
    "use Linux 6.12 or newer with `landlock` in its `lsm=` list (see /sys/kernel/security/lsm), or "
    "install bubblewrap where user namespaces are allowed; `--unsafe-no-sandbox` runs the code "
    "with all your rights"
)


async def open_local(
    scratch: Path,
    *,
    unsafe_no_sandbox: bool = False,
    toolchain: Toolchain | None = None,
    registry: Registry | None = None,
    bounds: Bounds | None = None,
) -> LocalRunner:
    """Return a sandbox on this machine whose confinement has just been proved.

    Args:
        scratch: a folder for the copy and the build's output, outside of the repository.
        unsafe_no_sandbox: do without; everything that the code does, it does as the caller.
        toolchain: which cargo and rustc; else that on the PATH.
        registry: where cargo finds dependencies.
        bounds: what one job may use.

    Raises:
        NoSandboxError: nothing confines here; with the reasons and what to do.
        ToolchainError: there is no Rust.
    """
    tools = toolchain if toolchain is not None else await asyncio.to_thread(_found)
    if unsafe_no_sandbox:
        return UnconfinedRunner(tools, scratch, registry)
    reasons = []
    methods: tuple[Method, ...] = ("landlock", "bubblewrap")
    for method in methods:
        runner = ConfinedRunner(tools, scratch, registry, method=method, bounds=bounds)
        try:
            await prove(runner)
        except ConfinementError as error:
            reasons.append(str(error))
        else:
            return runner
    raise NoSandboxError(f"no sandbox works here: {'; '.join(reasons)}. What helps: {_HELP}")


def _found() -> Toolchain:
    return Toolchain.find()


async def prove(runner: ConfinedRunner, *, shared_machine: bool = True) -> None:
    """Prove a runner's confinement.

    Args:
        runner: as it will be used.
        shared_machine: processes that are no part of the job run here as the same user. In a pod
            that runs nothing else, a kernel that cannot keep signals in will do.

    Raises:
        ConfinementError: it does not hold.
    """
    job = runner.confinement(())
    if job.method == "landlock" and shared_machine and landlock.abi() < landlock.SIGNALS_ABI:
        raise ConfinementError(
            f"Landlock ABI {landlock.SIGNALS_ABI} is needed to keep signals in, and this kernel "
            f"has {landlock.abi()}"
        )
    await asyncio.to_thread(runner.places.create)
    await probe.prove(job)
