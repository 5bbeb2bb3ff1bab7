"""The applier: all files or none, also when it is killed at any of its operations."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import killed_applier
from file_tree import tree
from reflex_loop.changes import ChangeSet, FileChange
from reflex_loop.errors import (
    JournalBusyError,
    RecoveryConflictError,
    StaleFileError,
    TransactionError,
)
from reflex_loop.fileops import DiskOps
from reflex_loop.paths import JOURNAL
from reflex_loop.snapshot import digest
from reflex_loop.transaction import Recovery, Transaction, Unaccepted, recover

TESTS = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return killed_applier.fresh(tmp_path / "tree")


def test_accepting_and_rolling_back_leave_nothing_else(root: Path) -> None:
    Transaction.apply(root, killed_applier.changes()).roll_back()
    assert killed_applier.state(root) == "before"
    Transaction.apply(root, killed_applier.changes()).accept()
    assert killed_applier.state(root) == "after"


def test_an_open_transaction_shows_the_patched_tree(root: Path) -> None:
    transaction = Transaction.apply(root, killed_applier.changes())
    assert (root / "src/a.rs").read_bytes() == killed_applier.AFTER["src/a.rs"]
    assert not (root / "src/old.rs").exists()
    transaction.accept()


@pytest.mark.parametrize("verdict", ["accept", "roll_back"])
def test_a_kill_at_any_operation_leaves_before_or_after(verdict: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, TESTS / "killed_applier.py", tmp_path, verdict],
        capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *deaths, end = [json.loads(line) for line in done.stdout.splitlines()]

    assert end["deaths"] > 50
    assert end["end"] == ("after" if verdict == "accept" else "before")
    assert len(deaths) > 80
    wrong = [each for each in deaths if each["state"] not in ("before", "after")]
    assert not wrong, wrong[:3]
    # Both sides are met, and recovering to keep never undoes what was committed.
    assert {each["state"] for each in deaths} == {"before", "after"}
    for each in deaths:
        if each["recovery"] == "kept":
            assert each["state"] == "after"
        if each["recovery"] == "rolled_back":
            assert each["state"] == "before"


def test_recovery_of_a_healthy_tree_does_nothing(root: Path) -> None:
    times = [(root / path).stat().st_mtime_ns for path in killed_applier.BEFORE]
    assert recover(root) is Recovery.NOTHING
    assert [(root / path).stat().st_mtime_ns for path in killed_applier.BEFORE] == times


def test_a_file_that_changed_since_is_not_overwritten(root: Path) -> None:
    (root / "src/b.rs").write_bytes(b"the user was here\n")
    before = tree(root)

    with pytest.raises(StaleFileError, match=r"src/b\.rs has changed since it was read"):
        Transaction.apply(root, killed_applier.changes())
    assert tree(root) == before


def test_a_file_that_appeared_or_went_is_noticed(root: Path) -> None:
    (root / "src/deep/inner").mkdir(parents=True)
    (root / "src/deep/inner/mod.rs").write_bytes(b"mine\n")
    with pytest.raises(StaleFileError, match=r"mod\.rs has changed"):
        Transaction.apply(root, killed_applier.changes())
    (root / "src/deep/inner/mod.rs").unlink()
    (root / "src/old.rs").unlink()
    with pytest.raises(StaleFileError, match=r"old\.rs is not there any more"):
        Transaction.apply(root, killed_applier.changes())


def test_a_link_put_in_the_way_is_refused(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "src/deep").symlink_to(outside)
    with pytest.raises(TransactionError, match="deep is a link"):
        Transaction.apply(root, killed_applier.changes())
    assert not any(outside.iterdir())


def test_two_repairs_of_one_tree_do_not_meet(root: Path) -> None:
    first = Transaction.apply(root, killed_applier.changes())
    other = ChangeSet(changes=(FileChange(path="notes.rs", before=None, after=b""),))

    with pytest.raises(JournalBusyError, match="another repair"):
        Transaction.apply(root, other)
    with pytest.raises(JournalBusyError, match="another repair"):
        recover(root)
    first.roll_back()
    Transaction.apply(root, other).accept()


def test_a_crashed_transaction_is_not_overrun(root: Path) -> None:
    (root / JOURNAL).mkdir()
    with pytest.raises(JournalBusyError, match="call recover"):
        Transaction.apply(root, killed_applier.changes())
    assert recover(root) is Recovery.CLEARED


def test_a_rollback_never_overwrites_what_someone_wrote_meanwhile(root: Path) -> None:
    transaction = Transaction.apply(root, killed_applier.changes())
    (root / "src/a.rs").write_bytes(b"typed while the compiler ran\n")

    with pytest.raises(RecoveryConflictError, match=r"src/a\.rs") as caught:
        transaction.roll_back()
    assert caught.value.paths == ("src/a.rs",)
    assert (root / "src/a.rs").read_bytes() == b"typed while the compiler ran\n"
    # Nothing else was touched, and everything is still there to be put right by hand.
    assert (root / "src/b.rs").read_bytes() == killed_applier.AFTER["src/b.rs"]
    with pytest.raises(RecoveryConflictError):
        recover(root)
    (root / "src/a.rs").write_bytes(killed_applier.AFTER["src/a.rs"])
    assert recover(root) is Recovery.ROLLED_BACK
    assert killed_applier.state(root) == "before"


def test_permission_bits_are_kept(root: Path) -> None:
    (root / "src/a.rs").chmod(0o600)
    changes = ChangeSet(
        changes=(
            FileChange(
                path="src/a.rs", before=killed_applier.BEFORE["src/a.rs"], after=b"x", mode=0o600
            ),
        )
    )
    Transaction.apply(root, changes).roll_back()
    assert (root / "src/a.rs").stat().st_mode & 0o777 == 0o600
    Transaction.apply(root, changes).accept()
    assert (root / "src/a.rs").stat().st_mode & 0o777 == 0o600


def test_a_restored_file_is_newer_than_the_check_of_the_patch(root: Path) -> None:
    os.utime(root / "src/a.rs", (1, 1))
    transaction = Transaction.apply(root, killed_applier.changes())
    checked = root / "checked"
    checked.write_bytes(b"")
    transaction.roll_back()

    assert (root / "src/a.rs").stat().st_mtime_ns >= checked.stat().st_mtime_ns


class FullDisk(DiskOps):
    """Fails at the n-th operation with ENOSPC, and works again afterwards."""

    def __init__(self, at: int) -> None:
        super().__init__(durable=False)
        self.left = at

    def write(self, path: Path, data: bytes, mode: int) -> None:
        self._fail()
        super().write(path, data, mode)

    def replace(self, source: Path, target: Path) -> None:
        self._fail()
        super().replace(source, target)

    def _fail(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise OSError(28, "No space left on device")


@pytest.mark.parametrize("at", range(1, 17))
def test_a_full_disk_leaves_the_tree_as_it_was(at: int, root: Path) -> None:
    ops = FullDisk(at)
    with pytest.raises(TransactionError, match="nothing was changed"):
        Transaction.apply(root, killed_applier.changes(), ops)
    assert killed_applier.state(root) == "before"


def test_a_read_only_tree_is_told(root: Path) -> None:
    class ReadOnly(DiskOps):
        def mkdir(self, path: Path) -> None:
            raise OSError(errno.EROFS, "Read-only file system")

    with pytest.raises(TransactionError, match="the file system is read-only"):
        Transaction.apply(root, killed_applier.changes(), ReadOnly(durable=False))


def test_a_journal_of_another_version_is_not_guessed_at(root: Path) -> None:
    (root / JOURNAL).mkdir()
    (root / JOURNAL / "journal.json").write_text('{"version": 2}')
    with pytest.raises(TransactionError, match="not a journal of this version"):
        recover(root)


HOSTILE = [
    {"path": "../victim.rs", "before": None, "after": None},
    {"path": "/tmp/victim.rs", "before": None, "after": None},
    {"path": ".git/hooks/pre-commit", "before": None, "after": None},
    {"path": "link/victim.rs", "before": None, "after": None},
    {"path": "src//a.rs", "before": None, "after": None},
]


@pytest.mark.parametrize("entry", HOSTILE, ids=lambda entry: str(entry["path"]))
@pytest.mark.parametrize("state", ["applying", "applied", "rolling_back"])
def test_a_journal_that_came_with_a_repository_writes_nowhere(
    entry: dict[str, str | None], state: str, root: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "link").symlink_to(outside)
    (root / JOURNAL).mkdir()
    (root / JOURNAL / "old-0").write_bytes(b"pwned")
    entry = entry | {"before": digest(b"pwned")}
    record = {"version": 1, "state": state, "folders": [], "files": [entry]}
    (root / JOURNAL / "journal.json").write_text(json.dumps(record))
    before = tree(tmp_path)

    for wish in Unaccepted:
        with pytest.raises(TransactionError, match="it came with the files"):
            recover(root, unaccepted=wish)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("folder", ["../up", "link/in", "/tmp/abs"])
def test_a_journal_makes_no_folders_elsewhere(folder: str, root: Path, tmp_path: Path) -> None:
    (root / "link").symlink_to(tmp_path)
    (root / JOURNAL).mkdir()
    record = {"version": 1, "state": "applying", "folders": [folder], "files": []}
    (root / JOURNAL / "journal.json").write_text(json.dumps(record))
    with pytest.raises(TransactionError, match="it came with the files"):
        recover(root, unaccepted=Unaccepted.KEEP)


def test_a_link_in_place_of_the_journal_deletes_nothing(root: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").write_text("x")
    (root / JOURNAL).symlink_to(victim)

    with pytest.raises(TransactionError, match="no folder of ours"):
        recover(root)
    with pytest.raises(JournalBusyError):
        Transaction.apply(root, killed_applier.changes())
    assert (victim / "precious").exists()


def test_a_link_among_the_journals_files_is_refused(root: Path, tmp_path: Path) -> None:
    (root / JOURNAL).mkdir()
    (root / JOURNAL / "old-0").symlink_to(tmp_path / "secret")
    data = killed_applier.BEFORE["src/a.rs"]
    entry = {"path": "src/a.rs", "before": digest(b""), "after": digest(data)}
    record = {"version": 1, "state": "applied", "folders": [], "files": [entry]}
    (root / JOURNAL / "journal.json").write_text(json.dumps(record))
    with pytest.raises(TransactionError, match="old-0 is no file"):
        recover(root)


def test_a_committed_patch_may_be_kept(root: Path) -> None:
    child = os.fork()
    if child == 0:
        Transaction.apply(root, killed_applier.changes())
        os._exit(0)
    os.waitpid(child, 0)
    assert recover(root, unaccepted=Unaccepted.KEEP) is Recovery.KEPT
    assert killed_applier.state(root) == "after"
