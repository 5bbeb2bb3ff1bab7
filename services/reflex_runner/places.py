"""The folders of one sandbox, and the environment that names them."""

from dataclasses import dataclass
from pathlib import Path

from reflex_runner.toolchain import Toolchain


@dataclass(frozen=True)
class Places:
    """Where a sandbox keeps what. All are folders of their own, outside of the repository.

    `workspace`, `target`, `tmp` and `home` are the build's to write; `empty` and `cargo_home` are
    not, for cargo would read a configuration that the build had put there.
    """

    base: Path

    @property
    def workspace(self) -> Path:
        """Return the copy of the tree."""
        return self.base / "workspace"

    @property
    def target(self) -> Path:
        """Return what the compiler keeps from run to run."""
        return self.base / "target"

    @property
    def tmp(self) -> Path:
        """Return the folder for temporary files."""
        return self.base / "tmp"

    @property
    def home(self) -> Path:
        """Return what stands for the user's home: nothing is in it."""
        return self.base / "home"

    @property
    def empty(self) -> Path:
        """Return a working folder in which there is nothing, where none of the system's will do."""
        return self.base / "empty"

    @property
    def cargo_home(self) -> Path:
        """Return cargo's home: the operator's configuration and the registry."""
        return self.base / "cargo-home"

    @property
    def aside(self) -> Path:
        """Return where files wait before they are put in place."""
        return self.base / "aside"

    @property
    def all(self) -> tuple[Path, ...]:
        """Return every folder that `create` makes, but for `aside`."""
        return (*self.writable, self.empty, self.cargo_home)

    @property
    def writable(self) -> tuple[Path, ...]:
        """Return what the build may write."""
        return (self.workspace, self.target, self.tmp, self.home)

    def create(self) -> None:
        """Make the folders that are missing; only their owner may enter them."""
        for folder in (*self.all, self.aside):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def environment(self, toolchain: Toolchain) -> dict[str, str]:
        """Return a whole environment: nothing is inherited from the caller's."""
        return {
            "PATH": f"{toolchain.bin}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "TMPDIR": str(self.tmp),
            "LANG": "C.UTF-8",
            "RUSTC": str(toolchain.bin / "rustc"),
            "CARGO_TARGET_DIR": str(self.target),
            "CARGO_HOME": str(self.cargo_home),
            "CARGO_TERM_COLOR": "never",
            "CARGO_NET_OFFLINE": "true",
            "CARGO_INCREMENTAL": "0",
        }
