"""Cargo's home inside of a sandbox: the operator's configuration, and what was fetched before."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reflex_runner.mirror import remove

_SHARED: Final = ("registry", "git")
"""What holds sources; credentials lie beside these, and are never shared."""


@dataclass(frozen=True)
class Registry:
    """Dependencies that are there already, read-only, and where they come from.

    Attributes:
        home: a folder as `CARGO_HOME` is; only `registry` and `git` in it are used.
        config: a cargo configuration by the operator, such as a mirror's address. That of the
            repository is never used.
    """

    home: Path | None = None
    config: Path | None = None

    @property
    def folders(self) -> tuple[Path, ...]:
        """Return the real folders of sources."""
        if self.home is None:
            return ()
        return tuple(
            (self.home / name).resolve() for name in _SHARED if (self.home / name).exists()
        )

    def install(self, cargo_home: Path) -> None:
        """Fill cargo's home anew: links to the sources and the configuration."""
        for name in _SHARED:
            link = cargo_home / name
            source = self.home / name if self.home else None
            if link == source:
                continue
            if link.is_symlink() or link.exists():
                remove(link, cargo_home)
            if source is not None and source.exists():
                link.symlink_to(source.resolve())
        self.configure(cargo_home)

    def configure(self, cargo_home: Path) -> None:
        """Put the operator's configuration in place, and no other."""
        for name in ("config.toml", "config", "credentials.toml", "credentials"):
            (cargo_home / name).unlink(missing_ok=True)
        if self.config is not None:
            shutil.copyfile(self.config, cargo_home / "config.toml")
