"""What an image is made of, and the hash that names it."""

import hashlib
import shlex
from collections.abc import Iterable
from pathlib import Path

from reflex_images.errors import ImageError

_IGNORED_FOLDERS = frozenset({"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"})


def copied_paths(containerfile: str) -> tuple[str, ...]:
    """Return what a Containerfile copies from its context, in order.

    >>> copied_paths("COPY --chown=1:1 a b/ /x/\\nCOPY --from=build /o /o")
    ('a', 'b/')
    """
    paths: list[str] = []
    for line in containerfile.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if not words or words[0].upper() not in ("COPY", "ADD"):
            continue
        if any(word.startswith("--from=") for word in words):
            continue
        *sources, _target = [word for word in words[1:] if not word.startswith("--")]
        paths += sources
    return tuple(dict.fromkeys(paths))


def files_below(root: Path, paths: Iterable[str]) -> tuple[Path, ...]:
    """Return every file that `paths` name, sorted, without caches; a missing path is an error."""
    found: set[Path] = set()
    for name in paths:
        path = root / name
        if path.is_file():
            found.add(path)
        elif path.is_dir():
            found.update(file for file in path.rglob("*") if file.is_file() and not _ignored(file))
        else:
            raise ImageError(f"{name} is missing: the image copies it")
    return tuple(sorted(found))


def content_hash(root: Path, containerfile: Path, *, base: str) -> str:
    """Return twelve hex digits over the Containerfile, all it copies, and the base's name."""
    text = (root / containerfile).read_text()
    digest = hashlib.sha256(f"{base}\0{text}\0".encode())
    for file in files_below(root, copied_paths(text)):
        executable = "x" if file.stat().st_mode & 0o100 else "-"
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(root)}\0{executable}\0{content}\0".encode())
    return digest.hexdigest()[:12]


def _ignored(file: Path) -> bool:
    return file.suffix == ".pyc" or not _IGNORED_FOLDERS.isdisjoint(file.parts)
