"""Run a short program of the system and say clearly what failed."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from reflex_lab.errors import LabError

_SAID = 1500  # characters: cp can say thousands of lines


def run(command: Sequence[str | Path], *, text: str | None = None, seconds: float = 60.0) -> str:
    """Return what the program prints.

    Raises:
        LabError: it is missing or failed; the message holds what it said.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, input=text, capture_output=True, text=True, check=False, timeout=seconds
        )
    except FileNotFoundError:
        raise LabError(f"`{words[0]}` is not installed") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"`{' '.join(words)}` took more than {seconds:.0f} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise LabError(f"`{' '.join(words)}` failed: {said[-_SAID:]}")
    return done.stdout


def succeeds(command: Sequence[str | Path], *, seconds: float = 60.0) -> bool:
    """Say whether the program ends well."""
    try:
        run(command, seconds=seconds)
    except LabError:
        return False
    return True
