"""A vector made of a text's hash: equal texts meet, and no others do.

It is deterministic on every machine, and means nothing: for likeness of meaning use full-text
search, or a real embedding, which is kept apart from this one.
"""

import hashlib
import math
import struct
from typing import Final

DIMENSIONS: Final = 32
MODEL: Final = "shake256-32"
"""The name that is stored beside a vector, so that two kinds are never compared."""


def embed(text: str, *, dimensions: int = DIMENSIONS) -> tuple[float, ...]:
    """Return the unit vector of a text; every number is a float32.

    SHAKE-256 of the UTF-8 text, read as little-endian 32-bit numbers, each mapped to [-1, 1], all
    divided by their length. Each step is rounded to float32 as IEEE 754 says, and the length is
    summed exactly, so the bits do not depend on the machine's way of adding.

    Raises:
        UnicodeEncodeError: the text has a lone surrogate.

    >>> [round(number, 8) for number in embed("hello world")[:2]]
    [0.13421161, 0.11023255]
    """
    raw = hashlib.shake_256(text.encode()).digest(dimensions * 4)
    numbers = struct.unpack(f"<{dimensions}I", raw)
    mapped = [_single(_single(number) / 2**32 * 2.0 - 1.0) for number in numbers]
    length = _single(math.sqrt(math.fsum(number * number for number in mapped))) or 1.0
    return tuple(_single(number / length) for number in mapped)


def pack(vector: tuple[float, ...]) -> bytes:
    """Return the vector as little-endian float32, four bytes a number."""
    return struct.pack(f"<{len(vector)}f", *vector)


def unpack(data: bytes) -> tuple[float, ...]:
    """Return the vector of `pack`.

    Raises:
        struct.error: the length is no multiple of four.
    """
    return struct.unpack(f"<{len(data) // 4}f", data)


def _single(number: float) -> float:
    """Round to the nearest float32."""
    rounded: float = struct.unpack("<f", struct.pack("<f", number))[0]
    return rounded
