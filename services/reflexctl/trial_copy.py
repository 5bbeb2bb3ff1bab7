"""A copy of the tree for `--dry-run`: the tree itself is not opened for writing at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from reflex_loop.paths import JOURNAL
from reflexctl.errors import ConfigurationError

LEFT_OUT: Final = frozenset({"target", "node_modules", ".git", JOURNAL})


@contextmanager
def copied(root: Path) -> Iterator[Path]:
    """Lend a copy of a tree without its build output and history; it is gone afterwards.

    Raises:
        ConfigurationError: the tree cannot be copied.
    """
    with TemporaryDirectory(prefix="reflexctl-dry-") as folder:
        try:
            copy = shutil.copytree(
                root,
                Path(folder) / root.name,
                symlinks=True,
                ignore=lambda _, names: LEFT_OUT.intersection(names),
            )
        except (OSError, shutil.Error) as error:
            raise ConfigurationError(f"--dry-run: {root} cannot be copied: {error}") from error
        yield Path(copy)
