"""What a repair has changed in its tree so far: small enough to keep in the database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reflex_loop.changes import between
from reflex_loop.snapshot import File, Snapshot, Workspace


@dataclass(frozen=True, kw_only=True)
class Delta:
    """The difference to the tree that was uploaded: bytes and permission bits, and what is gone."""

    changed: Mapping[str, tuple[bytes, int]] = field(default_factory=dict)
    deleted: tuple[str, ...] = ()


class Tree:
    """The workspace of a repair, compared with what was uploaded.

    A patch may change Rust sources and manifests only; nothing else is looked at.
    """

    def __init__(self, root: Path) -> None:
        """Read the tree as it was uploaded; changes come afterwards."""
        self._root = root
        self._workspace = Workspace(root)
        self._first = self._workspace.snapshot()

    def apply(self, delta: Delta) -> None:
        """Make the tree what it was when `delta` was taken."""
        for path, (data, mode) in delta.changed.items():
            target = self._root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            target.chmod(mode)
        for path in delta.deleted:
            (self._root / path).unlink(missing_ok=True)

    def delta(self) -> Delta:
        """Return what is different now; only files that have changed are read."""
        now = self._workspace.snapshot()
        changed = {
            path: (file.data, file.mode)
            for path, file in now.files.items()
            if _sha(self._first, path) != file.sha256
        }
        deleted = tuple(sorted(path for path in self._first.files if path not in now.files))
        return Delta(changed=changed, deleted=deleted)

    def diff(self) -> str:
        """Return what is different now, as a unified diff."""
        return between(self._first.files, self._workspace.snapshot()).diff()


def _sha(snapshot: Snapshot, path: str) -> str:
    file: File | None = snapshot.files.get(path)
    return file.sha256 if file else ""
