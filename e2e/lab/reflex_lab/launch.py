"""Start a program of the lab in the background, marked as ours."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from reflex_lab import processes
from reflex_lab.errors import StartError
from reflex_lab.processes import ProcessId


def launch(
    name: str,
    command: Sequence[str | Path],
    *,
    owner: str,
    log: Path,
    environ: dict[str, str] | None = None,
) -> ProcessId:
    """Start the program in a session of its own, output to `log`; return its identity.

    Raises:
        StartError: it ended at once.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=processes.environment(owner, environ),
            cwd="/",
            start_new_session=True,
        )
    # The child outlives us by design: no ResourceWarning about it when we exit.
    child.returncode = 0
    identity = processes.identify(child.pid)
    if identity is None:
        raise StartError(f"{name} ended at once\n{log.read_text(errors='replace')[-2000:]}")
    return identity
