"""Applies a patch and dies: SIGKILL at the n-th file operation, in a process of its own.

usage: killed_applier.py FOLDER VERDICT
For every operation of one transaction (and every half-written file) a fork applies a patch to a
fresh copy of the tree and kills itself there; for every operation of the recovery another fork dies
there as well. Deaths that leave the same bytes on the disk are followed up once. Prints one JSON
line for each recovery: what the tree was afterwards.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from file_tree import tree
from reflex_loop.changes import ChangeSet, FileChange
from reflex_loop.fileops import DiskOps
from reflex_loop.transaction import Recovery, Transaction, Unaccepted, recover

BEFORE = {
    "src/lib.rs": b"mod a;\r\nmod b;\r\n",
    "src/a.rs": b"pub fn a() -> u32 { 1 }",
    "src/b.rs": b"\xef\xbb\xbfpub fn b() {}\n",
    "src/old.rs": b"pub fn old() {}\n",
    "notes.txt": b"untouched\n",
}
AFTER = {
    "src/lib.rs": b"mod a;\r\nmod b;\r\nmod deep;\r\n",
    "src/a.rs": b"pub fn a() -> u64 { 1 }",
    "src/b.rs": b"\xef\xbb\xbfpub fn b() { }\n",
    "src/deep/inner/mod.rs": b"pub fn c() {}\n",
    "notes.txt": b"untouched\n",
}


class Deadly(DiskOps):
    """Counts operations and dies before the chosen one, or in the middle of writing its file."""

    def __init__(self, at: int, *, half: bool = False) -> None:
        super().__init__(durable=False)  # a kill, no power cut: waiting for disks proves nothing
        self.count = 0
        self._at, self._half = at, half

    def _step(self, path: Path | None = None, data: bytes = b"") -> None:
        self.count += 1
        if self.count == self._at:
            if self._half and path is not None:
                path.write_bytes(data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)

    def mkdir(self, path: Path) -> None:
        self._step()
        super().mkdir(path)

    def write(self, path: Path, data: bytes, mode: int) -> None:
        self._step(path, data)
        super().write(path, data, mode)

    def replace(self, source: Path, target: Path) -> None:
        self._step()
        super().replace(source, target)

    def unlink(self, path: Path) -> None:
        self._step()
        super().unlink(path)

    def rmdir(self, path: Path) -> None:
        self._step()
        super().rmdir(path)

    def touch(self, path: Path) -> None:
        self._step()
        super().touch(path)

    def sync_folder(self, path: Path) -> None:
        self._step()
        super().sync_folder(path)


def changes() -> ChangeSet:
    """The patch: changes, a new file in new folders, and a deletion."""
    paths = sorted(set(BEFORE) | set(AFTER) - {"notes.txt"})
    return ChangeSet(
        changes=tuple(
            FileChange(path=path, before=BEFORE.get(path), after=AFTER.get(path), mode=0o640)
            for path in paths
            if BEFORE.get(path) != AFTER.get(path)
        )
    )


def fresh(root: Path) -> Path:
    """Return a new tree."""
    shutil.rmtree(root, ignore_errors=True)
    for path, data in BEFORE.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
        (root / path).chmod(0o640)
    return root


def forked(action: Callable[[], object]) -> bool:
    """Run in a fork; return whether it was killed."""
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException as error:  # a child must never return into the loop
            sys.stderr.write(f"error in the child: {error!r}\n")
            sys.stderr.flush()
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"the child failed with {os.WEXITSTATUS(status)}")
    return os.WIFSIGNALED(status)


def work(root: Path, verdict: str, ops: DiskOps) -> None:
    """One transaction from beginning to end."""
    transaction = Transaction.apply(root, changes(), ops)
    if verdict == "accept":
        transaction.accept()
    else:
        transaction.roll_back()


def state(root: Path) -> str:
    """Say which tree this is, byte by byte and folder by folder."""
    found = {path: data for path, (data, _) in tree(root).items() if data != b"/"}
    folders = {path for path, (data, _) in tree(root).items() if data == b"/"}
    if found == BEFORE and folders == {"src"}:
        return "before"
    if found == AFTER and folders == {"src", "src/deep", "src/deep/inner"}:
        return "after"
    return f"mixed: {sorted(found)} {sorted(folders)}"


def main() -> None:
    """Die everywhere once."""
    folder, verdict = Path(sys.argv[1]), sys.argv[2]
    root = folder / "tree"
    total = 0
    seen: set[str] = set()
    for half in (False, True):
        at = 0
        while True:
            at += 1
            fresh(root)
            if not forked(partial(work, root, verdict, Deadly(at, half=half))):
                break  # it went through: every operation has been met
            total += 1
            left = bytes_of(root)
            if left in seen:
                continue
            seen.add(left)
            for keep in Unaccepted:
                recovered(root, folder / "copy", at, keep, half=half)
    say({"deaths": total, "end": state(root)})


def recovered(crashed: Path, copy: Path, at: int, keep: Unaccepted, *, half: bool) -> None:
    """Recover a copy, dying at each operation of the recovery first; then with either wish."""
    again = 0
    while True:
        again += 1
        copied(crashed, copy)
        died = forked(partial(recover, copy, unaccepted=keep, ops=Deadly(again)))
        left = bytes_of(copy)
        for wish in Unaccepted:
            if (left, wish) not in FOLLOWED:
                FOLLOWED.add((left, wish))
                last = copied(copy, copy.with_name("last"))
                report(at, again, keep, recover(last, unaccepted=wish), last, half=half)
        if not died:
            return


FOLLOWED: set[tuple[str, Unaccepted]] = set()


def copied(source: Path, target: Path) -> Path:
    """Copy a tree over another."""
    shutil.rmtree(target, ignore_errors=True)
    return Path(shutil.copytree(source, target))


def bytes_of(root: Path) -> str:
    """Return everything on the disk that a recovery can go by."""
    return json.dumps(sorted((path, str(data)) for path, data in tree(root).items()))


def report(
    at: int, again: int, keep: Unaccepted, found: Recovery, root: Path, *, half: bool
) -> None:
    """Print what came of one death."""
    say(
        {"at": at, "half": half, "again": again, "keep": keep, "recovery": found,
         "state": state(root)}
    )  # fmt: skip


def say(line: dict[str, object]) -> None:
    """Write one line; flushed, for a fork would write it again."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
