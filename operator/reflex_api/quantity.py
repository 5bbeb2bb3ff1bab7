"""Kubernetes quantities (`48Gi`, `500m`), exact: no floats.

Source: k8s.io/apimachinery/pkg/api/resource/quantity.go.
"""

import re
from decimal import Decimal
from fractions import Fraction
from typing import Final

MAX_LENGTH: Final = 32

_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_QUANTITY = re.compile(
    r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?\d{1,2}))?", re.ASCII
)


def parse_quantity(text: str) -> Fraction:
    """Return the exact number that a quantity means.

    Raises:
        ValueError: it is not a quantity.

    >>> parse_quantity("500m"), parse_quantity("1.5Gi"), parse_quantity("1e3")
    (Fraction(1, 2), Fraction(1610612736, 1), Fraction(1000, 1))
    >>> parse_quantity("48GB")
    Traceback (most recent call last):
    ValueError: '48GB' is not a quantity such as 48Gi, 8 or 500m
    """
    match = _QUANTITY.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if match is None:
        raise ValueError(f"{text!r} is not a quantity such as 48Gi, 8 or 500m")
    number, suffix, exponent = match.groups()
    value = Fraction(Decimal(number))
    if suffix in _BINARY:
        return value * (1 << _BINARY[suffix])
    power = int(exponent) if exponent else _DECIMAL[suffix or ""]
    return value * Fraction(Decimal((0, (1,), power)))


def to_bytes(text: str) -> int:
    """Return a quantity as whole bytes, rounded up as Kubernetes does.

    >>> to_bytes("48Gi"), to_bytes("100m")
    (51539607552, 1)
    """
    return -int(-parse_quantity(text) // 1)


def format_bytes(size: int) -> str:
    """Return the shortest exact binary quantity, as the API server would print it.

    >>> format_bytes(51539607552), format_bytes(1536 * 2**20), format_bytes(1000)
    ('48Gi', '1536Mi', '1000')
    """
    for suffix, power in reversed(_BINARY.items()):
        if size and size % 2**power == 0:
            return f"{size // 2**power}{suffix}"
    return str(size)


def format_mebibytes(size: int) -> str:
    """Return a measured size in whole mebibytes, rounded down: steady enough for a status.

    >>> format_mebibytes(34190917632), format_mebibytes(-1)
    ('32607Mi', '-1Mi')
    """
    return f"{size // 2**20}Mi"
