"""Writes classic BPF for seccomp: a list of rules, each of which decides or lets pass."""

import errno
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

Instruction = tuple[int, int, int, int]

_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_AT_LEAST: Final = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_ANY_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_AND: Final = 0x54  # BPF_ALU | BPF_AND | BPF_K
_RETURN: Final = 0x06

ALLOW: Final = 0x7FFF0000
KILL: Final = 0x80000000
_ERRNO: Final = 0x00050000
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
_X32: Final = 0x40000000


def refuse(code: int) -> int:
    """Return the verdict that makes a call fail with an error number."""
    return _ERRNO | code


@dataclass(frozen=True, kw_only=True)
class Test:
    """A test of the low 32 bits of one argument (after `mask`); the kernel reads no more of them.

    `equal` holds values of which one must match; `any_bit` bits of which one must be set.
    """

    __test__ = False

    argument: int
    equal: tuple[int, ...] = ()
    any_bit: int = 0
    mask: int = 0xFFFFFFFF


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What happens to a call: `then` when all tests hold, else `otherwise`."""

    number: int
    tests: tuple[Test, ...] = ()
    then: int
    otherwise: int = ALLOW


def program(architecture: int, rules: Sequence[Rule]) -> bytes:
    """Return a filter; another architecture's calls kill, those without a rule are allowed."""
    out: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER),
        # x86_64 only: the same calls under other numbers.
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, refuse(errno.ENOSYS)),
    ]
    for rule in rules:
        body = _body(rule)
        out += [(_EQUAL, 0, len(body), rule.number), *body]
    out.append((_RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *each) for each in out)


def _body(rule: Rule) -> list[Instruction]:
    """Return the tests in order; a test that fails jumps to the last instruction."""
    out: list[Instruction] = []
    parts = [_test(test) for test in rule.tests]
    left = sum(len(part) for part in parts) + 1
    for part in parts:
        left -= len(part)
        out += part[:-1]
        code, _, _, value = part[-1]
        out.append((code, 0, left, value))
    return [*out, (_RETURN, 0, 0, rule.then), (_RETURN, 0, 0, rule.otherwise)]


def _test(test: Test) -> list[Instruction]:
    """Return the instructions of one test; the last one decides it."""
    out: list[Instruction] = [(_LOAD, 0, 0, _ARGUMENTS + 8 * test.argument)]
    if test.mask != 0xFFFFFFFF:
        out.append((_AND, 0, 0, test.mask))
    if test.any_bit:
        return [*out, (_ANY_BIT, 0, 0, test.any_bit)]
    *first, last = test.equal
    for index, value in enumerate(first):
        # Over the values that are left: this test holds.
        out.append((_EQUAL, len(first) - index, 0, value & 0xFFFFFFFF))
    return [*out, (_EQUAL, 0, 0, last & 0xFFFFFFFF)]
