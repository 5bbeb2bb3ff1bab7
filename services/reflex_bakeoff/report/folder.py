"""A run's documents and reports as files of one folder."""

from pathlib import Path
from typing import Final

from reflex_api.bakeoff_job import VERDICT_FILE
from reflex_api.items import Items
from reflex_api.verdict import Verdict
from reflex_bakeoff.report import html, junit, markdown

PAGE: Final = "report.html"


def write_reports(
    folder: Path, verdict: Verdict, items: Items | None, baseline: Items | None = None
) -> tuple[Path, ...]:
    """Write `verdict.json`, `report.md`, `report.html` and `junit.xml`; return their paths.

    Args:
        folder: is made if it is not there.
        verdict: what the gate found.
        items: the candidate's measurements; None when they could not be read.
        baseline: the incumbent's.

    Raises:
        OSError: it cannot be written.
    """
    texts = {
        VERDICT_FILE: verdict.model_dump_json(by_alias=True, indent=2) + "\n",
        "report.md": markdown.render(verdict),
        PAGE: html.render(verdict, items, baseline),
        "junit.xml": junit.render(verdict),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return tuple(folder / name for name in texts)
