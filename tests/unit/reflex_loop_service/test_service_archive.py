"""Archives from people that nobody trusts: what comes in, and everything that does not."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from reflex_loop.service.archive import ArchiveLimits, look, pack, unpack
from reflex_loop.service.errors import ArchiveError, TooLargeError
from service_rig import workspace

LIMITS = ArchiveLimits(entries=100, bytes=1024 * 1024)


def entry(name: str, kind: bytes = tarfile.REGTYPE, **more: object) -> bytes:
    """Return a tar with one odd member behind an honest one."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("Cargo.toml"))
        info = tarfile.TarInfo(name)
        info.type = kind
        for key, value in more.items():
            setattr(info, key, value)
        archive.addfile(info)
    return buffer.getvalue()


def big(size: int) -> bytes:
    return workspace({"Cargo.toml": b"\0" * size})


def header(kind: bytes, size: int) -> bytes:
    """Return a member that says it is so large, and nothing of it."""
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


REFUSED: dict[str, Callable[[], bytes]] = {
    "parent": lambda: entry("../outside.rs"),
    "parent inside": lambda: entry("src/../../outside.rs"),
    "absolute": lambda: entry("/etc/cron.d/x"),
    "symbolic link": lambda: entry("link", tarfile.SYMTYPE, linkname="/etc/passwd"),
    "hard link": lambda: entry("link", tarfile.LNKTYPE, linkname="Cargo.toml"),
    "device": lambda: entry("dev", tarfile.CHRTYPE, devmajor=1, devminor=3),
    "fifo": lambda: entry("fifo", tarfile.FIFOTYPE),
    "line break": lambda: entry("a\nb"),
    "escape": lambda: entry("a\x1b[2Jb"),
    "long name": lambda: entry("a/" * 600 + "b"),
    "long part": lambda: entry("a" * 256),
    "no UTF-8": lambda: entry("a\udcff"),
    "twice": lambda: entry("Cargo.toml"),
    "no archive": lambda: b"hello" * 1000,
    "empty": lambda: b"",
    "no entries": lambda: workspace({}),
    "broken gzip": lambda: gzip.compress(workspace())[:50],
    "garbage in gzip": lambda: gzip.compress(b"x" * 5000),
    "long header": lambda: header(tarfile.XHDTYPE, 512 * 1024),
    "long name header": lambda: header(tarfile.GNUTYPE_LONGNAME, 512 * 1024),
    "cut": lambda: big(5000)[:3000],
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(tmp_path: Path, what: str) -> None:
    archive = tmp_path / "a.tar"
    archive.write_bytes(REFUSED[what]())
    with pytest.raises(ArchiveError) as refused:
        look(archive, LIMITS)
    assert str(refused.value).isprintable()
    with pytest.raises(ArchiveError):
        unpack(archive, tmp_path / "into" / "tree", LIMITS)
    outside = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert outside <= {"a.tar", "Cargo.toml"}


@pytest.mark.parametrize(
    "data",
    [
        big(2 * 1024 * 1024),
        gzip.compress(big(64 * 1024 * 1024)),  # 64 KiB that grow a thousandfold
        gzip.compress(b"\0" * 64 * 1024 * 1024),
        workspace({f"src/{number}.rs": b"" for number in range(101)}),
    ],
    ids=["plain", "bomb", "zeros", "entries"],
)
def test_what_is_too_large(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(data)
    with pytest.raises((TooLargeError, ArchiveError)):
        look(tmp_path / "a.tar", LIMITS)


def test_a_file_in_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(workspace({"src": b"", "src/lib.rs": b""}))
    with pytest.raises(ArchiveError):
        unpack(tmp_path / "a.tar", tmp_path / "tree", LIMITS)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_files_come_back_as_they_went(tmp_path: Path, mode: str) -> None:
    files = {"./Cargo.toml": b"[package]", "src/ü 1.rs": b"\xff\0", "a/b/c/d.rs": b""}
    (tmp_path / "a.tar").write_bytes(workspace(files, mode))
    assert look(tmp_path / "a.tar", LIMITS) == {"Cargo.toml", "src/ü 1.rs", "a/b/c/d.rs"}
    unpack(tmp_path / "a.tar", tmp_path / "tree", LIMITS)
    found = {
        path.relative_to(tmp_path / "tree").as_posix(): (path.read_bytes(), path.stat().st_mode)
        for path in (tmp_path / "tree").rglob("*")
        if path.is_file()
    }
    assert {name: data for name, (data, _) in found.items()} == {
        name.removeprefix("./"): data for name, data in files.items()
    }
    again = pack({name: (data, mode & 0o777) for name, (data, mode) in found.items()})
    (tmp_path / "b.tar").write_bytes(again)
    assert look(tmp_path / "b.tar", LIMITS) == set(found)
