"""Trees as tar: what comes back is what went in, and what a hostile tar may not bring."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from file_tree import tree as contents
from reflex_runner.archive import pack, unpack
from reflex_runner.errors import TreeError
from reflex_runner.tree import Limits, scan

LIMITS = Limits(bytes=10_000, entries=20)


def member(
    name: str, data: bytes = b"", **fields: int | str | bytes
) -> tuple[tarfile.TarInfo, bytes]:
    """Return an entry."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """Return a tar of entries."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture
def unpacked(tmp_path: Path) -> Callable[[bytes], Path]:
    """Unpack bytes and return the folder."""

    def do(data: bytes) -> Path:
        (tmp_path / "x.tar").write_bytes(data)
        (tmp_path / "into").mkdir()
        unpack(tmp_path / "x.tar", tmp_path / "into", LIMITS)
        return tmp_path / "into"

    return do


def test_a_tree_comes_back_as_it_was(unpacked: Callable[[bytes], Path], tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a/b").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "a/b/ü.rs").write_bytes(b"\xff\x00" * 600)
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    out, again = io.BytesIO(), io.BytesIO()
    pack(scan(root, LIMITS), out)
    pack(scan(root, LIMITS), again)
    assert out.getvalue() == again.getvalue()
    assert contents(unpacked(out.getvalue())) == contents(root)


def test_what_plain_tar_writes_is_taken(unpacked: Callable[[bytes], Path]) -> None:
    folder = member("./", type=tarfile.DIRTYPE)
    into = unpacked(tar(folder, member("./src/lib.rs", b"x"), member("./Cargo.toml", b"y")))
    assert (into / "src/lib.rs").read_bytes() == b"x"


HOSTILE = {
    "symlink": ([member("l", type=tarfile.SYMTYPE, linkname="/etc")], "not_a_file"),
    "hard-link": (
        [member("f", b"x"), member("l", type=tarfile.LNKTYPE, linkname="f")],
        "not_a_file",
    ),
    "character-device": ([member("d", type=tarfile.CHRTYPE, devmajor=1, devminor=3)], "not_a_file"),
    "block-device": ([member("d", type=tarfile.BLKTYPE, devmajor=1, devminor=3)], "not_a_file"),
    "fifo": ([member("p", type=tarfile.FIFOTYPE)], "not_a_file"),
    "unknown": ([member("u", type=b"Z")], "not_a_file"),
    "absolute": ([member("/etc/cron.d/x", b"x")], "outside"),
    "upwards": ([member("a/../../x", b"x")], "outside"),
    "upwards-folder": ([member("../x", type=tarfile.DIRTYPE)], "outside"),
    "twice": ([member("a", b"x"), member("./a", b"y")], "duplicate"),
    "below-a-file": ([member("a", b"x"), member("a/b", b"y")], "duplicate"),
    "too-many": ([member(str(n)) for n in range(21)], "too_large"),
    "too-large": ([member("a", b"x" * 6000), member("b", b"x" * 6000)], "too_large"),
    "long-part": ([member("x" * 300)], "name"),
    "long-path": ([member("x/" * 3000 + "x")], "name"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_tar_is_refused(
    name: str, unpacked: Callable[[bytes], Path], tmp_path: Path
) -> None:
    members, code = HOSTILE[name]
    before = sorted(path.name for path in tmp_path.parent.iterdir())
    with pytest.raises(TreeError) as caught:
        unpacked(tar(*members))
    assert caught.value.code == code
    assert sorted(path.name for path in tmp_path.parent.iterdir()) == before
    assert not any(path.is_symlink() for path in (tmp_path / "into").rglob("*"))


def test_a_sparse_file_does_not_grow(unpacked: Callable[[bytes], Path]) -> None:
    info, data = member("s", b"0\n")
    info.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "s",
        "GNU.sparse.realsize": "1000000000000",
    }
    with pytest.raises(TreeError):
        unpacked(tar((info, data)))


@pytest.mark.parametrize("data", [b"", b"x" * 5000, b"\x1f\x8b" + b"x" * 600])
def test_what_is_no_tar_is_refused(data: bytes, unpacked: Callable[[bytes], Path]) -> None:
    with pytest.raises(TreeError) as caught:
        unpacked(data)
    assert caught.value.code == "not_a_tar"


def test_a_tar_that_is_cut_short_is_refused(unpacked: Callable[[bytes], Path]) -> None:
    with pytest.raises(TreeError, match=r"tar|short"):
        unpacked(tar(member("a", b"x" * 5000))[:2000])
