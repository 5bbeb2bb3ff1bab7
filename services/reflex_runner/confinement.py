"""What a supervisor is told to run, and within which bounds. Plain data: it crosses a pipe."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, Self

GIB = 1024 * 1024 * 1024
Method = Literal["landlock", "bubblewrap"]


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What one job may use.

    Attributes:
        tasks: processes and threads of the whole job.
        disk_bytes: what its writable folders may hold together.
        disk_files: how many files they may hold.
        file_bytes: of one file.
        memory_bytes: of data of one process.
        spare_bytes: of memory that the machine must keep: below, a job that uses more than this
            itself is ended.
        cpu_seconds: of one process.
    """

    tasks: int = 1_024
    disk_bytes: int = 4 * GIB
    disk_files: int = 200_000
    file_bytes: int = 1 * GIB
    memory_bytes: int = 8 * GIB
    spare_bytes: int = GIB // 4
    cpu_seconds: int = 3_600


@dataclass(frozen=True, kw_only=True)
class Confinement:
    """One program and all that it may see.

    Attributes:
        method: what keeps it from the files.
        read: folders and files it may read and execute.
        write: folders it may write.
        network: it may connect to the internet.
        protect: processes it must not signal, where the kernel cannot keep signals in.
    """

    method: Method
    command: tuple[str, ...]
    env: dict[str, str]
    cwd: str
    read: tuple[str, ...]
    write: tuple[str, ...]
    network: bool = False
    protect: tuple[int, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)

    def to_json(self) -> bytes:
        """Return one line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_json(cls, line: bytes) -> Self:
        """Read the line of `to_json`."""
        value = json.loads(line)
        for name in ("command", "read", "write", "protect"):
            value[name] = tuple(value[name])
        return cls(**value | {"bounds": Bounds(**value["bounds"])})


@dataclass(frozen=True, kw_only=True)
class Report:
    """How it ended, as the supervisor saw it.

    Attributes:
        code: exit code; negative for a signal.
        exceeded: the bound for which it was ended, in words.
        failure: what did not work, empty when it ran; `failed` names the error.
        leftover: processes that could not be ended.
    """

    code: int = 0
    exceeded: str = ""
    failed: Literal["", "confinement", "start"] = ""
    failure: str = ""
    leftover: int = 0

    def to_json(self) -> bytes:
        """Return the report as it goes over the pipe."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read the bytes of `to_json`."""
        return cls(**json.loads(data))


SYSTEM: tuple[Path, ...] = tuple(
    Path(each)
    for each in (
        "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store",
        "/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
    )
)  # fmt: skip
"""Compilers, linkers and libraries; of `/etc` only what the dynamic linker reads."""

INTERNET: tuple[Path, ...] = tuple(
    Path(each)
    for each in (
        "/etc/hosts", "/etc/nsswitch.conf", "/etc/resolv.conf", "/etc/gai.conf", "/etc/host.conf",
        "/etc/services", "/etc/ssl", "/etc/pki", "/etc/ca-certificates",
        "/run/systemd/resolve/resolv.conf", "/run/systemd/resolve/stub-resolv.conf",
    )
)  # fmt: skip
"""What finding and trusting a host needs besides."""

CWD = "/usr"
"""The working folder. cargo reads `.cargo/config.toml` there and in every folder above; none of the
repository's and none of the user's is among them, wherever the scratch folder lies."""

DEVICES: tuple[Path, ...] = tuple(
    Path(f"/dev/{name}") for name in ("null", "zero", "full", "random", "urandom")
)


def machine() -> str:
    """Return the processor's architecture as the kernel calls it."""
    return os.uname().machine
