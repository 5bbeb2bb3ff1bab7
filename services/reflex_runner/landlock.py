"""Landlock: which files a process may open, and whom it may signal. Rights only ever shrink."""

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from reflex_runner.errors import ConfinementError

OLDEST_ABI: Final = 4  # the first that knows TCP
SIGNALS_ABI: Final = 6  # the first that keeps signals in

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same on every architecture
_VERSION_FLAG: Final = 1
_RULE_PATH: Final = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = (1 << bit for bit in range(4))
_REMOVE: Final = 1 << 4 | 1 << 5
_DEVICES: Final = 1 << 6 | 1 << 11
_MAKE: Final = 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 12  # folder, file, socket, fifo, link
_REFER, _TRUNCATE, _IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
_OF_A_FILE: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE

_READ: Final = _EXECUTE | _READ_FILE | _READ_DIR
_WRITE: Final = _READ | _WRITE_FILE | _REMOVE | _MAKE | _REFER | _TRUNCATE
_ALL_TCP: Final = 1 << 0 | 1 << 1
_CONNECT_TCP: Final = 1 << 1
_ABSTRACT_SOCKETS, _SIGNALS = 1 << 0, 1 << 1


def abi() -> int:
    """Return the kernel's version of Landlock; 0 where there is none or it is switched off."""
    return max(0, int(_libc().syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION_FLAG)))


def scope_signals() -> None:
    """Keep this process's signals among itself and what it starts.

    Raises:
        ConfinementError: the kernel refuses.
    """
    ruleset = _ruleset(files=_REFER, tcp=0, scoped=_ABSTRACT_SOCKETS | _SIGNALS)
    # Moving files between folders is refused by every domain that does not allow it.
    _allow(ruleset, Path("/"), _REFER)
    _enter(ruleset)


def confine(
    *, read: Iterable[Path], write: Iterable[Path], devices: Iterable[Path], network: bool
) -> None:
    """Allow this process, and all that it starts, these files and no others.

    Args:
        read: folders and files to read and execute; those that do not exist are left out.
        write: folders to do anything in but make devices.
        devices: to read and write.
        network: TCP may be connected to; else it may not, nor be listened on.

    Raises:
        ConfinementError: the kernel refuses, or is too old.
    """
    known = abi()
    if known < OLDEST_ABI:
        raise ConfinementError(
            f"Landlock ABI {OLDEST_ABI} is needed and this kernel has {known}: "
            f"use Linux 6.7 or newer with `landlock` in its `lsm=` list"
        )
    handled = _WRITE | _DEVICES | (_IOCTL_DEVICE if known >= 5 else 0)
    tcp = (_ALL_TCP & ~_CONNECT_TCP) if network else _ALL_TCP
    scoped = _ABSTRACT_SOCKETS | _SIGNALS if known >= SIGNALS_ABI else 0
    ruleset = _ruleset(files=handled, tcp=tcp, scoped=scoped)
    for paths, access in ((read, _READ), (write, _WRITE), (devices, _READ_FILE | _WRITE_FILE)):
        for path in paths:
            _allow(ruleset, path, access)
    _enter(ruleset)


def _ruleset(*, files: int, tcp: int, scoped: int) -> int:
    attributes = struct.pack("=QQ", files, tcp)
    if scoped:
        attributes += struct.pack("=Q", scoped)
    handle = int(_libc().syscall(_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0))
    if handle < 0:
        raise _failed("cannot be set up")
    return handle


def _allow(ruleset: int, path: Path, access: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            access &= _OF_A_FILE
        rule = struct.pack("=Qi", access, handle)
        if _libc().syscall(_ADD, ruleset, _RULE_PATH, rule, 0):
            raise _failed(f"cannot allow {path}")
    finally:
        os.close(handle)


def _enter(ruleset: int) -> None:
    failed = _libc().syscall(_RESTRICT, ruleset, 0)
    os.close(ruleset)
    if failed:
        raise _failed("does not take hold")


def _failed(what: str) -> ConfinementError:
    return ConfinementError(f"Landlock {what}: {os.strerror(ctypes.get_errno())}")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
