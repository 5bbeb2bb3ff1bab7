"""Durations, quantities and the doctests of the package."""

import doctest
import importlib
import pkgutil
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reflex_api
from reflex_api.duration import MAX_LENGTH, format_duration, parse_duration
from reflex_api.quantity import format_bytes, format_mebibytes, parse_quantity, to_bytes

MODULES = [module.name for module in pkgutil.iter_modules(reflex_api.__path__)]
LONGEST = timedelta(hours=9999, minutes=59, seconds=59)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"reflex_api.{name}")).failed == 0


@given(st.integers(0, int(LONGEST.total_seconds())))
def test_a_duration_survives_being_written(seconds: int) -> None:
    length = timedelta(seconds=seconds)
    text = format_duration(length)

    assert parse_duration(text) == length
    assert len(text) <= MAX_LENGTH


@given(st.integers(0, 9999), st.integers(0, 99999), st.integers(0, 999999))
def test_a_duration_is_the_sum_of_its_parts(hours: int, minutes: int, seconds: int) -> None:
    expected = timedelta(hours=hours, minutes=minutes, seconds=seconds)

    assert parse_duration(f"{hours}h{minutes}m{seconds}s") == expected
    assert len(f"{hours}h{minutes}m{seconds}s") <= MAX_LENGTH


@pytest.mark.parametrize(
    "text", ["", "5", "-5m", "5m1h", "1.5h", "5 m", "5m\n", "1d", "h", "٣m", "5ms"]
)
def test_other_spellings_of_a_duration_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration such as"):
        parse_duration(text)


@pytest.mark.parametrize("length", [timedelta(seconds=-1), LONGEST + timedelta(seconds=1)])
def test_a_duration_outside_the_bounds_is_not_written(length: timedelta) -> None:
    with pytest.raises(ValueError, match="9999h"):
        format_duration(length)


SUFFIXES = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "": Fraction(1),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
    "Ki": Fraction(2**10),
    "Mi": Fraction(2**20),
    "Gi": Fraction(2**30),
    "Ti": Fraction(2**40),
    "Pi": Fraction(2**50),
    "Ei": Fraction(2**60),
}


@given(
    st.decimals(Decimal(-99999), Decimal(99999), places=4, allow_nan=False),
    st.sampled_from(sorted(SUFFIXES)),
)
def test_a_quantity_is_its_number_times_its_suffix(number: Decimal, suffix: str) -> None:
    assert parse_quantity(f"{number:f}{suffix}") == Fraction(number) * SUFFIXES[suffix]


@given(st.integers(0, 2**63))
def test_bytes_survive_being_written(size: int) -> None:
    assert to_bytes(format_bytes(size)) == size


@given(st.integers(-(2**40), 2**40))
def test_mebibytes_are_rounded_down(size: int) -> None:
    assert 0 <= size - parse_quantity(format_mebibytes(size)) < 2**20


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e3", 1000), ("1E3", 1000), ("1E", 10**18), ("12e-1", Fraction(6, 5)), (".5", 0.5)],
)
def test_exponents_and_bare_fractions_are_read(text: str, value: Fraction | float) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize(
    "text", ["", "48GB", "1 Gi", "gi", "1KI", "1K", "0x10", "1e", "1e1Gi", ".", "1" * 33, "1\n"]
)
def test_other_spellings_of_a_quantity_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity such as"):
        parse_quantity(text)
