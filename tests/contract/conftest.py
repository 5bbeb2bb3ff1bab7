import pytest
from reflex_e2e.engine_image import EngineImage


@pytest.fixture(scope="session")
def engine_image() -> EngineImage:
    """The CPU engine image, built when it is not there yet."""
    return EngineImage.build()
