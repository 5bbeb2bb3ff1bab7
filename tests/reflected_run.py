"""Runs recorded turns as an engine would: `python -m reflected_run TURNS FOLDER on|off|absent`.

Each turn writes its own logs first, as the specification's pipeline does; then reflection gets its
turn. `absent` never imports reflection: what `off` must be equal to.
"""

import json
import sys
from pathlib import Path
from typing import Any

IDENTITY_LOGS = ("t1.jsonl", "t2.jsonl", "t4.jsonl", "apply.jsonl", "turn.jsonl")


def main(turns: Path, folder: Path, mode: str) -> None:
    """Write the logs of all turns, and with reflection on its log and `rows.jsonl`."""
    documents: list[dict[str, Any]] = json.loads(turns.read_text(encoding="utf-8"))
    for document in documents:
        _pipeline(document, folder)
        if mode != "absent":
            _reflect(document, folder, allow=mode == "on")


def _pipeline(document: dict[str, Any], folder: Path) -> None:
    for name in IDENTITY_LOGS:
        ctx = document["ctx"]
        line = {"turn": ctx["turn_id"], "agent": ctx["agent_id"], "log": name, "ms": 0.0}
        if name == "t2.jsonl":
            line["retrieved"] = document.get("snippets", [])
        with (folder / name).open("ab") as log:
            log.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")


def _reflect(document: dict[str, Any], folder: Path, *, allow: bool) -> None:
    from reflex_reflection.config import ReflectionConfig
    from reflex_reflection.document import read_bundle
    from reflex_reflection.log import FILE_NAME, LogFile
    from reflex_reflection.redaction import redactor
    from reflex_reflection.step import Reflector, Turn
    from reflex_reflection.writer import MemoryRow

    class RowsFile:
        def add(self, row: MemoryRow) -> bool:
            document = {**row.to_json(), "input": row.evidence.input_sha256}
            with (folder / "rows.jsonl").open("ab") as rows:
                rows.write(json.dumps(document, ensure_ascii=False).encode() + b"\n")
            return True

    reflector = Reflector(
        config=ReflectionConfig(allow_reflection=allow), clock=lambda: 0.0, redact=redactor(),
        sink=RowsFile(), log=LogFile(folder / FILE_NAME), steady=True,
    )  # fmt: skip
    reflector.after_turn(Turn(bundle=read_bundle(json.dumps(document))))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
