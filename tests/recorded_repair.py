"""One scripted repair, written down to the byte: prompts, events and the result.

`python -m recorded_repair FILE` records it; the file in the tests was made before the loop had a
memory, and a repair without one must still be equal to it.
"""

import asyncio
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from marked_checker import MarkedChecker
from reflex_loop.events import Event
from reflex_loop.loop import Repair
from reflex_loop.settings import Settings
from scripted_model import Scripted, in_turn, patch

SOURCE = """\
fn one() {
    let a = 1; // @E0308
}

fn two() {
    let b = 2; // @E0425
}
"""


def edit(search: str, replace: str) -> dict[str, Any]:
    return {"path": "src/lib.rs", "search": [search], "replace": [replace]}


FIX_ONE = edit("    let a = 1; // @E0308", "    let a = 1u8;")
FIX_TWO = edit("    let b = 2; // @E0425", "    let b = 2u8;")
USELESS = edit("fn one() {", "fn one() { // changed nothing")
ANSWERS = in_turn(patch(USELESS), "no patch", patch(FIX_ONE), patch(FIX_TWO))


def workspace(folder: Path) -> Path:
    """Write the crate that is repaired."""
    (folder / "src").mkdir(parents=True)
    (folder / "src/lib.rs").write_text(SOURCE)
    (folder / "Cargo.toml").write_text('[package]\nname = "broken"\nversion = "0.1.0"\n')
    return folder


async def recorded(folder: Path, **more: Any) -> dict[str, Any]:
    """Repair with a clock that stands still and return all that was said, asked and told."""
    model = Scripted(ANSWERS)
    events: list[Event] = []
    result = await Repair(
        root=workspace(folder / "ws"),
        checker=MarkedChecker(),
        proposer=model,
        settings=Settings(durable=False),
        listener=events.append,
        clock=lambda: 0.0,
        **more,
    ).run()
    return {
        "prompts": [each.text() for each in model.prompts],
        "events": [each.to_json() for each in events],
        "result": result.to_json(),
    }


def text_of(run: dict[str, Any]) -> str:
    """Return a run as text."""
    return json.dumps(run, indent=1, default=str) + "\n"


if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        Path(sys.argv[1]).write_text(text_of(asyncio.run(recorded(Path(scratch)))))
