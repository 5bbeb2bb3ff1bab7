"""Others' programs, each set in an environment of its own in the user's cache."""

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Final

_CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reflex"


def uv() -> Path:
    """Return the program that installs."""
    return next((_CACHE / "uv").glob("*/bin/uv"))


def programs(lock: Path) -> Path:
    """Return the `bin` folder of an environment, made from the lock on first use (minutes)."""
    home = _CACHE / "bench" / hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    if not (home / ".complete").is_file():
        make: list[str | Path] = [uv(), "venv", "--quiet", "--allow-existing", home]
        fill: list[str | Path] = [
            uv(), "pip", "sync", "--quiet", "--python", home / "bin/python", "--require-hashes",
            lock,
        ]  # fmt: skip
        subprocess.run(make, check=True)
        subprocess.run(fill, check=True)
        (home / ".complete").touch()
    return home / "bin"
