"""The crates of a checkout that a suite can be made of. Reads files, runs nothing."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

from reflex_bakeoff.harvest.program import Program, breakable

MANIFEST: Final = "Cargo.toml"
MOST_BYTES: Final = 400_000
MOST_FILES: Final = 64
_LARGEST: Final = 200_000
_TEXTS: Final = (".rs", ".toml", ".lock", ".md", ".txt", ".json", ".in")
_EDITIONS: Final[Mapping[str, Literal["2018", "2021", "2024"]]] = {
    "2018": "2018", "2021": "2021", "2024": "2024",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Found:
    """What there is to break, and what was left out and why."""

    programs: tuple[Program, ...]
    skipped: tuple[str, ...]


def packages(
    root: Path, tracked: Sequence[str], *, name: str, lines: Mapping[str, frozenset[int]] | None
) -> Found:
    """Return a program for each workspace and each package that is in none.

    Args:
        root: of the checkout.
        tracked: files that git knows, relative, with `/`.
        name: of the project: families are called after it.
        lines: which lines may be broken, the first is 0; None: all.
    """
    programs, skipped = [], []
    for folder in _roots(tracked):
        made = _program(root, folder, tracked, name, lines)
        if isinstance(made, str):
            skipped.append(f"{folder or '.'}: {made}")
        else:
            programs.append(made)
    return Found(programs=tuple(programs), skipped=tuple(skipped))


def _roots(tracked: Sequence[str]) -> Iterator[str]:
    """Yield folders of manifests that lie in no other folder with one."""
    folders = sorted(
        "" if path == MANIFEST else path.removesuffix(f"/{MANIFEST}")
        for path in tracked
        if PurePosixPath(path).name == MANIFEST
    )
    taken: list[str] = []
    for folder in folders:
        if not any(above == "" or folder.startswith(f"{above}/") for above in taken):
            taken.append(folder)
            yield folder


def _program(
    root: Path,
    folder: str,
    tracked: Sequence[str],
    name: str,
    lines: Mapping[str, frozenset[int]] | None,
) -> Program | str:
    prefix = f"{folder}/" if folder else ""
    files: dict[str, str] = {}
    for path in tracked:
        inner = path.removeprefix(prefix)
        if not path.startswith(prefix) or not inner.endswith(_TEXTS) or _hidden(inner):
            continue
        file = root / path
        if file.is_symlink() or not file.is_file() or file.stat().st_size > _LARGEST:
            continue
        try:
            files[inner] = file.read_text("utf-8")
        except UnicodeDecodeError:
            continue
    if not any(path.endswith(".rs") for path in files):
        return "no Rust files"
    needed = {
        path: text for path, text in files.items() if path.endswith((".rs", ".toml", ".lock"))
    }
    size = sum(len(text.encode()) for text in needed.values())
    if size > MOST_BYTES or len(needed) > MOST_FILES:
        return (
            f"{len(needed)} files of {size // 1000} kB; each item holds them all, at most"
            f" {MOST_FILES} files of {MOST_BYTES // 1000} kB"
        )
    tests = {
        path: text for path, text in needed.items() if "tests" in PurePosixPath(path).parts[:-1]
    }
    shown = {path: text for path, text in needed.items() if path not in tests}
    places = {path: _places(prefix + path, text, lines) for path, text in shown.items()}
    places = {path: at for path, at in places.items() if path.endswith(".rs") and at}
    places.pop("build.rs", None)
    if not places:
        return "no lines to break" if lines is None else "nothing changed since then"
    return Program(
        family=f"{name}/{folder}".rstrip("/")[:80],
        files=shown,
        tests=tests,
        edition=_edition(shown.get(MANIFEST, "")),
        lines=places,
        weight=sum(map(len, places.values())),
    )


def without_tests(program: Program) -> Program:
    """Return the program with its tests in sight: some manifests name them."""
    return Program(
        family=program.family,
        files={**program.files, **program.tests},
        edition=program.edition,
        lines=program.lines,
        weight=program.weight,
    )


def registry_packages(lock: str) -> int:
    """Return how many packages a Cargo.lock takes from elsewhere."""
    try:
        entries: list[Any] = tomllib.loads(lock).get("package", [])
    except ValueError:
        return 0
    return sum(isinstance(each, dict) and bool(each.get("source")) for each in entries)


def _hidden(path: str) -> bool:
    return any(part.startswith(".") or part == "target" for part in PurePosixPath(path).parts)


def _places(path: str, text: str, lines: Mapping[str, frozenset[int]] | None) -> tuple[int, ...]:
    found = breakable(text)
    if lines is None:
        return found
    return tuple(at for at in found if at in lines.get(path, frozenset()))


def _edition(manifest: str) -> Literal["2018", "2021", "2024"]:
    try:
        told = tomllib.loads(manifest).get("package", {}).get("edition", "2021")
    except ValueError:
        return "2021"
    return _EDITIONS.get(str(told), "2021")
