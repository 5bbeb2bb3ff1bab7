"""Free ports for control planes that start at the same time.

The kernel hands out ephemeral ports (32768 and up) to any outgoing connection between our look and
the component's bind. So ports come in blocks from below that range, each block claimed by a lock on
one byte of a file until its components listen.
"""

import fcntl
import os
import random
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reflex_lab.errors import LabError

FIRST, LAST, BLOCK = 20000, 31992, 8
CLAIMS = Path("/tmp/reflex-lab-ports.lock")  # shared by all labs of the machine


@dataclass(frozen=True, kw_only=True)
class Ports:
    """One port for each listener of a control plane."""

    api_server: int
    etcd: int
    etcd_peer: int
    controller_manager: int
    scheduler: int
    kwok: int


def block(first: int) -> Ports:
    """Return the ports of the block that begins at `first`."""
    return Ports(
        api_server=first,
        etcd=first + 1,
        etcd_peer=first + 2,
        controller_manager=first + 3,
        scheduler=first + 4,
        kwok=first + 5,
    )


@contextmanager
def claimed(rng: random.Random | None = None) -> Iterator[Ports]:
    """Yield a block of free ports that no other claimant gets meanwhile.

    Raises:
        LabError: no block is free.
    """
    chosen = rng or random.Random()
    blocks = list(range(FIRST, LAST, BLOCK))
    chosen.shuffle(blocks)
    with CLAIMS.open("a+b") as file:
        for first in blocks:
            ports = range(first, first + BLOCK)
            if _lock(file.fileno(), first) and all(_free(port) for port in ports):
                yield block(first)
                return
    raise LabError(f"no {BLOCK} free ports in a row between {FIRST} and {LAST}")


def _lock(fd: int, offset: int) -> bool:
    """Lock one byte for this open file: two claimants of one process exclude each other too."""
    wanted = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, offset, 1, 0)
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, wanted)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True
