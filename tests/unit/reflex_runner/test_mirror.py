"""The copy of a tree: what goes into it, what is touched, and what hostile code left in it."""

import os
from pathlib import Path

import pytest

from file_tree import tree as contents
from reflex_runner.errors import TreeError
from reflex_runner.mirror import Mirror, remove
from reflex_runner.tree import Limits, scan

LIMITS = Limits()


class Pair:
    """A tree and its copy."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.copy = folder / "copy"
        (self.root / "src").mkdir(parents=True)
        self.copy.mkdir()
        (self.root / "Cargo.toml").write_text("[package]")
        (self.root / "src/lib.rs").write_text("fn a() {}")
        self.mirror = Mirror(self.copy, folder / "aside")

    def update(self) -> int:
        """Bring the copy up to date."""
        return self.mirror.update(scan(self.root, LIMITS))

    def times(self) -> dict[str, int]:
        """Return when each file of the copy changed."""
        files = (path for path in self.copy.rglob("*") if path.is_file())
        return {path.name: path.stat().st_mtime_ns for path in files}


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """A tree of two files."""
    return Pair(tmp_path)


def test_only_what_changed_gets_a_new_time(pair: Pair) -> None:
    assert pair.update() == 2
    before = pair.times()
    (pair.root / "src/lib.rs").write_text("fn b() {}")
    assert pair.update() == 1
    after = pair.times()
    assert after["Cargo.toml"] == before["Cargo.toml"]
    assert after["lib.rs"] > before["lib.rs"]
    assert contents(pair.copy) == contents(pair.root)


def test_a_new_time_alone_changes_nothing(pair: Pair) -> None:
    pair.update()
    os.utime(pair.root / "src/lib.rs")
    assert pair.update() == 0


def test_a_change_that_is_taken_back_gets_a_new_time(pair: Pair) -> None:
    pair.update()
    first = pair.times()["lib.rs"]
    for text in ("fn b() {}", "fn a() {}"):
        (pair.root / "src/lib.rs").write_text(text)
        pair.update()
    assert pair.times()["lib.rs"] > first


def test_what_the_build_wrote_into_the_copy_is_undone(pair: Pair) -> None:
    pair.update()
    time = (pair.copy / "src/lib.rs").stat()
    (pair.copy / "src/lib.rs").write_text("fn e() {}")
    os.utime(pair.copy / "src/lib.rs", ns=(time.st_atime_ns, time.st_mtime_ns))
    (pair.copy / "Cargo.lock").write_text("version = 4")
    (pair.copy / "src/more").mkdir()
    pair.update()
    assert contents(pair.copy) == contents(pair.root)


def test_links_left_in_the_copy_are_not_written_through(pair: Pair, tmp_path: Path) -> None:
    pair.update()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "lib.rs").write_text("precious")
    (pair.copy / "src/lib.rs").unlink()
    (pair.copy / "src").rmdir()
    (pair.copy / "src").symlink_to(outside)
    (pair.copy / "Cargo.toml").unlink()
    (pair.copy / "Cargo.toml").symlink_to(outside / "lib.rs")
    pair.update()
    assert (outside / "lib.rs").read_text() == "precious"
    assert contents(pair.copy) == contents(pair.root)


def test_a_folder_in_the_place_of_a_file_is_removed(pair: Pair) -> None:
    pair.update()
    (pair.copy / "Cargo.toml").unlink()
    (pair.copy / "Cargo.toml/deep/er").mkdir(parents=True)
    (pair.copy / "Cargo.toml/deep").chmod(0)
    pair.update()
    assert contents(pair.copy) == contents(pair.root)


def test_a_very_deep_folder_can_be_removed(tmp_path: Path) -> None:
    aside = tmp_path / "aside"
    aside.mkdir()
    here = os.getcwd()
    try:
        os.mkdir(tmp_path / "deep")
        os.chdir(tmp_path / "deep")
        for _ in range(3_000):  # deeper than a path may be long, and than Python recurses
            os.mkdir("d" * 8)
            os.chdir("d" * 8)
    finally:
        os.chdir(here)
    remove(tmp_path / "deep", aside)
    assert not (tmp_path / "deep").exists()
    assert list(aside.iterdir()) == []


def test_links_out_of_the_tree_and_special_files_stay_out(pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (pair.root / "inside").symlink_to("src/lib.rs")
    (pair.root / "outside").symlink_to("../secret")
    (pair.root / "absolute").symlink_to("/etc/passwd")
    (pair.root / "folder").symlink_to("src")
    (pair.root / "nowhere").symlink_to("nothing")
    (pair.root / "loop").symlink_to("loop")
    os.mkfifo(pair.root / "fifo")
    assert set(scan(pair.root, LIMITS).files) == {"Cargo.toml", "src/lib.rs", "inside"}


def test_configuration_version_control_and_build_output_stay_out(pair: Pair) -> None:
    for path in (".cargo/credentials.toml", ".git/config", "target/CACHEDIR.TAG", "src/target/m"):
        (pair.root / path).parent.mkdir(parents=True)
        (pair.root / path).write_text("")
    (pair.root / "token").symlink_to(".cargo/credentials.toml")
    assert set(scan(pair.root, LIMITS).files) == {"Cargo.toml", "src/lib.rs", "src/target/m"}


def test_a_tree_that_is_too_large_is_refused(pair: Pair) -> None:
    for limits in (Limits(entries=2), Limits(bytes=10)):
        with pytest.raises(TreeError, match="more than") as caught:
            scan(pair.root, limits)
        assert caught.value.code == "too_large"
