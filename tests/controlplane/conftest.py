"""One throw-away control plane for all tests in this folder."""

from collections.abc import Iterator

import pytest

from reflex_lab.controlplane import ControlPlane


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A real API server, empty; the programs are built on first use (minutes)."""
    home = tmp_path_factory.mktemp("controlplane")
    with ControlPlane(name="t-controlplane", home=home) as running:
        yield running
