import os
import shutil
from pathlib import Path

import pytest

from reflex_lab.tools import Tools
from unit.chart.helm_chart import Chart


@pytest.fixture(scope="session")
def chart() -> Chart:
    """Render with $HELM, else with the lab's helm, which is built on first use."""
    chosen = os.environ.get("HELM")
    if not chosen:
        return Chart(Tools().path("helm"))
    found = shutil.which(chosen)
    assert found, f"HELM={chosen} is not a program"
    return Chart(Path(found))
