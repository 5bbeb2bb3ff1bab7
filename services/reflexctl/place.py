"""What `PATH` means: a cargo package or workspace, or one Rust file with its modules."""

import fnmatch
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reflexctl.errors import ConfigurationError

_MANIFEST: Final = "Cargo.toml"


@dataclass(frozen=True, kw_only=True)
class Place:
    """What is repaired.

    Attributes:
        root: the folder; nothing outside of it is changed.
        entry: the root file of a crate without a manifest, relative to `root`; else empty.
        notes: what the user might not expect, for people.
    """

    root: Path
    entry: str = ""
    notes: tuple[str, ...] = ()


def find(path: Path, entry: str = "") -> Place:
    """Return what is repaired.

    Args:
        path: a folder in a package, or a `.rs` file.
        entry: the root file, relative to the folder, of a crate without a manifest.

    Raises:
        ConfigurationError: there is nothing that a compiler could be run on.
    """
    if not path.exists():
        raise ConfigurationError(f"{path} does not exist")
    path = path.resolve()
    if path.is_file():
        return _file(path, entry)
    if entry:
        target = path / entry
        if target.suffix != ".rs" or not target.is_file():
            raise ConfigurationError(
                f"--entry {entry}: no Rust file of this name in {path}",
                hints=("name the crate's root file, such as --entry main.rs",),
            )
        return Place(root=path, entry=entry)
    package = _package(path)
    if package is None:
        raise ConfigurationError(
            f"no {_MANIFEST} in {path} or above it",
            hints=("for a crate without a manifest, name its root file: reflexctl fix main.rs",),
        )
    root = _workspace(package)
    notes = () if root == path else (f"repairing the {_kind(root, package)} {root}",)
    return Place(root=root, notes=notes)


def refuse_read_only(root: Path) -> None:
    """Refuse a tree that cannot be written, before a model is paid for what is lost then.

    Raises:
        ConfigurationError: files cannot be made in it.
    """
    if not os.access(root, os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"{root} cannot be written", hints=("to see the diff only: --dry-run",)
        )


def _file(path: Path, entry: str) -> Place:
    if path.name == _MANIFEST:
        return find(path.parent, entry)
    if path.suffix != ".rs":
        raise ConfigurationError(
            f"{path} is neither a folder nor a Rust file",
            hints=("name a package's folder, or a file that ends in .rs",),
        )
    if entry:
        raise ConfigurationError(
            "--entry belongs to a folder, and PATH is a file", hints=("leave one of them out",)
        )
    package = _package(path.parent)
    notes = (
        ()
        if package is None
        else (f"{path.name} is checked alone; for its package: reflexctl fix {package}",)
    )
    return Place(root=path.parent, entry=path.name, notes=notes)


def _package(path: Path) -> Path | None:
    """Return the nearest folder with a manifest."""
    return next((each for each in (path, *path.parents) if (each / _MANIFEST).is_file()), None)


def _workspace(package: Path) -> Path:
    """Return the workspace that a package belongs to, or the package itself.

    Read from the manifests alone: asking cargo would run what the repository configures.
    """
    if "workspace" in _manifest(package):
        return package
    for parent in package.parents:
        table = _manifest(parent).get("workspace")
        if isinstance(table, dict) and _lists(table, package.relative_to(parent).as_posix()):
            return parent
    return package


def _lists(workspace: dict[str, Any], member: str) -> bool:
    def named(key: str) -> bool:
        globs = workspace.get(key)
        return isinstance(globs, list) and any(
            fnmatch.fnmatchcase(member, str(glob).removeprefix("./").rstrip("/")) for glob in globs
        )

    return named("members") and not named("exclude")


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((folder / _MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return {}  # cargo says what is wrong with it


def _kind(root: Path, package: Path) -> str:
    return "package" if root == package else "workspace"
