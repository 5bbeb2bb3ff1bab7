"""Sandboxes of every kind, and the reasons for which some cannot be tried here."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import repair_corpus
from hostile_crates import why_not
from reflex_runner.confinement import Bounds, Method


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a Rust toolchain where there is none."""
    for item in items:
        if item.get_closest_marker("rust") and repair_corpus.why_no_rust(linker=True):
            reason = repair_corpus.why_no_rust(linker=True)
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="module", params=["landlock", "bubblewrap"])
def method(request: pytest.FixtureRequest) -> Method:
    """Each way to confine that this machine has."""
    wanted: Method = request.param
    if why_not(wanted):
        pytest.skip(why_not(wanted))
    return wanted


@pytest.fixture(scope="session", autouse=True)
def _secret_in_the_environment() -> Iterator[None]:
    os.environ["REFLEX_TEST_SECRET"] = "x"
    yield
    del os.environ["REFLEX_TEST_SECRET"]


@pytest.fixture
def bounds() -> Bounds:
    """Small enough to be met soon."""
    return Bounds(tasks=300, disk_bytes=300 << 20, disk_files=5_000, file_bytes=100 << 20,
                  memory_bytes=1 << 30)  # fmt: skip


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Where the sandbox keeps its folders."""
    return (tmp_path / "scratch").resolve()
