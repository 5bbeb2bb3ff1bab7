"""The system call filter of a build, and its installation."""

import ctypes
import errno
import os
import socket
from collections.abc import Sequence
from typing import Final, Protocol

from reflex_runner.bpf import ALLOW, Rule, Test, program, refuse
from reflex_runner.errors import ConfinementError
from reflex_runner.syscalls import ARCHITECTURES, NETWORK, REFUSED, RULED, Number

_NEW_NAMESPACES: Final = 0x7E020000
_SETUID_SETGID: Final = 0o6000
_TERMINAL: Final = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: type into the caller's terminal
_FILE_FLAGS: Final = (0x40086602, 0x40086604, 0x401C5820)  # FS_IOC_SETFLAGS (two), FSSETXATTR
_SOCKET_TYPE: Final = 0xF
_PR_SET_SECCOMP: Final = 22
_MODE_FILTER: Final = 2


class _Add(Protocol):
    def __call__(self, number: Number, then: int, *tests: Test, otherwise: int = ALLOW) -> None: ...


def build(
    machine: str, *, network: bool = False, signals: bool = True, protect: Sequence[int] = ()
) -> bytes:
    """Return the filter's program.

    Args:
        machine: of `os.uname()`.
        network: sockets of the internet may be made; else none at all. Even a path in the file
            system is no protection for a socket: Landlock does not look at connections to them.
        signals: something else keeps signals inside of the sandbox. Where nothing does, those to
            everybody and to `protect` are refused.
        protect: processes that must not be signalled.

    Raises:
        ConfinementError: this architecture is not known.
    """
    if machine not in ARCHITECTURES:
        raise ConfinementError(
            f"no system call filter for {machine}: use {' or '.join(ARCHITECTURES)}"
        )
    column, architecture = ARCHITECTURES[machine]
    rules: list[Rule] = []

    def add(number: Number, then: int, *tests: Test, otherwise: int = ALLOW) -> None:
        known = number[column]
        if known is not None:
            rules.append(Rule(number=known, tests=tests, then=then, otherwise=otherwise))

    no, not_permitted = refuse(errno.EACCES), refuse(errno.EPERM)
    for number in REFUSED.values():
        add(number, not_permitted)
    if network:
        internet = Test(argument=0, equal=(socket.AF_INET, socket.AF_INET6))
        kinds = Test(argument=1, mask=_SOCKET_TYPE, equal=(socket.SOCK_STREAM, socket.SOCK_DGRAM))
        add(RULED["socket"], ALLOW, internet, kinds, otherwise=no)
    else:
        add(RULED["socket"], no)
        for number in NETWORK.values():
            add(number, no)
    # Not SOCK_DGRAM: a message on it can be sent to any other socket's address.
    pair = Test(argument=0, equal=(socket.AF_UNIX,))
    connected = Test(
        argument=1, mask=_SOCKET_TYPE, equal=(socket.SOCK_STREAM, socket.SOCK_SEQPACKET)
    )
    add(RULED["socketpair"], ALLOW, pair, connected, otherwise=no)
    add(RULED["clone"], not_permitted, Test(argument=0, any_bit=_NEW_NAMESPACES))
    # Its flags lie in memory, where a filter cannot look: callers fall back to `clone`.
    add(RULED["clone3"], refuse(errno.ENOSYS))
    add(RULED["ioctl"], not_permitted, Test(argument=1, equal=(*_TERMINAL, *_FILE_FLAGS)))
    for name, argument in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2)):
        add(RULED[name], not_permitted, Test(argument=argument, any_bit=_SETUID_SETGID))
    for name in ("prlimit64", "sched_setaffinity"):
        # Only of the caller itself: other processes have the same user.
        add(RULED[name], ALLOW, Test(argument=0, equal=(0,)), otherwise=not_permitted)
    if not signals:
        _keep_signals_in(add, not_permitted, protect)
    return program(architecture, rules)


def _keep_signals_in(add: "_Add", verdict: int, protect: Sequence[int]) -> None:
    every = (*protect, *(-pid for pid in protect), -1)
    add(RULED["kill"], verdict, Test(argument=0, equal=every))
    for name in ("tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"):
        add(RULED[name], verdict, Test(argument=0, equal=every))
    add(RULED["pidfd_send_signal"], verdict)


def install(filter_program: bytes) -> None:
    """Put this process, and all that it starts, under a filter; there is no way back.

    `no_new_privs` must be set.

    Raises:
        ConfinementError: the kernel refuses.
    """

    class _Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(filter_program, len(filter_program))
    wanted = _Program(len(filter_program) // 8, ctypes.addressof(buffer))
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(wanted), 0, 0):
        reason = os.strerror(ctypes.get_errno())
        raise ConfinementError(f"the system call filter does not take hold: {reason}")
