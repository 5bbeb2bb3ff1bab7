"""The tree as a tar for a service, and the service's changes back into the tree."""

import io
import os
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reflex_loop.changes import ChangeSet, FileChange
from reflex_loop.errors import PolicyError, StaleFileError, TransactionError
from reflex_loop.paths import check_name, check_on_disk, cleaned
from reflex_loop.snapshot import SKIPPED_FOLDERS
from reflex_loop.transaction import Transaction, recover
from reflexctl.errors import CliError, ConfigurationError, ServerError

LARGEST: Final = 64 * 1024 * 1024
MOST: Final = 20_000
_LOCK: Final = "Cargo.lock"


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A tree as it was when it was packed; `files` are the bytes that a service starts from.

    `links` and `odd` (names that no service takes) count what was left out.
    """

    root: Path
    tar: bytes
    files: dict[str, bytes]
    links: int = 0
    odd: int = 0


def pack(root: Path) -> Upload:
    """Pack what belongs to the tree: not its build output, history, hidden or ignored files.

    `Cargo.lock` goes along also when git ignores it: it says which dependencies are meant.

    Raises:
        ConfigurationError: there is more than a service takes.
    """
    files: dict[str, bytes] = {}
    links = odd = size = 0
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(_paths(root)):
            if not _taken(path):
                odd += 1
                continue
            if _below_a_link(root, path):
                links += 1
                continue
            info = os.lstat(root / path)
            if stat.S_ISLNK(info.st_mode):
                links += 1
            if not stat.S_ISREG(info.st_mode):
                continue
            size += info.st_size
            if size > LARGEST or len(files) >= MOST:
                raise ConfigurationError(
                    f"{root} has more than {MOST:,} files or {LARGEST >> 20} MiB",
                    hints=("let git ignore what is not source", "or repair it on this machine"),
                )
            data = files[path] = (root / path).read_bytes()
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(data), stat.S_IMODE(info.st_mode)
            tar.addfile(member, io.BytesIO(data))
    return Upload(root=root, tar=buffer.getvalue(), files=files, links=links, odd=odd)


def changes_of(
    upload: Upload,
    archive: bytes,
    *,
    changed: Sequence[str],
    deleted: Sequence[str],
    manifests: bool,
) -> ChangeSet:
    """Return what a service's repair changes in the tree that was packed.

    The paths are held to the policy of a local repair: a service is believed about Rust code, not
    about where it may write.

    Raises:
        ServerError: the answer is not what a repair may come to.
    """
    after: dict[str, tuple[bytes, int]] = {}
    try:
        # Plain only: what is compressed may grow without end, and so may a file with holes.
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            for member in tar:
                if member.isdir():
                    continue
                plain = member.isreg() and not member.issparse()
                body = tar.extractfile(member) if plain else None
                if body is None:
                    raise ServerError(f"the service sent {member.name}, which is no plain file")
                after[member.name] = (body.read(), 0o755 if member.mode & 0o100 else 0o644)
        if set(after) != set(changed):
            raise ServerError("the service's files are not those that it says it changed")
        changes = [
            FileChange(
                path=_allowed(upload.root, path, manifests=manifests),
                before=upload.files.get(path),
                after=data,
                mode=mode,
            )
            for path, (data, mode) in after.items()
        ]
        for path in deleted:
            _allowed(upload.root, path, manifests=manifests)
            if path not in upload.files:
                raise ServerError(f"the service deleted {path}, which was not sent to it")
            changes.append(FileChange(path=path, before=upload.files[path], after=None))
    except (tarfile.TarError, PolicyError, ValueError, OverflowError) as error:
        raise ServerError(f"the service's answer is refused: {error}") from error
    return ChangeSet(changes=tuple(sorted(changes, key=lambda each: each.path)))


def put_in_place(root: Path, changes: ChangeSet) -> None:
    """Write all of it into the tree or nothing, if the files are still those that were sent.

    Raises:
        CliError: they are not, or the disk refuses.
    """
    try:
        recover(root)
        Transaction.apply(root, changes).accept()
    except StaleFileError as error:
        raise CliError(
            f"nothing was changed: {error}",
            hints=("the diff above is of the files as they were sent; run it again",),
        ) from error
    except TransactionError as error:
        raise CliError(str(error)) from error


def _allowed(root: Path, path: str, *, manifests: bool) -> str:
    if cleaned(path) != path:
        raise PolicyError("path", f"{path!r} is not spelled as a path in the workspace")
    check_name(path, manifests=manifests)
    check_on_disk(root, path)
    return path


def _paths(root: Path) -> Iterator[str]:
    known = _known_to_git(root)
    yield from (_walked(root) if known is None else (path for path in known if _is_source(path)))
    if known is not None and _LOCK not in known and (root / _LOCK).is_file():
        yield _LOCK


def _below_a_link(root: Path, path: str) -> bool:
    """Return whether a folder of the path is a link.

    git lists a file by its index, also where its folder has become a link to another place: what
    lies there is no part of the repository, and nobody asked for it to be sent.
    """
    folders = list(Path(path).parents)[:-1]
    return any((root / folder).is_symlink() for folder in folders)


def _taken(path: str) -> bool:
    """Return whether a service takes such a name; for one that it does not it refuses them all."""
    return not any(ord(one) < 32 or ord(one) == 127 or 0xD800 <= ord(one) < 0xE000 for one in path)


def _is_source(path: str) -> bool:
    parts = path.split("/")
    return not any(part.startswith(".") or part in SKIPPED_FOLDERS for part in parts)


def _known_to_git(root: Path) -> set[str] | None:
    """Return what git tracks or would track below the folder; None without git."""
    git = shutil.which("git")
    if git is None:
        return None
    done = subprocess.run(
        [
            # A repository may configure a program to be run by almost any command.
            git, "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
            "ls-files", "--cached", "--others", "--exclude-standard", "-z",
        ],
        capture_output=True, cwd=root, check=False,
    )  # fmt: skip
    if done.returncode:
        return None
    found = {os.fsdecode(each) for each in done.stdout.split(b"\0") if each}
    # What is deleted and not yet committed is still listed.
    return {path for path in found if os.path.lexists(root / path)}


def _walked(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if _is_source(name)]
        for name in names:
            if _is_source(name):
                yield (Path(folder) / name).relative_to(root).as_posix()
