"""The system call filter, executed by a small interpreter of its own: both architectures."""

import errno
import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from reflex_runner.bpf import ALLOW, KILL, refuse
from reflex_runner.errors import ConfinementError
from reflex_runner.seccomp import build
from reflex_runner.syscalls import ARCHITECTURES, NETWORK, REFUSED, RULED

EPERM, EACCES, ENOSYS = (refuse(code) for code in (errno.EPERM, errno.EACCES, errno.ENOSYS))
MACHINES = sorted(ARCHITECTURES)
HEADER = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")


def verdict(program: bytes, machine: str, number: int, *arguments: int) -> int:
    """Return what the kernel would do with a call."""
    _, architecture = ARCHITECTURES[machine]
    six = [value & (2**64 - 1) for value in (*arguments, 0, 0, 0, 0, 0, 0)][:6]
    data = struct.pack("=iIQ6Q", number, architecture, 0, *six)
    code = list(struct.iter_unpack("=HBBI", program))
    at, accumulator = 0, 0
    while True:
        operation, true, false, value = code[at]
        at += 1
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, value)
        elif operation == 0x54:
            accumulator &= value
        elif operation == 0x06:
            return int(value)
        else:
            holds = {
                0x15: accumulator == value,
                0x35: accumulator >= value,
                0x45: bool(accumulator & value),
            }[operation]
            at += true if holds else false


def call(name: str, *arguments: int, machine: str, network: bool = False) -> int:
    """Return the verdict over a call by name."""
    column, _ = ARCHITECTURES[machine]
    number = (REFUSED | NETWORK | RULED)[name][column]
    assert number is not None, f"{machine} has no {name}"
    return verdict(build(machine, network=network), machine, number, *arguments)


def on_each(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return each name with each architecture that has such a call."""
    known = REFUSED | NETWORK | RULED
    columns = [(machine, ARCHITECTURES[machine][0]) for machine in MACHINES]
    return [(machine, name) for name in names for machine, at in columns if known[name][at]]


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> str:
    """Each architecture."""
    return str(request.param)


@pytest.mark.parametrize(("machine", "name"), on_each(REFUSED))
def test_what_no_build_needs_is_refused(name: str, machine: str) -> None:
    assert call(name, machine=machine) == EPERM
    assert call(name, machine=machine, network=True) == EPERM


CASES = [
    ("socket", (1, 1), EACCES),  # AF_UNIX
    ("socket", (2, 1), EACCES),
    ("socket", (2, 2), EACCES),
    ("socket", (16, 3), EACCES),  # netlink
    ("socket", (17, 3), EACCES),  # packet
    ("socket", (40, 1), EACCES),  # vsock
    ("socketpair", (1, 1), ALLOW),
    ("socketpair", (1, 1 | 0o2000000), ALLOW),  # SOCK_CLOEXEC
    ("socketpair", (1, 5), ALLOW),
    ("socketpair", (1, 2), EACCES),
    ("socketpair", (2, 1), EACCES),
    ("connect", (3, 0, 0), EACCES),
    ("clone", (0x003D0F00,), ALLOW),  # a thread
    ("clone", (17,), ALLOW),  # fork
    ("clone", (0x10000000 | 17,), EPERM),  # a user namespace
    ("clone", (0x00020000 | 17,), EPERM),
    ("clone3", (0, 0), ENOSYS),
    ("ioctl", (0, 0x5401), ALLOW),  # TCGETS
    ("ioctl", (0, 0x5412), EPERM),  # TIOCSTI
    ("ioctl", (0, 0x541C), EPERM),
    ("prlimit64", (0, 7), ALLOW),
    ("prlimit64", (4711, 7), EPERM),
    ("sched_setaffinity", (0,), ALLOW),
    ("sched_setaffinity", (1,), EPERM),
    ("chmod", (0, 0o755), ALLOW),
    ("chmod", (0, 0o4755), EPERM),
    ("fchmod", (3, 0o2755), EPERM),
    ("fchmodat", (-100, 0, 0o755), ALLOW),
    ("fchmodat", (-100, 0, 0o6755), EPERM),
    ("kill", (4711, 9), ALLOW),  # Landlock's affair
]


@pytest.mark.parametrize(("name", "arguments", "expected"), CASES)
def test_some_uses_of_a_call_are_refused(
    name: str, arguments: tuple[int, ...], expected: int
) -> None:
    for machine, _ in on_each([name]):
        assert call(name, *arguments, machine=machine) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [((2, 1), ALLOW), ((10, 2), ALLOW), ((2, 3), EACCES), ((1, 1), EACCES), ((16, 3), EACCES)],
)
def test_with_a_network_there_is_only_the_internet(
    arguments: tuple[int, int], expected: int, machine: str
) -> None:
    assert call("socket", *arguments, machine=machine, network=True) == expected
    assert call("connect", 3, machine=machine, network=True) == ALLOW


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("kill", (4711, 9), EPERM),
        ("kill", (-4711, 9), EPERM),
        ("kill", (-1, 9), EPERM),
        ("kill", (4712, 9), ALLOW),
        ("tgkill", (4711, 4711, 9), EPERM),
        ("rt_sigqueueinfo", (4711, 9), EPERM),
        ("pidfd_send_signal", (3, 9), EPERM),
    ],
)
def test_an_old_kernel_has_the_filter_protect_the_runner(
    name: str, arguments: tuple[int, ...], expected: int, machine: str
) -> None:
    column, _ = ARCHITECTURES[machine]
    number = RULED[name][column]
    assert number is not None
    program = build(machine, signals=False, protect=(1, 4711))
    assert verdict(program, machine, number, *arguments) == expected


def test_other_architectures_and_numberings_end_or_fail() -> None:
    program = build("x86_64")
    assert verdict(program, "aarch64", 1) == KILL
    assert verdict(program, "x86_64", 0x40000000 | 59) == ENOSYS
    assert verdict(program, "x86_64", 59) == ALLOW  # execve
    with pytest.raises(ConfinementError, match="riscv64"):
        build("riscv64")


def _numbers() -> Iterator[tuple[str, int]]:
    for name, (number, _) in (REFUSED | NETWORK | RULED).items():
        yield name, number


@pytest.mark.skipif(not HEADER.exists(), reason=f"{HEADER} is not installed")
def test_the_numbers_are_the_kernels() -> None:
    text = HEADER.read_text()
    for name, number in _numbers():
        if found := re.search(rf"#define __NR_{name} (\d+)", text):
            assert int(found[1]) == number, name
