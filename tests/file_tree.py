"""A folder as a value, to compare two of them byte by byte."""

from pathlib import Path


def tree(root: Path) -> dict[str, tuple[bytes, int]]:
    """Return every file of a tree with its bytes and mode, and every folder, hidden ones too."""
    found: dict[str, tuple[bytes, int]] = {}
    for path in sorted(root.rglob("*")):
        data = path.read_bytes() if path.is_file() else b"/"
        found[path.relative_to(root).as_posix()] = (data, path.stat().st_mode & 0o7777)
    return found
