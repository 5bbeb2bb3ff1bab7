"""What of a tree goes into a pod, and what a Cargo.lock says about the need for crates."""

import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from reflex_loop.adapters.pods.dependencies import DependencyStore, lock_of
from reflex_loop.adapters.pods.errors import DependenciesError
from reflex_loop.adapters.pods.packing import Packed, pack, pack_manifests


@pytest.fixture
def crate(tmp_path: Path) -> Path:
    root = tmp_path / "crate"
    (root / "src").mkdir(parents=True)
    (root / ".cargo").mkdir()
    (root / ".cargo/config.toml").write_text("[build]\n")
    (root / "Cargo.toml").write_text("[package]\n")
    (root / "Cargo.lock").write_text("version = 4\n")
    (root / "src/main.rs").write_text("fn main() {}\n")
    (root / "notes.txt").write_text("private\n")
    (root / "tool.sh").write_text("#!/bin/sh\n")
    (root / "tool.sh").chmod(0o755)
    (root / "secret").symlink_to("/etc/passwd")
    return root


def names(packed: Packed) -> dict[str, bytes]:
    with closing(packed), tarfile.open(fileobj=packed.file) as archive:
        files = [member for member in archive if member.isfile()]
        found = {}
        for member in files:
            reader = archive.extractfile(member)
            assert reader is not None
            found[member.name] = reader.read()
        return found


def test_links_and_cargos_own_configuration_stay_here(crate: Path) -> None:
    assert sorted(names(pack(crate))) == [
        "Cargo.lock",
        "Cargo.toml",
        "notes.txt",
        "src/main.rs",
        "tool.sh",
    ]


def test_what_fetches_sees_manifests_and_no_source(crate: Path) -> None:
    assert names(pack_manifests(crate)) == {
        "Cargo.lock": b"version = 4\n",
        "Cargo.toml": b"[package]\n",
        "src/main.rs": b"",
    }


def test_the_same_tree_gives_the_same_bytes(crate: Path) -> None:
    with closing(pack(crate)) as one:
        (crate / "src/main.rs").touch()
        with closing(pack(crate)) as two:
            assert (one.digest, one.size) == (two.digest, two.size)
        (crate / "tool.sh").chmod(0o644)
        with closing(pack(crate)) as three:
            assert three.digest != one.digest


@pytest.mark.parametrize("text", ["[[package", "package = 4", "package = [4]", "\xff"])
def test_a_lock_that_is_none_is_said_to_be_none(crate: Path, text: str) -> None:
    (crate / "Cargo.lock").write_bytes(text.encode("latin-1"))
    with pytest.raises(DependenciesError, match=r"Cargo\.lock cannot be read"):
        lock_of(crate)


def test_a_link_is_no_lock(crate: Path) -> None:
    (crate / "Cargo.lock").unlink()
    (crate / "Cargo.lock").symlink_to("/etc/passwd")
    assert lock_of(crate) is None


async def test_the_store_keeps_within_its_size_and_drops_the_oldest(tmp_path: Path) -> None:
    store = DependencyStore(tmp_path / "crates", most_bytes=25)
    fetched = []

    async def use(lock: bytes, size: int = 10) -> None:
        async def fetch(into: object) -> int:
            fetched.append(lock)
            into.write(b"x" * size)  # type: ignore[attr-defined]
            return size

        async with store.tar(lock, "cargo", fetch) as tar:
            assert len(tar.read()) == size

    for lock in (b"a", b"b", b"a", b"c", b"a", b"b"):
        await use(lock)
    assert fetched == [b"a", b"b", b"c", b"b"]
    await use(b"huge", size=1000)
    assert sum(each.stat().st_size for each in (tmp_path / "crates").iterdir()) <= 25


async def test_a_fetch_that_fails_leaves_nothing_and_is_tried_again(tmp_path: Path) -> None:
    store = DependencyStore(tmp_path / "crates", most_bytes=100)

    async def fails(into: object) -> int:
        into.write(b"half")  # type: ignore[attr-defined]
        raise DependenciesError("no network")

    for _ in range(2):
        with pytest.raises(DependenciesError):
            async with store.tar(b"lock", "cargo", fails):
                pass
    assert list((tmp_path / "crates").iterdir()) == []
