"""Skips what needs a Rust toolchain, with the reason; see `repair_corpus.why_no_rust`."""

import pytest

import repair_corpus


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start rustc."""
    for item in items:
        if item.get_closest_marker("rust") and repair_corpus.why_no_rust(linker=True):
            reason = repair_corpus.why_no_rust(linker=True)
            item.add_marker(pytest.mark.skip(reason=reason))
